//! The reference for people: every kind and every field, made from the schemas and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value as Json};

use crate::code::Code;
use crate::draft::Kind;
use crate::schema::known;
use crate::values::FORMATS;

/// The reference of all kinds as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = Page { text: INTRODUCTION.to_owned() };
    page.values();
    let shared = shared();
    for kind in Kind::ALL {
        page.kind(kind, &shared);
    }
    page.heading(2, "Shared types");
    for (name, schema) in &shared {
        page.definition(name, schema);
    }
    page.complaints();
    page.text
}

const INTRODUCTION: &str = "\
# Reference

Every document has `apiVersion: periplus.dev/v1alpha1`, a `kind`, `metadata` with a `name` and, for clusters
and zones, `labels`, and a `spec`. A file may hold several documents, separated by `---`.

This page is made from the types that read the files.
";

/// A minimal document of a kind.
const fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Application => include_str!("examples/application.yaml"),
        Kind::Cluster => include_str!("examples/cluster.yaml"),
        Kind::InitialState => include_str!("examples/initialstate.yaml"),
        Kind::Policy => include_str!("examples/policy.yaml"),
        Kind::Scenario => include_str!("examples/scenario.yaml"),
        Kind::Tenant => include_str!("examples/tenant.yaml"),
        Kind::Zone => include_str!("examples/zone.yaml"),
    }
}

fn definitions(kind: Kind) -> impl Iterator<Item = (&'static str, &'static Json)> {
    let definitions = known(kind).get("$defs").and_then(Json::as_object);
    definitions.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

/// The types that several kinds use, by name.
fn shared() -> BTreeMap<&'static str, &'static Json> {
    let mut uses: BTreeMap<&str, (usize, &Json)> = BTreeMap::new();
    for (name, schema) in Kind::ALL.into_iter().flat_map(definitions) {
        uses.entry(name).or_insert((0, schema)).0 += 1;
    }
    let several = uses.into_iter().filter(|(name, (uses, _))| *uses > 1 && *name != "Metadata");
    several.map(|(name, (_, schema))| (name, schema)).collect()
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, level: usize, text: &str) {
        let marks = "#".repeat(level);
        self.line(&format!("\n{marks} {text}\n"));
    }

    fn values(&mut self) {
        self.heading(2, "How values are written");
        self.line("| value | how | for example |");
        self.line("|---|---|---|");
        for format in &FORMATS {
            let examples = format.examples.iter().filter(|example| !example.is_empty());
            let examples: Vec<_> = examples.map(|example| format!("`{example}`")).collect();
            self.line(&format!(
                "| {} | {} | {} |",
                format.name,
                format.syntax,
                examples.join(", ")
            ));
        }
        self.line("\nAn empty value counts as absent. Times in a scenario count from its start.");
    }

    fn kind(&mut self, kind: Kind, shared: &BTreeMap<&str, &Json>) {
        self.heading(2, kind.name());
        self.line(&description(known(kind)));
        self.line(&format!("\n```yaml\n{}```", example(kind)));
        for (name, schema) in definitions(kind) {
            let own = name != "Metadata" && name != "Document" && !shared.contains_key(name);
            if name == kind.name() {
                self.line("\nThe fields of `spec`:\n");
                self.body(schema);
            } else if own {
                self.definition(name, schema);
            }
        }
    }

    fn definition(&mut self, name: &str, schema: &Json) {
        self.heading(3, name);
        self.line(&description(schema));
        self.line("");
        self.body(schema);
    }

    fn body(&mut self, schema: &Json) {
        let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(key)?.as_array());
        match (schema.get("properties").and_then(Json::as_object), alternatives) {
            (Some(properties), _) => self.fields(schema, properties),
            (None, Some(alternatives)) => self.alternatives(alternatives),
            (None, None) => {}
        }
    }

    fn fields(&mut self, schema: &Json, properties: &Map<String, Json>) {
        self.line("| field | type | default | meaning |");
        self.line("|---|---|---|---|");
        let required = schema.get("required").and_then(Json::as_array);
        let is_required =
            |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        for (name, schema) in properties {
            let default = match (is_required(name), schema.get("default")) {
                (true, _) => "required".to_owned(),
                (false, Some(default)) => value(default),
                (false, None) => String::new(),
            };
            self.line(&format!(
                "| `{name}` | {} | {default} | {} |",
                type_of(schema),
                description(schema)
            ));
        }
    }

    fn alternatives(&mut self, alternatives: &[Json]) {
        self.line("| one of | meaning |");
        self.line("|---|---|");
        for schema in alternatives {
            let words = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
            for word in words.chain(schema.get("const")) {
                self.line(&format!("| {} | {} |", value(word), description(schema)));
            }
            let properties = schema.get("properties").and_then(Json::as_object);
            let tagged = properties.filter(|properties| properties.len() == 1);
            if let Some((name, inner)) = tagged.and_then(|properties| properties.iter().next()) {
                let form = match inner.get("properties").and_then(Json::as_object) {
                    Some(fields) => {
                        let fields = fields
                            .iter()
                            .map(|(name, schema)| format!("{name}: {}", type_of(schema)));
                        format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
                    }
                    None => type_of(inner),
                };
                self.line(&format!("| `{name}`: {form} | {} |", description(schema)));
            } else if schema.get("const").is_none() && schema.get("enum").is_none() {
                self.line(&format!("| {} | {} |", type_of(schema), described(schema)));
            }
        }
    }

    fn complaints(&mut self) {
        self.heading(2, "Complaints");
        self.line("| code | meaning |");
        self.line("|---|---|");
        for code in Code::ALL {
            self.line(&format!("| `{code}` | {} |", code.meaning().trim()));
        }
    }
}

/// A description on one line, as cells of tables need it.
fn description(schema: &Json) -> String {
    let text = schema.get("description").and_then(Json::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A description, or the fields where there is none.
fn described(schema: &Json) -> String {
    let fields = schema.get("properties").and_then(Json::as_object);
    let fields = fields
        .into_iter()
        .flatten()
        .map(|(name, schema)| format!("`{name}`: {}", description(schema)));
    match description(schema) {
        text if text.is_empty() => fields.collect::<Vec<_>>().join(" "),
        text => text,
    }
}

fn value(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) if text.is_empty() => String::new(),
        Json::String(text) => format!("`{text}`"),
        Json::Bool(_) | Json::Number(_) => format!("`{value}`"),
        Json::Array(items) if items.is_empty() => String::new(),
        Json::Object(fields) if fields.is_empty() => String::new(),
        Json::Array(_) | Json::Object(_) => "see there".to_owned(),
    }
}

fn type_of(schema: &Json) -> String {
    if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
        let name = name.rsplit('/').next().unwrap_or_default();
        if name == "Document" {
            return "document of any kind but a scenario".to_owned();
        }
        return format!("[{name}](#{})", name.to_lowercase());
    }
    let format = schema.get("format").and_then(Json::as_str);
    if let Some(format) = format.filter(|name| FORMATS.iter().any(|format| format.name == *name)) {
        return format.to_owned();
    }
    if let Some(alternatives) = schema.get("anyOf").and_then(Json::as_array) {
        return alternatives.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type").and_then(Json::as_str) {
        Some("array") => {
            let item = schema.get("items").map(type_of).unwrap_or_default();
            format!("list of {item}")
        }
        Some("object") => {
            let patterned = schema.get("patternProperties").and_then(Json::as_object);
            let value = patterned
                .and_then(|known| known.values().next())
                .or(schema.get("additionalProperties"));
            match value {
                Some(value @ Json::Object(_)) => format!("mapping to {}", type_of(value)),
                _ => "mapping".to_owned(),
            }
        }
        Some("integer") => whole_number(schema),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("string") => "text".to_owned(),
        _ => "anything".to_owned(),
    }
}

fn whole_number(schema: &Json) -> String {
    let mut text = "whole number".to_owned();
    let bound = |key: &str| schema.get(key).and_then(Json::as_u64);
    if let Some(least) = bound("minimum").filter(|least| *least > 0) {
        write!(text, " from {least}").expect("a string takes every text");
    }
    let natural = [u64::from(u8::MAX), u64::from(u16::MAX)];
    if let Some(most) = bound("maximum").filter(|most| !natural.contains(most)) {
        write!(text, " to {most}").expect("a string takes every text");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::diagnostic::Source;
    use crate::load::read_document;
    use crate::yaml::{Origin, parse};

    #[test]
    fn the_examples_are_valid() {
        for kind in Kind::ALL {
            let text = example(kind).to_owned();
            let source = Arc::new(Source { name: kind.name().to_owned(), text });
            let origin = Origin { source: Arc::clone(&source), row: None };
            let trees = parse(&source).unwrap();
            let [tree] = trees.as_slice() else { panic!("{kind}: one document") };
            let document = read_document(kind, &origin, tree).unwrap();
            assert_eq!(document.kind(), kind);
        }
    }

    #[test]
    fn every_field_and_word_is_described() {
        let page = reference();
        for row in page.lines().filter(|row| row.starts_with('|') && row.contains('`')) {
            let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
            assert!(cells.last().is_some_and(|meaning| !meaning.is_empty()), "{row}");
        }
    }

    #[test]
    fn links_lead_to_headings() {
        let page = reference();
        for link in page.split("](#").skip(1) {
            let name = link.split(')').next().unwrap_or_default();
            let heading = |line: &str| line.trim_start_matches('#').trim().to_lowercase() == name;
            assert!(page.lines().any(|line| line.starts_with('#') && heading(line)), "{name}");
        }
    }
}
