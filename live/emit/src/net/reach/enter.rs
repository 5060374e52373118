//! From a name that users look up to pods.

use std::net::IpAddr;

use serde_json::Value;

use super::arrive::passes;
use super::call::{exporting, missing, own_host};
use super::deliver::{Sender, deliver, identity};
use super::picture::{Pod, port_number};
use super::policy::{End, Way, lets};
use super::read::{host_matches, items, number, text, texts};
use super::{Answer, Blocked, World};
use crate::Object;
use crate::net::{Site, SiteIndex};
use periplus_spec::draft::{IngressDraft, IngressType};

pub(super) fn enter(world: &World, host: &str) -> Answer {
    let mut reached = Vec::new();
    for site in world.indices() {
        for record in world.site(site).of_kind("DNSEndpoint") {
            for endpoint in items(&record.0, &["spec", "endpoints"]) {
                let named = text(endpoint, &["dnsName"]) == host;
                if named && weight(endpoint) != Some(0) {
                    reached.extend(found(world, site, record, endpoint, host)?);
                }
            }
        }
    }
    if reached.is_empty() {
        let why = format!("there is none with {host}");
        return Err(Blocked { at: "DNS".to_owned(), by: "DNSEndpoint".to_owned(), why });
    }
    Ok(reached)
}

fn named(value: &Value, path: &[&str], host: &str) -> bool {
    texts(value, path).iter().any(|told| host_matches(told, host))
}

fn weight(endpoint: &Value) -> Option<u64> {
    let mut settings = items(endpoint, &["providerSpecific"]).iter();
    let weight = settings.find(|setting| text(setting, &["name"]) == "aws/weight")?;
    number(weight, &["value"])
}

fn found(world: &World, by: SiteIndex, record: &Object, endpoint: &Value, host: &str) -> Answer {
    let mut reached = Vec::new();
    for target in texts(endpoint, &["targets"]) {
        let address = target.parse::<IpAddr>().ok();
        let site = address.and_then(|address| world.with_address(address, Site::address_for_users));
        let Some(site) = site else {
            return Err(world.site(by).address_blocked(record, target));
        };
        reached.extend(take_in(world, site, host)?);
    }
    Ok(reached)
}

/// Whether a cluster brings users to pods.
fn take_in(world: &World, site: SiteIndex, host: &str) -> Answer {
    let picture = world.site(site);
    match &picture.facts.infrastructure.ingress {
        None => through_cnf(world, site),
        Some(ingress) => match ingress.ingress {
            IngressType::Gateway => through_gateway_api(world, site, ingress, host),
            IngressType::Istio => through_istio(world, site, ingress, host),
        },
    }
}

fn through_cnf(world: &World, site: SiteIndex) -> Answer {
    let picture = world.site(site);
    let mut services = picture.of_kind("CNFService");
    let Some(service) = services.next() else {
        return Err(missing(picture, "CNFService", "that takes users in"));
    };
    let port = |service: &Object| port_number(&service.0, &["spec", "port"]);
    if let Some(second) = services.find(|second| port(second) == port(service)) {
        return Err(picture.blocked_by(second, "takes the port of another one"));
    }
    let name = own_host(text(&service.0, &["spec", "fullname"]));
    let port = port_number(&service.0, &["spec", "dport"]);
    let (Some(name), Some(port)) = (name, port) else {
        return Err(picture.blocked_by(service, "names no service of this cluster"));
    };
    let users = Sender { end: End::Anyone, pod: None, identity: None };
    deliver(world, site, &users, name, port).map(|()| vec![site])
}

fn through_gateway_api(
    world: &World,
    site: SiteIndex,
    ingress: &IngressDraft,
    host: &str,
) -> Answer {
    const GROUP: &str = "gateway.networking.k8s.io";
    let picture = world.site(site);
    let listening = picture.of_group(GROUP, "Gateway").find_map(|gateway| {
        let listeners = items(&gateway.0, &["spec", "listeners"]);
        let listens = |listener: &&Value| host_matches(text(listener, &["hostname"]), host);
        let of_class = text(&gateway.0, &["spec", "gatewayClassName"]) == &*ingress.class;
        let listener = listeners.iter().find(listens).filter(|_| of_class)?;
        Some((gateway, port_number(listener, &["port"])?))
    });
    let Some((gateway, port)) = listening else {
        return Err(missing(picture, "Gateway", &format!("that listens for {host}")));
    };
    passes(world, site, ingress.address.0, port)?;
    let route = picture.of_group(GROUP, "HTTPRoute").find(|route| {
        let parents = items(&route.0, &["spec", "parentRefs"]);
        route.namespace() == gateway.namespace()
            && parents.iter().any(|parent| text(parent, &["name"]) == gateway.name())
            && named(&route.0, &["spec", "hostnames"], host)
    });
    let Some(route) = route else {
        return Err(missing(picture, "HTTPRoute", &format!("for {host} at {}", gateway.name())));
    };
    let sender = gateway_sender(world, site, gateway, ingress, port)?;
    let mut reached = Vec::new();
    for rule in items(&route.0, &["spec", "rules"]) {
        for backend in items(rule, &["backendRefs"]) {
            let name = (route.namespace(), text(backend, &["name"]));
            let Some(port) = port_number(backend, &["port"]) else { continue };
            let sites = match text(backend, &["kind"]) {
                "ServiceImport" => exporting(world, site, name).into_iter().collect(),
                _service => vec![site],
            };
            if sites.is_empty() {
                return Err(picture.blocked_by(route, format!("nobody exports {}", name.1)));
            }
            for to in sites {
                deliver(world, to, &sender, name, port)?;
                reached.push(to);
            }
        }
    }
    if reached.is_empty() {
        return Err(picture.blocked_by(route, "leads nowhere"));
    }
    Ok(reached)
}

/// What users come from once a gateway has them.
fn gateway_sender(
    world: &World,
    site: SiteIndex,
    gateway: &Object,
    ingress: &IngressDraft,
    port: u16,
) -> Result<Sender, Blocked> {
    let picture = world.site(site);
    match &*ingress.class {
        "istio" => {
            let name = gateway.name().to_owned();
            let label = ("gateway.networking.k8s.io/gateway-name".to_owned(), name.clone());
            let account = format!("{name}-istio");
            let pod = Pod {
                namespace: gateway.namespace().to_owned(),
                workload: account.clone(),
                labels: [label].into(),
                account: account.clone(),
                ports: vec![port],
            };
            super::policy::lives(world, site, &pod)?;
            lets(world, site, &pod, Way::In, &End::Anyone, (port, "TCP"))?;
            Ok(Sender {
                end: End::of(site, &pod),
                identity: identity(picture, &pod.namespace, &account),
                pod: Some((site, pod)),
            })
        }
        "cilium" => Ok(Sender { end: End::CiliumIngress, pod: None, identity: None }),
        _other => Ok(Sender { end: End::Anyone, pod: None, identity: None }),
    }
}

fn through_istio(world: &World, site: SiteIndex, ingress: &IngressDraft, host: &str) -> Answer {
    const GROUP: &str = "networking.istio.io";
    let picture = world.site(site);
    let listening = picture.of_group(GROUP, "Gateway").find_map(|gateway| {
        let mut servers = items(&gateway.0, &["spec", "servers"]).iter();
        let listens = |server: &&Value| named(server, &["hosts"], host);
        let server = servers.find(listens)?;
        let of_ingress = text(&gateway.0, &["spec", "selector", "istio"]) == "ingressgateway";
        Some((gateway, port_number(server, &["port", "number"])?)).filter(|_| of_ingress)
    });
    let Some((gateway, port)) = listening else {
        return Err(missing(picture, "Gateway", &format!("that listens for {host}")));
    };
    passes(world, site, ingress.address.0, port)?;
    let route = picture.of_group(GROUP, "VirtualService").find(|route| {
        texts(&route.0, &["spec", "gateways"]).contains(&gateway.name())
            && named(&route.0, &["spec", "hosts"], host)
    });
    let Some(route) = route else {
        return Err(missing(picture, "VirtualService", &format!("for {host}")));
    };
    let account = "istio-ingressgateway-service-account";
    let sender = Sender {
        end: End::some(site, "istio-system", ("istio", "ingressgateway")),
        pod: None,
        identity: identity(picture, "istio-system", account),
    };
    let mut arrived = false;
    for rule in items(&route.0, &["spec", "http"]) {
        for target in items(rule, &["route"]) {
            let target = &target["destination"];
            let name = own_host(text(target, &["host"]));
            let port = port_number(target, &["port", "number"]);
            let (Some(name), Some(port)) = (name, port) else {
                return Err(picture.blocked_by(route, "names no port of a service of this cluster"));
            };
            deliver(world, site, &sender, name, port)?;
            arrived = true;
        }
    }
    if arrived { Ok(vec![site]) } else { Err(picture.blocked_by(route, "leads nowhere")) }
}
