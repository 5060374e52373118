//! The meter: what the world really did, in requests, latencies, money, energy and carbon.
//!
//! Works once per meter interval. First each desk's work becomes an [`Answer`]: the part that it served and
//! how long that took. Then every series' requests of the interval take the answers of the desks that they
//! reached, in proportion. So sums are exact, but within one interval all users of a desk share its good
//! and bad minutes alike.
//!
//! Floats live here and in [`service`](crate::service) only. Nothing here reaches the machine.

mod answers;
mod books;
mod parts;
mod tally;

use std::sync::Arc;

use periplus_core::ids::{AppId, ClusterId, ZoneId};
use periplus_core::intent::Intent;
use periplus_core::units::{Span, Tick};
use periplus_spec::scenario::Fleet;

pub(crate) use self::answers::{Answer, Answers};
pub(crate) use self::books::{Book, Money};
pub(crate) use self::parts::Key;

use self::parts::Parts;
use crate::breakdown::{Breakdown, Part};
use crate::catalog::Catalog;
use crate::desks::{DeskId, Desks};
use crate::intents::Intents;
use crate::rows::Row;
use crate::tariffs::Tariffs;
use crate::users::{Claim, Users};

/// What the world really did.
pub(crate) struct Meter<'s> {
    fleet: &'s Fleet,
    answers: Answers,
    apps: Vec<Book>,
    /// The present interval of each app.
    intervals: Vec<Book>,
    /// Zones that ever had users.
    zones: Vec<Option<Box<Book>>>,
    rows: Vec<Row>,
    /// What somebody wants to know more closely.
    parts: Vec<Parts>,
    since: Tick,
}

/// What the meter looks at.
pub(crate) struct Sights<'a, 's> {
    pub(crate) now: Tick,
    pub(crate) users: &'a mut Users<'s>,
    pub(crate) desks: &'a mut Desks,
    pub(crate) catalog: &'a Catalog<'s>,
    pub(crate) tariffs: &'a Tariffs<'s>,
    pub(crate) intents: &'a Intents,
    /// How long users go on using an old route.
    pub(crate) ttl: Span,
    /// The round-trip time between two clusters, in microseconds.
    pub(crate) rtt: &'a dyn Fn(ClusterId, ClusterId) -> Option<f64>,
}

impl<'s> Meter<'s> {
    pub(crate) fn new(fleet: &'s Fleet) -> Self {
        let books = || (0..fleet.apps.len()).map(|_| Book::default()).collect();
        Self {
            fleet,
            answers: Answers::default(),
            apps: books(),
            intervals: books(),
            zones: (0..fleet.zones.len()).map(|_| None).collect(),
            rows: Vec::new(),
            parts: Vec::new(),
            since: Tick::ZERO,
        }
    }

    /// From now on, sums are also kept along these breakdowns.
    pub(crate) fn break_down(&mut self, breakdowns: Vec<Breakdown>) {
        self.parts = breakdowns.into_iter().map(Parts::new).collect();
    }

    /// Closes the interval that ends now.
    pub(crate) fn close_interval(&mut self, sights: &mut Sights<'_, 's>) {
        if sights.now == self.since {
            return;
        }
        sights.users.count(sights.now);
        sights.desks.write_all(sights.now);
        self.answers.work_out(sights);
        self.take_claims(sights);
        for desk in sights.desks.ids() {
            self.bill_desk(desk, sights.now, sights.desks, sights.tariffs);
            self.bill_egress(desk, sights);
            sights.desks.clear_work(desk);
        }
        self.write_rows(sights);
        self.since = sights.now;
        for parts in &mut self.parts {
            parts.close_until(sights.now);
        }
    }

    /// What is held in a cluster is paid for up to now: its tariff is about to change.
    pub(crate) fn bill_cluster(
        &mut self,
        cluster: ClusterId,
        now: Tick,
        desks: &mut Desks,
        tariffs: &Tariffs<'s>,
    ) {
        for place in 0..desks.in_cluster(cluster).len() {
            let desk = desks.in_cluster(cluster)[place];
            self.bill_desk(desk, now, desks, tariffs);
        }
    }

    fn bill_desk(&mut self, desk: DeskId, now: Tick, desks: &mut Desks, tariffs: &Tariffs<'s>) {
        let entry = desks.get_mut(desk);
        let held = entry.usage.take(now);
        let cold_starts = std::mem::take(&mut entry.cold_starts);
        let tariff = tariffs.now(entry.cluster);
        let book = &mut self.intervals[entry.app.index()];
        book.cold_starts += cold_starts;
        book.money.hold(&held, &tariff);
        for parts in &mut self.parts {
            parts.hold(self.since, (entry.app, entry.cluster), &held, &tariff, cold_starts);
        }
    }

    fn bill_egress(&mut self, desk: DeskId, sights: &Sights<'_, 's>) {
        let moved = self.answers.of(desk).moved;
        if moved > 0.0 {
            let entry = sights.desks.get(desk);
            let tariff = sights.tariffs.now(entry.cluster);
            self.intervals[entry.app.index()].money.move_bytes(moved, &tariff.prices);
            for parts in &mut self.parts {
                parts.move_bytes(self.since, (entry.app, entry.cluster), moved, &tariff);
            }
        }
    }

    fn take_claims(&mut self, sights: &mut Sights<'_, 's>) {
        let Sights { users, desks, intents, catalog, .. } = sights;
        let (fleet, answers, since) = (self.fleet, &self.answers, self.since);
        let parts = &mut self.parts;
        let (intervals, zones) = (&mut self.intervals, &mut self.zones);
        users.take_claims(|claim, rate| {
            if claim.amount == 0 {
                return;
            }
            let spec = fleet.series[claim.series.index()].spec;
            let slo_us = f64::from(catalog.slo_latency(spec.app).0);
            let app = &mut intervals[spec.app.index()];
            let zone = zones[spec.zone.index()].get_or_insert_default();
            let answer = answers.of(claim.desk);
            let taken = Taken::of(claim, answer, slo_us);
            let rtt_us = f64::from(claim.rtt.0);
            for book in [app, &mut **zone] {
                book.take(&taken, rtt_us, answer);
            }
            if !parts.is_empty() {
                let there = claim.desk != DeskId::NOBODY;
                let cluster = there.then(|| desks.get(claim.desk).cluster);
                for parts in &mut *parts {
                    parts.take(since, (spec.app, spec.zone, cluster), &taken, rtt_us, answer);
                }
            }
            let few = |intent: &Arc<Intent>| rate < intent.activation.above;
            if claim.desk == DeskId::NOBODY && intents.get(spec.app).is_some_and(few) {
                intervals[spec.app.index()].dormant += claim.amount;
            }
        });
    }

    fn write_rows(&mut self, sights: &Sights<'_, 's>) {
        for (place, interval) in self.intervals.iter_mut().enumerate() {
            let app = AppId::from_index(place);
            let (mut replicas, mut active) = (0, Vec::new());
            for desk in sights.desks.of_app(app).iter().map(|desk| sights.desks.get(*desk)) {
                replicas += desk.staff.iter().map(|staff| staff.ready).sum::<u32>();
                if desk.usage.now.active > 0 {
                    active.push(desk.cluster);
                }
            }
            active.sort_unstable();
            active.dedup();
            let hours = sights.now.since(self.since).0 as f64 / 3.6e6;
            if interval.offered > 0 || !active.is_empty() {
                let clusters = u32::try_from(active.len()).expect("clusters are counted by u32");
                self.rows.push(Row::new(sights.now, app, interval, hours, replicas, clusters));
            }
            self.apps[place].add(interval);
            interval.clear();
        }
    }

    /// The book of each app, by id.
    pub(crate) fn apps(&self) -> &[Book] {
        &self.apps
    }

    /// The book of each zone that ever had users, ascending by id.
    pub(crate) fn zones(&self) -> impl Iterator<Item = (ZoneId, &Book)> {
        let zones = self.zones.iter().enumerate();
        zones.filter_map(|(place, book)| Some((ZoneId::from_index(place), book.as_deref()?)))
    }

    /// What came out along each breakdown. Closes all of them.
    pub(crate) fn take_parts(&mut self) -> Vec<(Breakdown, Vec<Part>)> {
        let parts = self.parts.iter_mut();
        parts.map(|parts| (parts.breakdown().clone(), parts.finish())).collect()
    }

    /// One row per app and interval.
    pub(crate) fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// What became of requests that reached one desk, in millionths of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) offered: u64,
    pub(crate) served: u64,
    /// Those answered within the promised latency.
    pub(crate) attained: u64,
}

impl Taken {
    fn of(claim: Claim, answer: &Answer, slo_us: f64) -> Self {
        let served = part_of(claim.amount, answer.served);
        let in_time = answer.part_within(slo_us - f64::from(claim.rtt.0));
        Self { offered: claim.amount, served, attained: part_of(served, in_time) }
    }
}

/// A part of an amount, never more than all of it.
fn part_of(amount: u64, part: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between nothing and the amount, by the line below"
    )]
    let taken = (amount as f64 * part.clamp(0.0, 1.0)) as u64;
    taken.min(amount)
}

#[cfg(test)]
mod tests;
