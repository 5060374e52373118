//! What stands in a decision beside its verdict: winner, runner-up, refusals; and the full bills, if asked.

use alloc::vec::Vec;

use crate::capacity::Totals;
use crate::decide::eligible;
use crate::decide::priced;
use crate::decide::problem::{LocalShares, Problem, Site};
use crate::decision::{Bill, Choice, Reason, ReasonCode, Resource, Subject};
use crate::explain::{Candidate, Explained};
use crate::fleet::Place;
use crate::ids::ClusterId;
use crate::state::State;
use crate::step::Step;
use crate::units::{MicroUsdPerHour, MicrosRtt, MilliRps, Permille, Tick};

/// Completes the flow decisions of this step from place `first` on.
pub(super) fn complete(step: &mut Step<'_>, problem: &mut Problem, first: usize) {
    for place in first..step.out.decisions.len() {
        let Subject::Flow(from) = step.out.decisions[place].subject else { continue };
        let Some(demand) = problem.demands.iter().position(|demand| demand.place == from) else {
            continue;
        };
        let mut candidates = core::mem::take(&mut problem.candidates);
        collect(step.state, step.at, problem, demand, &mut candidates);
        let served = problem.demands[demand].now.iter();
        let main = served.max_by_key(|(site, weight)| (*weight, core::cmp::Reverse(*site)));
        let main = main.map(|(site, _)| problem.sites[site as usize].cluster);
        let choices = || candidates.iter().filter_map(Candidate::choice);
        let decision = &mut step.out.decisions[place];
        decision.winner = main.and_then(|main| choices().find(|choice| choice.cluster == main));
        decision.runner_up = choices()
            .filter(|choice| Some(choice.cluster) != main)
            .min_by_key(|choice| (choice.total, choice.cluster));
        decision.refusals = count(&candidates);
        if let Some(explained) = &mut step.out.explained {
            explained.push(Explained { decision: place, candidates: candidates.clone() });
        }
        problem.candidates = candidates;
    }
}

/// The price of a berth as it stands.
pub(super) fn choice_of_berth(site: &Site) -> Choice {
    let total = site.fixed + site.resources(site.load);
    Choice { cluster: site.cluster, total: MicroUsdPerHour(total) }
}

fn count(candidates: &[Candidate]) -> Vec<(ReasonCode, u32)> {
    let mut codes: Vec<(ReasonCode, u32)> = Vec::new();
    for candidate in candidates {
        let Err(reason) = candidate.outcome else { continue };
        let code = reason.code();
        match codes.binary_search_by_key(&code, |counted| counted.0) {
            Ok(place) => codes[place].1 += 1,
            Err(place) => codes.insert(place, (code, 1)),
        }
    }
    codes
}

/// Every cluster that the flow's place can reach, with its bill for the whole flow or its refusal.
fn collect(
    state: &State,
    at: Tick,
    problem: &mut Problem,
    demand: usize,
    candidates: &mut Vec<Candidate>,
) {
    candidates.clear();
    let now = problem.demands[demand].now;
    let place = problem.demands[demand].place;
    // Others stay as they ended up; only this flow is taken out.
    problem.assign(demand, LocalShares::default());
    let near: Vec<(MicrosRtt, ClusterId)> = priced::reach(state, place).collect();
    for (rtt, cluster) in near {
        let outcome = outcome(state, at, problem, demand, cluster, rtt);
        candidates.push(Candidate { cluster, rtt, outcome });
    }
    problem.assign(demand, now);
}

fn outcome(
    state: &State,
    at: Tick,
    problem: &Problem,
    demand: usize,
    cluster: ClusterId,
    rtt: MicrosRtt,
) -> Result<Bill, Reason> {
    let (app, group) = problem.group();
    let place = problem.demands[demand].place;
    if let Some(reason) = eligible::refuses_place(state, state.intent(app), place, cluster, rtt) {
        return Err(reason);
    }
    let site = match problem.place_in(cluster) {
        Ok(site) => site,
        Err(Some(reason)) => return Err(reason),
        Err(None) => {
            let stance = eligible::stance(state, at, app, group, cluster);
            return Err(stance.refusal().unwrap_or(Reason::OutOfReach));
        }
    };
    let entry = &problem.sites[site as usize];
    if problem.pair(demand, site).is_none() {
        return Err(entry.stance.refusal().unwrap_or(Reason::OutOfReach));
    }
    let rate = problem.demands[demand].rate;
    if entry.load + rate > entry.max {
        return Err(no_room(entry, rate));
    }
    Ok(bill(state, problem, demand, site, rtt))
}

fn no_room(site: &Site, rate: MilliRps) -> Reason {
    if let Some(reason) = site.full.or(site.stance.refusal()) {
        return reason;
    }
    let wanted = (site.load + rate).raised(site.headroom_least);
    let limit = site.staffing.limit();
    if wanted > limit {
        return Reason::AboveStaffingTable { rate: wanted, limit };
    }
    let steps = site.staffing.steps();
    let step = site.staffing.step_for(wanted).expect("the table holds it");
    let there = steps[site.top].total;
    let short = there.shortage(&steps[step].total);
    short.map_or(Reason::NoRoom { resource: Resource::Packing, wanted: 1, free: 0 }, |short| {
        Reason::NoRoom { resource: short.resource, wanted: short.wanted, free: short.free }
    })
}

/// What the whole flow adds to the total at a site, line by line.
fn bill(state: &State, problem: &Problem, demand: usize, site: u32, rtt: MicrosRtt) -> Bill {
    let (app, group) = problem.group();
    let intent = state.intent(app);
    let entry = &problem.sites[site as usize];
    let flow = &problem.demands[demand];
    let step = |load| entry.staffing.steps()[entry.step_for(load)].total;
    let (after, before) = (step(entry.load + flow.rate), step(entry.load));
    let starts = entry.flows == 0;
    let added = |price: &dyn Fn(&Totals) -> i64| {
        MicroUsdPerHour(price(&after) - if starts { 0 } else { price(&before) })
    };
    let (active, preference) = priced::fixed(state, app, entry.cluster);
    let once = |price: MicroUsdPerHour| if starts { price } else { MicroUsdPerHour::ZERO };
    let way = match flow.place {
        Place::Zone(_) => {
            let crossings = priced::crossings(state, app, group, entry.cluster);
            priced::way_of_users(state, intent, flow.rate, entry.cluster, rtt, crossings)
        }
        Place::Cluster(_) => {
            priced::way_of_calls(state, intent, flow.flow, flow.rate, entry.cluster, rtt)
        }
    };
    let pair = problem.pair(demand, site).expect("a site that is billed has a pair");
    let bill = Bill {
        compute: added(&|totals| entry.prices.compute(totals)),
        fixed: once(active),
        carbon: added(&|totals| entry.prices.carbon(totals)),
        latency: way.latency,
        egress: way.egress,
        moving: MicroUsdPerHour(pair.moving) + once(MicroUsdPerHour(entry.opening)),
        preference: once(preference),
        unserved: MicroUsdPerHour::ZERO,
    };
    let sought = problem.price_of_joining(demand, site, Permille::WHOLE.0);
    assert_eq!(Some(bill.total().0), sought, "a bill adds up to what the search compared");
    bill
}
