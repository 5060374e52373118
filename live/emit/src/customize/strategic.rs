//! Strategic merge patches, for the types of Kubernetes itself.
//!
//! As in <https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>:
//! lists whose items have a key are merged item by item, others are replaced; `$patch: delete` and `$patch: replace`
//! say otherwise, and null takes a field away. The keys are those of the `patchMergeKey` tags of Kubernetes' Go types.

use serde_json::{Map, Value};

use super::Wrong;
use crate::object::Object;

/// Groups whose types are known.
const GROUPS: [&str; 7] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
];

/// The key by which items of a list are the same, by the list's field and a field that stands beside it.
const KEYS: [(&str, &str); 14] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("ephemeralContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("imagePullSecrets", "name"),
    ("resourceClaims", "name"),
    ("schedulingGates", "name"),
    ("volumeMounts", "mountPath"),
    ("volumeDevices", "devicePath"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
    ("secrets", "name"),
    ("ownerReferences", "uid"),
];

/// Merges a patch into an object.
pub(super) fn merge(object: &mut Object, patch: &Value) -> Result<(), Wrong> {
    let api = object.api_version();
    let group = api.rsplit_once('/').map_or("", |(group, _)| group);
    if !GROUPS.contains(&group) {
        let why = format!(
            "how lists of {} ({api}) are merged is not known; use `mergePatch` or `jsonPatch`",
            object.kind()
        );
        return Err(Wrong::new("strategicMerge", why));
    }
    let Value::Object(patch) = patch else {
        return Err(Wrong::new("strategicMerge", "a patch of an object is a mapping"));
    };
    merge_mapping(&mut object.0, patch).map_err(|why| Wrong::new("strategicMerge", why))
}

fn merge_mapping(into: &mut Value, patch: &Map<String, Value>) -> Result<(), String> {
    match patch.get("$patch").and_then(Value::as_str) {
        Some("replace") => {
            let kept = patch.iter().filter(|(key, _)| *key != "$patch");
            *into =
                kept.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>().into();
            return Ok(());
        }
        Some("delete") => {
            *into = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(format!("`$patch: {other}` is none of merge, replace, delete")),
    }
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let entries = into.as_object_mut().expect("just made a mapping");
    for (key, value) in patch {
        if key == "$patch" || key.starts_with("$setElementOrder/") || key == "$retainKeys" {
            continue;
        }
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().ok_or_else(|| format!("`{key}` is a list"))?;
            if let Some(Value::Array(items)) = entries.get_mut(list) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        match value {
            Value::Null => {
                entries.remove(key);
            }
            Value::Object(inner) => {
                merge_mapping(entries.entry(key.clone()).or_insert(Value::Null), inner)?;
            }
            Value::Array(items) => {
                let into = entries.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                merge_list(into, key, items)?;
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                entries.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

/// The key by which the items of a list are the same, if they are mappings that have one.
fn merge_key(field: &str, items: &[Value]) -> Option<&'static str> {
    let all_have = |key: &str| items.iter().all(|item| item.get(key).is_some());
    if field == "ports" {
        // Those of containers, and those of Services.
        return ["containerPort", "port"].into_iter().find(|key| all_have(key));
    }
    KEYS.iter().find(|(known, _)| *known == field).map(|(_, key)| *key)
}

fn merge_list(into: &mut Value, field: &str, patch: &[Value]) -> Result<(), String> {
    let is_order = |item: &Value| {
        item.get("$patch").is_some_and(|order| order == "replace")
            && item.as_object().is_some_and(|item| item.len() == 1)
    };
    let replaces = patch.iter().any(is_order);
    let items: Vec<Value> = patch.iter().filter(|item| !is_order(item)).cloned().collect();
    let key = merge_key(field, &items);
    let (Some(key), false, Value::Array(known)) = (key, replaces, &mut *into) else {
        *into = Value::Array(items);
        return Ok(());
    };
    for item in &items {
        let Some(id) = item.get(key) else {
            return Err(format!("an item of `{field}` has no `{key}`, by which it would be found"));
        };
        let place = known.iter().position(|one| one.get(key) == Some(id));
        let delete = item.get("$patch").is_some_and(|order| order == "delete");
        match (place, item) {
            (Some(place), _) if delete => drop(known.remove(place)),
            (None, _) if delete => {}
            (Some(place), Value::Object(item)) => merge_mapping(&mut known[place], item)?,
            // As the API server does: what is new stands first.
            (None, _) => known.insert(0, without_orders(item)),
            (Some(place), item) => known[place] = item.clone(),
        }
    }
    Ok(())
}

fn without_orders(item: &Value) -> Value {
    let mut item = item.clone();
    if let Value::Object(entries) = &mut item {
        entries.remove("$patch");
    }
    item
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn merged(spec: &Value, patch: &Value) -> Value {
        let mut object =
            Object::new("apps/v1", "Deployment", "shop", "web", json!({ "spec": spec }));
        merge(&mut object, &json!({ "spec": patch })).map_err(|wrong| wrong.why).unwrap();
        object.0["spec"].take()
    }

    #[test]
    fn lists_are_merged_by_their_keys() {
        let spec = json!({"containers": [{"name": "web", "image": "a", "env": [{"name": "A", "value": "1"}]}, {"name": "log", "image": "l"}]});
        let patch = json!({"containers": [{"name": "web", "env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]}]});
        assert_eq!(
            merged(&spec, &patch),
            json!({"containers": [
                {"name": "web", "image": "a", "env": [{"name": "B", "value": "3"}, {"name": "A", "value": "2"}]},
                {"name": "log", "image": "l"},
            ]})
        );
    }

    #[test]
    fn items_and_fields_can_be_taken_away_or_replaced() {
        let spec = json!({"containers": [{"name": "web"}, {"name": "log"}], "replicas": 3, "strategy": {"type": "Recreate", "x": 1}});
        let patch = json!({
            "containers": [{"name": "log", "$patch": "delete"}],
            "replicas": null,
            "strategy": {"$patch": "replace", "type": "RollingUpdate"},
        });
        assert_eq!(
            merged(&spec, &patch),
            json!({"containers": [{"name": "web"}], "strategy": {"type": "RollingUpdate"}})
        );
        let spec = json!({"args": ["a"], "tolerations": [{"key": "a"}]});
        let patch = json!({"args": ["b"], "tolerations": [{"key": "b"}]});
        assert_eq!(merged(&spec, &patch), patch);
    }

    #[test]
    fn types_of_others_are_refused_with_a_way_out() {
        let mut object = Object::new("example.net/v1", "Thing", "", "x", json!({}));
        let wrong = merge(&mut object, &json!({})).err().map(|wrong| wrong.why).unwrap();
        assert!(
            wrong.contains("Thing (example.net/v1)") && wrong.contains("mergePatch"),
            "{wrong}"
        );
    }
}
