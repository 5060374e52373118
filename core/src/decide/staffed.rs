//! Staffed: how many replicas a berth has, within the band that its load may move in.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Plan, Scratch};
use crate::capacity::{PodCount, Totals, packs};
use crate::decide::eligible::{self, Stance};
use crate::decide::{priced, quota};
use crate::decision::{Choice, Decision, Subject, Trigger, Verdict};
use crate::event::Event;
use crate::ids::{AppId, BerthId, ClusterId, GroupId};
use crate::staffing::Staffing;
use crate::state::{Band, Binding, Content, State};
use crate::step::Step;
use crate::units::MilliRps;

/// Staffs the berths of a group that only need other numbers of replicas where they are. What is left in
/// the plan must be planned.
pub(super) fn rescale(
    step: &mut Step<'_>,
    group: GroupId,
    plan: &mut Plan,
    trigger: Trigger,
    scratch: &mut Scratch,
) {
    add_callees(step.state, group, plan);
    let mut berths = core::mem::take(&mut plan.berths);
    berths.retain(|id| {
        let Some(berth) = step.state.try_berth(*id) else { return false };
        if berth.group != group {
            return true;
        }
        let Some(top) = top_in_place(step, *id, scratch) else { return true };
        staff(step, *id, top, trigger);
        plan.touched.push(*id);
        false
    });
    plan.berths = berths;
}

/// Berths that are called by what was touched have other loads.
fn add_callees(state: &State, group: GroupId, plan: &mut Plan) {
    for caller in &plan.touched {
        let Some(caller) = state.try_berth(*caller) else { continue };
        for (_, flow) in &caller.calls {
            let shares = flow.shares.iter().map(|share| share.berth);
            plan.berths.extend(shares.filter(|berth| state.berth(*berth).group == group));
        }
    }
    plan.berths.sort_unstable();
    plan.berths.dedup();
}

/// The highest step that a berth can be staffed for where it is, if that holds its load.
fn top_in_place(step: &Step<'_>, id: BerthId, scratch: &mut Scratch) -> Option<usize> {
    let state = &*step.state;
    let berth = state.berth(id);
    let (app, group, cluster) = (berth.app, berth.group, berth.cluster);
    let open = eligible::stance(state, step.at, app, group, cluster) == Stance::Open;
    if !open || !berth.is_live() || berth.replicas() == 0 {
        return None;
    }
    let staffing = state.staffing(app, group, cluster).ok()?;
    let (free, _) = eligible::free(state, app, cluster, Some(berth), &Totals::default());
    let steps = staffing.steps();
    let fits = |step: &crate::staffing::Step| free.shortage(&step.total).is_none();
    let top = steps.partition_point(fits).checked_sub(1)?;
    let top = berth.cap.map_or(top, |cap| top.min(cap as usize));
    let headroom = &state.policy().headroom;
    if berth.load > steps[top].up_to.lowered(headroom.least) {
        return None;
    }
    let wanted = staffing.step_for(berth.load.raised(headroom.target)).unwrap_or(top).min(top);
    let more = wanted > berth.step as usize || !is_written(state, id);
    let here = (cluster, Some(id));
    let fits = !more
        || (quota::lets_grow(state, id, staffing.replicas(wanted))
            && packs_beside(state, app, group, here, wanted, &[], scratch));
    fits.then_some(top)
}

/// Whether a berth is wanted and git has all of it, if perhaps not as it should be.
pub(super) fn is_written(state: &State, id: BerthId) -> bool {
    let berth = state.berth(id);
    let components = &state.intent(berth.app).group(berth.group).components;
    let is_present =
        |binding: &Binding| binding.content == Content::Present && binding.replicas > 0;
    berth.is_live() && components.iter().all(|one| berth.binding(*one).is_some_and(is_present))
}

/// Whether a group, staffed for `step`, packs onto a cluster's nodes beside all other berths but `without`.
pub(super) fn packs_beside(
    state: &State,
    app: AppId,
    group: GroupId,
    (cluster, berth): (ClusterId, Option<BerthId>),
    step: usize,
    without: &[BerthId],
    scratch: &mut Scratch,
) -> bool {
    let Scratch { pods, nodes, .. } = scratch;
    let Ok(staffing) = state.staffing(app, group, cluster) else { return false };
    let entry = state.cluster(cluster);
    pods.clear();
    let others = entry.berths.iter().filter(|other| Some(**other) != berth);
    for other in others.filter(|other| !without.contains(other)) {
        let berth = state.berth(*other);
        let intent = state.intent(berth.app);
        pods.extend(berth.bindings.iter().map(|binding| {
            // What was declared anew and is not written yet is promised all the same.
            let declared = intent.component(binding.component).request;
            let promised = if berth.is_live() { declared } else { binding.request };
            let request = binding.request.at_least(&promised);
            PodCount { request, pods: u32::from(binding.charged()) }
        }));
    }
    let intent = state.intent(app);
    let components = &intent.group(group).components;
    for (component, replicas) in components.iter().zip(staffing.replicas(step)) {
        let request = intent.component(*component).request;
        pods.push(PodCount { request, pods: u32::from(*replicas) });
    }
    packs(&entry.nodes, pods, nodes)
}

/// Staffs a berth if its load has left its band, at most for step `top`.
pub(super) fn staff(step: &mut Step<'_>, id: BerthId, top: usize, trigger: Trigger) {
    let berth = step.state.berth(id);
    let Ok(staffing) = step.state.staffing(berth.app, berth.group, berth.cluster) else { return };
    let staffing = Arc::clone(staffing);
    let Some(to) = target(step, id, &staffing, top) else {
        step.check_scale_in(id);
        return;
    };
    let from = step.state.berth(id).replicas();
    let replicas = replicas_at(step.state, id, &staffing, to);
    let band = band(step.state, &staffing, to);
    let narrow = u32::try_from(to).expect("steps are few");
    let before = step.state.berth(id).charged();
    step.emit(Event::Staffed { berth: id, step: narrow, band, replicas });
    step.work.contents.push(id);
    let berth = step.state.berth(id);
    if berth.charged().shortage(&before).is_some() {
        step.work.freed.push(berth.cluster);
    }
    step.check_scale_in(id);
    let to = step.state.berth(id).replicas();
    if from != to && from > 0 {
        note_scaled(step, id, from, to, trigger);
    }
}

/// The step that a berth is to be staffed for, if not as it is.
fn target(step: &Step<'_>, id: BerthId, staffing: &Staffing, top: usize) -> Option<usize> {
    let state = &*step.state;
    let berth = state.berth(id);
    let steps = staffing.steps();
    let headroom = state.policy().headroom.target;
    let for_load = |load: MilliRps| {
        staffing.step_for(load.raised(headroom)).unwrap_or(steps.len() - 1).min(top)
    };
    let wanted = for_load(berth.load);
    let now = berth.step as usize;
    if berth.replicas() == 0 || now >= steps.len() || !is_staffed_for(state, id, staffing, now) {
        return Some(wanted);
    }
    if top < now {
        return Some(wanted.min(top));
    }
    // What cannot be seen keeps what it has.
    let seen = state.cluster(berth.cluster).is_fresh();
    if let Some(pending) = berth.scale_in.filter(|pending| pending.until <= step.at && seen) {
        return Some(for_load(pending.peak.max(berth.load)).min(now));
    }
    if berth.load > berth.band.high && wanted > now {
        return Some(wanted);
    }
    (band(state, staffing, now) != berth.band).then_some(now)
}

/// The loads between which `step` is right.
pub(crate) fn band(state: &State, staffing: &Staffing, step: usize) -> Band {
    let headroom = &state.policy().headroom;
    let steps = staffing.steps();
    let low = match step.checked_sub(1) {
        None => MilliRps::ZERO,
        // Below it, the step before must be enough even with the headroom that staffing aims at.
        Some(fewer) => {
            let enough = steps[fewer].up_to.lowered(headroom.target);
            steps[step].up_to.lowered(headroom.most).min(enough)
        }
    };
    Band { low, high: steps[step].up_to.lowered(headroom.least) }
}

/// What a berth is staffed for, and the replicas of each of its bindings.
pub(crate) fn staffed_now(state: &State, id: BerthId) -> (u32, Band, Vec<u16>) {
    let berth = state.berth(id);
    let Ok(staffing) = state.staffing(berth.app, berth.group, berth.cluster) else {
        let replicas = berth.bindings.iter().map(|binding| binding.replicas);
        return (berth.step, berth.band, replicas.collect());
    };
    let step = (berth.step as usize).min(staffing.steps().len() - 1);
    let narrow = u32::try_from(step).expect("steps are few");
    (narrow, band(state, staffing, step), replicas_at(state, id, staffing, step))
}

/// The replicas of each binding of a berth at `step`; none for one that is on its way out of the group.
fn replicas_at(state: &State, id: BerthId, staffing: &Staffing, step: usize) -> Vec<u16> {
    counts_at(state, id, staffing, step).collect()
}

fn is_staffed_for(state: &State, id: BerthId, staffing: &Staffing, step: usize) -> bool {
    let there = state.berth(id).bindings.iter().map(|binding| binding.replicas);
    counts_at(state, id, staffing, step).eq(there)
}

fn counts_at<'a>(
    state: &'a State,
    id: BerthId,
    staffing: &'a Staffing,
    step: usize,
) -> impl Iterator<Item = u16> + 'a {
    let berth = state.berth(id);
    let components = &state.intent(berth.app).group(berth.group).components;
    let counts = staffing.replicas(step);
    berth.bindings.iter().map(move |binding| {
        components.binary_search(&binding.component).map_or(0, |place| counts[place])
    })
}

fn note_scaled(step: &mut Step<'_>, id: BerthId, from: u32, to: u32, trigger: Trigger) {
    let berth = step.state.berth(id);
    let (active, preference) = priced::fixed(step.state, berth.app, berth.cluster);
    let resources = step.state.derived.prices(berth.cluster).total(&berth.wanted());
    let total = active + preference + crate::units::MicroUsdPerHour(resources);
    step.out.decisions.push(Decision {
        app: berth.app,
        group: berth.group,
        subject: Subject::Berth(berth.cluster),
        trigger,
        verdict: Verdict::Scaled { from, to },
        winner: Some(Choice { cluster: berth.cluster, total }),
        runner_up: None,
        held: None,
        refusals: Vec::new(),
    });
}
