//! The requests about the server's other kinds: nodes, pods, services, leases, events, accounts.

use serde_json::json;

use super::{APPLY, MANY, MERGE, STRATEGIC, Step, delete, get, patch, post, put, seen};

pub(super) fn kinds() -> Vec<Step> {
    [nodes(), pods(), services(), others()].concat()
}

fn nodes() -> Vec<Step> {
    let one = "/api/v1/nodes/n1";
    let status = "/api/v1/nodes/n1/status";
    let ready = |status: &str| {
        json!({ "status": { "conditions": [
            { "type": "Ready", "status": status, "reason": "R", "message": "m" },
        ] } })
    };
    let disk =
        json!({ "status": { "conditions": [{ "type": "DiskPressure", "status": "False" }] } });
    vec![
        post(
            "a node is made",
            "/api/v1/nodes",
            &json!({
                "apiVersion": "v1", "kind": "Node", "metadata": { "name": "n1", "labels": { "zone": "a" } },
                "status": { "capacity": { "cpu": "4" }, "addresses": [{ "type": "Hostname", "address": "n1" }] },
            }),
        ),
        patch(STRATEGIC, "a node is ready", status, &ready("True")),
        patch(STRATEGIC, "a node has room", status, &disk),
        patch(STRATEGIC, "a node is not ready", status, &ready("False")),
        patch(MERGE, "a node is cordoned", one, &json!({ "spec": { "unschedulable": true } })),
        get("nodes in a zone", "/api/v1/nodes?labelSelector=zone%3Da"),
        seen(MANY, get("nodes' metadata", "/api/v1/nodes?labelSelector=zone%3Da")),
        delete("a node is deleted", one),
    ]
}

fn pods() -> Vec<Step> {
    let all = "/api/v1/namespaces/table/pods";
    let one = "/api/v1/namespaces/table/pods/p";
    vec![
        post(
            "an account is made",
            "/api/v1/namespaces/table/serviceaccounts",
            &json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default" },
            }),
        ),
        post(
            "a pod is made",
            all,
            &json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "p", "labels": { "app": "p" } },
                "spec": {
                    "automountServiceAccountToken": false,
                    "containers": [{ "name": "c", "image": "c:1", "resources": { "limits": { "cpu": "1" } } }],
                },
            }),
        ),
        patch(
            STRATEGIC,
            "a pod runs",
            "/api/v1/namespaces/table/pods/p/status",
            &json!({
                "status": { "phase": "Running", "podIP": "10.0.0.1", "conditions": [
                    { "type": "Ready", "status": "True" },
                ] },
            }),
        ),
        get("pods that run", "/api/v1/namespaces/table/pods?fieldSelector=status.phase%3DRunning"),
        get("pods on a node", "/api/v1/namespaces/table/pods?fieldSelector=spec.nodeName%3Dn1"),
        patch(
            MERGE,
            "a pod's annotation",
            one,
            &json!({ "metadata": { "annotations": { "a": "1" } } }),
        ),
        get(
            "pods by an unknown field",
            "/api/v1/namespaces/table/pods?fieldSelector=spec.none%3D1",
        ),
        delete("a pod is deleted", one),
        get("pods of everywhere", "/api/v1/pods?labelSelector=app%3Dp"),
    ]
}

fn services() -> Vec<Step> {
    let one = "/api/v1/namespaces/table/services/s?fieldManager=a";
    let two = "/api/v1/namespaces/table/services/s?fieldManager=b";
    let service = |port: u16, target: u16| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" },
            "spec": {
                "selector": { "app": "web" },
                "ports": [{ "name": format!("p{port}"), "port": port, "targetPort": target, "protocol": "TCP" }],
            },
        })
    };
    vec![
        patch(APPLY, "a service is applied", one, &service(80, 8080)),
        patch(APPLY, "a port is added", two, &service(81, 8081)),
        patch(APPLY, "a port is contested", two, &service(80, 8081)),
        patch(APPLY, "a port is given up", two, &service(82, 8082)),
        delete("services are not deleted at once", "/api/v1/namespaces/table/services"),
        delete("namespaces are not deleted at once", "/api/v1/namespaces"),
        post(
            "a service with a good name",
            "/api/v1/namespaces/table/services",
            &json!({
                "apiVersion": "v1", "kind": "Service", "metadata": { "name": "nodes" },
                "spec": { "ports": [{ "port": 80 }] },
            }),
        ),
    ]
}

fn others() -> Vec<Step> {
    let lease = |holder: &str| {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "l" },
            "spec": { "holderIdentity": holder, "leaseDurationSeconds": 15 },
        })
    };
    let leases = "/apis/coordination.k8s.io/v1/namespaces/table/leases";
    vec![
        post("a lease is made", leases, &lease("a")),
        put(
            "a lease is taken",
            "/apis/coordination.k8s.io/v1/namespaces/table/leases/l",
            &lease("b"),
        ),
        get("leases", leases),
        post(
            "a stateful set is made",
            "/apis/apps/v1/namespaces/table/statefulsets",
            &json!({
                "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": { "name": "db" },
                "spec": {
                    "serviceName": "db", "selector": { "matchLabels": { "app": "db" } },
                    "template": {
                        "metadata": { "labels": { "app": "db" } },
                        "spec": {
                            "containers": [{
                                "name": "db", "image": "db:1",
                                "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
                            }],
                            "nodeSelector": { "zone": "a" },
                            "tolerations": [{ "key": "k", "operator": "Exists" }],
                            "volumes": [{ "name": "v", "emptyDir": {} }],
                        },
                    },
                },
            }),
        ),
        post(
            "an event is made",
            "/api/v1/namespaces/table/events",
            &json!({
                "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e" },
                "involvedObject": { "kind": "Pod", "namespace": "table", "name": "p" },
                "reason": "Started", "message": "it began", "type": "Normal",
            }),
        ),
        get(
            "events of a pod",
            "/api/v1/namespaces/table/events?fieldSelector=involvedObject.name%3Dp",
        ),
        patch(MERGE, "a merge of no name", "/api/v1/namespaces/table/leases/l", &json!({})),
    ]
}
