//! Demand: the input that comes most often.
//!
//! Two passes over a batch around the one that `apply` makes: before it, what is not believed and whose app
//! is stirred; after it, which zones wake or sleep and which berths have left their band.

use alloc::vec::Vec;

use crate::decide::REVIEW_FROM;
use crate::decision::Trigger;
use crate::event::Event;
use crate::fleet::Signal;
use crate::ids::{AppId, BerthId, SeriesId};
use crate::input::{BATCH_MAX, SourceId};
use crate::state::{FlowId, Wake};
use crate::step::Step;
use crate::step::observation::STAGGER;
use crate::units::{MilliRps, Span, Tick};

impl Step<'_> {
    pub(super) fn see_demand(
        &mut self,
        source: SourceId,
        as_of: Tick,
        rates: &[(SeriesId, MilliRps)],
    ) -> Trigger {
        let newest = self.state.scalars.sources.get(&source);
        let in_order = rates.len() <= BATCH_MAX && rates.is_sorted_by(|a, b| a.0 < b.0);
        if newest.is_some_and(|newest| as_of < *newest) || !in_order {
            self.emit(Event::ObservationOutdated);
            return Trigger::NOTHING;
        }
        let declared = self.state.series.len();
        let rates = &rates[..rates.partition_point(|(series, _)| series.index() < declared)];
        let kept = self.foresee(rates);
        self.emit(Event::DemandAccepted { kept });
        for (series, _) in rates {
            self.rouse(*series);
        }
        Trigger::Demand
    }

    /// Stirs the apps whose demand changes. Returns the series whose lower rate is not believed, because
    /// their signal shows only what a saturated berth served.
    fn foresee(&mut self, rates: &[(SeriesId, MilliRps)]) -> Vec<SeriesId> {
        let mut kept = Vec::new();
        for (id, rate) in rates {
            let series = &self.state.series[id.index()];
            let app = series.spec.app;
            if series.flow.rate == *rate {
                continue;
            }
            if series.spec.signal == Signal::Served
                && *rate < series.flow.rate
                && self.is_saturated(*id)
            {
                kept.push(*id);
            } else if series.wake.is_served() {
                self.stir_for_demand(app);
            }
        }
        kept
    }

    /// The app will be considered again, if it will not be anyway; large ones not all at once.
    #[inline]
    pub(crate) fn stir_for_demand(&mut self, app: AppId) {
        if self.state.derived.is_stirred(app) {
            return;
        }
        let wait = self.state.policy().pace.reconsider_after;
        let large = self.state.app(app).series.len() >= REVIEW_FROM;
        let slot = if large { u64::from(app.0) % STAGGER * wait.0 / STAGGER } else { 0 };
        let until = self.at.after(wait).after(Span(slot));
        self.emit(Event::AppStirred { app, until });
    }

    fn is_saturated(&self, series: SeriesId) -> bool {
        let shares = &self.state.series[series.index()].flow.shares;
        shares.iter().any(|share| {
            let berth = self.state.berth(share.berth);
            berth.load >= berth.band.high
        })
    }

    /// Looks at what a new rate means for its zone and its berths.
    #[inline]
    fn rouse(&mut self, id: SeriesId) {
        let series = &self.state.series[id.index()];
        let rate = series.flow.rate;
        let activation = &self.state.intent(series.spec.app).activation;
        let enough = rate >= activation.above && rate > MilliRps::ZERO;
        let idle = rate < activation.idle_below || rate == MilliRps::ZERO;
        match series.wake {
            Wake::Asleep if enough => {
                let until = self.at.after(activation.dwell);
                self.rise(id, until);
            }
            Wake::Rising { .. } if !enough => self.emit(Event::SeriesSlept { series: id }),
            Wake::Awake if idle => {
                let until = self.at.after(activation.idle_after);
                self.emit(Event::SeriesIdling { series: id, until });
            }
            Wake::Idling { .. } if !idle => {
                self.emit(Event::SeriesAwoke { series: id });
                self.work.releases = !self.state.holds.is_empty();
            }
            Wake::Asleep | Wake::Rising { .. } | Wake::Awake | Wake::Idling { .. } => {}
        }
        let shares = self.state.series[id.index()].flow.shares;
        shares.iter().for_each(|share| self.check_band(share.berth));
    }

    fn rise(&mut self, series: SeriesId, until: Tick) {
        if until > self.at {
            self.emit(Event::SeriesRising { series, until });
        } else {
            self.awake(series);
        }
    }

    /// A zone's users are enough to be served.
    pub(super) fn awake(&mut self, series: SeriesId) {
        self.emit(Event::SeriesAwoke { series });
        self.work.flows.push(FlowId::Series(series));
    }

    /// Sees whether a berth's load has left the band that it is staffed for.
    fn check_band(&mut self, id: BerthId) {
        let berth = self.state.berth(id);
        if berth.load > berth.band.high && berth.is_live() {
            self.work.berths.push(id);
        }
        self.check_scale_in(id);
        for place in 0..self.state.berth(id).calls.len() {
            let shares = self.state.berth(id).calls[place].1.shares;
            shares.iter().for_each(|share| self.check_band(share.berth));
        }
    }

    /// Sees whether less would be enough for a berth, or no longer.
    pub(crate) fn check_scale_in(&mut self, id: BerthId) {
        let Some(berth) = self.state.try_berth(id) else { return };
        let less = berth.load < berth.band.low && berth.is_live();
        match (less, berth.scale_in) {
            (true, None) => {
                let until = self.at.after(self.state.policy().pace.scale_in_after);
                self.emit(Event::ScaleInPending { berth: id, until });
            }
            (false, Some(_)) => self.emit(Event::ScaleInDropped { berth: id }),
            (true, Some(_)) | (false, None) => {}
        }
    }
}
