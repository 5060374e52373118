//! Sets of fields, as `metadata.managedFields` writes them (`FieldsV1`), and what can be done with two of them.
//! The operations are those of `sigs.k8s.io/structured-merge-diff`'s `fieldpath.Set`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A node: whether the path that leads here belongs to the set, and what lies below. Keys are path elements as
/// `FieldsV1` has them: `f:name`, `k:{"name":"web"}`, `v:"text"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    member: bool,
    below: BTreeMap<String, Self>,
}

impl Fields {
    /// Adds a path.
    pub(super) fn insert(&mut self, path: &[String]) {
        match path {
            [] => self.member = true,
            [first, rest @ ..] => self.below.entry(first.clone()).or_default().insert(rest),
        }
    }

    /// Whether nothing belongs to it.
    pub(super) fn is_empty(&self) -> bool {
        !self.member && self.below.values().all(Self::is_empty)
    }

    /// Whether an element right below belongs to it.
    pub(super) fn has(&self, element: &str) -> bool {
        self.below.get(element).is_some_and(|below| below.member)
    }

    /// What lies below an element.
    pub(super) fn below(&self, element: &str) -> Option<&Self> {
        self.below.get(element).filter(|below| !below.below.is_empty())
    }

    /// What belongs to either.
    pub(super) fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.member |= other.member;
        for (element, theirs) in &other.below {
            let ours = both.below.entry(element.clone()).or_default();
            *ours = ours.union(theirs);
        }
        both
    }

    /// What belongs to both.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let shared = self.below.iter().filter_map(|(element, ours)| {
            let both = ours.intersection(other.below.get(element)?);
            (!both.is_empty()).then(|| (element.clone(), both))
        });
        Self { member: self.member && other.member, below: shared.collect() }
    }

    /// What belongs to this one only.
    pub(super) fn difference(&self, other: &Self) -> Self {
        let left = self.below.iter().filter_map(|(element, ours)| {
            let left = match other.below.get(element) {
                Some(theirs) => ours.difference(theirs),
                None => ours.clone(),
            };
            (!left.is_empty()).then(|| (element.clone(), left))
        });
        Self { member: self.member && !other.member, below: left.collect() }
    }

    /// With all that lies below what belongs to it without more being said: `all` are the fields of the object. The
    /// server takes that for a map that was atomic once, although it may be one whose fields others took away.
    pub(super) fn expanded(&self, all: &Self) -> Self {
        let below = self.below.iter().map(|(element, ours)| {
            let ours = match all.below.get(element) {
                Some(all) if ours.member && ours.below.is_empty() => {
                    Self { member: true, below: all.below.clone() }
                }
                Some(all) => ours.expanded(all),
                None => ours.clone(),
            };
            (element.clone(), ours)
        });
        Self { member: self.member, below: below.collect() }
    }

    /// With every named field that something belongs below.
    pub(super) fn with_parents(&self) -> Self {
        let below = self.below.iter().map(|(element, below)| {
            let mut below = below.with_parents();
            below.member |= element.starts_with("f:") && !below.below.is_empty();
            (element.clone(), below)
        });
        Self { member: self.member, below: below.collect() }
    }

    /// Every path that belongs to it, as messages write them: `.spec.containers[name="web"].image`.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, prefix: &str, paths: &mut Vec<String>) {
        for (element, below) in &self.below {
            if below.member {
                paths.push(format!("{prefix}{}", spoken(element)));
            }
        }
        for (element, below) in &self.below {
            below.collect(&format!("{prefix}{}", spoken(element)), paths);
        }
    }

    /// `FieldsV1`.
    pub(super) fn to_json(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.below.is_empty() {
            map.insert(".".to_owned(), json!({}));
        }
        for (element, below) in self.below.iter().filter(|(_, below)| !below.is_empty()) {
            map.insert(element.clone(), below.to_json());
        }
        Value::Object(map)
    }

    /// Reads `FieldsV1`.
    pub(super) fn from_json(value: &Value) -> Self {
        let mut fields = Self::node(value);
        fields.member = false;
        fields
    }

    fn node(value: &Value) -> Self {
        let map = value.as_object();
        let member = map.is_none_or(|map| map.is_empty() || map.contains_key("."));
        let entries = map.into_iter().flatten().filter(|(element, _)| *element != ".");
        let below = entries.map(|(element, value)| (element.clone(), Self::node(value)));
        Self { member, below: below.collect() }
    }
}

fn spoken(element: &str) -> String {
    match element.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: BTreeMap<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> =
                keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", keys.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        Some((_, index)) => format!("[{index}]"),
        None => element.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_as_they_are_read() {
        let written = json!({
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": { "f:containers": { "k:{\"name\":\"web\"}": { ".": {}, "f:image": {} } } },
        });
        let set = Fields::from_json(&written);
        assert_eq!(set.to_json(), written);
        let paths = set.paths();
        assert!(paths.contains(&".spec.containers[name=\"web\"].image".to_owned()), "{paths:?}");
        assert!(set.difference(&set).is_empty());
        assert_eq!(set.intersection(&set), set.union(&set));
        let less = Fields::from_json(&json!({ "f:spec": written["f:spec"] }));
        let labels = [".metadata.labels", ".metadata.labels.app"];
        assert_eq!(set.difference(&less).paths(), labels);
    }
}
