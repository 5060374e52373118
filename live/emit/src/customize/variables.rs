//! Variables in the texts of a customization: `${cluster.name}` and others of a declared list.

use periplus_spec::draft::{CustomizeDraft, ImageDraft};
use serde_json::Value;

use super::Wrong;
use crate::binding::Binding;

/// What can stand in braces, for people. `KEY` is a label's key.
pub const VARIABLES: [&str; 8] = [
    "cluster.name",
    "cluster.kind",
    "cluster.network",
    "cluster.labels.KEY",
    "app.name",
    "app.tenant",
    "app.namespace",
    "component.name",
];

/// A customization with all variables in its texts filled in: those of images, the environment, arguments, annotations
/// and patches.
pub(super) fn filled(
    entry: &CustomizeDraft,
    binding: &Binding<'_>,
) -> Result<CustomizeDraft, Wrong> {
    let mut filled = entry.clone();
    let said = |text: &mut String, at: &str| {
        if text.contains("${") {
            *text = text_of(text, binding).map_err(|why| Wrong::new(at, why))?;
        }
        Ok(())
    };
    if let Some(image) = &mut filled.image {
        let ImageDraft { container: _, registry, name, tag, digest } = image;
        for part in [registry, name, tag, digest].into_iter().flatten() {
            said(part, "image")?;
        }
    }
    for value in filled.env.values_mut() {
        said(value, "env")?;
    }
    for value in filled.args.iter_mut().flatten() {
        said(value, "args")?;
    }
    for value in filled.annotations.values_mut() {
        said(value, "annotations")?;
    }
    let patch =
        |value: &mut Value, at: &str| fill(value, binding).map_err(|why| Wrong::new(at, why));
    patch(&mut filled.strategic_merge, "strategicMerge")?;
    patch(&mut filled.merge_patch, "mergePatch")?;
    for operation in &mut filled.json_patch {
        patch(operation, "jsonPatch")?;
    }
    Ok(filled)
}

fn fill(value: &mut Value, binding: &Binding<'_>) -> Result<(), String> {
    match value {
        Value::String(text) if text.contains("${") => *text = text_of(text, binding)?,
        Value::Array(items) => {
            for item in items {
                fill(item, binding)?;
            }
        }
        Value::Object(entries) => {
            for (_, value) in entries.iter_mut() {
                fill(value, binding)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// A text with its variables filled in; `$${` stands for `${`.
fn text_of(text: &str, binding: &Binding<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find("${") {
        let before = &rest[..place];
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = &rest[place + 2..];
            continue;
        }
        out.push_str(before);
        let Some(end) = rest[place..].find('}') else {
            return Err(format!(
                "`{text}` opens a variable and does not close it; write `$${{` for `${{` itself"
            ));
        };
        let name = &rest[place + 2..place + end];
        out.push_str(&variable(name, binding)?);
        rest = &rest[place + end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn variable(name: &str, binding: &Binding<'_>) -> Result<String, String> {
    let cluster = binding.cluster;
    if let Some(key) = name.strip_prefix("cluster.labels.") {
        let value = cluster.labels.get(key);
        return value.map(ToString::to_string).ok_or_else(|| {
            format!(
                "the cluster {} has no label `{key}`; give it one, or name fewer clusters",
                cluster.name
            )
        });
    }
    let network = cluster.infrastructure.network.as_ref().unwrap_or(&cluster.name);
    Ok(match name {
        "cluster.name" => cluster.name.to_string(),
        "cluster.kind" => cluster.kind.to_string(),
        "cluster.network" => network.to_string(),
        "app.name" => binding.app.name.to_string(),
        "app.tenant" => binding.tenant.to_owned(),
        "app.namespace" => binding.namespace.to_owned(),
        "component.name" => binding.component.name.to_string(),
        other => {
            return Err(format!(
                "there is no variable `{other}`; there are {}",
                VARIABLES.join(", ")
            ));
        }
    })
}
