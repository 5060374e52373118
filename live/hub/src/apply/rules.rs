//! What the account that applies to a cluster must be allowed to do besides what it may see.

use k8s_openapi::api::rbac::v1::PolicyRule;

/// A right, and what it is for.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What it is for.
    pub why: &'static str,
    /// What it allows.
    pub rule: PolicyRule,
}

/// The verbs by which objects are applied and deleted again: `get` tells what was there before us and whose an object is,
/// `create` and `patch` are server-side apply, `delete` takes away what is not wanted any more.
const VERBS: [&str; 4] = ["get", "create", "patch", "delete"];

/// The kinds that are written for apps, by group and by what for.
const WRITTEN: [(&str, &[&str], &str); 15] = [
    (
        "",
        &["namespaces", "resourcequotas", "limitranges"],
        "Namespaces of tenants, and what bounds them.",
    ),
    (
        "",
        &["configmaps", "persistentvolumeclaims", "serviceaccounts", "services"],
        "What apps consist of besides pods.",
    ),
    ("apps", &["deployments", "statefulsets"], "Pods of apps."),
    ("autoscaling", &["horizontalpodautoscalers"], "With `scaling: hpa`."),
    ("policy", &["poddisruptionbudgets"], "Where an app brings some."),
    (
        "rbac.authorization.k8s.io",
        &["rolebindings"],
        "The rights of tenants' members in their namespaces.",
    ),
    (
        "networking.k8s.io",
        &["ingresses", "networkpolicies"],
        "Who may call whom, and the entrances that apps bring.",
    ),
    ("gateway.networking.k8s.io", &["gateways", "httproutes"], "With the Gateway API."),
    (
        "networking.istio.io",
        &["destinationrules", "gateways", "serviceentries", "virtualservices"],
        "With Istio.",
    ),
    ("security.istio.io", &["authorizationpolicies", "peerauthentications"], "With Istio."),
    (
        "policy.linkerd.io",
        &["authorizationpolicies", "meshtlsauthentications", "networkauthentications", "servers"],
        "With Linkerd.",
    ),
    ("cilium.io", &["ciliumegressgatewaypolicies", "ciliumnetworkpolicies"], "With Cilium."),
    ("multicluster.x-k8s.io", &["serviceexports"], "With services of several clusters."),
    ("externaldns.k8s.io", &["dnsendpoints"], "With ExternalDNS."),
    (
        "batch.sdewan.akraino.org",
        &[
            "firewalldnats",
            "firewallforwardings",
            "firewallrules",
            "firewallsnats",
            "firewallzones",
        ],
        "With SD-EWAN firewalls.",
    ),
];

/// What an account needs in the whole cluster, with what each is for. What a cluster does not have may be left out; kinds
/// that apps bring themselves are to be added.
#[must_use]
pub fn grants() -> Vec<Grant> {
    let mut grants: Vec<Grant> = WRITTEN
        .into_iter()
        .map(|(group, resources, why)| Grant { why, rule: rule(group, resources, &VERBS, None) })
        .collect();
    grants.push(Grant {
        why: "Nobody may give rights away that they have not, but by this.",
        rule: rule(
            "rbac.authorization.k8s.io",
            &["clusterroles"],
            &["bind"],
            Some(["admin", "edit", "view"].map(str::to_owned).into()),
        ),
    });
    grants
}

/// The same without what each is for.
#[must_use]
pub fn rules() -> Vec<PolicyRule> {
    grants().into_iter().map(|grant| grant.rule).collect()
}

/// What an account needs in the namespace of the inventory: a role there is enough.
#[must_use]
pub fn inventory_rules() -> Vec<PolicyRule> {
    vec![rule("", &["configmaps"], &["list", "create", "update"], None)]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str], names: Option<Vec<String>>) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        resource_names: names,
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}
