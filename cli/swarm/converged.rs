//! What must hold once all troubles are over and every guard has let go: beliefs equal the truth, nothing is
//! on its way, nobody is left unserved who is worth serving, and no cheaper candidate was passed over.

use std::collections::BTreeMap;

use periplus_core::State;
use periplus_core::fleet::{Place, Signal};
use periplus_core::ids::{BerthId, BindingId, ClusterId, SeriesId};
use periplus_core::intent::Scope;
use periplus_core::state::{Berth, Content, Flow, FlowId, Health, Phase, Wake};
use periplus_core::units::{MilliRps, Permille, Tick};
use periplus_sim::World;

use super::invariants::Broken;
use super::reference::{self, is_live};

/// µ$ per hour within which two sums that round differently count as equal.
const ROUNDING: i128 = 20;
/// Parts per million by which users may stray from the thousandths of their route.
const STRAY: u32 = 1_000;

/// The first thing that is not as it must be.
pub(super) fn unsettled(state: &State, world: &World<'_>, at: Tick) -> Option<Broken> {
    world_is_healed(state, world)
        .or_else(|| state.berths().find_map(|(id, berth)| unready(state, world, at, id, berth)))
        .or_else(|| strangers(state, world))
        .or_else(|| mispriced(state, world))
        .or_else(|| all_series(state).find_map(|series| astray(state, world, series)))
        .or_else(|| flows(state).find_map(|flow| left_to_nobody(state, at, flow)))
        .or_else(|| all_series(state).find_map(|series| passed_over(state, at, series)))
}

/// Prices and carbon are as they are believed.
fn mispriced(state: &State, world: &World<'_>) -> Option<Broken> {
    let mut clusters = (0..state.clusters().len()).map(ClusterId::from_index);
    clusters.find_map(|cluster| {
        let entry = state.cluster(cluster);
        let (believed, really) = ((entry.prices, entry.carbon), world.tariff(cluster));
        (believed != really).then(|| {
            let found = format!("{cluster:?} has {really:?}, not {believed:?}");
            ("prices are as they are believed", found)
        })
    })
}

fn all_series(state: &State) -> impl Iterator<Item = SeriesId> + '_ {
    (0..state.series().len()).map(SeriesId::from_index)
}

fn flows(state: &State) -> impl Iterator<Item = FlowId> + '_ {
    let calls = state
        .berths()
        .flat_map(|(id, berth)| berth.calls.iter().map(move |(call, _)| FlowId::Call(id, *call)));
    all_series(state).map(FlowId::Series).chain(calls)
}

fn world_is_healed(state: &State, world: &World<'_>) -> Option<Broken> {
    let away = state.clusters().iter().position(|cluster| match cluster.health {
        Health::Unknown { .. } | Health::Lost { .. } => true,
        Health::Fresh | Health::Retired => false,
    });
    if let Some(away) = away {
        return Some(("every cluster is heard of again", format!("cluster {away} is not")));
    }
    if !world.is_healed() {
        return Some(("all troubles are over", "the world has some left".into()));
    }
    if let Some(issued) = state.outstanding().next() {
        return Some(("every effect is done", format!("{issued:?} is not")));
    }
    let hold = state.holds().next();
    hold.map(|(hold, kind)| ("nothing waits for a person", format!("{hold:?} does: {kind:?}")))
}

/// A berth is ready just as the truth is, or waits for a gate that is shut.
fn unready(
    state: &State,
    world: &World<'_>,
    at: Tick,
    id: BerthId,
    berth: &Berth,
) -> Option<Broken> {
    if is_needed(state, berth) && (!is_live(berth) || state.app(berth.app).withdrawn) {
        return None;
    }
    if !is_live(berth) {
        return Some(("what is not needed is gone", format!("{id:?} is {:?}", berth.stage)));
    }
    if state.app(berth.app).withdrawn {
        return Some(("what is not needed is gone", format!("{id:?} is of a withdrawn app")));
    }
    berth.bindings.iter().find_map(|binding| {
        let key = BindingId { berth: id, component: binding.component };
        let pods = world.pods(berth.cluster, key);
        let gates = &state.intent(berth.app).component(binding.component).after;
        let waits = gates.iter().any(|gate| !reference::gate_holds(state, at, gate, berth.cluster));
        if binding.content == Content::Absent && waits {
            return None;
        }
        let ready = binding.phase == Phase::Ready && binding.seen >= binding.required;
        let as_seen = pods.ready == u32::from(binding.seen) && pods.pending == 0;
        // What nobody is sent to is kept for those that wait for it, failed or not.
        let failed = binding.phase == Phase::Failed && berth.sources.is_empty();
        if failed && pods.ready == u32::from(binding.seen) {
            return None;
        }
        (!ready || !as_seen).then(|| {
            let found =
                format!("{key:?} in {:?} has {pods:?}, believed {binding:?}", berth.cluster);
            ("every binding is ready and as it is believed", found)
        })
    })
}

/// Whether another app that stays has declared that it comes after this berth, the only one that it can mean.
fn is_needed(state: &State, berth: &Berth) -> bool {
    let copies =
        state.berths().filter(|(_, other)| (other.app, other.group) == (berth.app, berth.group));
    let only = copies.count() == 1;
    let others = state.berths().filter(|(_, other)| other.app != berth.app && is_live(other));
    others.into_iter().any(|(_, other)| {
        let declared = &state.app(other.app).intent;
        let written = other.bindings.iter().filter(|one| one.content == Content::Present);
        let mut gates = written.flat_map(|one| &declared.component(one.component).after);
        gates.any(|gate| {
            let near = gate.scope != Scope::Same || other.cluster == berth.cluster;
            let meant = berth.bindings.iter().any(|one| one.component == gate.component);
            gate.app == berth.app && meant && near && (only || gate.scope == Scope::Same)
        })
    })
}

/// Whether a rollout waits for a node with room for one more pod beside those that it replaces: nothing that
/// is allowed makes such room, and the old pods serve.
pub(super) fn is_stuck(state: &State, world: &World<'_>) -> bool {
    state.berths().any(|(id, berth)| {
        berth.bindings.iter().any(|binding| {
            let key = BindingId { berth: id, component: binding.component };
            let pods = world.pods(berth.cluster, key);
            let replaced = binding.seen == 0 && pods.ready > 0 && pods.pending > 0;
            binding.phase == Phase::Failed && replaced
        })
    })
}

/// Clusters have just the bindings that git holds.
fn strangers(state: &State, world: &World<'_>) -> Option<Broken> {
    let mut believed: BTreeMap<ClusterId, Vec<BindingId>> = BTreeMap::new();
    for (id, berth) in state.berths() {
        let present = berth.bindings.iter().filter(|one| one.content == Content::Present);
        let keys = present.map(|one| BindingId { berth: id, component: one.component });
        believed.entry(berth.cluster).or_default().extend(keys);
    }
    let mut clusters = (0..state.clusters().len()).map(ClusterId::from_index);
    clusters.find_map(|cluster| {
        let there = world.bindings(cluster);
        let mut here = believed.remove(&cluster).unwrap_or_default();
        here.sort_unstable();
        (there != here).then(|| {
            ("clusters have what is bound", format!("{cluster:?} has {there:?}, not {here:?}"))
        })
    })
}

/// Users are where the plan wants them, and enough of them are served, or too few are not.
fn astray(state: &State, world: &World<'_>, id: SeriesId) -> Option<Broken> {
    let series = &state.series()[id.index()];
    if state.app(series.spec.app).withdrawn {
        return None;
    }
    let activation = &state.intent(series.spec.app).activation;
    let right = match series.wake {
        Wake::Asleep => {
            series.flow.rate < activation.above && series.flow.shares.iter().count() == 0
        }
        Wake::Awake => series.flow.rate >= activation.idle_below,
        Wake::Rising { .. } | Wake::Idling { .. } => false,
    };
    if !right {
        return Some(("zones wake and sleep with their users", format!("{id:?} is {series:?}")));
    }
    // A signal that shows only what is served shows nothing where nobody serves.
    let offered = series.spec.signal == Signal::Offered;
    if offered && series.flow.rate.0.abs_diff(world.demand(id).0) > 1 {
        let found = format!("{id:?} is {:?}, really {:?}", series.flow.rate, world.demand(id));
        return Some(("demand is as it is believed", found));
    }
    if !series.flow.is_settled() && !waits_at_gate(state, &series.flow) {
        return Some(("users are where the plan wants them", format!("{id:?} is {series:?}")));
    }
    let mut believed: BTreeMap<ClusterId, u32> = BTreeMap::new();
    for share in series.flow.shares.iter() {
        let parts = u32::from(share.routed.0) * 1_000;
        *believed.entry(state.berth(share.berth).cluster).or_default() += parts;
    }
    for part in world.whereabouts(id) {
        let Some(cluster) = part.cluster else { continue };
        let told = believed.remove(&cluster).unwrap_or(0);
        if told.abs_diff(part.parts) > STRAY {
            let found = format!("{} of {id:?} are in {cluster:?}, not {told}", part.parts);
            return Some(("users are where they were sent", found));
        }
    }
    let missing = believed.iter().find(|(_, parts)| **parts > STRAY)?;
    Some(("users are where they were sent", format!("{id:?} is not in {missing:?}")))
}

/// Whether somebody who is to take a flow waits for a gate.
fn waits_at_gate(state: &State, flow: &Flow) -> bool {
    flow.shares.iter().any(|share| {
        let mut bindings = state.berth(share.berth).bindings.iter();
        bindings.any(|binding| binding.content == Content::Absent)
    })
}

/// A part of a flow that nobody serves, though somebody could for less than its price.
fn left_to_nobody(state: &State, at: Tick, id: FlowId) -> Option<Broken> {
    let flow = state.flow(id)?;
    let awake = match id {
        FlowId::Series(series) => state.series()[series.index()].wake == Wake::Awake,
        FlowId::Call(..) => true,
    };
    let (_, app, _) = state.endpoints(id);
    if !awake || state.app(app).withdrawn || flow.unassigned() == Permille::ZERO {
        return None;
    }
    let takers = flow.shares.iter().filter(|share| share.assigned > Permille::ZERO).count();
    let rest = flow.unassigned();
    let part = flow.rate.part(rest);
    if part.0 == 0 {
        return None;
    }
    let price = reference::unserved(state, app, part);
    let clusters = (0..state.clusters().len()).map(ClusterId::from_index);
    clusters.into_iter().find_map(|cluster| {
        let (added, joins) = joining(state, at, id, cluster, part)?;
        let more_takers = takers + usize::from(!joins) > periplus_core::state::ASSIGNED_MAX;
        let gain = price - added;
        let least = i128::from(state.policy().switching.least_gain.0) + ROUNDING;
        (!more_takers && gain > least).then(|| {
            let found = format!(
                "{rest:?} of {id:?} of {app:?} are not, at {price}; {cluster:?} could for {added}"
            );
            ("everybody is served who is worth it", found)
        })
    })
}

/// What a cluster would ask for serving `part` more of a flow, and whether the flow is there already; nothing
/// if it may not or cannot.
fn joining(
    state: &State,
    at: Tick,
    id: FlowId,
    cluster: ClusterId,
    part: MilliRps,
) -> Option<(i128, bool)> {
    let (place, app, group) = state.endpoints(id);
    let (rtt, bytes) = way(state, id, place, cluster)?;
    let berth = reference::berth_of(state, app, group, cluster);
    let live = berth.filter(|(_, berth)| is_live(berth)).map(|found| found.1);
    match live {
        Some(berth) if berth.cap.is_some() => return None,
        Some(_) => reference::may_hold(state, app, group, cluster).ok()?,
        None => reference::may_open(state, at, app, group, cluster).then_some(())?,
    }
    let load = live.map_or(MilliRps(0), |berth| berth.load);
    let more = MilliRps(load.0 + part.0);
    if !reference::has_room(state, app, group, cluster, more) {
        return None;
    }
    let used = live.is_some_and(|berth| !berth.sources.is_empty());
    let before = if used { reference::standing_cost(state, app, group, cluster, load)? } else { 0 };
    let opening = if live.is_some() { 0 } else { reference::opening(state) };
    let after = reference::standing_cost(state, app, group, cluster, more)? + opening;
    let late = reference::latency(state, app, part, rtt);
    let egress = reference::egress(state, cluster, part, bytes);
    let joins = berth.is_some_and(|(berth, _)| {
        state.flow(id).is_some_and(|flow| flow.shares.of(berth).assigned > Permille::ZERO)
    });
    Some((after - before + late + egress, joins))
}

/// How long requests of a flow take to be served from a cluster, in µs, and the bytes that cross.
fn way(state: &State, id: FlowId, place: Place, cluster: ClusterId) -> Option<(i128, i128)> {
    let (_, app, group) = state.endpoints(id);
    let worth = &state.intent(app).worth;
    let service = i128::from(worth.service_time.0);
    match (place, id) {
        (Place::Zone(zone), _) => {
            let rtt = reference::may_serve(state, app, zone, cluster)?;
            let crossing = reference::crossing(state, app, group, cluster);
            let bytes = i128::from(worth.response.0) + crossing.bytes;
            Some((i128::from(rtt.0) + service + crossing.wait, bytes))
        }
        (Place::Cluster(from), FlowId::Call(_, call)) => {
            let rtt = reference::distance(state, place, cluster)?;
            let call = &state.intent(app).calls[usize::from(call)];
            let waited = i128::from(rtt.0) * i128::from(call.round_trips) / 1_000;
            // At most: as if the users' own way had used up the target already.
            let whole =
                if from == cluster { 0 } else { waited + i128::from(worth.latency_target.0) };
            Some((whole, if from == cluster { 0 } else { i128::from(call.bytes.0) }))
        }
        (Place::Cluster(_), FlowId::Series(_)) => None,
    }
}

/// A cluster that could serve all of a zone's users for less than those who do.
fn passed_over(state: &State, at: Tick, id: SeriesId) -> Option<Broken> {
    let series = &state.series()[id.index()];
    let app = series.spec.app;
    let rate = series.flow.rate;
    let simple = state.intent(app).groups.len() == 1;
    let [share] = series.flow.shares.as_slice() else { return None };
    let awake = series.wake == Wake::Awake && share.assigned == Permille::WHOLE;
    if !awake || !simple || rate.0 == 0 || state.app(app).withdrawn {
        return None;
    }
    let now = state.berth(share.berth);
    let flow = FlowId::Series(id);
    let saved = leaving(state, flow, now)?;
    let clusters = (0..state.clusters().len()).map(ClusterId::from_index);
    clusters.filter(|cluster| *cluster != now.cluster).find_map(|cluster| {
        let (added, _) = joining(state, at, flow, cluster, rate)?;
        let gain = saved - added - reference::moving(state);
        let least = i128::from(state.policy().switching.least_gain.0) + ROUNDING;
        (gain > least).then(|| {
            let found = format!(
                "{id:?} of {app:?} is in {:?}, which saves {saved}; {cluster:?} takes {added}",
                now.cluster
            );
            ("no cheaper cluster is passed over", found)
        })
    })
}

/// What is saved where a flow leaves a berth.
fn leaving(state: &State, id: FlowId, berth: &Berth) -> Option<i128> {
    let (place, app, group) = state.endpoints(id);
    let rate = state.flow(id)?.rate;
    let (taken, bytes) = way(state, id, place, berth.cluster)?;
    let cost = |load| reference::standing_cost(state, app, group, berth.cluster, load);
    let rest = MilliRps(berth.load.0.checked_sub(rate.0)?);
    let stays = berth.sources.len() > 1;
    let after = if stays { cost(rest)? } else { 0 };
    // What stands without users is not given up.
    let standing = !stays && state.intent(app).group(group).standing > 0;
    if standing {
        return None;
    }
    let late = reference::latency(state, app, rate, taken);
    Some(cost(berth.load)? - after + late + reference::egress(state, berth.cluster, rate, bytes))
}
