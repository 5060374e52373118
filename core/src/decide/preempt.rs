//! Preemption: room that apps of lower priority yield, when an app would otherwise go unserved.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Scratch;
use super::assigned::GreedyThenLocal;
use crate::capacity::Totals;
use crate::decide::bound::packs_beside;
use crate::decide::eligible;
use crate::decide::problem::{Problem, Site};
use crate::ids::{AppId, BerthId};
use crate::policy::Preemption;
use crate::state::{Stage, State};

/// Makes room by displacing others for what is left to nobody. The solver's answer is only added to.
pub(super) fn preempt(
    state: &State,
    problem: &mut Problem,
    _: &mut GreedyThenLocal,
    scratch: &mut Scratch,
) {
    if state.policy().preemption == Preemption::Never {
        return;
    }
    let (app, _) = problem.group();
    for site in 0..problem.sites.len() {
        if !problem.has_unserved() {
            return;
        }
        let victims = victims(state, app, &problem.sites[site]);
        if victims.is_empty() {
            continue;
        }
        let entry = &problem.sites[site];
        let (max, top, opening) = (entry.max, entry.top, entry.opening);
        let before: Vec<_> = problem.demands.iter().map(|demand| demand.now).collect();
        widen(state, app, &mut problem.sites[site], &victims);
        for demand in 0..problem.demands.len() {
            problem.insert_into(demand, u32::try_from(site).expect("sites are counted by u32"));
        }
        let chosen = choose(state, problem, site, &victims, max, scratch);
        match chosen {
            Some(chosen) => problem.victims.extend(chosen),
            None => {
                for (demand, shares) in before.into_iter().enumerate() {
                    if problem.demands[demand].now != shares {
                        problem.assign(demand, shares);
                    }
                }
                let entry = &mut problem.sites[site];
                (entry.max, entry.top, entry.opening) = (max, top, opening);
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
fn widen(state: &State, app: AppId, site: &mut Site, victims: &[BerthId]) {
    let mut evictable = Totals::default();
    for victim in victims {
        evictable += state.berth(*victim).charged();
    }
    let berth = site.berth.map(|berth| state.berth(berth));
    let step = eligible::highest_step(state, app, site.cluster, &site.staffing, berth, &evictable);
    if let Ok(step) = step {
        site.set_top(step, state.policy().headroom.least);
    }
}

/// The fewest victims, in order, without which the site's load fits; nobody if it fits as it was.
fn choose(
    state: &State,
    problem: &Problem,
    site: usize,
    victims: &[BerthId],
    max_before: crate::units::MilliRps,
    scratch: &mut Scratch,
) -> Option<Vec<BerthId>> {
    let site = &problem.sites[site];
    if site.load <= max_before {
        return Some(Vec::new());
    }
    let step = site.step_for(site.load).min(site.top);
    let fits =
        |without: &usize| packs_beside(state, problem, site, step, &victims[..*without], scratch);
    let fewest = (0..=victims.len()).find(fits)?;
    Some(victims[..fewest].to_vec())
}
