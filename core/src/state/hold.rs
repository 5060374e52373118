//! What waits for a person.

use serde::{Deserialize, Serialize};

use crate::ids::AppId;
use crate::units::Tick;

/// A change that waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What kind of change.
    pub kind: HoldKind,
    /// Since when it has waited.
    pub since: Tick,
    /// Whether a person has approved it; it then stays only until it is used up.
    pub approved: bool,
}

/// What kind of change waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HoldKind {
    /// Silent clusters are not replaced.
    Blind {
        /// How many were silent.
        silent: u32,
        /// Of how many.
        clusters: u32,
    },
    /// Bindings that nobody seems to need are not removed.
    MassDrain {
        /// How many would have gone.
        removals: u32,
        /// Of how many.
        bindings: u32,
    },
    /// New content that its first clusters are ready on is not written into the others.
    Rollout {
        /// Whose.
        app: AppId,
        /// How many clusters are ready on it.
        ready: u32,
        /// How many wait.
        pending: u32,
    },
}
