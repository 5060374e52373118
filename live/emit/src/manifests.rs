//! Manifests that an app brings: its own objects, with the replicas and the namespace set.

use serde_json::{Value, json};

use crate::binding::Binding;
use crate::fault::Fault;
use crate::object::Object;
use crate::workload::{APP, COMPONENT};

/// The tenant that may bring what belongs to a whole cluster.
const DEFAULT_TENANT: &str = "default";
/// Kinds whose replicas are set.
const SCALED: [&str; 2] = ["Deployment", "StatefulSet"];
/// Kinds that are in no namespace, of those that Kubernetes itself has.
const CLUSTER_WIDE: [&str; 12] = [
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
];

/// The objects of a component that brings them, ready for one cluster.
///
/// # Errors
/// It is not clear whose replicas are to be set, or an autoscaler among them contradicts what is declared.
pub(crate) fn objects(binding: &Binding<'_>, workload: Option<&str>) -> Result<Vec<Object>, Fault> {
    let values = binding.manifests.iter().flat_map(|manifest| manifest.objects.iter());
    let mut objects: Vec<Object> = values.map(|value| Object(value.clone())).collect();
    for object in &mut objects {
        if object.kind() == "Namespace" || object.kind() == "List" {
            return Err(Fault::NotBrought {
                kind: object.kind().into(),
                name: object.name().into(),
            });
        }
        if CLUSTER_WIDE.contains(&object.kind()) {
            if binding.tenant != DEFAULT_TENANT {
                return Err(Fault::ClusterWide {
                    tenant: binding.tenant.into(),
                    kind: object.kind().into(),
                    name: object.name().into(),
                });
            }
        } else {
            moved(object, binding.namespace);
        }
    }
    let scaled: Vec<usize> = (0..objects.len())
        .filter(|place| {
            let object = &objects[*place];
            SCALED.contains(&object.kind()) && workload.is_none_or(|name| object.name() == name)
        })
        .collect();
    let [scaled] = scaled.as_slice() else {
        let found: Vec<&str> = scaled.iter().map(|place| objects[*place].name()).collect();
        return Err(Fault::Workload {
            found: found.join(", "),
            asked: workload.map(str::to_owned),
        });
    };
    marked(&mut objects, *scaled, binding);
    let (kind, name) = {
        let workload = &objects[*scaled];
        (workload.kind().to_owned(), workload.name().to_owned())
    };
    let autoscaler = objects.iter_mut().find(|object| {
        let target = &object.0["spec"]["scaleTargetRef"];
        object.kind() == "HorizontalPodAutoscaler"
            && target["kind"] == kind.as_str()
            && target["name"] == name.as_str()
    });
    match (autoscaler, binding.bounds()) {
        (Some(autoscaler), Some((min, max))) => {
            autoscaler.0["spec"]["minReplicas"] = min.into();
            autoscaler.0["spec"]["maxReplicas"] = max.into();
            unset(&mut objects[*scaled].0["spec"], "replicas");
        }
        (None, None) => objects[*scaled].0["spec"]["replicas"] = json!(binding.replicas),
        (Some(autoscaler), None) => {
            let autoscaler = autoscaler.name().to_owned();
            return Err(Fault::TwoScalers { autoscaler });
        }
        (None, Some(_)) => return Err(Fault::NoScaler { workload: name }),
    }
    Ok(objects)
}

/// Moves an object into a namespace, and the accounts of its own namespace that it names.
fn moved(object: &mut Object, namespace: &str) {
    let before = object.namespace().to_owned();
    object.0["metadata"]["namespace"] = namespace.into();
    let subjects = object.0.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten() {
        let own = subject.get("namespace").and_then(Value::as_str).is_none_or(|own| own == before);
        if own && subject["kind"] == "ServiceAccount" {
            subject["namespace"] = namespace.into();
        }
    }
}

/// Marks the pods of a workload, so that policies and routes find them, and so that they are started anew when what
/// they read changes.
fn marked(objects: &mut [Object], place: usize, binding: &Binding<'_>) {
    let read = objects.iter().filter(|object| object.kind() == "ConfigMap");
    let text: String = read.map(|object| object.0.to_string()).collect();
    let pod = &mut objects[place].0["spec"]["template"]["metadata"];
    let mut note = |under: &str, key: &str, value: &str| {
        if !pod[under].is_object() {
            pod[under] = json!({});
        }
        pod[under][key] = value.into();
    };
    note("labels", APP, &binding.app.name);
    note("labels", COMPONENT, &binding.component.name);
    if !text.is_empty() {
        let hash = format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
        note("annotations", "periplus.dev/content", &hash);
    }
}

fn unset(value: &mut Value, key: &str) {
    if let Value::Object(entries) = value {
        entries.remove(key);
    }
}
