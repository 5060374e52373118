//! Who set which field: `metadata.managedFields` after an update, and server-side apply. After the API server's
//! `fieldmanager` of Kubernetes 1.20 and `structured-merge-diff`'s `merge.Updater`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::fields::Fields;
use super::kinds::Traits;
use super::object::{metadata, text};
use super::status::Refused;
use super::typed::{blank, compare, fields_of, merged, remove};

/// Who writes.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    /// The field manager.
    pub(super) manager: String,
    /// The version in which it writes.
    pub(super) api_version: String,
    /// When, as RFC 3339.
    pub(super) now: String,
}

/// One entry of `managedFields`.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    manager: String,
    operation: String,
    api_version: String,
    time: String,
    fields: Fields,
}

/// What nobody owns: identity, and what the server itself sets.
static NOBODYS: LazyLock<Fields> = LazyLock::new(|| {
    let mut fields = Fields::default();
    for field in ["apiVersion", "kind", "metadata"] {
        fields.insert(&[format!("f:{field}")]);
    }
    let metadata = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    for field in metadata {
        fields.insert(&["f:metadata".to_owned(), format!("f:{field}")]);
    }
    fields
});

/// Owns the fields by which `new` differs from `live` to the writer. An object whose owners were never noted stays so
/// until it is applied to.
pub(super) fn update(traits: Traits, live: Option<&Value>, new: &mut Value, by: &Writer) {
    let given = entries(new);
    let reset = new.pointer("/metadata/managedFields").and_then(Value::as_array);
    let reset = reset.is_some_and(|list| match list.as_slice() {
        [] => true,
        [one] => one.as_object().is_some_and(serde_json::Map::is_empty),
        [_, _, ..] => false,
    });
    let mut before = if given.is_empty() { live.map(entries).unwrap_or_default() } else { given };
    expand(traits, live, &mut before);
    let new_fields = metadata(new);
    new_fields.remove("managedFields");
    if live.is_some() && (reset || before.is_empty()) {
        return;
    }
    let old = live.map_or_else(|| blank(traits, new), without_managers);
    let owned = took(traits, &old, new, before, by);
    put(new, owned);
}

/// The object after `config` has been applied to `live`, which is `None` if it is to be made.
pub(super) fn apply(
    traits: Traits,
    live: Option<&Value>,
    config: &Value,
    by: &Writer,
    force: Force,
) -> Result<Value, Refused> {
    let mut entries = live.map(entries).unwrap_or_default();
    expand(traits, live, &mut entries);
    let before = live.map_or_else(|| blank(traits, config), without_managers);
    if live.is_some() && entries.is_empty() {
        let first = Writer { manager: "before-first-apply".to_owned(), ..by.clone() };
        entries = took(traits, &blank(traits, &before), &before, entries, &first);
    }
    let mut after = merged(traits, &before, config);
    let set = fields_of(traits, config).difference(&NOBODYS);
    let own = |entry: &Entry| entry.manager == by.manager && entry.operation == "Apply";
    let last = entries.iter().find(|entry| own(entry)).map(|entry| entry.fields.clone());
    entries.retain(|entry| !own(entry));
    if let Some(last) = last.filter(|last| !last.is_empty()) {
        let kept = entries.iter().fold(set.clone(), |all, entry| all.union(&entry.fields));
        let gone = last.with_parents().difference(&kept.with_parents());
        remove(traits, &mut after, &gone);
    }
    let before = merged(traits, &blank(traits, &after), &before);
    let found = compare(traits, &before, &after);
    let changed = found.modified.union(&found.added);
    let conflicts: Vec<(&Entry, Fields)> = entries
        .iter()
        .map(|entry| (entry, entry.fields.intersection(&changed)))
        .filter(|(_, fields)| !fields.is_empty())
        .collect();
    if force == Force::No && !conflicts.is_empty() {
        return Err(refusal(&conflicts));
    }
    let lost = changed.union(&found.removed);
    for entry in &mut entries {
        entry.fields = entry.fields.difference(&lost);
    }
    entries.push(Entry {
        manager: by.manager.clone(),
        operation: "Apply".to_owned(),
        api_version: by.api_version.clone(),
        time: by.now.clone(),
        fields: set,
    });
    put(&mut after, entries);
    Ok(after)
}

/// Whether an apply takes what others own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Force {
    /// It is refused.
    No,
    /// It takes.
    Yes,
}

/// The owners after an update by `by`.
fn took(
    traits: Traits,
    old: &Value,
    new: &Value,
    mut entries: Vec<Entry>,
    by: &Writer,
) -> Vec<Entry> {
    let old = merged(traits, &blank(traits, new), old);
    let found = compare(traits, &old, new);
    let taken = found.modified.union(&found.added);
    let lost = taken.union(&found.removed);
    let own = |entry: &Entry| {
        entry.manager == by.manager
            && entry.operation == "Update"
            && entry.api_version == by.api_version
    };
    let before = entries.iter().find(|entry| own(entry)).cloned();
    for entry in &mut entries {
        entry.fields = entry.fields.difference(&lost);
    }
    let taken = taken.difference(&NOBODYS);
    let kept = entries.iter().find(|entry| own(entry)).map(|entry| entry.fields.clone());
    let fields = kept.unwrap_or_default().union(&taken);
    let time = match &before {
        Some(before) if taken.is_empty() => before.time.clone(),
        Some(_) | None => by.now.clone(),
    };
    entries.retain(|entry| !own(entry));
    entries.push(Entry {
        manager: by.manager.clone(),
        operation: "Update".to_owned(),
        api_version: by.api_version.clone(),
        time,
        fields,
    });
    entries
}

fn refusal(conflicts: &[(&Entry, Fields)]) -> Refused {
    let named = |entry: &Entry| match entry.operation.as_str() {
        "Update" => format!("\"{}\" using {}", entry.manager, entry.api_version),
        _ => format!("\"{}\"", entry.manager),
    };
    let mut sorted: Vec<(String, Vec<String>)> =
        conflicts.iter().map(|(entry, fields)| (named(entry), fields.paths())).collect();
    sorted.sort();
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    for (manager, paths) in &sorted {
        lines.push(format!("conflicts with {manager}:"));
        for path in paths {
            lines.push(format!("- {path}"));
            let message = format!("conflict with {manager}");
            causes.push(json!({
                "reason": "FieldManagerConflict", "message": message, "field": path,
            }));
        }
    }
    let said = match (sorted.as_slice(), causes.len()) {
        ([(manager, paths)], 1) => {
            format!("Apply failed with 1 conflict: conflict with {manager}: {}", paths[0])
        }
        (_, count) => format!("Apply failed with {count} conflicts: {}", lines.join("\n")),
    };
    Refused::not_owned(said, &causes)
}

/// Notes owners of whole maps as owners of what is in them.
fn expand(traits: Traits, live: Option<&Value>, entries: &mut [Entry]) {
    let Some(live) = live else { return };
    let all = fields_of(traits, live);
    for entry in entries {
        entry.fields = entry.fields.expanded(&all);
    }
}

fn without_managers(object: &Value) -> Value {
    let mut object = object.clone();
    metadata(&mut object).remove("managedFields");
    object
}

fn entries(object: &Value) -> Vec<Entry> {
    let list = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let entry = |entry: &Value| {
        let fields = Fields::from_json(entry.get("fieldsV1")?);
        Some(Entry {
            manager: text(entry, "/manager").to_owned(),
            operation: text(entry, "/operation").to_owned(),
            api_version: text(entry, "/apiVersion").to_owned(),
            time: text(entry, "/time").to_owned(),
            fields,
        })
    };
    list.into_iter().flatten().filter_map(entry).collect()
}

fn put(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|entry| !entry.fields.is_empty());
    entries.sort_by(|a, b| {
        (&a.operation, &a.time, &a.manager).cmp(&(&b.operation, &b.time, &b.manager))
    });
    let written: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "manager": entry.manager, "operation": entry.operation,
                "apiVersion": entry.api_version, "time": entry.time,
                "fieldsType": "FieldsV1", "fieldsV1": entry.fields.to_json(),
            })
        })
        .collect();
    let metadata = metadata(object);
    if written.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".to_owned(), Value::Array(written));
    }
}
