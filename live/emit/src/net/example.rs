//! Small fleets for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_spec::draft::{
    AgentType, DnsDraft, ExposureDraft, InfrastructureDraft, IngressDraft, IngressType, Protocol,
};
use periplus_spec::scenario::ClusterFacts;

use serde_json::json;

use crate::Object;
use crate::net::reach::{Answer, Question, SitePicture, World, arrives};
use crate::net::vip::virtual_addresses;
use crate::net::{
    Calls, Fleet, Port, Service, ServiceIndex, Shares, Site, SiteIndex, Users, objects,
    service_notes,
};

/// `edge`, where `web` takes users and calls `api`.
pub(super) const EDGE: SiteIndex = SiteIndex(0);
/// `core`, which has `api` too.
pub(super) const CORE: SiteIndex = SiteIndex(1);

/// Takes users, and calls `api`.
pub(super) const WEB: ServiceIndex = ServiceIndex(0);
/// Is called.
pub(super) const API: ServiceIndex = ServiceIndex(1);

/// What is said of a cluster, as it stands in a file.
pub(super) fn has(text: &str) -> InfrastructureDraft {
    serde_saphyr::from_str(text).unwrap()
}

/// A cluster in a region named like it.
pub(super) fn site(name: &str, infrastructure: InfrastructureDraft) -> Site {
    let label = |key: &str, value: &str| (key.parse().unwrap(), value.parse().unwrap());
    let facts = ClusterFacts {
        name: name.parse().unwrap(),
        kind: "small".parse().unwrap(),
        labels: [label("region", "south"), label("zone", name)].into(),
        agent: AgentType::default(),
        infrastructure,
    };
    Site { facts: Arc::new(facts) }
}

/// `web` and `job` at the edge, `api` at both, and a part of `web`'s calls that leaves the edge.
pub(super) struct Example {
    pub(super) edge: InfrastructureDraft,
    pub(super) core: InfrastructureDraft,
    pub(super) api_homes: Vec<SiteIndex>,
    pub(super) shares: Shares,
    pub(super) egress: &'static str,
    pub(super) certificate: bool,
    pub(super) web_homes: Vec<SiteIndex>,
    pub(super) users: [Shares; 2],
    pub(super) gateway: Shares,
}

impl Example {
    /// Clusters that have this, with all calls leaving the edge.
    pub(super) fn of(edge: &str, core: &str) -> Self {
        Self {
            edge: has(edge),
            core: has(core),
            api_homes: vec![CORE],
            shares: vec![(CORE, 1_000)],
            egress: "[]",
            certificate: false,
            web_homes: vec![EDGE],
            users: [vec![(EDGE, 1_000)], vec![(EDGE, 1_000)]],
            gateway: Vec::new(),
        }
    }

    /// With `api` at both, and calls divided.
    pub(super) fn divided(self) -> Self {
        Self { api_homes: vec![EDGE, CORE], shares: vec![(EDGE, 705), (CORE, 295)], ..self }
    }

    /// With what apps may reach outside.
    pub(super) fn reaching(self, egress: &'static str) -> Self {
        Self { egress, ..self }
    }

    /// The picture.
    pub(super) fn fleet(&self) -> Fleet {
        let vips = virtual_addresses([("shop", "web"), ("shop", "api"), ("shop", "job")]);
        let service =
            |component: &str, port: u16, callers: &[ServiceIndex], homes: &[SiteIndex]| Service {
                app: "shop".into(),
                component: component.into(),
                namespace: "shop".into(),
                account: component.into(),
                labels: BTreeMap::from([("app".to_owned(), component.to_owned())]),
                ports: vec![Port { name: "http".into(), number: port, protocol: Protocol::Tcp }],
                callers: callers.to_vec(),
                vip: vips[&("shop", component)],
                exposure: None,
                egress: Vec::new(),
                homes: homes.to_vec(),
            };
        let mut web = service("web", 8080, &[], &self.web_homes);
        web.exposure = Some(ExposureDraft {
            host: "shop.example.net".parse().unwrap(),
            port: None,
            ttl: "60s".parse().unwrap(),
            certificate: None,
        });
        if self.certificate {
            web.exposure.as_mut().unwrap().certificate = Some("shop-tls".parse().unwrap());
        }
        web.egress = serde_saphyr::from_str(self.egress).unwrap();
        let mut calls = Vec::new();
        for from in &self.web_homes {
            let shares = if *from == EDGE { self.shares.clone() } else { vec![(*from, 1_000)] };
            calls.push(Calls { from: *from, caller: WEB, callee: API, shares });
        }
        if !self.gateway.is_empty() {
            let shares = self.gateway.clone();
            calls.push(Calls { from: EDGE, caller: WEB, callee: WEB, shares });
        }
        let [bay, city] = self.users.clone();
        let users = |zone: &str, shares| Users { zone: zone.into(), service: WEB, shares };
        Fleet::new(
            vec![site("edge", self.edge.clone()), site("core", self.core.clone())],
            vec![
                web,
                service("api", 9090, &[WEB], &self.api_homes),
                service("job", 7070, &[], &[EDGE]),
            ],
            calls,
            vec![users("bay", bay), users("city", city)],
        )
    }
}

/// What takes users in and keeps names.
pub(super) fn with_users(
    mut has: InfrastructureDraft,
    ingress: IngressType,
    class: &str,
) -> InfrastructureDraft {
    has.ingress = Some(IngressDraft {
        ingress,
        class: class.parse().unwrap(),
        address: "198.51.100.7".parse().unwrap(),
    });
    has.dns = DnsDraft::Externaldns;
    has
}

/// All that is written: workloads and `Service`s, as another part writes them, and what this part adds.
pub(super) fn world(fleet: &Fleet) -> World {
    let sites = fleet.site_indices().map(|site| {
        let services = fleet.services_at(site).iter();
        let mut written: Vec<Object> =
            services.flat_map(|service| workload(fleet, site, *service)).collect();
        written.extend(objects(fleet, site).into_iter().map(|written| written.object));
        let facts = Arc::clone(&fleet.site(site).facts);
        Arc::new(SitePicture::all_ready(facts, written))
    });
    World { sites: sites.collect() }
}

fn workload(fleet: &Fleet, site: SiteIndex, index: ServiceIndex) -> [Object; 2] {
    let service = fleet.service(index);
    let (namespace, name) = (&service.namespace, &service.component);
    let listens: Vec<_> =
        service.ports.iter().map(|port| json!({ "containerPort": port.number })).collect();
    let ports: Vec<_> = service
        .ports
        .iter()
        .map(|port| json!({ "name": port.name, "port": port.number, "targetPort": port.number }))
        .collect();
    let pods = json!({ "spec": { "template": {
        "metadata": { "labels": service.labels },
        "spec": { "serviceAccountName": service.account, "containers": [{ "ports": listens }] },
    } } });
    let front = json!({ "spec": { "selector": service.labels, "ports": ports } });
    let mut front = Object::new("v1", "Service", namespace, name, front);
    service_notes(fleet, site, index).write_on(&mut front);
    [Object::new("apps/v1", "Deployment", namespace, name, pods), front]
}

/// A call of a workload at the edge to `api`.
pub(super) fn call(caller: &str) -> Question {
    Question::Call {
        from: EDGE,
        caller: ("shop".into(), caller.into()),
        callee: ("shop".into(), "api".into()),
        port: 9090,
    }
}

/// Users who look up the app's name.
pub(super) fn users() -> Question {
    Question::Enter { host: "shop.example.net".into() }
}

/// The answer to a question.
pub(super) fn asked(fleet: &Fleet, question: &Question) -> Answer {
    arrives(&world(fleet), question)
}

/// A world in which one cluster has an object less: the first of this kind whose name begins so.
pub(super) fn without(world: &World, site: SiteIndex, kind: &str, name: &str) -> World {
    changed(world, site, kind, name, None)
}

/// A world in which a value of an object is another.
pub(super) fn broken(
    world: &World,
    site: SiteIndex,
    (kind, name): (&str, &str),
    pointer: &str,
    value: serde_json::Value,
) -> World {
    changed(world, site, kind, name, Some((pointer, value)))
}

fn changed(
    world: &World,
    site: SiteIndex,
    kind: &str,
    name: &str,
    to: Option<(&str, serde_json::Value)>,
) -> World {
    let mut world = world.clone();
    let mut picture = SitePicture::clone(&world.sites[site.0]);
    let found = picture
        .objects
        .iter()
        .position(|object| object.kind() == kind && object.name().starts_with(name));
    let found = found.unwrap_or_else(|| panic!("no {kind} {name} at {}", picture.facts.name));
    match to {
        None => drop(picture.objects.remove(found)),
        Some((pointer, value)) => {
            let place = picture.objects[found].0.pointer_mut(pointer);
            *place.unwrap_or_else(|| panic!("nothing at {pointer} of {kind} {name}")) = value;
        }
    }
    world.sites[site.0] = Arc::new(picture);
    world
}

/// The objects of every cluster as they are written, for people to read.
pub(super) fn told(fleet: &Fleet) -> String {
    let mut told = String::new();
    for site in fleet.site_indices() {
        for written in objects(fleet, site) {
            let (name, step) = (fleet.site(site).name(), written.step.number());
            told += &format!("# {name}, step {step}\n{}---\n", written.object.to_yaml());
        }
        for service in fleet.known_at(site) {
            let notes = service_notes(fleet, site, service);
            if notes != crate::net::ServiceNotes::default() {
                let name = fleet.site(site).name();
                told +=
                    &format!("# {name}, Service {}: {notes:?}\n", fleet.service(service).component);
            }
        }
    }
    told
}
