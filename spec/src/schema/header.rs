//! Headers: which version and kind a document says it is.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::draft::{API_VERSION, Kind};
use crate::schema::suggest::{did_you_mean, one_of};
use crate::yaml::{Node, Origin};

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
            node.head(),
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
            node.head(),
            one_of(&names),
        )),
    }
    Err(wrong)
}
