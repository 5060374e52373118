//! The tree.

use crate::diagnostic::Span;

/// One value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Nothing: `key:`, `~` or `null`.
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    /// In the order of the file; keys differ.
    Map(Vec<Entry>),
}

/// A text and how it stood in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// How a text stood in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Without quotes: YAML takes it for a number or a boolean if it looks like one.
    Plain,
    /// In quotes, or as a block: it is a text.
    Quoted,
    /// It came from a table: it is what is asked for.
    Filled,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn null(span: Span) -> Self {
        Self { span, value: Value::Null }
    }

    pub(crate) fn scalar(span: Span, text: impl Into<String>, style: Style) -> Self {
        let scalar = Scalar { text: text.into(), style };
        Self { span, value: Value::Scalar(scalar) }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value under `key`; nothing where it is empty.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let value = &self.entry(key)?.value;
        (!value.is_null()).then_some(value)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Where its first word stands: a short place for all of it.
    pub(crate) fn head(&self) -> Span {
        match &self.value {
            Value::Map(entries) => entries.first().map_or(self.span, |entry| entry.key_span),
            Value::List(items) => items.first().map_or(self.span, Self::head),
            Value::Null | Value::Scalar(_) => self.span,
        }
    }

    /// What it is, for people.
    pub(crate) fn noun(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Scalar(scalar) => scalar.noun(),
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

impl Scalar {
    /// Whether the core schema of YAML 1.2 reads this text as an integer.
    pub(crate) fn is_integer(&self) -> bool {
        let digits = self.text.strip_prefix(['-', '+']).unwrap_or(&self.text);
        self.may_be_number()
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// Whether the core schema reads it as a number of any kind.
    pub(crate) fn is_number(&self) -> bool {
        let starts = self.text.trim_start_matches(['-', '+', '.']);
        self.may_be_number()
            && starts.starts_with(|first: char| first.is_ascii_digit())
            && self.text.parse::<f64>().is_ok()
    }

    fn may_be_number(&self) -> bool {
        self.style != Style::Quoted
    }

    /// Whether YAML takes it for something else than a text.
    pub(crate) fn is_not_text(&self) -> bool {
        self.style == Style::Plain && (self.is_number() || self.boolean().is_some())
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text.as_str() {
            "true" if self.may_be_number() => Some(true),
            "false" if self.may_be_number() => Some(false),
            _ => None,
        }
    }

    fn noun(&self) -> &'static str {
        match self {
            scalar if scalar.boolean().is_some() => "a boolean",
            scalar if scalar.is_number() => "a number",
            _ => "a text",
        }
    }
}
