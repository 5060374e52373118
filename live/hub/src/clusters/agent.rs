//! What Flux and Argo CD say of what they apply: their `Kustomization`s, `HelmRelease`s and `Application`s of ours.
//!
//! What was written about each is told in `live/emit`: a `Kustomization` for the folder of each component, an
//! `Application` for each app, and one of its own for each chart or overlay.

mod argocd;

use periplus_core::input::Fault;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::objects::{Condition, Kind, Object, Uid, condition, decision, label, or_default, uid};
use super::pod::{claim_of_release, claim_of_workload};

pub(crate) use argocd::ApplicationKind;

/// What is kept of what an agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AgentFacts {
    pub(crate) uid: Uid,
    /// The cluster that it is about.
    pub(crate) cluster: String,
    pub(crate) app: String,
    pub(crate) about: About,
    pub(crate) agent: Agent,
}

/// What of an app an agent's object is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The folder of a component, whose objects tell of themselves.
    Folder {
        /// The component.
        component: String,
    },
    /// A chart or an overlay, whose objects have none of our labels.
    Source {
        /// The component.
        component: String,
        /// What its pods are known by.
        claim: u64,
    },
    /// All folders of the app.
    App,
}

/// How an agent fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// The record that decided its object.
    pub(crate) decision: Option<u64>,
    pub(crate) state: AgentState,
    pub(crate) tried: Tried,
    /// How many replicas a chart or an overlay was told to have.
    pub(crate) wanted: Option<u32>,
    /// The names of workloads that could not be applied, where it tells them.
    pub(crate) failed: Vec<Box<str>>,
}

/// How an agent fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentState {
    /// All that its object says is there and healthy.
    Ready,
    /// It is at it.
    Waiting,
    /// It failed, and tries again.
    Failed(Fault),
}

/// What an agent tried last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The revision that is applied.
    Same,
    /// Another one.
    Other,
}

/// Flux's `Kustomization`s, as a kind.
#[derive(Clone, Debug)]
pub(crate) struct KustomizationKind;

impl Kind for KustomizationKind {
    const GROUP: &'static str = "kustomize.toolkit.fluxcd.io";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Kustomization";
    const PLURAL: &'static str = "kustomizations";
    type Spec = FluxSpec;
    type Status = FluxStatus;
}

/// Flux's `HelmRelease`s, as a kind.
#[derive(Clone, Debug)]
pub(crate) struct HelmReleaseKind;

impl Kind for HelmReleaseKind {
    const GROUP: &'static str = "helm.toolkit.fluxcd.io";
    const VERSION: &'static str = "v2";
    const KIND: &'static str = "HelmRelease";
    const PLURAL: &'static str = "helmreleases";
    type Spec = FluxSpec;
    type Status = FluxStatus;
}

/// Fields of both kinds of Flux.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FluxSpec {
    path: String,
    target_namespace: String,
    release_name: String,
    #[serde(deserialize_with = "lenient")]
    values: Values,
    #[serde(deserialize_with = "lenient")]
    patches: Vec<Patch>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct FluxStatus {
    #[serde(deserialize_with = "or_default")]
    observed_generation: i64,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    last_applied_revision: String,
    #[serde(deserialize_with = "or_default")]
    last_attempted_revision: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Values {
    replica_count: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Patch {
    patch: String,
    target: Target,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Target {
    name: String,
}

/// A value; its default where it is something else than it should be, as any controller may write anything there.
fn lenient<'de, D: Deserializer<'de>, T: Default + DeserializeOwned>(
    from: D,
) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(from)?).unwrap_or_default())
}

impl AgentFacts {
    /// What is kept of a `Kustomization`; `None` where it is about no app.
    pub(crate) fn of_kustomization(object: &Object<KustomizationKind>) -> Option<Self> {
        let (app, spec) = (label(&object.metadata, "periplus.dev/app"), &object.spec);
        let path: Vec<&str> = spec.path.trim_start_matches("./").split('/').collect();
        let about = match path.as_slice() {
            ["deploy", _, folder, component] if *folder == app => {
                About::Folder { component: (*component).to_owned() }
            }
            _ => overlay(
                object.metadata.name.as_deref(),
                app,
                &spec.target_namespace,
                &spec.patches,
            )?,
        };
        let wanted = spec.patches.iter().find_map(Patch::replicas);
        Some(flux(object, about, wanted))
    }

    /// What is kept of a `HelmRelease`.
    pub(crate) fn of_release(object: &Object<HelmReleaseKind>) -> Option<Self> {
        let spec = &object.spec;
        let component = Some(spec.release_name.clone()).filter(|name| !name.is_empty())?;
        let claim = claim_of_release(&spec.target_namespace, &component);
        Some(flux(object, About::Source { component, claim }, spec.values.replicas()))
    }
}

/// An overlay: its object is named `<app>.<component>.source`, and it patches one workload.
fn overlay(name: Option<&str>, app: &str, namespace: &str, patches: &[Patch]) -> Option<About> {
    let workload =
        patches.iter().map(|patch| patch.target.name.as_str()).find(|name| !name.is_empty())?;
    let named =
        name.and_then(|name| name.strip_prefix(app)?.strip_prefix('.')?.strip_suffix(".source"));
    // A name that was too long ends in a hash. Most workloads are named for their component.
    let component = named.unwrap_or(workload).to_owned();
    Some(About::Source { component, claim: claim_of_workload(namespace, workload) })
}

fn flux<K>(object: &Object<K>, about: About, wanted: Option<u32>) -> AgentFacts
where
    K: Kind<Spec = FluxSpec, Status = FluxStatus>,
{
    let Object { metadata, status, .. } = object;
    let same = status.last_attempted_revision == status.last_applied_revision;
    AgentFacts {
        uid: uid(metadata),
        cluster: label(metadata, "periplus.dev/cluster").to_owned(),
        app: label(metadata, "periplus.dev/app").to_owned(),
        about,
        agent: Agent {
            decision: decision(metadata),
            state: flux_state(metadata.generation.unwrap_or(0), status),
            tried: if same { Tried::Same } else { Tried::Other },
            wanted,
            failed: Vec::new(),
        },
    }
}

/// As the `Ready` condition tells it; see `fluxcd/pkg/apis/meta/conditions.go` and the controllers' own reasons.
fn flux_state(generation: i64, status: &FluxStatus) -> AgentState {
    let Some(ready) = condition(&status.conditions, "Ready") else { return AgentState::Waiting };
    let observed = status.observed_generation.max(ready.observed_generation);
    let late = ready.message.contains("timed out") || ready.message.contains("deadline exceeded");
    match (ready.status.as_str(), ready.reason.as_str()) {
        ("True", _) if observed >= generation => AgentState::Ready,
        // It waits for its source, which is not its own failure.
        ("False", "ArtifactFailed") => AgentState::Waiting,
        ("False", "HealthCheckFailed") => AgentState::Failed(Fault::TimedOut),
        ("False", reason) if reason.ends_with("Failed") && late => {
            AgentState::Failed(Fault::TimedOut)
        }
        ("False", reason)
            if reason.ends_with("Failed")
                || ["RollbackSucceeded", "UninstallSucceeded", "RetriesExceeded"]
                    .contains(&reason) =>
        {
            AgentState::Failed(Fault::ApplyFailed)
        }
        _ => AgentState::Waiting,
    }
}

impl Values {
    fn replicas(&self) -> Option<u32> {
        self.replica_count.as_u64()?.try_into().ok()
    }
}

impl Patch {
    /// The replicas that a patch of ours sets.
    fn replicas(&self) -> Option<u32> {
        let (_, after) = self.patch.split_once("/spec/replicas")?;
        let (_, value) = after.split_once("value: ")?;
        value.lines().next()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flux_object(name: &str, spec: &Value, status: &Value) -> Value {
        let labels = json!({ "periplus.dev/app": "shop", "periplus.dev/cluster": "hill" });
        json!({ "metadata": { "name": name, "uid": "1", "generation": 3, "labels": labels }, "spec": spec, "status": status })
    }

    #[test]
    fn kustomizations_tell_of_folders_and_overlays() {
        let read = |name: &str, spec: &Value, status: &Value| {
            let object = serde_json::from_value(flux_object(name, spec, status)).unwrap();
            AgentFacts::of_kustomization(&object)
        };
        let folder = json!({ "path": "./deploy/hill/shop/web" });
        let failed = json!({
            "observedGeneration": 3, "lastAttemptedRevision": "main@b", "lastAppliedRevision": "main@a",
            "conditions": [{ "type": "Ready", "status": "False", "reason": "ReconciliationFailed", "message": "denied" }],
        });
        let facts = read("shop.web", &folder, &failed).unwrap();
        assert_eq!(facts.about, About::Folder { component: "web".into() });
        assert_eq!(facts.agent.state, AgentState::Failed(Fault::ApplyFailed));
        assert_eq!(facts.agent.tried, Tried::Other);

        let overlay = json!({
            "path": "./overlays/edge", "targetNamespace": "shop",
            "patches": [{ "patch": "- op: add\n  path: /spec/replicas\n  value: 3\n", "target": { "kind": "Deployment|StatefulSet", "name": "server" } }],
        });
        let ready = json!({ "observedGeneration": 3, "conditions": [{ "type": "Ready", "status": "True", "reason": "ReconciliationSucceeded" }] });
        let facts = read("shop.web.source", &overlay, &ready).unwrap();
        let claim = claim_of_workload("shop", "server");
        assert_eq!(facts.about, About::Source { component: "web".into(), claim });
        assert_eq!((facts.agent.state, facts.agent.wanted), (AgentState::Ready, Some(3)));

        let old = json!({ "observedGeneration": 2, "conditions": [{ "type": "Ready", "status": "True" }] });
        assert_eq!(read("shop.web", &folder, &old).unwrap().agent.state, AgentState::Waiting);
        assert_eq!(
            read("net.shop.guard", &json!({ "path": "./deploy/hill/_net/shop/guard" }), &ready),
            None
        );
    }

    #[test]
    fn releases_tell_of_charts() {
        let spec = json!({ "releaseName": "web", "targetNamespace": "shop", "values": { "replicaCount": 2, "x": [1] } });
        let failed = |reason: &str, message: &str| {
            let status = json!({ "observedGeneration": -1, "conditions": [{ "type": "Ready", "status": "False", "reason": reason, "message": message }] });
            let object =
                serde_json::from_value(flux_object("shop.web.source", &spec, &status)).unwrap();
            AgentFacts::of_release(&object).unwrap().agent
        };
        assert_eq!(
            failed("InstallFailed", "no such chart").state,
            AgentState::Failed(Fault::ApplyFailed)
        );
        assert_eq!(
            failed("UpgradeFailed", "timed out waiting").state,
            AgentState::Failed(Fault::TimedOut)
        );
        assert_eq!(failed("DependencyNotReady", "").state, AgentState::Waiting);
        assert_eq!(failed("Progressing", "").wanted, Some(2));
    }
}
