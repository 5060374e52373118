//! The story of the service with real parts: demand in a Prometheus, three Kubernetes clusters, a repository behind HTTPS and
//! SSH, and `periplus live` between them. One of the clusters cannot be reached, and `periplus report` runs in it; another has
//! no agent. A stand-in plays Flux, another the kubelets; everything else is what it is in production.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::print_stderr, reason = "who looks at a failure wants to know how far it came")]

mod agent;
mod declared;
mod fleet;
mod front;
mod hub;
mod reporter;
mod rivals;
mod troubles;

use std::collections::BTreeSet;
use std::time::Duration;

use periplus_support::kubelet::Fate;
use periplus_support::real::until;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::fleet::{Fleet, Harbour};
use crate::hub::{Hub, SOON};

/// How often the service is killed.
fn kills() -> usize {
    std::env::var("PERIPLUS_KILLS").map_or(5, |kills| kills.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demand_comes_and_goes_and_the_service_is_killed_meanwhile() {
    let mut fleet = Fleet::start(Harbour::Agent).await;
    let mut hub = fleet.start_over_https();
    demand_comes_and_goes(&fleet, &mut hub).await;
    and_where_the_service_cannot_look(&fleet, &mut hub).await;
    hub.stop().await;
    fleet.holds();
    let mut hub = fleet.start_over_ssh();
    it_is_killed(&fleet, &mut hub).await;
    troubles::come(&mut fleet, &mut hub).await;
    gone(&fleet, &mut hub).await;
    hub.stop().await;
    fleet.holds();
    rivals::fight(&fleet).await;
    fleet.holds();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_without_an_agent_is_served_alike() {
    let fleet = Fleet::start(Harbour::Service).await;
    let mut hub = fleet.start_over_ssh();
    demand_comes_and_goes(&fleet, &mut hub).await;
    it_is_killed(&fleet, &mut hub).await;
    let told = hub.client(&["get", "clusters", "--format", "json"]);
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("applying"), "{told}");
    hub.stop().await;
    fleet.holds();
}

/// Demand rises near one cluster; what is needed there is written, the dependant only when what it needs is ready; demand
/// falls, and all of it is removed again.
async fn demand_comes_and_goes(fleet: &Fleet, hub: &mut Hub) {
    eprintln!("the cart does not become ready");
    fleet.kubelets["edge-harbour"].image("shop/cart:1", Fate::NeverReady).await;
    fleet.demand(40, 0);
    until("the cart to be applied", SOON, async || {
        hub.is_there();
        fleet.has("edge-harbour", "cart").await.then_some(())
    })
    .await;
    for _ in 0..10 {
        assert!(!fleet.written("edge-harbour").contains("web"), "{}", hub.log());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    eprintln!("the cart becomes ready");
    fleet.kubelets["edge-harbour"].image("shop/cart:1", Fate::Serves).await;
    until("the web to be ready", SOON, async || {
        hub.is_there();
        fleet.is_ready("edge-harbour", "web").await.then_some(())
    })
    .await;
    eprintln!("demand falls");
    fleet.demand(0, 0);
    gone(fleet, hub).await;
}

/// The same near a cluster that only reports.
async fn and_where_the_service_cannot_look(fleet: &Fleet, hub: &mut Hub) {
    eprintln!("demand rises behind NAT");
    fleet.demand(0, 25);
    until("the web to be ready at the island", SOON, async || {
        hub.is_there();
        fleet.is_ready("edge-island", "web").await.then_some(())
    })
    .await;
    fleet.demand(0, 0);
    gone(fleet, hub).await;
}

async fn gone(fleet: &Fleet, hub: &mut Hub) {
    for cluster in fleet::CLUSTERS {
        gone_from(cluster, fleet, hub).await;
    }
}

async fn gone_from(cluster: &str, fleet: &Fleet, hub: &mut Hub) {
    until("all of it to be removed", SOON, async || {
        hub.is_there();
        let gone = fleet.written(cluster).is_empty() && fleet.deployed(cluster).await.is_empty();
        gone.then_some(())
    })
    .await;
}

async fn serves(fleet: &Fleet, hub: &mut Hub) {
    until("the shop to serve the harbour", SOON, async || {
        hub.is_there();
        fleet.is_ready("edge-harbour", "web").await.then_some(())
    })
    .await;
}

/// It is killed again and again while demand changes, and comes to what it would have come to.
async fn it_is_killed(fleet: &Fleet, hub: &mut Hub) {
    let mut dice = ChaCha8Rng::seed_from_u64(7);
    for number in 0..kills() {
        let (harbour, island) = ([0, 40, 120][dice.next_u32() as usize % 3], dice.next_u32() % 30);
        fleet.demand(harbour, island);
        let lives = Duration::from_millis(u64::from(200 + dice.next_u32() % 4_000));
        tokio::time::sleep(lives).await;
        hub.is_there();
        hub.kill();
        eprintln!("killed {number} after {lives:?}");
        *hub = fleet.start_over_ssh();
    }
    fleet.demand(40, 0);
    let wanted: BTreeSet<String> = ["cart", "web"].map(str::to_owned).into();
    until("the shop to run at the harbour", SOON, async || {
        hub.is_there();
        let ready = fleet.is_ready("edge-harbour", "web").await;
        (ready && fleet.written("edge-harbour") == wanted).then_some(())
    })
    .await;
    fleet.demand(0, 0);
    gone(fleet, hub).await;
}
