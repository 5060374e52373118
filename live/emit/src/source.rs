//! Sources that the cluster's agent renders: Helm charts and Kustomize overlays, as what Flux or Argo CD understands.

use periplus_spec::draft::{AgentType, HelmDraft, KustomizeDraft};
use serde_json::{Map, Value, json};

use crate::agent::{Repository, argocd};
use crate::binding::Binding;
use crate::name::joined;
use crate::object::Object;

/// The namespace of Flux's own objects.
pub(crate) const FLUX: &str = "flux-system";

/// The objects that make an agent install a chart.
pub(crate) fn helm(binding: &Binding<'_>, draft: &HelmDraft) -> Vec<Object> {
    match binding.cluster.agent {
        AgentType::Flux => flux_helm(binding, draft),
        AgentType::Argocd => vec![argocd_helm(binding, draft)],
    }
}

/// The objects that make an agent apply an overlay.
pub(crate) fn kustomize(binding: &Binding<'_>, draft: &KustomizeDraft) -> Vec<Object> {
    match binding.cluster.agent {
        AgentType::Flux => flux_kustomize(binding, draft),
        AgentType::Argocd => vec![argocd_kustomize(binding, draft)],
    }
}

fn name_of(binding: &Binding<'_>) -> String {
    joined(&[&binding.app.name, &binding.component.name])
}

/// A chart's values with the number of replicas in its place, unless the cluster's own autoscaler sets it.
fn values(binding: &Binding<'_>, draft: &HelmDraft) -> Value {
    let mut values = if draft.values.is_object() { draft.values.clone() } else { json!({}) };
    if binding.bounds().is_none() {
        let path = draft.replicas.as_deref().unwrap_or("replicaCount");
        let mut place = &mut values;
        for key in path.split('.') {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = &mut place[key];
        }
        *place = binding.replicas.into();
    }
    values
}

fn flux_helm(binding: &Binding<'_>, draft: &HelmDraft) -> Vec<Object> {
    let name = name_of(binding);
    let mut spec = Map::new();
    spec.insert("interval".into(), "10m".into());
    spec.insert("url".into(), draft.repository.as_str().into());
    if draft.repository.starts_with("oci://") {
        spec.insert("type".into(), "oci".into());
    }
    if let Some(secret) = &draft.secret {
        spec.insert("secretRef".into(), json!({ "name": &**secret }));
    }
    let api = "source.toolkit.fluxcd.io/v1";
    let repository = Object::new(api, "HelmRepository", FLUX, &name, json!({ "spec": spec }));
    let chart = json!({
        "spec": {
            "chart": draft.chart,
            "version": draft.version,
            "sourceRef": { "kind": "HelmRepository", "name": name },
        },
    });
    let rest = json!({
        "spec": {
            "interval": "10m",
            "releaseName": &*binding.component.name,
            "targetNamespace": binding.namespace,
            "storageNamespace": binding.namespace,
            "chart": chart,
            "install": { "remediation": { "retries": 3 } },
            "upgrade": { "remediation": { "retries": 3 } },
            "values": values(binding, draft),
        },
    });
    let release = Object::new("helm.toolkit.fluxcd.io/v2", "HelmRelease", FLUX, &name, rest);
    vec![repository, release]
}

fn flux_kustomize(binding: &Binding<'_>, draft: &KustomizeDraft) -> Vec<Object> {
    let name = name_of(binding);
    let mut spec = Map::new();
    spec.insert("interval".into(), "10m".into());
    spec.insert("url".into(), draft.repository.as_str().into());
    spec.insert("ref".into(), flux_revision(&draft.revision));
    if let Some(secret) = &draft.secret {
        spec.insert("secretRef".into(), json!({ "name": &**secret }));
    }
    let api = "source.toolkit.fluxcd.io/v1";
    let repository = Object::new(api, "GitRepository", FLUX, &name, json!({ "spec": spec }));
    let mut spec = json!({
        "interval": "10m",
        "retryInterval": "30s",
        "timeout": "5m",
        "prune": true,
        "wait": true,
        "path": format!("./{}", draft.path.trim_start_matches("./").trim_matches('/')),
        "sourceRef": { "kind": "GitRepository", "name": name },
        "targetNamespace": binding.namespace,
    });
    if binding.bounds().is_none() {
        let operation =
            json!([{ "op": "add", "path": "/spec/replicas", "value": binding.replicas }]);
        let target = json!({ "kind": "Deployment|StatefulSet", "name": &*binding.component.name });
        spec["patches"] = json!([{ "patch": crate::yaml::text(&operation), "target": target }]);
    }
    let api = "kustomize.toolkit.fluxcd.io/v1";
    let overlay = Object::new(api, "Kustomization", FLUX, &name, json!({ "spec": spec }));
    vec![repository, overlay]
}

/// A revision as Flux asks for it: a commit by its 40 digits, a tag that looks like a version, or a branch.
fn flux_revision(revision: &str) -> Value {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if revision.len() == 40 && digits(revision) {
        json!({ "commit": revision })
    } else if let Some(tag) = revision.strip_prefix("refs/tags/") {
        json!({ "tag": tag })
    } else if revision.trim_start_matches('v').starts_with(|first: char| first.is_ascii_digit()) {
        json!({ "tag": revision })
    } else {
        json!({ "branch": revision.strip_prefix("refs/heads/").unwrap_or(revision) })
    }
}

fn argocd_helm(binding: &Binding<'_>, draft: &HelmDraft) -> Object {
    // Argo CD knows a repository of OCI charts by its name without a scheme.
    let repository = draft.repository.strip_prefix("oci://").unwrap_or(&draft.repository);
    let source = json!({
        "repoURL": repository,
        "chart": draft.chart,
        "targetRevision": draft.version,
        "helm": { "releaseName": &*binding.component.name, "valuesObject": values(binding, draft) },
    });
    argocd::application(binding.cluster, &name_of(binding), binding.namespace, &source)
}

fn argocd_kustomize(binding: &Binding<'_>, draft: &KustomizeDraft) -> Object {
    let repository = Repository { url: draft.repository.clone(), branch: draft.revision.clone() };
    let path = draft.path.trim_start_matches("./").trim_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let mut source = argocd::folder(&repository, path);
    if binding.bounds().is_none() {
        let replicas = json!([{ "name": &*binding.component.name, "count": binding.replicas }]);
        source["kustomize"] = json!({ "replicas": replicas });
    }
    argocd::application(binding.cluster, &name_of(binding), binding.namespace, &source)
}
