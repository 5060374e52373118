//! What must hold after every record: never more bound than fits, never before its dependency, nothing twice,
//! nothing lost, quotas kept, priorities respected.

mod events;

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::effect::{Effect, EffectKey, Generation, Issued};
use periplus_core::event::Event;
use periplus_core::fleet::Resources;
use periplus_core::ids::{BindingId, ClusterId, SeriesId};
use periplus_core::state::{Berth, Binding, Content, FlowId, Health, Stage};
use periplus_core::units::Permille;
use periplus_core::{Record, State};
use periplus_sim::World;

use super::Numbers;
use super::reference::{self, Pods, is_live, quota_holds};

/// What must hold, in words, and what was found instead.
pub(super) type Broken = (&'static str, String);

/// Remembers what cannot be seen in a state.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    /// The newest content that was written or removed in each place for a berth, and by which effect.
    written: BTreeMap<BindingId, (Generation, EffectKey)>,
    /// Whether nothing may change any more.
    quiet: bool,
}

impl Invariants {
    /// From now on nothing may be placed, moved, scaled or removed.
    pub(super) fn demand_quiet(&mut self) {
        self.quiet = true;
    }

    /// Checks the step from `before` to `after`.
    pub(super) fn hold(
        &self,
        record: &Record,
        before: &State,
        after: &State,
        world: &World<'_>,
    ) -> Result<(), Broken> {
        if !record.events.iter().any(changes_placement) {
            return Ok(());
        }
        if self.quiet {
            let change = record.events.iter().find(|event| changes_placement(event));
            return Err(("constant inputs change nothing", format!("{change:?}")));
        }
        once(after)?;
        room(before, after)?;
        quotas(before, after)?;
        events::allowed(record, before, after)?;
        nothing_left_behind(after, world)
    }

    /// Checks that contents only get newer. An effect that is done again may be old: git refuses it.
    pub(super) fn carried_out(&mut self, effects: &[Issued]) -> Result<(), Broken> {
        for Issued { key, effect } in effects {
            let (target, generation) = match effect {
                Effect::Prime { target, generation, .. }
                | Effect::Withdraw { target, generation } => (target, *generation),
                Effect::Route { .. } | Effect::Alert(_) => continue,
            };
            let newest = self.written.entry(target.binding).or_insert((generation, *key));
            if *key > newest.1 && generation <= newest.0 {
                let found = format!("{effect:?} follows generation {}", newest.0.0);
                return Err(("contents only get newer", found));
            }
            *newest = (*newest).max((generation, *key));
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a few kinds of events are counted; the others are of no interest here"
    )]
    pub(super) fn count(&self, record: &Record, numbers: &mut Numbers) {
        for event in &record.events {
            match event {
                Event::BerthOpened { .. } => numbers.opened += 1,
                Event::BerthLeaving { .. } => numbers.left += 1,
                _ if events::preempts(event).is_some() => numbers.preempted += 1,
                _ => {}
            }
        }
    }
}

/// Whether an event is about what stands where, or who is sent there.
fn changes_placement(event: &Event) -> bool {
    matches!(
        event,
        Event::BerthOpened { .. }
            | Event::BerthReopened { .. }
            | Event::BerthClosing { .. }
            | Event::BerthLeaving { .. }
            | Event::BerthRemoved { .. }
            | Event::Assigned { .. }
            | Event::Staffed { .. }
            | Event::BindingAdded { .. }
            | Event::PrimeIssued { .. }
            | Event::WithdrawIssued { .. }
            | Event::BindingRemoved { .. }
            | Event::BindingFailed { .. }
            | Event::RouteIssued { .. }
            | Event::ClusterRetired { .. }
    )
}

/// A group has one berth in a cluster, a berth one binding per component, and sums agree with their parts.
fn once(state: &State) -> Result<(), Broken> {
    let mut seen = BTreeSet::new();
    for (id, berth) in state.berths() {
        if !seen.insert((berth.app, berth.group, berth.cluster)) {
            return Err(("nothing is bound twice", format!("{id:?} is a second berth")));
        }
        if !berth.bindings.is_sorted_by(|one, other| one.component < other.component) {
            return Err(("nothing is bound twice", format!("{:?}", berth.bindings)));
        }
        let listed = state.cluster(berth.cluster).berths.contains(&id)
            && state.app(berth.app).berth_in(berth.group, berth.cluster) == Some(id);
        if !listed {
            return Err(("no binding is lost", format!("nobody knows of {id:?}")));
        }
        for flow in &berth.sources {
            let shares = state.flow(*flow).map(|flow| flow.shares);
            if shares.is_none_or(|shares| shares.of(id).charged() == Permille::ZERO) {
                return Err(("users and berths agree", format!("{id:?} is not in {flow:?}")));
            }
        }
    }
    let bindings: usize = state.berths().map(|(_, berth)| berth.bindings.len()).sum();
    if bindings != state.bindings() as usize {
        return Err(("no binding is lost", format!("{bindings} of {}", state.bindings())));
    }
    let flows = (0..state.series().len()).map(|place| FlowId::Series(SeriesId::from_index(place)));
    for flow in
        flows.chain(state.berths().flat_map(|(id, berth)| {
            berth.calls.iter().map(move |(call, _)| FlowId::Call(id, *call))
        }))
    {
        shares(state, flow)?;
    }
    Ok(())
}

/// A flow goes to live berths of the group that it asks for, and no more than all of it.
fn shares(state: &State, id: FlowId) -> Result<(), Broken> {
    let Some(flow) = state.flow(id) else { return Ok(()) };
    let (_, app, group) = state.endpoints(id);
    let assigned: u32 = flow.shares.iter().map(|share| u32::from(share.assigned.0)).sum();
    let routed: u32 = flow.shares.iter().map(|share| u32::from(share.routed.0)).sum();
    if assigned > 1_000 || routed > 1_000 {
        return Err(("no user is served twice", format!("{id:?} has {:?}", flow.shares)));
    }
    for share in flow.shares.iter() {
        let Some(berth) = state.try_berth(share.berth) else {
            return Err(("users go where somebody is", format!("{id:?}: {share:?}")));
        };
        let right = (berth.app, berth.group) == (app, group) && berth.sources.contains(&id);
        if !right || (share.assigned > Permille::ZERO && !is_live(berth)) {
            return Err(("users go where somebody is", format!("{id:?}: {share:?}, {berth:?}")));
        }
    }
    Ok(())
}

/// Where more is bound, or written, than before, all of it fits.
fn room(before: &State, after: &State) -> Result<(), Broken> {
    for cluster in (0..after.clusters().len()).map(ClusterId::from_index) {
        grows_within(before, after, cluster, bound, "never more is bound than fits")?;
        grows_within(before, after, cluster, written, "never more is in git than fits")?;
    }
    Ok(())
}

/// What counts of a binding, by what one replica asks for and how many there are.
type Counted = fn(&State, &Berth, &Binding) -> (Resources, u16);

/// What a binding should be. Planning counts on room that others are about to leave; git must not, and what
/// a live berth gives up is still written: that is counted apart.
fn bound(state: &State, berth: &Berth, binding: &Binding) -> (Resources, u16) {
    let declared = state.intent(berth.app).component(binding.component).request;
    match berth.stage {
        Stage::Live => (declared, binding.replicas),
        Stage::Closing { .. } | Stage::Leaving { .. } => (binding.request, 0),
    }
}

/// The most of what should be, what git may say and what is.
fn charged(binding: &Binding) -> u16 {
    binding.replicas.max(binding.ceiling).max(binding.seen)
}

/// What git may say of a binding, or is left of what it said.
fn written(_: &State, _: &Berth, binding: &Binding) -> (Resources, u16) {
    match binding.content {
        Content::Absent => (binding.request, 0),
        Content::Present | Content::Leaving => (binding.request, binding.ceiling.max(binding.seen)),
    }
}

fn grows_within(
    before: &State,
    after: &State,
    cluster: ClusterId,
    count: Counted,
    rule: &'static str,
) -> Result<(), Broken> {
    let entry = &after.clusters()[cluster.index()];
    let mut grows = None;
    let mut pods: Pods = Vec::new();
    for id in &entry.berths {
        let berth = after.berth(*id);
        let known = before.try_berth(*id).filter(|known| {
            (known.app, known.group, known.cluster) == (berth.app, berth.group, cluster)
        });
        for binding in &berth.bindings {
            let (request, replicas) = count(after, berth, binding);
            let then = known.and_then(|known| Some((known, known.binding(binding.component)?)));
            let then = then.map(|(known, then)| (count(before, known, then), charged(then)));
            // What is merely seen, and what a person declares, is not of our doing.
            let more = match then {
                Some((_, charged)) => replicas > charged.max(binding.seen),
                None => replicas > 0,
            };
            let larger = then.is_some_and(|((then, _), _)| request > then);
            if more || (larger && rule.contains("git") && replicas > 0) {
                grows = Some(BindingId { berth: *id, component: binding.component });
            }
            pods.push((request, u32::from(replicas)));
        }
    }
    match grows {
        Some(key) if !reference::packs(&entry.nodes, &pods) => {
            let found = format!("{key:?} in {cluster:?} grows: {pods:?} on {:?}", entry.nodes);
            Err((rule, found))
        }
        Some(_) | None => Ok(()),
    }
}

/// What apps of a tenant ask for together grows only within its quota.
fn quotas(before: &State, after: &State) -> Result<(), Broken> {
    for tenant in 0..after.tenants().len() {
        let pods = |state: &State| -> Pods {
            let mine = state
                .berths()
                .filter(|(_, berth)| state.app(berth.app).intent.tenant.index() == tenant);
            mine.flat_map(|(_, berth)| reference::charges(berth)).collect()
        };
        let now = pods(after);
        if quota_holds(after, tenant, &now) {
            continue;
        }
        let sum = |pods: &Pods| -> (u64, u64) {
            pods.iter().fold((0, 0), |sum, (request, count)| {
                let times = u64::from(*count);
                let (cpu, memory) = (u64::from(request.cpu.0), u64::from(request.memory.0));
                (sum.0 + cpu * times, sum.1 + memory * times)
            })
        };
        let (then, now) = (sum(&pods(before)), sum(&now));
        if now.0 > then.0 || now.1 > then.1 {
            let quota = after.tenants()[tenant].quota;
            return Err(("quotas are kept", format!("{now:?} of {quota:?}, {then:?} before")));
        }
    }
    Ok(())
}

/// Every object of ours in a cluster belongs to a binding that is believed to be there. A cluster that has
/// left for good takes its objects with it.
fn nothing_left_behind(state: &State, world: &World<'_>) -> Result<(), Broken> {
    for place in 0..state.clusters().len() {
        let cluster = ClusterId::from_index(place);
        if state.cluster(cluster).health == Health::Retired {
            continue;
        }
        for binding in world.bindings(cluster) {
            let known = state.binding(binding).filter(|known| known.content != Content::Absent);
            let here = state.try_berth(binding.berth).is_some_and(|berth| berth.cluster == cluster);
            if known.is_none() || !here {
                let found = format!("{cluster:?} still has {binding:?}, known as {known:?}");
                return Err(("nothing is left behind", found));
            }
        }
    }
    Ok(())
}
