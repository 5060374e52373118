//! What had been declared when the part begins, and what is declared later.

use std::collections::BTreeSet;

use periplus_core::State;
use periplus_core::units::{Span, Tick};
use periplus_spec::Bundle;
use periplus_spec::draft::{Document, Kind, MomentDraft, ScenarioDraft};
use periplus_spec::values::Duration;

use super::{Declared, Part, Read};

impl Part<'_> {
    /// Everything is as it was declared last before the part begins; what was gone by then is left out.
    pub(super) fn declare(&self, bundle: &mut Bundle, recorded: &ScenarioDraft, read: &Read) {
        let documents = &mut bundle.documents;
        let earlier = recorded.timeline.iter().filter(|moment| moment.at.0.0 < self.from.0);
        let declared = earlier.flat_map(|moment| {
            let documents = moment.declare.iter().flatten();
            documents.map(|document| (Tick(moment.at.0.0), document))
        });
        for (_, document) in declared.filter(|(at, document)| !self.is_refused(*at, document, read))
        {
            let same = |known: &&mut Document| {
                let one_policy = document.kind() == Kind::Policy;
                known.kind() == document.kind()
                    && (one_policy || known.metadata().name == document.metadata().name)
            };
            match documents.iter_mut().find(same) {
                Some(known) => known.clone_from(document),
                None => documents.push(document.clone()),
            }
        }
        let gone = self.gone(&read.state);
        documents.retain(|document| {
            let name = document.metadata().name.to_string();
            // What was said to run at first is over.
            let over = document.kind() == Kind::InitialState && self.from > Tick::ZERO;
            !over && !gone.contains(&(document.kind(), name))
        });
        for document in documents {
            if let Document::Cluster(object) = document {
                let joins = object.spec.joins_at.0;
                object.spec.joins_at = Duration(Span(joins.0.saturating_sub(self.from.0)));
            }
        }
    }

    fn is_refused(&self, at: Tick, document: &Document, read: &Read) -> bool {
        let fleet = &self.scenario.fleet;
        read.refused.iter().any(|(then, what)| {
            let (kind, name) = match what {
                Declared::App(app) => (Kind::Application, &fleet.apps[app.index()].name),
                Declared::Cluster(id) => (Kind::Cluster, &fleet.clusters[id.index()].name),
            };
            *then == at && kind == document.kind() && *document.metadata().name == **name
        })
    }

    /// Apps that were withdrawn and clusters that were retired.
    fn gone(&self, state: &State) -> BTreeSet<(Kind, String)> {
        let fleet = &self.scenario.fleet;
        let apps = fleet.apps.iter().zip(state.apps()).filter(|(_, known)| known.withdrawn);
        let apps = apps.map(|(app, _)| (Kind::Application, app.name.clone()));
        let clusters = fleet.clusters.iter().zip(state.clusters());
        let clusters = clusters.filter(|(_, known)| known.is_gone());
        let clusters = clusters.map(|(cluster, _)| (Kind::Cluster, cluster.name.clone()));
        apps.chain(clusters).collect()
    }

    /// What is declared in the part.
    pub(super) fn declared_later(&self, recorded: &ScenarioDraft) -> Vec<MomentDraft> {
        let later = recorded.timeline.iter().filter(|moment| {
            moment.declare.is_some() && (self.from..self.to).contains(&Tick(moment.at.0.0))
        });
        later
            .map(|moment| MomentDraft { at: self.shifted(Tick(moment.at.0.0)), ..moment.clone() })
            .collect()
    }
}
