//! The Multi-Cluster Services API (KEP-1645): a service that others call is exported. Imports are made by the
//! implementation, never here.

use crate::Object;
use crate::net::{Driver, Fleet, Link, NetObject, Service, ServiceIndex, SiteIndex, Step, link};

/// The Multi-Cluster Services API.
pub(super) struct MultiClusterServices;

impl Driver for MultiClusterServices {
    fn name(&self) -> &'static str {
        "multi-cluster services"
    }

    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
        let Some(version) = fleet.site(site).multi_cluster_services() else { return Vec::new() };
        let exported = fleet.services_at(site).iter().filter(|index| exports(fleet, site, **index));
        let written = exported.map(|index| {
            let service = fleet.service(*index);
            let rest = serde_json::json!({});
            let (namespace, name) = (&service.namespace, &service.component);
            let object = Object::new(version, "ServiceExport", namespace, name, rest);
            NetObject::of(&service.app, Step::Serve, object)
        });
        written.collect()
    }
}

fn exports(fleet: &Fleet, site: SiteIndex, service: ServiceIndex) -> bool {
    let here = fleet.site(site);
    let mut calls = fleet.calls_into(site, service);
    calls.any(|calls| link(fleet.site(calls.from), here) == Ok(Link::Services))
}

/// The name that an imported service has in every cluster.
pub(super) fn clusterset_host(service: &Service) -> String {
    format!("{}.{}.svc.clusterset.local", service.component, service.namespace)
}
