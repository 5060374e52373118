//! The picture that connectivity is made from: which services there are, where each is, and who sends requests where.
//!
//! It holds no state of the machine and decides nothing. `fleet` puts it together.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use periplus_spec::draft::{
    EgressDraft, ExposureDraft, InfrastructureDraft, IngressDraft, Protocol, ServicesDraft,
};
use periplus_spec::scenario::ClusterFacts;

/// The place of a cluster in [`Fleet::sites`](crate::net::Fleet::sites).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteIndex(pub usize);

/// The place of a service in [`Fleet::services`](crate::net::Fleet::services).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceIndex(pub usize);

/// Where requests are sent: clusters, and their parts in permille. Together at most 1,000; what is missing is served
/// by nobody. A part of zero sends nothing and opens the way: before the first requests, and until the last ones are
/// done.
pub type Shares = Vec<(SiteIndex, u16)>;

/// A cluster.
#[derive(Clone, Debug)]
pub struct Site {
    /// What is known of it.
    pub facts: Arc<ClusterFacts>,
}

/// A component of an app, as others see it. Its `Deployment`, `Service` and `ServiceAccount` have its name.
#[derive(Clone, Debug)]
pub struct Service {
    /// The app.
    pub app: String,
    /// The component.
    pub component: String,
    /// The namespace of its objects, the same in every cluster.
    pub namespace: String,
    /// Its `ServiceAccount`.
    pub account: String,
    /// The labels by which its pods are selected.
    pub labels: BTreeMap<String, String>,
    /// The ports of its `Service`, which are those of its pods.
    pub ports: Vec<Port>,
    /// The services that call it.
    pub callers: Vec<ServiceIndex>,
    /// Its address in meshes that need one for it, the same in every cluster.
    pub vip: Ipv4Addr,
    /// How users reach it, if it is where they enter its app.
    pub exposure: Option<ExposureDraft>,
    /// What it may reach outside of the fleet.
    pub egress: Vec<EgressDraft>,
    /// The clusters in which it is written.
    pub homes: Vec<SiteIndex>,
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name. What stands before the first hyphen says what is spoken, as in Istio and Linkerd: `http`, `grpc`, ….
    pub name: String,
    /// Its number.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// Where the requests are sent that one service in one cluster makes to another.
///
/// Where both are the same service, it is what the cluster's gateway does with users who enter there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Where the caller is.
    pub from: SiteIndex,
    /// Who calls.
    pub caller: ServiceIndex,
    /// Who is called.
    pub callee: ServiceIndex,
    /// Where the callee is, and which part goes there. `[(from, 1000)]` inside a group.
    pub shares: Shares,
}

/// Where the users of one zone enter an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Users {
    /// The zone.
    pub zone: String,
    /// The service that takes them.
    pub service: ServiceIndex,
    /// Where, and which part of them.
    pub shares: Shares,
}

/// The labels of Kubernetes that say in which region a node is, and what people write who do not know them.
const REGION: [&str; 2] = ["topology.kubernetes.io/region", "region"];
/// The same for zones.
const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "zone"];
/// What meshes take for their trust domain where they are not told another.
const TRUST_DOMAIN: &str = "cluster.local";

impl Site {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// What it has for connecting and protecting.
    #[must_use]
    pub fn has(&self) -> &InfrastructureDraft {
        &self.facts.infrastructure
    }

    /// The network that its pods are in: its own, named like the cluster, where none is declared.
    #[must_use]
    pub fn network(&self) -> &str {
        self.has().network.as_deref().unwrap_or(&self.facts.name)
    }

    /// Whether pods here and there reach each other directly.
    #[must_use]
    pub fn shares_network(&self, other: &Self) -> bool {
        self.network() == other.network()
    }

    /// Where it is, from the largest to the smallest: `region/zone/cluster`.
    #[must_use]
    pub fn locality(&self) -> String {
        format!("{}/{}/{}", self.place(REGION), self.place(ZONE), self.facts.name)
    }

    fn place(&self, keys: [&str; 2]) -> &str {
        let said = keys.iter().find_map(|key| self.facts.labels.get(*key));
        said.map(|value| &**value).filter(|value| !value.is_empty()).unwrap_or(&self.facts.name)
    }

    /// The trust domain of its mesh.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.has().trust_domain.as_deref().unwrap_or(TRUST_DOMAIN)
    }

    /// Where other networks reach its east-west gateway: at its firewall, if it stands behind one.
    #[must_use]
    pub fn address_for_sites(&self) -> Option<IpAddr> {
        let gateway = self.has().gateway.as_ref()?.0;
        Some(self.has().firewall.as_ref().map_or(gateway, |firewall| firewall.address.0))
    }

    /// Where users reach it: at its firewall, if it stands behind one.
    #[must_use]
    pub fn address_for_users(&self) -> Option<IpAddr> {
        let firewall = self.has().firewall.as_ref().map(|firewall| firewall.address.0);
        firewall.or_else(|| self.has().ingress.as_ref().map(|ingress| ingress.address.0))
    }

    /// What takes users in.
    #[must_use]
    pub fn ingress(&self) -> Option<&IngressDraft> {
        self.has().ingress.as_ref()
    }

    /// Which version of the Multi-Cluster Services API it has, as an `apiVersion`.
    #[must_use]
    pub fn multi_cluster_services(&self) -> Option<&'static str> {
        match self.has().services {
            ServicesDraft::None => None,
            ServicesDraft::V1alpha1 => Some("multicluster.x-k8s.io/v1alpha1"),
            ServicesDraft::V1beta1 => Some("multicluster.x-k8s.io/v1beta1"),
        }
    }
}

impl Service {
    /// The name that apps call it by in their cluster.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.component, self.namespace)
    }

    /// The name that it has in every cluster, for what reaches it elsewhere.
    #[must_use]
    pub fn global_host(&self) -> String {
        format!("{}.{}.global", self.component, self.namespace)
    }

    /// Who it is in a trust domain, without `spiffe://`.
    #[must_use]
    pub fn principal(&self, trust_domain: &str) -> String {
        format!("{trust_domain}/ns/{}/sa/{}", self.namespace, self.account)
    }

    /// Whether it is written in a cluster.
    #[must_use]
    pub fn is_at(&self, site: SiteIndex) -> bool {
        self.homes.contains(&site)
    }

    /// The port that takes users.
    #[must_use]
    pub fn entry_port(&self) -> Option<&Port> {
        match self.exposure.as_ref()?.port {
            None => self.ports.first(),
            Some(number) => self.ports.iter().find(|port| port.number == number),
        }
    }

    /// Its ports that carry streams: what meshes carry.
    pub fn streams(&self) -> impl Iterator<Item = &Port> {
        self.ports.iter().filter(|port| port.protocol == Protocol::Tcp)
    }
}

impl Port {
    /// What is spoken on it, in Istio's words. TCP where its name does not say: that carries everything.
    #[must_use]
    pub fn spoken(&self) -> &'static str {
        match self.name.split('-').next().unwrap_or_default() {
            "http" => "HTTP",
            "http2" => "HTTP2",
            "grpc" => "GRPC",
            "https" | "tls" => "TLS",
            _unknown => "TCP",
        }
    }

    /// Whether requests on it can be told from each other.
    #[must_use]
    pub fn is_http(&self) -> bool {
        matches!(self.spoken(), "HTTP" | "HTTP2" | "GRPC")
    }

    /// Its protocol, in Kubernetes' words.
    #[must_use]
    pub const fn transport(&self) -> &'static str {
        transport(self.protocol)
    }
}

/// A protocol, in Kubernetes' words.
pub(super) const fn transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
        Protocol::Sctp => "SCTP",
    }
}
