//! How requests get from one cluster to another, if at all: a function of what the two have.

use std::net::IpAddr;

use periplus_spec::draft::MeshDraft;

use crate::net::Site;

/// What carries requests from one cluster to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Istio's east-west gateway of the other cluster, on this address.
    Istio(IpAddr),
    /// Linkerd's gateway of the other cluster, on this address.
    LinkerdGateway(IpAddr),
    /// Linkerd, from pod to pod.
    LinkerdFlat,
    /// Cilium Cluster Mesh, from pod to pod.
    Cilium,
    /// The Multi-Cluster Services API, from pod to pod.
    Services,
}

/// Why nothing carries requests from one cluster to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Apart {
    /// Their meshes differ.
    Meshes,
    /// The other has no address for its gateway.
    NoGateway,
    /// They are on different networks, and what they have needs one.
    Networks,
    /// Neither has anything that could.
    Nothing,
}

/// What carries requests from one cluster to another.
///
/// Within Istio, requests take the gateway also where both are on one network: the addresses of pods are known only
/// to whoever watches the other cluster, and nothing says that somebody does.
///
/// # Errors
/// Nothing does.
pub fn link(from: &Site, to: &Site) -> Result<Link, Apart> {
    let (mesh, other) = (from.has().mesh, to.has().mesh);
    if mesh != other && (carries(mesh) || carries(other)) {
        return Err(Apart::Meshes);
    }
    let near = from.shares_network(to);
    match mesh {
        MeshDraft::Istio => to.address_for_sites().map(Link::Istio).ok_or(Apart::NoGateway),
        MeshDraft::Linkerd if near => Ok(Link::LinkerdFlat),
        MeshDraft::Linkerd => {
            to.address_for_sites().map(Link::LinkerdGateway).ok_or(Apart::NoGateway)
        }
        MeshDraft::Cilium if other == MeshDraft::Cilium && near => Ok(Link::Cilium),
        MeshDraft::Cilium | MeshDraft::None => {
            let both = from.multi_cluster_services().and(to.multi_cluster_services());
            match (both, near) {
                (Some(_), true) => Ok(Link::Services),
                (Some(_), false) => Err(Apart::Networks),
                (None, _) if mesh == MeshDraft::Cilium && other == MeshDraft::Cilium => {
                    Err(Apart::Networks)
                }
                (None, _) => Err(Apart::Nothing),
            }
        }
    }
}

/// Whether a mesh encrypts what its pods say to each other, so that pods outside of it are not understood.
const fn carries(mesh: MeshDraft) -> bool {
    match mesh {
        MeshDraft::Istio | MeshDraft::Linkerd => true,
        MeshDraft::None | MeshDraft::Cilium => false,
    }
}
