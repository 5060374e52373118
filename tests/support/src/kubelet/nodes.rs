//! What kubelets say of their nodes: that there is one, that it is ready, and again and again that it is still there.

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::Node;

/// Who writes, in the cluster's eyes.
pub(super) const WRITER: &str = "kubelet";
/// Where nodes say that they are there.
const LEASES: &str = "kube-node-lease";
/// How long such a word holds. Only the time of the last one counts for controllers.
const LEASE_S: u32 = 40;
/// The version that kubelets of such a cluster have.
const VERSION: &str = "v1.20.2";

/// Makes a node and says that it is ready.
pub(super) async fn register(client: &Client, node: &Node) -> Result<(), kube::Error> {
    let nodes: Api<core::Node> = Api::all(client.clone());
    nodes.patch(&node.name, &apply(), &Patch::Apply(described(node))).await?;
    report(client, node, Timestamp::now()).await?;
    beat(client, &node.name).await
}

/// Says how a node is.
pub(super) async fn report(
    client: &Client,
    node: &Node,
    ready_since: Timestamp,
) -> Result<(), kube::Error> {
    let nodes: Api<core::Node> = Api::all(client.clone());
    let status = json!({ "status": status(node, ready_since) });
    nodes.patch_status(&node.name, &PatchParams::default(), &Patch::Strategic(status)).await?;
    Ok(())
}

/// Says that a node is there.
pub(super) async fn beat(client: &Client, name: &str) -> Result<(), kube::Error> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), LEASES);
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": { "name": name },
        "spec": {
            "holderIdentity": name,
            "leaseDurationSeconds": LEASE_S,
            "renewTime": format!("{:.6}", Timestamp::now()),
        },
    });
    leases.patch(name, &apply(), &Patch::Apply(lease)).await?;
    Ok(())
}

/// Lets the cluster forget a node.
pub(super) async fn forget(client: &Client, name: &str) -> Result<(), kube::Error> {
    let nodes: Api<core::Node> = Api::all(client.clone());
    nodes.delete(name, &DeleteParams::default()).await?;
    Ok(())
}

fn apply() -> PatchParams {
    PatchParams::apply(WRITER).force()
}

fn described(node: &Node) -> Value {
    let mut labels = node.labels.clone();
    for (name, value) in [
        ("kubernetes.io/hostname", node.name.as_str()),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
    ] {
        labels.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    let mut described = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": { "name": node.name, "labels": labels },
    });
    // An empty list would be one that this writer owns.
    if !node.taints.is_empty() {
        described["spec"] = json!({ "taints": node.taints });
    }
    described
}

fn status(node: &Node, ready_since: Timestamp) -> Value {
    let now = format!("{:.0}", Timestamp::now());
    let since = format!("{ready_since:.0}");
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "played by a test",
            "lastHeartbeatTime": now,
            "lastTransitionTime": since,
        })
    };
    json!({
        "capacity": node.capacity,
        "allocatable": node.allocatable,
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            condition("Ready", "True", "KubeletReady"),
        ],
        "addresses": [{ "type": "Hostname", "address": node.name }],
        "nodeInfo": {
            "architecture": "amd64",
            "operatingSystem": "linux",
            "kubeletVersion": VERSION,
            "kubeProxyVersion": VERSION,
            "containerRuntimeVersion": "none://0",
            "kernelVersion": "none",
            "osImage": "none",
            "bootID": "none",
            "machineID": node.name,
            "systemUUID": node.name,
        },
    })
}
