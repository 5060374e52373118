//! The side that calls: what stands behind the name of a service elsewhere, how requests are spread over it, and which
//! of an app's calls go there.
//!
//! The part that stays is sent to the cluster's own `Service`, whose pods the sidecar balances request by request. The
//! part that leaves goes to the `.global` host, spread over the other clusters by `distribute`. Only those are behind
//! it: an endpoint in this cluster could only be the `Service` as a whole, and requests of one stream would all end
//! in one pod.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::{CROSS_NETWORK_PORT, networking};
use crate::Object;
use crate::net::names::joined;
use crate::net::weights::{PERCENT, divided};
use crate::net::{Calls, Fleet, Link, NetObject, Port, Service, SiteIndex, Step, link};

pub(super) fn objects(fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
    let mut objects = Vec::new();
    for (callee, calls) in fleet.leaving(site) {
        let service = fleet.service(callee);
        let remotes = remotes(fleet, site, &calls);
        if remotes.is_empty() || service.streams().next().is_none() {
            continue;
        }
        let seen_by = seen_by(fleet, service, &calls);
        let written = [
            elsewhere(fleet, service, &remotes, &seen_by),
            spread(fleet, service, &remotes, &seen_by),
            routed(fleet, service, &calls, &remotes, &seen_by),
        ];
        objects.extend(written.map(|object| NetObject::of(&service.app, Step::Call, object)));
    }
    objects
}

/// Says that an endpoint speaks mTLS. Where Istio knows a gateway of that network itself, it leaves out those that do
/// not say so.
const TLS_MODE: &str = "security.istio.io/tlsMode";

/// Another cluster behind a name: its gateway, and the part of all leaving requests that it gets.
struct Remote {
    site: SiteIndex,
    gateway: IpAddr,
    percent: u32,
}

/// Callers in one cluster may differ in where they send requests; what leaves is then spread by the mean of them.
fn remotes(fleet: &Fleet, site: SiteIndex, calls: &[&Calls]) -> Vec<Remote> {
    let mut sums: BTreeMap<SiteIndex, u32> = BTreeMap::new();
    for (to, share) in calls.iter().flat_map(|calls| calls.elsewhere()) {
        *sums.entry(to).or_default() += u32::from(share);
    }
    let reached: Vec<(SiteIndex, IpAddr, u32)> = sums
        .into_iter()
        .filter_map(|(to, sum)| match link(fleet.site(site), fleet.site(to)) {
            Ok(Link::Istio(gateway)) => Some((to, gateway, sum)),
            Ok(Link::LinkerdGateway(_) | Link::LinkerdFlat | Link::Cilium | Link::Services)
            | Err(_) => None,
        })
        .collect();
    let shares: Vec<(&str, u32)> =
        reached.iter().map(|(to, _, sum)| (fleet.site(*to).name(), *sum)).collect();
    let percents = divided(&shares, PERCENT, fleet.site(site).name());
    let each = reached.into_iter().zip(percents);
    each.map(|((site, gateway, _), percent)| Remote { site, gateway, percent }).collect()
}

/// The namespaces that see what is generated here: those of callers. Not the gateway's, which has its own.
fn seen_by(fleet: &Fleet, service: &Service, calls: &[&Calls]) -> BTreeSet<String> {
    let callers = calls.iter().map(|calls| &fleet.service(calls.caller).namespace);
    let told = |namespace: &String| {
        if *namespace == service.namespace { ".".to_owned() } else { namespace.clone() }
    };
    callers.map(told).collect()
}

fn elsewhere(
    fleet: &Fleet,
    service: &Service,
    remotes: &[Remote],
    seen_by: &BTreeSet<String>,
) -> Object {
    let numbers: Map<String, Value> =
        service.streams().map(|port| (port.name.clone(), CROSS_NETWORK_PORT.into())).collect();
    let endpoints: Vec<Value> = remotes
        .iter()
        .filter(|remote| remote.percent > 0)
        .map(|remote| {
            let there = fleet.site(remote.site);
            json!({
                "address": remote.gateway.to_string(),
                "network": there.network(),
                "locality": there.locality(),
                "labels": { "cluster": there.name(), TLS_MODE: "istio" },
                "ports": numbers,
                "weight": remote.percent,
            })
        })
        .collect();
    let identities: BTreeSet<String> = remotes
        .iter()
        .map(|remote| service.principal(fleet.site(remote.site).trust_domain()))
        .map(|principal| format!("spiffe://{principal}"))
        .collect();
    let ports: Vec<Value> = service
        .streams()
        .map(|port| json!({ "name": port.name, "number": port.number, "protocol": port.spoken() }))
        .collect();
    let spec = json!({
        "hosts": [service.global_host()],
        "addresses": [service.vip.to_string()],
        "location": "MESH_INTERNAL",
        "resolution": "STATIC",
        "exportTo": seen_by,
        "ports": ports,
        "endpoints": endpoints,
        "subjectAltNames": identities,
    });
    networking("ServiceEntry", &service.namespace, &joined(&[&service.component, "global"]), spec)
}

/// Outlier detection takes a cluster out that fails; the others get its part. `distribute` excludes `failover`: with
/// both, Istio refuses the rule.
fn spread(
    fleet: &Fleet,
    service: &Service,
    remotes: &[Remote],
    seen_by: &BTreeSet<String>,
) -> Object {
    let to: Map<String, Value> = remotes
        .iter()
        .filter(|remote| remote.percent > 0)
        .map(|remote| (fleet.site(remote.site).locality(), remote.percent.into()))
        .collect();
    let spec = json!({
        "host": service.global_host(),
        "exportTo": seen_by,
        "trafficPolicy": {
            "tls": { "mode": "ISTIO_MUTUAL" },
            "outlierDetection": {
                "consecutive5xxErrors": 5,
                "interval": "10s",
                "baseEjectionTime": "30s",
                "maxEjectionPercent": 50,
                "minHealthPercent": 0,
            },
            // From everywhere: the rule is in one cluster only, whose nodes may have no labels for where they are.
            "loadBalancer": { "localityLbSetting": {
                "enabled": true,
                "distribute": [{ "from": "*", "to": to }],
            } },
        },
    });
    networking(
        "DestinationRule",
        &service.namespace,
        &joined(&[&service.component, "global"]),
        spec,
    )
}

fn routed(
    fleet: &Fleet,
    service: &Service,
    calls: &[&Calls],
    remotes: &[Remote],
    seen_by: &BTreeSet<String>,
) -> Object {
    let reached: BTreeSet<SiteIndex> = remotes.iter().map(|remote| remote.site).collect();
    let (mut http, mut tcp) = (Vec::new(), Vec::new());
    for port in service.streams() {
        for calls in calls {
            let caller = fleet.service(calls.caller);
            let matched = json!([{
                "port": port.number,
                "sourceLabels": caller.labels,
                "sourceNamespace": caller.namespace,
            }]);
            let route = route(fleet, service, calls, &reached, port);
            let routes = if port.is_http() { &mut http } else { &mut tcp };
            routes.push(json!({ "match": matched, "route": route }));
        }
    }
    let mut spec = json!({ "hosts": [service.host()], "exportTo": seen_by });
    // Calls of others, if there are any, go where they would without this object: a route of HTTP that matches
    // nothing answers 404.
    let rest = |port: &Port| {
        json!({
            "match": [{ "port": port.number }],
            "route": [{ "destination": destination(&service.host(), port) }],
        })
    };
    for port in service.streams() {
        let routes = if port.is_http() { &mut http } else { &mut tcp };
        routes.push(rest(port));
    }
    for (key, routes) in [("http", http), ("tcp", tcp)] {
        if !routes.is_empty() {
            spec[key] = routes.into();
        }
    }
    networking("VirtualService", &service.namespace, &joined(&[&service.component, "route"]), spec)
}

fn route(
    fleet: &Fleet,
    service: &Service,
    calls: &Calls,
    reached: &BTreeSet<SiteIndex>,
    port: &Port,
) -> Vec<Value> {
    let away: u32 = calls
        .elsewhere()
        .filter(|(site, _)| reached.contains(site))
        .map(|(_, share)| u32::from(share))
        .sum();
    let shares = [("here", u32::from(calls.here())), ("elsewhere", away)];
    let weights = divided(&shares, PERCENT, fleet.site(calls.from).name());
    let hosts = [service.host(), service.global_host()];
    let each = hosts.iter().zip(weights).filter(|(_, weight)| *weight > 0);
    let each = each
        .map(|(host, weight)| json!({ "destination": destination(host, port), "weight": weight }));
    each.collect()
}

fn destination(host: &str, port: &Port) -> Value {
    json!({ "host": host, "port": { "number": port.number } })
}
