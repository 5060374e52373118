//! What happens in a rollout, one fact at a time. How far it has come by them is in `state::Rollout`.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::ids::ClusterId;
use crate::state::Course;
use crate::units::Tick;

/// What has happened in a rollout of an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RolloutFact {
    /// The app has new content, or is declared again before all of its clusters have what it had.
    Began {
        /// Clusters that keep what they have until it is their turn, ascending.
        pending: Vec<ClusterId>,
        /// Clusters whose turn goes on, ascending.
        turns: Vec<ClusterId>,
        /// How many clusters are ready on the content already.
        ready: u32,
        /// Whether a person has approved it.
        course: Course,
    },
    /// It is a cluster's turn to get the new content.
    Advanced(ClusterId),
    /// A cluster gets the new content without a turn: it does not serve anyway.
    Bypassed(ClusterId),
    /// A cluster is ready on the new content, or no longer.
    Soaking {
        /// Which cluster.
        cluster: ClusterId,
        /// When it has been so for long enough; nothing where it is not ready.
        until: Option<Tick>,
    },
    /// A cluster has been ready on the new content for long enough.
    Settled(ClusterId),
    /// A cluster no longer counts: the app has left it, or it is lost.
    Dropped(ClusterId),
    /// A cluster failed in its turn: no other is written until the app is declared again.
    Stopped(ClusterId),
    /// Every cluster that holds the app has what was declared last.
    Ended,
    /// A cluster whose turn it was waits for another: fewer may be unavailable than had theirs, and it is ready as
    /// it is.
    Yielded(ClusterId),
}
