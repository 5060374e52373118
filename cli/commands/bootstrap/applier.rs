//! What the account of the service may do besides in a cluster that it applies to directly. Each right says what it is for.

use periplus_live::apply::{Grant, INVENTORY, NAMESPACE, grants, inventory_rules};
use serde_json::{Value, json};

use super::NAME;

const ROLE: &str = "periplus-apply";
const GROUP: &str = "rbac.authorization.k8s.io";

/// All objects, as YAML.
pub(super) fn objects() -> String {
    let rules: Vec<Value> = grants().into_iter().map(|grant| json!(grant.rule)).collect();
    let role = |kind: &str, rules: Value| {
        let metadata = match kind {
            "Role" => json!({"name": ROLE, "namespace": NAMESPACE}),
            _ => json!({"name": ROLE}),
        };
        json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": metadata, "rules": rules})
    };
    let binding = |kind: &str, of: &str| {
        let mut binding = json!({
            "apiVersion": format!("{GROUP}/v1"),
            "kind": kind,
            "metadata": {"name": ROLE},
            "roleRef": {"apiGroup": GROUP, "kind": of, "name": ROLE},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        });
        if kind == "RoleBinding" {
            binding["metadata"]["namespace"] = NAMESPACE.into();
        }
        binding
    };
    let inventory = format!(
        "# The inventory `{INVENTORY}` of what was applied: `list` reads it, `create` and `update` write it.\n"
    );
    [
        told() + &text(&role("ClusterRole", rules.into())),
        text(&binding("ClusterRoleBinding", "ClusterRole")),
        inventory + &text(&role("Role", json!(inventory_rules()))),
        text(&binding("RoleBinding", "Role")),
    ]
    .join("---\n")
}

/// What each right is for, in the order in which they stand.
fn told() -> String {
    let mut told = "# `get` tells what was there before, and whose an object is that is to go; `create` and `patch` are server-side apply;\n\
                    # `delete` takes away what is not wanted any more. What the cluster does not have may be left out; add the kinds that your\n\
                    # apps bring themselves.\n"
        .to_owned();
    for Grant { why, rule } in grants() {
        told += &format!("# - {}: {why}\n", rule.resources.unwrap_or_default().join(", "));
    }
    told
}

fn text(object: &Value) -> String {
    serde_saphyr::to_string(object).expect("objects of strings are written as YAML")
}
