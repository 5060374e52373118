//! From text to trees. The only file that knows the YAML parser.

use std::collections::BTreeMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, Source, Span};
use crate::yaml::{Entry, Node, Style, Value};

/// The most bytes that one file may have: 16 MiB.
pub const FILE_BYTES_MAX: usize = 16 << 20;
/// The most values that one file may have once its aliases are followed.
pub const NODES_MAX: usize = 1_000_000;
/// How deep lists and mappings may be nested.
pub const DEPTH_MAX: usize = 64;

/// The documents of `source`. Empty documents are left out.
///
/// # Errors
/// What is not YAML, or more of it than the limits allow. Documents before the first such place are lost
/// too, so that nobody mistakes half a file for a whole one.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Vec<Node>, Vec<Diagnostic>> {
    if source.text.len() > FILE_BYTES_MAX {
        let message =
            format!("the file has {} bytes; at most {FILE_BYTES_MAX} are read", source.text.len());
        return Err(vec![Diagnostic::error(Code::TooLarge, message)]);
    }
    let mut builder = Builder::new(source);
    let mut parser = Parser::new_from_str(&source.text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => {
                let span = builder.lines.span(&source.text, span);
                if let Err(stop) = builder.take(event, span) {
                    builder.complaints.push(stop);
                    break;
                }
            }
            Err(error) => {
                let at = builder.lines.offset(&source.text, *error.marker());
                let wrong = Diagnostic::error(Code::YamlSyntax, sentence(error.info()));
                builder.complaints.push(wrong.with_label(source, Span::empty(at), "here"));
                break;
            }
        }
    }
    if builder.complaints.is_empty() { Ok(builder.documents) } else { Err(builder.complaints) }
}

fn sentence(info: &str) -> String {
    format!("this is not YAML: {}", info.trim_end_matches('.'))
}

/// Takes the parser's events and puts nodes together.
struct Builder<'s> {
    source: &'s Arc<Source>,
    lines: Lines,
    documents: Vec<Node>,
    /// Lists and mappings that are still open, outermost first.
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    complaints: Vec<Diagnostic>,
}

struct Open {
    span: Span,
    anchor: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    /// With the key that waits for its value.
    Map(Vec<Entry>, Option<(String, Span)>),
}

impl<'s> Builder<'s> {
    fn new(source: &'s Arc<Source>) -> Self {
        Self {
            source,
            lines: Lines::new(&source.text),
            documents: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            complaints: Vec::new(),
        }
    }

    /// Takes one event; an error means that reading on makes no sense.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Diagnostic> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            Event::DocumentStart(_) => self.anchors.clear(),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    let message = "this alias stands inside of what it refers to";
                    return Err(self.error(Code::UnsupportedYaml, message, span));
                };
                let (size, node) = (count(node), node.clone());
                self.add(0, node, size)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let plain = style == ScalarStyle::Plain;
                let style = if plain { Style::Plain } else { Style::Quoted };
                let node = match (&*text, plain) {
                    ("" | "~" | "null", true) => Node::null(span),
                    _ => Node::scalar(span, text.into_owned(), style),
                };
                self.add(anchor, node, 1)?;
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.enter(anchor, span, Parts::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.enter(anchor, span, Parts::Map(Vec::new(), None))?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(span)?,
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tagged: bool, span: Span) {
        if tagged {
            let wrong = self.error(Code::UnsupportedYaml, "tags are not supported", span);
            self.complaints
                .push(wrong.with_help("remove the word that begins with an exclamation mark"));
        }
    }

    fn enter(&mut self, anchor: usize, span: Span, parts: Parts) -> Result<(), Diagnostic> {
        if self.open.len() == DEPTH_MAX {
            let message = format!("lists and mappings may be nested {DEPTH_MAX} deep at most");
            return Err(self.error(Code::TooDeep, message, span));
        }
        self.open.push(Open { span, anchor, parts });
        Ok(())
    }

    fn leave(&mut self, end: Span) -> Result<(), Diagnostic> {
        let open = self.open.pop().expect("the parser closes what it opened");
        let value = match open.parts {
            Parts::List(items) => Value::List(items),
            Parts::Map(entries, _) => {
                self.refuse_doubles(&entries);
                Value::Map(entries)
            }
        };
        let last = match &value {
            Value::List(items) => items.last().map(|node| node.span.end),
            Value::Map(entries) => entries.last().map(|entry| entry.value.span.end),
            Value::Null | Value::Scalar(_) => None,
        };
        // In block style the end mark is already on the next line, so the last part tells the end; in flow
        // style the closing bracket does.
        let closed = self.source.text[..end.end].ends_with([']', '}']);
        let end = match last {
            Some(last) if !closed => last,
            _ => end.end,
        };
        let span = Span { start: open.span.start, end: end.max(open.span.start) };
        self.add(open.anchor, Node { span, value }, 1)
    }

    fn refuse_doubles(&mut self, entries: &[Entry]) {
        let mut keys: Vec<_> = entries.iter().map(|entry| (&entry.key, entry.key_span)).collect();
        keys.sort_unstable();
        for pair in keys.windows(2) {
            let [(key, first), (next, again)] = *pair else {
                continue;
            };
            if key == next {
                let message = format!("the key `{key}` stands here twice");
                let wrong = self.error(Code::DuplicateKey, message, again);
                self.complaints.push(wrong.with_label(self.source, first, "first here"));
            }
        }
    }

    /// Puts a finished node, which is `size` nodes more, where it belongs.
    fn add(&mut self, anchor: usize, node: Node, size: usize) -> Result<(), Diagnostic> {
        self.nodes += size;
        if self.nodes > NODES_MAX {
            let message =
                format!("with its aliases followed, the file has more than {NODES_MAX} values");
            return Err(self.error(Code::TooLarge, message, node.span));
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        match &mut open.parts {
            Parts::List(items) => items.push(node),
            Parts::Map(entries, waiting) => match waiting.take() {
                Some((key, key_span)) => entries.push(Entry { key, key_span, value: node }),
                None => return self.start_entry(node),
            },
        }
        Ok(())
    }

    fn start_entry(&mut self, node: Node) -> Result<(), Diagnostic> {
        let span = node.span;
        let Value::Scalar(scalar) = node.value else {
            let message = format!("a key must be a text; this is {}", node.noun());
            return Err(self.error(Code::UnsupportedYaml, message, span));
        };
        if let Some(Open { parts: Parts::Map(_, waiting), .. }) = self.open.last_mut() {
            *waiting = Some((scalar.text, span));
        }
        Ok(())
    }

    fn error(&self, code: Code, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic::error(code, message).with_label(self.source, span, "")
    }
}

/// How many nodes an alias of `node` brings in.
fn count(node: &Node) -> usize {
    let below: usize = match &node.value {
        Value::Null | Value::Scalar(_) => 0,
        Value::List(items) => items.iter().map(count).sum(),
        Value::Map(entries) => entries.iter().map(|entry| count(&entry.value)).sum(),
    };
    1 + below
}

/// Where lines begin. The parser's own offsets count characters, and lose count in comments; its lines and
/// columns do not.
struct Lines {
    starts: Vec<usize>,
    ascii: bool,
    /// The last place that was looked up: line, column, byte. Places come in order, so that the walk to the
    /// next one is short even in one long line.
    last: (usize, usize, usize),
}

impl Lines {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        for (place, byte) in bytes.iter().enumerate() {
            let lone_return = *byte == b'\r' && bytes.get(place + 1) != Some(&b'\n');
            if *byte == b'\n' || lone_return {
                starts.push(place + 1);
            }
        }
        Self { starts, ascii: text.is_ascii(), last: (1, 0, 0) }
    }

    fn offset(&mut self, text: &str, mark: Marker) -> usize {
        let line = mark.line().clamp(1, self.starts.len());
        let start = self.starts[line - 1];
        if self.ascii {
            return (start + mark.col()).min(text.len());
        }
        let (column, from) = match self.last {
            (last, column, byte) if last == line && column <= mark.col() => (column, byte),
            _ => (0, start),
        };
        let mut rest = text[from..].char_indices();
        let byte = rest.nth(mark.col() - column).map_or(text.len(), |(byte, _)| from + byte);
        self.last = (line, mark.col(), byte);
        byte
    }

    fn span(&mut self, text: &str, span: saphyr_parser::Span) -> Span {
        let start = self.offset(text, span.start);
        let end = self.offset(text, span.end).max(start);
        let kept = text[start..end].trim_end().len();
        Span { start, end: start + kept }
    }
}
