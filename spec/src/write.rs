//! Writing: documents as YAML that people would have written.
//!
//! What a field has by default is left out, and what fits on a line stands on one.

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Number, Value as Json};

use crate::draft::{Document, Kind};
use crate::schema::{known, resolve};
use crate::values::format;

/// What is longer does not stand on a line.
const LINE_MAX: usize = 96;

/// Documents as a YAML file, separated as they are read.
#[must_use]
pub fn to_yaml<'d>(documents: impl IntoIterator<Item = &'d Document>) -> String {
    let texts: Vec<String> = documents.into_iter().map(|one| text(&to_json(one))).collect();
    texts.join("---\n")
}

/// A document as it is written, without what its fields have by default.
#[must_use]
pub fn to_json(document: &Document) -> Json {
    let mut value = serde_json::to_value(document).expect("documents are JSON");
    let root = known(document.kind());
    prune(root, root, &mut value);
    value
}

fn text(value: &Json) -> String {
    let options = serde_saphyr::ser_options! { compact_list_indent: true };
    serde_saphyr::to_string_with_options(&Laid { value, indent: 0 }, options).expect("JSON is YAML")
}

/// Takes out of a value what its schema says of itself.
fn prune(root: &Json, schema: &Json, value: &mut Json) {
    let schema = resolve(root, schema);
    if schema.get("x-document").is_some() {
        let kind = value.get("kind").and_then(Json::as_str).and_then(Kind::from_name);
        if let Some(kind) = kind {
            prune(known(kind), known(kind), value);
        }
        return;
    }
    match value {
        Json::Object(entries) => match schema.get("properties").and_then(Json::as_object) {
            Some(properties) => prune_fields(root, schema, properties, entries),
            None => {
                match (alternative(root, schema, entries), schema.get("additionalProperties")) {
                    (Some(properties), _) => prune_fields(root, schema, properties, entries),
                    (None, Some(inner)) => {
                        entries.values_mut().for_each(|one| prune(root, inner, one));
                    }
                    (None, None) => {}
                }
            }
        },
        Json::Array(items) => {
            if let Some(inner) = schema.get("items") {
                items.iter_mut().for_each(|item| prune(root, inner, item));
            }
        }
        Json::String(text) => {
            let format = schema.get("format").and_then(Json::as_str).and_then(format);
            if let Some(number) = format.filter(|format| format.numeric).and_then(|_| plain(text)) {
                *value = Json::Number(number);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// A number that is written as just this text.
fn plain(text: &str) -> Option<Number> {
    let number: Number = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn prune_fields(
    root: &Json,
    schema: &Json,
    properties: &Map<String, Json>,
    entries: &mut Map<String, Json>,
) {
    let required = schema.get("required").and_then(Json::as_array);
    let is_required =
        |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
    entries.retain(|name, value| {
        let Some(field) = properties.get(name) else { return true };
        if value.is_null() || !is_required(name) && field.get("default") == Some(value) {
            return false;
        }
        prune(root, field, value);
        true
    });
}

/// The fields of the alternative that a mapping is one of.
fn alternative<'s>(
    root: &'s Json,
    schema: &'s Json,
    entries: &Map<String, Json>,
) -> Option<&'s Map<String, Json>> {
    let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(key)?.as_array())?;
    let fields = alternatives.iter().filter_map(|one| resolve(root, one).get("properties"));
    let mut fields = fields.filter_map(Json::as_object);
    fields.find(|properties| entries.keys().all(|key| properties.contains_key(key)))
}

/// A value as it is laid out: on one line where it fits.
struct Laid<'v> {
    value: &'v Json,
    /// Roughly how far to the right it stands.
    indent: usize,
}

impl Laid<'_> {
    /// Whether the value stands on one line.
    fn is_short(&self) -> bool {
        match self.value {
            Json::Object(entries) => {
                let simple = |value: &Json| !value.is_object() || is_flat(value);
                self.indent > 0 && entries.values().all(simple) && self.fits()
            }
            Json::Array(items) => items.iter().all(is_flat) && self.fits(),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
        }
    }

    fn fits(&self) -> bool {
        self.value.to_string().len() + self.indent <= LINE_MAX
    }

    fn inner<'i>(&self, value: &'i Json, by: usize) -> Laid<'i> {
        Laid { value, indent: self.indent + by }
    }
}

/// Whether a value has nothing inside of what is inside of it.
fn is_flat(value: &Json) -> bool {
    let is_leaf = |value: &Json| !value.is_object() && !value.is_array();
    match value {
        Json::Object(entries) => entries.values().all(is_leaf),
        Json::Array(items) => items.iter().all(is_leaf),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => true,
    }
}

impl Serialize for Laid<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Json::Object(_) if self.is_short() => serde_saphyr::FlowMap(self.value).serialize(to),
            Json::Array(_) if self.is_short() => serde_saphyr::FlowSeq(self.value).serialize(to),
            Json::Object(entries) => {
                let mut map = to.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, &self.inner(value, 2 + key.len()))?;
                }
                map.end()
            }
            Json::Array(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&self.inner(item, 2))?;
                }
                list.end()
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                self.value.serialize(to)
            }
        }
    }
}
