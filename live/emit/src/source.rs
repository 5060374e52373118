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

/// What the name of a chart or an overlay ends with.
pub(crate) const SUFFIX: &str = "source";

/// The name of what belongs to a component. One part more than the component's own `Kustomization`, which lies in the
/// same namespace.
fn name_of(binding: &Binding<'_>) -> String {
    joined(&[&binding.app.name, &binding.component.name, SUFFIX])
}

/// A chart's values with the number of replicas in its place, or the bounds of the cluster's own autoscaler.
fn values(binding: &Binding<'_>, draft: &HelmDraft) -> Value {
    let mut values = if draft.values.is_object() { draft.values.clone() } else { json!({}) };
    match binding.bounds() {
        None => {
            let path = draft.replicas.as_deref().unwrap_or("replicaCount");
            *place(&mut values, path) = binding.replicas.into();
        }
        Some((min, max)) => {
            let scaler = place(&mut values, draft.autoscaling.as_deref().unwrap_or("autoscaling"));
            *place(scaler, "enabled") = true.into();
            *place(scaler, "minReplicas") = min.into();
            *place(scaler, "maxReplicas") = max.into();
        }
    }
    values
}

/// The place of a value, which is made if it is not there.
fn place<'v>(mut value: &'v mut Value, path: &str) -> &'v mut Value {
    for key in path.split('.') {
        if !value.is_object() {
            *value = Value::Object(Map::new());
        }
        value = &mut value[key];
    }
    value
}

/// The patches that set the number of replicas of what an overlay makes, or the bounds of its autoscaler.
fn patches(binding: &Binding<'_>, draft: &KustomizeDraft) -> Value {
    let name = draft.workload.as_deref().unwrap_or(&binding.component.name);
    let set = |field: &str, value: u16| json!({ "op": "add", "path": format!("/spec/{field}"), "value": value });
    let (kind, operations) = match binding.bounds() {
        None => ("Deployment|StatefulSet", json!([set("replicas", binding.replicas)])),
        Some((min, max)) => {
            ("HorizontalPodAutoscaler", json!([set("minReplicas", min), set("maxReplicas", max)]))
        }
    };
    json!([{ "patch": crate::yaml::text(&operations), "target": { "kind": kind, "name": name } }])
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
    let spec = json!({
        "interval": "10m",
        "retryInterval": "30s",
        "timeout": "5m",
        "prune": true,
        "wait": true,
        "patches": patches(binding, draft),
        "path": format!("./{}", draft.path.trim_start_matches("./").trim_matches('/')),
        "sourceRef": { "kind": "GitRepository", "name": name },
        "targetNamespace": binding.namespace,
    });
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
    source["kustomize"] =
        json!({ "namespace": binding.namespace, "patches": patches(binding, draft) });
    argocd::application(binding.cluster, &name_of(binding), binding.namespace, &source)
}
