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

/// A factor that changes nothing, in thousandths.
pub(crate) const UNCHANGED: u32 = 1_000;

/// All users.
#[derive(Clone, Debug)]
pub(crate) struct Users<'s> {
    series: Vec<Series>,
    /// Distinct shapes.
    shapes: Vec<&'s Shape>,
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
    /// Millionths of requests since the books were last taken.
    amounts: Vec<u64>,
    /// Up to when amounts are counted.
    since: Tick,
    /// When the present interval ends.
    until: Tick,
    branching: Vec<Branching>,
    /// What went elsewhere before, since the books were last taken.
    claims: Vec<Claim>,
}

/// What makes the demand of a series.
#[derive(Clone, Copy, Debug)]
struct Series {
    /// The rate at a shape's 1,000.
    base: u64,
    noise: Stream,
    /// Which shape.
    shape: u32,
    app: AppId,
    /// What surges make of it, in thousandths.
    surge: u32,
    /// How far it strays from its shape, in thousandths.
    stray: u16,
}

/// Where a series' requests go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All to one desk, or to nobody.
    Straight { desk: DeskId, rtt: MicrosRtt },
    /// To several, or on their way: by place.
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
        let (mut shapes, mut series): (Vec<&Shape>, _) = (Vec::new(), Vec::new());
        for (number, truth) in (0..).zip(truths) {
            let shape = *known.entry(Arc::as_ptr(&truth.demand.shape)).or_insert_with(|| {
                shapes.push(&truth.demand.shape);
                u32::try_from(shapes.len() - 1).expect("fewer than 2^32 shapes")
            });
            series.push(Series {
                base: truth.demand.base.0,
                noise: luck.stream(Purpose::Demand, &[number]),
                shape,
                app: truth.spec.app,
                surge: UNCHANGED,
                stray: truth.demand.noise.0,
            });
        }
        let straight = Way::Straight { desk: DeskId::NOBODY, rtt: MicrosRtt::ZERO };
        Self {
            series,
            shapes,
            declared: 0,
            wanted: vec![true; apps],
            every: every.max(Span(1)),
            ttl,
            rates: vec![0; truths.len()],
            ways: vec![straight; truths.len()],
            amounts: vec![0; truths.len()],
            since: Tick::ZERO,
            until: Tick::ZERO,
            branching: Vec::new(),
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
        self.series[series.index()].surge = factor;
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
        for flow in &mut self.branching {
            flow.count(self.rates[flow.series.index()], now);
        }
    }

    /// A new interval begins, in which the first `declared` series have users. All desks are loaded anew;
    /// their logs have been written up to now.
    pub(crate) fn begin_interval(&mut self, now: Tick, declared: usize, desks: &mut Desks) {
        self.count(now);
        self.declared = declared.min(self.series.len());
        self.until = now.after(self.every);
        let number = now.0 / self.every.0;
        let levels: Vec<u64> = self.shapes.iter().map(|shape| u64::from(shape.at(now))).collect();
        for place in 0..self.declared {
            let rate = self.series[place].rate(&levels, number, &self.wanted);
            self.rates[place] = rate;
            match self.ways[place] {
                Way::Straight { desk, .. } => desks.load(desk, rate),
                Way::Branching(flow) => self.advance(flow as usize, now, desks),
            }
        }
    }

    /// A flow on its way moves on into a new interval, or has arrived.
    fn advance(&mut self, place: usize, now: Tick, desks: &mut Desks) {
        let flow = &mut self.branching[place];
        let rate = self.rates[flow.series.index()];
        let arrived = flow.split.is_settled(now, self.ttl);
        if let Some(desk) = flow.split.newest().only().filter(|_| arrived) {
            self.straighten(place, desk);
            desks.load(desk, rate);
            return;
        }
        flow.mix = flow.split.mean(now, self.until, self.ttl);
        for (desk, rate) in flow.mix.divide(rate) {
            desks.load(desk, rate);
        }
    }

    /// A flow goes to one desk again.
    fn straighten(&mut self, place: usize, desk: DeskId) {
        let mut flow = self.branching.swap_remove(place);
        let series = flow.series.index();
        self.ways[series] = Way::Straight { desk, rtt: rtt(&flow.rtts, desk) };
        self.amounts[series] = 0;
        self.claims.append(&mut flow.claims);
        if let Some(moved) = self.branching.get(place) {
            self.ways[moved.series.index()] = branching(place);
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
        let place = match self.ways[series.index()] {
            Way::Straight { desk, rtt } => {
                desks.write(desk, now);
                desks.unload(desk, rate);
                self.branch(series, desk, rtt, now)
            }
            Way::Branching(place) => {
                let flow = &mut self.branching[place as usize];
                flow.count(rate, now);
                for (desk, rate) in flow.mix.divide(rate) {
                    desks.write(desk, now);
                    desks.unload(desk, rate);
                }
                place as usize
            }
        };
        let flow = &mut self.branching[place];
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

    /// The users of a series go to these desks, and always did.
    pub(crate) fn put(
        &mut self,
        series: SeriesId,
        parts: &[(DeskId, MicrosRtt, u32)],
        now: Tick,
        desks: &mut Desks,
    ) {
        self.route(series, parts, now, desks);
        if let Way::Branching(place) = self.ways[series.index()] {
            let flow = &mut self.branching[place as usize];
            let to = flow.split.newest().clone();
            flow.split.settle(to);
        }
    }

    fn branch(&mut self, series: SeriesId, desk: DeskId, rtt: MicrosRtt, now: Tick) -> usize {
        let number = series.index();
        let amount = self.amounts[number] + self.rates[number] * now.since(self.since).0;
        let place = self.branching.len();
        self.branching.push(Branching {
            series,
            split: Split::all_to(desk),
            mix: Mix::all_to(desk),
            rtts: vec![(desk, rtt)],
            since: now,
            claims: vec![Claim { series, desk, rtt, amount }],
        });
        self.ways[number] = branching(place);
        place
    }

    /// Where the users of a series are now, in parts per million.
    pub(crate) fn whereabouts(&self, series: SeriesId, now: Tick) -> Mix {
        match self.ways[series.index()] {
            Way::Straight { desk, .. } => Mix::all_to(desk),
            Way::Branching(place) => self.branching[place as usize].split.mean(now, now, self.ttl),
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
        for flow in &mut self.branching {
            flow.claims.drain(..).for_each(&mut give);
        }
    }
}

impl Series {
    /// Its demand in an interval, by the values of all shapes and the interval's number.
    #[inline]
    fn rate(&self, levels: &[u64], interval: u64, wanted: &[bool]) -> u64 {
        let mut rate = self.base * levels[self.shape as usize] / 1_000;
        if self.stray > 0 {
            let stray = u64::from(self.stray);
            let drawn = scale(self.noise.nth(interval), 2 * stray + 1);
            rate = rate * (1_000 + drawn).saturating_sub(stray) / 1_000;
        }
        if self.surge != UNCHANGED {
            rate = rate * u64::from(self.surge) / 1_000;
        }
        if wanted[self.app.index()] { rate } else { 0 }
    }
}

fn branching(place: usize) -> Way {
    Way::Branching(u32::try_from(place).expect("series are counted by u32"))
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
