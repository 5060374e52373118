//! Strategic merge patches: lists with a merge key merge by it, others are replaced, `$patch` and its kin are obeyed.
//! After `k8s.io/apimachinery/pkg/util/strategicpatch`.

use serde_json::{Map, Value};

use super::kinds::Traits;
use super::typed::{ListShape, list_shape};

/// Merges `patch` into `object`.
pub(super) fn merge(traits: Traits, object: &mut Value, patch: &Value) {
    let (Value::Object(object), Value::Object(patch)) = (object, patch) else { return };
    maps(traits, object, patch, &mut Vec::new());
}

fn maps(
    traits: Traits,
    object: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    path: &mut Vec<String>,
) {
    if directive(patch) == Some("replace") {
        *object = patch.iter().filter(|(name, _)| *name != "$patch").map(owned).collect();
        return;
    }
    if directive(patch) == Some("delete") {
        object.clear();
        return;
    }
    if let Some(Value::Array(kept)) = patch.get("$retainKeys") {
        object.retain(|name, _| kept.iter().any(|kept| kept == name));
    }
    for (name, value) in patch {
        if let Some(list) = name.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(items)), Value::Array(gone)) = (object.get_mut(list), value) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if name.starts_with('$') {
            continue;
        }
        path.push(format!("f:{name}"));
        match (object.get_mut(name), value) {
            (_, Value::Null) => drop(object.remove(name)),
            (Some(Value::Object(old)), Value::Object(new)) => maps(traits, old, new, path),
            (Some(Value::Array(old)), Value::Array(new)) => {
                let order =
                    patch.get(&format!("$setElementOrder/{name}")).and_then(Value::as_array);
                *old = lists(traits, old, new, order, path);
            }
            (None, Value::Object(new)) => {
                let mut fresh = Map::new();
                maps(traits, &mut fresh, new, path);
                object.insert(name.clone(), Value::Object(fresh));
            }
            (None, Value::Array(new)) => {
                let fresh = lists(traits, &[], new, None, path);
                object.insert(name.clone(), Value::Array(fresh));
            }
            (Some(_) | None, _) => drop(object.insert(name.clone(), value.clone())),
        }
        path.pop();
    }
}

fn lists(
    traits: Traits,
    old: &[Value],
    patch: &[Value],
    order: Option<&Vec<Value>>,
    path: &mut Vec<String>,
) -> Vec<Value> {
    let key = match list_shape(traits, path) {
        ListShape::Atomic => return patch.to_vec(),
        ListShape::Set => None,
        // Only the first of several keys counts here: ports merge by their number alone.
        ListShape::Keyed(keys) => Some(keys[0]),
    };
    let id = |item: &Value| match key {
        Some(key) if item.is_object() => item.get(key).cloned().unwrap_or_default(),
        Some(_) | None => item.clone(),
    };
    let said = |item: &Value| item.as_object().and_then(directive).map(str::to_owned);
    let plain: Vec<&Value> = patch.iter().filter(|item| said(item).is_none()).collect();
    if patch.iter().any(|item| said(item).as_deref() == Some("replace")) {
        return plain.into_iter().cloned().collect();
    }
    let gone: Vec<Value> =
        patch.iter().filter(|item| said(item).as_deref() == Some("delete")).map(id).collect();
    let mut patched = Vec::new();
    for new in plain {
        path.push("k:".to_owned());
        let mut item = old.iter().find(|item| id(item) == id(new)).cloned().unwrap_or_default();
        if let (Value::Object(new), true) = (new, key.is_some()) {
            let mut map = item.as_object().cloned().unwrap_or_default();
            maps(traits, &mut map, new, path);
            item = Value::Object(map);
        } else {
            item = new.clone();
        }
        path.pop();
        patched.push(item);
    }
    let left = |item: &&Value| !gone.contains(&id(item));
    let mut rest: Vec<Value> = old
        .iter()
        .filter(left)
        .filter(|item| !patched.iter().any(|patched| id(patched) == id(item)))
        .cloned()
        .collect();
    if let Some(order) = order {
        let place = |item: &Value| order.iter().position(|wanted| id(wanted) == id(item));
        let (named, others) = rest.into_iter().partition(|item| place(item).is_some());
        rest = others;
        patched.extend::<Vec<Value>>(named);
        patched.sort_by_key(place);
    }
    interleaved(rest, patched, old, id)
}

/// What only the server had, between what was patched, in the server's order where both are in it.
fn interleaved(
    rest: Vec<Value>,
    patched: Vec<Value>,
    server: &[Value],
    id: impl Fn(&Value) -> Value,
) -> Vec<Value> {
    let place = |item: &Value| server.iter().position(|other| id(other) == id(item));
    let (mut rest, mut patched) = (rest.into_iter().peekable(), patched.into_iter().peekable());
    let mut all = Vec::new();
    loop {
        let first = match (rest.peek(), patched.peek()) {
            (Some(left), Some(right)) => match (place(left), place(right)) {
                (Some(left), Some(right)) => left < right,
                (None, _) | (_, None) => false,
            },
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return all,
        };
        all.extend(if first { rest.next() } else { patched.next() });
    }
}

fn directive(map: &Map<String, Value>) -> Option<&str> {
    map.get("$patch").and_then(Value::as_str)
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_merge_by_key_and_obey_directives() {
        let traits = Traits { builtin: true, ..Traits::default() };
        let containers = |items: Value| json!({ "spec": { "containers": items } });
        let old = containers(json!([
            { "name": "a", "image": "a:1", "args": ["x"], "env": [{ "name": "K", "value": "1" }] },
            { "name": "b", "image": "b:1" },
        ]));
        let patch = containers(json!([
            { "name": "c", "image": "c:1" },
            { "name": "b", "$patch": "delete" },
            { "name": "a", "args": ["y"], "env": [{ "name": "L", "value": "2" }] },
        ]));
        let mut new = old;
        merge(traits, &mut new, &patch);
        let env = json!([{ "name": "L", "value": "2" }, { "name": "K", "value": "1" }]);
        let wanted = containers(json!([
            { "name": "c", "image": "c:1" },
            { "name": "a", "image": "a:1", "args": ["y"], "env": env },
        ]));
        assert_eq!(new, wanted);
        let mut gone = json!({ "spec": { "a": 1, "b": 2 } });
        merge(traits, &mut gone, &json!({ "spec": { "$patch": "replace", "c": 3 } }));
        assert_eq!(gone, json!({ "spec": { "c": 3 } }));
    }
}
