//! The policy: from a draft to the core's own, and how its numbers must relate.

use periplus_core::policy::{
    Breaker, Headroom, Pace, Policy, Preemption, Recovery, SearchBudget, Switching, TrafficPolicy,
    Trust,
};
use periplus_core::units::{Permille, Span};

use crate::code::Code;
use crate::compile::context::Context;
use crate::draft::{PolicyDraft, PreemptionDraft};
use crate::yaml::Cursor;

/// The policy that a draft says.
pub(crate) fn policy(context: &mut Context<'_>, draft: &PolicyDraft, here: Cursor<'_>) -> Policy {
    let here = here.key("spec");
    let PolicyDraft {
        carbon_price,
        headroom,
        switching,
        pace,
        trust,
        breaker,
        traffic,
        recovery,
        search,
        preemption,
    } = draft;
    if headroom.least > headroom.target || headroom.target > headroom.most {
        let message = format!(
            "headroom must not fall from `least` ({}) over `target` ({}) to `most` ({})",
            headroom.least, headroom.target, headroom.most
        );
        context.complain(here.key("headroom"), Code::InvertedRange, message);
    }
    if trust.lost_after < trust.stale_after {
        let message = format!(
            "`lostAfter` ({}) comes before `staleAfter` ({})",
            trust.lost_after, trust.stale_after
        );
        context.complain(here.path(&["trust", "lostAfter"]), Code::InvertedRange, message);
    }
    let steps = [("step", traffic.step), ("burstStep", traffic.burst_step)];
    for (field, step) in steps {
        if step.0 == Permille::ZERO {
            let message = format!("`{field}` must be more than 0%, or nothing ever moves");
            context.complain(here.path(&["traffic", field]), Code::OutOfRange, message);
        }
    }
    if switching.payback.0 < Span::SECOND {
        let message = format!("`payback` must be at least 1s; it is {}", switching.payback);
        context.complain(here.path(&["switching", "payback"]), Code::OutOfRange, message);
    }
    if recovery.effect_attempts == 0 {
        let message = "`effectAttempts` must be at least 1, or nothing is ever done";
        context.complain(here.path(&["recovery", "effectAttempts"]), Code::OutOfRange, message);
    }
    Policy {
        carbon_tonne: carbon_price.once(),
        headroom: Headroom {
            least: headroom.least.0,
            target: headroom.target.0,
            most: headroom.most.0,
        },
        switching: Switching {
            per_move: switching.per_move.once(),
            per_start: switching.per_start.once(),
            payback: switching.payback.0,
            least_gain: switching.least_gain.hourly(),
        },
        pace: Pace {
            dwell: pace.dwell.0,
            scale_in_after: pace.scale_in_after.0,
            reconsider_after: pace.reconsider_after.0,
            drift: pace.drift.0,
            review_after: pace.review_after.0,
            moves_at_once: pace.moves_at_once,
            moves_per_window: pace.moves_per_window,
            window: pace.window.0,
        },
        trust: Trust {
            stale_after: trust.stale_after.0,
            lost_after: trust.lost_after.0,
            max_lost: context.part(trust.max_lost, here.path(&["trust", "maxLost"])),
            failback_after: trust.failback_after.0,
        },
        breaker: Breaker {
            max_removal: context.part(breaker.max_removal, here.path(&["breaker", "maxRemoval"])),
            window: breaker.window.0,
            floor: breaker.floor,
        },
        traffic: TrafficPolicy {
            step: context.part(traffic.step, here.path(&["traffic", "step"])),
            step_every: traffic.step_every.0,
            drain: traffic.drain.0,
            burst_step: context.part(traffic.burst_step, here.path(&["traffic", "burstStep"])),
        },
        recovery: Recovery {
            ready_within: recovery.ready_within.0,
            retry_after: recovery.retry_after.0,
            effect_retry: recovery.effect_retry.0,
            effect_attempts: recovery.effect_attempts,
        },
        search: SearchBudget { per_flow: search.per_flow, replacements: search.replacements },
        preemption: match preemption {
            PreemptionDraft::Never => Preemption::Never,
            PreemptionDraft::LowerPriority => Preemption::LowerPriority,
        },
    }
}
