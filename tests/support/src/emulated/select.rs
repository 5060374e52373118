//! Label and field selectors, as queries write them.

use std::sync::Arc;

use serde_json::Value;

use super::kinds::Kind;
use super::object::{Stored, text};
use super::status::Refused;
use super::store::parts;

/// What a list or a watch is restricted to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selector {
    labels: Vec<(String, Wanted)>,
    /// `(path, value, whether it must be equal)`.
    fields: Vec<(String, String, bool)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
}

impl Selector {
    /// Reads both selectors; an empty text selects everything.
    pub(super) fn read(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Refused> {
        let labels: Option<Vec<_>> = split(labels).into_iter().map(requirement).collect();
        let Some(labels) = labels else {
            return Err(Refused::bad("unable to parse requirement: found an invalid selector"));
        };
        let mut selected = Vec::new();
        for term in fields.split(',').filter(|term| !term.is_empty()) {
            let unequal = term.split_once("!=").map(|(path, value)| (path, value, false));
            let equal = || term.split_once("==").or_else(|| term.split_once('='));
            let read = unequal.or_else(|| equal().map(|(path, value)| (path, value, true)));
            let Some((path, value, equal)) = read else {
                let said = format!("invalid selector: '{term}'; can't understand '{term}'");
                return Err(Refused::bad(said));
            };
            let known = match kind.kind.as_str() {
                "Pod" => ["spec.nodeName", "status.phase"].as_slice(),
                "Namespace" => &["status.phase"],
                "Secret" => &["type"],
                "Event" => &["involvedObject.name", "involvedObject.kind", "reason", "type"],
                _ => &[],
            };
            if !(known.contains(&path) || ["metadata.name", "metadata.namespace"].contains(&path)) {
                let said = if known.is_empty() {
                    format!(
                        "\"{path}\" is not a known field selector: only \"metadata.name\", \
                         \"metadata.namespace\""
                    )
                } else {
                    format!("field label not supported: {path}")
                };
                return Err(Refused::bad(said));
            }
            selected.push((path.to_owned(), value.to_owned(), equal));
        }
        Ok(Self { labels, fields: selected })
    }

    /// Whether it selects everything.
    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it selects this object.
    pub(super) fn matches(&self, key: &str, stored: &Arc<Stored>) -> bool {
        let (namespace, name) = parts(key);
        let of_metadata = |path: &str| match path {
            "metadata.name" => Some(name),
            "metadata.namespace" => Some(namespace),
            _ => None,
        };
        let deeper = self.fields.iter().any(|(path, ..)| of_metadata(path).is_none());
        let object = if deeper { stored.value("", "") } else { Value::Null };
        let fields = self.fields.iter().all(|(path, value, equal)| {
            let pointer = format!("/{}", path.replace('.', "/"));
            let found = of_metadata(path).unwrap_or_else(|| text(&object, &pointer));
            (found == value) == *equal
        });
        if !fields || self.labels.is_empty() {
            return fields;
        }
        let labels = stored.traced().labels;
        self.labels.iter().all(|(label, wanted)| {
            let found = labels.get(label).and_then(Value::as_str);
            match wanted {
                Wanted::In(values) => found.is_some_and(|found| values.iter().any(|v| v == found)),
                Wanted::NotIn(values) => {
                    found.is_none_or(|found| values.iter().all(|v| v != found))
                }
                Wanted::Exists => found.is_some(),
                Wanted::Absent => found.is_none(),
            }
        })
    }
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut terms = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                terms.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    terms.push(text[start..].trim());
    terms.retain(|term| !term.is_empty());
    terms
}

fn requirement(term: &str) -> Option<(String, Wanted)> {
    let named = |label: &str, wanted| label_of(label).map(|label| (label, wanted));
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((label, value)) = term.split_once("!=") {
        return named(label, Wanted::NotIn(one(value)));
    }
    if let Some((label, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return named(label, Wanted::In(one(value)));
    }
    if let Some(label) = term.strip_prefix('!') {
        return named(label, Wanted::Absent);
    }
    let Some((left, values)) = term.split_once('(') else {
        return named(term, Wanted::Exists);
    };
    let values = values.strip_suffix(')')?.split(',').map(|value| value.trim().to_owned());
    let left = left.trim_end();
    if let Some(label) = left.strip_suffix(" notin") {
        return named(label, Wanted::NotIn(values.collect()));
    }
    named(left.strip_suffix(" in")?, Wanted::In(values.collect()))
}

fn label_of(text: &str) -> Option<String> {
    let text = text.trim();
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    (!text.is_empty() && text.chars().all(fine)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors_select_what_kubernetes_documents() {
        let object = json!({
            "metadata": { "labels": { "app": "web", "tier": "edge" } },
            "spec": { "nodeName": "n1" }, "status": { "phase": "Running" },
        });
        let stored = Arc::new(Stored::new(object, 7));
        let kind = Kind::custom("", "v1", "Pod", "pods");
        let cases = [
            ("", "", true),
            ("app=web,tier in (edge, core)", "", true),
            ("app==web,tier!=core,!gone", "", true),
            ("tier notin (edge),app", "", false),
            ("absent!=x,absent notin (y)", "", true),
            ("app", "metadata.name=w,metadata.namespace=d", true),
            ("", "spec.nodeName=n1,status.phase!=Failed", true),
            ("", "spec.nodeName=n2", false),
        ];
        for (labels, fields, selected) in cases {
            let selector = Selector::read(&kind, labels, fields).unwrap();
            assert_eq!(selector.matches("d/w", &stored), selected, "{labels} | {fields}");
        }
        assert!(Selector::read(&kind, "a b", "").is_err());
        assert!(Selector::read(&kind, "", "spec.unknown=1").is_err());
    }
}
