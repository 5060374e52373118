//! The builder: scenarios made in code, through the same checks and formulas as those from files.
//!
//! For tests and benches that need a fleet of ten thousand without writing ten thousand documents.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::book::Book;
use crate::bundle::Bundle;
use crate::compile::{Coverage, compile};
use crate::diagnostic::Diagnostic;
use crate::draft::{
    ApplicationDraft, ClusterDraft, Document, InitialStateDraft, Object, PolicyDraft,
    ScenarioDraft, TenantDraft, ZoneDraft,
};
use crate::files::Files;
use crate::load::{Loaded, sorted};
use crate::values::Name;

/// A scenario that is being made in code.
///
/// ```
/// use periplus_spec::ScenarioBuilder;
/// use periplus_spec::draft::{ClusterDraft, Object, ScenarioDraft, ZoneDraft};
/// use periplus_spec::values::{Duration, Quantity};
///
/// let name = |text: &str| text.parse().expect("a valid name");
/// let loaded = ScenarioBuilder::new(name("empty"), ScenarioDraft::new("Nobody comes.", Duration::seconds(60)))
///     .cluster(Object::new(name("edge-1"), ClusterDraft::new(3, Quantity::whole(4), Quantity::mebi(8_192))))
///     .zone(Object::new(name("north"), ZoneDraft::default()))
///     .build()
///     .expect("nothing is wrong with it");
/// assert_eq!(loaded.scenario.fleet.clusters.len(), 1);
/// ```
#[derive(Debug)]
pub struct ScenarioBuilder {
    book: Book,
    files: Files,
}

impl ScenarioBuilder {
    /// A scenario with this name and draft. Its includes and tables are not read: add documents instead.
    #[must_use]
    pub fn new(name: Name, draft: ScenarioDraft) -> Self {
        let empty = Self { book: Book::default(), files: Files::open("") };
        empty.with(Document::Scenario(Object::new(name, draft)))
    }

    /// The same with traces and measured ways read from files below `root`.
    #[must_use]
    pub fn files_below(mut self, root: impl Into<PathBuf>) -> Self {
        self.files = Files::open(root);
        self
    }

    /// The same with a cluster more. Clusters get their ids in the order in which they are added; so do the
    /// others.
    #[must_use]
    pub fn cluster(self, cluster: Object<ClusterDraft>) -> Self {
        self.with(Document::Cluster(cluster))
    }

    /// The same with a zone more.
    #[must_use]
    pub fn zone(self, zone: Object<ZoneDraft>) -> Self {
        self.with(Document::Zone(zone))
    }

    /// The same with an app more.
    #[must_use]
    pub fn application(self, application: Object<ApplicationDraft>) -> Self {
        self.with(Document::Application(application))
    }

    /// The same with a tenant more.
    #[must_use]
    pub fn tenant(self, tenant: Object<TenantDraft>) -> Self {
        self.with(Document::Tenant(tenant))
    }

    /// The same with a policy.
    #[must_use]
    pub fn policy(self, policy: Object<PolicyDraft>) -> Self {
        self.with(Document::Policy(policy))
    }

    /// The same with something that runs from the start.
    #[must_use]
    pub fn initial_state(self, state: Object<InitialStateDraft>) -> Self {
        self.with(Document::InitialState(state))
    }

    /// The scenario in one piece, before anything is checked. Nothing that stands in files is in it.
    ///
    /// # Panics
    /// Never: a builder begins with a scenario.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let main = self.book.scenarios.first().expect("a builder begins with a scenario");
        let documents = self.book.documents().map(|(document, _)| document).collect();
        Bundle { scenario: main.object.clone(), documents, tables: BTreeMap::new() }
    }

    fn with(mut self, document: Document) -> Self {
        self.book.add(document, None);
        self
    }

    /// The scenario.
    ///
    /// # Errors
    /// Everything that is wrong, without places.
    pub fn build(mut self) -> Result<Loaded, Vec<Diagnostic>> {
        let (scenario, complaints) = compile(&self.book, &mut self.files, Coverage::Whole);
        let list = sorted(complaints.list);
        let files = self.files.paths();
        scenario.map(|scenario| Loaded { scenario, warnings: list.clone(), files }).ok_or(list)
    }
}
