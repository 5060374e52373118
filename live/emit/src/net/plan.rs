//! Which drivers a cluster has, from what it has.

use periplus_spec::draft::{DnsDraft, IngressType, MeshDraft, PoliciesDraft, ServicesDraft};
use periplus_spec::scenario::ClusterFacts;

use crate::net::cilium_mesh::CiliumMesh;
use crate::net::cilium_policies::CiliumPolicies;
use crate::net::dns::ExternalDns;
use crate::net::egress::EgressGateway;
use crate::net::gateway_api::GatewayApi;
use crate::net::istio::{Istio, IstioIngress};
use crate::net::linkerd::Linkerd;
use crate::net::mcs::MultiClusterServices;
use crate::net::policies::NetworkPolicies;
use crate::net::sdewan::Sdewan;
use crate::net::stub::Stubs;
use crate::net::{Driver, Fleet, NetObject, Owner, ServiceIndex, ServiceNotes, SiteIndex, Step};

/// The drivers of a cluster, in the order in which they are asked.
#[must_use]
pub fn drivers(facts: &ClusterFacts) -> Vec<&'static dyn Driver> {
    let has = &facts.infrastructure;
    let mut drivers: Vec<&'static dyn Driver> = Vec::new();
    match has.policies {
        PoliciesDraft::None => {}
        PoliciesDraft::Kubernetes => drivers.push(&NetworkPolicies),
        PoliciesDraft::Cilium => drivers.push(&CiliumPolicies),
    }
    let cilium = has.mesh == MeshDraft::Cilium || has.policies == PoliciesDraft::Cilium;
    if has.egress.is_some() && cilium {
        drivers.push(&EgressGateway);
    }
    if has.firewall.is_some() {
        drivers.push(&Sdewan);
    }
    match has.mesh {
        MeshDraft::None => {}
        MeshDraft::Istio => drivers.push(&Istio),
        MeshDraft::Linkerd => drivers.push(&Linkerd),
        MeshDraft::Cilium => drivers.push(&CiliumMesh),
    }
    match has.services {
        ServicesDraft::None => {}
        ServicesDraft::V1alpha1 | ServicesDraft::V1beta1 => drivers.push(&MultiClusterServices),
    }
    if has.mesh != MeshDraft::None || has.services != ServicesDraft::None {
        drivers.push(&Stubs);
    }
    match has.ingress.as_ref().map(|ingress| ingress.ingress) {
        None => {}
        Some(IngressType::Gateway) => drivers.push(&GatewayApi),
        Some(IngressType::Istio) => drivers.push(&IstioIngress),
    }
    match has.dns {
        DnsDraft::None => {}
        DnsDraft::Externaldns => drivers.push(&ExternalDns),
    }
    drivers
}

/// The objects of a cluster: by owner, then step, kind, namespace and name.
#[must_use]
pub fn objects(fleet: &Fleet, site: SiteIndex) -> Vec<NetObject> {
    let drivers = drivers(&fleet.site(site).facts);
    let mut objects: Vec<NetObject> =
        drivers.iter().flat_map(|driver| driver.objects(fleet, site)).collect();
    objects.sort_by(|one, other| key(one).cmp(&key(other)));
    objects
}

fn key(written: &NetObject) -> (&Owner, Step, [&str; 3]) {
    let NetObject { owner, step, object } = written;
    (owner, *step, [object.kind(), object.namespace(), object.name()])
}

/// What must be noted on the `Service` of a service in a cluster.
#[must_use]
pub fn service_notes(fleet: &Fleet, site: SiteIndex, service: ServiceIndex) -> ServiceNotes {
    let mut notes = ServiceNotes::default();
    for driver in drivers(&fleet.site(site).facts) {
        notes.extend(driver.notes(fleet, site, service));
    }
    notes
}
