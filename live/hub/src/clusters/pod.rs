//! Pods: what they ask of their node as the scheduler counts it, whose they are, and how they are.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::node::is_extended;
use super::objects::{Condition, Kind, Object, Uid, condition, hash, label, or_default, uid};
use super::quantity;

/// What is kept of a pod that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodFacts {
    pub(crate) uid: Uid,
    /// Its node; empty until it has one.
    pub(crate) node: String,
    pub(crate) asks: Asks,
    pub(crate) whose: Whose,
    pub(crate) state: PodState,
}

/// What a pod asks of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asks {
    pub(crate) cpu_milli: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) extended: BTreeMap<String, u64>,
}

/// Whose a pod is, as far as it says so itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// It has our labels.
    Ours {
        /// The app.
        app: String,
        /// Its component.
        component: String,
    },
    /// It has none of our labels. It is ours all the same if a chart or overlay of ours claims one of these.
    Unsaid([u64; 2]),
}

/// How a pod is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PodState {
    /// Whether it is ready and stays.
    pub(crate) ready: Readiness,
    /// When it was made, in milliseconds since 1970.
    pub(crate) made_ms: i64,
    /// The content that it was made from, as its controller numbers it.
    pub(crate) revision: u64,
    /// What is wrong with it.
    pub(crate) trouble: Option<Trouble>,
}

/// Whether a pod serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It does.
    Ready,
    /// It does not, or will not for long.
    #[default]
    Not,
}

/// What is wrong with a pod, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trouble {
    /// No node has room for it.
    Unschedulable,
    /// It does not start, or crashes again and again.
    Failing,
    /// An image of it cannot be pulled.
    ImagePull,
}

/// Pods, as a kind.
#[derive(Clone, Debug)]
pub(crate) struct PodKind;

impl Kind for PodKind {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Pod";
    const PLURAL: &'static str = "pods";
    type Spec = PodSpec;
    type Status = PodStatus;
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodSpec {
    #[serde(deserialize_with = "or_default")]
    node_name: String,
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<Container>,
    #[serde(deserialize_with = "or_default")]
    overhead: BTreeMap<String, String>,
    /// Of the pod as a whole; it stands for the sum of its containers.
    #[serde(deserialize_with = "or_default")]
    resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    name: String,
    #[serde(deserialize_with = "or_default")]
    resources: Resources,
    #[serde(deserialize_with = "or_default")]
    restart_policy: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    #[serde(deserialize_with = "or_default")]
    requests: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct PodStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(deserialize_with = "or_default")]
    state: ContainerState,
    /// What it was given, which differs from what it asks for while it is resized.
    #[serde(deserialize_with = "or_default")]
    allocated_resources: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    #[serde(deserialize_with = "or_default")]
    waiting: Waiting,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Waiting {
    #[serde(deserialize_with = "or_default")]
    reason: String,
}

impl PodFacts {
    /// What is kept of a pod.
    pub(crate) fn of(pod: &Object<PodKind>) -> Self {
        Self {
            uid: uid(&pod.metadata),
            node: pod.spec.node_name.clone(),
            asks: asks(&pod.spec, &pod.status),
            whose: whose(pod),
            state: state(pod),
        }
    }
}

/// What a chart's release in a namespace is known by, on its pods.
#[must_use]
pub(crate) fn claim_of_release(namespace: &str, release: &str) -> u64 {
    hash(&("release", namespace, release))
}

/// What a workload in a namespace is known by, on its pods.
#[must_use]
pub(crate) fn claim_of_workload(namespace: &str, name: &str) -> u64 {
    hash(&("workload", namespace, name))
}

fn whose(pod: &Object<PodKind>) -> Whose {
    let metadata = &pod.metadata;
    let (app, component) =
        (label(metadata, "periplus.dev/app"), label(metadata, "periplus.dev/component"));
    if !app.is_empty() {
        return Whose::Ours { app: app.to_owned(), component: component.to_owned() };
    }
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let release = label(metadata, "app.kubernetes.io/instance");
    let owners = metadata.owner_references.iter().flatten();
    let mut owner = owners.filter(|owner| owner.controller == Some(true)).map(|owner| {
        let name = owner.name.as_str();
        // A `ReplicaSet` is named for its `Deployment`.
        let suffix = format!("-{}", label(metadata, "pod-template-hash"));
        name.strip_suffix(&suffix).filter(|_| owner.kind == "ReplicaSet").unwrap_or(name)
    });
    let owner = owner.next().unwrap_or_default();
    Whose::Unsaid([claim_of_release(namespace, release), claim_of_workload(namespace, owner)])
}

fn state(pod: &Object<PodKind>) -> PodState {
    let metadata = &pod.metadata;
    let is_ready = condition(&pod.status.conditions, "Ready")
        .is_some_and(|condition| condition.status == "True");
    let stays = metadata.deletion_timestamp.is_none();
    let revision = ["pod-template-hash", "controller-revision-hash"]
        .map(|key| label(metadata, key))
        .into_iter()
        .find(|revision| !revision.is_empty());
    PodState {
        ready: if is_ready && stays { Readiness::Ready } else { Readiness::Not },
        made_ms: metadata.creation_timestamp.as_ref().map_or(0, |made| made.0.as_millisecond()),
        revision: revision.map_or(0, hash),
        trouble: trouble(&pod.status).filter(|_| stays),
    }
}

/// The worst that is wrong with a pod.
fn trouble(status: &PodStatus) -> Option<Trouble> {
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses);
    let waiting =
        containers.filter_map(|container| match container.state.waiting.reason.as_str() {
            "ImagePullBackOff"
            | "ErrImagePull"
            | "InvalidImageName"
            | "ImageInspectError"
            | "ErrImageNeverPull"
            | "RegistryUnavailable" => Some(Trouble::ImagePull),
            "CrashLoopBackOff"
            | "CreateContainerConfigError"
            | "CreateContainerError"
            | "RunContainerError"
            | "PostStartHookError" => Some(Trouble::Failing),
            // It is about to start.
            _ => None,
        });
    let unplaced = condition(&status.conditions, "PodScheduled")
        .filter(|placed| placed.status == "False" && placed.reason == "Unschedulable")
        .map(|_| Trouble::Unschedulable);
    waiting.chain(unplaced).max()
}

/// What a pod asks of its node: the most of what runs at any one time, and its overhead.
///
/// As `PodRequests` of `k8s.io/component-helpers/resource` counts it.
fn asks(spec: &PodSpec, status: &PodStatus) -> Asks {
    let given = |container: &Container| {
        let statuses = status.container_statuses.iter().chain(&status.init_container_statuses);
        let mut asked = amounts(&container.resources.requests);
        for status in statuses.filter(|status| status.name == container.name) {
            asked.raise(&amounts(&status.allocated_resources));
        }
        asked
    };
    let mut most = Asks::default();
    let mut sidecars = Asks::default();
    for container in &spec.init_containers {
        let mut now = given(container);
        now.add(&sidecars);
        // A sidecar runs on beside all that start after it.
        if container.restart_policy == "Always" {
            sidecars = now.clone();
        }
        most.raise(&now);
    }
    let mut running = sidecars;
    for container in &spec.containers {
        running.add(&given(container));
    }
    most.raise(&running);
    let whole = &spec.resources.requests;
    let said = amounts(whole);
    if whole.contains_key("cpu") {
        most.cpu_milli = said.cpu_milli;
    }
    if whole.contains_key("memory") {
        most.memory_bytes = said.memory_bytes;
    }
    most.add(&amounts(&spec.overhead));
    most
}

fn amounts(requests: &BTreeMap<String, String>) -> Asks {
    let said = |name: &str| requests.get(name).map_or("0", String::as_str);
    let extended = requests.iter().filter(|(name, _)| is_extended(name));
    Asks {
        cpu_milli: quantity::milli(said("cpu")).unwrap_or(0),
        memory_bytes: quantity::units(said("memory")).unwrap_or(0),
        extended: extended
            .map(|(name, text)| (name.clone(), quantity::units(text).unwrap_or(0)))
            .collect(),
    }
}

impl Asks {
    fn add(&mut self, other: &Self) {
        let Self { cpu_milli, memory_bytes, extended } = other;
        self.cpu_milli = self.cpu_milli.saturating_add(*cpu_milli);
        self.memory_bytes = self.memory_bytes.saturating_add(*memory_bytes);
        for (name, count) in extended {
            let sum = self.extended.entry(name.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    fn raise(&mut self, other: &Self) {
        let Self { cpu_milli, memory_bytes, extended } = other;
        self.cpu_milli = self.cpu_milli.max(*cpu_milli);
        self.memory_bytes = self.memory_bytes.max(*memory_bytes);
        for (name, count) in extended {
            let most = self.extended.entry(name.clone()).or_default();
            *most = (*most).max(*count);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> PodFacts {
        PodFacts::of(&serde_json::from_value(value).unwrap())
    }

    fn container(cpu: &str) -> serde_json::Value {
        json!({ "name": "c", "resources": { "requests": { "cpu": cpu, "memory": "1Mi" } } })
    }

    #[test]
    fn a_pod_asks_for_the_most_of_what_runs_at_once() {
        let asks =
            |init: serde_json::Value, containers: serde_json::Value, more: serde_json::Value| {
                let mut spec = json!({ "initContainers": init, "containers": containers });
                spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
                read(json!({ "metadata": { "name": "p" }, "spec": spec })).asks.cpu_milli
            };
        let mut sidecar = container("50m");
        sidecar["restartPolicy"] = "Always".into();
        let two = json!([container("100m"), container("200m")]);
        assert_eq!(asks(json!([]), two.clone(), json!({})), 300);
        assert_eq!(asks(json!([container("1")]), two.clone(), json!({})), 1_000);
        assert_eq!(asks(json!([sidecar.clone(), container("1")]), two.clone(), json!({})), 1_050);
        assert_eq!(asks(json!([container("1"), sidecar.clone()]), two.clone(), json!({})), 1_000);
        assert_eq!(asks(json!([sidecar.clone(), sidecar]), two.clone(), json!({})), 400);
        assert_eq!(asks(json!([]), two.clone(), json!({ "overhead": { "cpu": "20m" } })), 320);
        let whole = json!({ "resources": { "requests": { "cpu": "700m" } } });
        assert_eq!(asks(json!([]), two, whole), 700);
    }

    #[test]
    fn what_a_pod_waits_for_is_its_trouble() {
        let trouble = |reason: &str| {
            let waiting = json!([{ "name": "c", "state": { "waiting": { "reason": reason } } }]);
            read(json!({ "metadata": {}, "status": { "containerStatuses": waiting } }))
                .state
                .trouble
        };
        assert_eq!(trouble("ContainerCreating"), None);
        assert_eq!(trouble("ImagePullBackOff"), Some(Trouble::ImagePull));
        assert_eq!(trouble("CrashLoopBackOff"), Some(Trouble::Failing));
        let unplaced =
            json!([{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable" }]);
        let pod = read(json!({ "metadata": {}, "status": { "conditions": unplaced } }));
        assert_eq!(pod.state.trouble, Some(Trouble::Unschedulable));
    }

    #[test]
    fn a_pod_is_claimed_by_its_release_or_its_workload() {
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d8f", "uid": "u", "controller": true }]);
        let labels = json!({ "pod-template-hash": "5d8f", "app.kubernetes.io/instance": "shop" });
        let pod = read(
            json!({ "metadata": { "namespace": "n", "labels": labels, "ownerReferences": owner } }),
        );
        let claims = [claim_of_release("n", "shop"), claim_of_workload("n", "web")];
        assert_eq!(pod.whose, Whose::Unsaid(claims));
    }
}
