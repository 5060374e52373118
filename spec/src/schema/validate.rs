//! The validator: a tree against a form, every complaint at once, each with its place and its cure.

use std::fmt;
use std::sync::LazyLock;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Span};
use crate::draft::Kind;
use crate::schema::form::{Fields, Form, Others};
use crate::schema::header::{Header, document_kind};
use crate::schema::suggest::{did_you_mean, listed, nearest, one_of};
use crate::values::Format;
use crate::yaml::{Entry, Node, Origin, Scalar, Value};

/// What is wrong with `node` as a document of `kind`.
pub(crate) fn validate(kind: Kind, origin: &Origin, node: &Node) -> Vec<Diagnostic> {
    let mut validator = Validator { origin, complaints: Vec::new(), header: Header::Outer };
    validator.kind(kind, node);
    validator.complaints
}

/// What is wrong with `node` as a sheet.
pub(crate) fn validate_sheet(form: &Form, origin: &Origin, node: &Node) -> Vec<Diagnostic> {
    let mut validator = Validator { origin, complaints: Vec::new(), header: Header::Outer };
    validator.check(form, node, &At::Key(&origin.source.name, node.head()));
    validator.complaints
}

/// The form of a kind, made once.
pub(crate) fn form(kind: Kind) -> &'static Form {
    static APPLICATION: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::Application));
    static CLUSTER: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::Cluster));
    static INITIAL: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::InitialState));
    static POLICY: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::Policy));
    static SCENARIO: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::Scenario));
    static TENANT: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::Tenant));
    static ZONE: LazyLock<Form> = LazyLock::new(|| Form::of(Kind::Zone));
    match kind {
        Kind::Application => &APPLICATION,
        Kind::Cluster => &CLUSTER,
        Kind::InitialState => &INITIAL,
        Kind::Policy => &POLICY,
        Kind::Scenario => &SCENARIO,
        Kind::Tenant => &TENANT,
        Kind::Zone => &ZONE,
    }
}

struct Validator<'a> {
    origin: &'a Origin,
    complaints: Vec<Diagnostic>,
    header: Header,
}

/// Where the validator is: what people call it, and a short place that stands for all of it.
#[derive(Clone, Copy)]
enum At<'a> {
    Document(Kind, Span),
    Key(&'a str, Span),
    Item(&'a At<'a>, usize, Span),
}

impl At<'_> {
    const fn span(&self) -> Span {
        match self {
            Self::Document(_, span) | Self::Key(_, span) | Self::Item(_, _, span) => *span,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(kind, _) => write!(out, "a {kind}"),
            Self::Key(key, _) => write!(out, "`{key}`"),
            Self::Item(list, index, _) => write!(out, "item {} of {list}", index + 1),
        }
    }
}

impl Validator<'_> {
    fn kind(&mut self, kind: Kind, node: &Node) {
        self.check(form(kind), node, &At::Document(kind, node.head()));
    }

    fn complain(&mut self, code: Code, message: String, span: Span, help: Option<String>) {
        let message = match &self.origin.row {
            Some(row) => format!("{message} ({row})"),
            None => message,
        };
        let mut wrong = Diagnostic::error(code, message).with_label(&self.origin.source, span, "");
        wrong.help = help;
        self.complaints.push(wrong);
    }

    fn check(&mut self, form: &Form, node: &Node, at: &At<'_>) {
        match form {
            Form::Any => {}
            Form::Boolean => self.boolean(node, at),
            Form::Document => self.document(node, at),
            Form::Either(forms) => self.either(forms, node, at),
            Form::Integer { least, most } => self.integer(*least, *most, node, at),
            Form::List { item, least } => self.list(item, *least, node, at),
            Form::Mapping(fields) => self.mapping(fields, node, at),
            Form::Tagged { words, tags } => self.tagged(words, tags, node, at),
            Form::Text => self.text(node, at),
            Form::Word(words) => self.word(words, node, at),
            Form::Written(format) => self.written(format, node, at),
        }
    }

    fn wrong_type(&mut self, wanted: &str, node: &Node, at: &At<'_>, help: Option<String>) {
        let message = format!("{at} must be {wanted}; this is {}", node.noun());
        let span = if node.is_null() { at.span() } else { node.head() };
        self.complain(Code::WrongType, message, span, help);
    }

    /// A document inside of another one.
    fn document(&mut self, node: &Node, at: &At<'_>) {
        if !matches!(node.value, Value::Map(_)) {
            return self.wrong_type("a document", node, at, None);
        }
        match document_kind(self.origin, node, Header::Inner) {
            Ok(kind) => {
                let outer = std::mem::replace(&mut self.header, Header::Inner);
                self.kind(kind, node);
                self.header = outer;
            }
            Err(wrong) => self.complaints.extend(wrong),
        }
    }

    /// Goes on with the alternative that fits what stands here.
    fn either(&mut self, forms: &[Form], node: &Node, at: &At<'_>) {
        let fits = |form: &&Form| match (&node.value, form) {
            (Value::Map(_), form) => matches!(form, Form::Mapping(_) | Form::Tagged { .. }),
            (Value::List(_), form) => matches!(form, Form::List { .. }),
            (Value::Null | Value::Scalar(_), form) => {
                !matches!(form, Form::Mapping(_) | Form::Tagged { .. } | Form::List { .. })
            }
        };
        match forms.iter().find(fits) {
            Some(form) => self.check(form, node, at),
            None => {
                let wanted: Vec<_> = forms.iter().map(Form::noun).collect();
                self.wrong_type(&wanted.join(" or "), node, at, None);
            }
        }
    }

    /// A word, or a mapping with one key that says which alternative is meant.
    fn tagged(&mut self, words: &[String], tags: &[(String, Form)], node: &Node, at: &At<'_>) {
        let keys = || words.iter().map(String::as_str).chain(tags.iter().map(|tag| tag.0.as_str()));
        let all = || listed(&keys().collect::<Vec<_>>());
        match (&node.value, node.entries()) {
            (Value::Scalar(scalar), _) if words.contains(&scalar.text) => {}
            (Value::Scalar(scalar), _) if keys().any(|key| key == scalar.text) => {
                let help = format!("write `{}:` and what belongs to it", scalar.text);
                self.wrong_type("a mapping", node, at, Some(help));
            }
            (Value::Map(_), [only]) => match tags.iter().find(|tag| tag.0 == only.key) {
                Some((_, form)) => self.entry(form, only),
                None => self.unknown_key(&keys().collect::<Vec<_>>(), only, at),
            },
            (Value::Map(_), []) => {
                let help = format!("give one of {}", all());
                self.complain(
                    Code::ExactlyOne,
                    format!("{at} says nothing"),
                    at.span(),
                    Some(help),
                );
            }
            (Value::Map(_), [_, second, ..]) => {
                let message = format!("{at} must be one thing; here are several");
                let help = format!("give only one of {}", all());
                self.complain(Code::ExactlyOne, message, second.key_span, Some(help));
            }
            _ => self.wrong_type("a mapping", node, at, Some(format!("give one of {}", all()))),
        }
    }

    fn word(&mut self, words: &[String], node: &Node, at: &At<'_>) {
        let known = || words.iter().map(String::as_str).collect::<Vec<_>>();
        match node.text() {
            Some(text) if words.iter().any(|word| word == text) => {}
            Some(text) => {
                let message = format!("{at} cannot be `{text}`");
                let help = did_you_mean(text, &known()).unwrap_or_else(|| one_of(&known()));
                self.complain(Code::UnknownValue, message, node.span, Some(help));
            }
            None => self.wrong_type("a word", node, at, Some(one_of(&known()))),
        }
    }

    fn written(&mut self, format: &Format, node: &Node, at: &At<'_>) {
        let Value::Scalar(scalar) = &node.value else {
            return self.wrong_type(format.syntax, node, at, Some(example(format)));
        };
        if let Err(fault) = format.check(&scalar.text) {
            let message = format!("{at}: {}", fault.message);
            return self.complain(format.code, message, node.span, fault.help);
        }
        if !format.numeric && scalar.is_not_text() {
            self.quote(scalar, node, at);
        }
    }

    /// YAML reads what looks like a number or a boolean as one, and `1.10` as 1.1.
    fn quote(&mut self, scalar: &Scalar, node: &Node, at: &At<'_>) {
        let help = format!("write it in quotes: \"{}\"", scalar.text);
        self.wrong_type("a text", node, at, Some(help));
    }

    fn text(&mut self, node: &Node, at: &At<'_>) {
        match &node.value {
            Value::Scalar(scalar) if scalar.is_not_text() => self.quote(scalar, node, at),
            Value::Scalar(_) => {}
            Value::Null | Value::List(_) | Value::Map(_) => {
                self.wrong_type("a text", node, at, None);
            }
        }
    }

    fn boolean(&mut self, node: &Node, at: &At<'_>) {
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

    fn integer(&mut self, least: i128, most: i128, node: &Node, at: &At<'_>) {
        let number = match &node.value {
            Value::Scalar(scalar) if scalar.is_integer() => Some(scalar.text.parse::<i128>()),
            Value::Null | Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        };
        match number {
            Some(Ok(number)) if (least..=most).contains(&number) => {}
            Some(_) => {
                let text = node.text().unwrap_or_default();
                let message = format!("{at} must be between {least} and {most}; it is {text}");
                self.complain(Code::OutOfRange, message, node.span, None);
            }
            None => self.wrong_type("a whole number", node, at, None),
        }
    }

    fn list(&mut self, item: &Form, least: u64, node: &Node, at: &At<'_>) {
        let Value::List(items) = &node.value else {
            let help = match &node.value {
                Value::Map(_) => Some("put `- ` in front of its first line".to_owned()),
                Value::Scalar(scalar) => Some(format!("write `[{}]`", scalar.text)),
                Value::Null | Value::List(_) => None,
            };
            return self.wrong_type("a list", node, at, help);
        };
        if (items.len() as u64) < least {
            let message = format!("{at} needs at least one entry");
            self.complain(Code::EmptyList, message, node.span, None);
        }
        for (index, node) in items.iter().enumerate() {
            self.check(item, node, &At::Item(at, index, node.head()));
        }
    }

    fn mapping(&mut self, fields: &Fields, node: &Node, at: &At<'_>) {
        let Value::Map(entries) = &node.value else {
            return self.wrong_type("a mapping", node, at, None);
        };
        let mut meant: Vec<&str> = Vec::new();
        for entry in entries {
            match (fields.known.iter().find(|field| field.0 == entry.key), &fields.others) {
                (Some(_), _) if entry.value.is_null() => {}
                (Some((_, form)), _) => self.entry(form, entry),
                (None, Others::Keyed(format, form)) => {
                    if let Some((format, Err(fault))) =
                        format.map(|format| (format, format.check(&entry.key)))
                    {
                        self.complain(format.code, fault.message, entry.key_span, fault.help);
                    }
                    self.entry(form, entry);
                }
                (None, Others::Refused) => {
                    let known: Vec<_> = fields.known.iter().map(|field| field.0.as_str()).collect();
                    meant.extend(nearest(&entry.key, &known));
                    self.unknown_key(&known, entry, at);
                }
            }
        }
        // What is misspelt is complained of once; what a merge key would bring is not known.
        let given = |key: &str| {
            node.get(key).is_some() || meant.contains(&key) || node.entry("<<").is_some()
        };
        for key in fields.required.iter().filter(|key| !given(key)) {
            let optional = self.header == Header::Inner && matches!(at, At::Document(..));
            if optional && key == "apiVersion" {
                continue;
            }
            let form = fields.known.iter().find(|field| field.0 == *key).map(|field| &field.1);
            let help = form.and_then(|form| missing(key, form));
            self.complain(Code::MissingField, format!("{at} needs `{key}`"), at.span(), help);
        }
        if !fields.exactly_one.is_empty() {
            self.exactly_one(fields, node, at);
        }
    }

    fn exactly_one(&mut self, fields: &Fields, node: &Node, at: &At<'_>) {
        let keys: Vec<_> = fields.exactly_one.iter().map(String::as_str).collect();
        let meant = |entry: &&Entry| keys.contains(&entry.key.as_str()) && !entry.value.is_null();
        let given = node.entries().iter().filter(meant);
        let given: Vec<&Entry> = given.collect();
        // A misspelt key is complained of as such, with what may have been meant.
        let misspelt = || {
            let known = |entry: &Entry| fields.known.iter().any(|field| field.0 == entry.key);
            !node.entries().iter().all(known)
        };
        match given.as_slice() {
            [_] => {}
            [] if misspelt() => {}
            [] => {
                let message = format!("{at} says when, but not what happens");
                let help = format!("give one of {}", listed(&keys));
                self.complain(Code::ExactlyOne, message, node.head(), Some(help));
            }
            [first, second, ..] => {
                let (one, other) = (&first.key, &second.key);
                let message = format!("{at} is one thing; `{one}` and `{other}` are two");
                let help = "make an entry of its own of each".to_owned();
                self.complain(Code::ExactlyOne, message, second.key_span, Some(help));
            }
        }
    }

    fn entry(&mut self, form: &Form, entry: &Entry) {
        self.check(form, &entry.value, &At::Key(&entry.key, entry.key_span));
    }

    fn unknown_key(&mut self, known: &[&str], entry: &Entry, at: &At<'_>) {
        let message = format!("{at} has no field `{}`", entry.key);
        let help = match entry.key.as_str() {
            "<<" => "merge keys are not supported: repeat the fields, or use an alias".to_owned(),
            key => did_you_mean(key, known)
                .unwrap_or_else(|| format!("its fields are {}", listed(known))),
        };
        self.complain(Code::UnknownKey, message, entry.key_span, Some(help));
    }
}

fn missing(key: &str, form: &Form) -> Option<String> {
    let Form::Written(format) = form else { return None };
    let example = if key == "memory" { "8Gi" } else { format.examples.first()? };
    Some(format!("add `{key}: {example}`, say"))
}

fn example(format: &Format) -> String {
    let examples = format.examples.iter().filter(|text| !text.is_empty());
    let examples: Vec<_> = examples.map(|text| format!("`{text}`")).collect();
    format!("write {}, as in {}", format.syntax, examples.join(" or "))
}
