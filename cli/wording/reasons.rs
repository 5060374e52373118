//! Every "no", with its numbers and its cure.

use periplus_core::State;
use periplus_core::decision::{Closing, Guard, Held, Reason, ReasonCode, Resource, Trigger};
use periplus_core::event::Refusal;
use periplus_core::ids::AppId;
use periplus_core::input::Fault;

use super::values::{clock, rate, rtt};
use crate::names::Names;

/// A reason with its numbers.
#[must_use]
pub fn reason(state: &State, app: AppId, reason: &Reason) -> String {
    let names = Names(state);
    match *reason {
        Reason::AboveStaffingTable { rate: asked, limit } => {
            format!("{} is asked, the staffing table holds {}", rate(asked), rate(limit))
        }
        Reason::Avoided { app } => format!("{} is there", names.app(app)),
        Reason::Cordoned => "it is cordoned".into(),
        Reason::Draining => "it is being drained".into(),
        Reason::KindUnsupported { component, .. } => {
            format!("{} cannot run on this kind of cluster", names.component(app, component))
        }
        Reason::Lost { since } => format!("lost since {}", clock(since)),
        Reason::MaxClusters { limit } => format!("the app may be in {limit} clusters at most"),
        Reason::NoRoom { resource: Resource::Packing, .. } => {
            "the sum would fit, but no node has room for the next pod".into()
        }
        Reason::NoRoom { resource, wanted, free } => {
            format!(
                "{} would be held, {} is free",
                amount(resource, wanted),
                amount(resource, free)
            )
        }
        Reason::OutOfReach => "no known way from there".into(),
        Reason::Pinned { cluster } => format!("pinned to {}", names.cluster(cluster)),
        Reason::PodExceedsNode { component, resource, wanted, largest } => format!(
            "a pod of {} wants {}, the largest node has {}",
            names.component(app, component),
            amount(resource, wanted),
            amount(resource, largest)
        ),
        Reason::QuotaExceeded { resource, left, .. } => {
            format!("the tenant's quota leaves {}", amount(resource, left))
        }
        Reason::RecentlyFailed { until } => {
            format!("it failed not long ago; tried again at {}", clock(until))
        }
        Reason::Residency { key, zone, cluster } => {
            let value = |value: Option<_>| value.map_or("none", |value| state.name(value));
            format!("{} must be {}, is {}", state.name(key), value(zone), value(cluster))
        }
        Reason::Retired => "it has left the fleet".into(),
        Reason::Returning { until } => format!("it must be stable until {}", clock(until)),
        Reason::SelectorMismatch { key, found } => match found {
            Some(found) => format!("label {} is {}", state.name(key), state.name(found)),
            None => format!("label {} is missing", state.name(key)),
        },
        Reason::Stateful { cluster } => format!("its data is in {}", names.cluster(cluster)),
        Reason::TaintNotTolerated { key, value } => match value {
            Some(value) => format!("taint {}={}", state.name(key), state.name(value)),
            None => format!("taint {}", state.name(key)),
        },
        Reason::TenantForbidden { key, .. } => {
            format!("the tenant may not use it: label {}", state.name(key))
        }
        Reason::TooFar { rtt: far, limit } => format!("{} away, {} allowed", rtt(far), rtt(limit)),
        Reason::Unknown { since } => format!("not heard of since {}", clock(since)),
    }
}

fn amount(resource: Resource, units: u64) -> String {
    match resource {
        Resource::Cpu => format!("{units}m CPU"),
        Resource::Memory => format!("{units} MiB"),
        Resource::Extended(kind) => format!("{units} of extended resource {kind}"),
        Resource::Packing | Resource::Pods => format!("{units} pods"),
    }
}

/// What would cure a refusal, in a few words. The page of the code under `docs/reasons/` says more.
#[must_use]
pub fn cure(code: ReasonCode) -> &'static str {
    match code {
        ReasonCode::AboveStaffingTable => "raise maxReplicas or concurrency",
        ReasonCode::Avoided => "take the app out of placement.avoid",
        ReasonCode::Cordoned => "uncordon it",
        ReasonCode::Draining => "undrain it",
        ReasonCode::KindUnsupported => "relax slo.wait",
        ReasonCode::Lost | ReasonCode::Unknown => "bring its heartbeats back",
        ReasonCode::MaxClusters => "raise placement.maxClusters",
        ReasonCode::NoRoom => "add nodes, or lower requests",
        ReasonCode::OutOfReach => "raise reach.nearest, or select it with reach.always",
        ReasonCode::Pinned => "unpin the group",
        ReasonCode::PodExceedsNode => "add larger nodes, or lower the request",
        ReasonCode::QuotaExceeded => "raise the tenant's quota",
        ReasonCode::RecentlyFailed => "look at the alert",
        ReasonCode::Residency => "correct the labels",
        ReasonCode::Retired => "declare a new cluster",
        ReasonCode::Returning => "wait, or shorten trust.failbackAfter",
        ReasonCode::SelectorMismatch => "label the cluster, or widen the selector",
        ReasonCode::Stateful => "pin the group to where it should go",
        ReasonCode::TaintNotTolerated => "tolerate the taint",
        ReasonCode::TenantForbidden => "widen the tenant's clusters",
        ReasonCode::TooFar => "raise placement.maxRtt",
    }
}

/// A guard, and until when it holds.
#[must_use]
pub fn guard(held: &Held) -> String {
    let why = match held.guard {
        Guard::Blind(hold) => format!("too much of the fleet is silent (hold {})", hold.0),
        Guard::Dwell => "it has not been there for long enough".into(),
        Guard::MassDrain(hold) => format!("too much would go at once (hold {})", hold.0),
        Guard::MovesAtOnce => "too many users of the app are on their way already".into(),
        Guard::MovesPerWindow => "the app has moved too often".into(),
        Guard::Paused => "an operator paused all changes".into(),
        Guard::Rollout => "other clusters get the new content first".into(),
        Guard::RolloutFailed => "the new content failed elsewhere".into(),
        Guard::RolloutHeld(hold) => {
            format!("the rollout waits for a person (hold {})", hold.0)
        }
        Guard::RolloutPaused => "the rollout is paused".into(),
        Guard::ScaleIn => "less must be enough for a while".into(),
        Guard::Stateful => "its data moves by command only".into(),
    };
    match held.until {
        Some(until) => format!("{why}, until {}", clock(until)),
        None => why,
    }
}

/// Why a berth is given up.
#[must_use]
pub fn closing(cause: Closing) -> &'static str {
    match cause {
        Closing::Drained => "the cluster is closed to it",
        Closing::Failed => "it did not become ready",
        Closing::Idle => "nobody needs it there",
        Closing::Moved => "its users are better served elsewhere",
        Closing::Preempted => "an app of higher priority needs the room",
        Closing::Withdrawn => "its intent is gone",
    }
}

/// What made the machine look.
#[must_use]
pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Approved => "approval",
        Trigger::Capacity => "capacity",
        Trigger::Cluster => "a cluster",
        Trigger::Demand => "demand",
        Trigger::Failure => "a report",
        Trigger::Intent => "an intent",
        Trigger::Preemption => "preemption",
        Trigger::Price => "a price",
        Trigger::Timer => "time",
    }
}

/// What went wrong in the environment.
#[must_use]
pub fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::GitRejected => "the push was refused",
        Fault::ApplyFailed => "its objects could not be applied",
        Fault::ImagePull => "its image could not be pulled",
        Fault::PodFailed => "its pods fail",
        Fault::Unschedulable => "no node has room for a pod",
        Fault::TimedOut => "it took too long",
        Fault::Unreachable => "the other side could not be reached",
    }
}

/// Why a command could not be carried out.
#[must_use]
pub fn refusal(state: &State, refusal: &Refusal) -> String {
    let names = Names(state);
    match *refusal {
        Refusal::NoSuchHold { hold } => format!("there is no hold {}", hold.0),
        Refusal::OutOfOrder { id, declared } => {
            format!("id {id} is neither known nor the next of {declared}")
        }
        Refusal::Malformed => "what was declared contradicts itself".into(),
        Refusal::TooLarge { entries, limit } => {
            format!("{entries} entries at once, {limit} are allowed")
        }
        Refusal::ShapeChanged { app } => {
            format!("{} would have other groups or calls: withdraw it first", names.app(app))
        }
        Refusal::GenerationOutdated { generation, declared } => {
            format!("generation {generation} is not newer than {declared}")
        }
        Refusal::Withdrawn { app } => format!("{} is withdrawn already", names.app(app)),
    }
}
