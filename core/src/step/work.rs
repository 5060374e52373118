//! What a step still has to look at.

use alloc::vec::Vec;

use crate::decide::Depth;
use crate::decision::Closing;
use crate::ids::{AppId, BerthId, ClusterId, SeriesId};
use crate::state::{FlowId, Timer};

/// What a step still has to look at. Lists may name something twice; whoever takes them sorts them.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Flows to be planned.
    pub(crate) flows: Vec<FlowId>,
    /// Berths to be planned: their load left its band, or they must be left.
    pub(crate) berths: Vec<BerthId>,
    /// Apps to be planned, and how deeply.
    pub(crate) apps: Vec<(AppId, Depth)>,
    /// Flows whose route may change.
    pub(crate) routes: Vec<FlowId>,
    /// Berths that may have become useless, and why.
    pub(crate) closings: Vec<(BerthId, Closing)>,
    /// Berths that are being removed.
    pub(crate) leavings: Vec<BerthId>,
    /// Berths whose content may differ from what was written.
    pub(crate) contents: Vec<BerthId>,
    /// Apps whose gates may open.
    pub(crate) gates: Vec<AppId>,
    /// Apps whose rollout may move on.
    pub(crate) rollouts: Vec<AppId>,
    /// Apps of which it is to be said why clusters keep what they have.
    pub(crate) kept_back: Vec<AppId>,
    /// Series that have idled for long enough.
    pub(crate) idle: Vec<SeriesId>,
    /// Timers that fire in this step; empty between steps.
    pub(crate) due: Vec<Timer>,
    /// Clusters in which room came free.
    pub(crate) freed: Vec<ClusterId>,
    /// Whether silence must be timed again.
    pub(crate) silence: bool,
    /// Whether users that nobody seems to need any more may be released.
    pub(crate) releases: bool,
}

impl Work {
    /// Whether there is nothing left to plan.
    pub(crate) fn is_planned(&self) -> bool {
        self.flows.is_empty() && self.berths.is_empty() && self.apps.is_empty()
    }

    /// Whether there is something to move on.
    pub(crate) fn has_progress(&self) -> bool {
        !(self.routes.is_empty()
            && self.closings.is_empty()
            && self.leavings.is_empty()
            && self.contents.is_empty()
            && self.gates.is_empty()
            && self.freed.is_empty()
            && self.rollouts.is_empty()
            && self.kept_back.is_empty())
    }

    /// Whether there is nothing left at all.
    pub(crate) fn is_done(&self) -> bool {
        self.is_planned()
            && !self.has_progress()
            && self.idle.is_empty()
            && !self.silence
            && !self.releases
    }
}

/// Takes everything out of a list, in order and each once; the list keeps its room.
pub(crate) fn take_sorted<T: Ord>(list: &mut Vec<T>, into: &mut Vec<T>) {
    into.clear();
    into.append(list);
    into.sort_unstable();
    into.dedup();
}
