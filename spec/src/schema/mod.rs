//! Schemas: what a document of each kind must look like, made from the drafts.
//!
//! One source for three readers: editors (JSON Schema), people ([`reference()`]), and the validator, which
//! collects every complaint before serde sees the document.

mod form;
mod header;
mod reference;
mod suggest;
mod validate;

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::draft::{
    API_VERSION, ApplicationDraft, ClusterDraft, InitialStateDraft, Kind, Metadata, PolicyDraft,
    ScenarioDraft, TenantDraft, ZoneDraft,
};

pub(crate) use self::form::{Fields, Form, Others};
pub(crate) use self::header::{Header, document_kind};
pub use self::reference::reference;
pub use self::suggest::nearest;
pub(crate) use self::suggest::{did_you_mean, listed};
pub(crate) use self::validate::{form, validate, validate_sheet};

/// The JSON Schema of a kind's documents, for editors.
#[must_use]
pub fn schema(kind: Kind) -> Value {
    known(kind).clone()
}

/// The schema of a kind, made once.
pub(crate) fn known(kind: Kind) -> &'static Value {
    static APPLICATION: LazyLock<Value> =
        LazyLock::new(|| document::<ApplicationDraft>(Kind::Application));
    static CLUSTER: LazyLock<Value> = LazyLock::new(|| document::<ClusterDraft>(Kind::Cluster));
    static INITIAL: LazyLock<Value> =
        LazyLock::new(|| document::<InitialStateDraft>(Kind::InitialState));
    static POLICY: LazyLock<Value> = LazyLock::new(|| document::<PolicyDraft>(Kind::Policy));
    static SCENARIO: LazyLock<Value> = LazyLock::new(|| document::<ScenarioDraft>(Kind::Scenario));
    static TENANT: LazyLock<Value> = LazyLock::new(|| document::<TenantDraft>(Kind::Tenant));
    static ZONE: LazyLock<Value> = LazyLock::new(|| document::<ZoneDraft>(Kind::Zone));
    match kind {
        Kind::Application => &APPLICATION,
        Kind::Cluster => &CLUSTER,
        Kind::InitialState => &INITIAL,
        Kind::Policy => &POLICY,
        Kind::Scenario => &SCENARIO,
        Kind::Tenant => &TENANT,
        Kind::Zone => &ZONE,
    }
}

fn document<S: JsonSchema>(kind: Kind) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let metadata = generator.subschema_for::<Metadata>();
    let spec = generator.subschema_for::<S>();
    let description = description_of::<S>(&mut generator);
    let mut definitions = generator.take_definitions(true);
    definitions.values_mut().for_each(without_null);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind.name(),
        "description": description,
        "type": "object",
        "properties": {
            "apiVersion": { "const": API_VERSION, "description": "The version of these kinds." },
            "kind": { "const": kind.name(), "description": "What the document is about." },
            "metadata": metadata,
            "spec": spec,
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

/// The JSON Schema of sheets.
pub(crate) fn sheet_schema<S: JsonSchema>(title: &str) -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = S::json_schema(&mut generator);
    let mut definitions = generator.take_definitions(true);
    definitions.values_mut().for_each(without_null);
    strip(&mut schema);
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".into(), title.into());
    schema.insert("$defs".into(), definitions.into());
    schema.to_value()
}

fn description_of<S: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    let schema = S::json_schema(generator);
    schema.get("description").cloned().unwrap_or(Value::Null)
}

/// Takes `null` out of a schema. An empty value counts as absent, so that no field needs to allow it.
fn without_null(schema: &mut Value) {
    let Ok(schema) = <&mut Schema>::try_from(schema) else {
        return;
    };
    strip(schema);
}

fn strip(schema: &mut Schema) {
    transform_subschemas(&mut strip, schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    strip_alternative(object);
}

fn strip_alternative(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else {
        return;
    };
    alternatives.retain(|schema| schema.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = alternatives.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

/// The part of a schema that a reference leads to.
pub(crate) fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let Some(pointer) = reference.and_then(|reference| reference.strip_prefix('#')) else {
        return schema;
    };
    root.pointer(pointer).unwrap_or(schema)
}
