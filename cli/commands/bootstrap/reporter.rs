//! What is installed in a cluster that the service cannot reach: the reporter with its account, and what has Flux send alerts.
//! Each part says why it is there.

use periplus_spec::draft::AgentType;
use periplus_spec::scenario::ClusterFacts;
use serde_json::{Value, json};

const NAME: &str = "periplus-report";
const NAMESPACE: &str = "periplus";
const ALERTS: &str = "periplus-alerts";
const FLUX: &str = "flux-system";
const IMAGE: &str = concat!("periplus:", env!("CARGO_PKG_VERSION"));
/// It is too short to be a key, so nothing takes it for one.
const NO_KEY: &str = "REPLACE ME";

/// All objects, as YAML.
pub(super) fn objects(cluster: &ClusterFacts, hub: &str) -> String {
    let (name, hub): (&str, &str) = (&cluster.name, hub.trim_end_matches('/'));
    let mut parts = reporter(name, hub);
    match cluster.agent {
        AgentType::Flux => parts.extend(alerts(name, hub)),
        // It has nothing that signs what it sends.
        AgentType::Argocd => {}
    }
    let texts: Vec<String> = parts.iter().map(text).collect();
    texts.join("---\n")
}

/// An object, with what is to be said of it.
type Part = (String, Value);

fn text((about, object): &Part) -> String {
    let lines = about.lines().map(|line| format!("# {line}\n"));
    let object = serde_saphyr::to_string(object).expect("objects of strings are written as YAML");
    lines.chain([object]).collect()
}

fn part(about: impl Into<String>, object: Value) -> Part {
    (about.into(), object)
}

fn reporter(cluster: &str, hub: &str) -> Vec<Part> {
    let named = json!({"name": NAME, "namespace": NAMESPACE});
    let group = "rbac.authorization.k8s.io";
    vec![
        part("", json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})),
        part("", json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named})),
        part(
            "It changes nothing and reads no Secrets. `list` tells what is there, `watch` every change of it: of nodes and pods what room\n\
             is free, of workloads how many pods are ready, of Flux's and Argo CD's objects what could not be applied. `get` of /livez\n\
             tells whether the API answers. Kinds that are not there may be left out.",
            json!({
                "apiVersion": format!("{group}/v1"),
                "kind": "ClusterRole",
                "metadata": {"name": NAME},
                "rules": periplus_live::clusters::rules(),
            }),
        ),
        part(
            "",
            json!({
                "apiVersion": format!("{group}/v1"),
                "kind": "ClusterRoleBinding",
                "metadata": {"name": NAME},
                "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": NAME},
                "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}],
            }),
        ),
        part(
            format!(
                "A key that only this cluster has: `openssl rand -hex 32`. The service has the same line in the file {cluster} of its folder\n\
                 `clusters.reports.keys`."
            ),
            secret(NAME, NAMESPACE, "key"),
        ),
        part(
            "Two would speak against each other, so there is one, and the old one ends before the new one begins. If an authority of your\n\
             own has signed the service's certificate, put it into the Secret as `ca.crt`, and add `--ca-file=/etc/periplus/ca.crt`.",
            deployment(cluster, hub),
        ),
    ]
}

fn secret(name: &str, namespace: &str, key: &str) -> Value {
    let mut secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
    });
    secret["stringData"][key] = NO_KEY.into();
    secret
}

fn deployment(cluster: &str, hub: &str) -> Value {
    let labels = json!({"app.kubernetes.io/name": NAME});
    let args = [
        "report".to_owned(),
        format!("--cluster={cluster}"),
        format!("--hub={hub}"),
        "--key-file=/etc/periplus/key".to_owned(),
        "--log-lines=json".to_owned(),
    ];
    let container = json!({
        "name": "report",
        "image": IMAGE,
        "args": args,
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "key", "mountPath": "/etc/periplus", "readOnly": true}],
    });
    let pod = json!({
        "serviceAccountName": NAME,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65_532,
            "runAsGroup": 65_532,
            "fsGroup": 65_532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "key", "secret": {"secretName": NAME, "defaultMode": 288}}],
    });
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    })
}

fn alerts(cluster: &str, hub: &str) -> Vec<Part> {
    let api = "notification.toolkit.fluxcd.io/v1beta3";
    let sources = ["Kustomization", "HelmRelease"].map(|kind| json!({"kind": kind, "name": "*"}));
    vec![
        part(
            format!(
                "From here on: Flux tells of what it did at once, besides what the reporter sees. Leave it out if you like. This is a key of its\n\
                 own: the service has it in the file {cluster} of its folder `clusters.alerts.keys`."
            ),
            secret(ALERTS, FLUX, "token"),
        ),
        part(
            "",
            json!({
                "apiVersion": api,
                "kind": "Provider",
                "metadata": {"name": ALERTS, "namespace": FLUX},
                "spec": {
                    "type": "generic-hmac",
                    "address": format!("{hub}/v1/alerts/{cluster}"),
                    "secretRef": {"name": ALERTS},
                },
            }),
        ),
        part(
            "",
            json!({
                "apiVersion": api,
                "kind": "Alert",
                "metadata": {"name": ALERTS, "namespace": FLUX},
                "spec": {
                    "providerRef": {"name": ALERTS},
                    "eventSeverity": "info",
                    "eventSources": sources,
                },
            }),
        ),
    ]
}
