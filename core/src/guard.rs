//! Guards: what holds a change back for a while. `docs/reasons/guards.md` says of each what lets it go.

use serde::{Deserialize, Serialize};

use crate::ids::HoldId;

/// What can hold a change back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Guard {
    /// Too much of the fleet is silent.
    Blind(HoldId),
    /// The berth is too young to be left.
    Dwell,
    /// Too many bindings would go at once.
    MassDrain(HoldId),
    /// Too many flows of the app are on their way already.
    MovesAtOnce,
    /// The app has moved too often in this window.
    MovesPerWindow,
    /// An operator paused us.
    Paused,
    /// Other clusters get the app's new content first.
    Rollout,
    /// The app's new content has failed elsewhere.
    RolloutFailed,
    /// A person must say whether the app's new content goes on.
    RolloutHeld(HoldId),
    /// The app's rollout is paused.
    RolloutPaused,
    /// Less must be enough for a while before a berth is scaled in.
    ScaleIn,
    /// A group with data moves by command only.
    Stateful,
}

impl Guard {
    /// One of each, ascending.
    pub const ALL: [Self; 12] = [
        Self::Blind(HoldId(0)),
        Self::Dwell,
        Self::MassDrain(HoldId(0)),
        Self::MovesAtOnce,
        Self::MovesPerWindow,
        Self::Paused,
        Self::Rollout,
        Self::RolloutFailed,
        Self::RolloutHeld(HoldId(0)),
        Self::RolloutPaused,
        Self::ScaleIn,
        Self::Stateful,
    ];

    /// The guard as it stands in output and in `docs/reasons/guards.md`.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Blind(_) => "blind",
            Self::Dwell => "dwell",
            Self::MassDrain(_) => "mass-drain",
            Self::MovesAtOnce => "moves-at-once",
            Self::MovesPerWindow => "moves-per-window",
            Self::Paused => "paused",
            Self::Rollout => "rollout",
            Self::RolloutFailed => "rollout-failed",
            Self::RolloutHeld(_) => "rollout-held",
            Self::RolloutPaused => "rollout-paused",
            Self::ScaleIn => "scale-in",
            Self::Stateful => "stateful",
        }
    }
}
