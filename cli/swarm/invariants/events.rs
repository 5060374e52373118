//! What single events must not do, each checked against the state around it.

use periplus_core::decision::Closing;
use periplus_core::event::Event;
use periplus_core::fleet::Place;
use periplus_core::ids::{BerthId, BindingId};
use periplus_core::intent::Otherwise;
use periplus_core::policy::Preemption;
use periplus_core::state::{Berth, Binding, Content, FlowId, Phase};
use periplus_core::units::{Permille, Tick};
use periplus_core::{Record, State};

use super::Broken;
use crate::swarm::reference::{self, is_live};

/// Checks the events of a record that led from `before` to `after`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the others are checked by what they lead to, not one by one"
)]
pub(super) fn allowed(record: &Record, before: &State, after: &State) -> Result<(), Broken> {
    let mut primes = false;
    for event in &record.events {
        match event {
            Event::BerthOpened { berth, .. } | Event::BerthReopened { berth } => {
                opened(*berth, before, after)?;
            }
            Event::Assigned { flow, shares } => assigned(*flow, shares, before, after)?,
            Event::PrimeIssued { binding, .. } => {
                primes = true;
                rolled_out(*binding, before, after)?;
            }
            _ => {}
        }
        if let Some(victim) = preempts(event) {
            yields(victim, before, after)?;
        }
    }
    if primes { gates(record, before) } else { Ok(()) }
}

/// A berth is opened only where the rules let it be.
fn opened(id: BerthId, before: &State, after: &State) -> Result<(), Broken> {
    const RULE: &str = "a group is opened only where it may be";
    if after.is_paused() && before.is_paused() {
        return Err(("a pause changes nothing", format!("{id:?} was opened")));
    }
    let Some(berth) = after.try_berth(id).filter(|berth| is_live(berth)) else { return Ok(()) };
    let Berth { app, group, cluster, .. } = *berth;
    if let Err(rule) = reference::may_hold(after, app, group, cluster) {
        return Err((RULE, format!("{app:?} {group:?} in {cluster:?} is against {rule}")));
    }
    let live = after
        .berths()
        .filter(|(_, other)| (other.app, other.group) == (app, group) && is_live(other))
        .count();
    let most = after.intent(app).rules.max_clusters;
    if most.is_some_and(|most| live > usize::from(most)) {
        return Err((RULE, format!("{app:?} {group:?} is in {live} clusters of {most:?}")));
    }
    if reference::meets_avoided(after, app, cluster) {
        return Err((RULE, format!("{app:?} meets an app that it avoids in {cluster:?}")));
    }
    Ok(())
}

/// Users of a zone go only to clusters that their app's rules allow.
fn assigned(
    flow: FlowId,
    shares: &[(BerthId, Permille)],
    before: &State,
    after: &State,
) -> Result<(), Broken> {
    let FlowId::Series(_) = flow else { return Ok(()) };
    let (place, app, _) = after.endpoints(flow);
    let Place::Zone(zone) = place else { return Ok(()) };
    let known = before.flow(flow).map(|flow| flow.shares).unwrap_or_default();
    for (id, _) in shares {
        let Some(berth) = after.try_berth(*id) else { continue };
        let new = known.of(*id).assigned == Permille::ZERO;
        if new && reference::may_serve(after, app, zone, berth.cluster).is_none() {
            let found = format!("{flow:?} of {app:?} goes to {:?}", berth.cluster);
            return Err(("users go only where their app may serve them", found));
        }
    }
    Ok(())
}

/// What serves gets other content only in its cluster's turn, and no more clusters join than may be unavailable.
fn rolled_out(id: BindingId, before: &State, after: &State) -> Result<(), Broken> {
    const RULE: &str = "new content comes to a few clusters at a time";
    let (Some(then), Some(now)) = (before.try_berth(id.berth), after.try_berth(id.berth)) else {
        return Ok(());
    };
    let serves = |one: &Binding| {
        let there = one.seen > 0 || one.required == 0;
        one.content == Content::Present && one.served && one.phase != Phase::Failed && there
    };
    let written =
        |berth: &Berth| berth.binding(id.component).map(|one| (one.revision, one.request));
    let here = |berth: &&Berth| (berth.app, berth.cluster) == (then.app, then.cluster);
    let mut others =
        before.berths().map(|(_, berth)| berth).filter(here).filter(|one| is_live(one));
    let failed = others.any(|one| one.bindings.iter().any(|one| one.phase == Phase::Failed));
    let served = is_live(then) && is_live(now) && then.bindings.iter().all(serves) && !failed;
    // Where a cluster is retired, another berth may get the id in the same step.
    let same = (then.app, then.group, then.cluster) == (now.app, now.group, now.cluster);
    if !same || !served || written(then) == written(now) {
        return Ok(());
    }
    let turns = |state: &State| {
        let rollout = state.app(then.app).rollout.as_deref();
        rollout.map(|rollout| rollout.turns.iter().map(|turn| turn.cluster).collect::<Vec<_>>())
    };
    let (known, turns) = (turns(before).unwrap_or_default(), turns(after).unwrap_or_default());
    let most = usize::from(after.intent(then.app).rollout.max_unavailable);
    let joins = !known.contains(&then.cluster);
    if !turns.contains(&then.cluster) || (joins && turns.len() > most) {
        let found = format!("{id:?} in {:?}: {turns:?} have theirs, {most} may", then.cluster);
        return Err((RULE, found));
    }
    Ok(())
}

/// The berth that an event takes away for an app of higher priority.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other event closes a berth")]
pub(super) fn preempts(event: &Event) -> Option<BerthId> {
    match event {
        Event::BerthClosing { berth, cause: Closing::Preempted, .. } => Some(*berth),
        _ => None,
    }
}

/// Who yields has no data and a lower priority than somebody who stands in its cluster.
fn yields(victim: BerthId, before: &State, after: &State) -> Result<(), Broken> {
    let Some(berth) = before.try_berth(victim) else { return Ok(()) };
    let intent = before.intent(berth.app);
    if after.policy().preemption == Preemption::Never {
        return Err(("nobody yields where the policy says so", format!("{victim:?}")));
    }
    if intent.group(berth.group).stateful {
        return Err(("data does not yield", format!("{victim:?} of {:?}", berth.app)));
    }
    let taken = after.berths().any(|(_, other)| {
        other.cluster == berth.cluster
            && is_live(other)
            && after.intent(other.app).priority > intent.priority
    });
    if taken {
        return Ok(());
    }
    Err(("who yields, yields to a higher priority", format!("{victim:?}")))
}

/// What waits for others reaches git only once they are there.
fn gates(record: &Record, before: &State) -> Result<(), Broken> {
    let gated = record.events.iter().any(
        |event| matches!(event, Event::PrimeIssued { binding, .. } if is_first(before, *binding)),
    );
    if !gated {
        return Ok(());
    }
    let mut state = before.clone();
    for event in &record.events {
        if let Event::PrimeIssued { binding, .. } = event
            && is_first(&state, *binding)
        {
            gate(&state, record.at, *binding)?;
        }
        state.apply(record.at, &record.input, event);
    }
    Ok(())
}

/// Whether git holds nothing of a binding yet.
fn is_first(state: &State, binding: BindingId) -> bool {
    state.binding(binding).is_none_or(|known| known.content != Content::Present)
}

fn gate(state: &State, at: Tick, id: BindingId) -> Result<(), Broken> {
    let (Some(berth), Some(binding)) = (state.try_berth(id.berth), state.binding(id)) else {
        return Err(("what is in git is bound", format!("{id:?}")));
    };
    if state.is_paused() {
        return Err(("a pause changes nothing", format!("{id:?} was written")));
    }
    for gate in &state.intent(berth.app).component(id.component).after {
        let deadline = gate.deadline.map(|deadline| binding.since.after(deadline));
        let waved =
            gate.otherwise == Otherwise::Proceed && deadline.is_some_and(|until| until <= at);
        if !waved && !reference::gate_holds(state, at, gate, berth.cluster) {
            let found = format!("{id:?} of {:?} does not wait for {gate:?}", berth.app);
            return Err(("nothing is in git before what it waits for", found));
        }
    }
    Ok(())
}
