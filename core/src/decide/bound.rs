//! Bound: the answer becomes facts.
//!
//! Opens and reopens berths, assigns flows, staffs berths within their bands, and notes why. Nothing is
//! bound that does not pack onto the nodes beside everything else that is bound.

use alloc::vec::Vec;

use super::staffed::{packs_beside, staff};
use super::{Depth, Plan, Scratch, explained, guarded, quota};
use crate::decide::eligible::{self, Stance};
use crate::decide::problem::{Demand, Limit, Problem};
use crate::decision::{Closing, Decision, Guard, Reason, Resource, Subject, Trigger, Verdict};
use crate::event::Event;
use crate::ids::{BerthId, ClusterId};
use crate::state::{Berth, FlowId, State};
use crate::step::Step;
use crate::units::{MilliRps, Permille, Tick};

/// Narrows the first site whose new staffing does not pack onto its nodes. Says whether there was one: the
/// problem is then to be solved again.
pub(super) fn narrow(state: &State, problem: &mut Problem, scratch: &mut Scratch) -> bool {
    let (app, group) = problem.group();
    for place in problem.site_ids() {
        let Limit { max, top } = problem.limit(place);
        let top = top as usize;
        // Where nobody may be, only flows of which this plan knows nothing are left.
        if problem.sites[place as usize].flows == 0 || max == MilliRps::ZERO {
            continue;
        }
        let site = &problem.sites[place as usize];
        let wanted = problem.step_for(site, site.load).min(top);
        let live = site.berth.map(|berth| state.berth(berth)).filter(|_| site.stands);
        let staffed = live.filter(|berth| berth.replicas() > 0).map(|berth| berth.step as usize);
        if staffed.is_some_and(|step| wanted <= step) {
            continue;
        }
        if packs_beside(state, app, group, (site.cluster, site.berth), wanted, &[], scratch) {
            continue;
        }
        let floor = staffed.unwrap_or(0);
        let fits = |step: &usize| {
            packs_beside(state, app, group, (site.cluster, site.berth), *step, &[], scratch)
        };
        match (floor..wanted).rev().find(fits).or(staffed) {
            Some(step) => problem.set_top(place, step),
            None => {
                let site = &mut problem.sites[place as usize];
                let nothing = Limit { max: MilliRps::ZERO, top: 0 };
                let (resource, wanted, free) = (Resource::Packing, 1, 0);
                let reason = Reason::NoRoom { resource, wanted, free };
                let oversized = eligible::exceeds_nodes(state, app, group, site.cluster);
                site.full = Some(oversized.unwrap_or(reason));
                site.limit = Some(nothing);
                problem.vacate(place);
            }
        }
        problem.look_around(place);
        problem.budget = problem.budget.max(u64::from(state.policy().search.per_flow));
        return true;
    }
    false
}

/// States the answer in `problem` as facts, and why. Adds every berth that it touched to the plan.
pub(super) fn bind(
    step: &mut Step<'_>,
    problem: &mut Problem,
    trigger: Trigger,
    plan: &mut Plan,
    scratch: &mut Scratch,
) {
    for victim in core::mem::take(&mut problem.victims) {
        step.evict(victim, Closing::Preempted, Trigger::Preemption);
    }
    open_sites(step, problem);
    keep_standing(step, problem, scratch);
    for demand in 0..problem.demands.len() {
        assign(step, problem, demand, trigger);
    }
    count_moves(step, problem);
    for site in problem.site_ids() {
        let Some(berth) = problem.sites[site as usize].berth else { continue };
        if !step.state.try_berth(berth).is_some_and(Berth::is_live) {
            continue;
        }
        let top = affordable(step.state, problem, site, berth, scratch);
        staff(step, berth, top, trigger);
        if step.state.berth(berth).sources.is_empty() {
            step.work.closings.push((berth, Closing::Idle));
        }
        plan.touched.push(berth);
    }
    plan.touched.sort_unstable();
    plan.touched.dedup();
    let again = note_held(step, problem, trigger);
    plan.again = earlier(plan.again, again);
}

/// The highest step that a berth may be staffed for. Users on their way out are no reason to plan room, but
/// a load: more for them only if there is room beside all that is bound by now.
fn affordable(
    state: &State,
    problem: &mut Problem,
    site: u32,
    id: BerthId,
    scratch: &mut Scratch,
) -> usize {
    let top = problem.limit(site).top as usize;
    let (app, group) = problem.group();
    let berth = state.berth(id);
    let site = &problem.sites[site as usize];
    let planned = problem.step_for(site, site.load).min(top);
    let staffed = if berth.replicas() > 0 { berth.step as usize } else { 0 };
    let found = planned.max(staffed);
    let wanted = problem.step_for(site, berth.load).min(top);
    let limited = state.tenant(state.intent(app).tenant).quota.is_some();
    let here = (site.cluster, Some(id));
    let fits = |scratch: &mut Scratch| {
        !limited && packs_beside(state, app, group, here, wanted, &[], scratch)
    };
    if wanted <= found || fits(scratch) { top } else { found }
}

/// Opens the sites that are to take flows and do not run yet, in the order of their clusters.
fn open_sites(step: &mut Step<'_>, problem: &mut Problem) {
    let used = problem.demands.iter().flat_map(|demand| demand.now.parts());
    let new = |site: &u32| !problem.sites[*site as usize].runs;
    let mut order: Vec<u32> = used.map(|part| part.site).filter(new).collect();
    order.sort_unstable_by_key(|site| problem.sites[*site as usize].cluster);
    order.dedup();
    for site in order {
        open_site(step, problem, site as usize);
    }
}

fn open_site(step: &mut Step<'_>, problem: &mut Problem, site: usize) {
    let (app, group) = problem.group();
    let entry = &mut problem.sites[site];
    entry.runs = true;
    // With flows it has been counted already.
    problem.opened += u32::from(entry.flows == 0);
    match entry.berth {
        Some(berth) => {
            step.emit(Event::BerthReopened { berth });
            step.restore_bindings(berth);
        }
        None => {
            let next = BerthId::from_index(step.state.berths.len());
            let berth = step.state.vacant.last().copied().unwrap_or(next);
            step.emit(Event::BerthOpened { berth, app, group, cluster: entry.cluster });
            entry.berth = Some(berth);
            step.work.gates.push(app);
        }
    }
}

/// Opens the cheapest sites until the group stands in as many clusters as it must.
fn keep_standing(step: &mut Step<'_>, problem: &mut Problem, scratch: &mut Scratch) {
    let (app, group) = problem.group();
    let standing = usize::from(step.state.intent(app).group(group).standing);
    if standing == 0 || problem.depth != Depth::Whole {
        return;
    }
    problem.add_all_sites(step.state, step.at);
    while eligible::live_berths(step.state, app, group) < standing {
        let mut cheapest: Option<(i64, ClusterId, usize)> = None;
        for place in problem.site_ids() {
            let may = problem.limit(place).max > MilliRps::ZERO;
            let site = &problem.sites[place as usize];
            let price = site.fixed + problem.resources(site, MilliRps::ZERO);
            let found = (price, site.cluster, place as usize);
            if !site.runs
                && site.stance == Stance::Open
                && may
                && cheapest.is_none_or(|best| found < best)
                && packs_beside(step.state, app, group, (site.cluster, site.berth), 0, &[], scratch)
                && quota::takes(step.state, problem, place)
            {
                cheapest = Some(found);
            }
        }
        let Some((_, _, site)) = cheapest else { return };
        open_site(step, problem, site);
    }
}

/// Gives one flow the shares that were found for it.
fn assign(step: &mut Step<'_>, problem: &mut Problem, demand: usize, trigger: Trigger) {
    let Demand { flow, now, place, .. } = problem.demands[demand];
    let mut shares: Vec<(BerthId, Permille)> = now
        .parts()
        .iter()
        .map(|part| {
            let berth = problem.sites[part.site as usize].berth;
            (berth.expect("a site that takes flows has been opened"), Permille(part.weight))
        })
        .collect();
    shares.sort_unstable();
    let known = step.state.flow(flow).expect("a flow that is planned exists").shares;
    let assigned = known.iter().filter(|share| share.assigned > Permille::ZERO);
    if assigned.map(|share| (share.berth, share.assigned)).ne(shares.iter().copied()) {
        step.emit(Event::Assigned { flow, shares });
        known.iter().for_each(|share| step.check_scale_in(share.berth));
        step.work.routes.push(flow);
    } else if !(shares.is_empty() && has_just_awoken(step, flow)) {
        return;
    }
    let clusters = u8::try_from(now.parts().len()).expect("a flow is assigned to few clusters");
    let verdict = match (clusters, 1_000 - now.weight()) {
        (0, _) => Verdict::Unserved,
        (1, 0) => Verdict::Assigned,
        (clusters, unserved) => Verdict::Split { clusters, unserved: Permille(unserved) },
    };
    let (app, group) = problem.group();
    step.out.decisions.push(Decision {
        app,
        group,
        subject: Subject::Flow(place),
        trigger,
        verdict,
        winner: None,
        runner_up: None,
        held: None,
        refusals: Vec::new(),
    });
    explained::complete(step, problem, demand);
}

/// Whether a flow's users have become enough in this very step: why nobody serves them is then to be said,
/// though nothing has changed.
fn has_just_awoken(step: &Step<'_>, flow: FlowId) -> bool {
    let FlowId::Series(series) = flow else { return false };
    step.out.events.contains(&Event::SeriesAwoke { series })
}

fn count_moves(step: &mut Step<'_>, problem: &Problem) {
    let (app, _) = problem.group();
    if problem.moved > 0 {
        let window = guarded::current_window(step.state, step.at, app);
        let count = window.count.saturating_add(problem.moved);
        step.emit(Event::MovesCounted { app, since: window.since, count });
    }
    let given_up = problem.droppable_before - problem.droppable;
    if given_up > 0 {
        step.emit(Event::RemovalsCounted { bindings: given_up });
    }
}

/// Notes what guards kept from moving. Returns when the first of them lets go.
fn note_held(step: &mut Step<'_>, problem: &Problem, trigger: Trigger) -> Option<Tick> {
    let (app, group) = problem.group();
    let mut until = None;
    for (demand, held) in &problem.held {
        let demand = &problem.demands[*demand as usize];
        if demand.now != demand.before {
            continue;
        }
        // Nobody says when flows have arrived: the app is looked at again after its usual while.
        let again = match held.guard {
            Guard::MovesAtOnce => Some(step.at.after(step.state.policy().pace.reconsider_after)),
            Guard::Blind(_)
            | Guard::Dwell
            | Guard::MassDrain(_)
            | Guard::MovesPerWindow
            | Guard::Paused
            | Guard::Rollout
            | Guard::RolloutFailed
            | Guard::RolloutHeld(_)
            | Guard::RolloutPaused
            | Guard::ScaleIn
            | Guard::Stateful => held.until,
        };
        until = earlier(until, again.filter(|until| *until > step.at));
        step.out.decisions.push(Decision {
            app,
            group,
            subject: Subject::Flow(demand.place),
            trigger,
            verdict: Verdict::Held,
            winner: None,
            runner_up: None,
            held: Some(*held),
            refusals: Vec::new(),
        });
    }
    until
}

fn earlier(one: Option<Tick>, other: Option<Tick>) -> Option<Tick> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
