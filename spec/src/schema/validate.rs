//! The validator: a tree against a schema, every complaint at once, each with its place and its cure.

use serde_json::{Map, Value as Json};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Span};
use crate::draft::{API_VERSION, Kind};
use crate::schema::{known, resolve};
use crate::values::{Format, format};
use crate::yaml::{Entry, Node, Origin, Scalar, Value};

/// What is wrong with `node` as a document of `kind`.
pub(crate) fn validate(kind: Kind, origin: &Origin, node: &Node) -> Vec<Diagnostic> {
    let root = known(kind);
    let mut validator = Validator { root, origin, complaints: Vec::new() };
    validator.check(root, node, &At::document(kind, node));
    validator.complaints
}

struct Validator<'a> {
    root: &'a Json,
    origin: &'a Origin,
    complaints: Vec<Diagnostic>,
}

/// Where the validator is, for people.
struct At {
    /// What stands here: the key, or what the item of a list is called.
    name: String,
    /// A short place that stands for all of it: the key, or the first line.
    span: Span,
}

impl At {
    fn document(kind: Kind, node: &Node) -> Self {
        Self { name: format!("a {kind}"), span: head(node) }
    }
}

/// The first word of a node.
fn head(node: &Node) -> Span {
    match &node.value {
        Value::Map(entries) => entries.first().map_or(node.span, |entry| entry.key_span),
        Value::List(items) => items.first().map_or(node.span, head),
        Value::Null | Value::Scalar(_) => node.span,
    }
}

impl Validator<'_> {
    fn complain(&mut self, code: Code, message: String, span: Span, help: Option<String>) {
        let message = match &self.origin.row {
            Some(row) => format!("{message} ({row})"),
            None => message,
        };
        let mut wrong = Diagnostic::error(code, message).with_label(&self.origin.source, span, "");
        wrong.help = help;
        self.complaints.push(wrong);
    }

    fn check(&mut self, schema: &Json, node: &Node, at: &At) {
        let schema = resolve(self.root, schema);
        let Some(rules) = schema.as_object() else {
            return;
        };
        if rules.contains_key("x-document") {
            return self.document(node, at);
        }
        for key in ["anyOf", "oneOf"] {
            match rules.get(key).and_then(Json::as_array) {
                Some(alternatives) if alternatives.iter().all(is_requirement) => {
                    self.exactly_one(alternatives, node, at);
                }
                Some(alternatives) => return self.alternatives(alternatives, node, at),
                None => {}
            }
        }
        if let Some(word) = rules.get("const").and_then(Json::as_str) {
            return self.word(&[word], node, at);
        }
        if let Some(words) = rules.get("enum").and_then(Json::as_array) {
            let words: Vec<_> = words.iter().filter_map(Json::as_str).collect();
            return self.word(&words, node, at);
        }
        if let Some(format) = rules.get("format").and_then(Json::as_str).and_then(format) {
            return self.written(format, node, at);
        }
        match type_of(rules) {
            Some("object") => self.mapping(rules, node, at),
            Some("array") => self.list(rules, node, at),
            Some("integer") => self.integer(rules, node, at),
            Some("boolean") => self.boolean(node, at),
            Some("string") => self.string(node, at),
            _ => {}
        }
    }

    fn wrong_type(&mut self, wanted: &str, node: &Node, at: &At, help: Option<String>) {
        let message = format!("{} must be {wanted}; this is {}", at.name, node.noun());
        let span = if node.is_null() { at.span } else { head(node) };
        self.complain(Code::WrongType, message, span, help);
    }

    /// A document inside of another one.
    fn document(&mut self, node: &Node, at: &At) {
        if !matches!(node.value, Value::Map(_)) {
            return self.wrong_type("a document", node, at, None);
        }
        let found = document_kind(self.origin, node, Header::Inner);
        match found {
            Ok(kind) => self.complaints.extend(validate_inner(kind, self.origin, node)),
            Err(wrong) => self.complaints.extend(wrong),
        }
    }

    fn exactly_one(&mut self, alternatives: &[Json], node: &Node, at: &At) {
        let keys: Vec<&str> = alternatives
            .iter()
            .filter_map(|schema| schema.pointer("/required/0")?.as_str())
            .collect();
        let given = || node.entries().iter().filter(|entry| keys.contains(&entry.key.as_str()));
        match given().count() {
            1 => {}
            0 => {
                // A misspelt key is complained of as such, with what may have been meant.
                let properties = |key: &str| keys.contains(&key) || ["at", "for"].contains(&key);
                if node.entries().iter().all(|entry| properties(&entry.key)) {
                    let message = format!("{} says when, but not what happens", at.name);
                    let help = format!("give one of {}", listed(&keys));
                    self.complain(Code::ExactlyOne, message, head(node), Some(help));
                }
            }
            several => {
                let names: Vec<_> = given().map(|entry| entry.key.as_str()).collect();
                let message =
                    format!("only one thing can happen in {}; here are {several}", at.name);
                let help = format!("make a moment of its own of each of {}", listed(&names));
                let span = given().nth(1).map_or(node.span, |entry| entry.key_span);
                self.complain(Code::ExactlyOne, message, span, Some(help));
            }
        }
    }

    /// Goes on with the alternative that fits what stands here.
    fn alternatives(&mut self, alternatives: &[Json], node: &Node, at: &At) {
        let root = self.root;
        let resolved = || alternatives.iter().map(|schema| resolve(root, schema));
        let words: Vec<_> = resolved().filter_map(|schema| schema.get("const")?.as_str()).collect();
        let tagged: Vec<_> = resolved().filter_map(tag).collect();
        if words.len() == alternatives.len() {
            return self.word(&words, node, at);
        }
        if words.len() + tagged.len() == alternatives.len() {
            return self.tagged(&words, &tagged, node, at);
        }
        let fits = |schema: &&Json| {
            let wanted = schema.as_object().and_then(type_of).unwrap_or("string");
            match &node.value {
                Value::Map(_) => wanted == "object",
                Value::List(_) => wanted == "array",
                Value::Null | Value::Scalar(_) => wanted != "object" && wanted != "array",
            }
        };
        if let Some(schema) = resolved().find(fits) {
            return self.check(schema, node, at);
        }
        let wanted: Vec<_> = resolved().map(|schema| noun(schema)).collect();
        self.wrong_type(&wanted.join(" or "), node, at, None);
    }

    /// A mapping with one key that says which alternative is meant.
    fn tagged(&mut self, words: &[&str], tagged: &[(&str, &Json)], node: &Node, at: &At) {
        let keys: Vec<&str> = words.iter().copied().chain(tagged.iter().map(|tag| tag.0)).collect();
        match (&node.value, node.entries()) {
            (Value::Scalar(scalar), _) if words.contains(&scalar.text.as_str()) => {}
            (Value::Scalar(scalar), _) if keys.contains(&scalar.text.as_str()) => {
                let help = format!("write `{}:` and what belongs to it", scalar.text);
                self.wrong_type("a mapping", node, at, Some(help));
            }
            (Value::Map(_), [only]) => match tagged.iter().find(|tag| tag.0 == only.key) {
                Some((_, schema)) => self.entry(schema, only),
                None => self.unknown_key(&keys, only, at),
            },
            (Value::Map(_), []) => {
                let message = format!("{} says nothing", at.name);
                let help = format!("give one of {}", listed(&keys));
                self.complain(Code::ExactlyOne, message, at.span, Some(help));
            }
            (Value::Map(_), [_, second, ..]) => {
                let message = format!("{} must be one thing; here are several", at.name);
                let help = format!("give only one of {}", listed(&keys));
                self.complain(Code::ExactlyOne, message, second.key_span, Some(help));
            }
            _ => {
                let help = format!("give one of {}", listed(&keys));
                self.wrong_type("a mapping", node, at, Some(help));
            }
        }
    }

    fn word(&mut self, words: &[&str], node: &Node, at: &At) {
        let Some(text) = node.text() else {
            return self.wrong_type("a word", node, at, Some(one_of(words)));
        };
        if !words.contains(&text) {
            let message = format!("{} cannot be `{text}`", at.name);
            let help = did_you_mean(text, words).unwrap_or_else(|| one_of(words));
            self.complain(Code::UnknownValue, message, node.span, Some(help));
        }
    }

    fn written(&mut self, format: Format, node: &Node, at: &At) {
        let Value::Scalar(scalar) = &node.value else {
            let help = example(format);
            return self.wrong_type(format.syntax, node, at, Some(help));
        };
        if let Err(fault) = format.check(&scalar.text) {
            let message = format!("{}: {}", at.name, fault.message);
            let help = fault.help.unwrap_or_else(|| example(format));
            return self.complain(format.code, message, node.span, Some(help));
        }
        if !format.numeric && is_not_text(scalar) {
            self.quote(scalar, node, at);
        }
    }

    /// YAML reads what looks like a number or a boolean as one, and `1.10` as 1.1.
    fn quote(&mut self, scalar: &Scalar, node: &Node, at: &At) {
        let help = format!("write it in quotes: \"{}\"", scalar.text);
        self.wrong_type("a text", node, at, Some(help));
    }

    fn string(&mut self, node: &Node, at: &At) {
        match &node.value {
            Value::Scalar(scalar) if is_not_text(scalar) => self.quote(scalar, node, at),
            Value::Scalar(_) => {}
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong_type("a text", node, at, None);
            }
        }
    }

    fn boolean(&mut self, node: &Node, at: &At) {
        let truth = match &node.value {
            Value::Scalar(scalar) => scalar.boolean(),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        };
        if truth.is_none() {
            let help = match node.text().map(str::to_lowercase).as_deref() {
                Some("yes" | "on" | "true") => "write `true`, without quotes",
                Some("no" | "off" | "false") => "write `false`, without quotes",
                _ => "write `true` or `false`",
            };
            self.wrong_type("`true` or `false`", node, at, Some(help.to_owned()));
        }
    }

    fn integer(&mut self, rules: &Map<String, Json>, node: &Node, at: &At) {
        let number = match &node.value {
            Value::Scalar(scalar) if scalar.is_integer() => scalar.text.parse::<i128>().ok(),
            Value::Null | Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        };
        let Some(number) = number else {
            return self.wrong_type("a whole number", node, at, None);
        };
        let (least, most) = bounds(rules);
        if number < least || number > most {
            let message = format!("{} must be between {least} and {most}; it is {number}", at.name);
            self.complain(Code::OutOfRange, message, node.span, None);
        }
    }

    fn list(&mut self, rules: &Map<String, Json>, node: &Node, at: &At) {
        let Value::List(items) = &node.value else {
            let help = match &node.value {
                Value::Map(_) => Some("put `- ` in front of its first line".to_owned()),
                Value::Scalar(scalar) => Some(format!("write `[{}]`", scalar.text)),
                Value::Null | Value::List(_) => None,
            };
            return self.wrong_type("a list", node, at, help);
        };
        if items.is_empty() && rules.get("minItems").and_then(Json::as_u64) > Some(0) {
            let message = format!("{} needs at least one entry", at.name);
            self.complain(Code::EmptyList, message, node.span, None);
        }
        let Some(schema) = rules.get("items") else {
            return;
        };
        for (index, item) in items.iter().enumerate() {
            let at = At { name: format!("{}[{index}]", at.name), span: head(item) };
            self.check(schema, item, &at);
        }
    }

    fn mapping(&mut self, rules: &Map<String, Json>, node: &Node, at: &At) {
        let Value::Map(entries) = &node.value else {
            return self.wrong_type("a mapping", node, at, None);
        };
        let none = Map::new();
        let properties = rules.get("properties").and_then(Json::as_object).unwrap_or(&none);
        let others = rules.get("additionalProperties");
        let patterned = rules.get("patternProperties").and_then(Json::as_object);
        for entry in entries {
            if let Some(schema) = properties.get(&entry.key) {
                if !entry.value.is_null() {
                    self.entry(schema, entry);
                }
            } else if let Some((pattern, schema)) = patterned.and_then(|known| known.iter().next())
            {
                self.key(pattern, entry);
                self.entry(schema, entry);
            } else if let Some(schema @ Json::Object(_)) = others {
                self.entry(schema, entry);
            } else if others == Some(&Json::Bool(false)) {
                let known: Vec<_> = properties.keys().map(String::as_str).collect();
                self.unknown_key(&known, entry, at);
            }
        }
        let required = rules.get("required").and_then(Json::as_array);
        for key in required.into_iter().flatten().filter_map(Json::as_str) {
            if node.get(key).is_none() {
                let message = format!("{} needs `{key}`", at.name);
                let schema = properties.get(key).map(|schema| resolve(self.root, schema));
                let help = schema.and_then(|schema| missing(key, schema));
                self.complain(Code::MissingField, message, at.span, help);
            }
        }
    }

    fn entry(&mut self, schema: &Json, entry: &Entry) {
        let at = At { name: format!("`{}`", entry.key), span: entry.key_span };
        self.check(schema, &entry.value, &at);
    }

    /// A key that must have a certain form.
    fn key(&mut self, pattern: &str, entry: &Entry) {
        let format = crate::values::FORMATS.into_iter().find(|format| format.pattern == pattern);
        if let Some(Err(fault)) = format.map(|format| format.check(&entry.key)) {
            let code = format.map_or(Code::BadLabel, |format| format.code);
            self.complain(code, fault.message, entry.key_span, fault.help);
        }
    }

    fn unknown_key(&mut self, known: &[&str], entry: &Entry, at: &At) {
        let message = format!("{} has no field `{}`", at.name, entry.key);
        let help = match entry.key.as_str() {
            "<<" => "merge keys are not supported: repeat the fields, or use an alias".to_owned(),
            key => did_you_mean(key, known)
                .unwrap_or_else(|| format!("its fields are {}", listed(known))),
        };
        self.complain(Code::UnknownKey, message, entry.key_span, Some(help));
    }
}

/// Where a document's header stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// In a file: `apiVersion` must be given.
    Outer,
    /// Inside of another document: `apiVersion` may be left out, and a scenario cannot be meant.
    Inner,
}

/// The kind that a document says it is.
pub(crate) fn document_kind(
    origin: &Origin,
    node: &Node,
    header: Header,
) -> Result<Kind, Vec<Diagnostic>> {
    let error = |code, message: String, span, help: String| {
        let wrong = Diagnostic::error(code, message).with_label(&origin.source, span, "");
        wrong.with_help(help)
    };
    let mut wrong = Vec::new();
    match node.entry("apiVersion") {
        Some(entry) if entry.value.text() == Some(API_VERSION) => {}
        Some(entry) => wrong.push(error(
            Code::UnknownVersion,
            format!("the version `{}` is not supported", entry.value.text().unwrap_or("")),
            entry.value.span,
            format!("write `apiVersion: {API_VERSION}`"),
        )),
        None if header == Header::Inner => {}
        None => wrong.push(error(
            Code::MissingField,
            "a document needs `apiVersion`".to_owned(),
            head(node),
            format!("write `apiVersion: {API_VERSION}`"),
        )),
    }
    let allowed = |kind: &Kind| header == Header::Outer || *kind != Kind::Scenario;
    let names: Vec<_> = Kind::ALL.into_iter().filter(allowed).map(Kind::name).collect();
    match node.entry("kind") {
        Some(entry) => {
            let name = entry.value.text().unwrap_or("");
            match Kind::from_name(name).filter(allowed) {
                Some(kind) if wrong.is_empty() => return Ok(kind),
                Some(_) => {}
                None => wrong.push(error(
                    Code::UnknownKind,
                    format!("there is no kind `{name}` here"),
                    entry.value.span,
                    did_you_mean(name, &names).unwrap_or_else(|| one_of(&names)),
                )),
            }
        }
        None => wrong.push(error(
            Code::MissingField,
            "a document needs `kind`".to_owned(),
            head(node),
            one_of(&names),
        )),
    }
    Err(wrong)
}

/// A document inside of another one, which need not repeat `apiVersion`.
fn validate_inner(kind: Kind, origin: &Origin, node: &Node) -> Vec<Diagnostic> {
    let mut complaints = validate(kind, origin, node);
    complaints.retain(|wrong| {
        wrong.code != Code::MissingField || !wrong.message.ends_with("`apiVersion`")
    });
    complaints
}

fn type_of(rules: &Map<String, Json>) -> Option<&str> {
    match rules.get("type")? {
        Json::String(name) => Some(name),
        Json::Array(names) => names.first()?.as_str(),
        _ => None,
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

fn is_not_text(scalar: &Scalar) -> bool {
    scalar.is_number() || scalar.boolean().is_some()
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

fn noun(schema: &Json) -> String {
    let format = schema.get("format").and_then(Json::as_str).and_then(format);
    match (format, schema.as_object().and_then(type_of)) {
        (Some(format), _) => format.syntax.to_owned(),
        (None, Some("object")) => "a mapping".to_owned(),
        (None, Some("array")) => "a list".to_owned(),
        (None, Some("integer")) => "a whole number".to_owned(),
        _ => "a text".to_owned(),
    }
}

fn missing(key: &str, schema: &Json) -> Option<String> {
    let format = schema.get("format").and_then(Json::as_str).and_then(format)?;
    let example = format.examples.first()?;
    Some(format!("add `{key}: {example}`, say"))
}

fn example(format: Format) -> String {
    let examples: Vec<_> = format.examples.iter().filter(|text| !text.is_empty()).collect();
    let examples: Vec<_> = examples.iter().map(|text| format!("`{text}`")).collect();
    format!("write {}, as in {}", format.syntax, examples.join(" or "))
}

/// The known word that is most like `word`, as a question.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a &'a str>,
) -> Option<String> {
    nearest(word, known.into_iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

/// The known word that is most like `word`; of several equally like, the first.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best = None;
    for candidate in known {
        let likeness = strsim::jaro_winkler(&lower, &candidate.to_lowercase());
        if likeness >= LIKENESS_MIN && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Below this, a suggestion confuses more than it helps: found by trying misspelt field names.
const LIKENESS_MIN: f64 = 0.8;

/// Words as a list in a sentence.
pub(crate) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("write `{only}`"),
        _ => format!("write one of {}", listed(words)),
    }
}
