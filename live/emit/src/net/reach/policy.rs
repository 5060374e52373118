//! What network policies let through: those of Kubernetes and those of Cilium, each as its own documentation says.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::Value;

use super::picture::{Pod, SitePicture, told};
use super::read::{at, items, matches, number, text, texts};
use super::{Blocked, World};
use crate::net::SiteIndex;
use periplus_spec::values::Cidr;

/// One end of a connection, seen from a pod at the other.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// A pod.
    Pod { site: SiteIndex, namespace: String, labels: BTreeMap<String, String> },
    /// An address outside of the cluster.
    Address(IpAddr),
    /// A gateway of Cilium.
    CiliumIngress,
    /// Users.
    Anyone,
}

/// Which way requests go.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    In,
    Out,
}

impl Way {
    const fn field(self) -> &'static str {
        match self {
            Self::In => "ingress",
            Self::Out => "egress",
        }
    }

    const fn side(self) -> &'static str {
        match self {
            Self::In => "from",
            Self::Out => "to",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::In => "Ingress",
            Self::Out => "Egress",
        }
    }
}

/// The port that is spoken to, and its protocol.
pub(super) type Spoken = (u16, &'static str);

impl End {
    pub(super) fn of(site: SiteIndex, pod: &Pod) -> Self {
        Self::Pod { site, namespace: pod.namespace.clone(), labels: pod.labels.clone() }
    }

    /// Some pod of this namespace with this label.
    pub(super) fn some(site: SiteIndex, namespace: &str, (key, value): (&str, &str)) -> Self {
        let labels = [(key.to_owned(), value.to_owned())].into();
        Self::Pod { site, namespace: namespace.to_owned(), labels }
    }
}

/// Whether a pod's policies let it speak with the other end. A pod that none selects speaks with everybody.
pub(super) fn lets(
    world: &World,
    site: SiteIndex,
    pod: &Pod,
    way: Way,
    other: &End,
    spoken: Spoken,
) -> Result<(), Blocked> {
    let picture = world.site(site);
    let mut closed_by = None;
    for object in &picture.objects {
        let (selects, allows) = match object.kind() {
            "NetworkPolicy" => {
                let spec = &object.0["spec"];
                let types = texts(spec, &["policyTypes"]);
                (
                    types.contains(&way.word())
                        && matches(at(spec, &["podSelector", "matchLabels"]), &pod.labels),
                    kubernetes(world, site, object.namespace(), spec, way, other, spoken),
                )
            }
            "CiliumNetworkPolicy" => {
                let spec = &object.0["spec"];
                (
                    !items(spec, &[way.field()]).is_empty()
                        && matches(at(spec, &["endpointSelector", "matchLabels"]), &pod.labels),
                    cilium(world, site, object.namespace(), spec, way, other, spoken),
                )
            }
            _other => continue,
        };
        if object.namespace() != pod.namespace || !selects {
            continue;
        }
        if allows {
            return Ok(());
        }
        // The one that says most about the pod is the one that people will look at.
        let specific = at(&object.0["spec"], &["podSelector", "matchLabels"]).is_object()
            || at(&object.0["spec"], &["endpointSelector", "matchLabels"]).is_object();
        if closed_by.is_none() || specific {
            closed_by = Some(object);
        }
    }
    match closed_by {
        None => Ok(()),
        Some(object) => {
            let (port, protocol) = spoken;
            let why = format!(
                "lets nothing {} {} {} on {port}/{protocol}",
                match way {
                    Way::In => "into",
                    Way::Out => "out of",
                },
                pod.workload,
                described(world, way, other),
            );
            Err(Blocked { at: picture.facts.name.to_string(), by: told(object), why })
        }
    }
}

fn described(world: &World, way: Way, other: &End) -> String {
    let end = match other {
        End::Pod { site, namespace, labels } => {
            let labels: Vec<String> =
                labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{namespace} [{}] of {}", labels.join(","), world.site(*site).facts.name)
        }
        End::Address(address) => address.to_string(),
        End::CiliumIngress => "Cilium's gateway".to_owned(),
        End::Anyone => "anyone".to_owned(),
    };
    format!("{} {end}", way.side())
}

fn kubernetes(
    world: &World,
    site: SiteIndex,
    own: &str,
    spec: &Value,
    way: Way,
    other: &End,
    spoken: Spoken,
) -> bool {
    items(spec, &[way.field()]).iter().any(|rule| {
        let peers = items(rule, &[way.side()]);
        let peer = peers.is_empty()
            || peers.iter().any(|peer| kubernetes_peer(world, site, own, peer, other));
        let ports = items(rule, &["ports"]);
        let port = ports.is_empty()
            || ports.iter().any(|port| {
                number(port, &["port"]) == Some(u64::from(spoken.0))
                    && text(port, &["protocol"]) == spoken.1
            });
        peer && port
    })
}

/// All that one item says must hold; selectors mean pods of the policy's own cluster.
fn kubernetes_peer(world: &World, site: SiteIndex, own: &str, peer: &Value, other: &End) -> bool {
    if let Some(block) = peer.get("ipBlock") {
        return addresses(world, other).iter().any(|address| {
            let within =
                |range: &str| range.parse::<Cidr>().is_ok_and(|range| range.contains(*address));
            within(text(block, &["cidr"])) && !texts(block, &["except"]).into_iter().any(within)
        });
    }
    let End::Pod { site: there, namespace, labels } = other else { return false };
    let in_namespace = match peer.get("namespaceSelector") {
        None => namespace == own,
        Some(selector) => {
            let name = ("kubernetes.io/metadata.name".to_owned(), namespace.clone());
            matches(at(selector, &["matchLabels"]), &[name].into())
        }
    };
    let selected = peer
        .get("podSelector")
        .is_none_or(|selector| matches(at(selector, &["matchLabels"]), labels));
    *there == site && in_namespace && selected
}

/// Addresses that stand for an end. For users, one that nobody would single out.
fn addresses(world: &World, end: &End) -> Vec<IpAddr> {
    match end {
        End::Pod { site, namespace: _, labels: _ } => {
            let range = world.site(*site).facts.infrastructure.pod_addresses.as_ref();
            range.map(Cidr::first).into_iter().collect()
        }
        End::Address(address) => vec![*address],
        End::CiliumIngress => Vec::new(),
        End::Anyone => vec![IpAddr::from([192, 0, 2, 1])],
    }
}

fn cilium(
    world: &World,
    site: SiteIndex,
    own: &str,
    spec: &Value,
    way: Way,
    other: &End,
    spoken: Spoken,
) -> bool {
    items(spec, &[way.field()]).iter().any(|rule| {
        let field = |sort: &str| items(rule, &[&format!("{}{sort}", way.side())]);
        let (endpoints, ranges, entities) = (field("Endpoints"), field("CIDR"), field("Entities"));
        let anybody = endpoints.is_empty() && ranges.is_empty() && entities.is_empty();
        // A rule that says nothing closes and opens nothing.
        if anybody && rule.get("toPorts").is_none() {
            return false;
        }
        let peer = anybody
            || endpoints.iter().any(|peer| cilium_endpoint(world, site, own, peer, other))
            || ranges.iter().filter_map(Value::as_str).any(|range| cilium_range(world, site, range, other))
            || entities.iter().filter_map(Value::as_str).any(|entity| cilium_entity(site, entity, other));
        let ports = items(rule, &["toPorts"]);
        let port = ports.is_empty()
            || ports.iter().flat_map(|ports| items(ports, &["ports"])).any(|port| {
                number(port, &["port"]) == Some(u64::from(spoken.0))
                    && matches!(text(port, &["protocol"]), protocol if protocol == spoken.1 || protocol == "ANY")
            });
        peer && port
    })
}

/// Selectors mean the policy's own namespace and cluster where they do not say others.
fn cilium_endpoint(world: &World, site: SiteIndex, own: &str, peer: &Value, other: &End) -> bool {
    use crate::net::cilium_policies::{CLUSTER, NAMESPACE};
    let End::Pod { site: there, namespace, labels } = other else { return false };
    let mut labels = labels.clone();
    labels.insert(CLUSTER.to_owned(), world.site(*there).facts.name.to_string());
    labels.insert(NAMESPACE.to_owned(), namespace.clone());
    let wanted = at(peer, &["matchLabels"]);
    let near = wanted.get(NAMESPACE).is_some() || namespace == own;
    let here = wanted.get(CLUSTER).is_some() || *there == site;
    near && here && known(world, site, *there) && matches(wanted, &labels)
}

/// Whether Cilium here knows the pods there by who they are.
fn known(world: &World, here: SiteIndex, there: SiteIndex) -> bool {
    use periplus_spec::draft::MeshDraft;
    let meshed = |site| world.site(site).facts.infrastructure.mesh == MeshDraft::Cilium;
    here == there || (meshed(here) && meshed(there))
}

/// Ranges mean whoever is not known otherwise.
fn cilium_range(world: &World, site: SiteIndex, range: &str, other: &End) -> bool {
    let identified = match other {
        End::Pod { site: there, namespace: _, labels: _ } => known(world, site, *there),
        End::Address(_) | End::Anyone => false,
        End::CiliumIngress => true,
    };
    let range = range.parse::<Cidr>();
    !identified
        && range.is_ok_and(|range| {
            addresses(world, other).iter().any(|address| range.contains(*address))
        })
}

fn cilium_entity(site: SiteIndex, entity: &str, other: &End) -> bool {
    match entity {
        "all" => true,
        "world" => matches!(other, End::Address(_) | End::Anyone),
        "ingress" => matches!(other, End::CiliumIngress),
        "cluster" => matches!(other, End::Pod { site: there, .. } if *there == site),
        _other => false,
    }
}

/// What every pod must reach before anything else: names, and who configures its sidecar.
pub(super) fn lives(world: &World, site: SiteIndex, pod: &Pod) -> Result<(), Blocked> {
    use periplus_spec::draft::MeshDraft;
    let names = End::some(site, "kube-system", ("k8s-app", "kube-dns"));
    for protocol in ["UDP", "TCP"] {
        lets(world, site, pod, Way::Out, &names, (53, protocol))?;
    }
    match world.site(site).facts.infrastructure.mesh {
        MeshDraft::Istio => {
            let istiod = End::some(site, "istio-system", ("app", "istiod"));
            lets(world, site, pod, Way::Out, &istiod, (15_012, "TCP"))
        }
        MeshDraft::Linkerd => {
            let control = End::some(site, "linkerd", ("linkerd.io/control-plane-ns", "linkerd"));
            lets(world, site, pod, Way::Out, &control, (8_086, "TCP"))
        }
        MeshDraft::None | MeshDraft::Cilium => Ok(()),
    }
}

impl SitePicture {
    pub(super) fn address_blocked(&self, object: &crate::Object, address: &str) -> Blocked {
        self.blocked_by(object, format!("nobody is reached at {address}"))
    }
}
