//! What happened to rollouts.

use periplus_core::State;
use periplus_core::decision::Guard;
use periplus_core::event::RolloutFact;
use periplus_core::ids::{AppId, ClusterId, HoldId};
use periplus_core::units::Span;

use super::values::{clock, listed};
use crate::names::Names;

/// A fact about a rollout, if it is worth telling. Turns are told by what is written.
pub(super) fn fact(state: &State, app: AppId, fact: &RolloutFact) -> Option<String> {
    let names = Names(state);
    let name = names.app(app);
    let cluster = |cluster: &ClusterId| names.cluster(*cluster);
    match fact {
        RolloutFact::Began { pending, .. } if !pending.is_empty() => {
            Some(begun(state, app, pending))
        }
        RolloutFact::Began { .. } | RolloutFact::Advanced(_) => None,
        RolloutFact::Bypassed(there) => {
            Some(format!("{name} waits for no turn in {}: it does not serve there", cluster(there)))
        }
        RolloutFact::Soaking { cluster: there, until: Some(until) } => Some(format!(
            "{name} is ready as declared in {}; it soaks until {}",
            cluster(there),
            clock(*until)
        )),
        RolloutFact::Soaking { cluster: there, until: None } => {
            Some(format!("{name} is no longer ready in {}: it will soak anew", cluster(there)))
        }
        RolloutFact::Settled(there) => {
            let soaked = state.intent(app).rollout.soak > Span::ZERO;
            let what = if soaked { "has soaked" } else { "is ready as declared" };
            Some(format!("{name} {what} in {}", cluster(there)))
        }
        RolloutFact::Dropped(there) => {
            Some(format!("{} is no longer part of the rollout of {name}", cluster(there)))
        }
        RolloutFact::Stopped(there) => {
            let kept = state.app(app).rollout.as_ref().map_or(0, |rollout| rollout.pending.len());
            let kept = match kept {
                0 => String::new(),
                1 => "; 1 cluster keeps what it has".into(),
                kept => format!("; {kept} clusters keep what they have"),
            };
            Some(format!("the rollout of {name} stops: it failed in {}{kept}", cluster(there)))
        }
        RolloutFact::Yielded(there) => {
            Some(format!("{name} keeps what it has in {} until its next turn", cluster(there)))
        }
        RolloutFact::Ended => Some(format!("the rollout of {name} is over")),
    }
}

fn begun(state: &State, app: AppId, pending: &[ClusterId]) -> String {
    let names = Names(state);
    let app_name = names.app(app);
    let rules = state.intent(app).rollout;
    let waiting = match pending.len() {
        0..=4 => {
            let waiting = pending.iter().map(|cluster| names.cluster(*cluster).to_string());
            listed(&waiting.collect::<Vec<_>>())
        }
        many => format!("{many} clusters"),
    };
    if rules.paused {
        return format!("the rollout of {app_name} to {waiting} is paused");
    }
    match rules.max_unavailable {
        1 => format!("{app_name} is to be rolled out to {waiting}, one at a time"),
        most => format!("{app_name} is to be rolled out to {waiting}, {most} at a time"),
    }
}

/// A rollout waits for a person.
pub(super) fn held(state: &State, hold: HoldId, app: AppId, pending: u32) -> String {
    let more = if pending == 1 { "cluster" } else { "clusters" };
    format!(
        "held: the rollout of {} to {pending} more {more}; approve hold {} to go on",
        Names(state).app(app),
        hold.0
    )
}

/// Whether a guard keeps a cluster as it is until a rollout reaches it.
pub(super) fn keeps_back(guard: Guard) -> bool {
    match guard {
        Guard::Rollout | Guard::RolloutFailed | Guard::RolloutHeld(_) | Guard::RolloutPaused => {
            true
        }
        Guard::Blind(_)
        | Guard::Dwell
        | Guard::MassDrain(_)
        | Guard::MovesAtOnce
        | Guard::MovesPerWindow
        | Guard::Paused
        | Guard::ScaleIn
        | Guard::Stateful => false,
    }
}
