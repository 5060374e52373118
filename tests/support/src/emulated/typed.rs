//! Which lists merge by which keys, and the walks over objects that need to know it: the fields of an object, what
//! changed between two, one merged into another, fields taken out. After `sigs.k8s.io/structured-merge-diff`'s `typed`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::kinds::Traits;

/// How a list is put together with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListShape {
    /// One replaces the other.
    Atomic,
    /// A set of scalars.
    Set,
    /// Items by the values of these fields.
    Keyed(&'static [&'static str]),
}

/// The shape of the list at a path of `FieldsV1` elements.
pub(super) fn list_shape(traits: Traits, path: &[String]) -> ListShape {
    let Some((last, before)) = path.split_last() else { return ListShape::Atomic };
    let field = last.strip_prefix("f:").unwrap_or_default();
    if before.last().is_some_and(|parent| parent == "f:metadata") {
        return match field {
            "finalizers" => ListShape::Set,
            "ownerReferences" => ListShape::Keyed(&["uid"]),
            _ => ListShape::Atomic,
        };
    }
    if !traits.builtin {
        return ListShape::Atomic;
    }
    let in_item = before.last().is_some_and(|parent| parent.starts_with("k:"));
    match field {
        "containers"
        | "initContainers"
        | "ephemeralContainers"
        | "env"
        | "volumes"
        | "imagePullSecrets"
        | "secrets" => ListShape::Keyed(&["name"]),
        "ports" if in_item => ListShape::Keyed(&["containerPort", "protocol"]),
        "ports" if before == ["f:spec"] => ListShape::Keyed(&["port", "protocol"]),
        "volumeMounts" => ListShape::Keyed(&["mountPath"]),
        "volumeDevices" => ListShape::Keyed(&["devicePath"]),
        "hostAliases" | "podIPs" => ListShape::Keyed(&["ip"]),
        "topologySpreadConstraints" => ListShape::Keyed(&["topologyKey", "whenUnsatisfiable"]),
        "conditions" => ListShape::Keyed(&["type"]),
        "addresses" if before == ["f:status"] => ListShape::Keyed(&["type"]),
        _ => ListShape::Atomic,
    }
}

/// What differs between two objects.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// There only after.
    pub(super) added: Fields,
    /// There before and after, unequal.
    pub(super) modified: Fields,
    /// There only before.
    pub(super) removed: Fields,
}

/// A walk; the path is that of where it stands.
struct Walk {
    traits: Traits,
    path: Vec<String>,
}

/// Every leaf and list item of an object.
pub(super) fn fields_of(traits: Traits, object: &Value) -> Fields {
    let mut fields = Fields::default();
    Walk { traits, path: Vec::new() }.collect(object, &mut fields);
    fields
}

/// What differs between two objects.
pub(super) fn compare(traits: Traits, before: &Value, after: &Value) -> Comparison {
    let mut found = Comparison::default();
    Walk { traits, path: Vec::new() }.compare(Some(before), Some(after), &mut found);
    found
}

/// `config` over `live`: nothing is removed.
pub(super) fn merged(traits: Traits, live: &Value, config: &Value) -> Value {
    Walk { traits, path: Vec::new() }.merge(live, config)
}

/// `object` without these fields.
pub(super) fn remove(traits: Traits, object: &mut Value, fields: &Fields) {
    Walk { traits, path: Vec::new() }.remove(object, fields);
}

/// Takes out what is null: a typed server never sees it.
pub(super) fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What the server sees of an object in which nothing is set: structs are there, empty, and pointers are not. Only those
/// are made that `object` has.
pub(super) fn blank(traits: Traits, object: &Value) -> Value {
    const STRUCTS: [&str; 8] = [
        "involvedObject",
        "metadata",
        "names",
        "spec",
        "status",
        "strategy",
        "template",
        "updateStrategy",
    ];
    let structs = |(name, value): (&String, &Value)| match value {
        Value::Object(_) if STRUCTS.contains(&name.as_str()) => {
            Some((name.clone(), blank(traits, value)))
        }
        // The one list that is written even if it is empty.
        Value::Array(_) if name == "containers" => Some((name.clone(), json!([]))),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    };
    if !traits.builtin {
        return json!({ "metadata": {} });
    }
    let map: Map<String, Value> =
        object.as_object().into_iter().flatten().filter_map(structs).collect();
    Value::Object(map)
}

/// The path element of an item, if it has one.
fn element(shape: ListShape, item: &Value) -> Option<String> {
    match shape {
        ListShape::Atomic => None,
        ListShape::Set => Some(format!("v:{item}")),
        ListShape::Keyed(keys) => {
            let mut found = Map::new();
            for key in keys {
                let default = (*key == "protocol").then(|| json!("TCP"));
                if let Some(value) = item.get(*key).cloned().or(default) {
                    found.insert((*key).to_owned(), value);
                }
            }
            Some(format!("k:{}", Value::Object(found)))
        }
    }
}

fn is_empty(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_)) => false,
    }
}

impl Walk {
    fn below<T>(&mut self, element: String, act: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(element);
        let done = act(self);
        self.path.pop();
        done
    }

    /// Whether a map is replaced as a whole: a label selector.
    fn is_atomic(&self, value: &Value) -> bool {
        let named = self.path.last().is_some_and(|last| last.to_lowercase().ends_with("selector"));
        let of_labels = ["matchLabels", "matchExpressions"];
        self.traits.builtin && named && of_labels.iter().any(|field| value.get(field).is_some())
    }

    /// Whether maps at this place are maps and no structs, so that their entries are items.
    fn maps_are_items(&self) -> bool {
        self.traits.schemaless && self.path.first().is_some_and(|first| first != "f:metadata")
    }

    fn collect(&mut self, value: &Value, fields: &mut Fields) {
        match value {
            Value::Object(_) if self.is_atomic(value) => fields.insert(&self.path),
            Value::Object(map) => {
                for (name, value) in map {
                    self.below(format!("f:{name}"), |walk| {
                        walk.collect(value, fields);
                        if walk.maps_are_items() {
                            fields.insert(&walk.path);
                        }
                    });
                }
            }
            Value::Array(items) => match list_shape(self.traits, &self.path) {
                ListShape::Atomic => fields.insert(&self.path),
                shape @ (ListShape::Set | ListShape::Keyed(_)) => {
                    for item in items {
                        let Some(element) = element(shape, item) else { continue };
                        self.below(element, |walk| {
                            if item.is_object() {
                                walk.collect(item, fields);
                            }
                            fields.insert(&walk.path);
                        });
                    }
                }
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                fields.insert(&self.path);
            }
        }
    }

    fn compare(&mut self, before: Option<&Value>, after: Option<&Value>, found: &mut Comparison) {
        let either = before.or(after);
        let alike = match (before, after) {
            (Some(before), Some(after)) => {
                before.is_object() == after.is_object() && before.is_array() == after.is_array()
            }
            (None, _) | (_, None) => true,
        };
        let empty = is_empty(before) && is_empty(after);
        let shape = match either {
            Some(Value::Array(_)) => Some(list_shape(self.traits, &self.path)),
            _ => None,
        };
        let atomic = either.is_some_and(|value| self.is_atomic(value));
        if alike && !empty && !atomic && either.is_some_and(Value::is_object) {
            let names = |value: Option<&Value>| -> BTreeSet<String> {
                let map = value.and_then(Value::as_object);
                map.into_iter().flatten().map(|(name, _)| name.clone()).collect()
            };
            for name in &names(before) | &names(after) {
                let (old, new) =
                    (before.and_then(|v| v.get(&name)), after.and_then(|v| v.get(&name)));
                self.below(format!("f:{name}"), |walk| walk.compare(old, new, found));
            }
            self.appeared(before, after, found);
        } else if let Some(shape @ (ListShape::Set | ListShape::Keyed(_))) = shape
            && alike
            && !empty
        {
            let items = |value: Option<&'_ Value>| -> Vec<(String, Value)> {
                let items = value.and_then(Value::as_array).into_iter().flatten();
                items.filter_map(|item| Some((element(shape, item)?, item.clone()))).collect()
            };
            let (old, new) = (items(before), items(after));
            let elements: BTreeSet<&String> = old.iter().chain(&new).map(|(at, _)| at).collect();
            for element in elements {
                let of = |items: &[(String, Value)]| {
                    items.iter().find(|(at, _)| at == element).map(|(_, item)| item.clone())
                };
                let (old, new) = (of(&old), of(&new));
                self.below(element.clone(), |walk| {
                    walk.compare(old.as_ref(), new.as_ref(), found);
                });
            }
            self.appeared(before, after, found);
        } else if !self.appeared(before, after, found) && before != after && !self.path.is_empty() {
            found.modified.insert(&self.path);
        }
    }

    /// Notes a place that only one side has.
    fn appeared(
        &self,
        before: Option<&Value>,
        after: Option<&Value>,
        found: &mut Comparison,
    ) -> bool {
        match (before, after) {
            _ if self.path.is_empty() => return false,
            (None, Some(_)) => found.added.insert(&self.path),
            (Some(_), None) => found.removed.insert(&self.path),
            (None, None) | (Some(_), Some(_)) => return false,
        }
        true
    }

    fn merge(&mut self, live: &Value, config: &Value) -> Value {
        match (live, config) {
            (Value::Object(old), Value::Object(new)) if !self.is_atomic(config) => {
                let mut both = old.clone();
                for (name, value) in new {
                    let merged = match old.get(name) {
                        Some(old) => self.below(format!("f:{name}"), |walk| walk.merge(old, value)),
                        None => value.clone(),
                    };
                    both.insert(name.clone(), merged);
                }
                Value::Object(both)
            }
            (Value::Array(old), Value::Array(new)) => {
                let shape = list_shape(self.traits, &self.path);
                if shape == ListShape::Atomic {
                    return config.clone();
                }
                let mut rest: Vec<&Value> = new.iter().collect();
                let mut both = Vec::new();
                for item in old {
                    let at = element(shape, item);
                    let found = rest.iter().position(|other| element(shape, other) == at);
                    both.push(match (found.map(|found| rest.remove(found)), at) {
                        (Some(other), Some(at)) => self.below(at, |walk| walk.merge(item, other)),
                        (Some(_), None) | (None, _) => item.clone(),
                    });
                }
                both.extend(rest.into_iter().cloned());
                Value::Array(both)
            }
            _ => config.clone(),
        }
    }

    fn remove(&mut self, value: &mut Value, fields: &Fields) {
        match value {
            Value::Object(map) => {
                map.retain(|name, _| !fields.has(&format!("f:{name}")));
                for (name, value) in map.iter_mut() {
                    let element = format!("f:{name}");
                    if let Some(below) = fields.below(&element) {
                        self.below(element, |walk| walk.remove(value, below));
                    }
                }
                map.retain(|name, value| {
                    let touched = fields.below(&format!("f:{name}")).is_some();
                    !(touched && is_empty(Some(value)))
                });
            }
            Value::Array(items) => {
                let shape = list_shape(self.traits, &self.path);
                items.retain(|item| element(shape, item).is_none_or(|at| !fields.has(&at)));
                for item in items {
                    let Some(at) = element(shape, item) else { continue };
                    if let Some(below) = fields.below(&at) {
                        self.below(at, |walk| walk.remove(item, below));
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
