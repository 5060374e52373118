//! The kind `Policy`.

use periplus_core::policy::{Policy, Preemption};
use periplus_core::units::{MicroUsd, MicroUsdPerHour};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Duration, Percentage, Price};

/// The fleet's prices and time constants: every number that shapes a decision and is not a fact of a cluster
/// or an app. A fleet has one policy; what it does not say keeps its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Policy")]
pub struct PolicyDraft {
    /// US dollars per tonne of CO2e.
    pub carbon_price: Price,
    /// How much more room than demand is staffed for.
    pub headroom: HeadroomDraft,
    /// What changing the placement costs: it keeps small gains from causing churn.
    pub switching: SwitchingDraft,
    /// How soon things may change again.
    pub pace: PaceDraft,
    /// When a silent cluster stops being trusted.
    pub trust: TrustDraft,
    /// When a drain is too large to be believed.
    pub breaker: BreakerDraft,
    /// How traffic moves to a new endpoint.
    pub traffic: TrafficDraft,
    /// What happens when a cluster or a writer fails.
    pub recovery: RecoveryDraft,
    /// How long to search for a better placement.
    pub search: SearchDraft,
    /// Whether apps of higher priority may displace others.
    pub preemption: PreemptionDraft,
}

/// How much more room than demand is staffed for, as a part of the demand. Nothing happens while the room
/// stays between `least` and `most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Headroom")]
pub struct HeadroomDraft {
    /// Less than this: scale out.
    pub least: Percentage,
    /// What scaling aims at.
    pub target: Percentage,
    /// More than this: scale in.
    pub most: Percentage,
}

/// What changing the placement costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Switching")]
pub struct SwitchingDraft {
    /// US dollars, paid once when a zone's users move to another cluster.
    pub per_move: Price,
    /// US dollars, paid once when a group starts in a cluster.
    pub per_start: Price,
    /// The time over which such a cost is paid back.
    pub payback: Duration,
    /// US dollars per hour that a change must save at least.
    pub least_gain: Price,
}

/// How soon things may change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Pace")]
pub struct PaceDraft {
    /// How long a group stays in a cluster once it has been opened there.
    pub dwell: Duration,
    /// How long less must be enough before a group is scaled in.
    pub scale_in_after: Duration,
    /// How long after a change of demand the app is considered again.
    pub reconsider_after: Duration,
    /// Of an app with 64 zones or more only those whose demand changed by more than this are considered
    /// then …
    pub drift: Percentage,
    /// … and all of them after this long.
    pub review_after: Duration,
    /// The most flows of one app that may be on their way to another cluster at once.
    pub moves_at_once: u32,
    /// The most voluntary moves of one app in `window`.
    pub moves_per_window: u32,
    /// The window over which moves are counted.
    pub window: Duration,
}

/// When a silent cluster stops being trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Trust")]
pub struct TrustDraft {
    /// Silence after which a cluster is unknown: all is kept, nothing new is placed.
    pub stale_after: Duration,
    /// Silence after which it is lost: its apps are replaced elsewhere. At least `staleAfter`.
    pub lost_after: Duration,
    /// If more than this part of the fleet goes silent at once, we are blind ourselves: hold.
    pub max_lost: Percentage,
    /// How long a returned cluster must be stable before anything moves back.
    pub failback_after: Duration,
}

/// The mass-drain breaker: a silent sensor or an emptied folder must not drain a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Breaker")]
pub struct BreakerDraft {
    /// The largest part of all bindings that one window may remove unasked.
    pub max_removal: Percentage,
    /// The window over which removals are counted.
    pub window: Duration,
    /// Up to this many bindings are never held, however small the fleet is.
    pub floor: u32,
}

/// How traffic moves to a new endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Traffic")]
pub struct TrafficDraft {
    /// How much of a flow moves at once.
    pub step: Percentage,
    /// How long each step is watched.
    pub step_every: Duration,
    /// How long an endpoint stays after its last users were sent elsewhere: at least twice the DNS TTL.
    pub drain: Duration,
    /// The smallest part of a flow that is split off to burst.
    pub burst_step: Percentage,
}

/// What happens when a cluster or a writer fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Recovery")]
pub struct RecoveryDraft {
    /// How long a component may take from git to ready before its cluster is given up.
    pub ready_within: Duration,
    /// How long a cluster that failed an app is left alone by it.
    pub retry_after: Duration,
    /// How long to wait before a failed effect is tried again; doubles each time.
    pub effect_retry: Duration,
    /// How often an effect is tried before it counts as failed.
    pub effect_attempts: u8,
}

/// How long to search for a better placement: a number of tried moves, so that it is deterministic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Search")]
pub struct SearchDraft {
    /// Moves tried per flow that is planned.
    pub per_flow: u32,
    /// Clusters tried in place of others when a whole app is considered and nothing simpler helps.
    pub replacements: u32,
}

/// Whether apps of higher priority may displace others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Preemption")]
pub enum PreemptionDraft {
    /// Whoever is there stays.
    Never,
    /// Apps of strictly lower priority yield when an app would otherwise go unserved.
    LowerPriority,
}

impl From<&Policy> for PolicyDraft {
    fn from(policy: &Policy) -> Self {
        let Policy {
            carbon_tonne,
            headroom,
            switching,
            pace,
            trust,
            breaker,
            traffic,
            recovery,
            search,
            preemption,
        } = policy;
        Self {
            carbon_price: once(*carbon_tonne),
            headroom: HeadroomDraft {
                least: Percentage(headroom.least),
                target: Percentage(headroom.target),
                most: Percentage(headroom.most),
            },
            switching: SwitchingDraft {
                per_move: once(switching.per_move),
                per_start: once(switching.per_start),
                payback: Duration(switching.payback),
                least_gain: hourly(switching.least_gain),
            },
            pace: PaceDraft {
                dwell: Duration(pace.dwell),
                scale_in_after: Duration(pace.scale_in_after),
                reconsider_after: Duration(pace.reconsider_after),
                drift: Percentage(pace.drift),
                review_after: Duration(pace.review_after),
                moves_at_once: pace.moves_at_once,
                moves_per_window: pace.moves_per_window,
                window: Duration(pace.window),
            },
            trust: TrustDraft {
                stale_after: Duration(trust.stale_after),
                lost_after: Duration(trust.lost_after),
                max_lost: Percentage(trust.max_lost),
                failback_after: Duration(trust.failback_after),
            },
            breaker: BreakerDraft {
                max_removal: Percentage(breaker.max_removal),
                window: Duration(breaker.window),
                floor: breaker.floor,
            },
            traffic: TrafficDraft {
                step: Percentage(traffic.step),
                step_every: Duration(traffic.step_every),
                drain: Duration(traffic.drain),
                burst_step: Percentage(traffic.burst_step),
            },
            recovery: RecoveryDraft {
                ready_within: Duration(recovery.ready_within),
                retry_after: Duration(recovery.retry_after),
                effect_retry: Duration(recovery.effect_retry),
                effect_attempts: recovery.effect_attempts,
            },
            search: SearchDraft { per_flow: search.per_flow, replacements: search.replacements },
            preemption: match preemption {
                Preemption::Never => PreemptionDraft::Never,
                Preemption::LowerPriority => PreemptionDraft::LowerPriority,
            },
        }
    }
}

fn once(price: MicroUsd) -> Price {
    Price::micros(price.0)
}

fn hourly(price: MicroUsdPerHour) -> Price {
    Price::micros(price.0)
}

impl Default for PolicyDraft {
    fn default() -> Self {
        Self::from(&Policy::default())
    }
}

macro_rules! default_from_policy {
    ($($draft:ident $field:ident),*) => {$(
        impl Default for $draft {
            fn default() -> Self {
                PolicyDraft::default().$field
            }
        }
    )*};
}
default_from_policy! {
    HeadroomDraft headroom, SwitchingDraft switching, PaceDraft pace, TrustDraft trust,
    BreakerDraft breaker, TrafficDraft traffic, RecoveryDraft recovery, SearchDraft search
}
