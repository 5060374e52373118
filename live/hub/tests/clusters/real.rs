//! A real kube-apiserver with its controllers, and kubelets that play nodes.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client};
use periplus_core::input::Fault;
use periplus_live::clusters::{Options, Source, Watched, rules};
use periplus_live::sighting::WorkloadState::{Failed, Gone, Ready};
use periplus_support::kubelet::{Kubelet, Node, Options as Kubelets};
use periplus_support::real::{Cluster, until};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::hearing::{Hearing, SOON};

fn options() -> Options {
    Options {
        heartbeat: Duration::from_secs(1),
        room_every: Duration::from_millis(500),
        patience: Duration::from_secs(1),
        look_again: Duration::from_secs(2),
        // Small pages: nearly every list has several.
        page: 2,
        expected: Some(Arc::new(|_| {
            ["web", "lost"].map(|component| ("shop".to_owned(), component.to_owned())).into()
        })),
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_cluster_is_followed_through_its_life() {
    let cluster = Cluster::start("hill").await;
    let client = cluster.client();
    let nodes = [Node::new("one").label("agentpool", "big"), Node::new("two"), Node::new("three")];
    let _kubelet = Kubelet::start(client.clone(), Kubelets::of(nodes)).await.unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    create(&deployments, deployment("web", "web:1", 3, 7)).await;

    // Somebody who may do what the rules say, and nothing else.
    let watcher = cluster.account("watcher", rules()).await;
    let config = watcher.config().await;
    let source = Source::Loaded(Arc::new(move || Ok(config.clone())));
    let mut hearing = Hearing::of(options(), vec![Watched { name: "hill".to_owned(), source }]);

    until("three pods to be ready", SOON, async || {
        (hearing.state("hill", "shop/web")? == Ready(3)).then_some(())
    })
    .await;
    let status = hearing.clusters.statuses()["hill"].clone();
    assert!(status.connected && status.last_heard_unix_ms.is_some(), "{status:?}");
    assert_eq!(status.absent, ["applications", "helmreleases", "kustomizations"].into());
    assert_eq!(hearing.clusters.present("hill").unwrap(), [("shop".into(), "web".into())]);
    let belief = hearing.of_cluster("hill");
    assert!(belief.alive > 0);
    assert_eq!(belief.workloads["shop/web"].0, Some(7));
    // It should be there and is not.
    assert_eq!((belief.workloads["shop/lost"].1, belief.gone()), (Gone, 1));

    // Ours take no room; a pod of somebody else does.
    until("the room of three nodes", SOON, async || {
        (hearing.of_cluster("hill").cpu_milli() == 3 * 3_800).then_some(())
    })
    .await;
    let pools: Vec<String> =
        hearing.of_cluster("hill").pools.iter().map(|pool| pool.name.clone()).collect();
    assert_eq!(pools, ["big", "default"]);
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    create(&pods, pod("other", "500m")).await;
    until("less room", SOON, async || {
        (hearing.of_cluster("hill").cpu_milli() == 3 * 3_800 - 500).then_some(())
    })
    .await;
    pods.delete("other", &DeleteParams::default()).await.unwrap();
    until("as much room as before", SOON, async || {
        (hearing.of_cluster("hill").cpu_milli() == 3 * 3_800).then_some(())
    })
    .await;

    an_image_is_missing(&mut hearing, &deployments).await;
    an_agent_comes(&mut hearing, &client).await;
    nothing_is_told_of_who_is_silent(&mut hearing, &cluster).await;

    deployments.delete("web", &DeleteParams::background()).await.unwrap();
    until("it to be gone", SOON, async || {
        (hearing.state("hill", "shop/web")? == Gone).then_some(())
    })
    .await;
    hearing.stop().await;
}

/// New content whose image cannot be had fails, while pods of the old content serve; none of them counts.
async fn an_image_is_missing(hearing: &mut Hearing, deployments: &Api<Deployment>) {
    change(deployments, deployment("web", "web:missing", 3, 8)).await;
    until("the image to be missed", SOON, async || {
        (hearing.state("hill", "shop/web")? == Failed(Fault::ImagePull)).then_some(())
    })
    .await;
    let told = hearing.of_cluster("hill").told.clone();
    let newer: Vec<_> = told.iter().filter(|one| one.decision == Some(8)).collect();
    assert!(newer.iter().all(|one| [Ready(0), Failed(Fault::ImagePull)].contains(&one.state)));
    change(deployments, deployment("web", "web:2", 3, 9)).await;
    until("the next content to be ready", SOON, async || {
        let (decision, state) = *hearing.of_cluster("hill").workloads.get("shop/web")?;
        (decision == Some(9) && state == Ready(3)).then_some(())
    })
    .await;
}

/// Kinds of an agent come to the cluster while it is watched.
async fn an_agent_comes(hearing: &mut Hearing, client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    create(&definitions, definition()).await;
    let kind = GroupVersionKind::gvk("kustomize.toolkit.fluxcd.io", "v1", "Kustomization");
    let kind = ApiResource::from_gvk_with_plural(&kind, "kustomizations");
    let folders: Api<DynamicObject> = Api::default_namespaced_with(client.clone(), &kind);
    let folder: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": { "name": "shop.api", "labels": labels() },
        "spec": { "path": "./deploy/hill/shop/api" },
        "status": { "conditions": [{ "type": "Ready", "status": "False", "reason": "ReconciliationFailed", "message": "denied" }] },
    }))
    .unwrap();
    until("the kind to be served", SOON, async || {
        folders.create(&PostParams::default(), &folder).await.ok()
    })
    .await;
    until("it to fail", SOON, async || {
        (hearing.state("hill", "shop/api")? == Failed(Fault::ApplyFailed)).then_some(())
    })
    .await;
    let absent = hearing.clusters.statuses()["hill"].absent.clone();
    assert_eq!(absent, ["applications", "helmreleases"].into());
}

/// A server that does not answer is not alive, and nothing in it is gone. When it answers, all is told again.
async fn nothing_is_told_of_who_is_silent(hearing: &mut Hearing, cluster: &Cluster) {
    let (_, server) =
        cluster.processes().find(|(program, _)| *program == "kube-apiserver").unwrap();
    signal("-STOP", server);
    until("it to be cut off", SOON, async || {
        (!hearing.clusters.statuses()["hill"].connected).then_some(())
    })
    .await;
    assert_eq!(hearing.clusters.present("hill"), None);
    let before = hearing.of_cluster("hill").clone();
    let connects = hearing.clusters.statuses()["hill"].connects;
    until("it to be tried twice more", SOON, async || {
        (hearing.clusters.statuses()["hill"].connects >= connects + 2).then_some(())
    })
    .await;
    let during = hearing.of_cluster("hill").clone();
    assert_eq!((during.alive, during.told.len()), (before.alive, before.told.len()));
    assert_eq!(during.rooms, before.rooms);

    signal("-CONT", server);
    until("all to be told again", SOON, async || {
        let belief = hearing.of_cluster("hill");
        let told = &belief.told[during.told.len()..];
        let ready = told.iter().any(|one| one.component == "web" && one.state == Ready(3));
        (ready && belief.alive > during.alive && belief.rooms > during.rooms).then_some(())
    })
    .await;
    let told = &hearing.of_cluster("hill").told[during.told.len()..];
    // What should be here and is not is told after each reading. Nodes may have been missed meanwhile, and pods with them.
    let gone = told.iter().filter(|one| one.state == Gone);
    assert!(gone.into_iter().all(|one| one.component == "lost"), "{told:?}");
}

fn signal(which: &str, process: u32) {
    let sent = Command::new("kill").args([which, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

async fn create<K>(api: &Api<K>, object: Value)
where
    K: kube::Resource + Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

async fn change(deployments: &Api<Deployment>, object: Value) {
    let params = PatchParams::default();
    deployments.patch("web", &params, &Patch::Merge(object)).await.unwrap();
}

fn labels() -> Value {
    json!({
        "app.kubernetes.io/managed-by": "periplus.dev",
        "periplus.dev/app": "shop",
        "periplus.dev/cluster": "hill",
    })
}

fn deployment(name: &str, image: &str, replicas: u32, decision: u64) -> Value {
    let pod = json!({ "app": name, "periplus.dev/app": "shop", "periplus.dev/component": name });
    json!({
        "metadata": {
            "name": name, "labels": labels(),
            "annotations": { "periplus.dev/decision": decision.to_string() },
        },
        "spec": {
            "replicas": replicas,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": pod },
                "spec": { "containers": [{
                    "name": "main", "image": image,
                    "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } },
                }] },
            },
        },
    })
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": { "containers": [{
            "name": "main", "image": "other:1", "resources": { "requests": { "cpu": cpu } },
        }] },
    })
}

fn definition() -> Value {
    json!({
        "metadata": { "name": "kustomizations.kustomize.toolkit.fluxcd.io" },
        "spec": {
            "group": "kustomize.toolkit.fluxcd.io",
            "names": { "kind": "Kustomization", "listKind": "KustomizationList", "plural": "kustomizations", "singular": "kustomization" },
            "scope": "Namespaced",
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
            }],
        },
    })
}
