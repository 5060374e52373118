//! The reference: what the rules and formulas say, worked out a second time, slowly and by other code.
//!
//! Reads the declared intents and the believed facts of a [`State`] and nothing of what
//! the planner made of them: no index, no merged table, no bill. Checks compare the planner with this.

mod bill;
mod packing;
mod rules;

pub use self::bill::{
    Crossing, crossing, egress, latency, moving, opening, resources, standing_cost, unserved,
};
pub use self::packing::{Pods, packs};
pub use self::rules::{
    distance, gate_holds, matches, may_hold, may_open, may_serve, meets_avoided,
};

use periplus_core::State;
use periplus_core::fleet::Resources;
use periplus_core::ids::{AppId, BerthId, ClusterId, GroupId};
use periplus_core::state::{Berth, Stage};
use periplus_core::units::{MilliRps, Permille};

/// The replicas of each component of a group that hold `rate` in a cluster: the fewest whose table entry is
/// not below it. `None` where a component cannot run or the rate is above a table.
#[must_use]
pub fn replicas(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
    rate: MilliRps,
) -> Option<Pods> {
    let intent = &state.apps()[app.index()].intent;
    let kind = state.clusters()[cluster.index()].spec.kind;
    let mut pods = Vec::new();
    for component in &intent.groups[group.index()].components {
        let declared = &intent.components[component.index()];
        let table = declared.staffing.iter().find(|table| table.0 == kind)?;
        let fewest = 1 + table.1.iter().position(|held| *held >= rate)?;
        let fewest = fewest.max(usize::from(declared.scaling.min()).min(table.1.len()));
        if fewest > usize::from(declared.scaling.max()) {
            return None;
        }
        pods.push((declared.request, u32::try_from(fewest).ok()?));
    }
    Some(pods)
}

/// A rate with a margin, in thousandths of it, rounded up.
#[must_use]
pub fn with_margin(rate: MilliRps, margin: Permille) -> MilliRps {
    MilliRps(rate.0 + (rate.0 * u64::from(margin.0)).div_ceil(1_000))
}

/// What stands in a cluster: for every binding what one replica asks for, and how many count.
pub fn held_by_others(state: &State, cluster: ClusterId, but: Option<BerthId>) -> Pods {
    let here = state.berths().filter(|(id, berth)| berth.cluster == cluster && Some(*id) != but);
    here.flat_map(|(_, berth)| charges(berth)).collect()
}

/// What a berth's bindings ask for: the most of what should be, what git may say and what is.
pub fn charges(berth: &Berth) -> impl Iterator<Item = (Resources, u32)> + '_ {
    berth.bindings.iter().map(|binding| {
        let most = binding.replicas.max(binding.ceiling).max(binding.seen);
        (binding.request, u32::from(most))
    })
}

/// The berth of a group in a cluster.
#[must_use]
pub fn berth_of(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
) -> Option<(BerthId, &Berth)> {
    state
        .berths()
        .find(|(_, berth)| (berth.app, berth.group, berth.cluster) == (app, group, cluster))
}

/// Whether a berth is wanted.
#[must_use]
pub fn is_live(berth: &Berth) -> bool {
    matches!(berth.stage, Stage::Live)
}

/// Whether a group, staffed for a rate with the least headroom, fits a cluster beside everything else, in
/// the cluster's nodes and in the tenant's quota.
#[must_use]
pub fn has_room(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
    rate: MilliRps,
) -> bool {
    let needed = with_margin(rate, state.policy().headroom.least);
    let Some(wanted) = replicas(state, app, group, cluster, needed) else { return false };
    let own = berth_of(state, app, group, cluster).map(|found| found.0);
    let mut pods = held_by_others(state, cluster, own);
    pods.extend(wanted.iter().copied());
    within_quota(state, app, own, &wanted) && packs(&state.clusters()[cluster.index()].nodes, &pods)
}

fn within_quota(state: &State, app: AppId, own: Option<BerthId>, wanted: &Pods) -> bool {
    let tenant = state.apps()[app.index()].intent.tenant;
    let others = state.berths().filter(|(id, berth)| {
        Some(*id) != own && state.apps()[berth.app.index()].intent.tenant == tenant
    });
    let mut pods: Pods = others.flat_map(|(_, berth)| charges(berth)).collect();
    pods.extend(wanted.iter().copied());
    quota_holds(state, tenant.index(), &pods)
}

/// Whether pods are within a tenant's quota.
#[must_use]
pub fn quota_holds(state: &State, tenant: usize, pods: &Pods) -> bool {
    let Some(quota) = state.tenants()[tenant].quota else { return true };
    let sum = |of: &dyn Fn(&Resources) -> u64| -> u64 {
        pods.iter().map(|(request, count)| of(request) * u64::from(*count)).sum()
    };
    let extended = |place: usize| {
        sum(&|request| u64::from(request.extended[place])) <= u64::from(quota.extended[place])
    };
    sum(&|request| u64::from(request.cpu.0)) <= u64::from(quota.cpu.0)
        && sum(&|request| u64::from(request.memory.0)) <= u64::from(quota.memory.0)
        && (0..quota.extended.len()).all(extended)
}
