//! The side that serves others: a port of the east-west gateway, and what the gateway knows by the name that callers
//! elsewhere use.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, json};

use super::{CROSS_NETWORK_PORT, EAST_WEST, SYSTEM, networking};
use crate::Object;
use crate::net::names::joined;
use crate::net::{Fleet, Link, NetObject, Service, Site, SiteIndex, Step, link};

pub(super) fn objects(fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
    let mut hosts: BTreeMap<&str, (&str, BTreeSet<String>)> = BTreeMap::new();
    let mut objects = Vec::new();
    for index in fleet.services_at(site) {
        let service = fleet.service(*index);
        if !serves_others(fleet, site, *index) || service.streams().next().is_none() {
            continue;
        }
        let (_, hosts) = hosts
            .entry(&service.app)
            .or_insert_with(|| (service.namespace.as_str(), BTreeSet::new()));
        hosts.insert(service.global_host());
        objects.push(NetObject::of(&service.app, Step::Serve, served(fleet.site(site), service)));
    }
    for (app, (namespace, hosts)) in hosts {
        objects.push(NetObject::of(app, Step::Serve, gateway(app, namespace, &hosts)));
    }
    objects
}

/// Whether requests from other clusters come to a service through this cluster's gateway.
pub(crate) fn serves_others(
    fleet: &Fleet,
    site: SiteIndex,
    service: crate::net::ServiceIndex,
) -> bool {
    let here = fleet.site(site);
    let mut calls = fleet.calls_into(site, service);
    calls.any(|calls| matches!(link(fleet.site(calls.from), here), Ok(Link::Istio(_))))
}

/// Passes through what is meant for these hosts and nothing else: `*.local` would open every service of the cluster.
fn gateway(app: &str, namespace: &str, hosts: &BTreeSet<String>) -> Object {
    let (key, value) = EAST_WEST;
    let spec = json!({
        "selector": { key: value },
        "servers": [{
            "hosts": hosts,
            "port": { "name": "tls-cross-network", "number": CROSS_NETWORK_PORT, "protocol": "TLS" },
            "tls": { "mode": "AUTO_PASSTHROUGH" },
        }],
    });
    networking("Gateway", namespace, &joined(&[app, "cross-network"]), spec)
}

/// What the gateway finds behind the name: the service here, and only here.
///
/// It stands in the gateway's own namespace and is seen by nobody else. So callers in this cluster, whose requests may
/// be sent elsewhere under the same name, have an entry of their own, and what came in never goes out again. The
/// address is the name of the `Service`: pods cannot be selected from another namespace, and whoever passes a stream
/// through balances streams, not requests, either way. It says no network: a gateway sees only those that it was
/// installed for, by whatever name, and what is on none.
fn served(site: &Site, service: &Service) -> Object {
    let ports = |of: fn(&crate::net::Port) -> serde_json::Value| -> Vec<serde_json::Value> {
        service.streams().map(of).collect()
    };
    let numbers: Map<_, _> =
        service.streams().map(|port| (port.name.clone(), port.number.into())).collect();
    let spec = json!({
        "hosts": [service.global_host()],
        "addresses": [service.vip.to_string()],
        "location": "MESH_INTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
        "ports": ports(|port| json!({
            "name": port.name, "number": port.number, "protocol": port.spoken(),
        })),
        "endpoints": [{
            "address": service.host(),
            "locality": site.locality(),
            "ports": numbers,
        }],
        "subjectAltNames": [format!("spiffe://{}", service.principal(site.trust_domain()))],
    });
    let name = joined(&[&format!("{}.{}", service.component, service.namespace), "served"]);
    networking("ServiceEntry", SYSTEM, &name, spec)
}
