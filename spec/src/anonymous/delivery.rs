//! Deliveries are left out: manifests, patches, names and addresses tell whose they are, and no decision hangs on them.
//! What is left of them is whether they changed.

use serde_json::json;

use crate::bundle::Bundle;
use crate::draft::{
    ApplicationDraft, ClusterDraft, Document, InfrastructureDraft, SourceDraft, TenantDraft,
};

/// A bundle that says nothing of how apps get into clusters.
pub(super) fn left_out(bundle: &Bundle) -> Bundle {
    let mut bundle = bundle.clone();
    let texts = bundle.tables.clone();
    let text_of = |file: &str| texts.get(file).map_or("", String::as_str);
    let timeline = &mut bundle.scenario.spec.timeline;
    let declared = timeline.iter_mut().filter_map(|moment| moment.declare.as_mut()).flatten();
    for document in declared.chain(&mut bundle.documents) {
        match document {
            Document::Application(object) => app(&mut object.spec, text_of),
            Document::Cluster(object) => cluster(&mut object.spec),
            Document::Tenant(object) => tenant(&mut object.spec),
            Document::InitialState(_)
            | Document::Policy(_)
            | Document::Scenario(_)
            | Document::Zone(_) => {}
        }
    }
    bundle.drop_tables();
    bundle
}

fn app<'t>(draft: &mut ApplicationDraft, text_of: impl Fn(&str) -> &'t str) {
    let customize = std::mem::take(&mut draft.customize);
    let namespace = draft.namespace.take();
    draft.exposure = None;
    draft.egress.clear();
    for component in &mut draft.components {
        let source = component.source.take();
        let mine: Vec<_> = customize
            .iter()
            .filter(|one| one.target.component.as_ref().is_none_or(|name| *name == component.name))
            .collect();
        let ports = std::mem::take(&mut component.ports);
        if source.is_none() && mine.is_empty() && namespace.is_none() && ports.is_empty() {
            continue;
        }
        let source = match &source {
            Some(SourceDraft::Files(files)) => {
                let texts: Vec<&str> = files.paths.iter().map(|path| text_of(path)).collect();
                json!([texts, files.workload])
            }
            Some(SourceDraft::Kustomize(_) | SourceDraft::Helm(_)) | None => json!(source),
        };
        component.content = json!([component.content, source, mine, namespace, ports]);
    }
}

fn cluster(draft: &mut ClusterDraft) {
    draft.infrastructure = InfrastructureDraft::default();
}

fn tenant(draft: &mut TenantDraft) {
    draft.namespace = None;
    draft.members.clear();
}
