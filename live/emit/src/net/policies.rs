//! `NetworkPolicy` of Kubernetes: everything is closed, then each service is opened to whom it talks with.

use serde_json::{Value, json};

use crate::Object;
use crate::net::names::{joined, specified};
use crate::net::rules::{Allow, Guarded, Peer, closed, guarded};
use crate::net::{Driver, Fleet, NetObject, SiteIndex, Step};

/// `NetworkPolicy` of Kubernetes.
pub(super) struct NetworkPolicies;

impl Driver for NetworkPolicies {
    fn name(&self) -> &'static str {
        "network policies"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let deny = closed(fleet, site).into_iter().map(|(app, namespace)| {
            let spec = json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] });
            let object = policy(&namespace, &joined(&[&app, "default-deny"]), spec);
            NetObject::of(&app, Step::Guard, object)
        });
        let allow = guarded(fleet, site).into_iter().map(|guarded| {
            let object = allowed(&guarded);
            NetObject::of(&guarded.app, Step::Guard, object)
        });
        deny.chain(allow).collect()
    }
}

fn allowed(guarded: &Guarded) -> Object {
    let rules = |allowed: &[Allow], side: &str| -> Vec<Value> {
        allowed.iter().filter_map(|allow| rule(allow, side)).collect()
    };
    let spec = json!({
        "podSelector": { "matchLabels": guarded.labels },
        "policyTypes": ["Ingress", "Egress"],
        "ingress": rules(&guarded.ingress, "from"),
        "egress": rules(&guarded.egress, "to"),
    });
    policy(&guarded.namespace, &guarded.name, spec)
}

/// One rule for each peer. A peer whose addresses are not known gets none: an empty list would mean everybody.
fn rule(allow: &Allow, side: &str) -> Option<Value> {
    let peers = peers(&allow.peer);
    if peers.is_empty() {
        return None;
    }
    let mut rule = json!({ side: peers });
    if !allow.ports.is_empty() {
        let ports = allow.ports.iter();
        let ports = ports.map(|(port, protocol)| json!({ "port": port, "protocol": protocol }));
        rule["ports"] = ports.collect::<Vec<Value>>().into();
    }
    Some(rule)
}

fn peers(peer: &Peer) -> Vec<Value> {
    let range = |range: &str| json!({ "ipBlock": { "cidr": range } });
    match peer {
        // Both selectors in one item: who is in that namespace and has those labels.
        Peer::Pods { namespace, labels } => vec![json!({
            "namespaceSelector": named(namespace),
            "podSelector": { "matchLabels": labels },
        })],
        Peer::Namespace(namespace) => vec![json!({ "namespaceSelector": named(namespace) })],
        Peer::Elsewhere { range: addresses, cluster: _, namespace: _, labels: _, meshed: _ } => {
            addresses.iter().map(|addresses| range(addresses)).collect()
        }
        Peer::Range(addresses) => vec![range(addresses)],
        Peer::CiliumIngress | Peer::Anybody => vec![range("0.0.0.0/0"), range("::/0")],
    }
}

fn named(namespace: &str) -> Value {
    json!({ "matchLabels": { "kubernetes.io/metadata.name": namespace } })
}

fn policy(namespace: &str, name: &str, spec: Value) -> Object {
    specified("networking.k8s.io/v1", "NetworkPolicy", namespace, name, spec)
}
