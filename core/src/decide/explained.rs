//! What stands in a decision beside its verdict: winner, runner-up, refusals; and the full bills, if asked.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::capacity::Totals;
use crate::decide::eligible;
use crate::decide::priced;
use crate::decide::problem::{LocalShares, Pair, Problem};
use crate::decision::{Bill, Reason, ReasonCode, Resource};
use crate::explain::{Candidate, Explained};
use crate::fleet::Place;
use crate::ids::ClusterId;
use crate::state::State;
use crate::step::Step;
use crate::units::{MicroUsdPerHour, MicrosRtt, MilliRps, Permille, Tick};

/// Completes the decision that was stated last, which is about `demand`.
pub(super) fn complete(step: &mut Step<'_>, problem: &mut Problem, demand: usize) {
    let mut candidates = core::mem::take(&mut problem.candidates);
    collect(step.state, step.at, problem, demand, &mut candidates);
    let parts = problem.demands[demand].now.parts();
    let main = parts.iter().max_by_key(|part| (part.weight, Reverse(part.site)));
    let main = main.map(|part| problem.sites[part.site as usize].cluster);
    let choices = || candidates.iter().filter_map(Candidate::choice);
    let place = step.out.decisions.len() - 1;
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
    // Pairs stand in the order of the reach, with gaps.
    let mut next = 0;
    for (rtt, cluster) in priced::reach(state, place) {
        let pair = problem.pairs_of(demand).get(next).copied();
        let pair = pair.filter(|pair| problem.sites[pair.site as usize].cluster == cluster);
        next += usize::from(pair.is_some());
        let outcome = match pair {
            Some(pair) => served(state, problem, demand, pair, rtt),
            None => Err(refused(state, at, problem, place, cluster, rtt)),
        };
        candidates.push(Candidate { cluster, rtt, outcome });
    }
    problem.assign(demand, now);
}

/// Why a cluster that has no pair with the flow cannot serve it.
fn refused(
    state: &State,
    at: Tick,
    problem: &Problem,
    place: Place,
    cluster: ClusterId,
    rtt: MicrosRtt,
) -> Reason {
    let (app, group) = problem.group();
    let by_place = eligible::refuses_place(state, state.intent(app), place, cluster, rtt);
    by_place.unwrap_or_else(|| match problem.place_in(cluster) {
        Err(Some(reason)) => reason,
        Ok(_) | Err(None) => {
            let stance = eligible::stance(state, at, app, group, cluster);
            stance.refusal().unwrap_or(Reason::OutOfReach)
        }
    })
}

/// The bill of a cluster that may serve the flow, or what it has no room for.
fn served(
    state: &State,
    problem: &mut Problem,
    demand: usize,
    pair: Pair,
    rtt: MicrosRtt,
) -> Result<Bill, Reason> {
    let rate = problem.demands[demand].rate;
    if !problem.has_room(pair.site, rate) {
        return Err(no_room(state, problem, pair.site, rate));
    }
    Ok(bill(state, problem, demand, pair, rtt))
}

fn no_room(state: &State, problem: &mut Problem, site: u32, rate: MilliRps) -> Reason {
    let top = problem.limit(site).top as usize;
    let entry = &problem.sites[site as usize];
    if let Some(reason) = entry.full.or(entry.stance.refusal()) {
        return reason;
    }
    let (app, group) = problem.group();
    if problem.is_one_too_many(site) {
        return eligible::no_more_clusters(state, app, group);
    }
    if let Some(reason) = eligible::exceeds_nodes(state, app, group, entry.cluster) {
        return reason;
    }
    let staffing = problem.table(entry);
    let wanted = (entry.load + rate).raised(problem.headroom_least);
    let Some(step) = staffing.step_for(wanted) else {
        return Reason::AboveStaffingTable { rate: wanted, limit: staffing.limit() };
    };
    let short = entry.free.shortage(&staffing.steps()[step].total);
    let short =
        short.or_else(|| staffing.steps()[top].total.shortage(&staffing.steps()[step].total));
    short.map_or(Reason::NoRoom { resource: Resource::Packing, wanted: 1, free: 0 }, |short| {
        Reason::NoRoom { resource: short.resource, wanted: short.wanted, free: short.free }
    })
}

/// What the whole flow adds to the total at a site, line by line.
fn bill(state: &State, problem: &Problem, demand: usize, pair: Pair, rtt: MicrosRtt) -> Bill {
    let (app, _) = problem.group();
    let intent = state.intent(app);
    let entry = &problem.sites[pair.site as usize];
    let flow = &problem.demands[demand];
    let step = |load| problem.table(entry).steps()[problem.step_for(entry, load)].total;
    let (after, before) = (step(entry.load + flow.rate), step(entry.load));
    let starts = entry.flows == 0;
    let added = |price: &dyn Fn(&Totals) -> i64| {
        MicroUsdPerHour(price(&after) - if starts { 0 } else { price(&before) })
    };
    let (active, preference) = priced::fixed(state, app, entry.cluster);
    let once = |price: MicroUsdPerHour| if starts { price } else { MicroUsdPerHour::ZERO };
    let way = match flow.place {
        Place::Zone(_) => {
            priced::way_of_users(state, intent, flow.rate, entry.cluster, rtt, entry.crossings)
        }
        Place::Cluster(_) => {
            priced::way_of_calls(state, intent, flow.flow, flow.rate, entry.cluster, rtt)
        }
    };
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
    let sought = problem.price_of_joining(demand, pair.site, Permille::WHOLE.0, pair.way);
    assert_eq!(bill.total().0, sought, "a bill adds up to what the search compared");
    bill
}
