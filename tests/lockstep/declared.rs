//! What is declared in the course of a scenario: the documents that would stand in a folder at a time.

use periplus_core::ids::AppId;
use periplus_core::input::Command;
use periplus_core::units::Tick;
use periplus_spec::Bundle;
use periplus_spec::draft::{Document, Kind, MomentDraft};
use periplus_spec::scenario::Scenario;
use periplus_spec::values::Name;

/// What is declared, and when that changes.
pub(crate) struct Declared {
    now: Bundle,
    timeline: Vec<MomentDraft>,
    /// Clusters that join.
    later: Vec<Document>,
    /// The last time at which it changed.
    done: Tick,
}

impl Declared {
    pub(crate) fn new(bundle: &Bundle) -> Self {
        let documents = bundle.documents.iter().cloned();
        let (first, later) = documents.partition(|document| joins(document) == Tick::ZERO);
        let now = Bundle { documents: first, ..bundle.clone() };
        let timeline = bundle.scenario.spec.timeline.clone();
        Self { now, timeline, later, done: Tick::ZERO }
    }

    /// What is declared now.
    pub(crate) fn now(&self) -> &Bundle {
        &self.now
    }

    /// What is declared from a time on, unless that was said.
    pub(crate) fn change(&mut self, at: Tick) -> Option<Bundle> {
        if self.done == at {
            return None;
        }
        self.done = at;
        let documents = &mut self.now.documents;
        for moment in self.timeline.iter().filter(|moment| moment.at.0.0 == at.0) {
            for document in moment.declare.iter().flatten() {
                documents.retain(|known| key(known) != key(document));
                documents.push(document.clone());
            }
            for app in moment.withdraw.iter().flat_map(|apps| &apps.0) {
                documents.retain(|known| key(known) != (Kind::Application, app.clone()));
            }
        }
        let joining = self.later.iter().filter(|document| joins(document) == at);
        documents.extend(joining.cloned());
        Some(self.now.clone())
    }

    /// Whether somebody declares this by what stands in a folder, or no longer does, rather than commands it.
    pub(crate) fn says(&self, command: &Command, scenario: &Scenario) -> bool {
        match command {
            Command::Name { .. }
            | Command::DeclarePolicy(_)
            | Command::DeclareTenant(..)
            | Command::DeclareCluster(..)
            | Command::DeclareZone(..)
            | Command::DeclareApp(..)
            | Command::DeclareSeries { .. } => true,
            // What does not stand there cannot be taken away.
            Command::WithdrawApp(app) => self.has(*app, scenario),
            Command::RetireCluster(_)
            | Command::Cordon(_)
            | Command::Uncordon(_)
            | Command::Drain(_)
            | Command::Undrain(_)
            | Command::DeclareLost(_)
            | Command::Pin { .. }
            | Command::Unpin { .. }
            | Command::Approve(_)
            | Command::Pause
            | Command::Resume
            | Command::Adopt(_) => false,
        }
    }

    fn has(&self, app: AppId, scenario: &Scenario) -> bool {
        let name = &scenario.fleet.apps[app.index()].name;
        let mut apps = self.now.documents.iter().map(key);
        apps.any(|(kind, known)| kind == Kind::Application && known.to_string() == *name)
    }
}

fn key(document: &Document) -> (Kind, Name) {
    (document.kind(), document.metadata().name.clone())
}

/// When a cluster joins.
fn joins(document: &Document) -> Tick {
    match document {
        Document::Cluster(cluster) => Tick(cluster.spec.joins_at.0.0),
        Document::Application(_)
        | Document::InitialState(_)
        | Document::Policy(_)
        | Document::Scenario(_)
        | Document::Tenant(_)
        | Document::Zone(_) => Tick::ZERO,
    }
}
