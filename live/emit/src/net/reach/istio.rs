//! The way of a call through Istio: route, entry, rule, gateway, entry of the gateway, service.

use std::net::IpAddr;

use serde_json::Value;

use super::arrive::{goes_out, passes};
use super::call::{missing, own_host};
use super::deliver::{Sender, deliver};
use super::picture::{Pod, SitePicture, port_number};
use super::policy::{End, Way, lets};
use super::read::{at, host_matches, items, matches, number, text, texts};
use super::{Answer, Blocked, World};
use crate::Object;
use crate::net::{Site, SiteIndex};

const GROUP: &str = "networking.istio.io";
const SYSTEM: &str = "istio-system";

pub(super) fn call(
    world: &World,
    from: SiteIndex,
    sender: &Sender,
    pod: &Pod,
    callee: (&str, &str),
    port: u16,
) -> Answer {
    let here = world.site(from);
    let host = format!("{}.{}.svc.cluster.local", callee.1, callee.0);
    let mut reached = Vec::new();
    for (host, port) in destinations(here, pod, &host, port)? {
        match own_host(&host) {
            Some(name) => {
                deliver(world, from, sender, name, port)?;
                reached.push(from);
            }
            None => reached.extend(elsewhere(world, from, sender, pod, &host, port)?),
        }
    }
    Ok(reached)
}

/// Whether an object is seen from a namespace.
fn seen(object: &Object, from: &str) -> bool {
    let to = texts(&object.0, &["spec", "exportTo"]);
    to.is_empty()
        || to.iter().any(|to| match *to {
            "*" => true,
            "." => object.namespace() == from,
            named => named == from,
        })
}

/// Where a sidecar sends what a pod sends to a host.
fn destinations(
    here: &SitePicture,
    pod: &Pod,
    host: &str,
    port: u16,
) -> Result<Vec<(String, u16)>, Blocked> {
    let routing = here.of_group(GROUP, "VirtualService").find(|object| {
        let gateways = texts(&object.0, &["spec", "gateways"]);
        seen(object, &pod.namespace)
            && (gateways.is_empty() || gateways.contains(&"mesh"))
            && texts(&object.0, &["spec", "hosts"]).iter().any(|told| host_matches(told, host))
    });
    let Some(routing) = routing else { return Ok(vec![(host.to_owned(), port)]) };
    let spec = &routing.0["spec"];
    let meant = |told: &Value| {
        let namespace = text(told, &["sourceNamespace"]);
        number(told, &["port"]).is_none_or(|told| told == u64::from(port))
            && matches(at(told, &["sourceLabels"]), &pod.labels)
            && (namespace.is_empty() || namespace == pod.namespace)
    };
    let matched = |route: &&Value| {
        let told = items(route, &["match"]);
        told.is_empty() || told.iter().any(meant)
    };
    let route = items(spec, &["http"]).iter().chain(items(spec, &["tcp"])).find(matched);
    let Some(route) = route else {
        return Err(here.blocked_by(routing, format!("has no route for port {port}")));
    };
    let targets: Vec<(String, u16)> = items(route, &["route"])
        .iter()
        .filter(|target| number(target, &["weight"]) != Some(0))
        .map(|target| {
            let target = &target["destination"];
            let host = text(target, &["host"]).to_owned();
            (host, port_number(target, &["port", "number"]).unwrap_or(port))
        })
        .collect();
    if targets.is_empty() {
        return Err(here.blocked_by(routing, "sends requests nowhere"));
    }
    Ok(targets)
}

fn elsewhere(
    world: &World,
    from: SiteIndex,
    sender: &Sender,
    pod: &Pod,
    host: &str,
    port: u16,
) -> Answer {
    let here = world.site(from);
    let entry = entry(here, host, &pod.namespace)?;
    let Some(name) = port_name(entry, port) else {
        return Err(here.blocked_by(entry, format!("has no port {port}")));
    };
    let rule = rule(here, host, &pod.namespace)?;
    let mut reached = Vec::new();
    for endpoint in items(&entry.0, &["spec", "endpoints"]) {
        if !gets_some(rule, text(endpoint, &["locality"])) {
            continue;
        }
        let told = text(endpoint, &["address"]);
        let out = port_number(endpoint, &["ports", &name]).unwrap_or(port);
        let address: Option<IpAddr> = told.parse().ok();
        let found = address.and_then(|address| {
            Some((address, world.with_address(address, Site::address_for_sites)?))
        });
        let Some((address, there)) = found else {
            return Err(here.address_blocked(entry, told));
        };
        if text(endpoint, &["network"]) != world.site(there).known().network() {
            return Err(here.blocked_by(entry, format!("{told} is not on the network it says")));
        }
        lets(world, from, pod, Way::Out, &End::Address(address), (out, "TCP"))?;
        goes_out(world, from)?;
        let served = through_gateway(world, there, out, host, port)?;
        let identities = texts(&entry.0, &["spec", "subjectAltNames"]);
        expects(world, here, entry, there, &served, &identities)?;
        let arriving = Sender {
            end: End::some(there, SYSTEM, ("istio", "eastwestgateway")),
            pod: None,
            identity: sender.identity.clone(),
        };
        let (namespace, name, port) = &served;
        deliver(world, there, &arriving, (namespace, name), *port)?;
        reached.push(there);
    }
    if reached.is_empty() {
        return Err(here.blocked_by(rule, format!("leaves no endpoint of {host}")));
    }
    Ok(reached)
}

/// The one entry of a host that is seen from a namespace. Of two, Istio takes the older one: luck.
fn entry<'p>(picture: &'p SitePicture, host: &str, namespace: &str) -> Result<&'p Object, Blocked> {
    let mut entries = picture.of_group(GROUP, "ServiceEntry").filter(|object| {
        seen(object, namespace) && texts(&object.0, &["spec", "hosts"]).contains(&host)
    });
    let Some(entry) = entries.next() else {
        let what = format!("for {host} that {namespace} sees");
        return Err(missing(picture, "ServiceEntry", &what));
    };
    match entries.next() {
        None => Ok(entry),
        Some(second) => Err(picture.blocked_by(second, format!("is the second one of {host}"))),
    }
}

fn port_name(entry: &Object, port: u16) -> Option<String> {
    let ports = items(&entry.0, &["spec", "ports"]);
    let told = ports.iter().find(|told| port_number(told, &["number"]) == Some(port))?;
    Some(text(told, &["name"]).to_owned())
}

/// The rule of a host: without mTLS there is no SNI, and a gateway that passes through knows nothing else.
fn rule<'p>(picture: &'p SitePicture, host: &str, namespace: &str) -> Result<&'p Object, Blocked> {
    let mut rules = picture
        .of_group(GROUP, "DestinationRule")
        .filter(|object| seen(object, namespace) && text(&object.0, &["spec", "host"]) == host);
    let Some(rule) = rules.next() else {
        let what = format!("for {host} that {namespace} sees");
        return Err(missing(picture, "DestinationRule", &what));
    };
    let policy = at(&rule.0, &["spec", "trafficPolicy"]);
    if text(policy, &["tls", "mode"]) != "ISTIO_MUTUAL" {
        return Err(picture.blocked_by(rule, "does not ask for mTLS, by which the gateway routes"));
    }
    let locality = at(policy, &["loadBalancer", "localityLbSetting"]);
    if locality.get("distribute").is_some() && locality.get("failover").is_some() {
        return Err(picture.blocked_by(rule, "says both `distribute` and `failover`"));
    }
    for spread in items(locality, &["distribute"]) {
        let to = spread["to"].as_object().into_iter().flatten();
        let sum: u64 = to.filter_map(|(_, weight)| weight.as_u64()).sum();
        if sum != 100 {
            return Err(picture.blocked_by(rule, format!("its weights add up to {sum}, not 100")));
        }
    }
    Ok(rule)
}

/// Whether a locality gets any of the requests.
fn gets_some(rule: &Object, locality: &str) -> bool {
    let path = ["spec", "trafficPolicy", "loadBalancer", "localityLbSetting", "distribute"];
    match items(&rule.0, &path).first() {
        None => true,
        Some(spread) => number(&spread["to"], &[locality]).is_some_and(|weight| weight > 0),
    }
}

/// What the gateway of a cluster makes of a host: the service behind it, and its port.
fn through_gateway(
    world: &World,
    there: SiteIndex,
    out: u16,
    host: &str,
    port: u16,
) -> Result<(String, String, u16), Blocked> {
    let picture = world.site(there);
    if let Some(gateway) = &picture.facts.infrastructure.gateway {
        passes(world, there, gateway.0, out)?;
    }
    let open = picture.of_group(GROUP, "Gateway").any(|gateway| {
        text(&gateway.0, &["spec", "selector", "istio"]) == "eastwestgateway"
            && items(&gateway.0, &["spec", "servers"]).iter().any(|server| {
                port_number(server, &["port", "number"]) == Some(out)
                    && text(server, &["tls", "mode"]) == "AUTO_PASSTHROUGH"
                    && texts(server, &["hosts"]).iter().any(|told| host_matches(told, host))
            })
    });
    if !open {
        return Err(missing(picture, "Gateway", &format!("that passes {host} through on {out}")));
    }
    let entry = entry(picture, host, SYSTEM)?;
    let Some(name) = port_name(entry, port) else {
        return Err(picture.blocked_by(entry, format!("has no port {port}")));
    };
    let endpoints = items(&entry.0, &["spec", "endpoints"]);
    let own = |endpoint: &&Value| own_host(text(endpoint, &["address"])).is_some();
    if let Some(other) = endpoints.iter().find(|endpoint| !own(endpoint)) {
        let why = format!("would send on to {} what came in", text(other, &["address"]));
        return Err(picture.blocked_by(entry, why));
    }
    let Some(endpoint) = endpoints.first() else {
        return Err(picture.blocked_by(entry, "has no endpoint"));
    };
    let (namespace, service) = own_host(text(endpoint, &["address"])).unwrap_or_default();
    let inside = port_number(endpoint, &["ports", &name]).unwrap_or(port);
    Ok((namespace.to_owned(), service.to_owned(), inside))
}

/// Whether the pods behind a service there are who the caller expects.
fn expects(
    world: &World,
    here: &SitePicture,
    entry: &Object,
    there: SiteIndex,
    (namespace, name, _): &(String, String, u16),
    identities: &[&str],
) -> Result<(), Blocked> {
    let picture = world.site(there);
    let Some(service) = picture.named("Service", (namespace, name)) else { return Ok(()) };
    for pod in picture.behind(service) {
        let who = super::deliver::identity(picture, &pod.namespace, &pod.account);
        let who = format!("spiffe://{}", who.unwrap_or_default());
        if !identities.is_empty() && !identities.contains(&who.as_str()) {
            return Err(here.blocked_by(entry, format!("does not expect {who}")));
        }
    }
    Ok(())
}
