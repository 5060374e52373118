//! A rollout: how far new content of an app has come.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::{ClusterId, HoldId};
use crate::units::Tick;

/// How far new content of an app has come through the clusters that held other content before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// Clusters that keep what they have until it is their turn, ascending.
    pub pending: Vec<ClusterId>,
    /// Clusters whose turn it is, ascending by cluster.
    pub turns: Vec<Turn>,
    /// How many clusters had their turn and were ready at its end.
    pub ready: u32,
    /// Whether it goes on.
    pub course: Course,
}

/// A cluster that is written anew, until it is ready and has soaked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Which.
    pub cluster: ClusterId,
    /// When it has soaked, if it is ready now.
    pub until: Option<Tick>,
}

/// Whether a rollout goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Course {
    /// It does.
    Going,
    /// A person is asked first.
    Held(HoldId),
    /// It does; a person was asked.
    Approved,
    /// It does not: a cluster failed in its turn.
    Stopped(ClusterId),
}

impl Rollout {
    /// Whether a cluster keeps what it has until it is its turn.
    #[must_use]
    pub fn is_pending(&self, cluster: ClusterId) -> bool {
        self.pending.binary_search(&cluster).is_ok()
    }

    /// The cluster's turn, if it is on.
    #[must_use]
    pub fn turn(&self, cluster: ClusterId) -> Option<&Turn> {
        let place = self.turns.binary_search_by_key(&cluster, |turn| turn.cluster).ok()?;
        Some(&self.turns[place])
    }

    /// Whether there is nothing left to do.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.pending.is_empty() && self.turns.is_empty()
    }
}
