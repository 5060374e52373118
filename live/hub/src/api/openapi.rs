//! The `OpenAPI` document, version 3.1: made of the table of routes, and of the types of answers, whose schemas schemars derives.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, response::IntoResponse};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::access::Need;
use super::problem::Told;
use super::routes::{Gives, Route, table};

pub(super) fn routes() -> Vec<Route> {
    let anything = |_: &mut SchemaGenerator| schemars::json_schema!({"type": "object"});
    let summary = "This document";
    let gives = Gives::Json(anything);
    vec![Route::get("/openapi.json", Need::Nothing, summary, gives, get(answer))]
}

async fn answer() -> impl IntoResponse {
    Json(document(&table()))
}

/// What every answer says: it is of this moment, and of the type that it says.
pub(super) async fn mark(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

/// The document of a table.
pub(super) fn document(table: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let error = schemas.subschema_for::<Told>();
    let mut paths = Map::new();
    for route in table {
        let operation = operation(route, &mut schemas);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.verb.as_str()] = operation;
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "Periplus",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the scheduler knows and does, and what it can be told. Every answer that is JSON says \
                            `\"version\": 1`: that number grows when something goes or means something else. Other \
                            things may be added.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "responses": {
                "Problem": {
                    "description": "It cannot be, and why",
                    "content": {"application/json": {"schema": error}},
                },
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "certificate": {"type": "mutualTLS"},
            },
        },
    })
}

fn operation(route: &Route, schemas: &mut SchemaGenerator) -> Value {
    let content = match route.gives {
        Gives::Json(form) => json!({"application/json": {"schema": form(schemas)}}),
        Gives::Text(kind) => json!({kind: {"schema": {"type": "string"}}}),
    };
    let mut operation = json!({
        "summary": route.summary,
        "operationId": id(route),
        "parameters": parameters(route, schemas),
        "responses": {
            route.status.as_str(): {"description": route.summary, "content": content},
            "default": {"$ref": "#/components/responses/Problem"},
        },
        "security": [],
    });
    if let Some(other) = &route.or {
        operation["responses"][other.as_str()] =
            operation["responses"][route.status.as_str()].clone();
    }
    if let Some(role) = route.need.role() {
        operation["security"] = json!([{"token": [role]}, {"certificate": [role]}]);
    }
    if let Some(form) = route.takes {
        let content = json!({"application/json": {"schema": form(schemas)}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    operation
}

/// `getV1AppsName` for `GET /v1/apps/{name}`.
fn id(route: &Route) -> String {
    let mut id = route.verb.as_str().to_owned();
    for word in route.path.split(|next: char| !next.is_ascii_alphanumeric()) {
        let (first, rest) = word.split_at(word.len().min(1));
        id.push_str(&first.to_ascii_uppercase());
        id.push_str(rest);
    }
    id
}

fn parameters(route: &Route, schemas: &mut SchemaGenerator) -> Vec<Value> {
    let in_path = route.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
    });
    let mut parameters: Vec<Value> = in_path.collect();
    if let Some((name, about)) = route.signature {
        let schema = json!({"type": "string"});
        parameters.push(json!({"name": name, "in": "header", "required": true, "description": about, "schema": schema}));
    }
    let Some(form) = route.query else { return parameters };
    let object = form(schemas).to_value();
    let required = object["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in object["properties"].as_object().into_iter().flatten() {
        let is_required = required.iter().any(|one| one == name);
        let mut schema = schema.clone();
        let about = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        // What may be left out is not therefore null.
        if let Some(kind) = schema["type"].as_array().and_then(|kinds| kinds.first()).cloned() {
            schema["type"] = kind;
        }
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": is_required,
            "description": about.unwrap_or_default(),
            "schema": schema,
        }));
    }
    parameters
}
