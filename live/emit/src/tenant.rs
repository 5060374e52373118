//! Tenants: the namespaces that they have in a cluster, and what holds in them.

use periplus_spec::draft::{MemberRole, QuotaDraft, TenantDraft};
use serde_json::{Map, Value, json};

use crate::object::Object;

/// Namespaces that a cluster has without us: never written, and so never removed.
const GIVEN: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The objects that make a namespace: itself, its quota with the defaults that a quota asks for, and the rights of the
/// tenant's members.
///
/// A tenant's quota holds over the whole fleet, and what is placed holds to it. In each cluster it is a last bound.
pub(crate) fn namespace(name: &str, tenant: &str, draft: &TenantDraft) -> Vec<Object> {
    let mut objects = Vec::new();
    if !GIVEN.contains(&name) {
        let mut namespace = Object::new("v1", "Namespace", "", name, json!({}));
        namespace.label("periplus.dev/tenant", tenant);
        objects.push(namespace);
    }
    if let Some(quota) = &draft.quota {
        let rest = json!({ "spec": { "hard": hard(quota) } });
        objects.push(Object::new("v1", "ResourceQuota", name, "tenant", rest));
        // Under a quota, pods that ask for nothing are refused. These are what is counted for them.
        let usual = json!({ "cpu": "100m", "memory": "200Mi" });
        let rest =
            json!({ "spec": { "limits": [{ "type": "Container", "defaultRequest": usual }] } });
        objects.push(Object::new("v1", "LimitRange", name, "tenant", rest));
    }
    for role in [MemberRole::Admin, MemberRole::Edit, MemberRole::View] {
        let groups = draft.members.iter().filter(|member| member.role == role);
        let subjects: Vec<Value> = groups
            .map(|member| {
                json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": member.group })
            })
            .collect();
        if !subjects.is_empty() {
            objects.push(rights(name, role, &subjects));
        }
    }
    objects
}

fn hard(quota: &QuotaDraft) -> Value {
    let mut hard = Map::new();
    for (name, amount) in [("requests.cpu", quota.cpu), ("requests.memory", quota.memory)] {
        if let Some(amount) = amount {
            hard.insert(name.into(), amount.to_string().into());
        }
    }
    let extended = quota.extended.iter();
    hard.extend(
        extended.map(|(name, count)| (format!("requests.{name}"), count.to_string().into())),
    );
    hard.into()
}

fn rights(namespace: &str, role: MemberRole, subjects: &[Value]) -> Object {
    let role = match role {
        MemberRole::Admin => "admin",
        MemberRole::Edit => "edit",
        MemberRole::View => "view",
    };
    let reference =
        json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role });
    let rest = json!({ "roleRef": reference, "subjects": subjects });
    let name = format!("tenant-{role}");
    Object::new("rbac.authorization.k8s.io/v1", "RoleBinding", namespace, &name, rest)
}
