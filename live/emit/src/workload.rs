//! Workloads: what is made of a component that says its image and ports and brings no manifests.
//!
//! A `ServiceAccount`, a `Deployment` or `StatefulSet`, a `Service` where it has ports, and a
//! `HorizontalPodAutoscaler` where the cluster sets the replicas.

use std::collections::BTreeMap;

use periplus_spec::draft::{PortDraft, Protocol, ResourcesDraft};
use serde_json::{Map, Value, json};

use crate::binding::{Binding, Storage};
use crate::object::Object;

/// What the HPA keeps the used part of requested CPU at. Room is planned for the most replicas, so that it may be high.
const CPU_TARGET_PERCENT: u8 = 80;

/// The labels that a component's pods are known by.
#[must_use]
pub(crate) fn pod_labels(binding: &Binding<'_>) -> Value {
    let name: &str = &binding.component.name;
    json!({ "app": name, APP: &*binding.app.name, COMPONENT: name })
}

/// The labels that pods are selected by, whoever made their manifests.
pub(crate) const APP: &str = "periplus.dev/app";
pub(crate) const COMPONENT: &str = "periplus.dev/component";

/// The objects of a component.
pub(crate) fn objects(binding: &Binding<'_>) -> Vec<Object> {
    let mut objects = vec![account(binding), workload(binding)];
    // A `StatefulSet` names its pods by a Service, with or without ports.
    if !binding.component.ports.is_empty() || binding.storage == Storage::Stateful {
        objects.push(service(binding));
    }
    objects.extend(binding.bounds().map(|bounds| autoscaler(binding, bounds)));
    objects
}

fn account(binding: &Binding<'_>) -> Object {
    let rest = json!({ "automountServiceAccountToken": false });
    Object::new("v1", "ServiceAccount", binding.namespace, &binding.component.name, rest)
}

fn workload(binding: &Binding<'_>) -> Object {
    let component = binding.component;
    let mut spec = Map::new();
    spec.insert("selector".into(), json!({ "matchLabels": pod_labels(binding) }));
    // An autoscaler's number must not be written over with every sync.
    if binding.bounds().is_none() {
        spec.insert("replicas".into(), binding.replicas.into());
    }
    let mut pod = json!({
        "metadata": { "labels": pod_labels(binding) },
        "spec": {
            "containers": [container(binding)],
            "enableServiceLinks": false,
            "serviceAccountName": &*component.name,
        },
    });
    if !component.content.is_null() {
        // What the content is made of is not known here; a change of it starts new pods all the same.
        let hash = format!(
            "{:016x}",
            xxhash_rust::xxh3::xxh3_64(component.content.to_string().as_bytes())
        );
        pod["metadata"]["annotations"] = json!({ "periplus.dev/content": hash });
    }
    spec.insert("template".into(), pod);
    let kind = match binding.storage {
        Storage::None => "Deployment",
        Storage::Stateful => {
            spec.insert("serviceName".into(), (*component.name).into());
            "StatefulSet"
        }
    };
    let rest = json!({ "spec": spec });
    Object::new("apps/v1", kind, binding.namespace, &component.name, rest)
}

fn container(binding: &Binding<'_>) -> Value {
    let component = binding.component;
    let mut container = Map::new();
    container.insert("name".into(), (*component.name).into());
    container.insert("image".into(), component.image.as_str().into());
    if !component.command.is_empty() {
        container.insert("command".into(), component.command.clone().into());
    }
    if !component.args.is_empty() {
        container.insert("args".into(), component.args.clone().into());
    }
    if !component.env.is_empty() {
        let env = component.env.iter().map(|(name, value)| json!({ "name": name, "value": value }));
        container.insert("env".into(), env.collect());
    }
    if !component.ports.is_empty() {
        let ports = component.ports.iter().map(|port| {
            json!({ "containerPort": port.port, "name": port_name(port), "protocol": protocol(port.protocol) })
        });
        container.insert("ports".into(), ports.collect());
    }
    let resources: BTreeMap<&str, Value> =
        [("requests", resources(&component.requests)), ("limits", resources(&component.limits))]
            .into_iter()
            .filter(|(_, said)| said.as_object().is_some_and(|said| !said.is_empty()))
            .collect();
    if !resources.is_empty() {
        container.insert("resources".into(), json!(resources));
    }
    container.into()
}

/// Resources as Kubernetes has them; an empty mapping where nothing is said.
pub(crate) fn resources(said: &ResourcesDraft) -> Value {
    let named = [("cpu", said.cpu), ("memory", said.memory)];
    let named = named.into_iter().filter_map(|(name, said)| Some((name.to_owned(), said?)));
    let mut all: Map<String, Value> =
        named.map(|(name, amount)| (name, amount.to_string().into())).collect();
    let extended = said.extended.iter().filter(|(_, count)| **count > 0);
    all.extend(extended.map(|(name, count)| (name.clone(), count.to_string().into())));
    all.into()
}

/// A port's name: the one given, or one that is made of its number.
pub(crate) fn port_name(port: &PortDraft) -> String {
    // Not `tcp-…`: a mesh would take what is spoken over it for opaque bytes.
    let made = || format!("port-{}", port.port);
    port.name.as_ref().map_or_else(made, ToString::to_string)
}

pub(crate) const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}

fn service(binding: &Binding<'_>) -> Object {
    let mut spec = Map::new();
    spec.insert("selector".into(), pod_labels(binding));
    if binding.component.ports.is_empty() {
        spec.insert("clusterIP".into(), "None".into());
    } else {
        spec.insert("ports".into(), binding.component.ports.iter().map(service_port).collect());
    }
    let rest = json!({ "spec": spec });
    Object::new("v1", "Service", binding.namespace, &binding.component.name, rest)
}

fn service_port(port: &PortDraft) -> Value {
    let name = port_name(port);
    let mut said = json!({ "name": name, "port": port.port, "protocol": protocol(port.protocol), "targetPort": name });
    if let Some(spoken) = &port.app_protocol {
        said["appProtocol"] = (**spoken).into();
    }
    said
}

fn autoscaler(binding: &Binding<'_>, (min, max): (u16, u16)) -> Object {
    let name: &str = &binding.component.name;
    let kind = match binding.storage {
        Storage::None => "Deployment",
        Storage::Stateful => "StatefulSet",
    };
    let target = json!({ "type": "Utilization", "averageUtilization": CPU_TARGET_PERCENT });
    let rest = json!({
        "spec": {
            "minReplicas": min,
            "maxReplicas": max,
            "metrics": [{ "type": "Resource", "resource": { "name": "cpu", "target": target } }],
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": kind, "name": name },
        },
    });
    Object::new("autoscaling/v2", "HorizontalPodAutoscaler", binding.namespace, name, rest)
}
