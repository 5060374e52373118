//! What there is in each cluster.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use periplus_spec::scenario::ClusterFacts;
use serde_json::Value;

use super::Blocked;
use super::read::{items, labels, number, text};
use crate::Object;
use crate::net::{Site, SiteIndex};

/// What there is in all clusters, by [`SiteIndex`].
#[derive(Clone, Debug)]
pub struct World {
    /// The clusters.
    pub sites: Vec<Arc<SitePicture>>,
}

/// What there is in one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct SitePicture {
    /// What is known of it.
    pub facts: Arc<ClusterFacts>,
    /// The objects in it.
    pub objects: Vec<Object>,
    /// The pods that are ready, one of each sort.
    pub pods: Vec<Pod>,
}

/// A pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// The name of its workload.
    pub workload: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its `ServiceAccount`.
    pub account: String,
    /// The ports that it listens on.
    pub ports: Vec<u16>,
}

impl World {
    pub(super) fn site(&self, site: SiteIndex) -> &SitePicture {
        &self.sites[site.0]
    }

    pub(super) fn indices(&self) -> impl Iterator<Item = SiteIndex> + use<> {
        (0..self.sites.len()).map(SiteIndex)
    }

    /// The cluster of which `address` gives this address.
    pub(super) fn with_address(
        &self,
        address: IpAddr,
        of: fn(&Site) -> Option<IpAddr>,
    ) -> Option<SiteIndex> {
        self.indices().find(|site| of(&self.site(*site).known()) == Some(address))
    }
}

impl SitePicture {
    /// The cluster with these objects, and the pods of every workload among them.
    #[must_use]
    pub fn all_ready(facts: Arc<ClusterFacts>, objects: Vec<Object>) -> Self {
        let pods = objects.iter().filter_map(Pod::of).collect();
        Self { facts, objects, pods }
    }

    pub(super) fn known(&self) -> Site {
        Site { facts: Arc::clone(&self.facts) }
    }

    pub(super) fn of_kind<'p>(&'p self, kind: &'p str) -> impl Iterator<Item = &'p Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    /// Objects of a kind of which several groups have one.
    pub(super) fn of_group<'p>(
        &'p self,
        group: &'p str,
        kind: &'p str,
    ) -> impl Iterator<Item = &'p Object> {
        self.of_kind(kind).filter(move |object| object.api_version().starts_with(group))
    }

    pub(super) fn named(&self, kind: &str, (namespace, name): (&str, &str)) -> Option<&Object> {
        let mut all = self.objects.iter();
        all.find(|object| {
            object.kind() == kind && object.namespace() == namespace && object.name() == name
        })
    }

    /// The pods that a `Service` selects; none where it selects nothing.
    pub(super) fn behind(&self, service: &Object) -> Vec<&Pod> {
        let selector = labels(&service.0["spec"]["selector"]);
        let wanted = |pod: &&Pod| {
            !selector.is_empty()
                && pod.namespace == service.namespace()
                && selector.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
        };
        self.pods.iter().filter(wanted).collect()
    }

    pub(super) fn blocked(&self, by: impl Into<String>, why: impl Into<String>) -> Blocked {
        Blocked { at: self.facts.name.to_string(), by: by.into(), why: why.into() }
    }

    /// Ended by an object.
    pub(super) fn blocked_by(&self, object: &Object, why: impl Into<String>) -> Blocked {
        self.blocked(told(object), why)
    }
}

/// An object as messages name it.
pub(super) fn told(object: &Object) -> String {
    match object.namespace() {
        "" => format!("{} {}", object.kind(), object.name()),
        namespace => format!("{} {namespace}/{}", object.kind(), object.name()),
    }
}

impl Pod {
    /// The pods of a workload, as far as they matter here; none for other kinds.
    #[must_use]
    pub fn of(object: &Object) -> Option<Self> {
        if !matches!(object.kind(), "Deployment" | "StatefulSet" | "DaemonSet") {
            return None;
        }
        let template = &object.0["spec"]["template"];
        let containers = items(template, &["spec", "containers"]);
        let ports = containers.iter().flat_map(|container| items(container, &["ports"]));
        let account = text(template, &["spec", "serviceAccountName"]);
        Some(Self {
            namespace: object.namespace().to_owned(),
            workload: object.name().to_owned(),
            labels: labels(&template["metadata"]["labels"]),
            account: if account.is_empty() { "default".to_owned() } else { account.to_owned() },
            ports: ports.filter_map(|port| port_number(port, &["containerPort"])).collect(),
        })
    }
}

pub(super) fn port_number(value: &Value, path: &[&str]) -> Option<u16> {
    number(value, path).and_then(|number| u16::try_from(number).ok())
}
