//! The firewall before a cluster: the CNF of Akraino's SDEWAN, whose fields are texts throughout.
//!
//! Zones and forwarding are the cluster's; each app that users or other clusters reach through it has its ports. Tunnels
//! are left to others: their objects hold keys.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::Object;
use crate::net::istio::CROSS_NETWORK_PORT;
use crate::net::names::{joined, specified};
use crate::net::{Calls, Driver, Fleet, Link, NetObject, Service, SiteIndex, Step, link, linkerd};
use periplus_spec::draft::FirewallDraft;

/// Where the CNF and what configures it are.
const NAMESPACE: &str = "sdewan-system";
const VERSION: &str = "batch.sdewan.akraino.org/v1alpha1";
/// The label that says which CNF an object configures.
const PURPOSE: &str = "sdewanPurpose";

/// The CNF of Akraino's SDEWAN.
pub(super) struct Sdewan;

impl Driver for Sdewan {
    fn name(&self) -> &'static str {
        "sdewan"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let Some(firewall) = &fleet.site(site).has().firewall else { return Vec::new() };
        let mut objects = Vec::new();
        for index in fleet.services_at(site) {
            let service = fleet.service(*index);
            objects.extend(for_users(fleet, site, service, firewall));
        }
        objects.extend(for_sites(fleet, site, firewall));
        if !objects.is_empty() || leaves(fleet, site) {
            let shared = shared(firewall).map(|object| NetObject::of_site(Step::Guard, object));
            objects.splice(0..0, shared);
        }
        objects
    }
}

/// Whether anything of a cluster goes out through its firewall.
fn leaves(fleet: &Fleet, site: SiteIndex) -> bool {
    let mut services = fleet.services_at(site).iter().map(|index| fleet.service(*index));
    services.any(|service| !service.egress.is_empty()) || fleet.calls_from(site).any(Calls::leave)
}

/// Two zones, and what the cluster itself begins may leave. What comes in is dropped unless a rule names it.
fn shared(firewall: &FirewallDraft) -> [Object; 3] {
    let zone = |name: &str, network: &str, masq: &str, input: &str| {
        let spec = json!({
            "name": name, "network": [network], "masq": masq,
            "input": input, "forward": "REJECT", "output": "ACCEPT",
        });
        object(firewall, "FirewallZone", name, spec)
    };
    let forwarding = json!({ "name": "lan-to-wan", "src": "lan", "dest": "wan" });
    [
        zone("wan", &firewall.wan, "1", "DROP"),
        zone("lan", &firewall.lan, "0", "ACCEPT"),
        object(firewall, "FirewallForwarding", "lan-to-wan", forwarding),
    ]
}

/// To the gateway for users where there is one, otherwise to the service itself.
fn for_users(
    fleet: &Fleet,
    site: SiteIndex,
    service: &Service,
    firewall: &FirewallDraft,
) -> Vec<NetObject> {
    let (Some(exposure), Some(port)) = (&service.exposure, service.entry_port()) else {
        return Vec::new();
    };
    let outside = if exposure.certificate.is_some() { 443 } else { 80 };
    let name = joined(&[&service.app, "users"]);
    match fleet.site(site).ingress() {
        Some(ingress) => through(firewall, &name, outside, ingress.address.0, outside)
            .map(|object| NetObject::of(&service.app, Step::Enter, object))
            .into(),
        None => {
            let spec = json!({
                "fullname": service.host(),
                "port": outside.to_string(),
                "dport": port.number.to_string(),
                "cidr": "0.0.0.0/0",
            });
            let object = object(firewall, "CNFService", &name, spec);
            vec![NetObject::of(&service.app, Step::Enter, object)]
        }
    }
}

/// To the east-west gateway, for each app that others call through it.
fn for_sites(fleet: &Fleet, site: SiteIndex, firewall: &FirewallDraft) -> Vec<NetObject> {
    let here = fleet.site(site);
    let Some(gateway) = &here.has().gateway else { return Vec::new() };
    let mut ports = std::collections::BTreeSet::new();
    for index in fleet.services_at(site) {
        for calls in fleet.calls_into(site, *index) {
            let port = match link(fleet.site(calls.from), here) {
                Ok(Link::Istio(_)) => CROSS_NETWORK_PORT,
                Ok(Link::LinkerdGateway(_)) => linkerd::PROXY_PORT,
                Ok(Link::LinkerdFlat | Link::Cilium | Link::Services) | Err(_) => continue,
            };
            ports.insert((fleet.service(*index).app.clone(), port));
        }
    }
    let each = ports.into_iter().flat_map(|(app, port)| {
        let name = joined(&[&app, "sites"]);
        through(firewall, &name, port, gateway.0, port)
            .map(|object| NetObject::of(&app, Step::Serve, object))
    });
    each.collect()
}

/// Translates a port of the firewall to one behind it, and lets in what is meant for that.
fn through(
    firewall: &FirewallDraft,
    name: &str,
    outside: u16,
    to: IpAddr,
    inside: u16,
) -> [Object; 2] {
    let translated = json!({
        "name": name, "src": "wan", "src_dip": firewall.address.to_string(),
        "src_dport": outside.to_string(), "proto": "tcp", "dest": "lan",
        "dest_ip": to.to_string(), "dest_port": inside.to_string(), "target": "DNAT",
    });
    let let_in = json!({
        "name": name, "src": "wan", "dest": "lan", "dest_ip": to.to_string(),
        "dest_port": inside.to_string(), "proto": "tcp", "target": "ACCEPT",
    });
    [
        object(firewall, "FirewallDNAT", name, translated),
        object(firewall, "FirewallRule", name, let_in),
    ]
}

fn object(firewall: &FirewallDraft, kind: &str, name: &str, spec: Value) -> Object {
    let mut object = specified(VERSION, kind, NAMESPACE, name, spec);
    object.label(PURPOSE, &firewall.purpose);
    object
}
