//! What a client may ask before it knows anything: version, health, groups and resources.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::kinds::{Kind, api_version};
use super::store::Store;

/// The answer to a path that names no resource: JSON, or plain text as for health.
pub(super) enum Found {
    /// JSON.
    Json(Value),
    /// Plain text.
    Text(&'static str),
}

/// Whether anybody may ask it.
pub(super) fn is_public(path: &str) -> bool {
    ["/version", "/healthz", "/readyz", "/livez"].contains(&path)
}

/// Finds the answer.
pub(super) fn find(store: &Store, path: &str) -> Option<Found> {
    let served = || store.kinds.iter().filter(|kind| !kind.versions.is_empty());
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let found = match parts.as_slice() {
        ["version"] => version(),
        ["healthz" | "readyz" | "livez"] => return Some(Found::Text("ok")),
        ["api"] => json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [],
        }),
        ["apis"] => json!({
            "kind": "APIGroupList", "apiVersion": "v1", "groups": groups(served()),
        }),
        ["api", version] => resources(served(), "", version)?,
        ["apis", group] => {
            let found = groups(served()).into_iter().find(|found| found["name"] == *group);
            let mut found = found?;
            found["kind"] = json!("APIGroup");
            found["apiVersion"] = json!("v1");
            found
        }
        ["apis", group, version] => resources(served(), group, version)?,
        _ => return None,
    };
    Some(Found::Json(found))
}

/// The version that this server takes after.
fn version() -> Value {
    json!({
        "major": "1", "minor": "20", "gitVersion": "v1.20.5+emulated", "gitCommit": "",
        "gitTreeState": "clean", "buildDate": "1970-01-01T00:00:00Z", "goVersion": "",
        "compiler": "", "platform": "linux/amd64",
    })
}

fn groups<'a>(kinds: impl Iterator<Item = &'a std::sync::Arc<Kind>>) -> Vec<Value> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for kind in kinds.filter(|kind| !kind.group.is_empty()) {
        let versions = found.entry(&kind.group).or_default();
        for version in &kind.versions {
            if !versions.contains(&version.as_str()) {
                versions.push(version);
            }
        }
    }
    let written = found.into_iter().map(|(group, versions)| {
        let of = |version: &&str| {
            json!({ "groupVersion": api_version(group, version), "version": version })
        };
        let versions: Vec<Value> = versions.iter().map(of).collect();
        json!({ "name": group, "versions": versions, "preferredVersion": versions[0] })
    });
    written.collect()
}

fn resources<'a>(
    kinds: impl Iterator<Item = &'a std::sync::Arc<Kind>>,
    group: &str,
    version: &str,
) -> Option<Value> {
    let all = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
    let custom =
        ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    let mut found = Vec::new();
    for kind in kinds.filter(|kind| kind.is_at(group, version, &kind.plural)) {
        let mut add = |name: String, singular: &str, verbs: &[&str]| {
            let mut entry = json!({
                "name": name, "singularName": singular, "namespaced": kind.namespaced,
                "kind": kind.kind, "verbs": verbs,
            });
            if name.ends_with("/scale") {
                entry["group"] = json!("autoscaling");
                entry["version"] = json!("v1");
                entry["kind"] = json!("Scale");
            }
            found.push(entry);
        };
        let singular = if kind.traits.builtin { String::new() } else { kind.kind.to_lowercase() };
        let all = if kind.traits.builtin { all } else { custom };
        let all =
            all.iter().filter(|verb| **verb != "deletecollection" || kind.deletes_collections());
        let all: Vec<&str> = all.copied().collect();
        add(kind.plural.clone(), &singular, &all);
        if kind.traits.status {
            add(format!("{}/status", kind.plural), "", &["get", "patch", "update"]);
        }
        if kind.traits.scale {
            add(format!("{}/scale", kind.plural), "", &["get", "patch", "update"]);
        }
    }
    let mut list = json!({
        "kind": "APIResourceList", "groupVersion": api_version(group, version),
        "resources": found,
    });
    // The core group's list is older than the rule that every list says its version.
    if !group.is_empty() {
        list["apiVersion"] = json!("v1");
    }
    (!found.is_empty()).then_some(list)
}
