//! The words of answers: times, rates, and how the machine's own words are written.

use jiff::Timestamp;
use periplus_core::State;
use periplus_core::ids::HoldId;
use periplus_core::state::{Content, Health, Hold, HoldKind, Phase, Stage};
use periplus_core::units::{MilliRps, Tick};
use schemars::JsonSchema;
use serde::Serialize;

use crate::desk::Desk;

/// A time, as RFC 3339 has it.
pub(super) fn time(unix_ms: i64) -> String {
    // What is so far away is not written as a date.
    Timestamp::from_millisecond(unix_ms)
        .map_or_else(|_| format!("{unix_ms} ms"), |at| at.to_string())
}

/// One of the machine's times, as RFC 3339 has it.
pub(super) fn tick(desk: &Desk, at: Tick) -> String {
    time(unix_ms(desk, at))
}

/// One of the machine's times, in milliseconds since 1970-01-01 UTC.
pub(super) fn unix_ms(desk: &Desk, at: Tick) -> i64 {
    desk.intents().scenario().epoch_unix_ms.saturating_add_unsigned(at.0)
}

/// Requests per second.
pub(super) fn rps(rate: MilliRps) -> f64 {
    rate.0 as f64 / 1_000.0
}

/// How far a component has come in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Phase")]
pub(super) enum PhaseWord {
    /// It waits for its dependencies, for room, or for git.
    Waiting,
    /// It is in git.
    Primed,
    /// The cluster's sync agent took it.
    Applied,
    /// All of its replicas are ready.
    Ready,
    /// It is on its way out.
    Draining,
    /// It did not become ready.
    Failed,
}

impl From<Phase> for PhaseWord {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Waiting => Self::Waiting,
            Phase::Primed => Self::Primed,
            Phase::Applied => Self::Applied,
            Phase::Ready => Self::Ready,
            Phase::Draining => Self::Draining,
            Phase::Failed => Self::Failed,
        }
    }
}

/// What git may hold of a component for a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Content")]
pub(super) enum ContentWord {
    /// Nothing.
    Absent,
    /// Its files.
    Present,
    /// Its files, until they are removed everywhere.
    Leaving,
}

impl From<Content> for ContentWord {
    fn from(content: Content) -> Self {
        match content {
            Content::Absent => Self::Absent,
            Content::Present => Self::Present,
            Content::Leaving => Self::Leaving,
        }
    }
}

impl ContentWord {
    pub(super) const ALL: [Self; 3] = [Self::Absent, Self::Present, Self::Leaving];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Present => "present",
            Self::Leaving => "leaving",
        }
    }
}

/// Where a group stands in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Stage")]
pub(super) enum StageWord {
    /// It is wanted.
    Live,
    /// Its last users are leaving.
    Closing,
    /// It is being removed.
    Leaving,
}

impl From<Stage> for StageWord {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Live => Self::Live,
            Stage::Closing { .. } => Self::Closing,
            Stage::Leaving { .. } => Self::Leaving,
        }
    }
}

/// How a cluster is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) enum Known {
    /// It is heard of.
    Alive,
    /// Not for a while: all is kept, and nothing new is placed.
    Unknown,
    /// Not for so long that it is replaced.
    Lost,
    /// It has left the fleet.
    Retired,
}

impl From<Health> for Known {
    fn from(health: Health) -> Self {
        match health {
            Health::Fresh => Self::Alive,
            Health::Unknown { .. } => Self::Unknown,
            Health::Lost { .. } => Self::Lost,
            Health::Retired => Self::Retired,
        }
    }
}

impl Known {
    pub(super) const ALL: [Self; 4] = [Self::Alive, Self::Unknown, Self::Lost, Self::Retired];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Unknown => "unknown",
            Self::Lost => "lost",
            Self::Retired => "retired",
        }
    }
}

/// A change that waits for a person.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Hold")]
pub(super) struct HoldAnswer {
    /// Its number: `{"command": "approve", "hold": 3}` lets it happen.
    pub(super) id: u32,
    /// Since when it has waited.
    pub(super) since: String,
    /// Whether it was approved, and is not used up yet.
    pub(super) approved: bool,
    #[serde(flatten)]
    pub(super) waits: Waits,
}

/// What waits.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub(super) enum Waits {
    /// So many clusters went silent at once that it may be us who are blind. They are not replaced.
    Blind {
        /// How many were silent.
        silent: u32,
        /// Of how many.
        clusters: u32,
    },
    /// So much would be removed at once that a signal may be wrong. It stays.
    MassDrain {
        /// How many bindings would have gone.
        removals: u32,
        /// Of how many.
        bindings: u32,
    },
    /// The first clusters are ready on new content of an app, and the others wait.
    Rollout {
        /// The app.
        app: String,
        /// How many clusters are ready on it.
        ready: u32,
        /// How many wait.
        pending: u32,
    },
}

impl HoldAnswer {
    pub(super) fn new(desk: &Desk, id: HoldId, hold: &Hold) -> Self {
        let state: &State = desk.state();
        let waits = match hold.kind {
            HoldKind::Blind { silent, clusters } => Waits::Blind { silent, clusters },
            HoldKind::MassDrain { removals, bindings } => Waits::MassDrain { removals, bindings },
            HoldKind::Rollout { app, ready, pending } => {
                let app = state.name(state.intent(app).name).to_owned();
                Waits::Rollout { app, ready, pending }
            }
        };
        Self { id: id.0, since: tick(desk, hold.since), approved: hold.approved, waits }
    }
}

/// A kind of hold, as metrics name it.
pub(super) const fn hold_word(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::Blind { .. } => "blind",
        HoldKind::MassDrain { .. } => "mass_drain",
        HoldKind::Rollout { .. } => "rollout",
    }
}
