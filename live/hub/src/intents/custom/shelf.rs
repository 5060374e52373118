//! What lies in a hub cluster: documents by kind and name, and what was written back to each.
//!
//! What is listed anew is put aside until the list is complete, so that nothing is taken for gone before that.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::DynamicObject;
use kube::runtime::watcher::Event;
use periplus_spec::draft::{API_VERSION, Kind};
use serde_json::{Value, json};

use super::definitions::KINDS;

/// A document by kind and name.
pub(super) type Key = (Kind, String);

/// A document, and what was written back to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Held {
    pub(super) uid: String,
    pub(super) generation: i64,
    /// The document as a file would have it, in JSON.
    pub(super) text: String,
    /// The generation that its status is about.
    pub(super) observed: Option<i64>,
    pub(super) conditions: Vec<Condition>,
}

/// All documents of a hub.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    documents: BTreeMap<Key, Held>,
    /// What was listed so far of kinds that are being listed.
    listed: BTreeMap<Kind, BTreeMap<Key, Held>>,
    complete: BTreeSet<Kind>,
}

impl Shelf {
    /// A connection begins: all is to be listed again.
    pub(super) fn begin(&mut self) {
        self.listed.clear();
        self.complete.clear();
    }

    /// Takes in what a watch says. Tells whether what is declared may have changed.
    pub(super) fn hear(&mut self, kind: Kind, event: Event<DynamicObject>) -> bool {
        match event {
            Event::Init => {
                self.listed.insert(kind, BTreeMap::new());
                false
            }
            Event::InitApply(object) => {
                if let Some((name, held)) = held(kind, &object) {
                    self.listed.entry(kind).or_default().insert((kind, name), held);
                }
                false
            }
            Event::InitDone => {
                let listed = self.listed.remove(&kind).unwrap_or_default();
                let mut before = BTreeMap::new();
                let of_kind = self.documents.extract_if(.., |(of, _), _| *of == kind);
                before.extend(of_kind);
                let is_first = self.complete.insert(kind);
                let text = |held: &Held| held.text.clone();
                let same = before.len() == listed.len()
                    && listed
                        .iter()
                        .all(|(key, held)| before.get(key).map(text) == Some(text(held)));
                self.documents.extend(listed);
                is_first || !same
            }
            Event::Apply(object) => {
                let Some((name, held)) = held(kind, &object) else { return false };
                let text = held.text.clone();
                let before = self.documents.insert((kind, name), held);
                before.is_none_or(|before| before.text != text)
            }
            Event::Delete(object) => {
                let name = object.metadata.name.unwrap_or_default();
                self.documents.remove(&(kind, name)).is_some()
            }
        }
    }

    /// Whether all kinds were listed.
    pub(super) fn is_complete(&self) -> bool {
        KINDS.iter().all(|kind| self.complete.contains(kind))
    }

    pub(super) fn documents(&self) -> &BTreeMap<Key, Held> {
        &self.documents
    }

    /// Notes what was written back, before the watch tells of it.
    pub(super) fn written(&mut self, key: &Key, observed: i64, conditions: Vec<Condition>) {
        if let Some(held) = self.documents.get_mut(key) {
            held.observed = Some(observed);
            held.conditions = conditions;
        }
    }

    /// Puts a whole list there.
    pub(super) fn put(&mut self, kind: Kind, objects: &[DynamicObject]) {
        let all = objects.iter().filter_map(|object| held(kind, object));
        self.documents.extend(all.map(|(name, held)| ((kind, name), held)));
    }
}

/// An object as it is kept: what we are not told in a document is left out of it.
fn held(kind: Kind, object: &DynamicObject) -> Option<(String, Held)> {
    let name = object.metadata.name.clone()?;
    let mut metadata = json!({ "name": name });
    if let Some(labels) = object.metadata.labels.as_ref().filter(|labels| !labels.is_empty()) {
        metadata["labels"] = json!(labels);
    }
    let mut spec = object.data.get("spec").cloned().unwrap_or_default();
    plain(&mut spec);
    let document = json!({ "apiVersion": API_VERSION, "kind": kind.name(), "metadata": metadata, "spec": spec });
    let text = serde_json::to_string_pretty(&document).ok()?;
    let status = |field: &str| object.data.get("status").and_then(|status| status.get(field));
    let conditions = status("conditions").cloned();
    let conditions = conditions.and_then(|all| serde_json::from_value(all).ok());
    let held = Held {
        uid: object.metadata.uid.clone().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or(0),
        text,
        observed: status("observedGeneration").and_then(Value::as_i64),
        conditions: conditions.unwrap_or_default(),
    };
    Some((name, held))
}

/// Writes numbers without exponents, as files have them: the API writes `1e-07` where somebody wrote `0.0000001`.
fn plain(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            if let Some(float) = number.as_f64().filter(|_| text.contains(['e', 'E'])) {
                *value = Value::String(format!("{float}"));
            }
        }
        Value::Array(all) => all.iter_mut().for_each(plain),
        Value::Object(all) => all.values_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
