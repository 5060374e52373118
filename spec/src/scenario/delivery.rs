//! What is written into git for whom: apps, clusters and tenants as they were declared, version by version.
//!
//! Decisions do not hang on it. It is what a renderer needs besides the machine's state.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::ids::{AppId, ClusterId, ComponentId, TenantId};
use periplus_core::units::Tick;

use crate::draft::{AgentType, ApplicationDraft, InfrastructureDraft, QuotaDraft, TenantDraft};
use crate::values::{LabelKey, LabelValue, Name};

/// What is written into git for whom. Every history is ascending by time and never empty.
#[derive(Clone, Debug, Default)]
pub struct Delivery {
    /// By [`AppId`].
    pub apps: Vec<Vec<AppVersion>>,
    /// By [`ClusterId`].
    pub clusters: Vec<Vec<ClusterVersion>>,
    /// By [`TenantId`].
    pub tenants: Vec<Vec<TenantVersion>>,
}

/// An app as it was declared once.
#[derive(Clone, Debug)]
pub struct AppVersion {
    /// From when on.
    pub from: Tick,
    /// Its name.
    pub name: Name,
    /// Its tenant.
    pub tenant: TenantId,
    /// The namespace of its objects.
    pub namespace: Name,
    /// What was declared.
    pub draft: Arc<ApplicationDraft>,
    /// The fingerprint of each component's content, as the machine knows it.
    pub revisions: Vec<u64>,
    /// The files that each component's manifests come from, if they come from files.
    pub manifests: Vec<Vec<Manifest>>,
}

/// A file of manifests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The file, for messages.
    pub name: String,
    /// The objects that stand in it.
    pub objects: Arc<[serde_json::Value]>,
}

/// A cluster as it was declared once.
#[derive(Clone, Debug)]
pub struct ClusterVersion {
    /// From when on.
    pub from: Tick,
    /// What is known of it.
    pub facts: Arc<ClusterFacts>,
}

/// What is written into git hangs on this of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterFacts {
    /// Its name.
    pub name: Name,
    /// What kind of cluster it is.
    pub kind: Name,
    /// Its labels.
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// What brings content from git into it.
    pub agent: AgentType,
    /// What it has for connecting and protecting apps.
    pub infrastructure: InfrastructureDraft,
}

/// A tenant as it was declared once.
#[derive(Clone, Debug)]
pub struct TenantVersion {
    /// From when on.
    pub from: Tick,
    /// Its name.
    pub name: Name,
    /// What was declared.
    pub draft: Arc<TenantDraft>,
}

impl Delivery {
    /// An app as it is declared at `at`; nothing before it is declared at all.
    #[must_use]
    pub fn app(&self, app: AppId, at: Tick) -> Option<&AppVersion> {
        self.apps.get(app.index())?.iter().rfind(|version| version.from <= at)
    }

    /// The last declaration of an app up to `at` whose `component` has this revision.
    #[must_use]
    pub fn component(
        &self,
        app: AppId,
        component: ComponentId,
        revision: u64,
        at: Tick,
    ) -> Option<&AppVersion> {
        let mut versions = self.apps.get(app.index())?.iter().rev();
        versions.find(|version| {
            version.from <= at && version.revisions.get(component.index()) == Some(&revision)
        })
    }

    /// A cluster as it is declared at `at`; its first declaration before that.
    ///
    /// # Panics
    /// Panics for a cluster that is never declared.
    #[must_use]
    pub fn cluster(&self, cluster: ClusterId, at: Tick) -> &Arc<ClusterFacts> {
        let versions = &self.clusters[cluster.index()];
        let known = versions.iter().rfind(|version| version.from <= at);
        &known.unwrap_or(&versions[0]).facts
    }

    /// A tenant as it is declared at `at`; its first declaration before that.
    ///
    /// # Panics
    /// Panics for a tenant that is never declared.
    #[must_use]
    pub fn tenant(&self, tenant: TenantId, at: Tick) -> &TenantVersion {
        let versions = &self.tenants[tenant.index()];
        versions.iter().rfind(|version| version.from <= at).unwrap_or(&versions[0])
    }
}

impl TenantVersion {
    /// What its apps may request together, if that is bounded.
    #[must_use]
    pub fn quota(&self) -> Option<&QuotaDraft> {
        self.draft.quota.as_ref()
    }
}
