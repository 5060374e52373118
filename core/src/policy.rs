//! The policy: the fleet's prices and time constants.
//!
//! Every number that shapes a decision and is not a fact of a cluster or an app stands here, with a name
//! and a unit. Must not decide anything itself.

use serde::{Deserialize, Serialize};

use crate::units::{MicroUsd, MicroUsdPerHour, Permille, Span};

/// The fleet's prices and time constants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The price of one tonne of CO2e.
    pub carbon_tonne: MicroUsd,
    /// How much more room than demand a berth is staffed for.
    pub headroom: Headroom,
    /// What changing the placement costs.
    pub switching: Switching,
    /// How soon things may change again.
    pub pace: Pace,
    /// When a silent cluster stops being trusted.
    pub trust: Trust,
    /// When a drain is too large to be believed.
    pub breaker: Breaker,
    /// How traffic moves to a new endpoint.
    pub traffic: TrafficPolicy,
    /// What happens when a cluster or a writer fails.
    pub recovery: Recovery,
    /// How long to search for a better placement.
    pub search: SearchBudget,
    /// Whether apps of higher priority may displace others.
    pub preemption: Preemption,
}

/// How much more room than demand a berth is staffed for, in thousandths of the demand.
///
/// Nothing happens while the room stays between `least` and `most`; outside of that, the berth is staffed
/// for `target` again. `least ≤ target ≤ most`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headroom {
    /// Less than this: scale out.
    pub least: Permille,
    /// What scaling aims at.
    pub target: Permille,
    /// More than this: scale in.
    pub most: Permille,
}

/// What changing the placement costs: it keeps small gains from causing churn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switching {
    /// Paid once when a flow moves to another cluster.
    pub per_move: MicroUsd,
    /// Paid once when a group starts in a cluster.
    pub per_start: MicroUsd,
    /// The time over which a one-off cost is paid back.
    pub payback: Span,
    /// A change must save at least this.
    pub least_gain: MicroUsdPerHour,
}

/// How soon things may change again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How long a berth stays once it has been opened.
    pub dwell: Span,
    /// How long less must be enough before a berth is scaled in.
    pub scale_in_after: Span,
    /// How long after a change of demand the app is considered again.
    pub reconsider_after: Span,
    /// Of a large app only the flows that changed by at least this much are then considered …
    pub drift: Permille,
    /// … and all of them after this long.
    pub review_after: Span,
    /// The most flows of one app that may be on their way to another cluster at once.
    pub moves_at_once: u32,
    /// The most voluntary moves of one app in `window`.
    pub moves_per_window: u32,
    /// The window over which moves are counted.
    pub window: Span,
}

/// When a silent cluster stops being trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trust {
    /// Silence after which a cluster is `Unknown`: keep all, place nothing new.
    pub stale_after: Span,
    /// Silence after which it is `Lost`: replace elsewhere. At least `stale_after`.
    pub lost_after: Span,
    /// If more than this part of the fleet goes silent at once, *we* are blind: hold.
    pub max_lost: Permille,
    /// How long a returned cluster must be stable before anything moves back.
    pub failback_after: Span,
}

/// The mass-drain breaker: a silent sensor or an emptied folder must not drain a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// The largest part of all bindings that one window may remove unasked.
    pub max_removal: Permille,
    /// The window over which removals are counted.
    pub window: Span,
    /// Up to this many bindings are never held, however small the fleet is.
    pub floor: u32,
}

/// How traffic moves to a new endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficPolicy {
    /// How much of a flow's weight moves at once.
    pub step: Permille,
    /// How long each step is watched.
    pub step_every: Span,
    /// How long an endpoint stays after its last traffic was sent elsewhere: at least twice the DNS TTL.
    pub drain: Span,
    /// The smallest part of a flow that is split off to burst.
    pub burst_step: Permille,
}

/// What happens when a cluster or a writer fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// How long a binding may take from git to ready before its cluster is given up.
    pub ready_within: Span,
    /// How long a cluster that failed an app is left alone by it.
    pub retry_after: Span,
    /// How long to wait before a failed effect is tried again; doubles each time.
    pub effect_retry: Span,
    /// How often an effect is tried before its binding counts as failed.
    pub effect_attempts: u8,
}

/// How long to search for a better placement: numbers of tries, so that it is deterministic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchBudget {
    /// Moves tried per flow that is planned.
    pub per_flow: u32,
    /// Sites tried in place of others when a whole app is considered and nothing simpler helps.
    pub replacements: u32,
}

/// Whether apps of higher priority may displace others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preemption {
    /// Whoever is there stays.
    Never,
    /// Apps of strictly lower priority yield when an app would otherwise go unserved.
    LowerPriority,
}

impl Policy {
    /// The running price of `micrograms` of CO2e per hour, rounded up.
    ///
    /// One tonne is 10¹² µg.
    #[must_use]
    pub fn carbon(&self, micrograms: u64) -> MicroUsdPerHour {
        let product = u128::from(micrograms) * u128::from(self.carbon_tonne.0.unsigned_abs());
        MicroUsdPerHour(i64::try_from(product.div_ceil(1_000_000_000_000)).unwrap_or(i64::MAX))
    }
}

impl Default for Policy {
    /// The values that `docs/guide` argues for, one by one.
    fn default() -> Self {
        Self {
            carbon_tonne: MicroUsd(0),
            headroom: Headroom { least: Permille(50), target: Permille(200), most: Permille(500) },
            switching: Switching {
                per_move: MicroUsd(1_000),
                per_start: MicroUsd(5_000),
                payback: Span::HOUR,
                least_gain: MicroUsdPerHour(500),
            },
            pace: Pace {
                dwell: Span(10 * Span::MINUTE.0),
                scale_in_after: Span(5 * Span::MINUTE.0),
                reconsider_after: Span(10 * Span::MINUTE.0),
                drift: Permille(125),
                review_after: Span::HOUR,
                moves_at_once: 1_000,
                moves_per_window: 1_000,
                window: Span::HOUR,
            },
            trust: Trust {
                stale_after: Span(90 * Span::SECOND.0),
                lost_after: Span(5 * Span::MINUTE.0),
                max_lost: Permille(300),
                failback_after: Span(15 * Span::MINUTE.0),
            },
            breaker: Breaker {
                max_removal: Permille(100),
                window: Span(10 * Span::MINUTE.0),
                floor: 20,
            },
            traffic: TrafficPolicy {
                step: Permille::WHOLE,
                step_every: Span(30 * Span::SECOND.0),
                drain: Span(2 * Span::MINUTE.0),
                burst_step: Permille(50),
            },
            recovery: Recovery {
                ready_within: Span(15 * Span::MINUTE.0),
                retry_after: Span(30 * Span::MINUTE.0),
                effect_retry: Span(10 * Span::SECOND.0),
                effect_attempts: 8,
            },
            search: SearchBudget { per_flow: 2_000, replacements: 16 },
            preemption: Preemption::LowerPriority,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn carbon_is_priced_by_the_tonne_and_rounded_up() {
        let policy = Policy { carbon_tonne: MicroUsd(100_000_000), ..Policy::default() };
        // 100 $/t is 100 µ$/g.
        assert_eq!(policy.carbon(3_900_000), MicroUsdPerHour(390));
        assert_eq!(policy.carbon(1), MicroUsdPerHour(1));
        assert_eq!(policy.carbon(0), MicroUsdPerHour(0));
    }
}
