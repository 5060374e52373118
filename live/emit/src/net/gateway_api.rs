//! Where users enter through the Gateway API.

use serde_json::{Value, json};

use crate::Object;
use crate::net::names::{joined, specified};
use crate::net::weights::{PERCENT, divided};
use crate::net::{Driver, Fleet, Link, NetObject, Service, ServiceIndex, SiteIndex, Step, link};
use periplus_spec::draft::{ExposureDraft, IngressDraft};

/// The label that the pods of a gateway have where its class makes them beside it (GEP-1762).
pub(super) const GATEWAY_NAME: &str = "gateway.networking.k8s.io/gateway-name";

const VERSION: &str = "gateway.networking.k8s.io/v1";

/// The Gateway API.
pub(super) struct GatewayApi;

impl Driver for GatewayApi {
    fn name(&self) -> &'static str {
        "gateway api"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let Some(ingress) = fleet.site(site).ingress() else { return Vec::new() };
        let mut objects = Vec::new();
        for index in fleet.known_at(site) {
            let service = fleet.service(index);
            let Some(exposure) = &service.exposure else { continue };
            let backends = backends(fleet, site, index);
            if backends.is_empty() {
                continue;
            }
            let hosts = crate::net::dns::hosts(exposure);
            let written = [gateway(service, exposure, ingress), route(service, &hosts, &backends)];
            objects.extend(written.map(|object| NetObject::of(&service.app, Step::Enter, object)));
        }
        objects
    }
}

/// The name of an app's gateway.
pub(super) fn gateway_name(service: &Service) -> String {
    joined(&[&service.app, "edge"])
}

/// The name and the account of what Istio deploys for it.
pub(super) fn deployed(service: &Service) -> String {
    format!("{}-istio", gateway_name(service))
}

/// Listens for the name of the app and for those of its zones, which are one level below it.
fn gateway(service: &Service, exposure: &ExposureDraft, ingress: &IngressDraft) -> Object {
    let listener = |name: &str, host: String| -> Value {
        let from = json!({ "namespaces": { "from": "Same" } });
        match &exposure.certificate {
            Some(certificate) => json!({
                "name": name, "hostname": host, "port": 443, "protocol": "HTTPS",
                "tls": { "mode": "Terminate", "certificateRefs": [{ "name": &**certificate }] },
                "allowedRoutes": from,
            }),
            None => json!({
                "name": name, "hostname": host, "port": 80, "protocol": "HTTP",
                "allowedRoutes": from,
            }),
        }
    };
    let spec = json!({
        "gatewayClassName": &*ingress.class,
        "addresses": [{ "type": "IPAddress", "value": ingress.address.to_string() }],
        "listeners": [
            listener("app", exposure.host.to_string()),
            listener("zones", format!("*.{}", &*exposure.host)),
        ],
    });
    object("Gateway", &service.namespace, &gateway_name(service), spec)
}

/// Where a gateway sends users: its own pods, and others where the picture says so and an import is there to be named.
fn backends(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> Vec<Value> {
    let service = fleet.service(index);
    let Some(port) = service.entry_port() else { return Vec::new() };
    let here = fleet.site(site);
    let own = fleet.calls_from(site).find(|calls| calls.caller == index && calls.callee == index);
    let (near, far) = match own {
        None => (if service.is_at(site) { 1_000 } else { 0 }, 0),
        Some(calls) => {
            let imported = calls
                .elsewhere()
                .filter(|(to, _)| link(here, fleet.site(*to)) == Ok(Link::Services));
            (u32::from(calls.here()), imported.map(|(_, share)| u32::from(share)).sum())
        }
    };
    let shares = [("here", near), ("elsewhere", far)];
    let weights = divided(&shares, PERCENT, here.name());
    let mut backends = Vec::new();
    if weights[0] > 0 {
        backends.push(json!({
            "name": service.component, "port": port.number, "weight": weights[0],
        }));
    }
    if weights[1] > 0 {
        backends.push(json!({
            "group": "multicluster.x-k8s.io", "kind": "ServiceImport",
            "name": service.component, "port": port.number, "weight": weights[1],
        }));
    }
    backends
}

/// In the namespace of its gateway and of what it leads to, so that no `ReferenceGrant` is needed.
fn route(service: &Service, hosts: &[String], backends: &[Value]) -> Object {
    let spec = json!({
        "parentRefs": [{ "name": gateway_name(service) }],
        "hostnames": hosts,
        "rules": [{
            "matches": [{ "path": { "type": "PathPrefix", "value": "/" } }],
            "backendRefs": backends,
        }],
    });
    object("HTTPRoute", &service.namespace, &joined(&[&service.app, "edge"]), spec)
}

fn object(kind: &str, namespace: &str, name: &str, spec: Value) -> Object {
    specified(VERSION, kind, namespace, name, spec)
}
