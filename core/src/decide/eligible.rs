//! Eligible: which clusters may serve a group, and every "no" with its reason.
//!
//! A rule that refuses something new may still let stay what is there: a cordoned cluster keeps its berths,
//! a drained one does not.

use crate::capacity::{Shortage, Totals, oversized};
use crate::decision::Reason;
use crate::fleet::Place;
use crate::ids::{AppId, BerthId, ClusterId, GroupId};
use crate::intent::Intent;
use crate::labels::TaintEffect;
use crate::state::{Berth, Health, State};
use crate::units::{MicrosRtt, Tick};

/// What a cluster may do for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Take it, or more of it.
    Open,
    /// Keep what is there and take who is served by nobody, but nobody from elsewhere: it has not been stable
    /// for long enough.
    Returning(Reason),
    /// Keep what is there.
    Keep(Reason),
    /// Nothing: what is there must leave.
    Shut(Reason),
}

/// What `cluster` may do for `group`, whoever asks. What depends on the place is in [`refuses_place`].
pub(crate) fn stance(
    state: &State,
    at: Tick,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
) -> Stance {
    let entry = state.cluster(cluster);
    let held = state.app(app).berth_in(group, cluster);
    let declared = state.intent(app).group(group);
    let known = state.app(app);
    let there = held.is_some_and(|berth| state.berth(berth).is_live());

    if entry.health == Health::Retired {
        return Stance::Shut(Reason::Retired);
    }
    if let Health::Lost { since } = entry.health {
        let reason = Reason::Lost { since };
        // Data does not follow: it waits for its cluster, or for a command.
        return if there && declared.stateful {
            Stance::Keep(reason)
        } else {
            Stance::Shut(reason)
        };
    }
    if let Some(pinned) = known.pins[group.index()].filter(|pinned| *pinned != cluster) {
        return Stance::Shut(Reason::Pinned { cluster: pinned });
    }
    if !state.derived.allows(app, group, cluster) {
        let reason = state.standing_refusal(app, group, cluster);
        let reason = reason.expect("a cluster that is not allowed is refused for a reason");
        let stays = matches!(reason, Reason::TaintNotTolerated { .. })
            && !is_driven_out(state, app, cluster);
        return if stays && there { Stance::Keep(reason) } else { Stance::Shut(reason) };
    }
    if entry.marks.draining {
        return Stance::Shut(Reason::Draining);
    }
    if let Some(until) = failed_until(state, at, app, cluster) {
        return Stance::Shut(Reason::RecentlyFailed { until });
    }
    if entry.marks.cordoned {
        return Stance::Keep(Reason::Cordoned);
    }
    if let Health::Unknown { since } = entry.health {
        return Stance::Keep(Reason::Unknown { since });
    }
    let returning = (entry.stable_at > at).then_some(Reason::Returning { until: entry.stable_at });
    if there {
        return returning.map_or(Stance::Open, Stance::Returning);
    }
    if declared.stateful
        && let Some(reason) = stays_with_data(state, app, group)
    {
        return Stance::Shut(reason);
    }
    if let Some(other) = avoided(state, app, cluster) {
        return Stance::Shut(Reason::Avoided { app: other });
    }
    if let Some(limit) = state.intent(app).rules.max_clusters
        && live_berths(state, app, group) >= usize::from(limit)
    {
        return Stance::Shut(Reason::MaxClusters { limit });
    }
    returning.map_or(Stance::Open, Stance::Returning)
}

impl Stance {
    /// Why nothing new may come, if it may not.
    pub(crate) fn refusal(self) -> Option<Reason> {
        match self {
            Self::Open => None,
            Self::Returning(reason) | Self::Keep(reason) | Self::Shut(reason) => Some(reason),
        }
    }
}

/// Why `place` may not be served from `cluster`, if the place itself is the reason.
pub(crate) fn refuses_place(
    state: &State,
    intent: &Intent,
    place: Place,
    cluster: ClusterId,
    rtt: MicrosRtt,
) -> Option<Reason> {
    let Place::Zone(zone) = place else { return None };
    if let Some(limit) = intent.rules.max_rtt.filter(|limit| rtt > *limit) {
        return Some(Reason::TooFar { rtt, limit });
    }
    let key = intent.rules.residency?;
    let zone = state.zone(zone).spec.labels.value(key);
    let cluster = state.cluster(cluster).spec.labels.value(key);
    (zone != cluster).then_some(Reason::Residency { key, zone, cluster })
}

/// The room that a group may take in `cluster` beside all others, and why it is nothing, if the tenant's
/// quota is the reason. `evictable` is room that others would yield.
pub(crate) fn free(
    state: &State,
    app: AppId,
    cluster: ClusterId,
    berth: Option<&Berth>,
    evictable: &Totals,
) -> (Totals, Option<Reason>) {
    let entry = state.cluster(cluster);
    let own = berth.map(Berth::charged).unwrap_or_default();
    let mut taken = entry.held;
    taken -= own;
    let free = entry.room.less(&taken.less(evictable));
    let tenant = state.intent(app).tenant;
    let Some(quota) = state.tenant(tenant).quota else { return (free, None) };
    let mut used = state.derived.held_by(tenant);
    used -= own;
    let quota = Totals { pods: u64::MAX, ..Totals::of(&quota, 1) };
    let left = quota.less(&used);
    let short = left.shortage(&free).map(|Shortage { resource, wanted, free }| {
        Reason::QuotaExceeded { resource, wanted, left: free }
    });
    (free.at_most(&left), short)
}

/// Why one pod of the group fits no node of the cluster, if that is so.
pub(crate) fn exceeds_nodes(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
) -> Option<Reason> {
    let intent = state.intent(app);
    let nodes = &state.cluster(cluster).nodes;
    intent.group(group).components.iter().find_map(|component| {
        let Shortage { resource, wanted, free } =
            oversized(nodes, &intent.component(*component).request)?;
        Some(Reason::PodExceedsNode { component: *component, resource, wanted, largest: free })
    })
}

pub(crate) fn live_berths(state: &State, app: AppId, group: GroupId) -> usize {
    let held = &state.app(app).berths[group.index()];
    held.iter().filter(|(_, berth)| state.berth(*berth).is_live()).count()
}

/// In how many more clusters the group may be opened, whichever they are.
pub(crate) fn openings(state: &State, app: AppId, group: GroupId) -> u32 {
    let intent = state.intent(app);
    let declared = intent.group(group);
    let data = declared.stateful && state.app(app).pins[group.index()].is_none();
    let copies = data.then_some(declared.standing.max(1));
    let most = intent.rules.max_clusters.into_iter().chain(copies).min();
    let live = u32::try_from(live_berths(state, app, group)).unwrap_or(u32::MAX);
    most.map_or(u32::MAX, |most| u32::from(most).saturating_sub(live))
}

/// Why the group is opened in no further cluster, once it is in as many as it may be.
pub(crate) fn no_more_clusters(state: &State, app: AppId, group: GroupId) -> Reason {
    let limit = state.intent(app).rules.max_clusters.unwrap_or(u16::MAX);
    stays_with_data(state, app, group)
        .filter(|_| state.intent(app).group(group).stateful)
        .unwrap_or(Reason::MaxClusters { limit })
}

fn is_driven_out(state: &State, app: AppId, cluster: ClusterId) -> bool {
    let tolerations = &state.intent(app).rules.tolerations;
    state.cluster(cluster).spec.taints.iter().any(|taint| {
        taint.effect == TaintEffect::NoExecute
            && !tolerations.iter().any(|toleration| toleration.covers(taint))
    })
}

fn failed_until(state: &State, at: Tick, app: AppId, cluster: ClusterId) -> Option<Tick> {
    let failed = &state.app(app).failed;
    let place = failed.binary_search_by_key(&cluster, |failed| failed.0).ok()?;
    Some(failed[place].1).filter(|until| *until > at)
}

/// Where the group's data is, if it is in as many clusters as it may be.
fn stays_with_data(state: &State, app: AppId, group: GroupId) -> Option<Reason> {
    let pinned = state.app(app).pins[group.index()];
    let copies = usize::from(state.intent(app).group(group).standing.max(1));
    let held = &state.app(app).berths[group.index()];
    let live = |held: &&(ClusterId, BerthId)| state.berth(held.1).is_live();
    let first = held.iter().find(live)?;
    (pinned.is_none() && live_berths(state, app, group) >= copies)
        .then_some(Reason::Stateful { cluster: first.0 })
}

fn avoided(state: &State, app: AppId, cluster: ClusterId) -> Option<AppId> {
    let there = |other: &&AppId| {
        let held = state.apps.items().get(other.index());
        held.is_some_and(|held| {
            (0..held.berths.len())
                .any(|group| held.berth_in(GroupId::from_index(group), cluster).is_some())
        })
    };
    state.derived.avoided(app).iter().find(there).copied()
}
