//! Priced: what serving costs, line by line, in µ$ per hour.
//!
//! Two forms of the same sums: totals for the search, which compares millions of them, and bills with every
//! line for people. `bill` adds up to what the search used, but for one µ$ of rounding per line.

use crate::fleet::Place;
use crate::ids::{AppId, ClusterId, GroupId};
use crate::intent::{GroupCall, Intent};
use crate::state::{FlowId, State};
use crate::units::{
    Bytes, MicroUsdPerHour, MicrosRtt, MilliRps, per_excess_latency, per_gigabyte,
    per_thousand_requests,
};

/// What a whole flow costs beside resources, if one cluster serves it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) latency: MicroUsdPerHour,
    pub(crate) egress: MicroUsdPerHour,
}

/// How far the other groups are from a group in one cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crossings {
    /// Round trips between clusters that a user request waits for.
    pub(crate) wait: MicrosRtt,
    /// Bytes between clusters per user request.
    pub(crate) bytes: Bytes,
}

/// What it costs to serve a zone's users from `cluster`, `rtt` away.
pub(crate) fn way_of_users(
    state: &State,
    intent: &Intent,
    rate: MilliRps,
    cluster: ClusterId,
    rtt: MicrosRtt,
    crossings: Crossings,
) -> Way {
    let worth = &intent.worth;
    let taken = rtt.saturating_add(worth.service_time).saturating_add(crossings.wait);
    let late = taken.saturating_sub(worth.latency_target);
    let bytes = Bytes(worth.response.0 + crossings.bytes.0);
    let gigabyte = state.cluster(cluster).prices.egress_gigabyte;
    Way {
        latency: per_excess_latency(rate, late, worth.latency),
        egress: per_gigabyte(rate, bytes, gigabyte),
    }
}

/// What it costs to serve a caller's requests from `cluster`, `rtt` away from it.
///
/// The users' own way uses up its part of the target first; what is left is what calls may take.
pub(crate) fn way_of_calls(
    state: &State,
    intent: &Intent,
    flow: FlowId,
    rate: MilliRps,
    cluster: ClusterId,
    rtt: MicrosRtt,
) -> Way {
    let FlowId::Call(caller, call) = flow else { return Way::default() };
    let call = &intent.calls[usize::from(call)];
    let from = state.berth(caller).cluster;
    if from == cluster {
        return Way::default();
    }
    let worth = &intent.worth;
    let taken = users_rtt(state, flow).saturating_add(worth.service_time);
    let left = worth.latency_target.saturating_sub(taken);
    let late = round_trips(call, rtt).saturating_sub(left);
    let gigabyte = state.cluster(from).prices.egress_gigabyte;
    Way {
        latency: per_excess_latency(rate, late, worth.latency),
        egress: per_gigabyte(rate, call.bytes, gigabyte),
    }
}

/// The mean round-trip time of the users behind a caller, weighted by their rates.
fn users_rtt(state: &State, flow: FlowId) -> MicrosRtt {
    let FlowId::Call(caller, _) = flow else { return MicrosRtt::ZERO };
    let berth = state.berth(caller);
    let (mut waited, mut requests) = (0_u128, 0_u128);
    for source in &berth.sources {
        let FlowId::Series(series) = source else { continue };
        let series = &state.series[series.index()];
        let rate = u128::from(series.flow.rate.0);
        if let Some(rtt) = state.zone(series.spec.zone).reach.rtt(berth.cluster) {
            waited += rate * u128::from(rtt.0);
            requests += rate;
        }
    }
    let mean = waited.checked_div(requests).unwrap_or(0);
    MicrosRtt(u32::try_from(mean).unwrap_or(u32::MAX))
}

fn round_trips(call: &GroupCall, rtt: MicrosRtt) -> MicrosRtt {
    let waited = u64::from(rtt.0) * u64::from(call.round_trips) / 1_000;
    MicrosRtt(u32::try_from(waited).unwrap_or(u32::MAX))
}

/// How far the groups that `group` calls are from `cluster`, or would be.
///
/// A callee that may run in the cluster itself costs nothing; of the others the nearest that has it counts,
/// or the nearest that may have it.
pub(crate) fn crossings(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
) -> Crossings {
    let intent = state.intent(app);
    let mut sum = Crossings::default();
    for call in intent.calls_from(group) {
        let Some(rtt) = callee_distance(state, app, call.to, cluster) else { continue };
        sum.wait = sum.wait.saturating_add(round_trips(call, rtt));
        if rtt > MicrosRtt::ZERO {
            sum.bytes += call.bytes;
        }
    }
    sum
}

fn callee_distance(
    state: &State,
    app: AppId,
    group: GroupId,
    from: ClusterId,
) -> Option<MicrosRtt> {
    let known = state.app(app);
    let settled =
        state.intent(app).group(group).stateful && !known.berths[group.index()].is_empty();
    let may_run = |cluster: ClusterId| {
        known.pins[group.index()].is_none_or(|pinned| pinned == cluster)
            && !settled
            && state.derived.allows(app, group, cluster)
    };
    let runs = |cluster: ClusterId| {
        let held = known.berth_in(group, cluster);
        held.is_some_and(|berth| state.berth(berth).is_live())
    };
    if runs(from) || may_run(from) {
        return Some(MicrosRtt::ZERO);
    }
    let reach = &state.cluster(from).reach;
    let nearest_running = reach.iter().find(|(_, cluster)| runs(*cluster));
    let nearest = nearest_running.or_else(|| reach.iter().find(|(_, cluster)| may_run(*cluster)));
    nearest.map(|(rtt, _)| rtt)
}

/// The price of leaving a whole flow to nobody.
pub(crate) fn unserved(intent: &Intent, rate: MilliRps) -> MicroUsdPerHour {
    per_thousand_requests(rate, intent.worth.unserved)
}

/// What being active in `cluster` costs an app, whatever its size, and what it is worth to it.
pub(crate) fn fixed(
    state: &State,
    app: AppId,
    cluster: ClusterId,
) -> (MicroUsdPerHour, MicroUsdPerHour) {
    let entry = state.cluster(cluster);
    let preferences = &state.intent(app).rules.preferences;
    let matching = preferences.iter().filter(|one| one.selector.matches(&entry.spec.labels));
    (entry.prices.active, matching.map(|preference| preference.price).sum())
}

/// The clusters that a place can reach, nearest first. A cluster reaches itself at no distance.
pub(crate) fn reach(
    state: &State,
    place: Place,
) -> impl Iterator<Item = (MicrosRtt, ClusterId)> + '_ {
    let (own, reach) = match place {
        Place::Zone(zone) => (None, &state.zone(zone).reach),
        Place::Cluster(cluster) => {
            (Some((MicrosRtt::ZERO, cluster)), &state.cluster(cluster).reach)
        }
    };
    let others = reach.iter().filter(move |near| own.is_none_or(|own| own.1 != near.1));
    own.into_iter().chain(others)
}
