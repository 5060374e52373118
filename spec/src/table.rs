//! Tables: a template, filled once for each row of a CSV file.

use std::sync::Arc;

use crate::book::Place;
use crate::code::Code;
use crate::diagnostic::{Diagnostic, Span};
use crate::draft::{API_VERSION, Document, Kind, TableDraft, TableKind};
use crate::files::{Csv, Files, relative};
use crate::load::read_document;
use crate::setting::Settings;
use crate::yaml::{Cursor, Entry, Node, Origin, Scalar, Style, Value};

/// A table whose rows are wrong in one way is complained of this often.
const WRONG_ROWS_MAX: usize = 3;

/// The documents that a table stands for, each with its place. `tree` is the table's own.
pub(crate) fn rows(
    files: &mut Files,
    settings: &mut Settings,
    draft: &TableDraft,
    tree: &Node,
    place: &Place,
    here: Cursor<'_>,
) -> Result<Vec<(Document, Place)>, Vec<Diagnostic>> {
    let named = here.key("file");
    let path = relative(&place.path, &draft.file, named).map_err(|wrong| vec![wrong])?;
    let table = files.table(&path, named).map_err(|wrong| vec![wrong])?;
    let template = Template::new(draft, tree, &table, here)?;
    let kind = match draft.kind {
        TableKind::Cluster => Kind::Cluster,
        TableKind::Zone => Kind::Zone,
    };
    let mut documents = Vec::with_capacity(table.rows.len());
    let mut wrong: Vec<Diagnostic> = Vec::new();
    let mut wrong_rows = 0;
    for (index, row) in table.rows.iter().enumerate() {
        let mut tree = template.fill(kind, row, index + 1);
        let row = format!("row {} of `{}`", index + 1, table.name);
        let origin = Origin { source: Arc::clone(&place.origin.source), row: Some(row) };
        let set = settings.apply(kind, &mut tree, &origin);
        match set.and_then(|()| read_document(kind, &origin, &tree)) {
            Ok(document) => {
                let place = Place {
                    origin: Arc::new(origin),
                    tree: Arc::new(tree),
                    path: Arc::clone(&place.path),
                };
                documents.push((document, place));
            }
            Err(complaints) => {
                wrong_rows += 1;
                if wrong_rows <= WRONG_ROWS_MAX {
                    wrong.extend(complaints);
                }
            }
        }
    }
    if wrong_rows > WRONG_ROWS_MAX {
        let message =
            format!("{} more rows of `{}` are wrong", wrong_rows - WRONG_ROWS_MAX, table.name);
        wrong.push(named.error(Code::BadRow, message));
    }
    if wrong.is_empty() { Ok(documents) } else { Err(wrong) }
}

/// A template and what fills it.
struct Template<'a> {
    table: &'a Csv,
    body: Node,
    /// Paths of fields with the columns that fill them, and where that is said.
    columns: Vec<(Vec<&'a str>, usize, Span)>,
}

impl<'a> Template<'a> {
    fn new(
        draft: &'a TableDraft,
        tree: &Node,
        table: &'a Csv,
        here: Cursor<'_>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut wrong = Vec::new();
        let mut columns = Vec::with_capacity(draft.columns.len());
        for (field, column) in &draft.columns {
            let here = here.path(&["columns", field]);
            match table.column(column, here) {
                Ok(column) => {
                    let said = tree.get("columns").and_then(|columns| columns.entry(field));
                    let span = said.map_or(tree.span, |said| said.key_span);
                    columns.push((field.split('.').collect(), column, span));
                }
                Err(complaint) => wrong.push(complaint),
            }
        }
        let body = tree.get("template").cloned();
        let body = body.unwrap_or_else(|| Node { span: tree.span, value: Value::Map(Vec::new()) });
        if !matches!(body.value, Value::Map(_)) {
            wrong.push(here.key("template").error(Code::WrongType, "`template` must be a mapping"));
        }
        for name in names_in(&body) {
            if name != ROW
                && let Err(complaint) = table.column(&name, here.key("template"))
            {
                wrong.push(complaint);
            }
        }
        if wrong.is_empty() { Ok(Self { table, body, columns }) } else { Err(wrong) }
    }

    /// The document that a row becomes.
    fn fill(&self, kind: Kind, row: &csv::StringRecord, number: usize) -> Node {
        let cell = |name: &str| -> String {
            let place = self.table.headers.iter().position(|header| header == name);
            match place {
                Some(place) => row.get(place).unwrap_or("").to_owned(),
                None => number.to_string(),
            }
        };
        let mut tree = self.body.clone();
        substitute(&mut tree, &cell);
        for (path, column, span) in &self.columns {
            let text = row.get(*column).unwrap_or("");
            if !text.is_empty() {
                set(&mut tree, path, text, *span);
            }
        }
        let span = tree.span;
        for (key, text) in [("kind", kind.name()), ("apiVersion", API_VERSION)] {
            if tree.entry(key).is_none() {
                set(&mut tree, &[key], text, span);
            }
        }
        tree
    }
}

/// The name that stands for the row's number.
const ROW: &str = "row";

/// Puts cells in the place of `${column}` in all texts. Where nothing is left, the field counts as absent.
fn substitute(node: &mut Node, cell: &impl Fn(&str) -> String) {
    match &mut node.value {
        Value::Null => {}
        Value::Scalar(scalar) => {
            if let Some(text) = filled(scalar, cell) {
                let filled = Scalar { text, style: Style::Filled };
                let empty = filled.text.is_empty();
                node.value = if empty { Value::Null } else { Value::Scalar(filled) };
            }
        }
        Value::List(items) => items.iter_mut().for_each(|item| substitute(item, cell)),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|entry| substitute(&mut entry.value, cell));
        }
    }
}

/// The text with its cells; nothing where it names none.
fn filled(scalar: &Scalar, cell: &impl Fn(&str) -> String) -> Option<String> {
    let mut parts = parts(&scalar.text).peekable();
    let named = |part: &Part<'_>| matches!(part, Part::Column(_));
    parts.peek()?;
    let parts: Vec<_> = parts.collect();
    parts.iter().any(named).then(|| {
        let texts = parts.into_iter().map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Column(name) => cell(name),
        });
        texts.collect()
    })
}

enum Part<'a> {
    Text(&'a str),
    Column(&'a str),
}

/// A text cut at its `${…}`.
fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inside) = rest.strip_prefix("${")
            && let Some((name, behind)) = inside.split_once('}')
        {
            rest = behind;
            return Some(Part::Column(name));
        }
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let end = rest[first..].find("${").map_or(rest.len(), |place| place + first);
        let (text, behind) = rest.split_at(end);
        rest = behind;
        Some(Part::Text(text))
    })
}

fn names_in(node: &Node) -> Vec<String> {
    match &node.value {
        Value::Null => Vec::new(),
        Value::Scalar(scalar) => {
            let columns = parts(&scalar.text).filter_map(|part| match part {
                Part::Column(name) => Some(name.to_owned()),
                Part::Text(_) => None,
            });
            columns.collect()
        }
        Value::List(items) => items.iter().flat_map(names_in).collect(),
        Value::Map(entries) => entries.iter().flat_map(|entry| names_in(&entry.value)).collect(),
    }
}

/// Sets the field at `path`, making the mappings that lead there.
fn set(node: &mut Node, path: &[&str], text: &str, span: Span) {
    let Some((key, rest)) = path.split_first() else {
        *node = Node::scalar(span, text, Style::Filled);
        return;
    };
    if !matches!(node.value, Value::Map(_)) {
        node.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut node.value else { return };
    let place = entries.iter().position(|entry| entry.key == *key).unwrap_or_else(|| {
        entries.push(Entry { key: (*key).to_owned(), key_span: span, value: Node::null(span) });
        entries.len() - 1
    });
    set(&mut entries[place].value, rest, text, span);
}
