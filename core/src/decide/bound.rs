//! Bound: the answer becomes facts.
//!
//! Opens and reopens berths, assigns flows, staffs berths within their bands, and notes why. Nothing is
//! bound that does not pack onto the nodes beside everything else that is bound.

use alloc::vec::Vec;

use super::{Scratch, explained, guarded};
use crate::capacity::{PodCount, packs};
use crate::decide::eligible::Stance;
use crate::decide::problem::{Demand, Problem, Site};
use crate::decision::{Closing, Decision, Reason, Resource, Subject, Trigger, Verdict};
use crate::event::Event;
use crate::ids::BerthId;
use crate::staffing::Staffing;
use crate::state::{Band, Berth, State};
use crate::step::Step;
use crate::units::{MilliRps, Permille};

/// Narrows the first site whose new staffing does not pack onto its nodes. Says whether there was one: the
/// problem is then to be solved again.
pub(super) fn narrow(state: &State, problem: &mut Problem, scratch: &mut Scratch) -> bool {
    for place in 0..problem.sites.len() {
        let site = &problem.sites[place];
        let wanted = site.step_for(site.load).min(site.top);
        let live = site.berth.map(|berth| state.berth(berth)).filter(|berth| berth.is_live());
        let staffed = live.filter(|berth| berth.replicas() > 0).map(|berth| berth.step as usize);
        if site.flows == 0 || staffed.is_some_and(|step| wanted <= step) {
            continue;
        }
        if packs_beside(state, problem, site, wanted, &[], scratch) {
            continue;
        }
        let floor = staffed.unwrap_or(0);
        let fits = |step: &usize| packs_beside(state, problem, site, *step, &[], scratch);
        let highest = (floor..wanted).rev().find(fits).or(staffed);
        let site = &mut problem.sites[place];
        match highest {
            Some(step) => site.set_top(step, state.policy().headroom.least),
            None => {
                site.max = MilliRps::ZERO;
                let (wanted, free) = (1, 0);
                site.full = Some(Reason::NoRoom { resource: Resource::Packing, wanted, free });
            }
        }
        problem.budget = problem.budget.max(state.policy().search.local);
        return true;
    }
    false
}

/// Whether the site's group, staffed for `step`, packs onto the cluster's nodes beside all other berths but
/// `without`.
pub(super) fn packs_beside(
    state: &State,
    problem: &Problem,
    site: &Site,
    step: usize,
    without: &[BerthId],
    scratch: &mut Scratch,
) -> bool {
    let (app, group) = problem.group();
    let Scratch { pods, nodes, .. } = scratch;
    let cluster = state.cluster(site.cluster);
    pods.clear();
    let others = cluster.berths.iter().filter(|berth| Some(**berth) != site.berth);
    for berth in others.filter(|berth| !without.contains(berth)) {
        let bindings = state.berth(*berth).bindings.iter();
        pods.extend(bindings.map(|binding| PodCount {
            request: binding.request,
            pods: u32::from(binding.charged()),
        }));
    }
    let intent = state.intent(app);
    let components = &intent.group(group).components;
    for (component, replicas) in components.iter().zip(site.staffing.replicas(step)) {
        let request = intent.component(*component).request;
        pods.push(PodCount { request, pods: u32::from(*replicas) });
    }
    packs(&cluster.nodes, pods, nodes)
}

/// States the answer in `problem` as facts, and why. Adds every berth that it touched to `touched`.
pub(super) fn bind(
    step: &mut Step<'_>,
    problem: &mut Problem,
    trigger: Trigger,
    touched: &mut Vec<BerthId>,
) {
    for victim in core::mem::take(&mut problem.victims) {
        step.evict(victim, Closing::Preempted, Trigger::Preemption);
    }
    open_sites(step, problem);
    keep_standing(step, problem);
    let first = step.out.decisions.len();
    for demand in 0..problem.demands.len() {
        assign(step, problem, demand, trigger);
    }
    count_moves(step, problem);
    for site in 0..problem.sites.len() {
        let Some(berth) = problem.sites[site].berth else { continue };
        if step.state.try_berth(berth).is_some_and(Berth::is_live) {
            staff(step, problem, site, trigger);
            step.look_at(berth);
            if !touched.contains(&berth) {
                touched.push(berth);
            }
        }
    }
    note_held(step, problem, trigger);
    explained::complete(step, problem, first);
}

/// Opens the sites that are to take flows and do not run yet, in the order of their clusters.
fn open_sites(step: &mut Step<'_>, problem: &mut Problem) {
    let mut order: Vec<usize> = (0..problem.sites.len()).collect();
    order.sort_unstable_by_key(|site| problem.sites[*site].cluster);
    for site in order {
        let is_used = problem.demands.iter().any(|demand| {
            demand.now.of(u32::try_from(site).expect("sites are counted by u32")) > 0
        });
        if is_used {
            open_site(step, problem, site);
        }
    }
}

fn open_site(step: &mut Step<'_>, problem: &mut Problem, site: usize) {
    let (app, group) = problem.group();
    let entry = &mut problem.sites[site];
    match entry.berth {
        Some(berth) if step.state.berth(berth).is_live() => {}
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
fn keep_standing(step: &mut Step<'_>, problem: &mut Problem) {
    let (app, group) = problem.group();
    let standing = usize::from(step.state.intent(app).group(group).standing);
    if standing == 0 || !problem.whole {
        return;
    }
    problem.add_all_sites(step.state, step.at);
    while super::eligible::live_berths(step.state, app, group) < standing {
        let candidates = 0..problem.sites.len();
        let opens = candidates.filter(|site| {
            let site = &problem.sites[*site];
            let runs = site.berth.is_some_and(|berth| step.state.berth(berth).is_live());
            !runs && site.stance == Stance::Open && site.max > MilliRps::ZERO
        });
        let price = |site: &usize| {
            let entry = &problem.sites[*site];
            (entry.fixed + entry.resources(MilliRps::ZERO), entry.cluster)
        };
        let Some(cheapest) = opens.min_by_key(price) else { return };
        open_site(step, problem, cheapest);
    }
}

/// Gives one flow the shares that were found for it.
fn assign(step: &mut Step<'_>, problem: &Problem, demand: usize, trigger: Trigger) {
    let Demand { flow, now, place, .. } = problem.demands[demand];
    let mut shares: Vec<(BerthId, Permille)> = now
        .iter()
        .map(|(site, weight)| {
            let berth = problem.sites[site as usize].berth;
            (berth.expect("a site that takes flows has been opened"), Permille(weight))
        })
        .collect();
    shares.sort_unstable();
    let known = step.state.flow(flow).expect("a flow that is planned exists").shares;
    let assigned = known.iter().filter(|share| share.assigned > Permille::ZERO);
    if assigned.map(|share| (share.berth, share.assigned)).eq(shares.iter().copied()) {
        return;
    }
    step.emit(Event::Assigned { flow, shares });
    known.iter().for_each(|share| step.check_scale_in(share.berth));
    step.work.routes.push(flow);
    let clusters = u8::try_from(now.iter().count()).expect("a flow is assigned to few clusters");
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

/// Staffs a berth if its load has left its band, as far as its site has room.
fn staff(step: &mut Step<'_>, problem: &Problem, site: usize, trigger: Trigger) {
    let site = &problem.sites[site];
    let id = site.berth.expect("a site that is staffed has a berth");
    let berth = step.state.berth(id);
    let wanted = site.step_for(berth.load).min(site.top);
    let staffed = berth.replicas() > 0;
    let now = berth.step as usize;
    let known = now < site.staffing.steps().len();
    let current = staffed
        && known
        && replicas_at(step.state, id, &site.staffing, now) == replicas_of(step.state, id);
    let due = berth.scale_in.filter(|pending| pending.until <= step.at);
    let to = if !current {
        Some(wanted)
    } else if site.top < now {
        Some(wanted.min(site.top))
    } else if let Some(pending) = due {
        Some(site.step_for(pending.peak.max(berth.load)).min(site.top).min(now))
    } else if berth.load > berth.band.high && wanted > now {
        Some(wanted)
    } else if band(step.state, &site.staffing, now) != berth.band {
        Some(now)
    } else {
        None
    };
    let Some(to) = to else {
        step.check_scale_in(id);
        return;
    };
    let from = berth.replicas();
    let replicas = replicas_at(step.state, id, &site.staffing, to);
    let band = band(step.state, &site.staffing, to);
    let narrow = u32::try_from(to).expect("steps are few");
    step.emit(Event::Staffed { berth: id, step: narrow, band, replicas });
    step.work.contents.push(id);
    step.check_scale_in(id);
    let to = step.state.berth(id).replicas();
    if from != to && from > 0 {
        note_scaled(step, problem, site, from, to, trigger);
    }
}

fn note_scaled(
    step: &mut Step<'_>,
    problem: &Problem,
    site: &Site,
    from: u32,
    to: u32,
    trigger: Trigger,
) {
    let (app, group) = problem.group();
    step.out.decisions.push(Decision {
        app,
        group,
        subject: Subject::Berth(site.cluster),
        trigger,
        verdict: Verdict::Scaled { from, to },
        winner: Some(explained::choice_of_berth(site)),
        runner_up: None,
        held: None,
        refusals: Vec::new(),
    });
}

/// The loads between which `step` is right.
fn band(state: &State, staffing: &Staffing, step: usize) -> Band {
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

fn replicas_at(state: &State, berth: BerthId, staffing: &Staffing, step: usize) -> Vec<u16> {
    let entry = state.berth(berth);
    let components = &state.intent(entry.app).group(entry.group).components;
    let counts = staffing.replicas(step);
    let bindings = entry.bindings.iter();
    let count = |component| {
        let place = components.binary_search(&component);
        place.map_or(0, |place| counts[place])
    };
    bindings.map(|binding| count(binding.component)).collect()
}

fn replicas_of(state: &State, berth: BerthId) -> Vec<u16> {
    state.berth(berth).bindings.iter().map(|binding| binding.replicas).collect()
}

/// Notes what guards kept from moving, and sees to it that it is looked at again.
fn note_held(step: &mut Step<'_>, problem: &Problem, trigger: Trigger) {
    let (app, group) = problem.group();
    let mut until = None;
    for (flow, held) in &problem.held {
        let demand = problem.demands.iter().find(|demand| demand.flow == *flow);
        let Some(demand) = demand.filter(|demand| demand.now == demand.before) else { continue };
        let again = held.until.filter(|again| *again > step.at);
        until = match (until, again) {
            (Some(until), Some(again)) => Some(core::cmp::min(until, again)),
            (until, again) => until.or(again),
        };
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
    if let Some(until) = until {
        step.stir(app, until);
    }
}
