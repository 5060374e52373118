//! The requests about objects that several write, that controllers act on, that are defined, and that go.

use serde_json::{Value, json};

use super::{APPLY, MAPS, MERGE, STRATEGIC, Step, delete, get, map, patch, post, put, send};

pub(super) fn applies() -> Vec<Step> {
    let config = |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "applied" }, "data": data });
    let by = |manager: &str| match manager {
        "a" => "/api/v1/namespaces/table/configmaps/applied?fieldManager=a",
        "b" => "/api/v1/namespaces/table/configmaps/applied?fieldManager=b",
        _ => "/api/v1/namespaces/table/configmaps/applied?fieldManager=b&force=true",
    };
    let bare = "/api/v1/namespaces/table/configmaps/applied";
    let managed = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "applied", "managedFields": [] },
    });
    vec![
        patch(APPLY, "apply makes", by("a"), &config(json!({ "x": "1", "y": "1" }))),
        patch(APPLY, "apply again", by("a"), &config(json!({ "x": "1", "y": "1" }))),
        patch(APPLY, "apply the same as another", by("b"), &config(json!({ "x": "1" }))),
        patch(APPLY, "apply over another", by("b"), &config(json!({ "x": "2", "y": "2" }))),
        patch(APPLY, "apply by force", by("force"), &config(json!({ "x": "2", "z": "2" }))),
        patch(APPLY, "apply less", by("a"), &config(json!({}))),
        patch(MERGE, "update what is applied", bare, &json!({ "data": { "z": "3", "w": "3" } })),
        patch(APPLY, "apply over an update", by("b"), &config(json!({ "x": "2", "z": "4" }))),
        patch(APPLY, "apply over updates", by("a"), &config(json!({ "w": "4", "z": "4" }))),
        patch(APPLY, "apply without a manager", bare, &config(json!({}))),
        patch(APPLY, "apply managed fields", by("a"), &managed),
        patch(
            APPLY,
            "apply another name",
            "/api/v1/namespaces/table/configmaps/other?fieldManager=a",
            &config(json!({})),
        ),
        patch(
            APPLY,
            "apply from a stale state",
            by("a"),
            &json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "applied", "resourceVersion": "1" },
            }),
        ),
        get("what was applied", bare),
    ]
}

pub(super) fn deployments() -> Vec<Step> {
    let one = "/apis/apps/v1/namespaces/table/deployments/web";
    let status = "/apis/apps/v1/namespaces/table/deployments/web/status";
    let deployment = |containers: Value| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" },
            "spec": {
                "selector": { "matchLabels": { "app": "web" } },
                "template": {
                    "metadata": { "labels": { "app": "web" } },
                    "spec": { "containers": containers },
                },
            },
        })
    };
    let first = json!([{
        "name": "web", "image": "web:1", "env": [
            { "name": "K", "value": "1" },
            { "name": "S", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } },
            { "name": "N", "valueFrom": { "fieldRef": { "fieldPath": "spec.nodeName" } } },
        ],
        "envFrom": [{ "configMapRef": { "name": "c" } }],
        "resources": { "requests": { "cpu": "100m" } }, "args": ["a"], "securityContext": {},
        "ports": [{ "containerPort": 80, "protocol": "TCP" }],
    }]);
    let more = json!([
        { "name": "side", "image": "side:1" },
        { "name": "web", "env": [{ "name": "L", "value": "2" }] },
    ]);
    let applied = json!([{
        "name": "web", "image": "web:2", "env": [{ "name": "M", "value": "3" }],
    }]);
    let less = json!([{ "name": "web", "image": "web:2" }]);
    let with_template = |containers: &Value| json!({ "spec": { "template": { "spec": { "containers": containers } } } });
    vec![
        post(
            "a deployment is made",
            "/apis/apps/v1/namespaces/table/deployments",
            &deployment(first),
        ),
        patch(STRATEGIC, "containers merge by name", one, &with_template(&more)),
        patch(MERGE, "an annotation", one, &json!({ "metadata": { "annotations": { "a": "1" } } })),
        patch(MERGE, "a label", one, &json!({ "metadata": { "labels": { "a": "1" } } })),
        patch(MERGE, "a status by the wrong door", one, &json!({ "status": { "replicas": 3 } })),
        patch(
            MERGE,
            "a status",
            status,
            &json!({
                "spec": { "replicas": 7 },
                "status": { "observedGeneration": 1, "replicas": 3, "conditions": [
                    { "type": "Available", "status": "True", "reason": "R", "message": "m" },
                ] },
            }),
        ),
        get("a status is read", status),
        get("a scale", "/apis/apps/v1/namespaces/table/deployments/web/scale"),
        patch(
            MERGE,
            "a scale is set",
            "/apis/apps/v1/namespaces/table/deployments/web/scale",
            &json!({
                "spec": { "replicas": 2 },
            }),
        ),
        patch(
            APPLY,
            "a deployment is applied",
            "/apis/apps/v1/namespaces/table/deployments/web?fieldManager=a&force=true",
            &deployment(applied),
        ),
        patch(
            APPLY,
            "an env is no longer applied",
            "/apis/apps/v1/namespaces/table/deployments/web?fieldManager=a",
            &deployment(less),
        ),
        patch(
            STRATEGIC,
            "a container is deleted",
            one,
            &with_template(&json!([{ "name": "side", "$patch": "delete" }])),
        ),
        delete("a deployment is deleted", one),
        get("resources of apps", "/apis/apps/v1"),
    ]
}

pub(super) fn custom() -> Vec<Step> {
    let all = "/apis/table.example.org/v1/namespaces/default/wants";
    let one = "/apis/table.example.org/v1/namespaces/default/wants/w";
    let status = "/apis/table.example.org/v1/namespaces/default/wants/w/status";
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let schema = json!({ "type": "object", "properties": {
        "spec": { "type": "object", "properties": {
            "size": { "type": "integer" }, "parts": { "type": "array", "items": { "type": "string" } },
            "free": any,
        } },
        "status": any,
    } });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "wants.table.example.org" },
        "spec": {
            "group": "table.example.org", "scope": "Namespaced",
            "names": { "kind": "Want", "plural": "wants", "singular": "want", "listKind": "WantList" },
            "versions": [{
                "name": "v1", "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": schema },
            }],
        },
    });
    let want = |spec: Value| {
        json!({
            "apiVersion": "table.example.org/v1", "kind": "Want", "metadata": { "name": "w" }, "spec": spec,
        })
    };
    let mut told = want(json!({ "size": 3 }));
    told["status"] = json!({ "phase": "Done" });
    told["metadata"]["resourceVersion"] = json!("{rv}");
    vec![
        post(
            "a kind is defined",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
            &definition,
        ),
        Step { awaited: true, ..get("a defined kind is served", all) },
        Step {
            awaited: true,
            ..post("a want is made", all, &want(json!({ "size": 1, "parts": ["a"] })))
        },
        get("a want is read", one),
        get(
            "a definition is read",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/wants.table.example.org",
        ),
        put("a want is replaced from nowhere", one, &want(json!({ "size": 2 }))),
        get("a want is read again", one),
        put("a want is replaced", one, &told),
        put("a want's status is replaced", status, &told),
        patch(
            MERGE,
            "a want's status is merged",
            status,
            &json!({ "status": { "seen": 1 }, "spec": { "size": 9 } }),
        ),
        patch(MERGE, "a want's spec is merged", one, &json!({ "spec": { "parts": ["b", "c"] } })),
        patch(MERGE, "a want's label", one, &json!({ "metadata": { "labels": { "a": "1" } } })),
        patch(STRATEGIC, "a want has no strategy", one, &json!({})),
        patch(
            APPLY,
            "a want is applied",
            "/apis/table.example.org/v1/namespaces/default/wants/w?fieldManager=a&force=true",
            &want(json!({ "size": 4, "parts": ["d"] })),
        ),
        patch(
            APPLY,
            "a want is applied over",
            "/apis/table.example.org/v1/namespaces/default/wants/w?fieldManager=b",
            &want(json!({ "size": 5 })),
        ),
        get("wants", all),
        get("resources of a definition", "/apis/table.example.org/v1"),
        delete("a want is deleted", one),
    ]
}

pub(super) fn goodbyes() -> Vec<Step> {
    let one = "/api/v1/namespaces/table/configmaps/held";
    let mut held = map("held", &json!({}));
    held["metadata"]["finalizers"] = json!(["example.org/held"]);
    let only = |field: &str, value: &str| json!({ "preconditions": { field: value } });
    let mut again = held.clone();
    again["metadata"]["name"] = json!("held-too");
    vec![
        delete("what is not is deleted", "/api/v1/namespaces/table/configmaps/none"),
        post("a held map is made", MAPS, &held),
        send("DELETE", "a map is deleted if it is another", one, &only("uid", "a-b-c")),
        send("DELETE", "a map is deleted if it is older", one, &only("resourceVersion", "1")),
        delete("a held map is deleted", one),
        delete("a held map is deleted twice", one),
        patch(MERGE, "a held map is let go", one, &json!({ "metadata": { "finalizers": null } })),
        get("a map that was let go", one),
        delete("a map is deleted", "/api/v1/namespaces/table/configmaps/one"),
        post("another held map is made", MAPS, &again),
        delete("a namespace is deleted", "/api/v1/namespaces/table"),
        post("a map in a namespace that goes", MAPS, &map("late", &json!({}))),
    ]
}
