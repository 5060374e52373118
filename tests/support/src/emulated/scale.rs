//! The `scale` subresource: replicas, and nothing else.

use serde_json::{Value, json};

use super::object::text;
use super::status::Refused;
use super::store::{Store, key};
use super::write::{self, Patch, Target};

/// The scale of an object.
pub(super) fn of(store: &Store, target: &Target) -> Result<Value, Refused> {
    let found = store.value(target.table, &key(&target.namespace, &target.name));
    let object = found.ok_or_else(|| Refused::not_found(&target.kind, &target.name))?;
    let number = |at: &str| object.pointer(at).and_then(Value::as_i64).unwrap_or(0);
    let labels = object.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs = labels.into_iter().flatten();
    let mut pairs: Vec<String> = pairs
        .map(|(label, value)| format!("{label}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    let mut metadata = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        metadata[field] = object["metadata"][field].clone();
    }
    Ok(json!({
        "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata,
        "spec": { "replicas": number("/spec/replicas") },
        "status": { "replicas": number("/status/replicas"), "selector": pairs.join(",") },
    }))
}

/// Sets the replicas that a scale wishes for.
pub(super) fn set(store: &mut Store, target: &Target, scale: &Value) -> Result<Value, Refused> {
    let replicas = scale.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(0);
    let mut patch = json!({ "spec": { "replicas": replicas } });
    let version = text(scale, "/metadata/resourceVersion");
    if !version.is_empty() {
        patch["metadata"] = json!({ "resourceVersion": version });
    }
    write::patch(store, target, Patch::Merge(patch))?;
    of(store, target)
}
