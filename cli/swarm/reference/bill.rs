//! Bills, from the formulas that `docs/` states, in µ$ per hour and wide integers.

use periplus_core::State;
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, GroupId};
use periplus_core::units::{MicroUsd, MicrosRtt, MilliRps};

use super::rules::{distance, matches, may_hold};
use super::{Pods, is_live, replicas, with_margin};

/// Round trips and bytes between clusters that a user request to a group causes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crossing {
    /// How long a request waits for them, in µs.
    pub wait: i128,
    /// How many bytes cross.
    pub bytes: i128,
}

/// What pods cost in a cluster: CPU with its carbon, memory, extended resources.
#[must_use]
pub fn resources(state: &State, cluster: ClusterId, pods: &Pods) -> i128 {
    let entry = &state.clusters()[cluster.index()];
    let sum = |of: &dyn Fn(&periplus_core::fleet::Resources) -> i128| -> i128 {
        pods.iter().map(|(request, count)| of(request) * i128::from(*count)).sum()
    };
    // Milliwatts × thousandths × grams per kWh ÷ 1,000 are micrograms per hour.
    let power = &entry.spec.power;
    let micrograms =
        i128::from(power.core.0) * i128::from(power.effectiveness) * i128::from(entry.carbon.0)
            / 1_000;
    let carbon = up(micrograms * i128::from(state.policy().carbon_tonne.0), 1_000_000_000_000);
    let core = i128::from(entry.prices.core.0) + carbon;
    let cpu = up(sum(&|request| i128::from(request.cpu.0)) * core, 1_000);
    let gib = i128::from(entry.prices.gib.0);
    let memory = up(sum(&|request| i128::from(request.memory.0)) * gib, 1_024);
    let extended = (0..entry.prices.extended.len()).map(|place| {
        sum(&|request| i128::from(request.extended[place]))
            * i128::from(entry.prices.extended[place].0)
    });
    cpu + memory + extended.sum::<i128>()
}

/// What a group costs in a cluster while it serves `load`: replicas with the target headroom, being active,
/// preferences. `None` where it cannot be staffed for that.
#[must_use]
pub fn standing_cost(
    state: &State,
    app: AppId,
    group: GroupId,
    cluster: ClusterId,
    load: MilliRps,
) -> Option<i128> {
    let headroom = &state.policy().headroom;
    let target = replicas(state, app, group, cluster, with_margin(load, headroom.target));
    // Where the table ends below the target, what holds the least is what there is.
    let pods = target
        .or_else(|| replicas(state, app, group, cluster, with_margin(load, headroom.least)))?;
    let entry = &state.clusters()[cluster.index()];
    let preferences = &state.apps()[app.index()].intent.rules.preferences;
    let matching = preferences.iter().filter(|one| matches(&one.selector, &entry.spec.labels));
    let preference: i128 = matching.map(|one| i128::from(one.price.0)).sum();
    Some(resources(state, cluster, &pods) + i128::from(entry.prices.active.0) + preference)
}

/// What `rate` costs by being late: `taken` µs without waiting, against the app's target.
#[must_use]
pub fn latency(state: &State, app: AppId, rate: MilliRps, taken: i128) -> i128 {
    let worth = &state.apps()[app.index()].intent.worth;
    let late = (taken - i128::from(worth.latency_target.0)).max(0);
    i128::from(rate.0) * 36 * late * i128::from(worth.latency.0) / 10_000_000
}

/// What `rate` costs in bytes that leave `cluster`.
#[must_use]
pub fn egress(state: &State, cluster: ClusterId, rate: MilliRps, bytes: i128) -> i128 {
    let price = i128::from(state.clusters()[cluster.index()].prices.egress_gigabyte.0);
    i128::from(rate.0) * 36 * bytes * price / 10_000_000_000
}

/// What `rate` costs if nobody serves it.
#[must_use]
pub fn unserved(state: &State, app: AppId, rate: MilliRps) -> i128 {
    let price = i128::from(state.apps()[app.index()].intent.worth.unserved.0);
    i128::from(rate.0) * 36 * price / 10_000
}

/// The price of starting a group, over the payback.
#[must_use]
pub fn opening(state: &State) -> i128 {
    spread(state, state.policy().switching.per_start)
}

/// The price of moving a flow, over the payback.
#[must_use]
pub fn moving(state: &State) -> i128 {
    spread(state, state.policy().switching.per_move)
}

fn spread(state: &State, once: MicroUsd) -> i128 {
    let payback = i128::from(state.policy().switching.payback.0.max(1));
    i128::from(once.0) * 3_600_000 / payback
}

/// What calls of a group in `cluster` cross: nothing to a group that runs there or may, otherwise the way to
/// the nearest that runs, or that may.
#[must_use]
pub fn crossing(state: &State, app: AppId, group: GroupId, cluster: ClusterId) -> Crossing {
    let known = &state.apps()[app.index()];
    let mut sum = Crossing::default();
    for call in known.intent.calls.iter().filter(|call| call.from == group) {
        let callee = &known.intent.groups[call.to.index()];
        let settled = callee.stateful
            && state.berths().any(|(_, berth)| berth.app == app && berth.group == call.to);
        let runs = |there: ClusterId| {
            state.berths().any(|(_, berth)| {
                (berth.app, berth.group, berth.cluster) == (app, call.to, there) && is_live(berth)
            })
        };
        let may = |there| !settled && may_hold(state, app, call.to, there).is_ok();
        if runs(cluster) || may(cluster) {
            continue;
        }
        let mut near: Vec<(MicrosRtt, ClusterId)> = (0..state.clusters().len())
            .map(ClusterId::from_index)
            .filter_map(|to| Some((distance(state, Place::Cluster(cluster), to)?, to)))
            .collect();
        near.sort_unstable();
        let running = near.iter().find(|near| runs(near.1));
        let Some((rtt, _)) = running.or_else(|| near.iter().find(|near| may(near.1))) else {
            continue;
        };
        sum.wait += i128::from(rtt.0) * i128::from(call.round_trips) / 1_000;
        sum.bytes += i128::from(call.bytes.0);
    }
    sum
}

fn up(value: i128, by: i128) -> i128 {
    (value + by - 1).div_euclid(by)
}
