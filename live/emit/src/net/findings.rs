//! What cannot work, whatever is generated: said before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use periplus_spec::draft::{DnsDraft, IngressType, MeshDraft, PoliciesDraft, Protocol};

use crate::net::{Apart, Calls, Fleet, Link, Service, ServiceIndex, Site, SiteIndex, link};

/// Something that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// What.
    pub what: What,
    /// Where: clusters and services.
    pub place: String,
    /// What would cure it.
    pub cure: String,
}

/// What cannot work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Requests are sent to a cluster that nothing carries them to.
    Apart(Apart),
    /// Requests are sent to a cluster that does not have the service.
    NotThere,
    /// Requests are to be divided, and what carries them cannot.
    NotDivided,
    /// Requests are sent to more clusters than are meant, because what carries them takes all that are offered.
    NotChosen,
    /// Policies are to let in pods whose addresses are not known.
    NoPodAddresses,
    /// `NetworkPolicy` does not know pods of other clusters under Cilium.
    PolicyAcrossClusters,
    /// A mesh does not carry a port's protocol.
    NotAStream,
    /// Users are sent to a cluster that does not take any in.
    NoEntrance,
    /// Users are sent to a cluster where nothing keeps the name.
    NoNames,
    /// What takes users in is not in the mesh, which talks to its own only.
    EntranceOutsideMesh,
    /// `NetworkPolicy` does not know Cilium's gateway, which is no pod and has no address.
    GatewayUnknown,
    /// The port that is to take users is not one of the service.
    NoEntryPort,
    /// Two services have one name in one namespace.
    SameName,
    /// Users of several apps come to one port of a firewall, behind which nothing tells them apart.
    SamePort,
    /// A firewall would lead to itself.
    FirewallToItself,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, place, cure } = self;
        write!(out, "{place}: {what}; {cure}")
    }
}

impl fmt::Display for What {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Apart(Apart::Meshes) => "their meshes differ",
            Self::Apart(Apart::NoGateway) => "the address of its gateway is not known",
            Self::Apart(Apart::Networks) => "they are on different networks",
            Self::Apart(Apart::Nothing) => "nothing carries requests between them",
            Self::NotThere => "requests are sent there, and it is not there",
            Self::NotDivided => "requests cannot be divided as they should be",
            Self::NotChosen => "other clusters get a part of the requests too",
            Self::NoPodAddresses => "policies would keep out pods whose addresses are not known",
            Self::PolicyAcrossClusters => "`NetworkPolicy` does not know pods of other clusters",
            Self::NotAStream => "the mesh carries TCP only",
            Self::NoEntrance => "users are sent there, and nothing takes them in",
            Self::NoNames => "users are sent there, and nothing keeps the name",
            Self::EntranceOutsideMesh => "what takes users in is not in the mesh",
            Self::GatewayUnknown => "`NetworkPolicy` does not know Cilium's gateway",
            Self::NoEntryPort => "the port that is to take users is not one of its ports",
            Self::SameName => "two services have one name in one namespace",
            Self::SamePort => "users of both come to one port of the firewall",
            Self::FirewallToItself => "the firewall would lead to itself",
        })
    }
}

/// All that cannot work, in order, each told once.
#[must_use]
pub fn findings(fleet: &Fleet) -> Vec<Finding> {
    let mut found = BTreeSet::new();
    for calls in fleet.calls() {
        of_calls(fleet, calls, &mut found);
    }
    for site in fleet.site_indices() {
        of_site(fleet, site, &mut found);
    }
    for users in fleet.users() {
        let service = fleet.service(users.service);
        let sent = users.shares.iter().filter(|(_, share)| *share > 0);
        for (site, _) in sent.filter(|(site, _)| !takes_in(fleet, *site, users.service)) {
            let place = format!("{} of {}", fleet.site(*site).name(), told(service));
            found.insert(finding(What::NotThere, place, "place it there, or send nobody there"));
        }
    }
    let mut names: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for service in fleet.services() {
        let name = (service.namespace.as_str(), service.component.as_str());
        if let Some(other) = names.insert(name, &service.app) {
            let place = format!("{} and {}: {}", other, service.app, told(service));
            found.insert(finding(What::SameName, place, "give one app a namespace of its own"));
        }
    }
    found.into_iter().collect()
}

/// Whether a service is in a cluster, or the cluster's gateway sends its users on.
fn takes_in(fleet: &Fleet, site: SiteIndex, service: ServiceIndex) -> bool {
    let on = |calls: &Calls| calls.caller == service && calls.callee == service;
    fleet.service(service).is_at(site) || fleet.calls_from(site).any(on)
}

fn of_calls(fleet: &Fleet, calls: &Calls, found: &mut BTreeSet<Finding>) {
    let from = fleet.site(calls.from);
    let callee = fleet.service(calls.callee);
    for (to, share) in &calls.shares {
        if *share > 0 && !callee.is_at(*to) {
            let place = format!("{} of {}", fleet.site(*to).name(), told(callee));
            found.insert(finding(What::NotThere, place, "place it there, or send nothing there"));
        }
    }
    let mut links = Vec::new();
    for to in calls.opened() {
        let to = fleet.site(to);
        match link(from, to) {
            Err(why) => {
                let place = format!("{} to {} of {}", from.name(), to.name(), told(callee));
                found.insert(finding(What::Apart(why), place, &cure(why, from, to)));
            }
            Ok(link) => {
                links.push(link);
                across(from, to, callee, link, found);
            }
        }
    }
    let takes_all = links.iter().any(|link| matches!(link, Link::Cilium | Link::Services));
    let sharing = if takes_all { sharing(fleet, calls) } else { BTreeSet::new() };
    let meant: BTreeSet<SiteIndex> = calls.elsewhere().map(|(to, _)| to).collect();
    if !meant.is_empty() && !sharing.is_subset(&meant) {
        let others: Vec<&str> =
            sharing.difference(&meant).map(|site| fleet.site(*site).name()).collect();
        let place = format!("{} of {}, beside {}", from.name(), told(callee), others.join(", "));
        found.insert(finding(What::NotChosen, place, "have all callers use the same clusters"));
    }
    let by_istio = from.ingress().is_some_and(|ingress| ingress.ingress == IngressType::Istio);
    if calls.caller == calls.callee && by_istio {
        let place = format!("{} of {}", from.name(), told(callee));
        found.insert(finding(What::NotDivided, place, "take users in by the Gateway API"));
    }
    if let Some(why) = undivided(calls, callee, &links) {
        let place = format!("{} of {}", from.name(), told(callee));
        found.insert(finding(What::NotDivided, place, why));
    }
}

/// The other clusters whose pods get a part of these calls because they serve somebody: what carries the calls takes
/// all that are offered.
fn sharing(fleet: &Fleet, calls: &Calls) -> BTreeSet<SiteIndex> {
    let takes_all = |from: SiteIndex, to: SiteIndex| {
        from != to
            && matches!(link(fleet.site(from), fleet.site(to)), Ok(Link::Cilium | Link::Services))
    };
    let offered = |to: &SiteIndex| {
        let mut into = fleet.calls_into(*to, calls.callee);
        takes_all(calls.from, *to) && into.any(|others| takes_all(others.from, *to))
    };
    let homes = fleet.service(calls.callee).homes.iter().copied();
    homes.filter(|home| offered(home)).collect()
}

fn cure(why: Apart, from: &Site, to: &Site) -> String {
    let (from, to) = (from.name(), to.name());
    match why {
        Apart::Meshes => format!("give {from} and {to} the same mesh, or place both groups in one"),
        Apart::NoGateway => format!("say `infrastructure.gateway` of {to}"),
        Apart::Networks => {
            format!("say that {from} and {to} are on one `infrastructure.network`, if they are")
        }
        Apart::Nothing => {
            "give both a mesh or `infrastructure.services`, or place both groups in one".to_owned()
        }
    }
}

/// What is amiss between two clusters that are linked.
fn across(from: &Site, to: &Site, callee: &Service, link: Link, found: &mut BTreeSet<Finding>) {
    let place = || format!("{} to {} of {}", from.name(), to.name(), told(callee));
    let guarded = |site: &Site| site.has().policies != PoliciesDraft::None;
    match link {
        Link::Istio(_) | Link::LinkerdGateway(_) => {
            if callee.ports.iter().any(|port| port.protocol != Protocol::Tcp) {
                let cure = "serve it over TCP, or where its callers are";
                found.insert(finding(What::NotAStream, place(), cure));
            }
        }
        Link::LinkerdFlat | Link::Services => {
            for (site, other) in [(to, from), (from, to)] {
                if guarded(site) && other.has().pod_addresses.is_none() {
                    let cure = format!("say `infrastructure.podAddresses` of {}", other.name());
                    found.insert(finding(What::NoPodAddresses, place(), &cure));
                }
            }
        }
        Link::Cilium => {
            for site in [from, to] {
                if site.has().policies == PoliciesDraft::Kubernetes {
                    let cure = format!("say `infrastructure.policies: cilium` of {}", site.name());
                    found.insert(finding(What::PolicyAcrossClusters, place(), &cure));
                }
            }
        }
    }
}

/// Why requests cannot be divided as they should be.
fn undivided(calls: &Calls, callee: &Service, links: &[Link]) -> Option<&'static str> {
    // Its own `Service` answers to the name, where there is one.
    let own = callee.is_at(calls.from) && calls.caller != calls.callee;
    if own && calls.leave() && links.contains(&Link::Services) {
        return Some("send all to this cluster, or place it in others only");
    }
    let targets = calls.shares.iter().filter(|(_, share)| *share > 0).count();
    if targets < 2 {
        return None;
    }
    links.iter().find_map(|link| match link {
        Link::Istio(_) => None,
        Link::LinkerdGateway(_) | Link::LinkerdFlat => callee
            .streams()
            .any(|port| !port.is_http())
            .then_some("name its ports for HTTP or gRPC, or send all to one cluster"),
        Link::Cilium => Some("send all to one cluster: all pods get alike"),
        Link::Services if calls.caller == calls.callee => None,
        Link::Services => Some("send all to one cluster: all get alike"),
    })
}

fn of_site(fleet: &Fleet, index: SiteIndex, found: &mut BTreeSet<Finding>) {
    let site = fleet.site(index);
    let has = site.has();
    if let Some(firewall) = &has.firewall {
        let inside = has.gateway.iter().chain(has.ingress.as_ref().map(|ingress| &ingress.address));
        if inside.into_iter().any(|inside| inside.0 == firewall.address.0) {
            let cure = "give `gateway` and `ingress` their addresses behind the firewall";
            found.insert(finding(What::FirewallToItself, site.name().to_owned(), cure));
        }
    }
    let exposed = fleet.services_at(index).iter().map(|service| fleet.service(*service));
    let mut exposed = exposed.filter(|service| service.exposure.is_some());
    if let (Some(_), None, Some(one), Some(other)) =
        (&has.firewall, &has.ingress, exposed.next(), exposed.next())
    {
        let place = format!("{} of {} and {}", site.name(), told(one), told(other));
        found.insert(finding(What::SamePort, place, "give the cluster an `ingress`"));
    }
    for service in fleet.services_at(index) {
        of_entry(fleet, index, *service, found);
    }
}

fn of_entry(fleet: &Fleet, site: SiteIndex, index: ServiceIndex, found: &mut BTreeSet<Finding>) {
    let service = fleet.service(index);
    if service.exposure.is_none() || !fleet.entries(index).contains_key(&site) {
        return;
    }
    let site = fleet.site(site);
    let has = site.has();
    let place = || format!("{} of {}", site.name(), told(service));
    if service.entry_port().is_none() {
        let cure = "say a port of the entry component in `exposure.port`";
        found.insert(finding(What::NoEntryPort, place(), cure));
    }
    if site.address_for_users().is_none() {
        let cure = format!("say `infrastructure.ingress` of {}", site.name());
        found.insert(finding(What::NoEntrance, place(), &cure));
    } else if has.dns == DnsDraft::None {
        let cure =
            format!("say `infrastructure.dns` of {}, or keep the names elsewhere", site.name());
        found.insert(finding(What::NoNames, place(), &cure));
    }
    let by_cilium = has.ingress.as_ref().is_some_and(|ingress| {
        ingress.ingress == IngressType::Gateway && &*ingress.class == "cilium"
    });
    if by_cilium && has.policies == PoliciesDraft::Kubernetes {
        let cure = format!("say `infrastructure.policies: cilium` of {}", site.name());
        found.insert(finding(What::GatewayUnknown, place(), &cure));
    }
    let meshed = match &has.ingress {
        None => site.address_for_users().is_none(),
        Some(ingress) => match ingress.ingress {
            IngressType::Istio => true,
            IngressType::Gateway => &*ingress.class == "istio",
        },
    };
    if has.mesh == MeshDraft::Istio && !meshed {
        let cure = format!("take users in by Istio in {}", site.name());
        found.insert(finding(What::EntranceOutsideMesh, place(), &cure));
    }
}

fn told(service: &Service) -> String {
    format!("{}/{}", service.app, service.component)
}

fn finding(what: What, place: String, cure: &str) -> Finding {
    Finding { what, place, cure: cure.to_owned() }
}
