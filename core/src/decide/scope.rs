//! Scope: what is planned together, and how deeply.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Plan;
use crate::ids::{AppId, BerthId, GroupId};
use crate::state::{FlowId, State};
use crate::step::Step;
use crate::units::Permille;

/// How deeply an app is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// All of it, with every move there is.
    Whole,
    /// The flows whose demand has drifted since they were looked at.
    Drifted,
    /// Only what cannot stay as it is.
    #[default]
    Local,
}

/// An app with fewer series than this is always planned whole: looking for drift would save nothing.
pub(crate) const REVIEW_FROM: usize = 64;

/// What to plan, in the order in which it is planned: apps of higher priority first.
pub(super) type Request = (Reverse<i32>, AppId, Item);

/// A part of an app that is to be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    All(Depth),
    Berth(BerthId),
    Flow(FlowId),
}

/// Moves the work lists into requests, ordered and each once.
pub(super) fn collect(step: &mut Step<'_>, requests: &mut Vec<Request>) {
    requests.clear();
    let state = &*step.state;
    let rank = |app: AppId| Reverse(state.intent(app).priority);
    requests
        .extend(step.work.apps.drain(..).map(|(app, depth)| (rank(app), app, Item::All(depth))));
    requests.extend(step.work.berths.drain(..).filter_map(|berth| {
        let app = state.try_berth(berth)?.app;
        Some((rank(app), app, Item::Berth(berth)))
    }));
    requests.extend(step.work.flows.drain(..).filter_map(|flow| {
        state.flow(flow)?;
        let (_, app, _) = state.endpoints(flow);
        Some((rank(app), app, Item::Flow(flow)))
    }));
    requests.sort_unstable();
    requests.dedup();
}

impl Plan {
    /// Takes over what is asked for one app. Returns how deeply that is planned.
    pub(super) fn fill(&mut self, state: &State, app: AppId, requests: &[Request]) -> Depth {
        self.flows.clear();
        self.berths.clear();
        self.touched.clear();
        self.again = None;
        let mut depth = Depth::Local;
        for (_, _, item) in requests {
            match item {
                Item::All(deeper) => depth = depth.min(*deeper),
                Item::Berth(berth) => self.berths.push(*berth),
                Item::Flow(flow) => self.flows.push(*flow),
            }
        }
        let series = state.app(app).series.iter();
        match depth {
            Depth::Local => {}
            Depth::Drifted => {
                let drifted = series.filter(|series| state.has_drifted(**series));
                self.flows.extend(drifted.map(|series| FlowId::Series(*series)));
            }
            Depth::Whole => {
                self.flows.extend(series.map(|series| FlowId::Series(*series)));
                let held = state.app(app).berths.iter().flatten();
                self.berths.extend(held.map(|held| held.1));
            }
        }
        depth
    }

    /// Lists the flows of `group` that are to be planned, ascending and each once.
    pub(super) fn narrow_to(&mut self, state: &State, app: AppId, group: GroupId, depth: Depth) {
        self.now.clear();
        let mine = self.flows.iter().filter(|flow| {
            let exists = state.flow(**flow).is_some();
            exists && state.endpoints(**flow).2 == group
        });
        self.now.extend(mine);
        for berth in self.berths.iter().filter_map(|berth| state.try_berth(*berth)) {
            if berth.group == group && berth.app == app {
                self.now.extend(&berth.sources);
            }
        }
        for id in self.callers(state, app, depth) {
            let caller = state.berth(id);
            for (call, flow) in &caller.calls {
                let into = state.intent(app).calls[usize::from(*call)].to;
                let unassigned = flow.unassigned() > Permille::ZERO;
                if into == group && caller.is_live() && (unassigned || depth != Depth::Local) {
                    self.now.push(FlowId::Call(id, *call));
                }
            }
        }
        self.now.sort_unstable();
        self.now.dedup();
    }

    /// Berths whose calls into later groups may have changed.
    fn callers(&self, state: &State, app: AppId, depth: Depth) -> Vec<BerthId> {
        if state.intent(app).calls.is_empty() {
            return Vec::new();
        }
        match depth {
            Depth::Local | Depth::Drifted => self.touched.clone(),
            Depth::Whole => state.app(app).berths.iter().flatten().map(|held| held.1).collect(),
        }
    }
}
