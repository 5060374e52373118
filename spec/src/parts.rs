//! Parts: what can be taken out of a bundle, and what goes with it.
//!
//! Parts are found along the forms that documents were checked against: documents, items of lists, entries of
//! mappings, fields that need not be there. What names something that is gone goes too: it leaves the list that it
//! stands in, or takes the item with it that makes no sense without it. Whether what is left is a scenario at all is for
//! [`Bundle::load`] to say.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::bundle::Bundle;
use crate::draft::Kind;
use crate::schema::{Fields, Form, Others, form};

/// A part of a bundle: the number of its document, and the path in it, nothing for the document itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    document: usize,
    path: Vec<String>,
}

/// Which parts are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Documents of a kind.
    Documents(Kind),
    /// What happens when.
    Moments,
    /// Items of lists and entries of mappings, so deep in their documents.
    Items(usize),
    /// Fields that need not be there, so deep in their documents.
    Fields(usize),
}

/// How deep documents go at most, as far as parts are looked for.
pub const PARTS_DEPTH_MAX: usize = 12;

/// What stands for what is to be taken out. No text of a file has a zero byte.
const GONE: &str = "\0";
/// Of a scenario, what must come out stays as it is, and how long it runs: without saying so it would run for longer.
const KEPT: [[&str; 2]; 2] = [["spec", "expect"], ["spec", "duration"]];

impl Bundle {
    /// The parts of a sort, in the order of the documents.
    #[must_use]
    pub fn parts(&self, sort: Sort) -> Vec<Part> {
        let mut found = Vec::new();
        for (document, value) in self.to_json().iter().enumerate() {
            let kind = kind_of(value);
            if let Sort::Documents(wanted) = sort {
                if kind == wanted && document > 0 {
                    found.push(Part { document, path: Vec::new() });
                }
                continue;
            }
            let mut seeker = Seeker { sort, document, path: Vec::new(), found: &mut found };
            seeker.seek(form(kind), value);
        }
        found
    }

    /// The bundle without some of its parts and what names them. Nothing if an expectation would go with them.
    #[must_use]
    pub fn without(&self, parts: &[Part]) -> Option<Self> {
        let mut documents = self.to_json();
        let names = declared(&documents);
        let expected = documents.first()?.pointer("/spec/expect").cloned();
        for Part { document, path } in parts {
            let place =
                path.iter().try_fold(documents.get_mut(*document)?, |value, step| match value {
                    Json::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
                    Json::Object(entries) => entries.get_mut(step),
                    Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => None,
                });
            // A part of a part that is taken out is gone already.
            if let Some(value) = place {
                *value = Json::String(GONE.into());
            }
        }
        documents.retain(|value| value != GONE);
        documents.iter_mut().for_each(sweep);
        let left = declared(&documents);
        let gone: BTreeSet<String> = names.difference(&left).cloned().collect();
        documents.iter_mut().for_each(|document| forget_in(document, &gone));
        if documents.first()?.pointer("/spec/expect") != expected.as_ref() {
            return None;
        }
        let mut bundle = Self::from_json(&documents, self.tables.clone()).ok()?;
        bundle.drop_tables();
        Some(bundle)
    }
}

fn kind_of(document: &Json) -> Kind {
    let kind = document.get("kind").and_then(Json::as_str).and_then(Kind::from_name);
    kind.expect("a document that was read has a kind")
}

/// Takes out what is marked.
fn sweep(value: &mut Json) {
    match value {
        Json::Array(items) => {
            items.retain(|item| item != GONE);
            items.iter_mut().for_each(sweep);
        }
        Json::Object(entries) => {
            entries.retain(|_, value| value != GONE);
            entries.values_mut().for_each(sweep);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

/// All names that something has: those under `name`.
fn declared(documents: &[Json]) -> BTreeSet<String> {
    fn gather(value: &Json, names: &mut BTreeSet<String>) {
        match value {
            Json::Array(items) => items.iter().for_each(|item| gather(item, names)),
            Json::Object(entries) => {
                names.extend(entries.get("name").and_then(Json::as_str).map(str::to_owned));
                entries.values().for_each(|value| gather(value, names));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }
    let mut names = BTreeSet::new();
    documents.iter().for_each(|document| gather(document, &mut names));
    names
}

/// Looks for parts.
struct Seeker<'f> {
    sort: Sort,
    document: usize,
    path: Vec<String>,
    found: &'f mut Vec<Part>,
}

impl Seeker<'_> {
    fn seek(&mut self, form: &Form, value: &Json) {
        if self.is_kept() {
            return;
        }
        match (form, value) {
            (Form::Either(forms), _) => {
                if let Some(form) = forms.iter().find(|form| form.takes(value)) {
                    self.seek(form, value);
                }
            }
            (Form::Document, Json::Object(_)) => {
                self.seek(crate::schema::form(kind_of(value)), value);
            }
            (Form::List { item, .. }, Json::Array(items)) => {
                for (place, value) in items.iter().enumerate() {
                    self.step(place.to_string(), Found::Item, item, value);
                }
            }
            (Form::Mapping(fields), Json::Object(entries)) => self.mapping(fields, entries),
            (Form::Tagged { tags, .. }, Json::Object(entries)) => {
                for (key, form) in tags {
                    if let Some(value) = entries.get(key) {
                        self.step(key.clone(), Found::Needed, form, value);
                    }
                }
            }
            (
                Form::Any
                | Form::Boolean
                | Form::Document
                | Form::Integer { .. }
                | Form::List { .. }
                | Form::Mapping(_)
                | Form::Tagged { .. }
                | Form::Text
                | Form::Word(_)
                | Form::Written(_),
                _,
            ) => {}
        }
    }

    fn is_kept(&self) -> bool {
        self.document == 0 && KEPT.iter().any(|kept| self.path == *kept)
    }

    fn mapping(&mut self, fields: &Fields, entries: &Map<String, Json>) {
        for (key, value) in entries {
            let known = fields.known.iter().find(|(name, _)| name == key);
            match (known, &fields.others) {
                (Some((_, form)), _) => {
                    let needed = fields.required.contains(key) || fields.exactly_one.contains(key);
                    let found = if needed { Found::Needed } else { Found::Field };
                    self.step(key.clone(), found, form, value);
                }
                (None, Others::Keyed(_, form)) => self.step(key.clone(), Found::Item, form, value),
                (None, Others::Refused) => {}
            }
        }
    }

    fn step(&mut self, step: String, found: Found, form: &Form, value: &Json) {
        self.path.push(step);
        let depth = self.path.len();
        let is_moment = depth == 3 && self.path[1] == "timeline";
        let wanted = match (self.sort, found) {
            (Sort::Moments, Found::Item) => is_moment,
            (Sort::Items(wanted), Found::Item) => wanted == depth && !is_moment,
            (Sort::Fields(wanted), Found::Field) => wanted == depth && !self.is_kept(),
            (Sort::Documents(_), _)
            | (Sort::Moments | Sort::Items(_), Found::Field | Found::Needed)
            | (Sort::Fields(_), Found::Item | Found::Needed) => false,
        };
        if wanted {
            self.found.push(Part { document: self.document, path: self.path.clone() });
        }
        self.seek(form, value);
        self.path.pop();
    }
}

/// What was found on the way.
#[derive(Clone, Copy)]
enum Found {
    Field,
    Item,
    Needed,
}

/// What becomes of something once names are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Stays,
    /// It makes no sense without them.
    Goes,
}

/// Takes out of a value what names something that is gone.
fn forget(form: &Form, value: &mut Json, gone: &BTreeSet<String>) -> Verdict {
    match (form, value) {
        (Form::Written(format), Json::String(name)) => {
            let goes = format.name == "name" && gone.contains(name);
            if goes { Verdict::Goes } else { Verdict::Stays }
        }
        (Form::Either(forms), value) => match forms.iter().find(|form| form.takes(value)) {
            Some(form) => forget(form, value, gone),
            None => Verdict::Stays,
        },
        (Form::Document, value @ Json::Object(_)) => {
            forget_in(value, gone);
            Verdict::Stays
        }
        (Form::List { item, .. }, Json::Array(items)) => {
            let before = items.len();
            items.retain_mut(|value| forget(item, value, gone) == Verdict::Stays);
            let emptied = before > 0 && items.is_empty();
            if emptied { Verdict::Goes } else { Verdict::Stays }
        }
        (Form::Mapping(fields), Json::Object(entries)) => mapping(fields, entries, gone),
        (Form::Tagged { tags, .. }, Json::Object(entries)) => {
            let known = |key: &str| tags.iter().find(|(tag, _)| tag == key);
            let goes = entries.iter_mut().any(|(key, value)| {
                known(key).is_some_and(|(_, form)| forget(form, value, gone) == Verdict::Goes)
            });
            if goes { Verdict::Goes } else { Verdict::Stays }
        }
        (
            Form::Any
            | Form::Boolean
            | Form::Document
            | Form::Integer { .. }
            | Form::List { .. }
            | Form::Mapping(_)
            | Form::Tagged { .. }
            | Form::Text
            | Form::Word(_)
            | Form::Written(_),
            _,
        ) => Verdict::Stays,
    }
}

fn mapping(fields: &Fields, entries: &mut Map<String, Json>, gone: &BTreeSet<String>) -> Verdict {
    let mut verdict = Verdict::Stays;
    entries.retain(|key, value| {
        let known = fields.known.iter().find(|(name, _)| name == key);
        let (form, is_list) = match (known, &fields.others) {
            (Some((_, form)), _) => (form, matches!(form, Form::List { .. })),
            (None, Others::Keyed(format, form)) => {
                let named = format.is_some_and(|format| format.name == "name");
                return !(named && gone.contains(key))
                    && forget(form, value, gone) == Verdict::Stays;
            }
            (None, Others::Refused) => return true,
        };
        if forget(form, value, gone) == Verdict::Stays {
            return true;
        }
        let needed = fields.required.contains(key);
        // A list that may be empty is just left out. Other fields say what the mapping is about.
        if needed || !is_list {
            verdict = Verdict::Goes;
        }
        false
    });
    verdict
}

/// The same for a document: it stays without what it said of them.
fn forget_in(document: &mut Json, gone: &BTreeSet<String>) {
    let Form::Mapping(fields) = form(kind_of(document)) else { return };
    let spec = fields.known.iter().find(|(key, _)| key == "spec");
    let entries = document.get_mut("spec").and_then(Json::as_object_mut);
    let (Some((_, Form::Mapping(fields))), Some(entries)) = (spec, entries) else { return };
    entries.retain(|key, value| {
        let known = fields.known.iter().find(|(name, _)| name == key);
        known.is_none_or(|(_, form)| forget(form, value, gone) == Verdict::Stays)
    });
}
