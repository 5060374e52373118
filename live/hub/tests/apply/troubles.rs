//! Who applies is killed, replaced, and cut off, in emulated clusters.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::ListParams;
use periplus_live::apply::{Fault, INVENTORY, NAMESPACE, Options};
use periplus_live::clusters::Source;
use periplus_live::delivery::{Parcel, Scope};
use periplus_support::emulated::{Cluster, Emulator};
use periplus_support::real::until;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::rig::{CLUSTER, Rig, SOON, config_map, fence, options, parcel, whole};

const OBJECTS: usize = 24;

fn many(value: &str) -> Parcel {
    let names: Vec<String> = (0..OBJECTS).map(|at| format!("m{at:02}")).collect();
    let files: Vec<(&str, Option<Value>)> =
        names.iter().map(|name| (&**name, Some(config_map(name, value)))).collect();
    parcel(Some("shop"), Scope::Changes, &files)
}

fn one(value: &str) -> Parcel {
    parcel(Some("shop"), Scope::Changes, &[("30-one", Some(config_map("one", value)))])
}

/// Waits until a cluster was asked so often.
async fn asked(cluster: &Cluster, times: u64) {
    let asked = async {
        while cluster.counts().values().sum::<u64>() < times {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, asked).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_it_is_killed_no_object_is_left_that_nobody_knows_of() {
    let emulator = Emulator::start();
    let mut seen = Vec::new();
    for steps in 0..12_u64 {
        let cluster = emulator.cluster(&format!("{CLUSTER}-{steps}"));
        cluster.slow(Duration::from_millis(5));
        let mut rig = Rig::start(options(cluster.config(), "ours"));
        rig.send(vec![whole(), many("1")]);
        // All of it takes more than 50 requests; from the thirtieth on, objects are applied.
        asked(&cluster, 4 * steps).await;
        // As a crash does: what is on its way may land or not.
        drop(rig);
        let left = cluster.list("configmaps", "shop").len();
        seen.push(left);

        // Once more, while they are deleted again, or when that is not in the inventory yet.
        let before = cluster.counts().values().sum::<u64>();
        let mut rig = Rig::start(options(cluster.config(), "ours"));
        rig.send(vec![whole()]);
        // The inventory has them from the ninth step on.
        let few = if steps < 9 { 3 } else { 7 * (steps - 8) };
        asked(&cluster, before + few).await;
        drop(rig);
        cluster.heal();

        let mut rig = Rig::start(options(cluster.config(), "ours"));
        assert_eq!(rig.apply(vec![whole()]).await, []);
        let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "shop");
        let stayed = api.list(&ListParams::default()).await.unwrap().items.len();
        assert_eq!(stayed, 0, "killed after {steps} steps, with {left} objects");
        rig.stop().await;
    }
    assert!(seen.contains(&0) && seen.iter().any(|left| *left > 0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leads_no_more_applies_nothing() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let leader = |epoch| {
        let options = options(cluster.config(), "ours");
        Rig::start(Options { fence: fence("ours", epoch), ..options })
    };
    let mut old = leader(1);
    assert_eq!(old.apply(vec![whole(), one("1")]).await, []);
    let mut new = leader(2);
    assert_eq!(new.apply(vec![whole(), one("2")]).await, []);

    let faults = old.apply(vec![one("3")]).await;
    assert!(matches!(&faults[..], [Fault::Deposed { epoch: 1, .. }]), "{faults:?}");
    assert_eq!(cluster.get("configmaps", "shop", "one").unwrap()["data"]["key"], "2");
    // Also one that comes without having seen anything.
    let mut late = leader(1);
    let faults = late.apply(vec![whole()]).await;
    assert!(matches!(&faults[..], [Fault::Deposed { .. }]), "{faults:?}");
    assert_eq!(new.apply(vec![one("4")]).await, []);
    assert_eq!(cluster.get("configmaps", "shop", "one").unwrap()["data"]["key"], "4");
    for rig in [old, new, late] {
        rig.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_is_over_is_seen_before_each_write() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut over = fence("ours", 1).unwrap();
    over.leads = Arc::new(|| false);
    let mut rig = Rig::start(Options { fence: Some(over), ..options(cluster.config(), "ours") });
    let faults = rig.apply(vec![whole()]).await;
    assert!(matches!(&faults[..], [Fault::Deposed { .. }]), "{faults:?}");
    assert_eq!(cluster.get("namespaces", "", "shop"), None);
    assert_eq!(cluster.get("configmaps", NAMESPACE, INVENTORY), None);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_cluster_is_not_applied_to_under_two_names() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let mut rig = Rig::start(options(cluster.config(), "ours"));
    assert_eq!(rig.apply(vec![whole(), one("1")]).await, []);
    let mut other = whole();
    other.target.0 = "cluster valley".to_owned();
    let faults = rig.apply(vec![other]).await;
    assert!(matches!(&faults[..], [Fault::Taken { .. }]), "{faults:?}");
    assert!(cluster.get("configmaps", "shop", "one").is_some());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_does_not_answer_keeps_no_other_one_waiting() {
    let emulator = Emulator::start();
    let (hill, valley) = (emulator.cluster(CLUSTER), emulator.cluster("valley"));
    hill.silence();
    let (to_hill, to_valley) = (hill.config(), valley.config());
    let reach = move |name: &str| {
        let config = if name == CLUSTER { to_hill.clone() } else { to_valley.clone() };
        Ok(Source::Loaded(Arc::new(move || Ok(config.clone()))))
    };
    let mut rig = Rig::start(Options::new("ours".to_owned(), Arc::new(reach)));
    let mut other = whole();
    other.target.0 = "cluster valley".to_owned();
    rig.send(vec![whole(), other]);
    let (part, answer) = rig.heard().await;
    assert_eq!((&*part.cluster, answer), ("valley", Ok(())));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_does_not_answer_says_so_and_is_tried_again() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let deadline = Duration::from_millis(500);
    let mut rig = Rig::start(Options { deadline, ..options(cluster.config(), "ours") });
    cluster.silence();
    let faults = rig.apply(vec![whole(), one("1")]).await;
    let is_late = |fault: &Fault| matches!(fault, Fault::Deadline { .. });
    assert!(faults.len() == 2 && faults.iter().all(is_late), "{faults:?}");
    cluster.heal();
    cluster.refuse();
    let faults = rig.apply(vec![whole(), one("1")]).await;
    let is_away = |fault: &Fault| matches!(fault, Fault::Unreachable { .. });
    assert!(faults.len() == 2 && faults.iter().all(is_away), "{faults:?}");
    cluster.heal();
    assert_eq!(rig.apply(vec![whole(), one("1")]).await, []);
    // It can be stopped while nobody answers.
    cluster.silence();
    rig.send(vec![one("2")]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_changed_by_hand_becomes_what_it_should_be_after_a_while() {
    let emulator = Emulator::start();
    let cluster = emulator.cluster(CLUSTER);
    let every = Duration::from_millis(200);
    let mut rig = Rig::start(Options { every, ..options(cluster.config(), "ours") });
    assert_eq!(rig.apply(vec![whole(), one("1")]).await, []);
    assert!(cluster.delete("configmaps", "shop", "one"));
    until("it to be there again", SOON, async || cluster.get("configmaps", "shop", "one")).await;
    rig.stop().await;
}
