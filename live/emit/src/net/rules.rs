//! Who may send what to whom, in no one's language yet: `policies` and `cilium_policies` write it down.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use periplus_spec::draft::{IngressType, MeshDraft, Protocol};

use crate::net::names::joined;
use crate::net::{
    Fleet, Link, Port, Service, ServiceIndex, Site, SiteIndex, gateway_api, istio, link, linkerd,
};

/// Pods, and all that may come in and go out of them.
#[derive(Clone, Debug)]
pub(super) struct Guarded {
    pub(super) app: String,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) ingress: Vec<Allow>,
    pub(super) egress: Vec<Allow>,
}

/// One peer, and the ports on which it is allowed; all where there are none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Allow {
    pub(super) peer: Peer,
    pub(super) ports: Vec<(u16, &'static str)>,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Peer {
    /// Pods of this cluster.
    Pods { namespace: String, labels: BTreeMap<String, String> },
    /// All pods of a namespace of this cluster.
    Namespace(String),
    /// Pods of another cluster, and the addresses that they have.
    Elsewhere {
        cluster: String,
        namespace: String,
        labels: BTreeMap<String, String>,
        range: Option<String>,
        meshed: Meshed,
    },
    /// Addresses.
    Range(String),
    /// A gateway of Cilium, which has no pod.
    CiliumIngress,
    /// Everybody.
    Anybody,
}

/// Whether Cilium knows who a pod of another cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meshed {
    /// By its labels.
    Yes,
    /// By its address only.
    No,
}

const DNS_PORTS: [(u16, &str); 2] = [(53, "UDP"), (53, "TCP")];
const ISTIOD_PORT: u16 = 15_012;

/// What is guarded in a cluster: each service, and gateways that run beside them.
pub(super) fn guarded(fleet: &Fleet, site: SiteIndex) -> Vec<Guarded> {
    let mut all = Vec::new();
    for index in fleet.services_at(site) {
        let service = fleet.service(*index);
        all.push(Guarded {
            app: service.app.clone(),
            namespace: service.namespace.clone(),
            name: joined(&[&service.component, "allow"]),
            labels: service.labels.clone(),
            ingress: tidy(ingress(fleet, site, *index)),
            egress: tidy(egress(fleet, site, *index)),
        });
    }
    let known = fleet.known_at(site);
    all.extend(known.into_iter().filter_map(|index| edge(fleet, site, index)));
    all
}

/// The namespaces whose pods are closed to everybody whom nothing names, with the app that closes them.
pub(super) fn closed(fleet: &Fleet, site: SiteIndex) -> BTreeSet<(String, String)> {
    let services = fleet.services_at(site).iter().map(|index| fleet.service(*index));
    services.map(|service| (service.app.clone(), service.namespace.clone())).collect()
}

fn tidy(mut allowed: Vec<Allow>) -> Vec<Allow> {
    allowed.sort();
    allowed.dedup();
    allowed
}

fn ingress(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> Vec<Allow> {
    let (here, service) = (fleet.site(site), fleet.service(index));
    let ports = ports(here, service);
    let mut allowed = Vec::new();
    for caller in service.callers.iter().map(|caller| fleet.service(*caller)) {
        if caller.is_at(site) {
            allowed.push(Allow { peer: pods(caller), ports: ports.clone() });
        }
    }
    for calls in fleet.calls_into(site, index) {
        let (there, caller) = (fleet.site(calls.from), fleet.service(calls.caller));
        let peer = match link(there, here) {
            Ok(Link::Istio(_)) => labelled(istio::SYSTEM, istio::EAST_WEST),
            Ok(Link::LinkerdGateway(_)) => labelled(linkerd::MULTICLUSTER, linkerd::GATEWAY),
            Ok(Link::LinkerdFlat | Link::Services) => elsewhere(there, caller, Meshed::No),
            Ok(Link::Cilium) => elsewhere(there, caller, Meshed::Yes),
            Err(_) => continue,
        };
        allowed.push(Allow { peer, ports: ports.clone() });
        // A cluster that mirrors through the gateway for one caller does so for all.
        if link(there, here) == Ok(Link::LinkerdFlat) {
            let peer = labelled(linkerd::MULTICLUSTER, linkerd::GATEWAY);
            allowed.push(Allow { peer, ports: ports.clone() });
        }
    }
    if let (Some(peer), Some(port)) = (user_gateway(here, service), service.entry_port()) {
        allowed.push(Allow { peer, ports: vec![(port.number, port.transport())] });
    }
    allowed
}

/// Who brings users to a service.
fn user_gateway(site: &Site, service: &Service) -> Option<Peer> {
    service.exposure.as_ref()?;
    let Some(ingress) = site.ingress() else {
        return site.has().firewall.as_ref().map(|_| Peer::Anybody);
    };
    Some(match ingress.ingress {
        IngressType::Istio => labelled(istio::SYSTEM, istio::INGRESS),
        IngressType::Gateway => match &*ingress.class {
            "istio" => {
                Peer::Pods { namespace: service.namespace.clone(), labels: edge_labels(service) }
            }
            "cilium" => Peer::CiliumIngress,
            // Where the pods of other classes are is not known; the port is for everybody anyway.
            _other => Peer::Anybody,
        },
    })
}

fn edge_labels(service: &Service) -> BTreeMap<String, String> {
    [(gateway_api::GATEWAY_NAME.to_owned(), gateway_api::gateway_name(service))].into()
}

/// The pods of a gateway that Istio deploys beside an app would be closed with its namespace.
fn edge(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> Option<Guarded> {
    let (here, service) = (fleet.site(site), fleet.service(index));
    let ingress = here.ingress()?;
    let port = service.entry_port()?;
    if ingress.ingress != IngressType::Gateway || &*ingress.class != "istio" {
        return None;
    }
    let mut egress = vec![dns()];
    egress.extend(control_plane(here));
    if service.is_at(site) {
        egress.push(Allow { peer: pods(service), ports: vec![(port.number, port.transport())] });
    }
    for calls in
        fleet.calls_from(site).filter(|calls| calls.caller == index && calls.callee == index)
    {
        for to in calls.opened() {
            let peer = elsewhere(fleet.site(to), service, Meshed::No);
            egress.push(Allow { peer, ports: vec![(port.number, port.transport())] });
        }
    }
    Some(Guarded {
        app: service.app.clone(),
        namespace: service.namespace.clone(),
        name: joined(&[&service.app, "gateway"]),
        labels: edge_labels(service),
        ingress: vec![Allow { peer: Peer::Anybody, ports: vec![(80, "TCP"), (443, "TCP")] }],
        egress: tidy(egress),
    })
}

fn egress(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> Vec<Allow> {
    let (here, service) = (fleet.site(site), fleet.service(index));
    let mut allowed = vec![dns()];
    allowed.extend(control_plane(here));
    for callee in fleet.callees(index).iter().map(|callee| fleet.service(*callee)) {
        if callee.is_at(site) {
            allowed.push(Allow { peer: pods(callee), ports: ports(here, callee) });
        }
    }
    for calls in
        fleet.calls_from(site).filter(|calls| calls.caller == index && calls.callee != index)
    {
        let callee = fleet.service(calls.callee);
        for to in calls.opened() {
            let there = fleet.site(to);
            allowed.extend(match link(here, there) {
                Ok(Link::Istio(gateway)) => vec![gateway_at(gateway, istio::CROSS_NETWORK_PORT)],
                Ok(Link::LinkerdGateway(gateway)) => vec![gateway_at(gateway, linkerd::PROXY_PORT)],
                Ok(Link::LinkerdFlat) => {
                    let peer = elsewhere(there, callee, Meshed::No);
                    let gateway = there.address_for_sites();
                    let through = gateway.map(|gateway| gateway_at(gateway, linkerd::PROXY_PORT));
                    let direct = Allow { peer, ports: ports(here, callee) };
                    std::iter::once(direct).chain(through).collect()
                }
                Ok(Link::Services) => {
                    vec![Allow {
                        peer: elsewhere(there, callee, Meshed::No),
                        ports: ports(here, callee),
                    }]
                }
                Ok(Link::Cilium) => {
                    vec![Allow {
                        peer: elsewhere(there, callee, Meshed::Yes),
                        ports: ports(here, callee),
                    }]
                }
                Err(_) => Vec::new(),
            });
        }
    }
    for rule in &service.egress {
        let ports = rule.ports.iter().map(|port| (*port, transport(rule.protocol))).collect();
        allowed.push(Allow { peer: Peer::Range(rule.to.to_string()), ports });
    }
    allowed
}

fn dns() -> Allow {
    Allow { peer: Peer::Namespace("kube-system".to_owned()), ports: DNS_PORTS.to_vec() }
}

/// Sidecars that cannot reach who configures them do not start.
fn control_plane(site: &Site) -> Option<Allow> {
    match site.has().mesh {
        MeshDraft::Istio => {
            let peer = labelled(istio::SYSTEM, ("app", "istiod"));
            Some(Allow { peer, ports: vec![(ISTIOD_PORT, "TCP")] })
        }
        MeshDraft::Linkerd => {
            Some(Allow { peer: Peer::Namespace(linkerd::SYSTEM.to_owned()), ports: Vec::new() })
        }
        MeshDraft::None | MeshDraft::Cilium => None,
    }
}

fn gateway_at(address: IpAddr, port: u16) -> Allow {
    let width = if address.is_ipv4() { 32 } else { 128 };
    Allow { peer: Peer::Range(format!("{address}/{width}")), ports: vec![(port, "TCP")] }
}

fn pods(service: &Service) -> Peer {
    Peer::Pods { namespace: service.namespace.clone(), labels: service.labels.clone() }
}

fn labelled(namespace: &str, (key, value): (&str, &str)) -> Peer {
    let labels = [(key.to_owned(), value.to_owned())].into();
    Peer::Pods { namespace: namespace.to_owned(), labels }
}

fn elsewhere(site: &Site, service: &Service, meshed: Meshed) -> Peer {
    Peer::Elsewhere {
        cluster: site.name().to_owned(),
        namespace: service.namespace.clone(),
        labels: service.labels.clone(),
        range: site.has().pod_addresses.as_ref().map(ToString::to_string),
        meshed,
    }
}

/// The ports of a service's pods. Between Linkerd's proxies, some of it travels on their own.
fn ports(site: &Site, service: &Service) -> Vec<(u16, &'static str)> {
    let mut ports: Vec<_> =
        service.ports.iter().map(|port: &Port| (port.number, port.transport())).collect();
    if site.has().mesh == MeshDraft::Linkerd {
        ports.push((linkerd::PROXY_PORT, "TCP"));
    }
    ports
}

const fn transport(protocol: Protocol) -> &'static str {
    crate::net::view::transport(protocol)
}
