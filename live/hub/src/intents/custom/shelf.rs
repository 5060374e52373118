//! What lies in a hub cluster: documents by kind and name, and what was written back to each.
//!
//! What is listed anew is put aside until the list is complete, so that nothing is taken for gone before that.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::watcher::Event;
use periplus_spec::draft::{API_VERSION, Kind};
use serde_json::{Value, json};

use super::definitions::{self, KINDS};
use super::profiles::{self, Profiles};

/// A document by kind and name.
pub(super) type Key = (Kind, String);

/// What is listed and watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum List {
    /// Documents of a kind of ours.
    Own(Kind),
    /// An inventory of clusters.
    Profiles,
}

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
#[derive(Debug)]
pub(super) struct Shelf {
    profiles: Option<Profiles>,
    rows: BTreeMap<List, Row>,
}

/// What one list has, by the name of the document; of profiles, by their namespaces too.
#[derive(Debug, Default)]
struct Row {
    there: BTreeMap<(String, String), Held>,
    /// What was listed so far, while it is being listed.
    listed: BTreeMap<(String, String), Held>,
    is_complete: bool,
}

impl List {
    /// How it is asked for.
    pub(super) fn resource(self) -> ApiResource {
        match self {
            Self::Own(kind) => definitions::resource(kind),
            Self::Profiles => profiles::resource(),
        }
    }
}

impl Shelf {
    /// An empty one.
    pub(super) fn new(profiles: Option<Profiles>) -> Self {
        let own = KINDS.into_iter().map(List::Own);
        let lists = own.chain(profiles.is_some().then_some(List::Profiles));
        let rows = lists.map(|list| (list, Row::default())).collect();
        Self { profiles, rows }
    }

    /// All that is to be listed.
    pub(super) fn lists(&self) -> Vec<List> {
        self.rows.keys().copied().collect()
    }

    /// A connection begins: all is to be listed again.
    pub(super) fn begin(&mut self) {
        for row in self.rows.values_mut() {
            row.listed.clear();
            row.is_complete = false;
        }
    }

    /// Takes in what a watch says. Tells whether what is declared may have changed.
    pub(super) fn hear(&mut self, list: List, event: Event<DynamicObject>) -> bool {
        let profiles = &self.profiles;
        let Some(row) = self.rows.get_mut(&list) else { return false };
        match event {
            Event::Init => {
                row.listed.clear();
                false
            }
            Event::InitApply(object) => {
                row.listed.extend(held(list, profiles.as_ref(), &object));
                false
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut row.listed);
                let texts = |row: &BTreeMap<_, Held>| -> Vec<(_, String)> {
                    row.iter()
                        .map(|(key, held): (&(_, _), _)| (key.clone(), held.text.clone()))
                        .collect()
                };
                let is_same = texts(&row.there) == texts(&listed);
                row.there = listed;
                !std::mem::replace(&mut row.is_complete, true) || !is_same
            }
            Event::Apply(object) => {
                let Some((key, held)) = held(list, profiles.as_ref(), &object) else {
                    return false;
                };
                let text = held.text.clone();
                row.there.insert(key, held).is_none_or(|before| before.text != text)
            }
            Event::Delete(object) => row.there.remove(&place(&object)).is_some(),
        }
    }

    /// Puts a whole list there.
    pub(super) fn put(&mut self, list: List, objects: &[DynamicObject]) {
        let profiles = &self.profiles;
        let all = objects.iter().filter_map(|object| held(list, profiles.as_ref(), object));
        self.rows.entry(list).or_default().there.extend(all);
    }

    /// Whether all lists are complete.
    pub(super) fn is_complete(&self) -> bool {
        self.rows.values().all(|row| row.is_complete)
    }

    /// What is declared. A document of ours says more than a profile of the same name, and of profiles the first does.
    pub(super) fn texts(&self) -> BTreeMap<Key, String> {
        let mut texts = BTreeMap::new();
        // Our own come first.
        for (list, row) in &self.rows {
            let kind = match list {
                List::Own(kind) => *kind,
                List::Profiles => Kind::Cluster,
            };
            for ((_, name), held) in &row.there {
                texts.entry((kind, name.clone())).or_insert_with(|| held.text.clone());
            }
        }
        texts
    }

    /// Documents of ours.
    pub(super) fn own(&self) -> impl Iterator<Item = (Key, &Held)> {
        self.rows.iter().flat_map(|(list, row)| {
            let kind = match list {
                List::Own(kind) => Some(*kind),
                List::Profiles => None,
            };
            row.there
                .iter()
                .filter_map(move |((_, name), held)| Some(((kind?, name.clone()), held)))
        })
    }

    /// Notes what was written back, before the watch tells of it.
    pub(super) fn written(&mut self, key: &Key, observed: i64, conditions: Vec<Condition>) {
        let (kind, name) = key;
        let row = self.rows.get_mut(&List::Own(*kind));
        if let Some(held) = row.and_then(|row| row.there.get_mut(&(String::new(), name.clone()))) {
            held.observed = Some(observed);
            held.conditions = conditions;
        }
    }
}

/// Namespace and name.
fn place(object: &DynamicObject) -> (String, String) {
    let metadata = &object.metadata;
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// An object as it is kept: what a document does not have is left out.
fn held(
    list: List,
    profiles: Option<&Profiles>,
    object: &DynamicObject,
) -> Option<((String, String), Held)> {
    let document = match list {
        List::Own(kind) => document(kind, object),
        List::Profiles => profiles?.document(object)?,
    };
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
    Some((place(object), held))
}

fn document(kind: Kind, object: &DynamicObject) -> Value {
    let mut metadata = json!({ "name": object.metadata.name });
    if let Some(labels) = object.metadata.labels.as_ref().filter(|labels| !labels.is_empty()) {
        metadata["labels"] = json!(labels);
    }
    let mut spec = object.data.get("spec").cloned().unwrap_or_default();
    plain(&mut spec);
    json!({ "apiVersion": API_VERSION, "kind": kind.name(), "metadata": metadata, "spec": spec })
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
