//! What a cluster has for connecting and protecting apps.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::values::{Cidr, Host, Ip, LabelKey, LabelValue, Name};

/// What a cluster has for connecting and protecting apps: it decides which objects are generated for them. Where
/// nothing is said, an app gets its workloads and Services and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Infrastructure")]
pub struct InfrastructureDraft {
    /// The service mesh.
    pub mesh: MeshDraft,
    /// The network that its pods are in. Pods of clusters on one network reach each other directly; its own where it is
    /// not given.
    pub network: Option<Name>,
    /// The addresses of its pods.
    pub pod_addresses: Option<Cidr>,
    /// The SPIFFE trust domain of the mesh.
    pub trust_domain: Option<Host>,
    /// Where other networks reach its east-west gateway.
    pub gateway: Option<Ip>,
    /// Which version of the Multi-Cluster Services API it has.
    pub services: ServicesDraft,
    /// Which network policies it enforces.
    pub policies: PoliciesDraft,
    /// How users reach it.
    pub ingress: Option<IngressDraft>,
    /// What keeps its DNS records.
    pub dns: DnsDraft,
    /// Through which nodes its pods leave to the outside.
    pub egress: Option<EgressGatewayDraft>,
    /// The firewall before it.
    pub firewall: Option<FirewallDraft>,
    /// The storage class of claims that name none.
    pub storage_class: Option<Name>,
}

/// A service mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Mesh")]
pub enum MeshDraft {
    /// None.
    #[default]
    None,
    /// Istio, with sidecars and an east-west gateway.
    Istio,
    /// Linkerd, with its multicluster extension.
    Linkerd,
    /// Cilium Cluster Mesh.
    Cilium,
}

/// A version of the Multi-Cluster Services API (KEP-1645).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Services")]
pub enum ServicesDraft {
    /// None.
    #[default]
    None,
    /// `multicluster.x-k8s.io/v1alpha1`.
    V1alpha1,
    /// `multicluster.x-k8s.io/v1beta1`.
    V1beta1,
}

/// Network policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Policies")]
pub enum PoliciesDraft {
    /// None are enforced, so none are written.
    #[default]
    None,
    /// `NetworkPolicy` of Kubernetes.
    Kubernetes,
    /// `CiliumNetworkPolicy`.
    Cilium,
}

/// How users reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Ingress")]
pub struct IngressDraft {
    /// What takes them in.
    #[serde(rename = "type", default)]
    pub ingress: IngressType,
    /// The gateway class, for `gateway`.
    #[serde(default = "default_class")]
    pub class: Name,
    /// Where users reach it.
    pub address: Ip,
}

/// What takes users in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "IngressType")]
pub enum IngressType {
    /// The Gateway API.
    #[default]
    Gateway,
    /// Istio's own gateway.
    Istio,
}

/// What keeps DNS records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Dns")]
pub enum DnsDraft {
    /// Nothing.
    #[default]
    None,
    /// `ExternalDNS`, by its `DNSEndpoint`.
    Externaldns,
}

/// Nodes through which pods leave to the outside, so that others see one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "EgressGateway")]
pub struct EgressGatewayDraft {
    /// The labels of those nodes.
    pub nodes: BTreeMap<LabelKey, LabelValue>,
    /// The address that others see.
    #[serde(default)]
    pub address: Option<Ip>,
}

/// A firewall before a cluster: the CNF of Akraino's SDEWAN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Firewall")]
pub struct FirewallDraft {
    /// The CNF that is configured, by its label `sdewanPurpose`.
    #[serde(default = "default_purpose")]
    pub purpose: Name,
    /// Its network to the outside.
    pub wan: Name,
    /// Its network to the cluster.
    pub lan: Name,
    /// Its address to the outside.
    pub address: Ip,
}

fn default_class() -> Name {
    "istio".parse().expect("a valid name")
}

fn default_purpose() -> Name {
    "base".parse().expect("a valid name")
}
