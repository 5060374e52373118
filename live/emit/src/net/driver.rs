//! What generates objects of one kind, and what it hands back.

use std::collections::BTreeMap;

use crate::Object;
use crate::net::{Fleet, ServiceIndex, SiteIndex};

/// What generates the objects of one technology.
///
/// Everything that it returns is a function of its arguments: equal pictures give equal objects, in equal order.
pub trait Driver: Sync {
    /// Its name, in messages.
    fn name(&self) -> &'static str;

    /// The objects of one cluster. Nothing for an app that has nothing to do with the cluster.
    fn objects(&self, fleet: &Fleet, site: SiteIndex) -> Vec<NetObject>;

    /// What must be noted on the `Service` of a service in one cluster: the object itself is written by others.
    fn notes(&self, _fleet: &Fleet, _site: SiteIndex, _service: ServiceIndex) -> ServiceNotes {
        ServiceNotes::default()
    }
}

/// An object that connects or protects, without labels and annotations of its writer.
#[derive(Clone, Debug, PartialEq)]
pub struct NetObject {
    /// Whose it is.
    pub owner: Owner,
    /// When it is written.
    pub step: Step,
    /// The object.
    pub object: Object,
}

/// Whose an object is: it goes with its owner.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The cluster's: one object for all apps in it.
    Site,
    /// One app's.
    App(String),
}

/// When an object is written, as a step of scaling out. Scaling in goes backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Before any pod runs: policies and firewalls.
    Guard,
    /// With what serves others: gateways for other clusters, exports, the servers' side of names.
    Serve,
    /// On the clusters that call, once the servers are ready.
    Call,
    /// Last: where users enter.
    Enter,
}

impl Step {
    /// Its place among all steps of scaling out; the steps between are those of workloads.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Guard => 4,
            Self::Serve => 6,
            Self::Call => 7,
            Self::Enter => 8,
        }
    }
}

/// Labels and annotations of a `Service`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceNotes {
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
}

impl ServiceNotes {
    /// Adds those of another driver.
    pub fn extend(&mut self, other: Self) {
        let Self { labels, annotations } = other;
        self.labels.extend(labels);
        self.annotations.extend(annotations);
    }

    /// Writes them on an object.
    pub fn write_on(&self, object: &mut Object) {
        for (key, value) in &self.labels {
            object.label(key, value);
        }
        for (key, value) in &self.annotations {
            object.annotate(key, value);
        }
    }
}

impl NetObject {
    /// An object of an app.
    #[must_use]
    pub fn of(app: &str, step: Step, object: Object) -> Self {
        Self { owner: Owner::App(app.to_owned()), step, object }
    }

    /// An object of the cluster.
    #[must_use]
    pub const fn of_site(step: Step, object: Object) -> Self {
        Self { owner: Owner::Site, step, object }
    }
}
