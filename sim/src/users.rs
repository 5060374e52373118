//! Users: how many requests there really are, and which desks they reach.
//!
//! A series' demand is piecewise constant over the measuring interval: shape × base ± noise × surges. What
//! was measured is the interval that has ended; what comes is drawn from the series' own stream by the
//! interval's number, so no series depends on another. Arrays by series id, one pass per interval: nearly
//! all flows go to one desk and cost a few nanoseconds; those that are split or on their way stand beside.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::ids::{AppId, SeriesId};
use periplus_core::units::{MicrosRtt, MilliRps, Span, Tick};
use periplus_spec::scenario::{SeriesTruth, Shape};

use crate::desks::{DeskId, Desks};
use crate::luck::{Luck, Purpose, Stream, scale};
use crate::routes::{Mix, Split};
use crate::slab::Slab;

/// A factor that changes nothing, in thousandths.
pub(crate) const UNCHANGED: u32 = 1_000;

/// All users.
#[derive(Clone, Debug)]
pub(crate) struct Users<'s> {
    truths: &'s [SeriesTruth],
    /// Distinct shapes, and which one each series has.
    shapes: Vec<&'s Shape>,
    shape_of: Vec<u32>,
    noises: Vec<Stream>,
    /// What surges make of the demand, in thousandths.
    surges: Vec<u32>,
    /// Series that are declared: only those have users.
    declared: usize,
    /// Whether anybody asks for an app.
    wanted: Vec<bool>,
    every: Span,
    ttl: Span,
    /// User requests per thousand seconds in the present interval.
    rates: Vec<u64>,
    /// Where they go.
    ways: Vec<Way>,
    /// Requests since the books were last taken, in thousandths of a request times thousandths.
    amounts: Vec<u64>,
    /// Up to when amounts are counted.
    since: Tick,
    /// When the present interval ends.
    until: Tick,
    branching: Slab<Branching>,
    /// What went elsewhere before, since the books were last taken.
    claims: Vec<Claim>,
}

/// Where a series' requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All to one desk, or to nobody.
    Straight { desk: DeskId, rtt: MicrosRtt },
    /// To several, or on their way: by number.
    Branching(u32),
}

/// A flow that goes to several desks, or is on its way.
#[derive(Clone, Debug)]
struct Branching {
    series: SeriesId,
    split: Split,
    /// The mean mixture in the present interval.
    mix: Mix,
    /// Round-trip times of the desks that it involves.
    rtts: Vec<(DeskId, MicrosRtt)>,
    /// Up to when its claims are counted.
    since: Tick,
    claims: Vec<Claim>,
}

/// Requests of a series that went to one desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) series: SeriesId,
    pub(crate) desk: DeskId,
    pub(crate) rtt: MicrosRtt,
    /// Millionths of a request.
    pub(crate) amount: u64,
}

impl<'s> Users<'s> {
    pub(crate) fn new(
        truths: &'s [SeriesTruth],
        apps: usize,
        every: Span,
        ttl: Span,
        luck: &Luck,
    ) -> Self {
        let mut known: BTreeMap<*const Shape, u32> = BTreeMap::new();
        let (mut shapes, mut shape_of): (Vec<&Shape>, _) = (Vec::new(), Vec::new());
        for truth in truths {
            let shape = *known.entry(Arc::as_ptr(&truth.demand.shape)).or_insert_with(|| {
                shapes.push(&truth.demand.shape);
                u32::try_from(shapes.len() - 1).expect("fewer than 2^32 shapes")
            });
            shape_of.push(shape);
        }
        let numbers = 0..u32::try_from(truths.len()).expect("series are counted by u32");
        let straight = Way::Straight { desk: DeskId::NOBODY, rtt: MicrosRtt::ZERO };
        Self {
            truths,
            shapes,
            shape_of,
            noises: numbers.map(|series| luck.stream(Purpose::Demand, &[series])).collect(),
            surges: vec![UNCHANGED; truths.len()],
            declared: 0,
            wanted: vec![true; apps],
            every: every.max(Span(1)),
            ttl,
            rates: vec![0; truths.len()],
            ways: vec![straight; truths.len()],
            amounts: vec![0; truths.len()],
            since: Tick::ZERO,
            until: Tick::ZERO,
            branching: Slab::default(),
            claims: Vec::new(),
        }
    }

    /// The rates of the declared series in the present interval.
    pub(crate) fn rates(&self) -> &[u64] {
        &self.rates[..self.declared]
    }

    /// The rate of a series now.
    pub(crate) fn rate(&self, series: SeriesId) -> MilliRps {
        MilliRps(self.rates[series.index()])
    }

    /// What surges make of a series from the next interval on.
    pub(crate) fn set_surge(&mut self, series: SeriesId, factor: u32) {
        self.surges[series.index()] = factor;
    }

    /// Whether anybody asks for an app, from the next interval on.
    pub(crate) fn set_wanted(&mut self, app: AppId, wanted: bool) {
        self.wanted[app.index()] = wanted;
    }

    /// Counts all requests up to now.
    pub(crate) fn count(&mut self, now: Tick) {
        let span = now.since(self.since).0;
        self.since = now;
        for (amount, rate) in self.amounts.iter_mut().zip(&self.rates[..self.declared]) {
            *amount += rate * span;
        }
        for (_, flow) in self.branching.iter_mut() {
            flow.count(self.rates[flow.series.index()], now);
        }
    }

    /// A new interval begins, in which the first `declared` series have users. All desks are loaded anew;
    /// their logs have been written up to now.
    pub(crate) fn begin_interval(&mut self, now: Tick, declared: usize, desks: &mut Desks) {
        self.count(now);
        self.declared = declared.min(self.truths.len());
        self.until = now.after(self.every);
        let number = now.0 / self.every.0;
        let levels: Vec<u64> = self.shapes.iter().map(|shape| u64::from(shape.at(now))).collect();
        for series in 0..self.declared {
            let truth = &self.truths[series];
            let mut rate = truth.demand.base.0 * levels[self.shape_of[series] as usize] / 1_000;
            let noise = u64::from(truth.demand.noise.0);
            if noise > 0 {
                let stray = scale(self.noises[series].nth(number), 2 * noise + 1);
                rate = rate * (1_000 + stray).saturating_sub(noise) / 1_000;
            }
            if self.surges[series] != UNCHANGED {
                rate = rate * u64::from(self.surges[series]) / 1_000;
            }
            if !self.wanted[truth.spec.app.index()] {
                rate = 0;
            }
            self.rates[series] = rate;
            match self.ways[series] {
                Way::Straight { desk, .. } => desks.load(desk, rate),
                Way::Branching(flow) => self.advance(flow, now, desks),
            }
        }
    }

    /// A flow on its way moves on into a new interval, or has arrived.
    fn advance(&mut self, number: u32, now: Tick, desks: &mut Desks) {
        let flow = &mut self.branching[number];
        let series = flow.series.index();
        let arrived = flow.split.is_settled(now, self.ttl);
        if let Some(desk) = flow.split.newest().only().filter(|_| arrived) {
            self.ways[series] = Way::Straight { desk, rtt: rtt(&flow.rtts, desk) };
            self.amounts[series] = 0;
            self.claims.append(&mut flow.claims);
            self.branching.remove(number);
            desks.load(desk, self.rates[series]);
            return;
        }
        flow.mix = flow.split.mean(now, self.until, self.ttl);
        for (desk, rate) in flow.mix.divide(self.rates[series]) {
            desks.load(desk, rate);
        }
    }

    /// The users of a series are told to go to these desks, so many thousandths to each, at these
    /// round-trip times.
    pub(crate) fn route(
        &mut self,
        series: SeriesId,
        parts: &[(DeskId, MicrosRtt, u32)],
        now: Tick,
        desks: &mut Desks,
    ) {
        let rate = self.rates[series.index()];
        let number = match self.ways[series.index()] {
            Way::Straight { desk, rtt } => {
                desks.write(desk, now);
                desks.unload(desk, rate);
                self.branch(series, desk, rtt, now)
            }
            Way::Branching(number) => {
                let flow = &mut self.branching[number];
                flow.count(rate, now);
                for (desk, rate) in flow.mix.divide(rate) {
                    desks.write(desk, now);
                    desks.unload(desk, rate);
                }
                number
            }
        };
        let flow = &mut self.branching[number];
        let to = Mix::new(parts.iter().map(|(desk, _, part)| (*desk, part * 1_000)));
        flow.split.publish(to, now, self.ttl);
        for (desk, rtt, _) in parts {
            flow.rtts.retain(|known| known.0 != *desk);
            flow.rtts.push((*desk, *rtt));
        }
        flow.mix = flow.split.mean(now, self.until.max(now), self.ttl);
        for (desk, rate) in flow.mix.divide(rate) {
            desks.write(desk, now);
            desks.load(desk, rate);
        }
    }

    fn branch(&mut self, series: SeriesId, desk: DeskId, rtt: MicrosRtt, now: Tick) -> u32 {
        let place = series.index();
        let amount = self.amounts[place] + self.rates[place] * now.since(self.since).0;
        let number = self.branching.insert(Branching {
            series,
            split: Split::all_to(desk),
            mix: Mix::all_to(desk),
            rtts: vec![(desk, rtt)],
            since: now,
            claims: vec![Claim { series, desk, rtt, amount }],
        });
        self.ways[place] = Way::Branching(number);
        number
    }

    /// Where the users of a series are now, in parts per million.
    pub(crate) fn whereabouts(&self, series: SeriesId, now: Tick) -> Mix {
        match self.ways[series.index()] {
            Way::Straight { desk, .. } => Mix::all_to(desk),
            Way::Branching(number) => self.branching[number].split.mean(now, now, self.ttl),
        }
    }

    /// Gives everything that was counted since this was called last, each with its series' present rate.
    pub(crate) fn take_claims(&mut self, mut take: impl FnMut(Claim, MilliRps)) {
        let rates = &self.rates;
        let mut give = |claim: Claim| take(claim, MilliRps(rates[claim.series.index()]));
        self.claims.drain(..).for_each(&mut give);
        for series in 0..self.declared {
            let amount = std::mem::take(&mut self.amounts[series]);
            if let Way::Straight { desk, rtt } = self.ways[series] {
                give(Claim { series: SeriesId::from_index(series), desk, rtt, amount });
            }
        }
        for (_, flow) in self.branching.iter_mut() {
            flow.claims.drain(..).for_each(&mut give);
        }
    }
}

impl Branching {
    /// Counts the requests up to now.
    fn count(&mut self, rate: u64, now: Tick) {
        let span = now.since(self.since).0;
        self.since = now;
        let Self { series, mix, rtts, claims, .. } = self;
        for (desk, part) in mix.divide(rate) {
            let place = claims.iter().position(|claim| claim.desk == desk).unwrap_or_else(|| {
                let rtt = rtt(rtts, desk);
                claims.push(Claim { series: *series, desk, rtt, amount: 0 });
                claims.len() - 1
            });
            claims[place].amount += part * span;
        }
    }
}

fn rtt(rtts: &[(DeskId, MicrosRtt)], desk: DeskId) -> MicrosRtt {
    rtts.iter().find(|known| known.0 == desk).map_or(MicrosRtt::ZERO, |known| known.1)
}

#[cfg(test)]
mod tests;
