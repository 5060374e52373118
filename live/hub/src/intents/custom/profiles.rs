//! Clusters from an inventory: `ClusterProfile`s of SIG Multicluster (KEP-4322) become documents of kind `Cluster` by a
//! template. What an inventory does not know, such as prices, stands in the template.

use kube::api::{ApiResource, DynamicObject};
use periplus_spec::draft::{API_VERSION, Kind};
use serde_json::{Map, Value, json};

/// Which profiles are clusters of the fleet, and what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Profiles {
    /// The namespace that they lie in; all of them where it is none.
    pub namespace: Option<String>,
    /// A `Cluster` without its name: `metadata.labels` and `spec`. In its texts, `${profile.name}`,
    /// `${profile.namespace}`, `${profile.manager}`, `${profile.version}`, `${profile.labels.KEY}` and
    /// `${profile.properties.NAME}` stand for what a profile says. A field is left out where nothing is left of its text.
    pub template: Value,
}

/// How profiles are asked for.
pub(super) fn resource() -> ApiResource {
    let (group, version) = ("multicluster.x-k8s.io", "v1alpha1");
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: format!("{group}/{version}"),
        kind: "ClusterProfile".to_owned(),
        plural: "clusterprofiles".to_owned(),
    }
}

impl Profiles {
    /// The document that a profile says.
    pub(super) fn document(&self, profile: &DynamicObject) -> Option<Value> {
        let name = profile.metadata.name.clone()?;
        let said = |variable: &str| said(profile, variable);
        let filled = |pointer: &str| {
            self.template.pointer(pointer).and_then(|one| fill(one, &said)).unwrap_or(json!({}))
        };
        let mut labels = filled("/metadata/labels");
        if let Some(labels) = labels.as_object_mut() {
            // Labels are texts, whatever stands in them.
            for label in labels.values_mut().filter(|label| label.is_number()) {
                *label = Value::String(label.to_string());
            }
        }
        Some(json!({
            "apiVersion": API_VERSION,
            "kind": Kind::Cluster.name(),
            "metadata": { "name": name, "labels": labels },
            "spec": filled("/spec"),
        }))
    }
}

/// What a profile says; nothing where it does not.
fn said(profile: &DynamicObject, variable: &str) -> String {
    let text =
        |pointer: &str| profile.data.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let found = match variable.strip_prefix("profile.") {
        Some("name") => profile.metadata.name.clone(),
        Some("namespace") => profile.metadata.namespace.clone(),
        Some("manager") => text("/spec/clusterManager/name"),
        Some("version") => text("/status/version/kubernetes"),
        Some(other) => match (other.strip_prefix("labels."), other.strip_prefix("properties.")) {
            (Some(key), _) => {
                profile.metadata.labels.as_ref().and_then(|all| all.get(key).cloned())
            }
            (None, Some(name)) => {
                let all = profile.data.pointer("/status/properties").and_then(Value::as_array);
                let one = all.into_iter().flatten().find(|one| one["name"] == name);
                one.and_then(|one| one["value"].as_str().map(str::to_owned))
            }
            (None, None) => None,
        },
        None => None,
    };
    found.unwrap_or_default()
}

/// A template with what is said; `None` where nothing is left of a text.
fn fill(template: &Value, said: &impl Fn(&str) -> String) -> Option<Value> {
    Some(match template {
        Value::String(text) if text.contains("${") => {
            let filled = filled(text, said);
            if filled.is_empty() {
                return None;
            }
            // What a whole number stands for alone is one.
            let alone = text.starts_with("${") && text.find('}') == Some(text.len() - 1);
            match filled.parse::<i64>() {
                Ok(number) if alone => number.into(),
                Ok(_) | Err(_) => filled.into(),
            }
        }
        Value::Array(all) => all.iter().filter_map(|one| fill(one, said)).collect(),
        Value::Object(all) => {
            let fields = all.iter().filter_map(|(key, one)| Some((key.clone(), fill(one, said)?)));
            fields.collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => template.clone(),
    })
}

fn filled(text: &str, said: &impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, inside)) = rest.split_once("${") {
        out.push_str(before);
        let Some((variable, behind)) = inside.split_once('}') else {
            out.push_str("${");
            rest = inside;
            continue;
        };
        out.push_str(&said(variable));
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_becomes_a_cluster_by_the_template() {
        let template = json!({
            "metadata": { "labels": { "tier": "${profile.labels.tier}", "zone": "z-${profile.properties.zone}", "gone": "${profile.labels.gone}" } },
            "spec": {
                "kind": "edge",
                "location": { "latitude": "${profile.properties.latitude}", "longitude": 7 },
                "nodePools": [{ "nodes": "${profile.properties.nodes}", "capacity": { "cpu": 4, "memory": "8Gi" } }],
                "coverage": "${profile.properties.coverage}",
            },
        });
        let profile = serde_json::from_value(json!({
            "apiVersion": "multicluster.x-k8s.io/v1alpha1", "kind": "ClusterProfile",
            "metadata": { "name": "edge-7", "namespace": "fleet", "labels": { "tier": "1" } },
            "spec": { "clusterManager": { "name": "somebody" } },
            "status": { "properties": [
                { "name": "latitude", "value": "43.5" }, { "name": "nodes", "value": "3" }, { "name": "zone", "value": "a" },
            ] },
        }))
        .unwrap();
        let made = Profiles { namespace: None, template }.document(&profile).unwrap();
        assert_eq!(made["metadata"]["labels"], json!({ "tier": "1", "zone": "z-a" }));
        assert_eq!(
            made["spec"],
            json!({
                "kind": "edge",
                "location": { "latitude": "43.5", "longitude": 7 },
                "nodePools": [{ "nodes": 3, "capacity": { "cpu": 4, "memory": "8Gi" } }],
            })
        );
    }
}
