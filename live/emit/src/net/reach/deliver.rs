//! The last part of every way: from a `Service` to its pods, past the policies and the proxies before them.

use serde_json::Value;

use super::picture::{Pod, SitePicture, port_number, told};
use super::policy::{End, Way, lets, lives};
use super::read::{at, host_matches, items, matches, text, texts};
use super::{Blocked, World};
use crate::Object;
use crate::net::SiteIndex;
use periplus_spec::draft::MeshDraft;

/// Who sends requests.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    /// The pod, or what else the connection comes from.
    pub(super) end: End,
    /// The workload whose own policies must let requests out, and where it is.
    pub(super) pod: Option<(SiteIndex, Pod)>,
    /// Who it is in a mesh, if it is in one.
    pub(super) identity: Option<String>,
}

/// Who a pod is in its mesh.
pub(super) fn identity(picture: &SitePicture, namespace: &str, account: &str) -> Option<String> {
    let domain = picture.known().trust_domain().to_owned();
    match picture.facts.infrastructure.mesh {
        MeshDraft::Istio => Some(format!("{domain}/ns/{namespace}/sa/{account}")),
        MeshDraft::Linkerd => {
            Some(format!("{account}.{namespace}.serviceaccount.identity.linkerd.{domain}"))
        }
        MeshDraft::None | MeshDraft::Cilium => None,
    }
}

/// The `Service` that a name leads to, if it has the port.
pub(super) fn service<'w>(
    picture: &'w SitePicture,
    name: (&str, &str),
    port: u16,
) -> Result<&'w Object, Blocked> {
    let Some(service) = picture.named("Service", name) else {
        let by = format!("Service {}/{}", name.0, name.1);
        return Err(picture.blocked(by, "is missing: the name does not resolve"));
    };
    let ports = items(&service.0, &["spec", "ports"]);
    if !ports.iter().any(|told| port_number(told, &["port"]) == Some(port)) {
        return Err(picture.blocked_by(service, format!("has no port {port}")));
    }
    Ok(service)
}

/// Whether requests to a `Service` arrive at all of its pods in this cluster.
pub(super) fn deliver(
    world: &World,
    site: SiteIndex,
    sender: &Sender,
    name: (&str, &str),
    port: u16,
) -> Result<(), Blocked> {
    let picture = world.site(site);
    let service = service(picture, name, port)?;
    let pods = picture.behind(service);
    if pods.is_empty() {
        return Err(picture.blocked_by(service, "has no ready pod"));
    }
    let target = target(service, port);
    for pod in pods {
        if !pod.ports.contains(&target) {
            let why = format!("leads to port {target}, on which {} does not listen", pod.workload);
            return Err(picture.blocked_by(service, why));
        }
        lives(world, site, pod)?;
        if let Some((from, caller)) = &sender.pod {
            lets(world, *from, caller, Way::Out, &End::of(site, pod), (target, "TCP"))?;
        }
        lets(world, site, pod, Way::In, &sender.end, (target, "TCP"))?;
        match picture.facts.infrastructure.mesh {
            MeshDraft::Istio => istio(picture, pod, sender, target)?,
            MeshDraft::Linkerd => linkerd(picture, pod, sender, target)?,
            MeshDraft::None | MeshDraft::Cilium => {}
        }
    }
    Ok(())
}

fn target(service: &Object, port: u16) -> u16 {
    let ports = items(&service.0, &["spec", "ports"]);
    let told = ports.iter().find(|told| port_number(told, &["port"]) == Some(port));
    told.and_then(|told| port_number(told, &["targetPort"])).unwrap_or(port)
}

fn istio(picture: &SitePicture, pod: &Pod, sender: &Sender, port: u16) -> Result<(), Blocked> {
    for policy in picture.of_kind("PeerAuthentication") {
        let strict = text(&policy.0, &["spec", "mtls", "mode"]) == "STRICT";
        let meant = matches(at(&policy.0, &["spec", "selector", "matchLabels"]), &pod.labels);
        if policy.namespace() == pod.namespace && strict && meant && sender.identity.is_none() {
            return Err(picture.blocked_by(policy, "asks for mTLS of a sender outside of the mesh"));
        }
    }
    let policies: Vec<&Object> = picture
        .of_group("security.istio.io", "AuthorizationPolicy")
        .filter(|policy| {
            policy.namespace() == pod.namespace
                && text(&policy.0, &["spec", "action"]) == "ALLOW"
                && matches(at(&policy.0, &["spec", "selector", "matchLabels"]), &pod.labels)
        })
        .collect();
    let allows = |policy: &&Object| {
        let rules = items(&policy.0, &["spec", "rules"]);
        rules.iter().any(|rule| istio_rule(rule, sender, port))
    };
    match policies.first() {
        Some(first) if !policies.iter().any(allows) => {
            let who = sender.identity.as_deref().unwrap_or("a sender without identity");
            Err(picture.blocked_by(first, format!("does not allow {who} on port {port}")))
        }
        Some(_) | None => Ok(()),
    }
}

fn istio_rule(rule: &Value, sender: &Sender, port: u16) -> bool {
    let from = items(rule, &["from"]);
    let sent = from.is_empty()
        || from.iter().any(|from| {
            let principals = texts(from, &["source", "principals"]);
            principals.is_empty()
                || sender.identity.as_deref().is_some_and(|identity| principals.contains(&identity))
        });
    let to = items(rule, &["to"]);
    let meant = to.is_empty()
        || to.iter().any(|to| {
            let ports = texts(to, &["operation", "ports"]);
            ports.is_empty() || ports.contains(&port.to_string().as_str())
        });
    sent && meant
}

/// A port without a `Server` is open; with one, to those whom a policy for it names.
fn linkerd(picture: &SitePicture, pod: &Pod, sender: &Sender, port: u16) -> Result<(), Blocked> {
    let mut servers = picture.of_group("policy.linkerd.io", "Server").filter(|server| {
        server.namespace() == pod.namespace
            && port_number(&server.0, &["spec", "port"]) == Some(port)
            && matches(at(&server.0, &["spec", "podSelector", "matchLabels"]), &pod.labels)
    });
    let Some(server) = servers.next() else { return Ok(()) };
    let mut named = server;
    for policy in picture.of_group("policy.linkerd.io", "AuthorizationPolicy") {
        let target = &policy.0["spec"]["targetRef"];
        let meant = text(target, &["kind"]) == "Server" && text(target, &["name"]) == server.name();
        if policy.namespace() != pod.namespace || !meant {
            continue;
        }
        named = policy;
        let required = items(&policy.0, &["spec", "requiredAuthenticationRefs"]);
        let met = |required: &Value| {
            let (kind, name) = (text(required, &["kind"]), text(required, &["name"]));
            picture
                .named(kind, (policy.namespace(), name))
                .is_some_and(|object| linkerd_authenticates(object, sender))
        };
        if required.iter().all(met) {
            return Ok(());
        }
    }
    let who = sender.identity.as_deref().unwrap_or("a sender without identity");
    Err(picture.blocked(
        format!("{} for {}", told(named), told(server)),
        format!("does not allow {who} on port {port}"),
    ))
}

fn linkerd_authenticates(object: &Object, sender: &Sender) -> bool {
    match object.kind() {
        "MeshTLSAuthentication" => sender.identity.as_deref().is_some_and(|identity| {
            texts(&object.0, &["spec", "identities"])
                .iter()
                .any(|told| host_matches(told, identity))
        }),
        "NetworkAuthentication" => items(&object.0, &["spec", "networks"])
            .iter()
            .any(|network| text(network, &["cidr"]) == "0.0.0.0/0"),
        _other => false,
    }
}
