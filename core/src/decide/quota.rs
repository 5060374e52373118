//! Quota: what a tenant's apps may ask for together, over all sites of a problem.
//!
//! Each site alone may take all that is left of it; together they must not.

use alloc::vec::Vec;

use super::problem::{Limit, Problem};
use crate::capacity::{Shortage, Totals};
use crate::decision::Reason;
use crate::ids::{AppId, BerthId, GroupId};
use crate::state::{Berth, State};
use crate::units::MilliRps;

/// Narrows the first site whose new staffing the tenant's quota has no room for beside the others: those that
/// stay as they are go before those that grow, and those before the ones that open. Says whether there was one:
/// the problem is then to be solved again.
pub(super) fn narrow(state: &State, problem: &mut Problem) -> bool {
    let Some(mut left) = left(state, problem) else { return false };
    let mut order: Vec<u32> = problem.site_ids().collect();
    order.sort_by_cached_key(|site| {
        let (wanted, staffed) = steps(state, problem, *site);
        let grows = wanted.is_some_and(|wanted| staffed.is_none_or(|step| wanted > step));
        (grows, !problem.sites[*site as usize].runs)
    });
    for place in order {
        let (Some(wanted), staffed) = steps(state, problem, place) else {
            let berth = problem.sites[place as usize].berth;
            left = left.less(&berth.map(|berth| state.berth(berth).charged()).unwrap_or_default());
            continue;
        };
        let needs = |step| charged_at(state, problem, place, step);
        let short = left.shortage(&needs(wanted));
        let Some(short) = short.filter(|_| staffed.is_none_or(|step| wanted > step)) else {
            // What is there stays, whatever the quota has become.
            left = left.less(&needs(wanted));
            continue;
        };
        let fits = |step: &usize| left.shortage(&needs(*step)).is_none();
        match (staffed.unwrap_or(0)..wanted).rev().find(fits).or(staffed) {
            Some(step) => problem.set_top(place, step),
            None => shut(problem, place, short),
        }
        problem.budget = problem.budget.max(u64::from(state.policy().search.per_flow));
        return true;
    }
    false
}

/// The step that a site is to be staffed for, if it takes anybody, and the one that it is staffed for now.
fn steps(state: &State, problem: &mut Problem, place: u32) -> (Option<usize>, Option<usize>) {
    let top = problem.limit(place).top as usize;
    let site = &problem.sites[place as usize];
    let wanted = (site.flows > 0).then(|| problem.step_for(site, site.load).min(top));
    let running = site.berth.map(|berth| state.berth(berth)).filter(|_| site.runs);
    (wanted, running.filter(|berth| berth.replicas() > 0).map(|berth| berth.step as usize))
}

/// Whether all sites together are within the quota as they would be staffed now.
pub(super) fn holds(state: &State, problem: &mut Problem) -> bool {
    left(state, problem).is_none_or(|left| left.shortage(&wanted(state, problem)).is_none())
}

/// Whether a site that is to be opened without users is within the quota beside all the others.
pub(super) fn takes(state: &State, problem: &mut Problem, place: u32) -> bool {
    let Some(left) = left(state, problem) else { return true };
    let mut sum = wanted(state, problem);
    sum += charged_at(state, problem, place, 0);
    left.shortage(&sum).is_none()
}

/// What all sites together are charged for once they are staffed.
fn wanted(state: &State, problem: &mut Problem) -> Totals {
    let mut sum = Totals::default();
    for place in problem.site_ids() {
        let top = problem.limit(place).top as usize;
        let site = &problem.sites[place as usize];
        let berth = site.berth.map(|berth| state.berth(berth));
        let staffed = berth.is_some_and(|berth| berth.replicas() > 0);
        sum += match (site.flows, site.runs && !staffed) {
            // It has just been opened.
            (0, true) => charged_at(state, problem, place, 0),
            (0, false) => berth.map(Berth::charged).unwrap_or_default(),
            _ => charged_at(state, problem, place, problem.step_for(site, site.load).min(top)),
        };
    }
    sum
}

/// What the quota leaves to the sites of a problem, if there is one.
fn left(state: &State, problem: &Problem) -> Option<Totals> {
    let (app, _) = problem.group();
    let tenant = state.intent(app).tenant;
    let quota = state.tenant(tenant).quota?;
    let mut others = state.derived.held_by(tenant);
    for berth in problem.sites.iter().filter_map(|site| site.berth) {
        others -= state.berth(berth).charged();
    }
    Some(Totals { pods: u64::MAX, ..Totals::of(&quota, 1) }.less(&others))
}

/// Whether a berth with other replicas, those of its group's components in order, is within the quota beside
/// all that is bound now.
pub(super) fn lets_grow(state: &State, id: BerthId, replicas: &[u16]) -> bool {
    let berth = state.berth(id);
    let tenant = state.intent(berth.app).tenant;
    let Some(quota) = state.tenant(tenant).quota else { return true };
    let mut held = state.derived.held_by(tenant);
    held -= berth.charged();
    held += charged_with(state, berth.app, berth.group, Some(berth), replicas);
    Totals { pods: u64::MAX, ..Totals::of(&quota, 1) }.shortage(&held).is_none()
}

/// What a site's bindings are charged for once they are staffed for `step`.
fn charged_at(state: &State, problem: &Problem, place: u32, step: usize) -> Totals {
    let (app, group) = problem.group();
    let site = &problem.sites[place as usize];
    let berth = site.berth.map(|berth| state.berth(berth));
    charged_with(state, app, group, berth, problem.table(site).replicas(step))
}

/// What a group's bindings are charged for with other replicas: what is on its way out counts.
fn charged_with(
    state: &State,
    app: AppId,
    group: GroupId,
    berth: Option<&Berth>,
    replicas: &[u16],
) -> Totals {
    let intent = state.intent(app);
    let mut sum = Totals::default();
    for (component, replicas) in intent.group(group).components.iter().zip(replicas) {
        let written = berth.and_then(|berth| Some(berth.binding(*component)?.written()));
        let most = written.unwrap_or(0).max(*replicas);
        sum += Totals::of(&intent.component(*component).request, u32::from(most));
    }
    sum
}

fn shut(problem: &mut Problem, place: u32, short: Shortage) {
    let Shortage { resource, wanted, free } = short;
    let site = &mut problem.sites[place as usize];
    site.full = Some(Reason::QuotaExceeded { resource, wanted, left: free });
    site.limit = Some(Limit { max: MilliRps::ZERO, top: 0 });
}
