//! The way of a call through Linkerd: route, mirror, gateway or pods.

use super::arrive::{goes_out, passes};
use super::deliver::{Sender, deliver, identity};
use super::picture::{Pod, SitePicture, port_number, told};
use super::policy::{End, Way, lets};
use super::read::{items, number, text};
use super::{Answer, Blocked, World};
use crate::net::SiteIndex;
use crate::net::linkerd::EXPORTED;
use periplus_spec::draft::MeshDraft;

pub(super) fn call(
    world: &World,
    from: SiteIndex,
    sender: &Sender,
    pod: &Pod,
    callee: (&str, &str),
    port: u16,
) -> Answer {
    let here = world.site(from);
    let mut reached = Vec::new();
    for (name, by) in backends(here, callee, port)? {
        if name == callee.1 {
            deliver(world, from, sender, callee, port)?;
            reached.push(from);
        } else {
            let there = mirrored(world, here, callee, &name, &by)?;
            through(world, from, there, sender, pod, callee, port)?;
            reached.push(there);
        }
    }
    Ok(reached)
}

/// The services that requests are spread over, each with the object that says so.
fn backends(
    here: &SitePicture,
    callee: (&str, &str),
    port: u16,
) -> Result<Vec<(String, String)>, Blocked> {
    let route = here.of_kind("HTTPRoute").find(|route| {
        route.namespace() == callee.0
            && items(&route.0, &["spec", "parentRefs"]).iter().any(|parent| {
                text(parent, &["kind"]) == "Service"
                    && text(parent, &["name"]) == callee.1
                    && port_number(parent, &["port"]).is_none_or(|told| told == port)
            })
    });
    let Some(route) = route else {
        let by = format!("Service {}/{}", callee.0, callee.1);
        return Ok(vec![(callee.1.to_owned(), by)]);
    };
    let rules = items(&route.0, &["spec", "rules"]);
    let backends: Vec<(String, String)> = rules
        .iter()
        .flat_map(|rule| items(rule, &["backendRefs"]))
        .filter(|backend| number(backend, &["weight"]) != Some(0))
        .map(|backend| (text(backend, &["name"]).to_owned(), told(route)))
        .collect();
    if backends.is_empty() {
        return Err(here.blocked_by(route, "sends requests nowhere"));
    }
    Ok(backends)
}

/// The cluster that a mirror is of.
fn mirrored(
    world: &World,
    here: &SitePicture,
    callee: (&str, &str),
    mirror: &str,
    by: &str,
) -> Result<SiteIndex, Blocked> {
    let there = world.indices().find(|site| {
        let there = &world.site(*site).facts;
        mirror == format!("{}-{}", callee.1, &*there.name)
            && there.infrastructure.mesh == MeshDraft::Linkerd
    });
    there.ok_or_else(|| here.blocked(by, format!("{mirror} is a mirror of no cluster")))
}

fn through(
    world: &World,
    from: SiteIndex,
    there: SiteIndex,
    sender: &Sender,
    pod: &Pod,
    callee: (&str, &str),
    port: u16,
) -> Result<(), Blocked> {
    let (here, picture) = (world.site(from), world.site(there));
    let service = super::deliver::service(picture, callee, port)?;
    match text(&service.0, &["metadata", "labels", EXPORTED]) {
        "true" => {
            let site = picture.known();
            let (Some(outside), Some(gateway)) = (site.address_for_sites(), &site.has().gateway)
            else {
                return Err(picture.blocked("gateway", "its address is not known"));
            };
            lets(world, from, pod, Way::Out, &End::Address(outside), (4_143, "TCP"))?;
            goes_out(world, from)?;
            passes(world, there, gateway.0, 4_143)?;
            let arriving = Sender {
                end: End::some(there, "linkerd-multicluster", ("app", "linkerd-gateway")),
                pod: None,
                identity: identity(picture, "linkerd-multicluster", "linkerd-gateway"),
            };
            deliver(world, there, &arriving, callee, port)
        }
        "remote-discovery" if here.known().shares_network(&picture.known()) => {
            deliver(world, there, sender, callee, port)
        }
        "remote-discovery" => {
            Err(picture.blocked_by(service, "its pods are on another network than their callers"))
        }
        _other => Err(picture.blocked_by(service, "is not exported")),
    }
}
