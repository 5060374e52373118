//! What the machine knows of an app beside its intent.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{BerthId, BindingId, ClusterId, GroupId, SeriesId};
use crate::intent::Intent;
use crate::state::Rollout;
use crate::units::Tick;

/// What the machine knows of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// What was declared last.
    pub intent: Box<Intent>,
    /// Whether the intent has been withdrawn.
    pub withdrawn: bool,
    /// Demand for it, ascending.
    pub series: Vec<SeriesId>,
    /// Per group: the clusters that hold it, ascending by cluster.
    pub berths: Vec<Vec<(ClusterId, BerthId)>>,
    /// Per group: where an operator or a first placement has pinned it.
    pub pins: Vec<Option<ClusterId>>,
    /// Clusters that failed it, and until when they are left alone; ascending by cluster.
    pub failed: Vec<(ClusterId, Tick)>,
    /// Voluntary moves in the current window.
    pub moves: Moves,
    /// Flows that have been sent somewhere and are on their way elsewhere.
    pub moving: u32,
    /// Bindings that wait for a gate or for room, ascending.
    pub waiting: Vec<BindingId>,
    /// Clusters that hold what was declared before, or were just written anew; nothing once all hold the same.
    pub rollout: Option<Box<Rollout>>,
}

/// Voluntary moves of an app in one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moves {
    /// When the window began.
    pub since: Tick,
    /// How many there were.
    pub count: u32,
}

impl App {
    pub(crate) fn new(intent: Box<Intent>) -> Self {
        let groups = intent.groups.len();
        Self {
            pins: intent.groups.iter().map(|group| group.pinned).collect(),
            intent,
            withdrawn: false,
            series: Vec::new(),
            berths: alloc::vec![Vec::new(); groups],
            failed: Vec::new(),
            moves: Moves::default(),
            moving: 0,
            waiting: Vec::new(),
            rollout: None,
        }
    }

    /// The berth of `group` in `cluster`.
    #[must_use]
    pub fn berth_in(&self, group: GroupId, cluster: ClusterId) -> Option<BerthId> {
        let berths = &self.berths[group.index()];
        let place = berths.binary_search_by_key(&cluster, |held| held.0).ok()?;
        Some(berths[place].1)
    }
}
