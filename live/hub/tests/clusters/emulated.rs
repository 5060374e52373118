//! Hundreds of emulated clusters: what is told adds up to what is in them, whatever happens on the way.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use periplus_core::input::Fault;
use periplus_live::clusters::{Options, Source, Watched, contexts};
use periplus_live::sighting::WorkloadState::{Failed, Gone, Ready};
use periplus_support::emulated::{Cluster, Emulator};
use periplus_support::real::until;
use serde_json::{Value, json};

use crate::hearing::{Hearing, SOON};

/// How many clusters there are in the larger test.
const CLUSTERS: usize = 240;
/// Lists and watches of one cluster.
const LISTS: u64 = 9;

fn options() -> Options {
    Options {
        heartbeat: Duration::from_secs(1),
        room_every: Duration::from_millis(500),
        patience: Duration::from_secs(1),
        reload: Duration::from_secs(1),
        page: 20,
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_false_is_told_of_hundreds_of_clusters() {
    let emulator = Emulator::start();
    let names: Vec<String> = (0..CLUSTERS).map(|at| format!("c{at:03}")).collect();
    let clusters: Vec<Cluster> = names.iter().map(|name| emulator.cluster(name)).collect();
    for cluster in &clusters {
        furnish(cluster);
    }
    let bare = resident_kib();
    let mut hearing = Hearing::of(options(), clusters.iter().map(watched).collect());
    until("all to be told of all", SOON, async || {
        let all = hearing.all();
        let whole = |name: &String| {
            all.get(name).is_some_and(|belief| {
                belief.alive > 0 && belief.rooms > 0 && belief.workloads.len() == APPS
            })
        };
        names.iter().all(whole).then_some(())
    })
    .await;
    for name in &names {
        let belief = hearing.of_cluster(name);
        assert!(belief.workloads.values().all(|one| *one == (Some(1), Ready(2))), "{belief:?}");
        assert_eq!(belief.cpu_milli(), NODES as u64 * 4_000 - OTHERS as u64 * 100);
    }
    let statuses = hearing.clusters.statuses();
    for (name, cluster) in names.iter().zip(&clusters) {
        let counts = cluster.counts();
        let of = |verb: &str| -> u64 {
            counts.iter().filter(|((asked, _), _)| *asked == verb).map(|(_, times)| times).sum()
        };
        // Pods have two pages and more.
        assert!(of("list") <= LISTS + 3 && of("watch") <= LISTS, "{name}: {counts:?}");
        assert!(statuses[name].connected, "{:?}", statuses[name]);
    }
    let grown = resident_kib().saturating_sub(bare);

    let a_sixth = CLUSTERS / 6;
    for (at, cluster) in clusters.iter().enumerate() {
        match at / a_sixth {
            0 => cluster.compact(),
            1 => cluster.cut(),
            2 => cluster.refuse(),
            3 => {
                cluster.throttle(5);
                cluster.compact();
            }
            4 => {
                cluster.set_token("another");
                cluster.compact();
            }
            _ => {}
        }
    }
    until("those that are cut off to be seen so", SOON, async || {
        let statuses = hearing.clusters.statuses();
        let connected = names[a_sixth..3 * a_sixth].iter().any(|name| statuses[name].connected);
        (!connected).then_some(())
    })
    .await;
    let before: Vec<usize> = names.iter().map(|name| hearing.of_cluster(name).alive).collect();
    // Everywhere one component grows, and in every tenth cluster another one goes.
    for (at, cluster) in clusters.iter().enumerate() {
        cluster.put(deployment(cluster.name(), "app-0", 2, 3));
        if at % 10 == 0 {
            assert!(cluster.delete("deployments", "default", "app-1"));
            // It is gone when its last pod is.
            assert!(cluster.delete("pods", "default", "app-1-0"));
            assert!(cluster.delete("pods", "default", "app-1-1"));
        }
    }
    for name in &names[a_sixth..3 * a_sixth] {
        assert_eq!(hearing.of_cluster(name).gone(), 0);
    }
    for at in a_sixth..3 * a_sixth {
        assert_eq!(hearing.of_cluster(&names[at]).alive, before[at], "{}", names[at]);
        clusters[at].heal();
    }
    until("all to be told as it is", SOON, async || {
        let all = hearing.all();
        let right = |(at, name): (usize, &String)| {
            let belief = &all[name];
            let gone = at % 10 == 0;
            let state = if gone { Gone } else { Ready(2) };
            belief.workloads["shop/app-0"] == (Some(2), Ready(3))
                && belief.workloads["shop/app-1"].1 == state
        };
        names.iter().enumerate().all(right).then_some(())
    })
    .await;
    for (at, name) in names.iter().enumerate() {
        let belief = hearing.of_cluster(name);
        assert_eq!(belief.gone(), usize::from(at % 10 == 0), "{name}");
        let states = belief.told.iter().map(|one| one.state);
        assert!(states.into_iter().all(|state| [Ready(2), Ready(3), Gone].contains(&state)));
        let room = belief.cpu_milli();
        assert_eq!(room, NODES as u64 * 4_000 - OTHERS as u64 * 100, "{name}");
    }
    // Who had no fault was listed once.
    for cluster in &clusters[5 * a_sixth..] {
        assert_eq!(cluster.asked("list", "deployments"), 1, "{:?}", cluster.counts());
    }
    let most = clusters.iter().map(|cluster| cluster.counts().values().sum::<u64>()).max();
    let held: usize = statuses.values().map(|status| status.bytes).sum();
    // 27 objects take 8 KiB, and ten connections with both of their ends some 520 KiB.
    assert!(held / CLUSTERS < 16 << 10, "{held} bytes");
    assert!(grown / CLUSTERS < 1_024, "{grown} KiB");
    assert!(most.is_some_and(|most| most < 400), "{most:?} requests");
    hearing.stop().await;
}

#[tokio::test]
async fn a_rewritten_kubeconfig_is_read_again() {
    let emulator = Emulator::start();
    let clusters = [emulator.cluster("hill"), emulator.cluster("sea")];
    clusters.iter().for_each(furnish);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    write_kubeconfig(&file, &clusters);
    assert_eq!(contexts(&file).unwrap(), ["hill", "sea"]);
    let watched = clusters.iter().map(|cluster| {
        let context = cluster.name().to_owned();
        let source = Source::Context { file: file.clone(), context };
        Watched { name: cluster.name().to_owned(), source }
    });
    let mut hearing = Hearing::of(options(), watched.collect());
    for name in ["hill", "sea"] {
        until("it to be read", SOON, async || hearing.state(name, "shop/app-0")).await;
    }
    // Nobody is let in with what stood there before.
    clusters[0].set_token("new");
    write_kubeconfig(&file, &clusters);
    until("a new connection", SOON, async || {
        (hearing.clusters.statuses()["hill"].connects > 1).then_some(())
    })
    .await;
    clusters[0].put(deployment("hill", "app-0", 2, 5));
    until("it to be followed", SOON, async || {
        (hearing.state("hill", "shop/app-0")? == Ready(5)).then_some(())
    })
    .await;
    // The other context is as it was.
    assert_eq!(hearing.clusters.statuses()["sea"].connects, 1);
    hearing.stop().await;
}

#[tokio::test]
async fn agents_tell_of_charts_and_of_other_clusters() {
    let emulator = Emulator::start();
    let (hill, hub) = (emulator.cluster("hill"), emulator.cluster("hub"));
    furnish(&hill);
    furnish(&hub);
    // Two pods of a chart, which says nothing of us.
    for at in 0..2 {
        let mut pod = pod(&format!("chart-{at}"), "node-0", "300m");
        pod["metadata"]["labels"] = json!({ "app.kubernetes.io/instance": "cache" });
        hill.put(pod);
    }
    let mut hearing = Hearing::of(options(), [&hill, &hub].map(watched).into());
    let free = NODES as u64 * 4_000 - OTHERS as u64 * 100;
    until("the room", SOON, async || {
        (hearing.of_cluster("hill").cpu_milli() == free - 600).then_some(())
    })
    .await;

    hub.put(application("Progressing"));
    until("it to be known", SOON, async || {
        (hearing.state("hill", "shop/cache")? == Ready(0)).then_some(())
    })
    .await;
    // Its pods are ours from now on.
    until("more room", SOON, async || {
        (hearing.of_cluster("hill").cpu_milli() == free).then_some(())
    })
    .await;
    hub.put(application("Healthy"));
    until("it to be ready", SOON, async || {
        (hearing.state("hill", "shop/cache")? == Ready(2)).then_some(())
    })
    .await;

    let folder = json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": "shop.api", "namespace": "flux-system", "labels": labels("hill") },
        "spec": { "path": "./deploy/hill/shop/api" },
        "status": { "observedGeneration": -1, "conditions": [{ "type": "Ready", "status": "False", "reason": "BuildFailed" }] },
    });
    hill.put(folder);
    until("it to fail", SOON, async || {
        (hearing.state("hill", "shop/api")? == Failed(Fault::ApplyFailed)).then_some(())
    })
    .await;

    hub.cut();
    until("the other cluster to be cut off", SOON, async || {
        (!hearing.clusters.statuses()["hub"].connected).then_some(())
    })
    .await;
    assert!(hub.delete("applications", "argocd", "shop.cache.source.hill"));
    assert_eq!(hearing.of_cluster("hill").gone(), 0);
    hub.heal();
    for at in 0..2 {
        hill.delete("pods", "default", &format!("chart-{at}"));
    }
    until("it to be gone", SOON, async || {
        (hearing.state("hill", "shop/cache")? == Gone).then_some(())
    })
    .await;
    assert_eq!(hearing.of_cluster("hub").gone(), 0);
    hearing.stop().await;
}

const NODES: usize = 3;
const OTHERS: usize = 12;
const APPS: usize = 4;

/// Puts nodes, pods of others, and apps of ours with their pods into a cluster.
fn furnish(cluster: &Cluster) {
    for at in 0..NODES {
        cluster.put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("node-{at}") },
            "status": {
                "allocatable": { "cpu": "4", "memory": "8Gi", "pods": "110" },
                "conditions": [{ "type": "Ready", "status": "True" }],
            },
        }));
    }
    for at in 0..OTHERS {
        cluster.put(pod(&format!("other-{at}"), &format!("node-{}", at % NODES), "100m"));
    }
    for app in 0..APPS {
        let name = format!("app-{app}");
        cluster.put(deployment(cluster.name(), &name, 1, 2));
        for at in 0..2 {
            let mut pod = pod(&format!("{name}-{at}"), &format!("node-{at}"), "500m");
            pod["metadata"]["labels"] =
                json!({ "periplus.dev/app": "shop", "periplus.dev/component": name });
            cluster.put(pod);
        }
    }
}

fn watched(cluster: &Cluster) -> Watched {
    let name = cluster.name().to_owned();
    let cluster = cluster.clone();
    Watched { name, source: Source::Loaded(Arc::new(move || Ok(cluster.config()))) }
}

fn labels(cluster: &str) -> Value {
    json!({
        "app.kubernetes.io/managed-by": "periplus.dev",
        "periplus.dev/app": "shop",
        "periplus.dev/cluster": cluster,
    })
}

fn deployment(cluster: &str, name: &str, decision: u64, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "name": name, "namespace": "default", "labels": labels(cluster),
            "annotations": { "periplus.dev/decision": decision.to_string() },
        },
        "spec": {
            "replicas": replicas,
            "template": { "metadata": { "labels": { "periplus.dev/app": "shop", "periplus.dev/component": name } } },
        },
        "status": {
            "observedGeneration": 100, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
        },
    })
}

fn pod(name: &str, node: &str, cpu: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "default" },
        "spec": {
            "nodeName": node,
            "containers": [{ "name": "main", "image": "x:1", "resources": { "requests": { "cpu": cpu, "memory": "64Mi" } } }],
        },
        "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
    })
}

fn application(health: &str) -> Value {
    let source = json!({ "chart": "cache", "helm": { "releaseName": "cache", "valuesObject": { "replicaCount": 2 } } });
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {
            "name": "shop.cache.source.hill", "namespace": "argocd", "labels": labels("hill"),
            "annotations": { "periplus.dev/decision": "4" },
        },
        "spec": { "source": source, "destination": { "name": "hill", "namespace": "default" } },
        "status": {
            "sync": { "status": "Synced", "comparedTo": { "source": source } }, "health": { "status": health },
        },
    })
}

fn write_kubeconfig(file: &std::path::Path, clusters: &[Cluster]) {
    let all =
        |make: &dyn Fn(&Cluster) -> Value| -> Vec<Value> { clusters.iter().map(make).collect() };
    let book = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": all(&|one| json!({ "name": one.name(), "cluster": { "server": one.url() } })),
        "users": all(&|one| json!({ "name": one.name(), "user": { "token": one.token() } })),
        "contexts": all(&|one| json!({ "name": one.name(), "context": { "cluster": one.name(), "user": one.name() } })),
    });
    // Whoever reads it finds all of it or what was before.
    let new = file.with_extension("new");
    fs::write(&new, book.to_string()).unwrap();
    fs::rename(new, file).unwrap();
}

/// The memory that this process has, in KiB.
fn resident_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
