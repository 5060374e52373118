//! Structural schemas: the JSON Schema of a kind in the form that Kubernetes takes.
//!
//! Kubernetes wants one type at every place, no references, and no `additionalProperties: false` (what is not named is
//! dropped). What may be written in two ways, such as `4` or `4.5` or `"250m"`, has no type there and is left to us. No
//! default is told: what somebody wrote stays what somebody wrote.

use periplus_spec::draft::Kind;
use periplus_spec::schema::schema;
use serde_json::{Map, Value, json};

/// Keeps what is not described.
const KEEPS: &str = "x-kubernetes-preserve-unknown-fields";
/// Rules that mean the same in both.
const SAME: [&str; 8] = [
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "pattern",
];

/// The schema of a kind's documents as custom resources.
pub(super) fn structural(kind: Kind) -> Value {
    let root = schema(kind);
    let spec = root.pointer("/properties/spec").cloned().unwrap_or_default();
    json!({
        "type": "object",
        "description": root.get("description").cloned().unwrap_or_default(),
        "required": ["spec"],
        "properties": {
            "apiVersion": { "type": "string" },
            "kind": { "type": "string" },
            "metadata": { "type": "object" },
            "spec": rewritten(&root, &spec),
            "status": status(),
        },
    })
}

/// What is written back.
fn status() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "What became of it; written by the service.",
        "properties": {
            "observedGeneration": {
                "type": "integer",
                "format": "int64",
                "description": "The generation that this is about.",
            },
            "conditions": {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
                "items": {
                    "type": "object",
                    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
                    "properties": {
                        "type": text("What it is about."),
                        "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
                        "reason": text("Why, in one word."),
                        "message": text("Why, in a sentence."),
                        "observedGeneration": { "type": "integer", "format": "int64" },
                        "lastTransitionTime": { "type": "string", "format": "date-time" },
                    },
                },
            },
        },
    })
}

fn rewritten(root: &Value, schema: &Value) -> Value {
    let resolved = resolve(root, schema);
    let Some(rules) = resolved.as_object() else { return json!({ KEEPS: true }) };
    let mut out = typed(root, rules);
    let said = schema.get("description").or_else(|| rules.get("description"));
    if let (Some(said), Some(out)) = (said, out.as_object_mut()) {
        out.insert("description".into(), said.clone());
    }
    out
}

fn typed(root: &Value, rules: &Map<String, Value>) -> Value {
    let mut demanded = None;
    for key in ["anyOf", "oneOf"] {
        match rules.get(key).and_then(Value::as_array) {
            Some(all) if all.iter().all(is_demand) => demanded = Some((key, all)),
            Some(all) => return either(root, all),
            None => {}
        }
    }
    if let Some(word) = rules.get("const") {
        return json!({ "type": "string", "enum": [word] });
    }
    if let Some(words) = rules.get("enum") {
        return json!({ "type": "string", "enum": words });
    }
    let mut out = match rules.get("type") {
        Some(Value::String(name)) => match name.as_str() {
            "object" => object(root, rules),
            "array" => {
                let items = rules.get("items").map(|items| rewritten(root, items));
                json!({ "type": "array", "items": items.unwrap_or_else(|| json!({ KEEPS: true })) })
            }
            "integer" => json!({ "type": "integer", "format": "int64" }),
            name => json!({ "type": name }),
        },
        // A number or a text, or anything.
        Some(_) | None => json!({ KEEPS: true }),
    };
    if let Some(out) = out.as_object_mut() {
        let same = SAME.into_iter().filter_map(|key| Some((key, rules.get(key)?)));
        out.extend(same.map(|(key, rule)| (key.to_owned(), rule.clone())));
        out.extend(demanded.map(|(key, all)| (key.to_owned(), all.clone().into())));
    }
    out
}

fn object(root: &Value, rules: &Map<String, Value>) -> Value {
    let mut out = json!({ "type": "object" });
    let Some(fields) = out.as_object_mut() else { return out };
    if let Some(known) = rules.get("properties").and_then(Value::as_object) {
        let known = known.iter().map(|(name, schema)| (name.clone(), rewritten(root, schema)));
        fields.insert("properties".into(), known.collect::<Map<_, _>>().into());
        if let Some(required) = rules.get("required") {
            fields.insert("required".into(), required.clone());
        }
        return out;
    }
    match values(rules) {
        Some(schema) => fields.insert("additionalProperties".into(), rewritten(root, schema)),
        None => fields.insert(KEEPS.into(), true.into()),
    };
    out
}

/// What values of a mapping are, where its keys are free.
fn values(rules: &Map<String, Value>) -> Option<&Value> {
    let all = rules.get("additionalProperties").filter(|schema| schema.is_object());
    let by_name = || rules.get("patternProperties")?.as_object()?.values().next();
    all.or_else(by_name).filter(|schema| schema.as_object().is_some_and(|one| !one.is_empty()))
}

/// One of several: words, or mappings of which each has a key of its own. What else differs has no type.
fn either(root: &Value, alternatives: &[Value]) -> Value {
    let resolved = || alternatives.iter().map(|one| resolve(root, one));
    let mut words = Vec::new();
    let mut keyed = Map::new();
    for one in resolved() {
        if let Some(word) = one.get("const") {
            words.push(word.clone());
        } else if let Some(some) = one.get("enum").and_then(Value::as_array) {
            words.extend(some.iter().cloned());
        } else if let Some((key, schema)) = only_key(one) {
            keyed.insert(key.clone(), rewritten(root, schema));
        } else {
            return json!({ KEEPS: true });
        }
    }
    if keyed.is_empty() {
        return json!({ "type": "string", "enum": words });
    }
    if !words.is_empty() {
        return json!({ KEEPS: true });
    }
    let demands: Vec<Value> = keyed.keys().map(|key| json!({ "required": [key] })).collect();
    json!({ "type": "object", "properties": keyed, "oneOf": demands })
}

/// The key of a mapping that has one only, and must have it.
fn only_key(schema: &Value) -> Option<(&String, &Value)> {
    let known = schema.get("properties")?.as_object()?;
    let mut all = known.iter();
    let (key, inner) = all.next()?;
    let required = schema.get("required")?.as_array()?;
    (all.next().is_none() && required.iter().any(|one| one == key)).then_some((key, inner))
}

/// Whether it says no more than which key must be there.
fn is_demand(schema: &Value) -> bool {
    schema.as_object().is_some_and(|rules| rules.len() == 1 && rules.contains_key("required"))
}

/// The part of a schema that a reference leads to.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema.get("$ref").and_then(Value::as_str);
    let found = reference.and_then(|one| root.pointer(one.strip_prefix('#')?));
    found.unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes asks of a structural schema, at every place of it.
    fn check(place: &str, schema: &Value) {
        let rules = schema.as_object().unwrap();
        let typed = rules.contains_key("type") || rules.contains_key(KEEPS);
        assert!(typed, "{place} has no type: {schema}");
        for foreign in ["$ref", "const", "default", "format", "anyOf", "oneOf", "allOf"] {
            let Some(found) = rules.get(foreign) else { continue };
            let demands = found.as_array().is_some_and(|all| all.iter().all(is_demand));
            let number =
                foreign == "format" && ["int64", "date-time"].iter().any(|one| found == one);
            assert!(demands || number, "{place} says {foreign}: {schema}");
        }
        let both = rules.contains_key("properties") && rules.contains_key("additionalProperties");
        assert!(!both, "{place}: {schema}");
        for (name, inner) in
            rules.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            check(&format!("{place}.{name}"), inner);
        }
        for one in ["items", "additionalProperties"] {
            if let Some(inner) = rules.get(one) {
                check(&format!("{place}.{one}"), inner);
            }
        }
    }

    #[test]
    fn every_place_has_a_type_or_is_left_to_us() {
        for kind in super::super::definitions::KINDS {
            check(kind.name(), &structural(kind));
        }
    }

    #[test]
    fn alternatives_with_keys_of_their_own_become_one_mapping() {
        let cluster = structural(Kind::Cluster);
        let carbon =
            cluster.pointer("/properties/spec/properties/power/properties/carbon").unwrap();
        assert_eq!(carbon["type"], "object");
        assert_eq!(carbon["oneOf"].as_array().unwrap().len(), 2);
        assert!(carbon.pointer("/properties/trace/properties/file").is_some());
    }
}
