//! Flux: a `Kustomization` for each folder, and what must be there once.
//!
//! One for each component, so that its readiness is told by itself; `dependsOn` repeats inside a cluster what gates hold
//! back across clusters.

use periplus_spec::scenario::ClusterFacts;
use serde_json::{Value, json};

use super::Repository;
use crate::object::Object;
use crate::source::FLUX;

/// The `GitRepository` that folders are read from, made by the bootstrap.
pub(crate) const SOURCE: &str = "periplus";

/// The Secret with the keys that open what SOPS has sealed, as Flux's own guide calls it.
const SEALS: &str = "sops-age";

/// What is always there, so that the folder that says which others there are is never empty.
pub(crate) fn root(cluster: &ClusterFacts) -> Object {
    let rest = json!({ "data": { "cluster": &*cluster.name } });
    Object::new("v1", "ConfigMap", FLUX, SOURCE, rest)
}

/// What else is known of a folder.
pub(crate) struct Folder<'f> {
    /// The name of its `Kustomization`.
    pub(crate) name: &'f str,
    /// The folder, from the root of the repository.
    pub(crate) path: &'f str,
    /// The names of those that must be ready before.
    pub(crate) after: Vec<String>,
    /// Whether it is ready when its objects are healthy, or as soon as they are applied.
    pub(crate) ready: Ready,
    /// Whether SOPS has sealed files in it.
    pub(crate) sealed: bool,
}

/// When a folder counts as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ready {
    /// When its objects are there.
    Applied,
    /// When its objects are healthy.
    Healthy,
}

/// The `Kustomization` of a folder.
pub(crate) fn kustomization(folder: &Folder<'_>) -> Object {
    let mut spec = json!({
        "deletionPolicy": "WaitForTermination",
        "interval": "10m",
        "path": format!("./{}", folder.path),
        "prune": true,
        "retryInterval": "30s",
        "sourceRef": { "kind": "GitRepository", "name": SOURCE },
        "timeout": "5m",
        "wait": folder.ready == Ready::Healthy,
    });
    if !folder.after.is_empty() {
        let names: Vec<Value> = folder.after.iter().map(|name| json!({ "name": name })).collect();
        spec["dependsOn"] = names.into();
    }
    if folder.sealed {
        spec["decryption"] = json!({ "provider": "sops", "secretRef": { "name": SEALS } });
    }
    let api = "kustomize.toolkit.fluxcd.io/v1";
    Object::new(api, "Kustomization", FLUX, folder.name, json!({ "spec": spec }))
}

/// What must be there once: the repository, and the folder that says which others there are.
pub(crate) fn bootstrap(cluster: &ClusterFacts, repository: &Repository) -> Vec<Object> {
    let name: &str = &cluster.name;
    let mut spec = json!({
        "interval": "1m",
        "ref": { "branch": repository.branch },
        "sparseCheckout": [format!("clusters/{name}"), format!("deploy/{name}")],
        "timeout": "60s",
        "url": repository.url,
    });
    if !repository.url.starts_with("http://") {
        spec["secretRef"] = json!({ "name": SOURCE });
    }
    let api = "source.toolkit.fluxcd.io/v1";
    let source = Object::new(api, "GitRepository", FLUX, SOURCE, json!({ "spec": spec }));
    let spec = json!({
        "interval": "10m",
        "path": format!("./clusters/{name}"),
        "prune": true,
        "sourceRef": { "kind": "GitRepository", "name": SOURCE },
        "timeout": "5m",
        "wait": false,
    });
    let api = "kustomize.toolkit.fluxcd.io/v1";
    let root = Object::new(api, "Kustomization", FLUX, SOURCE, json!({ "spec": spec }));
    vec![source, root]
}
