//! The picture of an app's network: from what the machine believes to what drivers are shown.
//!
//! Routes are told as they were last sent, not as they are planned: a place that is getting ready has a part of zero, and
//! so has one whose last users are leaving.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use periplus_core::State;
use periplus_core::ids::{AppId, BerthId, ClusterId, ComponentId, GroupId};
use periplus_core::state::{Content, Flow, FlowId};
use periplus_spec::draft::{ComponentDraft, SourceDraft};
use periplus_spec::scenario::{AppVersion, Delivery};

use crate::net::view::{Calls, Port, Service, ServiceIndex, Shares, Site, SiteIndex, Users};
use crate::net::{Fleet, drivers, vip};
use crate::workload::{APP, COMPONENT, port_name};

/// The addresses that services have in meshes, by namespace and name.
pub(crate) type Addresses = BTreeMap<String, BTreeMap<String, Ipv4Addr>>;

/// In at most so many clusters every one keeps the names of all zones, if with nothing sent to it: a zone whose users
/// move to another cluster is then never without its name, whichever of the two takes its commit first. In more, it would
/// be too many names.
const NAMES_KEPT_MAX: usize = 8;

/// The addresses of all services that are ever declared: they do not change while anything runs.
pub(crate) fn addresses(delivery: &Delivery) -> Addresses {
    let versions = delivery.apps.iter().flatten();
    let names: BTreeSet<(&str, &str)> = versions
        .flat_map(|version| {
            let components = version.draft.components.iter();
            components.map(|component| (&*version.namespace, &*component.name))
        })
        .collect();
    let mut addresses = Addresses::new();
    for ((namespace, name), address) in vip::virtual_addresses(names) {
        addresses.entry(namespace.to_owned()).or_default().insert(name.to_owned(), address);
    }
    addresses
}

/// Whether any cluster has anything that connects or protects.
pub(crate) fn is_connected(delivery: &Delivery) -> bool {
    delivery.clusters.iter().flatten().any(|version| !drivers(&version.facts).is_empty())
}

/// The picture of one app.
pub(crate) struct Picture {
    pub(crate) fleet: Fleet,
    sites: BTreeMap<ClusterId, SiteIndex>,
    services: usize,
}

impl Picture {
    /// The picture of an app; none where it is nowhere.
    pub(crate) fn of(
        state: &State,
        delivery: &Delivery,
        addresses: &Addresses,
        app: AppId,
    ) -> Option<Self> {
        let version = delivery.app(app, state.at())?;
        let drawn = Drawn::new(state, delivery, version, app);
        if drawn.sites.is_empty() {
            return None;
        }
        let sites = drawn
            .clusters
            .iter()
            .map(|cluster| Site { facts: delivery.cluster(*cluster, state.at()).clone() });
        let sites = sites.collect();
        let services = drawn.services(addresses);
        let count = services.len();
        let fleet = Fleet::new(sites, services, drawn.calls(), drawn.users());
        Some(Self { fleet, sites: drawn.sites, services: count })
    }

    /// The place of a cluster in it.
    pub(crate) fn site(&self, cluster: ClusterId) -> Option<SiteIndex> {
        self.sites.get(&cluster).copied()
    }

    /// The place of a component in it.
    pub(crate) fn service(&self, component: ComponentId) -> Option<ServiceIndex> {
        (component.index() < self.services).then(|| ServiceIndex(component.index()))
    }
}

/// What a picture is drawn from.
struct Drawn<'d> {
    state: &'d State,
    version: &'d AppVersion,
    app: AppId,
    /// Clusters that have something of the app.
    clusters: Vec<ClusterId>,
    sites: BTreeMap<ClusterId, SiteIndex>,
}

impl<'d> Drawn<'d> {
    fn new(state: &'d State, delivery: &'d Delivery, version: &'d AppVersion, app: AppId) -> Self {
        let berths = state.app(app).berths.iter().flatten();
        let present = berths.filter(|(_, berth)| {
            state.berth(*berth).bindings.iter().any(|one| one.content == Content::Present)
        });
        let clusters: BTreeSet<ClusterId> = present.map(|(cluster, _)| *cluster).collect();
        debug_assert!(clusters.iter().all(|cluster| cluster.index() < delivery.clusters.len()));
        let clusters: Vec<ClusterId> = clusters.into_iter().collect();
        let sites = clusters.iter().enumerate();
        let sites = sites.map(|(place, cluster)| (*cluster, SiteIndex(place))).collect();
        Self { state, version, app, clusters, sites }
    }

    /// The services, one for each component, in their order.
    fn services(&self, addresses: &Addresses) -> Vec<Service> {
        let draft = &self.version.draft;
        let entry = draft.entry.as_ref().unwrap_or(&draft.components[0].name);
        let places: BTreeMap<&str, ServiceIndex> = draft
            .components
            .iter()
            .enumerate()
            .map(|(place, component)| (&*component.name, ServiceIndex(place)))
            .collect();
        let namespace: &str = &self.version.namespace;
        let service = |(place, component): (usize, &ComponentDraft)| Service {
            app: self.version.name.to_string(),
            component: component.name.to_string(),
            namespace: namespace.to_owned(),
            account: self.account(place, component),
            labels: self.labels(component),
            ports: component.ports.iter().map(port).collect(),
            callers: draft
                .calls
                .iter()
                .filter(|call| call.to == component.name && call.from != call.to)
                .filter_map(|call| places.get(&*call.from).copied())
                .collect(),
            vip: addresses
                .get(namespace)
                .and_then(|named| named.get(&*component.name))
                .copied()
                .unwrap_or(Ipv4Addr::UNSPECIFIED),
            exposure: draft.exposure.clone().filter(|_| component.name == *entry),
            egress: draft.egress.clone(),
            homes: self.homes(ComponentId::from_index(place)),
        };
        draft.components.iter().enumerate().map(service).collect()
    }

    /// The account that a component's pods run as.
    fn account(&self, place: usize, component: &ComponentDraft) -> String {
        match &component.source {
            None => component.name.to_string(),
            Some(SourceDraft::Files(_)) => {
                let objects =
                    self.version.manifests[place].iter().flat_map(|one| one.objects.iter());
                let said = objects
                    .filter_map(|object| object.pointer("/spec/template/spec/serviceAccountName"))
                    .find_map(|name| name.as_str());
                said.unwrap_or("default").to_owned()
            }
            Some(SourceDraft::Helm(_) | SourceDraft::Kustomize(_)) => "default".to_owned(),
        }
    }

    /// The labels of a component's pods: ours where we write them, what charts and overlays usually set otherwise.
    fn labels(&self, component: &ComponentDraft) -> BTreeMap<String, String> {
        let name = component.name.to_string();
        match &component.source {
            None | Some(SourceDraft::Files(_)) => {
                [(APP.into(), self.version.name.to_string()), (COMPONENT.into(), name)].into()
            }
            Some(SourceDraft::Helm(_)) => [("app.kubernetes.io/instance".into(), name)].into(),
            Some(SourceDraft::Kustomize(_)) => [("app".into(), name)].into(),
        }
    }

    fn group(&self, component: ComponentId) -> Option<GroupId> {
        let groups = &self.state.intent(self.app).groups;
        let place = groups.iter().position(|group| group.components.contains(&component))?;
        Some(GroupId::from_index(place))
    }

    /// The clusters whose repository holds a component.
    fn homes(&self, component: ComponentId) -> Vec<SiteIndex> {
        let Some(group) = self.group(component) else { return Vec::new() };
        let berths = &self.state.app(self.app).berths[group.index()];
        let present = berths.iter().filter(|(_, berth)| {
            let binding = self.state.berth(*berth).binding(component);
            binding.is_some_and(|binding| binding.content == Content::Present)
        });
        present.filter_map(|(cluster, _)| self.sites.get(cluster).copied()).collect()
    }

    /// Where a flow is sent, with the places of a group that are leaving.
    fn shares(&self, flow: &Flow, group: GroupId) -> Shares {
        let mut shares: BTreeMap<SiteIndex, u16> = BTreeMap::new();
        let site = |berth: BerthId| self.sites.get(&self.state.berth(berth).cluster).copied();
        for share in flow.shares.iter() {
            if let Some(site) = site(share.berth) {
                shares.insert(site, share.routed.0);
            }
        }
        for (_, berth) in &self.state.app(self.app).berths[group.index()] {
            if let Some(site) = site(*berth).filter(|_| !self.state.berth(*berth).is_live()) {
                shares.entry(site).or_insert(0);
            }
        }
        shares.into_iter().collect()
    }

    fn calls(&self) -> Vec<Calls> {
        let draft = &self.version.draft;
        let place = |name: &str| draft.components.iter().position(|one| *one.name == *name);
        let mut calls = Vec::new();
        let mut known = BTreeSet::new();
        for call in draft.calls.iter().filter(|call| call.from != call.to) {
            let (Some(caller), Some(callee)) = (place(&call.from), place(&call.to)) else {
                continue;
            };
            if !known.insert((caller, callee)) {
                continue;
            }
            let ids = (ComponentId::from_index(caller), ComponentId::from_index(callee));
            let (Some(from), Some(to)) = (self.group(ids.0), self.group(ids.1)) else { continue };
            for site in self.homes(ids.0) {
                let shares =
                    if from == to { vec![(site, 1_000)] } else { self.sent(site, from, to) };
                let (caller, callee) = (ServiceIndex(caller), ServiceIndex(callee));
                calls.push(Calls { from: site, caller, callee, shares });
            }
        }
        calls
    }

    /// Where the calls of a group in a cluster to another group are sent.
    fn sent(&self, site: SiteIndex, from: GroupId, to: GroupId) -> Shares {
        let cluster = self.clusters[site.0];
        let Some(id) = self.state.app(self.app).berth_in(from, cluster) else { return Vec::new() };
        let declared = &self.state.intent(self.app).calls;
        let made = self.state.berth(id).calls.iter();
        let mut made = made.filter(|(call, _)| declared[usize::from(*call)].to == to);
        made.next().map_or_else(Vec::new, |(_, flow)| self.shares(flow, to))
    }

    fn users(&self) -> Vec<Users> {
        let draft = &self.version.draft;
        let entry = draft.entry.as_ref().unwrap_or(&draft.components[0].name);
        let Some(service) = draft.components.iter().position(|one| one.name == *entry) else {
            return Vec::new();
        };
        let series = self.state.app(self.app).series.iter();
        let homes = self.homes(ComponentId::from_index(service));
        series
            .filter_map(|series| {
                let spec = self.state.series()[series.index()].spec;
                let flow = self.state.flow(FlowId::Series(*series))?;
                let mut shares = self.shares(flow, GroupId::FRONT);
                if homes.len() <= NAMES_KEPT_MAX {
                    let missing =
                        homes.iter().filter(|home| shares.iter().all(|(site, _)| site != *home));
                    let missing: Vec<_> = missing.map(|home| (*home, 0)).collect();
                    shares.extend(missing);
                }
                let sent = shares.iter().any(|(_, share)| *share > 0);
                let zone = self.state.name(self.state.zone(spec.zone).spec.name).to_owned();
                sent.then_some(Users { zone, service: ServiceIndex(service), shares })
            })
            .collect()
    }
}

/// A port as meshes see it.
fn port(draft: &periplus_spec::draft::PortDraft) -> Port {
    Port { name: port_name(draft), number: draft.port, protocol: draft.protocol }
}
