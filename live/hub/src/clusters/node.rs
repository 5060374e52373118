//! Nodes: which of them take pods, in which pool they are, and how much they have for pods.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::objects::{Condition, Kind, Object, condition, or_default};
use super::quantity;

/// Where node pools are told by default: the labels of providers and of installers.
const POOL_LABELS: [&str; 10] = [
    "periplus.dev/pool",
    "node.kubernetes.io/pool",
    "cloud.google.com/gke-nodepool",
    "eks.amazonaws.com/nodegroup",
    "karpenter.sh/nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "doks.digitalocean.com/node-pool",
    "oci.oraclecloud.com/node-pool",
    "node.kubernetes.io/instance-type",
];

/// How nodes are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nodes {
    /// Labels that tell a node's pool, the first that it has. A node without one is in the pool `default`.
    pub pools: Vec<String>,
    /// Keys of taints that what we place tolerates.
    pub tolerated: Vec<String>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self { pools: POOL_LABELS.map(str::to_owned).into(), tolerated: Vec::new() }
    }
}

/// What there is of a node for pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeFacts {
    pub(crate) name: String,
    pub(crate) pool: String,
    /// Whether it takes pods of ours.
    pub(crate) open: Open,
    pub(crate) cpu_milli: u64,
    pub(crate) memory_bytes: u64,
    pub(crate) pods: u32,
    pub(crate) extended: BTreeMap<String, u64>,
}

/// Whether a node takes pods of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Open {
    /// It does.
    Yes,
    /// It is cordoned, not ready, or tainted.
    #[default]
    No,
}

/// Nodes, as a kind.
#[derive(Clone, Debug)]
pub(crate) struct NodeKind;

impl Kind for NodeKind {
    const GROUP: &'static str = "";
    const VERSION: &'static str = "v1";
    const KIND: &'static str = "Node";
    const PLURAL: &'static str = "nodes";
    type Spec = NodeSpec;
    type Status = NodeStatus;
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeSpec {
    #[serde(deserialize_with = "or_default")]
    unschedulable: bool,
    #[serde(deserialize_with = "or_default")]
    taints: Vec<Taint>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Taint {
    key: String,
    effect: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NodeStatus {
    #[serde(deserialize_with = "or_default")]
    allocatable: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

impl NodeFacts {
    /// What is read of a node.
    pub(crate) fn of(node: &Object<NodeKind>, nodes: &Nodes) -> Self {
        let labels = node.metadata.labels.as_ref();
        let pool =
            nodes.pools.iter().find_map(|key| labels?.get(key)).filter(|pool| !pool.is_empty());
        let ready = condition(&node.status.conditions, "Ready")
            .is_some_and(|condition| condition.status == "True");
        let kept_away = node.spec.taints.iter().any(|taint| {
            taint.effect != "PreferNoSchedule" && !nodes.tolerated.contains(&taint.key)
        });
        let open =
            if ready && !node.spec.unschedulable && !kept_away { Open::Yes } else { Open::No };
        let has = |name: &str| node.status.allocatable.get(name).map_or("0", String::as_str);
        let extended = node.status.allocatable.iter().filter(|(name, _)| is_extended(name));
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            pool: pool.map_or_else(|| "default".to_owned(), Clone::clone),
            open,
            cpu_milli: quantity::milli(has("cpu")).unwrap_or(0),
            memory_bytes: quantity::units(has("memory")).unwrap_or(0),
            pods: quantity::units(has("pods")).and_then(|pods| pods.try_into().ok()).unwrap_or(0),
            extended: extended
                .map(|(name, text)| (name.clone(), quantity::units(text).unwrap_or(0)))
                .collect(),
        }
    }
}

/// Whether a resource is one that Kubernetes itself does not know, such as GPUs.
#[must_use]
pub(crate) fn is_extended(name: &str) -> bool {
    name.split_once('/').is_some_and(|(owner, _)| !owner.ends_with("kubernetes.io"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> NodeFacts {
        NodeFacts::of(&serde_json::from_value(value).unwrap(), &Nodes::default())
    }

    #[test]
    fn nodes_that_take_no_pods_are_closed() {
        let node = |spec: serde_json::Value, ready: &str| {
            read(json!({
                "metadata": { "name": "n", "labels": { "cloud.google.com/gke-nodepool": "big" } },
                "spec": spec,
                "status": {
                    "allocatable": { "cpu": "3800m", "memory": "7Gi", "pods": "110", "nvidia.com/gpu": "2", "hugepages-2Mi": "0" },
                    "conditions": [{ "type": "Ready", "status": ready }],
                },
            }))
        };
        let open =
            node(json!({ "taints": [{ "key": "soft", "effect": "PreferNoSchedule" }] }), "True");
        assert_eq!((open.open, open.cpu_milli, open.pods), (Open::Yes, 3_800, 110));
        assert_eq!((open.pool.as_str(), open.extended.len()), ("big", 1));
        for (spec, ready) in [
            (json!({}), "Unknown"),
            (json!({ "unschedulable": true }), "True"),
            (json!({ "taints": [{ "key": "own", "effect": "NoSchedule" }] }), "True"),
        ] {
            assert_eq!(node(spec, ready).open, Open::No);
        }
        assert_eq!(read(json!({ "metadata": { "name": "n" } })).pool, "default");
    }
}
