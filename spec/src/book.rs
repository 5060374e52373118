//! The book: every document that was read or built, before anything is compared.

use std::sync::Arc;

use crate::draft::{
    ApplicationDraft, ClusterDraft, Document, InitialStateDraft, Object, PolicyDraft,
    ScenarioDraft, TenantDraft, ZoneDraft,
};
use crate::yaml::{Cursor, Node, Origin};

/// All documents, by kind, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) applications: Vec<Page<ApplicationDraft>>,
    pub(crate) clusters: Vec<Page<ClusterDraft>>,
    pub(crate) initial: Vec<Page<InitialStateDraft>>,
    pub(crate) policies: Vec<Page<PolicyDraft>>,
    /// The scenario that was asked for, and after it those that it includes.
    pub(crate) scenarios: Vec<Page<ScenarioDraft>>,
    pub(crate) tenants: Vec<Page<TenantDraft>>,
    pub(crate) zones: Vec<Page<ZoneDraft>>,
}

/// One document and where it stood.
#[derive(Debug)]
pub(crate) struct Page<D> {
    pub(crate) object: Object<D>,
    pub(crate) place: Option<Place>,
}

/// Where a document stood.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) origin: Arc<Origin>,
    pub(crate) tree: Arc<Node>,
    /// The file, from the folder that files are read from.
    pub(crate) path: Arc<str>,
}

impl Book {
    pub(crate) fn add(&mut self, document: Document, place: Option<Place>) {
        match document {
            Document::Application(object) => self.applications.push(Page { object, place }),
            Document::Cluster(object) => self.clusters.push(Page { object, place }),
            Document::InitialState(object) => self.initial.push(Page { object, place }),
            Document::Policy(object) => self.policies.push(Page { object, place }),
            Document::Scenario(object) => self.scenarios.push(Page { object, place }),
            Document::Tenant(object) => self.tenants.push(Page { object, place }),
            Document::Zone(object) => self.zones.push(Page { object, place }),
        }
    }

    /// All documents but scenarios, kind by kind, and the files that they stand in.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (Document, &str)> {
        fn each<D: Clone>(
            pages: &[Page<D>],
            as_document: fn(Object<D>) -> Document,
        ) -> impl Iterator<Item = (Document, &str)> {
            pages.iter().map(move |page| (as_document(page.object.clone()), page.path()))
        }
        each(&self.policies, Document::Policy)
            .chain(each(&self.tenants, Document::Tenant))
            .chain(each(&self.clusters, Document::Cluster))
            .chain(each(&self.zones, Document::Zone))
            .chain(each(&self.applications, Document::Application))
            .chain(each(&self.initial, Document::InitialState))
    }
}

impl<D> Page<D> {
    /// Where the document begins.
    pub(crate) fn here(&self) -> Cursor<'_> {
        let place = self.place.as_ref();
        place.map_or_else(Cursor::default, |place| Cursor::new(&place.origin, &place.tree))
    }

    /// The file that it stands in.
    pub(crate) fn path(&self) -> &str {
        self.place.as_ref().map_or("", |place| &place.path)
    }
}
