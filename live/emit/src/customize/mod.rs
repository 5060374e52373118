//! Customization: what differs from cluster to cluster, applied to rendered objects in declared order.
//!
//! Within one entry, the typed shorthands come first, then the strategic merge patch, the merge patch and the JSON
//! patch. Texts are filled in before ([`variables`]).

mod shorthand;
mod strategic;
pub(crate) mod variables;

use std::collections::BTreeSet;

use json_patch::Patch;
use periplus_spec::draft::CustomizeDraft;
use periplus_spec::scenario::{AppVersion, ClusterFacts};
use serde_json::Value;

use crate::binding::Binding;
use crate::fault::Fault;
use crate::object::Object;

/// What is wrong with one field of a customization.
pub(crate) struct Wrong {
    /// The field, with what stands in front of it; empty for all of it.
    at: String,
    why: String,
}

impl Wrong {
    fn new(at: &str, why: impl Into<String>) -> Self {
        Self { at: format!(".{at}"), why: why.into() }
    }
}

/// Applies what is declared for a binding to its objects. Gives the places of the entries that found an object.
///
/// # Errors
/// An entry cannot be applied to an object that it means.
pub(crate) fn apply(
    objects: &mut [Object],
    binding: &Binding<'_>,
) -> Result<BTreeSet<usize>, Fault> {
    let mut found = BTreeSet::new();
    for (place, entry) in binding.app.draft.customize.iter().enumerate() {
        let component = entry.target.component.as_ref();
        let meant = component.is_none_or(|component| *component == binding.component.name);
        if !meant || !entry.clusters.takes(&binding.cluster.name, &binding.cluster.labels) {
            continue;
        }
        let fault = |wrong: Wrong| Fault::Customize { place, at: wrong.at, why: wrong.why };
        let filled = variables::filled(entry, binding).map_err(fault)?;
        for object in objects.iter_mut().filter(|object| is_target(&filled, object)) {
            found.insert(place);
            one(object, &filled, binding).map_err(fault)?;
        }
    }
    Ok(found)
}

/// The namespace of a component in a cluster: that of its app, unless a customization says otherwise.
pub(crate) fn namespace<'d>(
    app: &'d AppVersion,
    component: &str,
    cluster: &ClusterFacts,
) -> &'d str {
    let meant = app.draft.customize.iter().filter(|entry| {
        let component = entry.target.component.as_ref().is_none_or(|name| **name == *component);
        component && entry.clusters.takes(&cluster.name, &cluster.labels)
    });
    let said = meant.filter_map(|entry| entry.namespace.as_ref()).last();
    said.unwrap_or(&app.namespace)
}

fn is_target(entry: &CustomizeDraft, object: &Object) -> bool {
    let kind = entry.target.kind.as_deref().is_none_or(|kind| kind == object.kind());
    kind && entry.target.name.as_deref().is_none_or(|name| name == object.name())
}

fn one(object: &mut Object, entry: &CustomizeDraft, binding: &Binding<'_>) -> Result<(), Wrong> {
    let (kind, name) = (object.kind().to_owned(), object.name().to_owned());
    shorthand::apply(object, entry, binding)?;
    if !entry.strategic_merge.is_null() {
        strategic::merge(object, &entry.strategic_merge)?;
    }
    if !entry.merge_patch.is_null() {
        if !entry.merge_patch.is_object() {
            return Err(Wrong::new("mergePatch", "a merge patch of an object is a mapping"));
        }
        json_patch::merge(&mut object.0, &entry.merge_patch);
    }
    if !entry.json_patch.is_empty() {
        let operations = Value::Array(entry.json_patch.clone());
        let patch: Patch = serde_json::from_value(operations)
            .map_err(|error| Wrong::new("jsonPatch", format!("not a JSON Patch: {error}")))?;
        json_patch::patch(&mut object.0, &patch).map_err(|error| {
            let place = error.operation;
            let why = format!("{kind} {name}: {} at {}", error.kind, error.path);
            Wrong::new(&format!("jsonPatch[{place}]"), why)
        })?;
    }
    if object.kind() != kind || object.name() != name {
        let why = format!("{kind} {name} cannot become {} {}", object.kind(), object.name());
        return Err(Wrong { at: String::new(), why });
    }
    Ok(())
}
