//! Reading fields of objects that may be missing or of another sort.

use std::collections::BTreeMap;

use serde_json::Value;

/// The value at a path of keys; `Null` where there is none.
pub(super) fn at<'v>(value: &'v Value, path: &[&str]) -> &'v Value {
    let found = path.iter().try_fold(value, |value, key| value.get(*key));
    found.unwrap_or(&Value::Null)
}

/// The text at a path; empty where there is none.
pub(super) fn text<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    at(value, path).as_str().unwrap_or_default()
}

/// The number at a path, also where it is written as a text.
pub(super) fn number(value: &Value, path: &[&str]) -> Option<u64> {
    let found = at(value, path);
    found.as_u64().or_else(|| found.as_str()?.parse().ok())
}

/// The items at a path.
pub(super) fn items<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    at(value, path).as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The texts at a path.
pub(super) fn texts<'v>(value: &'v Value, path: &[&str]) -> Vec<&'v str> {
    items(value, path).iter().filter_map(Value::as_str).collect()
}

/// Labels as texts, such as those of a selector.
pub(super) fn labels(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

/// Whether labels have all that a map of labels asks for. Nothing asks for nothing.
pub(super) fn matches(wanted: &Value, labels: &BTreeMap<String, String>) -> bool {
    let mut wanted = wanted.as_object().into_iter().flatten();
    wanted.all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str())
}

/// Whether a name is meant by a pattern, which may begin with `*.` or be `*`.
pub(super) fn host_matches(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => host.ends_with(rest) && host.len() > rest.len(),
        None => pattern == host,
    }
}
