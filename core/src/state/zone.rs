//! What the machine believes of zones and of the demand that comes from them.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::fleet::{SeriesSpec, ZoneSpec};
use crate::ids::SeriesId;
use crate::state::arena::Entity;
use crate::state::{Flow, Reach};
use crate::units::{MilliRps, Permille, Tick};

/// What the machine believes of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// As it was declared.
    pub spec: ZoneSpec,
    /// The clusters that it can reach, nearest first.
    pub reach: Reach,
    /// The demand that comes from it, ascending.
    pub series: Vec<SeriesId>,
}

/// The demand of one app from one zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The requests and who takes them.
    pub flow: Flow,
    /// Whether they are enough to be served.
    pub wake: Wake,
    /// How many they were when they were last considered with the whole app.
    pub considered: MilliRps,
    /// What it carries.
    pub spec: SeriesSpec,
}

/// Whether a zone's users are enough to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wake {
    /// They are not.
    Asleep,
    /// They would be, if they stay until then.
    Rising {
        /// When the dwell ends.
        until: Tick,
    },
    /// They are.
    Awake,
    /// They are not any more, if they stay so few until then.
    Idling {
        /// When they count as gone.
        until: Tick,
    },
}

impl Series {
    /// Whether there are so many more or fewer requests than when they were last considered.
    #[must_use]
    pub fn has_drifted(&self, drift: Permille) -> bool {
        let (now, then) = (self.flow.rate.0, self.considered.0);
        now.abs_diff(then).saturating_mul(1_000) > then.saturating_mul(u64::from(drift.0))
    }
}

impl Wake {
    /// Whether the planner serves them.
    #[must_use]
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Awake | Self::Idling { .. })
    }
}

/// Its rate.
impl Entity for Series {
    fn pulse(&self) -> u64 {
        self.flow.rate.0
    }

    fn set_pulse(&mut self, pulse: u64) {
        self.flow.rate = MilliRps(pulse);
    }
}
