//! What Argo CD says: its `Application`s, which may be in another cluster than what they are about.

use periplus_core::input::Fault;
use serde::Deserialize;
use serde_json::Value;

use super::{About, Agent, AgentFacts, AgentState, Patch, Tried, Values, lenient, overlay};
use crate::clusters::objects::{Kind, Object, decision, label, or_default, uid};
use crate::clusters::pod::claim_of_release;

/// Argo CD's `Application`s, as a kind.
#[derive(Clone, Debug)]
pub(crate) struct ApplicationKind;

impl Kind for ApplicationKind {
    const GROUP: &'static str = "argoproj.io";
    const VERSION: &'static str = "v1alpha1";
    const KIND: &'static str = "Application";
    const PLURAL: &'static str = "applications";
    type Spec = ArgoSpec;
    type Status = ArgoStatus;
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ArgoSpec {
    #[serde(deserialize_with = "or_default")]
    source: Value,
    #[serde(deserialize_with = "lenient")]
    destination: Destination,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Destination {
    namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ArgoSource {
    path: String,
    #[serde(deserialize_with = "lenient")]
    helm: ArgoHelm,
    kustomize: Option<ArgoKustomize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ArgoHelm {
    release_name: String,
    #[serde(deserialize_with = "lenient")]
    values_object: Values,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct ArgoKustomize {
    namespace: String,
    #[serde(deserialize_with = "lenient")]
    patches: Vec<Patch>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ArgoStatus {
    #[serde(deserialize_with = "lenient")]
    sync: Sync,
    #[serde(deserialize_with = "lenient")]
    health: Health,
    #[serde(deserialize_with = "lenient")]
    operation_state: Operation,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Sync {
    status: String,
    revision: String,
    compared_to: Compared,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Compared {
    source: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Health {
    status: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Operation {
    phase: String,
    sync_result: SyncResult,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct SyncResult {
    revision: String,
    resources: Vec<Synced>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Synced {
    kind: String,
    name: String,
    status: String,
}

impl AgentFacts {
    /// What is kept of an `Application`; `None` where it is about what is no app's.
    pub(crate) fn of_application(object: &Object<ApplicationKind>) -> Option<Self> {
        let Object { metadata, spec, status } = object;
        let app = label(metadata, "periplus.dev/app");
        let cluster = label(metadata, "periplus.dev/cluster");
        let source: ArgoSource = serde_json::from_value(spec.source.clone()).unwrap_or_default();
        let namespace = &spec.destination.namespace;
        let (about, wanted) = if let Some(kustomize) = &source.kustomize {
            let name = metadata.name.as_deref();
            let name = name.map(|name| name.strip_suffix(&format!(".{cluster}")).unwrap_or(name));
            let namespace =
                Some(&kustomize.namespace).filter(|own| !own.is_empty()).unwrap_or(namespace);
            let wanted = kustomize.patches.iter().find_map(Patch::replicas);
            (overlay(name, app, namespace, &kustomize.patches)?, wanted)
        } else if !source.helm.release_name.is_empty() {
            let component = source.helm.release_name.clone();
            let claim = claim_of_release(namespace, &component);
            (About::Source { component, claim }, source.helm.values_object.replicas())
        } else if source.path == format!("deploy/{cluster}/{app}") {
            (About::App, None)
        } else {
            return None;
        };
        let failed = status.operation_state.sync_result.resources.iter().filter(|one| {
            one.status == "SyncFailed" && ["Deployment", "StatefulSet"].contains(&&*one.kind)
        });
        let tried = &status.operation_state.sync_result.revision;
        Some(Self {
            uid: uid(metadata),
            cluster: cluster.to_owned(),
            app: app.to_owned(),
            about,
            agent: Agent {
                decision: decision(metadata),
                state: argo_state(&spec.source, status),
                tried: if *tried == status.sync.revision { Tried::Same } else { Tried::Other },
                wanted,
                failed: failed.map(|one| one.name.as_str().into()).collect(),
            },
        })
    }
}

fn argo_state(source: &Value, status: &ArgoStatus) -> AgentState {
    let current = status.sync.compared_to.source == *source;
    let (sync, health) = (status.sync.status.as_str(), status.health.status.as_str());
    let phase = status.operation_state.phase.as_str();
    match (sync, health) {
        ("Synced", "Healthy") if current => AgentState::Ready,
        ("Synced", "Degraded") if current => AgentState::Failed(Fault::PodFailed),
        _ if ["Failed", "Error"].contains(&phase) && sync != "Synced" => {
            AgentState::Failed(Fault::ApplyFailed)
        }
        _ => AgentState::Waiting,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn applications_tell_of_apps_and_charts_wherever_they_are() {
        let read = |source: &Value, status: &Value| {
            let object = json!({
                "metadata": { "name": "shop.hill", "uid": "1", "labels": { "periplus.dev/app": "shop", "periplus.dev/cluster": "hill" } },
                "spec": { "source": source, "destination": { "name": "hill", "namespace": "shop" } }, "status": status,
            });
            AgentFacts::of_application(&serde_json::from_value(object).unwrap())
        };
        let app =
            json!({ "repoURL": "x", "path": "deploy/hill/shop", "directory": { "recurse": true } });
        let failed = json!({
            "sync": { "status": "OutOfSync", "revision": "b" }, "health": { "status": "Missing" },
            "operationState": { "phase": "Failed", "syncResult": { "revision": "b", "resources": [
                { "kind": "Deployment", "name": "web", "status": "SyncFailed" }, { "kind": "Service", "name": "web", "status": "Synced" } ] } },
        });
        let facts = read(&app, &failed).unwrap();
        assert_eq!((facts.cluster.as_str(), facts.about), ("hill", About::App));
        assert_eq!(facts.agent.state, AgentState::Failed(Fault::ApplyFailed));
        assert_eq!(facts.agent.failed, ["web".into()]);

        let chart = json!({ "chart": "c", "helm": { "releaseName": "web", "valuesObject": { "replicaCount": 4 } } });
        let healthy = |source: &Value| json!({ "sync": { "status": "Synced", "comparedTo": { "source": source } }, "health": { "status": "Healthy" } });
        let facts = read(&chart, &healthy(&chart)).unwrap();
        assert_eq!((facts.agent.state, facts.agent.wanted), (AgentState::Ready, Some(4)));
        assert_eq!(read(&chart, &healthy(&app)).unwrap().agent.state, AgentState::Waiting);
        assert_eq!(read(&json!({ "path": "deploy/hill/_net/shop/guard" }), &failed), None);
    }
}
