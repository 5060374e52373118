//! From a pod to a service, by the name that pods use.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::arrive::goes_out;
use super::deliver::{Sender, deliver, identity, service};
use super::picture::{Pod, SitePicture};
use super::policy::{End, Way, lets, lives};
use super::read::text;
use super::{Answer, Blocked, World, istio, linkerd};
use crate::Object;
use crate::net::SiteIndex;
use crate::net::cilium_mesh::{AFFINITY, GLOBAL, SHARED};
use periplus_spec::draft::MeshDraft;

pub(super) fn call(
    world: &World,
    from: SiteIndex,
    caller: (&str, &str),
    callee: (&str, &str),
    port: u16,
) -> Answer {
    let here = world.site(from);
    let pod = caller_pod(here, caller)?;
    lives(world, from, pod)?;
    let service = service(here, callee, port)?;
    let sender = sender(world, from, pod);
    let imported = text(&service.0, &["spec", "externalName"]).ends_with(".svc.clusterset.local");
    match here.facts.infrastructure.mesh {
        MeshDraft::None | MeshDraft::Cilium if imported => {
            let exporting = exporting(world, from, callee);
            to_all(world, here, service, &sender, &exporting, callee, port)
        }
        MeshDraft::None => deliver(world, from, &sender, callee, port).map(|()| vec![from]),
        MeshDraft::Cilium => {
            let sites = global(world, from, service, callee);
            to_all(world, here, service, &sender, &sites, callee, port)
        }
        MeshDraft::Istio => istio::call(world, from, &sender, pod, callee, port),
        MeshDraft::Linkerd => linkerd::call(world, from, &sender, pod, callee, port),
    }
}

/// What policies and the firewall say of an address outside: nothing else is between.
pub(super) fn leave(
    world: &World,
    from: SiteIndex,
    caller: (&str, &str),
    to: IpAddr,
    port: u16,
) -> Answer {
    let pod = caller_pod(world.site(from), caller)?;
    lets(world, from, pod, Way::Out, &End::Address(to), (port, "TCP"))?;
    goes_out(world, from).map(|()| vec![from])
}

fn caller_pod<'p>(here: &'p SitePicture, caller: (&str, &str)) -> Result<&'p Pod, Blocked> {
    let mut pods = here.pods.iter();
    let found = pods.find(|pod| pod.namespace == caller.0 && pod.workload == caller.1);
    found.ok_or_else(|| {
        let by = format!("Deployment {}/{}", caller.0, caller.1);
        here.blocked(by, "has no ready pod that could call")
    })
}

/// A pod as others see it.
fn sender(world: &World, from: SiteIndex, pod: &Pod) -> Sender {
    Sender {
        end: End::of(from, pod),
        pod: Some((from, pod.clone())),
        identity: identity(world.site(from), &pod.namespace, &pod.account),
    }
}

/// Requests that are spread over clusters by whoever carries them: all must let them in.
fn to_all(
    world: &World,
    here: &SitePicture,
    service: &Object,
    sender: &Sender,
    sites: &BTreeSet<SiteIndex>,
    callee: (&str, &str),
    port: u16,
) -> Answer {
    if sites.is_empty() {
        return Err(here.blocked_by(service, "no cluster has a pod for it that it may be sent to"));
    }
    for site in sites {
        deliver(world, *site, sender, callee, port)?;
    }
    Ok(sites.iter().copied().collect())
}

/// The clusters that export a service to this one: by an object of the version that they have.
pub(super) fn exporting(
    world: &World,
    from: SiteIndex,
    callee: (&str, &str),
) -> BTreeSet<SiteIndex> {
    let here = world.site(from).known();
    let exports = |site: &SiteIndex| {
        let picture = world.site(*site);
        let version = picture.known().multi_cluster_services();
        let export = picture.named("ServiceExport", callee);
        here.multi_cluster_services().is_some()
            && here.shares_network(&picture.known())
            && export.is_some_and(|export| Some(export.api_version()) == version)
            && ready(picture, callee)
    };
    world.indices().filter(exports).collect()
}

fn ready(picture: &SitePicture, callee: (&str, &str)) -> bool {
    picture.named("Service", callee).is_some_and(|service| !picture.behind(service).is_empty())
}

/// The clusters whose pods are behind a service in Cilium Cluster Mesh.
fn global(
    world: &World,
    from: SiteIndex,
    service: &Object,
    callee: (&str, &str),
) -> BTreeSet<SiteIndex> {
    let here = world.site(from);
    let noted =
        |object: &Object, key: &str| text(&object.0, &["metadata", "annotations", key]).to_owned();
    let own: BTreeSet<SiteIndex> = [from].into_iter().filter(|_| ready(here, callee)).collect();
    if noted(service, GLOBAL) != "true" {
        return own;
    }
    let others = world.indices().filter(|site| {
        let picture = world.site(*site);
        let shares = picture.named("Service", callee).is_some_and(|service| {
            noted(service, GLOBAL) == "true" && noted(service, SHARED) != "false"
        });
        *site != from
            && shares
            && picture.facts.infrastructure.mesh == MeshDraft::Cilium
            && here.known().shares_network(&picture.known())
            && ready(picture, callee)
    });
    let others: BTreeSet<SiteIndex> = others.collect();
    match noted(service, AFFINITY).as_str() {
        "local" if !own.is_empty() => own,
        "remote" if !others.is_empty() => others,
        _none => own.union(&others).copied().collect(),
    }
}

/// What a host of this cluster names: its namespace and its service.
pub(super) fn own_host(host: &str) -> Option<(&str, &str)> {
    let (name, namespace) = host.strip_suffix(".svc.cluster.local")?.split_once('.')?;
    Some((namespace, name))
}

/// An object that is missing.
pub(super) fn missing(picture: &SitePicture, kind: &str, what: &str) -> Blocked {
    picture.blocked(kind, format!("there is none {what}"))
}
