//! Argo CD: an `Application` for each app in a cluster, with sync waves inside, and what must be there once.

use periplus_spec::scenario::ClusterFacts;
use serde_json::{Value, json};

use super::Repository;
use crate::name::joined;
use crate::object::Object;

/// The namespace of Argo CD.
const ARGOCD: &str = "argocd";
/// The annotation that says in which order objects of one `Application` are applied.
pub(crate) const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// A folder of a repository as the source of an `Application`.
pub(crate) fn folder(repository: &Repository, path: &str) -> Value {
    json!({
        "repoURL": repository.url,
        "targetRevision": repository.branch,
        "path": path,
    })
}

/// The same with all folders below it, for plain manifests.
pub(crate) fn folders(repository: &Repository, path: &str) -> Value {
    let mut source = folder(repository, path);
    source["directory"] = json!({ "recurse": true });
    source
}

/// An `Application` in a cluster; `name` is told apart by the cluster's own.
pub(crate) fn application(
    cluster: &ClusterFacts,
    name: &str,
    namespace: &str,
    source: &Value,
) -> Object {
    let retry =
        json!({ "limit": 5, "backoff": { "duration": "5s", "factor": 2, "maxDuration": "3m" } });
    let rest = json!({
        "spec": {
            "project": "default",
            "source": source,
            "destination": { "name": &*cluster.name, "namespace": namespace },
            "revisionHistoryLimit": 5,
            "syncPolicy": {
                "automated": { "allowEmpty": false, "prune": true, "selfHeal": true },
                "retry": retry,
                "syncOptions": ["ServerSideApply=true", "PruneLast=true", "ApplyOutOfSyncOnly=true"],
            },
        },
    });
    let name = joined(&[name, &cluster.name]);
    let mut object = Object::new("argoproj.io/v1alpha1", "Application", ARGOCD, &name, rest);
    object.0["metadata"]["finalizers"] = json!(["resources-finalizer.argocd.argoproj.io"]);
    object
}

/// What is always there, so that the folder that says which others there are is never empty.
pub(crate) fn root(cluster: &ClusterFacts) -> Object {
    let rest = json!({ "data": { "cluster": &*cluster.name } });
    Object::new("v1", "ConfigMap", ARGOCD, &joined(&["periplus", &cluster.name]), rest)
}

/// What must be there once: an `Application` of the folder that says which others there are.
pub(crate) fn bootstrap(cluster: &ClusterFacts, repository: &Repository) -> Vec<Object> {
    let source = folders(repository, &format!("argocd/{}", cluster.name));
    let rest = json!({
        "spec": {
            "project": "default",
            "source": source,
            "destination": { "server": "https://kubernetes.default.svc", "namespace": ARGOCD },
            "syncPolicy": { "automated": { "allowEmpty": true, "prune": true, "selfHeal": true } },
        },
    });
    let name = joined(&["periplus", &cluster.name]);
    vec![Object::new("argoproj.io/v1alpha1", "Application", ARGOCD, &name, rest)]
}
