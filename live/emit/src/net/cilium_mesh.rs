//! Cilium Cluster Mesh: a `Service` that is global has the pods of every cluster whose `Service` of the same name is
//! global and shared.
//!
//! It knows no weights: requests go to all pods alike, or to those of one side while there are any.

use crate::net::{Driver, Fleet, Link, NetObject, ServiceIndex, ServiceNotes, SiteIndex, link};

/// Says that a `Service` is one with those of its name elsewhere.
pub(super) const GLOBAL: &str = "service.cilium.io/global";
/// Says whether its pods serve other clusters.
pub(super) const SHARED: &str = "service.cilium.io/shared";
/// Says whose pods are taken first.
pub(super) const AFFINITY: &str = "service.cilium.io/affinity";

/// Cilium Cluster Mesh.
pub(super) struct CiliumMesh;

impl Driver for CiliumMesh {
    fn name(&self) -> &'static str {
        "cilium mesh"
    }

    fn objects(&self, _fleet: &Fleet, _site: SiteIndex) -> Vec<NetObject> {
        Vec::new()
    }

    fn notes(&self, fleet: &Fleet, site: SiteIndex, service: ServiceIndex) -> ServiceNotes {
        let linked = |from, to| link(fleet.site(from), fleet.site(to)) == Ok(Link::Cilium);
        let serves = fleet.calls_into(site, service).any(|calls| linked(calls.from, site));
        let calls = || fleet.calls_from(site).filter(|calls| calls.callee == service);
        let leaves = calls().any(|calls| calls.elsewhere().any(|(to, _)| linked(site, to)));
        let stays = calls().any(|calls| calls.here() > 0);
        let mut notes = ServiceNotes::default();
        if serves || leaves {
            let affinity = match (stays, leaves) {
                (true, true) => "none",
                (false, true) => "remote",
                (_, false) => "local",
            };
            let told = [
                (GLOBAL, "true"),
                (SHARED, if serves { "true" } else { "false" }),
                (AFFINITY, affinity),
            ];
            let told = told.map(|(key, value)| (key.to_owned(), value.to_owned()));
            notes.annotations.extend(told);
        }
        notes
    }
}
