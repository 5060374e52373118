//! Walking a document along its form, with a visitor for everything that may tell something.

use serde_json::{Map, Value as Json};

use super::noun;
use crate::draft::Kind;
use crate::schema::{Fields, Form, Others, form};

/// Who looks at what a document says, and says what stands there afterwards.
pub(super) trait Visit {
    /// A name of something, which `what` says in a word.
    fn declared(&mut self, what: &str, name: &str) -> String;

    /// A text of a format under a field.
    fn written(&mut self, format: &'static str, field: &str, text: &str) -> String;

    /// A text of any form.
    fn text(&mut self, field: &str, text: &str) -> String;

    /// A key of a mapping whose keys are free, with its format if it has one.
    fn key(&mut self, format: Option<&'static str>, field: &str, key: &str) -> String;

    /// Something of which nothing is known.
    fn anything(&mut self, field: &str, value: &mut Json);

    /// A mapping with a latitude and a longitude.
    fn place(&mut self, place: &mut Map<String, Json>);
}

/// Walks through a document of any kind.
pub(super) fn document(value: &mut Json, visit: &mut dyn Visit) {
    let kind = value.get("kind").and_then(Json::as_str).and_then(Kind::from_name);
    let kind = kind.expect("a document that was read has a kind");
    let (Form::Mapping(fields), Json::Object(entries)) = (form(kind), value) else {
        panic!("a document is a mapping");
    };
    for (key, form) in &fields.known {
        if let Some(value) = entries.get_mut(key) {
            walk(form, value, if key == "metadata" { noun(kind) } else { key }, visit);
        }
    }
}

/// Walks through what stands under `field`.
fn walk(form: &Form, value: &mut Json, field: &str, visit: &mut dyn Visit) {
    match (form, value) {
        (Form::Boolean | Form::Integer { .. } | Form::Word(_), _)
        | (Form::Tagged { .. }, Json::String(_)) => {}
        (Form::Document, value) => document(value, visit),
        (Form::Either(forms), value) => {
            let form = forms.iter().find(|form| form.takes(value)).expect("what was read fits");
            walk(form, value, field, visit);
        }
        (Form::List { item, .. }, Json::Array(items)) => {
            let one = singular(field);
            items.iter_mut().for_each(|value| walk(item, value, one, visit));
        }
        (Form::Mapping(fields), Json::Object(entries)) => mapping(fields, entries, field, visit),
        (Form::Tagged { tags, .. }, Json::Object(entries)) => {
            for (key, form) in tags {
                if let Some(value) = entries.get_mut(key) {
                    walk(form, value, key, visit);
                }
            }
        }
        (Form::Text, Json::String(text)) => *text = visit.text(field, text),
        (Form::Written(format), Json::String(text)) => {
            *text = visit.written(format.name, field, text);
        }
        (Form::Written(format), Json::Number(_)) if format.numeric => {}
        (
            Form::Any
            | Form::List { .. }
            | Form::Mapping(_)
            | Form::Tagged { .. }
            | Form::Text
            | Form::Written(_),
            value,
        ) => visit.anything(field, value),
    }
}

fn mapping(fields: &Fields, entries: &mut Map<String, Json>, field: &str, visit: &mut dyn Visit) {
    if entries.contains_key("latitude") && entries.contains_key("longitude") {
        visit.place(entries);
    }
    let mut rest = Map::new();
    for (key, mut value) in std::mem::take(entries) {
        let known = fields.known.iter().find(|(name, _)| *name == key);
        match (known, &fields.others, &mut value) {
            (Some((_, Form::Written(format))), _, Json::String(name))
                if key == "name" && format.name == "name" =>
            {
                *name = visit.declared(field, name);
            }
            (Some((_, form)), _, value) => walk(form, value, &key, visit),
            (None, Others::Keyed(format, form), value) => {
                walk(form, value, singular(field), visit);
                let key = visit.key(format.map(|format| format.name), singular(field), &key);
                rest.insert(key, value.take());
                continue;
            }
            (None, Others::Refused, value) => visit.anything(field, value),
        }
        rest.insert(key, value);
    }
    *entries = rest;
}

/// One of what a field has many of.
fn singular(field: &str) -> &str {
    field.strip_suffix('s').unwrap_or(field)
}
