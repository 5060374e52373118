//! `CiliumNetworkPolicy`: the same rules by who somebody is, also in other clusters of a mesh.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::Object;
use crate::net::names::{joined, specified};
use crate::net::rules::{Allow, Guarded, Meshed, Peer, closed, guarded};
use crate::net::{Driver, Fleet, NetObject, SiteIndex, Step};

/// The label of the cluster that a pod is in. Always said: up to Cilium 1.18 selectors meant all clusters, since then
/// the own one.
pub(super) const CLUSTER: &str = "io.cilium.k8s.policy.cluster";
/// The label of the namespace that a pod is in.
pub(super) const NAMESPACE: &str = "k8s:io.kubernetes.pod.namespace";

/// `CiliumNetworkPolicy`.
pub(super) struct CiliumPolicies;

impl Driver for CiliumPolicies {
    fn name(&self) -> &'static str {
        "cilium policies"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let own = fleet.site(site).name();
        let deny = closed(fleet, site).into_iter().map(|(app, namespace)| {
            let spec = json!({ "endpointSelector": {}, "ingress": [{}], "egress": [{}] });
            let object = policy(&namespace, &joined(&[&app, "default-deny"]), spec);
            NetObject::of(&app, Step::Guard, object)
        });
        let allow = guarded(fleet, site).into_iter().map(|guarded| {
            let object = allowed(own, &guarded);
            NetObject::of(&guarded.app, Step::Guard, object)
        });
        deny.chain(allow).collect()
    }
}

fn allowed(own: &str, guarded: &Guarded) -> Object {
    let rules = |allowed: &[Allow], way: &str| -> Vec<Value> {
        let rules: Vec<Value> = allowed.iter().filter_map(|allow| rule(own, allow, way)).collect();
        // An empty list would leave the direction open; an empty rule closes it.
        if rules.is_empty() { vec![json!({})] } else { rules }
    };
    let spec = json!({
        "endpointSelector": { "matchLabels": guarded.labels },
        "ingress": rules(&guarded.ingress, "from"),
        "egress": rules(&guarded.egress, "to"),
    });
    policy(&guarded.namespace, &guarded.name, spec)
}

fn rule(own: &str, allow: &Allow, way: &str) -> Option<Value> {
    let (sort, peer) = peer(own, &allow.peer)?;
    let mut rule = json!({ format!("{way}{sort}"): [peer] });
    if !allow.ports.is_empty() {
        let ports = allow
            .ports
            .iter()
            .map(|(port, protocol)| json!({ "port": port.to_string(), "protocol": protocol }));
        rule["toPorts"] = json!([{ "ports": ports.collect::<Vec<Value>>() }]);
    }
    Some(rule)
}

/// The field that names a peer, without its direction, and the peer.
fn peer(own: &str, peer: &Peer) -> Option<(&'static str, Value)> {
    Some(match peer {
        Peer::Pods { namespace, labels } => ("Endpoints", endpoints(own, namespace, labels)),
        Peer::Namespace(namespace) => ("Endpoints", endpoints(own, namespace, &BTreeMap::new())),
        Peer::Elsewhere { cluster, namespace, labels, range, meshed } => match meshed {
            Meshed::Yes => ("Endpoints", endpoints(cluster, namespace, labels)),
            Meshed::No => ("CIDR", range.as_ref()?.as_str().into()),
        },
        Peer::Range(range) => ("CIDR", range.as_str().into()),
        Peer::CiliumIngress => ("Entities", "ingress".into()),
        Peer::Anybody => ("Entities", "all".into()),
    })
}

fn endpoints(cluster: &str, namespace: &str, labels: &BTreeMap<String, String>) -> Value {
    let mut all: Map<String, Value> =
        labels.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    all.insert(CLUSTER.to_owned(), cluster.into());
    all.insert(NAMESPACE.to_owned(), namespace.into());
    json!({ "matchLabels": all })
}

fn policy(namespace: &str, name: &str, spec: Value) -> Object {
    specified("cilium.io/v2", "CiliumNetworkPolicy", namespace, name, spec)
}
