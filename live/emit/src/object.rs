//! Kubernetes objects as they are written: JSON values with a kind, a name and a namespace.

use serde_json::{Map, Value};

use crate::yaml;

/// A Kubernetes object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object(pub Value);

impl Object {
    /// An object of this kind and name; in no namespace where `namespace` is empty.
    ///
    /// `rest` holds its further fields, such as `spec`.
    #[must_use]
    pub fn new(api_version: &str, kind: &str, namespace: &str, name: &str, rest: Value) -> Self {
        let mut metadata = Map::new();
        metadata.insert("name".into(), name.into());
        if !namespace.is_empty() {
            metadata.insert("namespace".into(), namespace.into());
        }
        let mut object = Map::new();
        object.insert("apiVersion".into(), api_version.into());
        object.insert("kind".into(), kind.into());
        object.insert("metadata".into(), metadata.into());
        if let Value::Object(rest) = rest {
            object.extend(rest);
        }
        Self(object.into())
    }

    /// Its `apiVersion`; empty where it has none.
    #[must_use]
    pub fn api_version(&self) -> &str {
        text(&self.0, "apiVersion")
    }

    /// Its `kind`; empty where it has none.
    #[must_use]
    pub fn kind(&self) -> &str {
        text(&self.0, "kind")
    }

    /// Its name; empty where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.get("metadata").map_or("", |metadata| text(metadata, "name"))
    }

    /// Its namespace; empty where it is in none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.0.get("metadata").map_or("", |metadata| text(metadata, "namespace"))
    }

    /// Sets a label.
    pub fn label(&mut self, key: &str, value: &str) {
        self.note("labels", key, value);
    }

    /// Sets an annotation.
    pub fn annotate(&mut self, key: &str, value: &str) {
        self.note("annotations", key, value);
    }

    fn note(&mut self, under: &str, key: &str, value: &str) {
        let notes = &mut self.0["metadata"][under];
        if !notes.is_object() {
            *notes = Value::Object(Map::new());
        }
        notes[key] = value.into();
    }

    /// It as YAML: keys in order, nothing that changes from one writing to the next.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::text(&self.0)
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}
