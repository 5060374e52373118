//! Manifests that an app brings: its own objects, with the replicas and the namespace set.

use serde_json::{Value, json};

use crate::binding::Binding;
use crate::fault::Fault;
use crate::object::Object;

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
        if !CLUSTER_WIDE.contains(&object.kind()) {
            object.0["metadata"]["namespace"] = binding.namespace.into();
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

fn unset(value: &mut Value, key: &str) {
    if let Value::Object(entries) = value {
        entries.remove(key);
    }
}
