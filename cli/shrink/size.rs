//! How large a scenario is.

use periplus_core::units::Span;
use periplus_spec::Bundle;
use periplus_spec::draft::{Document, Kind, ModelDraft};

use crate::render::{grouped, table};

/// What a scenario has of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    clusters: usize,
    zones: usize,
    apps: usize,
    components: usize,
    demand: usize,
    points: u64,
    moments: usize,
    lasts: Span,
    bytes: usize,
}

impl Size {
    pub(crate) fn of(bundle: &Bundle) -> Self {
        let spec = &bundle.scenario.spec;
        let declared = spec.timeline.iter().filter_map(|moment| moment.declare.as_ref()).flatten();
        let documents = || bundle.documents.iter().chain(declared.clone());
        let count = |kind| documents().filter(|document| document.kind() == kind).count();
        let components = documents().map(|document| match document {
            Document::Application(app) => app.spec.components.len(),
            Document::Cluster(_)
            | Document::InitialState(_)
            | Document::Policy(_)
            | Document::Scenario(_)
            | Document::Tenant(_)
            | Document::Zone(_) => 0,
        });
        let points = spec.demand.iter().map(|demand| match &demand.model {
            ModelDraft::Steps(steps) => steps.len() as u64,
            ModelDraft::Trace(trace) => spec.duration.0.0.div_ceil(trace.step.0.0.max(1)),
            ModelDraft::Constant(_)
            | ModelDraft::Diurnal(_)
            | ModelDraft::FlashCrowd(_)
            | ModelDraft::Commuters(_) => 1,
        });
        Self {
            clusters: count(Kind::Cluster),
            zones: count(Kind::Zone),
            apps: count(Kind::Application),
            components: components.sum(),
            demand: spec.demand.len(),
            points: points.sum(),
            moments: spec.timeline.len(),
            lasts: spec.duration.0,
            bytes: bundle.files("a.yaml").iter().map(|(_, text)| text.len()).sum(),
        }
    }

    /// Two sizes beside each other.
    pub(crate) fn beside(&self, other: &Self) -> String {
        let rows = self.rows().into_iter().zip(other.rows());
        let rows = rows.map(|((name, before), (_, after))| vec![name.into(), before, after]);
        table(&["", "before", "after"], rows.collect()).trim_end().to_owned()
    }

    fn rows(&self) -> [(&'static str, String); 9] {
        let Self { clusters, zones, apps, components, demand, points, moments, lasts, bytes } =
            *self;
        let counted = |count: usize| grouped(count as u64);
        [
            ("clusters", counted(clusters)),
            ("zones", counted(zones)),
            ("apps", counted(apps)),
            ("components", counted(components)),
            ("demand", counted(demand)),
            ("points of it", grouped(points)),
            ("moments", counted(moments)),
            ("lasts", lasts.to_string()),
            ("bytes", counted(bytes)),
        ]
    }

    /// The shortest account of it.
    pub(crate) fn brief(&self) -> String {
        let Self { clusters, zones, apps, moments, lasts, bytes, .. } = self;
        format!(
            "{clusters} clusters, {zones} zones, {apps} apps, {moments} moments, {lasts}, {} bytes",
            grouped(*bytes as u64)
        )
    }
}
