//! `Service`s of what is called here and runs elsewhere only: without one, its name would not resolve, and no mesh would
//! ever see the call.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::net::mcs::clusterset_host;
use crate::net::names::specified;
use crate::net::{
    Calls, Driver, Fleet, Link, NetObject, Service, ServiceIndex, SiteIndex, Step, link,
    service_notes,
};

/// `Service`s without pods.
pub(super) struct Stubs;

impl Driver for Stubs {
    fn name(&self) -> &'static str {
        "service stubs"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let leaving = fleet.calls_from(site).filter(|calls| calls.leave());
        let called: BTreeSet<ServiceIndex> = leaving.map(|calls| calls.callee).collect();
        let missing = called.into_iter().filter(|callee| !fleet.service(*callee).is_at(site));
        let written = missing.filter_map(|callee| {
            let service = fleet.service(callee);
            let spec = match first_link(fleet, site, callee)? {
                Link::Services => json!({
                    "type": "ExternalName",
                    "externalName": clusterset_host(service),
                    "ports": ports(service),
                }),
                Link::Istio(_) | Link::LinkerdGateway(_) | Link::LinkerdFlat | Link::Cilium => {
                    json!({ "ports": ports(service) })
                }
            };
            let (namespace, name) = (&service.namespace, &service.component);
            let mut object = specified("v1", "Service", namespace, name, spec);
            service_notes(fleet, site, callee).write_on(&mut object);
            Some(NetObject::of(&service.app, Step::Call, object))
        });
        written.collect()
    }
}

fn first_link(fleet: &Fleet, site: SiteIndex, callee: ServiceIndex) -> Option<Link> {
    let calls = fleet.calls_from(site).filter(|calls| calls.callee == callee);
    let mut targets = calls.flat_map(Calls::elsewhere);
    targets.find_map(|(to, _)| link(fleet.site(site), fleet.site(to)).ok())
}

fn ports(service: &Service) -> Vec<Value> {
    let each = service.ports.iter().map(
        |port| json!({ "name": port.name, "port": port.number, "protocol": port.transport() }),
    );
    each.collect()
}
