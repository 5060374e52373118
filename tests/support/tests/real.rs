//! The clusters and kubelets that other tests stand on: what they promise.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Node as NodeObject, Pod};
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use periplus_support::kubelet::{FATE, Fate, Kubelet, Node, Options};
use periplus_support::real::{Cluster, until, write_kubeconfig};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// How long anything may take on a machine that has much else to do.
const SOON: Duration = Duration::from_secs(120);

#[tokio::test]
async fn apps_come_up_fail_and_go_as_they_are_told() {
    let cluster = Cluster::start("harbour").await;
    let nodes = [Node::new("quay-1").label("tier", "edge"), Node::new("quay-2")];
    let _kubelet = Kubelet::start(cluster.client(), Options::of(nodes)).await.unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(cluster.client());

    create(&deployments, deployment("tide", "tide:1", 3)).await;
    until("three pods to be available", SOON, async || {
        let status = deployments.get("tide").await.unwrap().status?;
        (status.available_replicas == Some(3)).then_some(())
    })
    .await;
    let found = pods(&cluster.client(), "tide").await;
    assert_eq!(found.len(), 3);
    let nodes = found.iter().map(|pod| pod.spec.clone().unwrap().node_name.unwrap());
    assert!(nodes.into_iter().all(|node| node.starts_with("quay-")));

    // Pods of the new image do not come up; those of the old one stay.
    let newer = json!({ "spec": { "template": deployment("tide", "tide:missing", 3)["spec"]["template"] } });
    deployments.patch("tide", &PatchParams::default(), &Patch::Strategic(newer)).await.unwrap();
    until("the deployment to say that it does not progress", SOON, async || {
        let status = deployments.get("tide").await.unwrap().status?;
        let conditions = status.conditions?;
        conditions.into_iter().find(|condition| {
            condition.type_ == "Progressing"
                && condition.status == "False"
                && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
        })
    })
    .await;
    let waiting = pods(&cluster.client(), "tide").await;
    let waiting: Vec<String> = waiting.iter().filter_map(waits_for).collect();
    assert_eq!(waiting, ["ImagePullBackOff"]);
    let available = deployments.get("tide").await.unwrap().status.unwrap().available_replicas;
    assert_eq!(available, Some(3));

    deployments.delete("tide", &DeleteParams::background()).await.unwrap();
    until("its pods to be gone", SOON, async || {
        pods(&cluster.client(), "tide").await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_test_says_what_becomes_of_pods() {
    let cluster = Cluster::start("fates").await;
    let kubelet = Kubelet::start(cluster.client(), Options::of([Node::new("one")])).await.unwrap();
    let client = cluster.client();
    let jobs: Api<Job> = Api::default_namespaced(client.clone());
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());

    create(&jobs, job("done", "work:1")).await;
    create(&jobs, job("undone", "work:crashes")).await;
    let mut annotated = deployment("unready", "app:1", 1);
    annotated["spec"]["template"]["metadata"]["annotations"] = json!({ FATE: "never-ready" });
    create(&deployments, annotated).await;
    let mut mistaken = deployment("mistaken", "app:1", 1);
    mistaken["spec"]["template"]["metadata"]["annotations"] = json!({ FATE: "flies" });
    create(&deployments, mistaken).await;
    create(&deployments, deployment("changing", "changing:1", 1)).await;

    until("a job to be done", SOON, async || {
        jobs.get("done").await.unwrap().status?.succeeded.filter(|pods| *pods == 1)
    })
    .await;
    until("a job to have failed", SOON, async || {
        jobs.get("undone").await.unwrap().status?.failed.filter(|pods| *pods > 0)
    })
    .await;
    until("a pod to run and not be ready", SOON, async || {
        let found = pods(&client, "unready").await.pop()?.status?;
        let ready = found.container_statuses?.iter().any(|container| container.ready);
        (found.phase.as_deref() == Some("Running") && !ready).then_some(())
    })
    .await;
    until("a pod that nobody understands", SOON, async || {
        let found = pods(&client, "mistaken").await.pop()?;
        waits_for(&found).filter(|reason| reason == "CreateContainerConfigError")
    })
    .await;

    until("a pod to be available", SOON, async || available(&deployments, "changing", 1).await)
        .await;
    kubelet.image("changing:1", Fate::Crashes).await;
    until("it to crash again and again", SOON, async || {
        let found = pods(&client, "changing").await.pop()?;
        let restarts = found.status.as_ref()?.container_statuses.as_ref()?[0].restart_count;
        waits_for(&found).filter(|reason| reason == "CrashLoopBackOff" && restarts >= 2)
    })
    .await;
    kubelet.image("changing:1", Fate::Serves).await;
    until("it to be mended", SOON, async || available(&deployments, "changing", 1).await).await;
}

#[tokio::test]
async fn nodes_are_cut_mended_added_and_removed() {
    let cluster = Cluster::start("wires").await;
    let client = cluster.client();
    let kubelet = Kubelet::start(client.clone(), Options::of([Node::new("one")])).await.unwrap();
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let nodes: Api<NodeObject> = Api::all(client.clone());
    create(&deployments, deployment("app", "app:1", 1)).await;
    until("a pod to be available", SOON, async || available(&deployments, "app", 1).await).await;

    kubelet.cut("one").await;
    until("the node to be missed", SOON, async || {
        (ready(&nodes, "one").await? == "Unknown").then_some(())
    })
    .await;
    until("its pod to count no more", SOON, async || {
        let status = deployments.get("app").await.unwrap().status?;
        status.available_replicas.is_none().then_some(())
    })
    .await;
    kubelet.mend("one").await;
    until("the node to be back", SOON, async || {
        (ready(&nodes, "one").await? == "True").then_some(())
    })
    .await;
    until("its pod to count again", SOON, async || available(&deployments, "app", 1).await).await;

    // What asks for more than the node has waits for a larger one.
    let mut large = deployment("large", "app:1", 1);
    large["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({ "requests": { "cpu": "6" } });
    create(&deployments, large).await;
    until("a pod that fits nowhere", SOON, async || {
        let found = pods(&client, "large").await.pop()?.status?.conditions?;
        found.into_iter().find(|condition| condition.reason.as_deref() == Some("Unschedulable"))
    })
    .await;
    kubelet.add(Node::new("two").with("cpu", "8")).await.unwrap();
    until("it to fit", SOON, async || available(&deployments, "large", 1).await).await;

    kubelet.remove("one").await.unwrap();
    assert!(nodes.get_opt("one").await.unwrap().is_none());
}

#[tokio::test]
async fn clusters_stand_side_by_side_in_one_kubeconfig_and_leave_nothing() {
    let (north, south) = tokio::join!(Cluster::start("north"), Cluster::start("south"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    write_kubeconfig(&path, [north.admin(), south.admin()]);

    for name in ["north", "south"] {
        let maps: Api<ConfigMap> = Api::default_namespaced(context(&path, name).await);
        create(&maps, json!({ "metadata": { "name": name } })).await;
    }
    for cluster in [&north, &south] {
        let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
        let found = maps.list(&ListParams::default()).await.unwrap();
        let found: Vec<String> = found.iter().map(ResourceExt::name_any).collect();
        assert!(found.contains(&cluster.name().to_owned()));
        assert_eq!(found.iter().filter(|name| name.ends_with("th")).count(), 1, "{found:?}");
    }

    let processes: Vec<u32> =
        north.processes().chain(south.processes()).map(|(_, id)| id).collect();
    let folders = [north.folder().to_owned(), south.folder().to_owned()];
    assert_eq!(processes.len(), 8);
    drop((north, south));
    assert!(processes.iter().all(|id| !Path::new(&format!("/proc/{id}")).exists()));
    assert!(folders.iter().all(|folder| !folder.exists()));
}

#[tokio::test]
async fn an_account_may_do_what_its_rules_say_and_nothing_else() {
    let cluster = Cluster::start("guarded").await;
    let reads = PolicyRule {
        api_groups: Some(vec![String::new()]),
        resources: Some(vec!["configmaps".to_owned()]),
        verbs: vec!["get".to_owned(), "list".to_owned()],
        ..PolicyRule::default()
    };
    let reader = cluster.account("reader", vec![reads]).await;
    let client = reader.client().await;
    let maps: Api<ConfigMap> = Api::all(client.clone());
    maps.list(&ListParams::default()).await.unwrap();

    let pods: Api<Pod> = Api::all(client.clone());
    assert_eq!(refusal(pods.list(&ListParams::default()).await), 403);
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let map = serde_json::from_value(json!({ "metadata": { "name": "new" } })).unwrap();
    assert_eq!(refusal(maps.create(&PostParams::default(), &map).await), 403);

    let mut nobody = reader.config().await;
    nobody.auth_info = AuthInfo::default();
    let maps: Api<ConfigMap> = Api::all(Client::try_from(nobody).unwrap());
    assert_eq!(refusal(maps.list(&ListParams::default()).await), 403);
}

/// The client that somebody has who was given the file and the name.
async fn context(path: &Path, name: &str) -> Client {
    let file = Kubeconfig::from_yaml(&fs::read_to_string(path).unwrap()).unwrap();
    let options =
        KubeConfigOptions { context: Some(name.to_owned()), ..KubeConfigOptions::default() };
    Client::try_from(Config::from_custom_kubeconfig(file, &options).await.unwrap()).unwrap()
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, kube::Error>) -> u16 {
    match answer {
        Err(kube::Error::Api(status)) => status.code,
        other => unreachable!("{other:?}"),
    }
}

async fn create<K>(api: &Api<K>, object: Value)
where
    K: kube::Resource + Clone + DeserializeOwned + serde::Serialize + std::fmt::Debug,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap();
}

async fn available(deployments: &Api<Deployment>, name: &str, pods: i32) -> Option<()> {
    let status = deployments.get(name).await.unwrap().status?;
    (status.available_replicas == Some(pods)).then_some(())
}

async fn ready(nodes: &Api<NodeObject>, name: &str) -> Option<String> {
    let conditions = nodes.get(name).await.unwrap().status?.conditions?;
    let ready = conditions.into_iter().find(|condition| condition.type_ == "Ready");
    ready.map(|ready| ready.status)
}

async fn pods(client: &Client, app: &str) -> Vec<Pod> {
    let pods: Api<Pod> = Api::default_namespaced(client.clone());
    pods.list(&ListParams::default().labels(&format!("app={app}"))).await.unwrap().items
}

/// What a pod's first container waits for.
fn waits_for(pod: &Pod) -> Option<String> {
    let containers = pod.status.as_ref()?.container_statuses.as_ref()?;
    containers.first()?.state.as_ref()?.waiting.as_ref()?.reason.clone()
}

fn deployment(name: &str, image: &str, replicas: u32) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": 5,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "main", "image": image }] },
            },
        },
    })
}

fn job(name: &str, image: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "backoffLimit": 0,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{ "name": "main", "image": image }],
                },
            },
        },
    })
}
