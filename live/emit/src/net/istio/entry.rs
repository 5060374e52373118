//! Where users enter through Istio's own gateway.

use serde_json::{Value, json};

use super::{INGRESS, networking};
use crate::Object;
use crate::net::names::joined;
use crate::net::{Fleet, NetObject, Service, SiteIndex, Step};
use periplus_spec::draft::ExposureDraft;

pub(super) fn objects(fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
    let mut objects = Vec::new();
    for index in fleet.services_at(site) {
        let service = fleet.service(*index);
        let Some(exposure) = &service.exposure else { continue };
        let hosts = crate::net::dns::hosts(exposure);
        let written = [gateway(service, exposure, &hosts), route(service, &hosts)];
        objects.extend(written.map(|object| NetObject::of(&service.app, Step::Enter, object)));
    }
    objects
}

fn gateway(service: &Service, exposure: &ExposureDraft, hosts: &[String]) -> Object {
    let (key, value) = INGRESS;
    let server = match &exposure.certificate {
        Some(certificate) => json!({
            "hosts": hosts,
            "port": { "name": "https", "number": 443, "protocol": "HTTPS" },
            "tls": { "mode": "SIMPLE", "credentialName": &**certificate },
        }),
        None => json!({
            "hosts": hosts,
            "port": { "name": "http", "number": 80, "protocol": "HTTP" },
        }),
    };
    let spec = json!({ "selector": { key: value }, "servers": [server] });
    networking("Gateway", &service.namespace, &joined(&[&service.app, "edge"]), spec)
}

fn route(service: &Service, hosts: &[String]) -> Object {
    let mut destination = json!({ "host": service.host() });
    if let Some(port) = service.entry_port() {
        destination["port"] = json!({ "number": port.number });
    }
    let spec: Value = json!({
        "hosts": hosts,
        "gateways": [joined(&[&service.app, "edge"])],
        "http": [{ "route": [{ "destination": destination }] }],
    });
    networking("VirtualService", &service.namespace, &joined(&[&service.app, "edge"]), spec)
}
