//! Who may call whom: only what is authenticated, and of that only the callers of a service.

use std::collections::BTreeSet;

use serde_json::json;

use super::{INGRESS_ACCOUNT, SECURITY, SYSTEM};
use crate::Object;
use crate::net::names::{joined, specified};
use crate::net::{Fleet, Link, NetObject, Service, ServiceIndex, Site, SiteIndex, Step, link};
use periplus_spec::draft::IngressType;

pub(super) fn objects(fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
    let mut strict = BTreeSet::new();
    let mut objects = Vec::new();
    for index in fleet.services_at(site) {
        let service = fleet.service(*index);
        if strict.insert((&service.app, &service.namespace)) {
            objects.push(NetObject::of(&service.app, Step::Guard, authenticated(service)));
        }
        objects.push(NetObject::of(&service.app, Step::Guard, clients(fleet, site, *index)));
    }
    objects
}

/// Named for the app: several may share a namespace, and each has its own.
fn authenticated(service: &Service) -> Object {
    let name = joined(&[&service.app, "strict"]);
    let spec = json!({ "mtls": { "mode": "STRICT" } });
    specified(SECURITY, "PeerAuthentication", &service.namespace, &name, spec)
}

/// Without a caller it has no rules: then it allows nothing, which is meant.
fn clients(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> Object {
    let service = fleet.service(index);
    let ports: Vec<String> = service.streams().map(|port| port.number.to_string()).collect();
    let mut rules = Vec::new();
    let principals = callers(fleet, site, index);
    if !principals.is_empty() && !ports.is_empty() {
        rules.push(json!({
            "from": [{ "source": { "principals": principals } }],
            "to": [{ "operation": { "ports": ports } }],
        }));
    }
    if let (Some(principal), Some(port)) =
        (gateway(fleet.site(site), service), service.entry_port())
    {
        rules.push(json!({
            "from": [{ "source": { "principals": [principal] } }],
            "to": [{ "operation": { "ports": [port.number.to_string()] } }],
        }));
    }
    let mut spec = json!({ "action": "ALLOW", "selector": { "matchLabels": service.labels } });
    if !rules.is_empty() {
        spec["rules"] = rules.into();
    }
    let name = joined(&[&service.component, "clients"]);
    specified(SECURITY, "AuthorizationPolicy", &service.namespace, &name, spec)
}

/// Callers in this cluster, and those in others whose requests come through the gateway, which does not look into
/// them: who they are is seen here.
fn callers(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> BTreeSet<String> {
    let here = fleet.site(site);
    let near = fleet.service(index).callers.iter().map(|caller| fleet.service(*caller));
    let near = near.filter(|caller| caller.is_at(site));
    let mut principals: BTreeSet<String> =
        near.map(|caller| caller.principal(here.trust_domain())).collect();
    for calls in fleet.calls_into(site, index) {
        let there = fleet.site(calls.from);
        if matches!(link(there, here), Ok(Link::Istio(_))) {
            principals.insert(fleet.service(calls.caller).principal(there.trust_domain()));
        }
    }
    principals
}

/// Who takes users in before they come to a service, if that is in the mesh.
fn gateway(site: &Site, service: &Service) -> Option<String> {
    service.exposure.as_ref()?;
    let ingress = site.ingress()?;
    let domain = site.trust_domain();
    match ingress.ingress {
        IngressType::Istio => Some(format!("{domain}/ns/{SYSTEM}/sa/{INGRESS_ACCOUNT}")),
        IngressType::Gateway if &*ingress.class == "istio" => {
            let account = crate::net::gateway_api::deployed(service);
            Some(format!("{domain}/ns/{}/sa/{account}", service.namespace))
        }
        IngressType::Gateway => None,
    }
}
