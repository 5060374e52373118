//! How the world behaves: delays and intervals.

use periplus_core::policy::Policy;
use periplus_core::units::Span;

use crate::border::delay::log_normal;
use crate::code::Code;
use crate::compile::context::Context;
use crate::draft::{DelayDraft, WorldDraft};
use crate::scenario::{Delay, World};
use crate::yaml::Cursor;

/// The quantiles of a delay.
pub(crate) fn delay(context: &mut Context<'_>, draft: DelayDraft, here: Cursor<'_>) -> Delay {
    match draft {
        DelayDraft::Always(duration) => Delay::always(duration.0),
        DelayDraft::Spread { p50, p95 } => {
            if p50.0 == Span::ZERO || p50 > p95 {
                let message =
                    format!("`p50` ({p50}) must be more than nothing and at most `p95` ({p95})");
                context.complain(here.key("p50"), Code::InvertedRange, message);
            }
            log_normal(p50.0, p95.0.max(p50.0))
        }
    }
}

/// Warns where the world and the policy do not go together.
pub(crate) fn compare(context: &mut Context<'_>, world: &World, policy: &Policy, here: Cursor<'_>) {
    let (heartbeat, stale) = (world.heartbeat_every, policy.trust.stale_after);
    if heartbeat >= stale {
        let message = format!(
            "clusters are heard of every {heartbeat}, but are unknown after {stale} of silence"
        );
        let wrong = here.key("heartbeatEvery").error(Code::InvertedRange, message).as_warning();
        let help = "shorten `world.heartbeatEvery`, or lengthen the policy's `trust.staleAfter`";
        context.complaints.push(wrong.with_help(help));
    }
    let (ttl, drain) = (world.dns_ttl, policy.traffic.drain);
    if drain < ttl {
        let message = format!(
            "endpoints go {drain} after their users were sent elsewhere, who may still use them for {ttl}"
        );
        let wrong = here.key("dnsTtl").error(Code::InvertedRange, message).as_warning();
        let help = "shorten `world.dnsTtl`, or lengthen the policy's `traffic.drain`";
        context.complaints.push(wrong.with_help(help));
    }
}

/// How the world behaves.
pub(crate) fn world(context: &mut Context<'_>, draft: &WorldDraft, here: Cursor<'_>) -> World {
    let WorldDraft {
        heartbeat_every,
        capacity_every,
        demand_every,
        meter_every,
        report_delay,
        commit_window,
        push,
        dns_ttl,
        stop,
    } = draft;
    let intervals = [
        ("heartbeatEvery", heartbeat_every),
        ("capacityEvery", capacity_every),
        ("demandEvery", demand_every),
        ("meterEvery", meter_every),
    ];
    for (field, interval) in intervals {
        if interval.0 == Span::ZERO {
            let message = format!("`{field}` must be longer than nothing");
            context.complain(here.key(field), Code::OutOfRange, message);
        }
    }
    World {
        heartbeat_every: heartbeat_every.0,
        capacity_every: capacity_every.0,
        demand_every: demand_every.0,
        meter_every: meter_every.0,
        report_delay: delay(context, *report_delay, here.key("reportDelay")),
        commit_window: commit_window.0,
        push: delay(context, *push, here.key("push")),
        dns_ttl: dns_ttl.0,
        stop: delay(context, *stop, here.key("stop")),
    }
}
