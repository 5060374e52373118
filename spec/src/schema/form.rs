//! Forms: a schema in the shape that the validator walks, made once per kind.
//!
//! Only what the drafts' schemas use is understood; anything else is a bug that the tests find.

use serde_json::{Map, Value as Json};

use crate::draft::Kind;
use crate::schema::{known, resolve};
use crate::values::{FORMATS, Format, format};

/// What must stand at one place.
#[derive(Debug)]
pub(crate) enum Form {
    /// Anything.
    Any,
    /// One of several, told apart by what stands there: a word, a list or a mapping.
    Either(Vec<Form>),
    Boolean,
    /// A document of any kind but a scenario.
    Document,
    Integer {
        least: i128,
        most: i128,
    },
    List {
        item: Box<Form>,
        least: u64,
    },
    Mapping(Fields),
    /// A word, or a mapping with one key that says which of several is meant.
    Tagged {
        words: Vec<String>,
        tags: Vec<(String, Form)>,
    },
    Text,
    /// One of these words.
    Word(Vec<String>),
    Written(&'static Format),
}

/// What a mapping may hold.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// By name, in the order of the reference.
    pub(crate) known: Vec<(String, Form)>,
    pub(crate) required: Vec<String>,
    pub(crate) others: Others,
    /// Keys of which exactly one must be there.
    pub(crate) exactly_one: Vec<String>,
}

/// What a mapping may hold besides its known fields.
#[derive(Debug, Default)]
pub(crate) enum Others {
    /// Nothing.
    #[default]
    Refused,
    /// Keys of a certain form, and values.
    Keyed(Option<&'static Format>, Box<Form>),
}

impl Form {
    /// The form of a kind's documents.
    pub(super) fn of(kind: Kind) -> Self {
        Self::of_schema(known(kind))
    }

    /// The form that a schema describes.
    pub(crate) fn of_schema(root: &Json) -> Self {
        Self::read(root, root)
    }

    fn read(root: &Json, schema: &Json) -> Self {
        let Some(rules) = resolve(root, schema).as_object() else {
            return Self::Any;
        };
        if rules.contains_key("x-document") {
            return Self::Document;
        }
        let mut exactly_one = Vec::new();
        for key in ["anyOf", "oneOf"] {
            match rules.get(key).and_then(Json::as_array) {
                Some(alternatives) if alternatives.iter().all(is_requirement) => {
                    let keys = alternatives.iter().filter_map(|one| one.pointer("/required/0"));
                    exactly_one.extend(keys.filter_map(text));
                }
                Some(alternatives) => return Self::alternatives(root, alternatives),
                None => {}
            }
        }
        if let Some(word) = rules.get("const").and_then(text) {
            return Self::Word(vec![word]);
        }
        if let Some(words) = rules.get("enum").and_then(Json::as_array) {
            return Self::Word(words.iter().filter_map(text).collect());
        }
        if let Some(format) = rules.get("format").and_then(Json::as_str).and_then(format) {
            return Self::Written(format);
        }
        match type_of(rules) {
            Some("object") => Self::Mapping(Fields { exactly_one, ..Fields::read(root, rules) }),
            Some("array") => Self::List {
                item: Box::new(rules.get("items").map_or(Self::Any, |item| Self::read(root, item))),
                least: rules.get("minItems").and_then(Json::as_u64).unwrap_or(0),
            },
            Some("integer") => {
                let (least, most) = bounds(rules);
                Self::Integer { least, most }
            }
            Some("boolean") => Self::Boolean,
            Some("string") => Self::Text,
            _ => Self::Any,
        }
    }

    fn alternatives(root: &Json, alternatives: &[Json]) -> Self {
        let resolved = || alternatives.iter().map(|schema| resolve(root, schema));
        let mut words: Vec<String> = Vec::new();
        for schema in resolved() {
            words.extend(schema.get("const").and_then(text));
            words.extend(
                schema.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(text),
            );
        }
        let tags: Vec<_> = resolved()
            .filter_map(tag)
            .map(|(key, schema)| (key.to_owned(), Self::read(root, schema)))
            .collect();
        let plain =
            resolved().all(|schema| schema.get("const").is_some() || schema.get("enum").is_some());
        match (plain, tags.is_empty()) {
            (true, _) => Self::Word(words),
            (false, false) => Self::Tagged { words, tags },
            (false, true) => {
                Self::Either(resolved().map(|schema| Self::read(root, schema)).collect())
            }
        }
    }

    /// Whether a value can be of this form, as far as alternatives are told apart.
    pub(crate) const fn takes(&self, value: &Json) -> bool {
        let is_mapping = matches!(self, Self::Mapping(_) | Self::Tagged { .. });
        let is_list = matches!(self, Self::List { .. });
        match value {
            Json::Object(_) => is_mapping,
            Json::Array(_) => is_list,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {
                !is_mapping && !is_list
            }
        }
    }

    /// What it is, for people.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Either(_) => "one of several things",
            Self::Boolean => "`true` or `false`",
            Self::Document => "a document",
            Self::Integer { .. } => "a whole number",
            Self::List { .. } => "a list",
            Self::Mapping(_) | Self::Tagged { .. } => "a mapping",
            Self::Text => "a text",
            Self::Word(_) => "a word",
            Self::Written(format) => format.syntax,
        }
    }
}

impl Fields {
    fn read(root: &Json, rules: &Map<String, Json>) -> Self {
        let properties = rules.get("properties").and_then(Json::as_object);
        let known = properties.into_iter().flatten();
        let known = known.map(|(key, schema)| (key.clone(), Form::read(root, schema))).collect();
        let patterned = rules.get("patternProperties").and_then(Json::as_object);
        let others = match (
            patterned.and_then(|known| known.iter().next()),
            rules.get("additionalProperties"),
        ) {
            (Some((pattern, schema)), _) => {
                let format = FORMATS.iter().find(|format| format.pattern == pattern);
                Others::Keyed(format, Box::new(Form::read(root, schema)))
            }
            (None, Some(Json::Bool(false))) => Others::Refused,
            (None, Some(schema)) => Others::Keyed(None, Box::new(Form::read(root, schema))),
            (None, None) => Others::Keyed(None, Box::new(Form::Any)),
        };
        let required = rules.get("required").and_then(Json::as_array);
        let required = required.into_iter().flatten().filter_map(text).collect();
        Self { known, required, others, exactly_one: Vec::new() }
    }
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn type_of(rules: &Map<String, Json>) -> Option<&str> {
    match rules.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.first()?.as_str(),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_) => None,
    }
}

fn is_requirement(schema: &Json) -> bool {
    let object = schema.as_object();
    object.is_some_and(|object| object.len() == 1 && object.contains_key("required"))
}

/// The only key of an alternative that is told by its key, and what stands under it.
fn tag(schema: &Json) -> Option<(&str, &Json)> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required")?.as_array()?;
    match (properties.len(), required.as_slice()) {
        (1, [Json::String(key)]) => Some((key, properties.get(key)?)),
        _ => None,
    }
}

fn bounds(rules: &Map<String, Json>) -> (i128, i128) {
    let (least, most) = match rules.get("format").and_then(Json::as_str) {
        Some("uint8") => (0, i128::from(u8::MAX)),
        Some("uint16") => (0, i128::from(u16::MAX)),
        Some("uint32") => (0, i128::from(u32::MAX)),
        Some("int32") => (i128::from(i32::MIN), i128::from(i32::MAX)),
        _ => (0, i128::from(u64::MAX)),
    };
    let bound = |key: &str| rules.get(key).and_then(Json::as_i64).map(i128::from);
    (
        bound("minimum").map_or(least, |bound| bound.max(least)),
        bound("maximum").map_or(most, |bound| bound.min(most)),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;
    use crate::yaml::{Node, parse};

    /// A field: the names of all fields beside it, which tell what it belongs to, and its own.
    type Place = (String, String);

    fn place(fields: &[(String, Form)], key: &str) -> Place {
        let beside: Vec<_> = fields.iter().map(|field| field.0.as_str()).collect();
        (beside.join(" "), key.to_owned())
    }

    /// Every field below a form.
    fn places(form: &Form, found: &mut BTreeSet<Place>) {
        match form {
            Form::Either(forms) => forms.iter().for_each(|form| places(form, found)),
            Form::List { item, .. } => places(item, found),
            Form::Mapping(Fields { known, others, .. }) => {
                found.extend(known.iter().map(|(key, _)| place(known, key)));
                known.iter().for_each(|(_, form)| places(form, found));
                if let Others::Keyed(_, form) = others {
                    places(form, found);
                }
            }
            Form::Tagged { tags, .. } => {
                found.extend(tags.iter().map(|(key, _)| place(tags, key)));
                tags.iter().for_each(|(_, form)| places(form, found));
            }
            Form::Any
            | Form::Boolean
            | Form::Document
            | Form::Integer { .. }
            | Form::Text
            | Form::Word(_)
            | Form::Written(_) => {}
        }
    }

    /// Takes away the fields that stand in a tree.
    fn strike(form: &Form, node: &Node, left: &mut BTreeSet<Place>) {
        match form {
            Form::Either(forms) => forms.iter().for_each(|form| strike(form, node, left)),
            Form::List { item, .. } => {
                node.items().iter().for_each(|node| strike(item, node, left));
            }
            Form::Mapping(Fields { known: fields, .. }) | Form::Tagged { tags: fields, .. } => {
                for (key, form) in fields {
                    if let Some(entry) = node.entry(key) {
                        left.remove(&place(fields, key));
                        strike(form, &entry.value, left);
                    }
                }
            }
            Form::Document => strike_document(node, left),
            Form::Any
            | Form::Boolean
            | Form::Integer { .. }
            | Form::Text
            | Form::Word(_)
            | Form::Written(_) => {}
        }
    }

    fn strike_document(node: &Node, left: &mut BTreeSet<Place>) {
        let kind = node.get("kind").and_then(Node::text).and_then(Kind::from_name).unwrap();
        strike(&Form::of(kind), node, left);
    }

    #[test]
    fn the_sample_of_everything_has_every_field() {
        let samples = [
            include_str!("../../tests/valid/everything.yaml"),
            include_str!("../../tests/valid/everything/fleet.yaml"),
        ];
        let mut left = BTreeSet::new();
        Kind::ALL.into_iter().for_each(|kind| places(&Form::of(kind), &mut left));
        for text in samples {
            let source = Source { name: "sample".to_owned(), text: text.to_owned() };
            for document in parse(&Arc::new(source)).unwrap() {
                strike_document(&document, &mut left);
            }
        }
        assert_eq!(left, BTreeSet::new());
    }

    #[test]
    fn only_free_content_is_not_checked() {
        let mut found = BTreeSet::new();
        for kind in Kind::ALL {
            open(&Form::of(kind), kind.name(), &mut found);
        }
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            [
                "Application.spec.components[].content",
                "Application.spec.components[].source.helm.values",
                "Application.spec.customize[].jsonPatch[]",
                "Application.spec.customize[].mergePatch",
                "Application.spec.customize[].strategicMerge",
                "Scenario.spec.tables[].template",
            ]
        );
    }

    /// Places at which anything may stand.
    fn open(form: &Form, path: &str, found: &mut BTreeSet<String>) {
        match form {
            Form::Any => drop(found.insert(path.to_owned())),
            Form::Either(forms) => forms.iter().for_each(|form| open(form, path, found)),
            Form::List { item, .. } => open(item, &format!("{path}[]"), found),
            Form::Mapping(fields) => {
                let known = fields.known.iter();
                known.for_each(|(key, form)| open(form, &format!("{path}.{key}"), found));
                if let Others::Keyed(_, form) = &fields.others {
                    open(form, &format!("{path}.*"), found);
                }
            }
            Form::Tagged { tags, .. } => {
                tags.iter().for_each(|(key, form)| open(form, &format!("{path}.{key}"), found));
            }
            Form::Boolean
            | Form::Document
            | Form::Integer { .. }
            | Form::Text
            | Form::Word(_)
            | Form::Written(_) => {}
        }
    }
}
