//! Anonymous: a bundle in which nothing tells whose it is, and that decides as it did.
//!
//! Documents are walked along the forms that they were checked against, so that a field need not be known here: what
//! is a name, a label or a text by its form is replaced by a word that tells nothing, the same one wherever it stands;
//! numbers, durations, prices and structure stay. A form that is not known to be harmless is replaced as well.
//! [`walk`] knows the forms, [`words`] what stands for what, [`turn`] where places and clocks go, [`tables`] the CSV
//! files.

mod delivery;
mod tables;
mod turn;
mod walk;
mod words;

use serde_json::{Map, Value as Json};

pub use self::turn::Hiding;
use self::turn::Turn;
use self::walk::{Visit, document};
use self::words::Words;
use crate::bundle::Bundle;
use crate::diagnostic::Diagnostic;
use crate::draft::Kind;
use crate::values::Name;

/// What is told instead of a story.
const STORY: &str = "An anonymized scenario.\n";

impl Bundle {
    /// How far its places can be hidden.
    #[must_use]
    pub fn hiding(&self) -> Hiding {
        turn::hiding(self)
    }

    /// The same scenario, called `name`, with nothing in it that tells whose it is. Distances stay, to the last
    /// rounding; what else a `seed` decides is which way the earth is turned.
    ///
    /// # Errors
    /// Everything that is wrong with what came out, by place.
    pub fn anonymized(&self, name: &Name, seed: u64) -> Result<Self, Vec<Diagnostic>> {
        let delivered = delivery::left_out(self);
        let mut documents = delivered.to_json();
        let mut gather = Gather::default();
        documents.iter_mut().for_each(|one| document(one, &mut gather));
        let words = gather.words;
        let mut replace = Replace { words: words.numbered(), turn: Turn::new(self, seed) };
        documents.iter_mut().for_each(|one| document(one, &mut replace));
        let Replace { words, turn } = replace;
        let mut bundle = Self::from_json(&documents, delivered.tables.clone())?;
        bundle.scenario.metadata.name = name.clone();
        turn.clocks(&mut bundle.scenario.spec);
        bundle.tables = tables::replaced(&delivered, &bundle, &words);
        Ok(bundle)
    }
}

/// Looks for what has a name before anything is replaced: what a name is called by does not depend on where it
/// is mentioned first.
#[derive(Default)]
struct Gather {
    words: Words,
}

impl Visit for Gather {
    fn declared(&mut self, what: &str, name: &str) -> String {
        self.words.declare(what, name);
        name.to_owned()
    }

    fn written(&mut self, _: &'static str, _: &str, text: &str) -> String {
        text.to_owned()
    }

    fn text(&mut self, _: &str, text: &str) -> String {
        text.to_owned()
    }

    fn key(&mut self, format: Option<&'static str>, _: &str, key: &str) -> String {
        if format.is_none() {
            self.words.list(key);
        }
        key.to_owned()
    }

    fn anything(&mut self, _: &str, _: &mut Json) {}

    fn place(&mut self, _: &mut Map<String, Json>) {}
}

/// Puts words in place of others.
struct Replace {
    words: Words,
    turn: Turn,
}

impl Visit for Replace {
    fn declared(&mut self, what: &str, name: &str) -> String {
        self.words.name(what, name)
    }

    fn written(&mut self, format: &'static str, field: &str, text: &str) -> String {
        match format {
            "name" => self.words.name(field, text),
            "label-key" => self.words.label(text),
            "label-value" => self.words.value(text),
            // Where these lead is known where all of them are.
            "time-zone" | "timestamp" => text.to_owned(),
            _ if HARMLESS.contains(&format) => text.to_owned(),
            _ => self.words.text(field, text),
        }
    }

    fn text(&mut self, field: &str, text: &str) -> String {
        match field {
            "story" => STORY.to_owned(),
            "metric" => self.words.metric(text),
            "file" => format!("{}.csv", self.words.text("table", text)),
            _ => self.words.text(field, text),
        }
    }

    fn key(&mut self, format: Option<&'static str>, field: &str, key: &str) -> String {
        match format {
            Some(format) => self.written(format, field, key),
            None => self.words.listed(key),
        }
    }

    fn anything(&mut self, field: &str, value: &mut Json) {
        if !value.is_null() {
            // Moving a line of it is no change.
            value.sort_all_objects();
            *value = Json::String(self.words.text(field, &value.to_string()));
        }
    }

    fn place(&mut self, place: &mut Map<String, Json>) {
        self.turn.place(place);
    }
}

/// Formats of what tells no more than a number does.
const HARMLESS: [&str; 13] = [
    "bound",
    "distance",
    "duration",
    "latency",
    "latitude",
    "longitude",
    "number",
    "percentage",
    "price",
    "quantity",
    "rate",
    "signed-price",
    "time-of-day",
];

/// What things of a kind are called by.
const fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => "app",
        Kind::Cluster => "cluster",
        Kind::InitialState => "initial-state",
        Kind::Policy => "policy",
        Kind::Scenario => "scenario",
        Kind::Tenant => "tenant",
        Kind::Zone => "zone",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::scenario::Ensemble;
    use crate::values::{FORMATS, Format};

    #[test]
    fn every_format_is_replaced_or_known_to_be_harmless() {
        let replaced = ["label-key", "label-value", "name", "time-zone", "timestamp"];
        let left_out = ["cidr", "dns-name", "ip-address"];
        for format in &FORMATS {
            let known = HARMLESS.contains(&format.name)
                || replaced.contains(&format.name)
                || left_out.contains(&format.name);
            assert!(known, "{} is new: it is replaced until it is listed", format.name);
        }
        assert_eq!(HARMLESS.len() + replaced.len() + left_out.len(), FORMATS.len());
    }

    #[test]
    fn of_a_scenario_that_has_every_field_no_name_and_no_text_is_left() {
        let bundle = Bundle::read(Path::new("tests/valid/everything.yaml")).unwrap();
        let hidden = bundle.anonymized(&"hidden".parse().unwrap(), 7).unwrap();
        let (was, is) = (bundle.load().unwrap().scenario, hidden.load().unwrap().scenario);
        let told = |ensemble: &Ensemble| format!("{ensemble:?}");
        assert_eq!(told(&was.ensemble), told(&is.ensemble));
        insta::assert_snapshot!(hidden.files("hidden.yaml").iter().fold(
            String::new(),
            |all, (file, text)| {
                let few: Vec<&str> = text.lines().take(400).collect();
                format!("{all}--- {file}\n{}\n", few.join("\n"))
            }
        ));
        assert_eq!(bundle.anonymized(&"hidden".parse().unwrap(), 7), Ok(hidden));
    }

    /// Every text and every key of a document.
    fn gather(value: &Json, found: &mut BTreeSet<String>) {
        match value {
            Json::Object(entries) => {
                found.extend(entries.keys().cloned());
                entries.values().for_each(|value| gather(value, found));
            }
            Json::Array(items) => items.iter().for_each(|item| gather(item, found)),
            Json::String(text) => drop(found.insert(text.clone())),
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }

    #[test]
    fn no_text_is_left_that_is_neither_a_word_of_the_schema_nor_a_number() {
        let bundle = Bundle::read(Path::new("tests/valid/everything.yaml")).unwrap();
        let hidden = bundle.anonymized(&"hidden".parse().unwrap(), 7).unwrap();
        let mut known = BTreeSet::new();
        Kind::ALL.into_iter().for_each(|kind| gather(&crate::schema::schema(kind), &mut known));
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        bundle.to_json().iter().for_each(|one| gather(one, &mut before));
        hidden.to_json().iter().for_each(|one| gather(one, &mut after));
        let harmless = |text: &str| {
            let is = |format: &&Format| HARMLESS.contains(&format.name);
            FORMATS.iter().filter(is).any(|format| format.check(text).is_ok())
        };
        let left: Vec<&String> = before
            .intersection(&after)
            .filter(|text| !known.contains(*text) && !harmless(text))
            .collect();
        assert_eq!(left, ["cloud", "edge", "metro", "region", "slo.attainment", "tier"]);
    }
}
