//! What the server itself does to an object: names it, stamps it, fills in the few defaults that readers rely on,
//! keeps what a writer may not change, counts generations.

use k8s_openapi::ByteString;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::kinds::Kind;
use super::object::{metadata, text};
use super::status::Refused;

/// What part of an object a write is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All but the status, if that has a place of its own.
    Main,
    /// The status.
    Status,
}

/// Now, as RFC 3339 in whole seconds.
pub(super) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Checks name and namespace against the path and sets both.
pub(super) fn address(
    kind: &Kind,
    object: &mut Value,
    namespace: &str,
    name: Option<&str>,
) -> Result<(), Refused> {
    let given = text(object, "/metadata/namespace").to_owned();
    let elsewhere = kind.namespaced && !given.is_empty() && given != namespace;
    if elsewhere && name.is_none() {
        let said = "the namespace of the provided object does not match the namespace sent on the \
                    request";
        return Err(Refused::bad(said));
    }
    let own = text(object, "/metadata/name").to_owned();
    if let Some(name) = name {
        if own.is_empty() {
            let said = "name must be provided";
            return Err(Refused::bad(said));
        }
        if own != name {
            let said = format!(
                "the name of the object ({own}) does not match the name on the URL ({name})"
            );
            return Err(Refused::bad(said));
        }
    }
    if elsewhere {
        let said = format!(
            "the namespace of the object ({given}) does not match the namespace on the request \
             ({namespace})"
        );
        return Err(Refused::bad(said));
    }
    let metadata = metadata(object);
    if kind.namespaced {
        metadata.insert("namespace".to_owned(), json!(namespace));
    } else {
        metadata.remove("namespace");
    }
    Ok(())
}

/// Whether a name is one.
pub(super) fn check_name(kind: &Kind, name: &str) -> Result<(), Refused> {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let label = |label: &str| {
        label.starts_with(plain)
            && label.ends_with(plain)
            && label.chars().all(|letter| plain(letter) || letter == '-')
    };
    // Namespaces and services are parts of DNS names themselves.
    let labels = ["namespaces", "services"].contains(&kind.plural.as_str());
    let fine = if labels { label(name) } else { name.split('.').all(label) };
    if fine {
        return Ok(());
    }
    let said = if labels {
        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
         and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
         validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
    } else {
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
         must start and end with an alphanumeric character (e.g. 'example.com', regex used for \
         validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    };
    let said = format!("Invalid value: \"{name}\": {said}");
    let complaint = ("FieldValueInvalid", "metadata.name", said);
    Err(Refused::invalid(&kind.kind, &kind.group, name, &[complaint]))
}

/// A name from a prefix and a number that no other object has.
pub(super) fn generated(prefix: &str, number: u64) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut name = prefix.to_owned();
    // Five letters, as the real server draws; neighbours differ in the first.
    let mut left = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    for _ in 0..5 {
        let at = usize::try_from(left % LETTERS.len() as u64).unwrap_or(0);
        name.push(char::from(LETTERS[at]));
        left /= LETTERS.len() as u64;
    }
    name
}

/// The few defaults that are set: those that readers of an object rely on.
pub(super) fn defaults(kind: &Kind, object: &mut Value) {
    if !kind.traits.builtin {
        return;
    }
    let or = |object: &mut Value, field: &str, value: Value| {
        if let Value::Object(map) = &mut object["spec"] {
            map.entry(field).or_insert(value);
        }
    };
    match kind.kind.as_str() {
        "Namespace" if object.pointer("/status/phase").is_none() => {
            object["status"] = json!({ "phase": "Active" });
        }
        "Deployment" | "StatefulSet" | "ReplicaSet" => or(object, "replicas", json!(1)),
        "Service" => or(object, "type", json!("ClusterIP")),
        "Secret" => {
            if object["type"].is_null() {
                object["type"] = json!("Opaque");
            }
            if let Some(Value::Object(plain)) =
                object.as_object_mut().and_then(|object| object.remove("stringData"))
            {
                let mut data = object["data"].as_object().cloned().unwrap_or_default();
                for (name, value) in plain {
                    let bytes = value.as_str().unwrap_or_default().as_bytes().to_vec();
                    data.insert(name, json!(ByteString(bytes)));
                }
                object["data"] = Value::Object(data);
            }
        }
        _ => {}
    }
}

/// Leaves out what a typed server does not write: empty lists and maps. An empty struct may mean something and stays.
pub(super) fn compact(kind: &Kind, object: &mut Value) {
    const MAPS: [&str; 9] = [
        "annotations",
        "binaryData",
        "data",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "requests",
        "stringData",
    ];
    fn without_empty(value: &mut Value) {
        if let Value::Object(map) = value {
            map.values_mut().for_each(without_empty);
            map.retain(|name, value| match value {
                Value::Array(items) => !items.is_empty(),
                Value::Object(map) => !(map.is_empty() && MAPS.contains(&name.as_str())),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
            });
        } else if let Value::Array(items) = value {
            items.iter_mut().for_each(without_empty);
        }
    }
    if kind.traits.builtin {
        without_empty(object);
    } else {
        without_empty(&mut object["metadata"]);
    }
}

/// Makes an object new: who it is, when it began, and no status but the first one.
pub(super) fn born(kind: &Kind, object: &mut Value, uid: &str) {
    let metadata = metadata(object);
    for field in ["resourceVersion", "selfLink", "deletionTimestamp", "generation"] {
        metadata.remove(field);
    }
    metadata.insert("uid".to_owned(), json!(uid));
    metadata.insert("creationTimestamp".to_owned(), json!(now()));
    if kind.traits.generation {
        metadata.insert("generation".to_owned(), json!(1));
    }
    // A node tells its state as it registers.
    if kind.traits.status && kind.kind != "Node" {
        let map = object.as_object_mut();
        map.map(|map| map.remove("status"));
    }
    match kind.kind.as_str() {
        "Namespace" if kind.traits.builtin => {
            object["spec"] = json!({ "finalizers": ["kubernetes"] });
            object["status"] = json!({ "phase": "Active" });
        }
        "Event" if kind.traits.builtin => {
            let empty = [("source", json!({})), ("reportingComponent", json!(""))];
            for (field, value) in empty.into_iter().chain([("reportingInstance", json!(""))]) {
                if object[field].is_null() {
                    object[field] = value;
                }
            }
        }
        "Pod" if kind.traits.builtin => object["status"] = json!({ "phase": "Pending" }),
        _ => {}
    }
}

/// Restores in `new` what an update of `part` may not change, and counts its generation.
pub(super) fn kept(kind: &Kind, part: Part, live: &Value, new: &mut Value) {
    let owner = ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"];
    let given = metadata(new).get("managedFields").cloned();
    if part == Part::Status {
        let status = new.get("status").cloned();
        let all = new["metadata"].clone();
        *new = live.clone();
        put(new, "status", status);
        if kind.traits.builtin {
            new["metadata"] = all;
            if kind.group == "apps" {
                let labels = live.pointer("/metadata/labels").cloned();
                put(&mut new["metadata"], "labels", labels);
            }
        }
        put(&mut new["metadata"], "managedFields", given);
    } else if kind.traits.status {
        put(new, "status", live.get("status").cloned());
    }
    for field in owner.into_iter().chain(["generation", "resourceVersion", "name", "namespace"]) {
        let before = live["metadata"].get(field).cloned();
        put(&mut new["metadata"], field, before);
    }
    metadata(new).remove("selfLink");
    if kind.traits.generation && part == Part::Main && respecified(kind, live, new) {
        let before = live.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(0);
        new["metadata"]["generation"] = json!(before + 1);
    }
}

/// Whether what is wished for differs.
fn respecified(kind: &Kind, live: &Value, new: &Value) -> bool {
    let wished = |object: &Value| -> Map<String, Value> {
        let mut map = object.as_object().cloned().unwrap_or_default();
        map.remove("metadata");
        if kind.traits.status {
            map.remove("status");
        }
        map
    };
    let annotations = |object: &Value| object.pointer("/metadata/annotations").cloned();
    // The server counts a Deployment's annotations as part of what is wished for.
    let annotated = kind.kind == "Deployment" && annotations(live) != annotations(new);
    annotated || wished(live) != wished(new)
}

/// Whether two objects are equal but for when their fields were taken.
pub(super) fn same(live: &Value, new: &Value) -> bool {
    let timeless = |object: &Value| {
        let mut object = object.clone();
        if let Some(Value::Array(entries)) = object.pointer_mut("/metadata/managedFields") {
            for entry in entries {
                put(entry, "time", None);
            }
        }
        object
    };
    timeless(live) == timeless(new)
}

/// Sets a field, or takes it away.
pub(super) fn put(object: &mut Value, field: &str, value: Option<Value>) {
    if let Value::Object(map) = object {
        match value {
            Some(value) => map.insert(field.to_owned(), value),
            None => map.remove(field),
        };
    }
}

/// Whether nobody holds the object back from going.
pub(super) fn is_free(object: &Value) -> bool {
    let finalizers = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    finalizers.is_none_or(Vec::is_empty)
}
