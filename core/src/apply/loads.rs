//! Rates and loads: the path that every observation of demand takes.
//!
//! A berth's load is the sum over its sources of the charged part of their rates. It is kept up to date by
//! differences, so one observation costs as much as its flow has berths.

use crate::ids::BerthId;
use crate::ids::SeriesId;
use crate::input::{Input, Observation, Sight};
use crate::state::{Flow, FlowId, Shares, State};
use crate::units::MilliRps;

impl State {
    /// Takes over the rates of a batch, but for the series in `kept`. Unknown series are passed over.
    pub(super) fn take_rates(&mut self, input: &Input, kept: &[SeriesId]) {
        let Input::Observation(Observation { as_of, sight: Sight::Demand { source, rates } }) =
            input
        else {
            panic!("only an observation of demand carries rates")
        };
        self.scalars.sources.insert(*source, *as_of);
        let known = rates.partition_point(|(series, _)| series.index() < self.series.len());
        for (series, rate) in &rates[..known] {
            let flow = &self.series[series.index()].flow;
            if flow.rate == *rate || kept.binary_search(series).is_ok() {
                continue;
            }
            let (before, shares) = (flow.rate, flow.shares);
            self.series.beat(series.index(), rate.0);
            self.spread(&shares, before, *rate);
        }
        // Only now are the sums whole: a peak must not remember half a batch.
        for (series, _) in &rates[..known] {
            let shares = self.series[series.index()].flow.shares;
            shares.iter().for_each(|share| self.note_peak(share.berth));
        }
    }

    /// Charges the berths of `shares` for a rate that changed.
    #[inline]
    fn spread(&mut self, shares: &Shares, before: MilliRps, after: MilliRps) {
        for share in shares.iter() {
            let weight = share.charged();
            self.change_load(share.berth, before.part(weight), after.part(weight));
        }
    }

    /// Makes a berth's load follow one of its parts, and its calls follow its load.
    pub(super) fn change_load(&mut self, berth: BerthId, before: MilliRps, after: MilliRps) {
        if before == after {
            return;
        }
        let load = self.berth(berth).load + after - before;
        self.berths.beat(berth.index(), load.0);
        for place in 0..self.berth(berth).calls.len() {
            let entry = self.berth(berth);
            let (call, flow) = &entry.calls[place];
            let share = self.intent(entry.app).calls[usize::from(*call)].share;
            let rate = entry.load.part(share);
            let (before, shares) = (flow.rate, flow.shares);
            self.berth_mut(berth).calls[place].1.rate = rate;
            self.spread(&shares, before, rate);
        }
    }

    fn note_peak(&mut self, berth: BerthId) {
        let entry = self.berth(berth);
        if entry.scale_in.is_some_and(|pending| entry.load > pending.peak) {
            let load = entry.load;
            let pending = self.berth_mut(berth).scale_in.as_mut();
            pending.expect("just seen").peak = load;
        }
    }

    /// Gives a flow other shares, and its berths the loads and sources that follow.
    pub(super) fn set_shares(&mut self, flow: FlowId, after: Shares) {
        let (_, app, _) = self.endpoints(flow);
        let entry = self.flow_mut(flow);
        let was_moving = entry.is_moving();
        let before = core::mem::replace(&mut entry.shares, after);
        let rate = entry.rate;
        match (was_moving, entry.is_moving()) {
            (false, true) => self.apps.edit(app.index()).moving += 1,
            (true, false) => self.apps.edit(app.index()).moving -= 1,
            (true, true) | (false, false) => {}
        }
        for share in before.iter() {
            let now = after.of(share.berth).charged();
            self.change_load(share.berth, rate.part(share.charged()), rate.part(now));
            if now.0 == 0 {
                let sources = &mut self.berth_mut(share.berth).sources;
                if let Ok(place) = sources.binary_search(&flow) {
                    sources.remove(place);
                }
            }
        }
        for share in after.iter().filter(|share| before.of(share.berth).charged().0 == 0) {
            self.change_load(share.berth, MilliRps::ZERO, rate.part(share.charged()));
            let sources = &mut self.berth_mut(share.berth).sources;
            if let Err(place) = sources.binary_search(&flow) {
                sources.insert(place, flow);
            }
        }
        after.iter().for_each(|share| self.note_peak(share.berth));
    }

    pub(super) fn flow_mut(&mut self, flow: FlowId) -> &mut Flow {
        match flow {
            FlowId::Series(series) => &mut self.series.edit(series.index()).flow,
            FlowId::Call(berth, call) => {
                let calls = &mut self.berth_mut(berth).calls;
                let made = calls.iter_mut().find(|made| made.0 == call);
                &mut made.expect("a flow that is referred to exists").1
            }
        }
    }
}
