//! Deliveries: what a renderer needs of what was declared, and the fingerprints of content.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::ids::TenantId;
use periplus_core::units::Tick;
use xxhash_rust::xxh3::xxh3_64;

use crate::code::Code;
use crate::compile::context::Context;
use crate::compile::fleet::DEFAULT_TENANT;
use crate::compile::roll::Version;
use crate::diagnostic::{Diagnostic, Source};
use crate::draft::{
    ApplicationDraft, ClusterDraft, ComponentDraft, FilesDraft, ScalingDraft, SourceDraft,
    TenantDraft,
};
use crate::fetched;
use crate::files::{Files, relative};
use crate::scenario::{
    AppVersion, ClusterFacts, ClusterVersion, Delivery, Manifest, TenantVersion,
};
use crate::values::Name;
use crate::yaml::{Node, deserialize, parse};

/// What an app brings besides what stands in its own document.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    /// The files of manifests that each component names.
    pub(crate) manifests: Vec<Vec<Manifest>>,
    /// The namespace that it shares with others; it has one of its own name where there is none.
    pub(crate) shared: Option<Name>,
}

/// What an app brings besides what stands in its own document.
pub(crate) fn brought(
    context: &mut Context<'_>,
    files: &mut Files,
    version: &Version<'_, ApplicationDraft>,
) -> Brought {
    let tenants = &context.rolls.tenants;
    let tenant = tenants.index(&version.spec().tenant).map(|index| &tenants.entities[index]);
    let lent = tenant.and_then(|tenant| tenant.version(version.when).spec().namespace.as_ref());
    let shared = version.spec().namespace.as_ref().or(lent).cloned();
    Brought { manifests: manifests(context, files, version), shared }
}

fn manifests(
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
                let found = match &said.git {
                    Some(git) => fetched::place(files, version.path, git, path, here),
                    None => relative(version.path, path, here),
                };
                let source =
                    found.and_then(|path| files.text(&path, here)).map_err(|wrong| vec![wrong]);
                match source.and_then(|source| objects(&source)) {
                    Ok(objects) => {
                        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
                        manifests.push(Manifest { name, objects });
                    }
                    Err(wrong) => wrong.into_iter().for_each(|one| context.complaints.push(one)),
                }
            }
            manifests
        })
        .collect()
}

/// The Kubernetes objects that a file says.
fn objects(source: &Arc<Source>) -> Result<Arc<[serde_json::Value]>, Vec<Diagnostic>> {
    let mut objects = Vec::new();
    let mut complaints = Vec::new();
    for node in parse(source)? {
        let text = |keys: &[&str]| {
            let found = keys.iter().try_fold(&node, |node, key| node.get(key));
            found.and_then(Node::text).is_some_and(|text| !text.is_empty())
        };
        let fields: [&[&str]; 3] = [&["apiVersion"], &["kind"], &["metadata", "name"]];
        if let Some(missing) = fields.iter().find(|keys| !text(keys)) {
            let message = format!("an object of Kubernetes needs `{}`", missing.join("."));
            let wrong = Diagnostic::error(Code::MissingField, message);
            complaints.push(wrong.with_label(source, node.head(), "here"));
            continue;
        }
        match deserialize::<serde_json::Value>(&node) {
            Ok(value) => objects.push(value),
            Err(misfit) => {
                let wrong = Diagnostic::error(Code::YamlSyntax, misfit.message);
                let span = misfit.span.unwrap_or_else(|| node.head());
                complaints.push(wrong.with_label(source, span, "here"));
            }
        }
    }
    if complaints.is_empty() { Ok(objects.into()) } else { Err(complaints) }
}

/// A fingerprint of what a component's manifests are made of. How many replicas there are, what they wait
/// for and how fast they are is not in it: a change of that rolls nothing out.
pub(crate) fn revision(
    app: &ApplicationDraft,
    draft: &ComponentDraft,
    brought: &Brought,
    place: usize,
) -> u64 {
    let manifests = &brought.manifests[place];
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
        Some(SourceDraft::Files(FilesDraft { git: _, paths: _, workload })) => {
            let objects = manifests.iter().flat_map(|manifest| manifest.objects.iter());
            let objects: Vec<_> = objects.map(sorted).collect();
            items.push(serde_json::json!({ "objects": objects, "workload": workload }));
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
    if let Some(namespace) = &brought.shared {
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
        brought: Brought,
    ) {
        let mut draft = version.spec().clone();
        for component in &mut draft.components {
            // What stands in them is in the manifests.
            if let Some(SourceDraft::Files(files)) = &mut component.source {
                files.git = None;
                files.paths.clear();
            }
        }
        let declared = AppVersion {
            from: version.when.at,
            name: version.object.metadata.name.clone(),
            tenant,
            namespace: brought.shared.unwrap_or_else(|| version.object.metadata.name.clone()),
            draft: Arc::new(draft),
            revisions,
            manifests: brought.manifests,
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
