//! Linkerd with its multicluster extension.
//!
//! A `Service` that is exported is mirrored by the callers' clusters as `<service>-<cluster>`, behind the gateway of its
//! cluster or pod by pod where both are on one network. Calls are spread over mirrors by an `HTTPRoute`.
//!
//! Behind a gateway, callers are not told apart: there, network policies where they are have to do it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::Object;
use crate::net::names::{joined, specified};
use crate::net::weights::{PERCENT, divided};
use crate::net::{
    Calls, Driver, Fleet, Link, NetObject, Port, Service, ServiceIndex, ServiceNotes, Site,
    SiteIndex, Step, link,
};

/// Where the multicluster extension is.
pub(super) const MULTICLUSTER: &str = "linkerd-multicluster";
/// The label of the pods of its gateway.
pub(super) const GATEWAY: (&str, &str) = ("app", "linkerd-gateway");
/// Where its control plane is.
pub(super) const SYSTEM: &str = "linkerd";
/// Where proxies and the gateway take in what other proxies send them.
pub(super) const PROXY_PORT: u16 = 4_143;
/// Says that a `Service` is mirrored, and how.
pub(super) const EXPORTED: &str = "mirror.linkerd.io/exported";

const POLICY: &str = "policy.linkerd.io";

/// Linkerd.
pub(super) struct Linkerd;

impl Driver for Linkerd {
    fn name(&self) -> &'static str {
        "linkerd"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let mut objects = Vec::new();
        for index in fleet.services_at(site) {
            let service = fleet.service(*index);
            let written = guards(fleet, site, *index);
            objects.extend(
                written.into_iter().map(|object| NetObject::of(&service.app, Step::Guard, object)),
            );
        }
        for (callee, calls) in fleet.leaving(site) {
            let service = fleet.service(callee);
            let shares = mirrors(fleet, site, service, &calls);
            for port in service.streams().filter(|port| port.is_http()) {
                if !shares.is_empty() {
                    let object = split(service, port, &shares);
                    objects.push(NetObject::of(&service.app, Step::Call, object));
                }
            }
        }
        objects
    }

    /// Exported to whoever calls it from elsewhere. Through the gateway if any of them must: a mirror through the
    /// gateway works on one network too.
    fn notes(&self, fleet: &Fleet, site: SiteIndex, service: ServiceIndex) -> ServiceNotes {
        let mut notes = ServiceNotes::default();
        let links = links_into(fleet, site, service);
        let how = if links.iter().any(|link| matches!(link, Link::LinkerdGateway(_))) {
            "true"
        } else if links.contains(&Link::LinkerdFlat) {
            "remote-discovery"
        } else {
            return notes;
        };
        notes.labels.insert(EXPORTED.to_owned(), how.to_owned());
        notes
    }
}

fn links_into(fleet: &Fleet, site: SiteIndex, service: ServiceIndex) -> Vec<Link> {
    let calls = fleet.calls_into(site, service);
    calls.filter_map(|calls| link(fleet.site(calls.from), fleet.site(site)).ok()).collect()
}

/// Where calls go: mirrors and the service itself, and their percentages. Callers in one cluster are not told from
/// each other.
fn mirrors(
    fleet: &Fleet,
    site: SiteIndex,
    service: &Service,
    calls: &[&Calls],
) -> Vec<(String, u32)> {
    let mut sums: BTreeMap<SiteIndex, u32> = BTreeMap::new();
    for (to, share) in calls.iter().flat_map(|calls| calls.shares.iter().copied()) {
        let reached = to == site
            || matches!(
                link(fleet.site(site), fleet.site(to)),
                Ok(Link::LinkerdFlat | Link::LinkerdGateway(_))
            );
        if reached {
            *sums.entry(to).or_default() += u32::from(share);
        }
    }
    let told: Vec<(&str, u32)> =
        sums.iter().map(|(to, sum)| (fleet.site(*to).name(), *sum)).collect();
    let percents = divided(&told, PERCENT, fleet.site(site).name());
    let each = sums.keys().zip(percents).filter(|(_, percent)| *percent > 0);
    let name = |to: SiteIndex| {
        if to == site {
            service.component.clone()
        } else {
            format!("{}-{}", service.component, fleet.site(to).name())
        }
    };
    each.map(|(to, percent)| (name(*to), percent)).collect()
}

fn split(service: &Service, port: &Port, shares: &[(String, u32)]) -> Object {
    let backends: Vec<Value> = shares
        .iter()
        .map(|(name, percent)| json!({ "name": name, "port": port.number, "weight": percent }))
        .collect();
    let spec = json!({
        "parentRefs": [{
            "group": "core", "kind": "Service", "name": service.component, "port": port.number,
        }],
        "rules": [{ "backendRefs": backends }],
    });
    Object::new(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        &service.namespace,
        &joined(&[&format!("{}.{}", service.component, port.name), "split"]),
        json!({ "spec": spec }),
    )
}

/// A port that has a `Server` is closed to everybody whom no policy names.
fn guards(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> Vec<Object> {
    let service = fleet.service(index);
    let clients = joined(&[&service.component, "clients"]);
    let users = joined(&[&service.component, "users"]);
    let identities = identities(fleet, site, index);
    let entry = fleet.site(site).address_for_users().and_then(|_| service.entry_port());
    let mut objects = Vec::new();
    let policy = |version: &str, kind: &str, name: &str, spec: Value| {
        let version = format!("{POLICY}/{version}");
        specified(&version, kind, &service.namespace, name, spec)
    };
    let admits = |name: &str, server: &str, kind: &str, who: &str| {
        let spec = json!({
            "targetRef": { "group": POLICY, "kind": "Server", "name": server },
            "requiredAuthenticationRefs": [{ "group": POLICY, "kind": kind, "name": who }],
        });
        policy("v1alpha1", "AuthorizationPolicy", name, spec)
    };
    if !identities.is_empty() {
        let spec = json!({ "identities": identities });
        objects.push(policy("v1alpha1", "MeshTLSAuthentication", &clients, spec));
    }
    if entry.is_some() {
        // The gateway need not be in the mesh, and what it lets in came from anywhere.
        let spec = json!({ "networks": [{ "cidr": "0.0.0.0/0" }, { "cidr": "::/0" }] });
        objects.push(policy("v1alpha1", "NetworkAuthentication", &users, spec));
    }
    for port in service.streams() {
        let server = format!("{}.{}", service.component, port.name);
        let spec = json!({
            "podSelector": { "matchLabels": service.labels },
            "port": port.number,
        });
        objects.push(policy("v1beta3", "Server", &server, spec));
        if !identities.is_empty() {
            objects.push(admits(&server, &server, "MeshTLSAuthentication", &clients));
        }
        if entry == Some(port) {
            let name = joined(&[&server, "users"]);
            objects.push(admits(&name, &server, "NetworkAuthentication", &users));
        }
    }
    objects
}

/// Callers in this cluster; those of others by their own name where their pods come directly, and as the gateway
/// where it stands between.
fn identities(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> BTreeSet<String> {
    let here = fleet.site(site);
    let near = fleet.service(index).callers.iter().map(|caller| fleet.service(*caller));
    let near = near.filter(|caller| caller.is_at(site));
    let mut identities: BTreeSet<String> =
        near.map(|caller| identity(&caller.account, &caller.namespace, here)).collect();
    for calls in fleet.calls_into(site, index) {
        let there = fleet.site(calls.from);
        let caller = fleet.service(calls.caller);
        match link(there, here) {
            Ok(Link::LinkerdFlat) => {
                identities.insert(identity(&caller.account, &caller.namespace, there));
                // Whoever mirrors through the gateway for one cluster does so for all.
                if links_into(fleet, site, index)
                    .iter()
                    .any(|link| matches!(link, Link::LinkerdGateway(_)))
                {
                    identities.insert(identity(GATEWAY.1, MULTICLUSTER, here));
                }
            }
            Ok(Link::LinkerdGateway(_)) => {
                identities.insert(identity(GATEWAY.1, MULTICLUSTER, here));
            }
            Ok(Link::Istio(_) | Link::Cilium | Link::Services) | Err(_) => {}
        }
    }
    identities
}

/// Who an account is in Linkerd.
pub(super) fn identity(account: &str, namespace: &str, site: &Site) -> String {
    format!("{account}.{namespace}.serviceaccount.identity.linkerd.{}", site.trust_domain())
}
