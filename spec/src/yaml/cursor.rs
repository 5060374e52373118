//! A place in a tree: where a complaint about what stands there belongs.

use std::sync::Arc;

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::yaml::Node;

/// Where a tree comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) source: Arc<Source>,
    /// The row of a table that filled a template, for people.
    pub(crate) row: Option<String>,
}

/// A place in a tree. Where the tree ends early, or where there is none because the input was built in code,
/// it stays at the last place that exists, and means the first word there.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursor<'a> {
    origin: Option<&'a Origin>,
    span: Span,
    node: Option<&'a Node>,
}

impl<'a> Cursor<'a> {
    /// The root of a tree.
    pub(crate) fn new(origin: &'a Origin, node: &'a Node) -> Self {
        Self { origin: Some(origin), span: node.span, node: Some(node) }
    }

    /// The value under `key`.
    pub(crate) fn key(self, key: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(key));
        let span = match entry {
            Some(entry) if entry.value.is_null() => entry.key_span,
            Some(entry) => entry.value.span,
            None => self.node.map_or(self.span, Node::head),
        };
        Self { span, node: entry.map(|entry| &entry.value), ..self }
    }

    /// The value under each of `keys` in turn.
    pub(crate) fn path(self, keys: &[&str]) -> Self {
        keys.iter().fold(self, |here, key| here.key(key))
    }

    /// The key itself rather than its value.
    pub(crate) fn name_of(self, key: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(key));
        Self { span: entry.map_or(self.span, |entry| entry.key_span), node: None, ..self }
    }

    /// The item of a list.
    pub(crate) fn item(self, index: usize) -> Self {
        let item = self.node.and_then(|node| node.items().get(index));
        Self { span: item.map_or(self.span, |item| item.span), node: item, ..self }
    }

    /// The text that stands here, on one line.
    pub(crate) fn words(self) -> Option<String> {
        let text = &self.origin?.source.text;
        let words = text.get(self.span.start..self.span.end)?;
        Some(words.split_whitespace().collect::<Vec<_>>().join(" "))
    }

    /// An error about what stands here.
    pub(crate) fn error(self, code: Code, message: impl Into<String>) -> Diagnostic {
        let mut message = message.into();
        let Some(origin) = self.origin else {
            return Diagnostic::error(code, message);
        };
        if let Some(row) = &origin.row {
            message = format!("{message} ({row})");
        }
        Diagnostic::error(code, message).with_label(&origin.source, self.span, "")
    }

    /// A remark about what stands here, added to a complaint about something else.
    pub(crate) fn remark(self, to: Diagnostic, text: &str) -> Diagnostic {
        match self.origin {
            Some(origin) => to.with_label(&origin.source, self.span, text),
            None => to,
        }
    }
}
