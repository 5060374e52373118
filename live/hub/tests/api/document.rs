//! The `OpenAPI` document says what there is, and nothing else is there.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::Value;

use super::rig::{OPERATE, Rig};

/// Everything that there is.
const PATHS: [(&str, &str); 18] = [
    ("/healthz", "get"),
    ("/metrics", "get"),
    ("/openapi.json", "get"),
    ("/readyz", "get"),
    ("/v1/alerts/{name}", "post"),
    ("/v1/apps", "get"),
    ("/v1/apps/{name}", "get"),
    ("/v1/clusters", "get"),
    ("/v1/clusters/{name}", "get"),
    ("/v1/commands", "post"),
    ("/v1/copy", "post"),
    ("/v1/decisions", "get"),
    ("/v1/demand", "post"),
    ("/v1/log", "get"),
    ("/v1/otlp/v1/metrics", "post"),
    ("/v1/reports/{name}", "post"),
    ("/v1/state", "get"),
    ("/v1/why", "get"),
];

async fn document(rig: &Rig) -> Value {
    let answer = rig.asked(Method::GET, "/openapi.json", "").send().await.unwrap();
    answer.json().await.unwrap()
}

#[tokio::test]
async fn the_document_has_every_route_and_every_route_is_there() {
    let rig = Rig::start().await;
    let document = document(&rig).await;
    let mut written = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            written.insert((path.as_str(), method.as_str()));
        }
    }
    assert_eq!(written, BTreeSet::from(PATHS));
    for (path, method) in PATHS {
        // It is answered with something else than that there is nothing, and no other method is taken.
        let path = path.replace("{name}", "cloud").replace("apps/cloud", "apps/shop");
        let method: Method = method.to_uppercase().parse().unwrap();
        let status = rig.status(method.clone(), &path, OPERATE).await;
        assert!(status != 404 && status != 405, "{method} {path}: {status}");
        for other in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            if other != method {
                assert_eq!(rig.status(other.clone(), &path, OPERATE).await, 405, "{other} {path}");
            }
        }
    }
}

#[tokio::test]
async fn every_reference_of_the_document_leads_somewhere() {
    let rig = Rig::start().await;
    let document = document(&rig).await;
    let mut references = BTreeSet::new();
    let mut left = vec![&document];
    while let Some(value) = left.pop() {
        match value {
            Value::Object(object) => {
                references.extend(object.get("$ref").and_then(Value::as_str));
                left.extend(object.values());
            }
            Value::Array(items) => left.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    let ids: BTreeSet<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), PATHS.len());
}
