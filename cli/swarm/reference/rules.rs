//! Who may be where: the rules that people declare and what an operator and the fleet's health add to them.

use periplus_core::State;
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, GroupId, ZoneId};
use periplus_core::intent::{Gate, Milestone, Scope};
use periplus_core::labels::{Labels, Operator, Selector};
use periplus_core::state::{Binding, Health, Phase};
use periplus_core::units::{MicrosRtt, Tick};

use super::is_live;

/// Whether labels meet every requirement of a selector.
#[must_use]
pub fn matches(selector: &Selector, labels: &Labels) -> bool {
    selector.0.iter().all(|requirement| {
        let value = labels.iter().find(|(key, _)| *key == requirement.key).map(|pair| pair.1);
        let listed = value.is_some_and(|value| requirement.values.contains(&value));
        match requirement.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    })
}

/// Why a group may not be in a cluster as far as declarations, operators and the cluster's health go, whoever
/// else is there.
///
/// # Errors
/// The rule that says no.
pub fn may_hold(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
) -> Result<(), &'static str> {
    let known = &state.apps()[app.index()];
    let entry = &state.clusters()[cluster.index()];
    let declared = &known.intent.groups[group.index()];
    let labels = &entry.spec.labels;
    let tenant = &state.tenants()[known.intent.tenant.index()];
    let tolerated = entry.spec.taints.iter().all(|taint| {
        known.intent.rules.tolerations.iter().any(|toleration| {
            toleration.key.is_none_or(|key| key == taint.key)
                && toleration.value.is_none_or(|value| Some(value) == taint.value)
        })
    });
    let staffed = declared.components.iter().all(|component| {
        let tables = &known.intent.components[component.index()].staffing;
        tables.iter().any(|table| table.0 == entry.spec.kind)
    });
    let pinned = known.pins[group.index()];
    let rules = [
        (entry.health == Health::Fresh, "its health"),
        (!entry.marks.cordoned, "a cordon"),
        (!entry.marks.draining, "a drain"),
        (pinned.is_none_or(|to| to == cluster), "a pin"),
        (matches(&tenant.clusters, labels), "the tenant's rights"),
        (matches(&known.intent.rules.selector, labels), "the app's selector"),
        (matches(&declared.selector, labels), "the group's selector"),
        (tolerated, "a taint"),
        (staffed, "a missing staffing table"),
    ];
    rules.iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, rule)| Err(*rule))
}

/// Whether a group may be opened in a cluster at `at`, whoever asks.
#[must_use]
pub fn may_open(state: &State, at: Tick, app: AppId, group: GroupId, cluster: ClusterId) -> bool {
    let known = &state.apps()[app.index()];
    let entry = &state.clusters()[cluster.index()];
    let declared = &known.intent.groups[group.index()];
    let failed = known.failed.iter().any(|(there, until)| *there == cluster && *until > at);
    let live = state
        .berths()
        .filter(|(_, berth)| berth.app == app && berth.group == group && is_live(berth))
        .count();
    let pinned = known.pins[group.index()].is_some();
    let data_elsewhere =
        declared.stateful && !pinned && live >= usize::from(declared.standing.max(1));
    let most = known.intent.rules.max_clusters;
    may_hold(state, app, group, cluster).is_ok()
        && entry.stable_at <= at
        && !failed
        && !data_elsewhere
        && most.is_none_or(|most| live < usize::from(most))
        && !meets_avoided(state, app, cluster)
}

/// Whether an app stands in a cluster that must not share one with `app`.
#[must_use]
pub fn meets_avoided(state: &State, app: AppId, cluster: ClusterId) -> bool {
    let avoids =
        |one: AppId, other: AppId| state.apps()[one.index()].intent.rules.avoid.contains(&other);
    state.berths().any(|(_, berth)| {
        berth.cluster == cluster && (avoids(app, berth.app) || avoids(berth.app, app))
    })
}

/// How far a zone's users are from a cluster, if an app's rules let them be served from there.
#[must_use]
pub fn may_serve(state: &State, app: AppId, zone: ZoneId, cluster: ClusterId) -> Option<MicrosRtt> {
    let rules = &state.apps()[app.index()].intent.rules;
    let place = &state.zones()[zone.index()];
    let rtt = place.reach.iter().find(|near| near.1 == cluster)?.0;
    let near = rules.max_rtt.is_none_or(|most| rtt <= most);
    let value = |labels: &Labels, key| labels.iter().find(|pair| pair.0 == key).map(|pair| pair.1);
    let there = &state.clusters()[cluster.index()].spec.labels;
    let at_home =
        rules.residency.is_none_or(|key| value(&place.spec.labels, key) == value(there, key));
    (near && at_home).then_some(rtt)
}

/// How far `to` is from a place.
#[must_use]
pub fn distance(state: &State, from: Place, to: ClusterId) -> Option<MicrosRtt> {
    let reach = match from {
        Place::Cluster(cluster) if cluster == to => return Some(MicrosRtt(0)),
        Place::Cluster(cluster) => &state.clusters()[cluster.index()].reach,
        Place::Zone(zone) => &state.zones()[zone.index()].reach,
    };
    reach.iter().find(|near| near.1 == to).map(|near| near.0)
}

/// Whether a gate's condition holds for something in `cluster` at `at`.
#[must_use]
pub fn gate_holds(state: &State, at: Tick, gate: &Gate, cluster: ClusterId) -> bool {
    let mut there: Vec<(Option<MicrosRtt>, ClusterId, &Binding)> = state
        .berths()
        .filter(|(_, berth)| berth.app == gate.app)
        .filter_map(|(_, berth)| {
            let mut bindings = berth.bindings.iter();
            let binding = bindings.find(|binding| binding.component == gate.component)?;
            let far = distance(state, Place::Cluster(cluster), berth.cluster);
            Some((far, berth.cluster, binding))
        })
        .collect();
    let holds = |(_, _, binding): &(Option<MicrosRtt>, ClusterId, &Binding)| {
        let reached = match gate.until {
            Milestone::Deployed => matches!(binding.phase, Phase::Applied | Phase::Ready),
            Milestone::Ready => binding.phase == Phase::Ready,
        };
        reached && binding.since.0 + gate.hold.0 <= at.0
    };
    match gate.scope {
        Scope::Same => there.iter().any(|one| one.1 == cluster && holds(one)),
        Scope::Any => there.iter().any(holds),
        Scope::Every => !there.is_empty() && there.iter().all(holds),
        Scope::Nearest => {
            there.retain(|one| one.0.is_some());
            there.sort_by_key(|one| (one.0, one.1));
            there.first().is_some_and(holds)
        }
    }
}
