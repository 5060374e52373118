//! The requests with which servers are compared. `{rv}`, `{uid}` and `{continue}` stand for what the last answer that
//! had one said.

mod kinds;
mod shared;

use kinds::kinds;
use serde_json::{Value, json};
use shared::{applies, custom, deployments, goodbyes};

/// One request.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    /// For people, and unique.
    pub(super) name: &'static str,
    /// The HTTP method.
    pub(super) method: &'static str,
    /// The path with its query.
    pub(super) path: &'static str,
    /// The body's media type.
    pub(super) media: &'static str,
    /// The answer's.
    pub(super) accept: &'static str,
    /// The body.
    pub(super) body: String,
    /// Whether 404 means "not yet".
    pub(super) awaited: bool,
}

const MERGE: &str = "application/merge-patch+json";
const JSON: &str = "application/json-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";
const ONE: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
const MANY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

fn get(name: &'static str, path: &'static str) -> Step {
    Step { name, method: "GET", path, ..Step::default() }
}

fn send(method: &'static str, name: &'static str, path: &'static str, body: &Value) -> Step {
    let body = body.to_string();
    Step { name, method, path, media: "application/json", body, ..Step::default() }
}

fn post(name: &'static str, path: &'static str, body: &Value) -> Step {
    send("POST", name, path, body)
}

fn put(name: &'static str, path: &'static str, body: &Value) -> Step {
    send("PUT", name, path, body)
}

fn patch(media: &'static str, name: &'static str, path: &'static str, body: &Value) -> Step {
    Step { media, ..send("PATCH", name, path, body) }
}

fn delete(name: &'static str, path: &'static str) -> Step {
    Step { name, method: "DELETE", path, ..Step::default() }
}

fn seen(accept: &'static str, step: Step) -> Step {
    Step { accept, ..step }
}

/// All requests, in order.
pub(super) fn steps() -> Vec<Step> {
    [objects(), patches(), lists(), applies(), deployments(), kinds(), goodbyes(), custom()]
        .concat()
}

const MAPS: &str = "/api/v1/namespaces/table/configmaps";

fn map(name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "labels": { "app": name } }, "data": data,
    })
}

fn objects() -> Vec<Step> {
    let one = "/api/v1/namespaces/table/configmaps/one";
    let with = |field: &str, value: &str| {
        let mut map = map("one", &json!({ "k": "1" }));
        map["metadata"][field] = json!(value);
        map
    };
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "table" } });
    let mut other = map("one", &json!({}));
    other["kind"] = json!("Secret");
    vec![
        post("a namespace is made", "/api/v1/namespaces", &namespace),
        get("a namespace is read", "/api/v1/namespaces/table"),
        post("a map is made", MAPS, &map("one", &json!({ "k": "1" }))),
        get("a map is read", one),
        post("a map is made twice", MAPS, &map("one", &json!({}))),
        post(
            "a map in no namespace",
            "/api/v1/namespaces/none/configmaps",
            &map("one", &json!({})),
        ),
        post("a map in another namespace", MAPS, &with("namespace", "default")),
        post("a map without a name", MAPS, &json!({ "apiVersion": "v1", "kind": "ConfigMap" })),
        post("a map with a bad name", MAPS, &map("Bad_Name", &json!({}))),
        post(
            "a map with a drawn name",
            MAPS,
            &json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "generateName": "drawn-" },
            }),
        ),
        post("another kind among maps", MAPS, &other),
        get("a map that is not", "/api/v1/namespaces/table/configmaps/none"),
        get("a kind that is not", "/api/v1/namespaces/table/nothings"),
        get("a group that is not", "/apis/none.example.org/v1/nothings"),
        get("a deployment that is not", "/apis/apps/v1/namespaces/table/deployments/none"),
        put("a map is replaced", one, &map("one", &json!({ "k": "2" }))),
        put("a map is replaced by itself", one, &map("one", &json!({ "k": "2" }))),
        put("a map is replaced from a stale state", one, &with("resourceVersion", "1")),
        put("a map is replaced by another of its name", one, &with("uid", "a-b-c")),
        put("a map is replaced under a wrong name", one, &map("two", &json!({}))),
        put("a map is replaced in a wrong namespace", one, &with("namespace", "default")),
        put(
            "a map that is not is replaced",
            "/api/v1/namespaces/table/configmaps/none",
            &map("none", &json!({})),
        ),
        post(
            "a map is made dry",
            "/api/v1/namespaces/table/configmaps?dryRun=All",
            &map("dry", &json!({})),
        ),
        get("a dry map is not", "/api/v1/namespaces/table/configmaps/dry"),
        post(
            "a secret is made",
            "/api/v1/namespaces/table/secrets",
            &json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s" }, "stringData": { "k": "text" },
            }),
        ),
        seen(ONE, get("a map's metadata", one)),
        get("core resources", "/api/v1"),
        get("a group", "/apis/apps"),
        get("health", "/healthz"),
    ]
}

fn patches() -> Vec<Step> {
    let one = "/api/v1/namespaces/table/configmaps/one";
    let none = "/api/v1/namespaces/table/configmaps/none";
    vec![
        patch(MERGE, "merge", one, &json!({ "data": { "l": "3", "k": null } })),
        patch(MERGE, "merge nothing", one, &json!({})),
        patch(MERGE, "merge into nothing", none, &json!({ "data": { "l": "3" } })),
        patch(
            MERGE,
            "merge a stale state",
            one,
            &json!({ "metadata": { "resourceVersion": "1" } }),
        ),
        patch(MERGE, "merge another name", one, &json!({ "metadata": { "name": "two" } })),
        patch(
            MERGE,
            "merge with force",
            "/api/v1/namespaces/table/configmaps/one?force=true",
            &json!({}),
        ),
        patch(
            JSON,
            "json patch",
            one,
            &json!([
                { "op": "add", "path": "/metadata/labels/tier", "value": "edge" },
                { "op": "test", "path": "/data/l", "value": "3" },
                { "op": "replace", "path": "/data/l", "value": "4" },
            ]),
        ),
        patch(
            JSON,
            "json patch whose test fails",
            one,
            &json!([
                { "op": "test", "path": "/data/l", "value": "5" },
            ]),
        ),
        patch(
            JSON,
            "json patch of nothing",
            one,
            &json!([{ "op": "remove", "path": "/data/none" }]),
        ),
        patch(
            STRATEGIC,
            "strategic",
            one,
            &json!({ "metadata": { "finalizers": ["example.org/held"] } }),
        ),
        patch(
            STRATEGIC,
            "strategic again",
            one,
            &json!({ "metadata": { "finalizers": ["example.org/too"] } }),
        ),
        patch(
            STRATEGIC,
            "strategic removal",
            one,
            &json!({
                "metadata": { "$deleteFromPrimitiveList/finalizers": ["example.org/held", "example.org/too"] },
            }),
        ),
        patch("application/xml", "a patch of no known kind", one, &json!({})),
        Step { body: "{".to_owned(), ..patch(MERGE, "a patch that is no json", one, &json!({})) },
        send("POST", "post to one map", one, &json!({})),
    ]
}

fn lists() -> Vec<Step> {
    let mut steps: Vec<Step> = vec![
        post("list: a", MAPS, &map("list-a", &json!({}))),
        post("list: b", MAPS, &map("list-b", &json!({}))),
        post("list: c", MAPS, &map("list-c", &json!({}))),
    ];
    let selected = [
        ("equal", "/api/v1/namespaces/table/configmaps?labelSelector=app%3Dlist-a"),
        ("equal twice", "/api/v1/namespaces/table/configmaps?labelSelector=app%3D%3Dlist-a"),
        ("unequal", "/api/v1/namespaces/table/configmaps?labelSelector=app%21%3Dlist-a%2Capp"),
        ("in", "/api/v1/namespaces/table/configmaps?labelSelector=app+in+%28list-a%2Clist-b%29"),
        ("not in", "/api/v1/namespaces/table/configmaps?labelSelector=app+notin+%28list-a%29"),
        ("exists", "/api/v1/namespaces/table/configmaps?labelSelector=tier"),
        ("absent", "/api/v1/namespaces/table/configmaps?labelSelector=%21tier"),
        ("by name", "/api/v1/namespaces/table/configmaps?fieldSelector=metadata.name%3Dlist-b"),
        ("by an unknown field", "/api/v1/namespaces/table/configmaps?fieldSelector=spec.none%3D1"),
        (
            "pods by node",
            "/api/v1/namespaces/table/pods?fieldSelector=spec.nodeName%3Dn1%2Cstatus.phase%21%3DFailed",
        ),
        ("in all namespaces", "/api/v1/configmaps?labelSelector=app"),
        ("of nothing", "/api/v1/namespaces/none/configmaps"),
        ("from any state", "/api/v1/namespaces/table/configmaps?resourceVersion=0&limit=1"),
        ("a first page", "/api/v1/namespaces/table/configmaps?limit=2"),
        ("a second page", "/api/v1/namespaces/table/configmaps?limit=2&continue={continue}"),
        ("a first selected page", "/api/v1/namespaces/table/configmaps?limit=1&labelSelector=app"),
        (
            "exactly at a version",
            "/api/v1/namespaces/table/configmaps?resourceVersion={rv}&resourceVersionMatch=Exact",
        ),
        ("matching no version", "/api/v1/namespaces/table/configmaps?resourceVersionMatch=Exact"),
        ("at no version", "/api/v1/namespaces/table/configmaps?resourceVersion=x&limit=1"),
        ("a page of no token", "/api/v1/namespaces/table/configmaps?limit=1&continue=x"),
        (
            "resume with a version",
            "/api/v1/namespaces/table/configmaps?limit=1&continue={continue}&resourceVersion=5",
        ),
    ];
    steps.extend(selected.map(|(name, path)| get(name, path)));
    steps.push(seen(MANY, get("metadata", "/api/v1/namespaces/table/configmaps?limit=2")));
    let changed = json!({ "metadata": { "labels": { "app": "other" } } });
    steps.extend([
        get("the newest state", "/api/v1/namespaces/table/configmaps/list-c"),
        post("watch: made", MAPS, &map("watched", &json!({}))),
        patch(MERGE, "watch: changed", "/api/v1/namespaces/table/configmaps/watched", &changed),
        delete("watch: deleted", "/api/v1/namespaces/table/configmaps/watched"),
        get("watch: where from", "/api/v1/namespaces/table/configmaps/list-c"),
        get("watch", "/api/v1/namespaces/table/configmaps?watch=true&timeoutSeconds=1&resourceVersion={rv}&labelSelector=app+in+%28watched%2Cother%29"),
        get("watch what is selected", "/api/v1/namespaces/table/configmaps?watch=1&timeoutSeconds=1&resourceVersion={rv}&labelSelector=app%3Dwatched"),
        get("watch from the start", "/api/v1/namespaces/table/configmaps?watch=1&timeoutSeconds=1&labelSelector=app%3Dlist-a"),
        get("watch matching a version", "/api/v1/namespaces/table/configmaps?watch=1&timeoutSeconds=1&resourceVersionMatch=NotOlderThan&sendInitialEvents=true"),
        get("watch from no version", "/api/v1/namespaces/table/configmaps?watch=1&timeoutSeconds=1&resourceVersion=x"),
        seen(ONE, get("watch metadata", "/api/v1/namespaces/table/configmaps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dlist-a")),
        delete("a collection is deleted", "/api/v1/namespaces/table/configmaps?labelSelector=app+in+%28list-a%2Clist-b%29"),
        get("what the collection left", "/api/v1/namespaces/table/configmaps?labelSelector=app"),
    ]);
    steps
}
