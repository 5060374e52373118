//! Variables in the texts of a customization: `${cluster.name}` and others of a declared list.

use periplus_spec::draft::CustomizeDraft;
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

/// A customization with all variables in it filled in.
pub(super) fn filled(
    entry: &CustomizeDraft,
    binding: &Binding<'_>,
) -> Result<CustomizeDraft, Wrong> {
    let mut value = serde_json::to_value(entry).expect("what was read is JSON");
    if !mentions(&value) {
        return Ok(entry.clone());
    }
    fill(&mut value, binding)?;
    serde_json::from_value(value).map_err(|error| Wrong {
        at: String::new(),
        why: format!("with its variables filled in: {error}"),
    })
}

fn mentions(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("${"),
        Value::Array(items) => items.iter().any(mentions),
        Value::Object(entries) => {
            entries.iter().any(|(key, value)| key.contains("${") || mentions(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn fill(value: &mut Value, binding: &Binding<'_>) -> Result<(), Wrong> {
    match value {
        Value::String(text) => *text = text_of(text, binding)?,
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
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// A text with its variables filled in; `$${` stands for `${`.
fn text_of(text: &str, binding: &Binding<'_>) -> Result<String, Wrong> {
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
        let wrong = |why: String| Wrong { at: String::new(), why };
        let Some(end) = rest[place..].find('}') else {
            return Err(wrong(format!(
                "`{text}` opens a variable and does not close it; write `$${{` for `${{` itself"
            )));
        };
        let name = &rest[place + 2..place + end];
        out.push_str(&variable(name, binding).map_err(wrong)?);
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
