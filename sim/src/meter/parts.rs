//! Parts: the books of one breakdown, opened as something happens and closed with their hour.

use std::collections::BTreeMap;

use periplus_core::ids::{AppId, ClusterId, ZoneId};
use periplus_core::units::{Span, Tick};

use super::books::{Book, HOUR_MS};
use super::{Answer, Taken};
use crate::breakdown::{Breakdown, Dimension, Part, Spent};
use crate::desks::Holding;
use crate::tariffs::Tariff;

/// What tells the parts of a breakdown apart; nothing where that does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) hour: Option<u32>,
    pub(crate) app: Option<AppId>,
    pub(crate) zone: Option<ZoneId>,
    pub(crate) cluster: Option<ClusterId>,
}

/// The books of one breakdown.
#[derive(Debug)]
pub(crate) struct Parts {
    breakdown: Breakdown,
    open: BTreeMap<Key, Entry>,
    closed: Vec<Part>,
}

#[derive(Debug, Default)]
struct Entry {
    book: Book,
    /// Thousandths of a core times milliseconds.
    held: u64,
}

impl Parts {
    pub(crate) fn new(breakdown: Breakdown) -> Self {
        Self { breakdown, open: BTreeMap::new(), closed: Vec::new() }
    }

    pub(crate) fn breakdown(&self) -> &Breakdown {
        &self.breakdown
    }

    /// Requests of one app from one zone, since `since`, that reached one cluster or nobody.
    pub(crate) fn take(
        &mut self,
        since: Tick,
        (app, zone, cluster): (AppId, ZoneId, Option<ClusterId>),
        taken: &Taken,
        rtt_us: f64,
        answer: &Answer,
    ) {
        let zone = self.breakdown.has(Dimension::Zone).then_some(zone);
        let entry = self.entry(since, app, zone, cluster);
        entry.book.take(taken, rtt_us, answer);
    }

    /// What one app held in one cluster since `since`.
    pub(crate) fn hold(
        &mut self,
        since: Tick,
        (app, cluster): (AppId, ClusterId),
        held: &Holding,
        tariff: &Tariff,
        cold_starts: u64,
    ) {
        let idle = held.active == 0 && held.cpu == 0 && cold_starts == 0;
        if idle || self.breakdown.has(Dimension::Zone) {
            return;
        }
        let entry = self.entry(since, app, None, Some(cluster));
        entry.book.money.hold(held, tariff);
        entry.book.cold_starts += cold_starts;
        entry.held += held.cpu;
    }

    /// Bytes of one app that left one cluster.
    pub(crate) fn move_bytes(
        &mut self,
        since: Tick,
        (app, cluster): (AppId, ClusterId),
        bytes: f64,
        tariff: &Tariff,
    ) {
        if !self.breakdown.has(Dimension::Zone) {
            let entry = self.entry(since, app, None, Some(cluster));
            entry.book.money.move_bytes(bytes, &tariff.prices);
        }
    }

    fn entry(
        &mut self,
        since: Tick,
        app: AppId,
        zone: Option<ZoneId>,
        cluster: Option<ClusterId>,
    ) -> &mut Entry {
        let told = |dimension| self.breakdown.has(dimension);
        let key = Key {
            hour: told(Dimension::Hour).then(|| hour_of(since)),
            app: told(Dimension::App).then_some(app),
            zone,
            cluster: cluster.filter(|_| told(Dimension::Cluster)),
        };
        self.open.entry(key).or_default()
    }

    /// An interval has ended: hours that are over are closed.
    pub(crate) fn close_until(&mut self, now: Tick) {
        if self.breakdown.has(Dimension::Hour) {
            let begins = Key { hour: Some(hour_of(now)), ..Key::default() };
            let later = self.open.split_off(&begins);
            let over = std::mem::replace(&mut self.open, later);
            self.close(over);
        }
    }

    /// Everything is over.
    pub(crate) fn finish(&mut self) -> Vec<Part> {
        let open = std::mem::take(&mut self.open);
        self.close(open);
        std::mem::take(&mut self.closed)
    }

    fn close(&mut self, entries: BTreeMap<Key, Entry>) {
        let priced = !self.breakdown.has(Dimension::Zone);
        self.closed.extend(entries.into_iter().map(|(key, Entry { book, held })| {
            let core_hours = held as f64 / 1e3 / HOUR_MS;
            let spent = priced.then(|| Spent::new(&book.money, core_hours, book.cold_starts));
            Part::new(key, &book, spent)
        }));
    }
}

/// The hour that `at` lies in, counted from the start.
fn hour_of(at: Tick) -> u32 {
    u32::try_from(at.0 / Span::HOUR.0).expect("a run has fewer than 2^32 hours")
}
