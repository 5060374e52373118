//! Deliveries: what a renderer needs of what was declared, and the fingerprints of content.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::ids::TenantId;
use periplus_core::units::Tick;
use xxhash_rust::xxh3::xxh3_64;

use crate::compile::context::Context;
use crate::compile::fleet::DEFAULT_TENANT;
use crate::compile::roll::Version;
use crate::draft::{
    ApplicationDraft, ClusterDraft, ComponentDraft, FilesDraft, ScalingDraft, SourceDraft,
    TenantDraft,
};
use crate::files::{Files, relative};
use crate::scenario::{
    AppVersion, ClusterFacts, ClusterVersion, Delivery, Manifest, TenantVersion,
};

/// The files of manifests that each component of an app names.
pub(crate) fn manifests(
    context: &mut Context<'_>,
    files: &mut Files,
    version: &Version<'_, ApplicationDraft>,
) -> Vec<Vec<Manifest>> {
    let here = version.here.path(&["spec", "components"]);
    let components = version.spec().components.iter().enumerate();
    components
        .map(|(index, component)| {
            let Some(SourceDraft::Files(said)) = &component.source else { return Vec::new() };
            let here = here.item(index).path(&["source", "files", "paths"]);
            let mut manifests = Vec::with_capacity(said.paths.len());
            for (place, path) in said.paths.iter().enumerate() {
                let here = here.item(place);
                let read =
                    relative(version.path, path, here).and_then(|path| files.text(&path, here));
                match read {
                    Ok(source) => manifests.push(Manifest {
                        name: path.rsplit('/').next().unwrap_or(path).to_owned(),
                        text: source.text.as_str().into(),
                    }),
                    Err(wrong) => context.complaints.push(wrong),
                }
            }
            manifests
        })
        .collect()
}

/// A fingerprint of what a component's manifests are made of. How many replicas there are, what they wait
/// for and how fast they are is not in it: a change of that rolls nothing out.
pub(crate) fn revision(
    app: &ApplicationDraft,
    draft: &ComponentDraft,
    manifests: &[Manifest],
) -> u64 {
    let ComponentDraft {
        name,
        source,
        image,
        ports,
        requests,
        limits,
        env,
        command,
        args,
        content,
        scaling,
        service_time: _,
        concurrency: _,
        image_size: _,
        start_time: _,
        wait_share: _,
        max_replicas: _,
        after: _,
    } = draft;
    let mut whole = serde_json::json!([
        name,
        image,
        ports,
        requests,
        limits,
        env,
        command,
        args,
        sorted(content),
    ]);
    // What is not said is not in it, so that what was fingerprinted before it could be said stays as it was.
    let items = whole.as_array_mut().expect("a list");
    // They are written, so that a change of them is rolled out.
    if let ScalingDraft::Hpa { min, max } = scaling {
        items.push(serde_json::json!({ "hpa": [min, max] }));
    }
    match source {
        // Where a file lies is no matter, what stands in it is.
        Some(SourceDraft::Files(FilesDraft { paths: _, workload })) => {
            let texts: Vec<&str> = manifests.iter().map(|manifest| &*manifest.text).collect();
            items.push(serde_json::json!({ "texts": texts, "workload": workload }));
        }
        Some(SourceDraft::Kustomize(_) | SourceDraft::Helm(_)) => {
            items.push(serde_json::json!({ "source": sorted(&serde_json::json!(source)) }));
        }
        None => {}
    }
    let mine = app.customize.iter().filter(|customize| {
        customize.target.component.as_ref().is_none_or(|component| *component == draft.name)
    });
    let mine: Vec<_> = mine.map(|customize| sorted(&serde_json::json!(customize))).collect();
    if !mine.is_empty() {
        items.push(serde_json::json!({ "customize": mine }));
    }
    if let Some(namespace) = &app.namespace {
        items.push(serde_json::json!({ "namespace": namespace }));
    }
    xxh3_64(whole.to_string().as_bytes())
}

/// The same with keys in order, so that moving a line is no change.
fn sorted(value: &serde_json::Value) -> serde_json::Value {
    match value {
        serde_json::Value::Object(entries) => {
            let entries: BTreeMap<_, _> =
                entries.iter().map(|(key, value)| (key, sorted(value))).collect();
            serde_json::json!(entries)
        }
        serde_json::Value::Array(items) => items.iter().map(sorted).collect(),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => value.clone(),
    }
}

impl Delivery {
    /// An app is declared.
    pub(crate) fn declare_app(
        &mut self,
        index: usize,
        version: &Version<'_, ApplicationDraft>,
        tenant: TenantId,
        revisions: Vec<u64>,
        manifests: Vec<Vec<Manifest>>,
    ) {
        let mut draft = version.spec().clone();
        for component in &mut draft.components {
            // What stands in them is in the manifests.
            if let Some(SourceDraft::Files(files)) = &mut component.source {
                files.paths.clear();
            }
        }
        let declared = AppVersion {
            from: version.when.at,
            name: version.object.metadata.name.clone(),
            tenant,
            draft: Arc::new(draft),
            revisions,
            manifests,
        };
        history(&mut self.apps, index).push(declared);
    }

    /// A cluster is declared.
    pub(crate) fn declare_cluster(&mut self, index: usize, version: &Version<'_, ClusterDraft>) {
        let draft = version.spec();
        let facts = ClusterFacts {
            name: version.object.metadata.name.clone(),
            kind: draft.kind.clone(),
            labels: version.object.metadata.labels.clone(),
            agent: draft.agent.agent,
            infrastructure: draft.infrastructure.clone(),
        };
        let declared = ClusterVersion { from: version.when.at, facts: Arc::new(facts) };
        history(&mut self.clusters, index).push(declared);
    }

    /// A tenant is declared; without a version, the one that exists without being declared.
    pub(crate) fn declare_tenant(
        &mut self,
        tenant: TenantId,
        version: Option<&Version<'_, TenantDraft>>,
    ) {
        let declared = match version {
            Some(version) => TenantVersion {
                from: version.when.at,
                name: version.object.metadata.name.clone(),
                draft: Arc::new(version.spec().clone()),
            },
            None => TenantVersion {
                from: Tick::ZERO,
                name: DEFAULT_TENANT.parse().expect("a valid name"),
                draft: Arc::default(),
            },
        };
        history(&mut self.tenants, tenant.index()).push(declared);
    }
}

fn history<T>(histories: &mut Vec<Vec<T>>, index: usize) -> &mut Vec<T> {
    if histories.len() <= index {
        histories.resize_with(index + 1, Vec::new);
    }
    &mut histories[index]
}
