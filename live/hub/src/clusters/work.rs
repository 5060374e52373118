//! `Deployment`s, `StatefulSet`s, `DaemonSet`s and `Job`s of ours: which component each is of, and how many of its pods of
//! the newest content are ready.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Resource;
use kube::api::ObjectMeta;
use periplus_core::input::Fault;
use serde::Deserialize;

use super::objects::{
    Condition, Kind, Object, Uid, condition, decision, hash, label, or_default, uid,
};

/// What is kept of such an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkFacts {
    pub(crate) uid: Uid,
    pub(crate) app: String,
    pub(crate) component: String,
    pub(crate) work: Work,
}

/// How such an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Work {
    /// Its name, as agents tell of it.
    pub(crate) name: Box<str>,
    pub(crate) role: Role,
    /// The record that decided it.
    pub(crate) decision: Option<u64>,
    pub(crate) status: Status,
    /// How many pods it is to have.
    pub(crate) wanted: u32,
    /// How many pods of its newest content are ready at least.
    pub(crate) ready: u32,
    /// How many pods of its newest content there are.
    pub(crate) updated: u32,
    /// How its controller numbers its newest content, if it says so.
    pub(crate) revision: Option<u64>,
    pub(crate) fault: Option<Fault>,
}

/// What an object is in its component.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one whose pods are the component's replicas.
    Main,
    /// Another one that came with it.
    Side,
}

/// Which content a status is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The newest.
    Fresh,
    /// One before: the controller has not looked yet.
    Stale,
}

macro_rules! kind {
    ($name:ident, $group:literal, $kind:literal, $plural:literal) => {
        #[doc = concat!("`", $kind, "`s, as a kind.")]
        #[derive(Clone, Debug)]
        pub(crate) struct $name;

        impl Kind for $name {
            const GROUP: &'static str = $group;
            const VERSION: &'static str = "v1";
            const KIND: &'static str = $kind;
            const PLURAL: &'static str = $plural;
            type Spec = WorkSpec;
            type Status = WorkStatus;
        }
    };
}

kind!(DeploymentKind, "apps", "Deployment", "deployments");
kind!(StatefulSetKind, "apps", "StatefulSet", "statefulsets");
kind!(DaemonSetKind, "apps", "DaemonSet", "daemonsets");
kind!(JobKind, "batch", "Job", "jobs");

/// Fields of all four kinds; none of them means something else in another.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct WorkSpec {
    replicas: Option<u32>,
    completions: Option<u32>,
    #[serde(deserialize_with = "or_default")]
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    #[serde(deserialize_with = "or_default")]
    metadata: TemplateMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct TemplateMetadata {
    #[serde(deserialize_with = "or_default")]
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct WorkStatus {
    #[serde(deserialize_with = "or_default")]
    observed_generation: i64,
    #[serde(deserialize_with = "or_default")]
    replicas: u32,
    #[serde(deserialize_with = "or_default")]
    updated_replicas: u32,
    #[serde(deserialize_with = "or_default")]
    ready_replicas: u32,
    #[serde(deserialize_with = "or_default")]
    available_replicas: u32,
    #[serde(deserialize_with = "or_default")]
    update_revision: String,
    #[serde(deserialize_with = "or_default")]
    desired_number_scheduled: u32,
    #[serde(deserialize_with = "or_default")]
    current_number_scheduled: u32,
    #[serde(deserialize_with = "or_default")]
    updated_number_scheduled: u32,
    #[serde(deserialize_with = "or_default")]
    number_available: u32,
    #[serde(deserialize_with = "or_default")]
    active: u32,
    #[serde(deserialize_with = "or_default")]
    succeeded: u32,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

/// The pods that a status tells of, in words that all kinds share.
struct Counts {
    wanted: u32,
    all: u32,
    updated: u32,
    ready: u32,
}

impl WorkFacts {
    /// What is kept of an object; `None` where it is not said which component it is of.
    pub(crate) fn of<K: Kind<Spec = WorkSpec, Status = WorkStatus>>(
        object: &Object<K>,
    ) -> Option<Self> {
        let Object { metadata, spec, status } = object;
        let app = label(metadata, "periplus.dev/app");
        let labels = &spec.template.metadata.labels;
        let marked = labels.get("periplus.dev/component").map(String::as_str);
        let (component, role) = match marked {
            Some(component) => (component, Role::Main),
            None => (flux_component(metadata, app)?, Role::Side),
        };
        if app.is_empty() || component.is_empty() {
            return None;
        }
        let counts = counts(K::KIND, spec, status);
        let seen = status.observed_generation >= metadata.generation.unwrap_or(0);
        // Jobs have no generation that is observed, and never change.
        let status_is = if seen || K::KIND == "Job" { Status::Fresh } else { Status::Stale };
        let revision =
            Some(status.update_revision.as_str()).filter(|revision| !revision.is_empty());
        let ObjectReference { name, .. } = object.object_ref(&());
        Some(Self {
            uid: uid(metadata),
            app: app.to_owned(),
            component: component.to_owned(),
            work: Work {
                name: name.unwrap_or_default().into(),
                role,
                decision: decision(metadata),
                status: status_is,
                wanted: counts.wanted,
                // Each pod of older content may be one of the ready ones.
                ready: counts.ready.saturating_sub(counts.all.saturating_sub(counts.updated)),
                updated: counts.updated,
                revision: revision.map(hash),
                fault: fault(&status.conditions),
            },
        })
    }
}

/// The component whose folder Flux applied an object from: it labels all objects with the name of its `Kustomization`,
/// which is that of the app and the component.
fn flux_component<'m>(metadata: &'m ObjectMeta, app: &str) -> Option<&'m str> {
    let name = label(metadata, "kustomize.toolkit.fluxcd.io/name");
    name.strip_prefix(app)?.strip_prefix('.')
}

fn counts(kind: &str, spec: &WorkSpec, status: &WorkStatus) -> Counts {
    match kind {
        "DaemonSet" => Counts {
            wanted: status.desired_number_scheduled,
            all: status.current_number_scheduled,
            updated: status.updated_number_scheduled,
            ready: status.number_available,
        },
        "Job" => {
            let all = status.active + status.succeeded;
            let wanted = spec.completions.unwrap_or(1);
            Counts { wanted, all, updated: all, ready: status.succeeded }
        }
        "StatefulSet" => Counts {
            wanted: spec.replicas.unwrap_or(1),
            all: status.replicas,
            updated: status.updated_replicas,
            // Servers before 1.22 do not tell how many are available.
            ready: status.ready_replicas,
        },
        _ => Counts {
            wanted: spec.replicas.unwrap_or(1),
            all: status.replicas,
            updated: status.updated_replicas,
            ready: status.available_replicas,
        },
    }
}

/// What the conditions of an object say that went wrong.
fn fault(conditions: &[Condition]) -> Option<Fault> {
    let is =
        |kind: &str, status: &str| condition(conditions, kind).filter(|one| one.status == status);
    if is("ReplicaFailure", "True").is_some() {
        // A quota or an admission hook refused its pods.
        return Some(Fault::ApplyFailed);
    }
    if let Some(failed) = is("Failed", "True") {
        let late = failed.reason == "DeadlineExceeded";
        return Some(if late { Fault::TimedOut } else { Fault::PodFailed });
    }
    is("Progressing", "False")
        .filter(|progressing| progressing.reason == "ProgressDeadlineExceeded")
        .map(|_| Fault::TimedOut)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn deployment(generation: i64, replicas: u32, status: &Value) -> Work {
        let object = json!({
            "metadata": {
                "name": "web", "namespace": "shop", "uid": "7", "generation": generation,
                "labels": { "periplus.dev/app": "shop" },
                "annotations": { "periplus.dev/decision": "83" },
            },
            "spec": {
                "replicas": replicas,
                "template": { "metadata": { "labels": { "periplus.dev/component": "web" } } },
            },
            "status": status,
        });
        let object: Object<DeploymentKind> = serde_json::from_value(object).unwrap();
        let facts = WorkFacts::of(&object).unwrap();
        assert_eq!((facts.app.as_str(), facts.component.as_str()), ("shop", "web"));
        facts.work
    }

    #[test]
    fn only_pods_of_the_newest_content_count() {
        // (replicas, updated, available) of a rollout from three old pods to three new ones.
        for (all, updated, available, ready) in [
            (3, 0, 3, 0),
            (4, 1, 3, 0),
            (4, 1, 4, 1),
            (4, 2, 3, 1),
            (3, 3, 2, 2),
            (3, 3, 3, 3),
            (4, 1, 2, 0),
        ] {
            let status = json!({
                "observedGeneration": 2, "replicas": all, "updatedReplicas": updated, "availableReplicas": available,
            });
            let work = deployment(2, 3, &status);
            assert_eq!((work.ready, work.status, work.role), (ready, Status::Fresh, Role::Main));
            assert_eq!(work.decision, Some(83));
        }
        assert_eq!(deployment(3, 3, &json!({ "observedGeneration": 2 })).status, Status::Stale);
    }

    #[test]
    fn conditions_tell_what_went_wrong() {
        let fault = |kind: &str, status: &str, reason: &str| {
            let conditions = json!([{ "type": kind, "status": status, "reason": reason }]);
            deployment(1, 1, &json!({ "conditions": conditions })).fault
        };
        assert_eq!(fault("Progressing", "True", "NewReplicaSetAvailable"), None);
        assert_eq!(
            fault("Progressing", "False", "ProgressDeadlineExceeded"),
            Some(Fault::TimedOut)
        );
        assert_eq!(fault("ReplicaFailure", "True", "FailedCreate"), Some(Fault::ApplyFailed));
    }

    #[test]
    fn what_came_with_a_component_is_known_by_what_flux_says() {
        let object = json!({
            "metadata": {
                "name": "migrate", "uid": "8",
                "labels": { "periplus.dev/app": "shop", "kustomize.toolkit.fluxcd.io/name": "shop.web" },
            },
            "spec": { "template": {} },
            "status": { "conditions": [{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }] },
        });
        let object: Object<JobKind> = serde_json::from_value(object).unwrap();
        let facts = WorkFacts::of(&object).unwrap();
        assert_eq!((facts.component.as_str(), facts.work.role), ("web", Role::Side));
        assert_eq!(facts.work.fault, Some(Fault::PodFailed));
    }
}
