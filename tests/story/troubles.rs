//! Troubles one after the other, while the shop serves the harbour: each is to change nothing, or to be answered and then
//! undone.

use std::fs;
use std::time::Duration;

use periplus_support::real::until;

use crate::fleet::{self, Fleet};
use crate::hub::{Hub, SOON};
use crate::{declared, gone, serves};

/// Longer than signals may be stale, and several times as long as anything is looked at anew.
const A_WHILE: Duration = Duration::from_secs(10);

pub(crate) async fn come(fleet: &mut Fleet, hub: &mut Hub) {
    fleet.demand(40, 0);
    serves(fleet, hub).await;
    the_prometheus_is_killed(fleet, hub).await;
    nothing_is_declared(fleet, hub).await;
    git_refuses(fleet, hub).await;
    watches_are_cut(fleet, hub).await;
    an_api_is_silent(fleet, hub).await;
    all_sensors_say_zero(fleet, hub).await;
}

/// What was measured last holds.
async fn the_prometheus_is_killed(fleet: &mut Fleet, hub: &mut Hub) {
    eprintln!("the Prometheus is killed");
    fleet.prometheus.kill();
    tokio::time::sleep(A_WHILE).await;
    assert!(fleet.written("edge-harbour").contains("web"), "{}", hub.log());
    fleet.prometheus.start_again().await;
    serves(fleet, hub).await;
}

/// A folder without any declaration is taken for a mistake.
async fn nothing_is_declared(fleet: &Fleet, hub: &mut Hub) {
    eprintln!("nothing is declared");
    let (here, away) = (fleet.intents(), fleet.home().join("away.yaml"));
    fs::rename(&here, &away).unwrap();
    until("it to be told", SOON, async || {
        hub.is_there();
        hub.log().contains("ERROR").then_some(())
    })
    .await;
    assert!(fleet.written("edge-harbour").contains("web"), "{}", hub.log());
    fs::rename(&away, &here).unwrap();
}

/// What cannot be pushed is pushed later.
async fn git_refuses(fleet: &Fleet, hub: &mut Hub) {
    eprintln!("git refuses");
    fleet.refuse_pushes();
    let before = fleet.head();
    fleet.demand(40, 30);
    until("a push to be refused", SOON, async || {
        hub.is_there();
        hub.log().contains("did not take a commit").then_some(())
    })
    .await;
    assert_eq!(fleet.head(), before);
    fleet.accept_pushes();
    until("a commit to land", SOON, async || {
        hub.is_there();
        (fleet.head() != before).then_some(())
    })
    .await;
}

/// What they had seen is too old to go on from: all is read anew, and what happens then is seen.
async fn watches_are_cut(fleet: &mut Fleet, hub: &mut Hub) {
    eprintln!("watches are cut");
    fleet.restart_api("edge-harbour").await;
    until("watches to begin anew", SOON, async || {
        hub.is_there();
        hub.told("too old resource version").then_some(())
    })
    .await;
    fleet.demand(0, 0);
    gone(fleet, hub).await;
    fleet.demand(40, 0);
    serves(fleet, hub).await;
}

/// Users are served from elsewhere, and from there again when it is back.
async fn an_api_is_silent(fleet: &Fleet, hub: &mut Hub) {
    eprintln!("an API is silent");
    fleet.signal("edge-harbour", "-STOP");
    until("the harbour to be served from elsewhere", SOON, async || {
        hub.is_there();
        hub.told("harbour is sent to edge-island for shop").then_some(())
    })
    .await;
    fleet.signal("edge-harbour", "-CONT");
    until("the cluster to be trusted again", SOON, async || {
        hub.is_there();
        hub.told("edge-harbour is back").then_some(())
    })
    .await;
    fleet.demand(40, 0);
}

/// The breaker holds what would drain the fleet, until the policy lets it go.
async fn all_sensors_say_zero(fleet: &Fleet, hub: &mut Hub) {
    eprintln!("all sensors say zero");
    fleet.declare_breaker(0);
    until("the policy to be taken in", SOON, async || {
        hub.is_there();
        hub.told("policy house is changed").then_some(())
    })
    .await;
    fleet.demand(0, 0);
    until("the breaker to hold", SOON, async || {
        hub.is_there();
        hub.told("bindings would go").then_some(())
    })
    .await;
    // Long enough for all of it to go.
    tokio::time::sleep(2 * A_WHILE).await;
    let kept = fleet::CLUSTERS.iter().any(|cluster| fleet.written(cluster).contains("web"));
    assert!(kept, "{}", hub.log());
    let state = hub.client(&["get", "state"]);
    let state = String::from_utf8(state.stdout).unwrap();
    let hold = state.split("periplus approve ").nth(1).and_then(|rest| rest.split(')').next());
    let approved = hub.client(&["approve", hold.unwrap_or_else(|| panic!("{state}"))]);
    assert!(approved.status.success(), "{approved:?}");
    fleet.declare_breaker(declared::UNASKED);
}
