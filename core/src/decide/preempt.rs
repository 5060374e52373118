//! Preemption: room that apps of lower priority yield, when an app would otherwise go unserved.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::staffed::packs_beside;
use super::{Scratch, quota};
use crate::capacity::Totals;
use crate::decide::eligible;
use crate::decide::problem::{Limit, Problem, Site};
use crate::ids::{AppId, BerthId};
use crate::policy::Preemption;
use crate::state::{Stage, State};

/// Makes room by displacing others for what is left to nobody. The solver's answer is only added to.
pub(super) fn preempt(state: &State, problem: &mut Problem, scratch: &mut Scratch) {
    if state.policy().preemption == Preemption::Never {
        return;
    }
    let (app, _) = problem.group();
    for site in problem.site_ids() {
        if !problem.has_unserved() {
            return;
        }
        let victims = victims(state, app, &problem.sites[site as usize]);
        if victims.is_empty() {
            continue;
        }
        let (limit, free) = (problem.limit(site), problem.sites[site as usize].free);
        let before: Vec<_> = problem.demands.iter().map(|demand| demand.now).collect();
        widen(state, app, problem, site, &victims);
        for demand in 0..problem.demands.len() {
            problem.insert_into(demand, site);
        }
        if problem.demands.iter().map(|demand| demand.now).eq(before.iter().copied()) {
            shrink(problem, site, limit, free);
            continue;
        }
        let chosen = choose(state, problem, site, &victims, scratch)
            .filter(|_| quota::holds(state, problem));
        match chosen {
            // Nobody has to yield, so nothing has become free.
            Some(chosen) if chosen.is_empty() => shrink(problem, site, limit, free),
            Some(chosen) => problem.victims.extend(chosen),
            None => {
                for (demand, shares) in before.into_iter().enumerate() {
                    if problem.demands[demand].now != shares {
                        problem.assign(demand, shares);
                    }
                }
                shrink(problem, site, limit, free);
            }
        }
    }
}

/// Berths in the site's cluster whose apps yield to this one: lowest priority first, then the youngest.
fn victims(state: &State, app: AppId, site: &Site) -> Vec<BerthId> {
    if site.stance != eligible::Stance::Open {
        return Vec::new();
    }
    let priority = state.intent(app).priority;
    let mut victims: Vec<BerthId> = state.cluster(site.cluster).berths.clone();
    victims.retain(|berth| {
        let berth = state.berth(*berth);
        let intent = state.intent(berth.app);
        let data = intent.group(berth.group).stateful;
        intent.priority < priority && !data && !matches!(berth.stage, Stage::Leaving { .. })
    });
    victims.sort_by_key(|id| {
        let berth = state.berth(*id);
        (state.intent(berth.app).priority, Reverse(berth.opened), Reverse(*id))
    });
    victims
}

/// Counts the victims' room as the site's own.
fn widen(state: &State, app: AppId, problem: &mut Problem, site: u32, victims: &[BerthId]) {
    let mut evictable = Totals::default();
    for victim in victims {
        evictable += state.berth(*victim).charged();
    }
    let entry = &mut problem.sites[site as usize];
    let berth = entry.berth.map(|berth| state.berth(berth));
    (entry.free, _) = eligible::free(state, app, entry.cluster, berth, &evictable);
    entry.limit = None;
}

/// Counts no more than the site's own room again.
fn shrink(problem: &mut Problem, site: u32, limit: Limit, free: Totals) {
    let entry = &mut problem.sites[site as usize];
    entry.free = free;
    entry.limit = Some(limit);
}

/// The fewest victims, in order, without which the site's load fits; nobody if it is staffed for it.
fn choose(
    state: &State,
    problem: &mut Problem,
    site: u32,
    victims: &[BerthId],
    scratch: &mut Scratch,
) -> Option<Vec<BerthId>> {
    let top = problem.limit(site).top as usize;
    let problem = &*problem;
    let site = &problem.sites[site as usize];
    let step = problem.step_for(site, site.load).min(top);
    let stands = site.berth.filter(|_| site.stands).map(|berth| state.berth(berth));
    if stands.is_some_and(|berth| step <= berth.step as usize) {
        return Some(Vec::new());
    }
    let (app, group) = problem.group();
    let here = (site.cluster, site.berth);
    let fits = |without: &usize| {
        packs_beside(state, app, group, here, step, &victims[..*without], scratch)
    };
    let fewest = (0..=victims.len()).find(fits)?;
    Some(victims[..fewest].to_vec())
}
