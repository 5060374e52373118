//! Diagnostics: what is wrong in a file, where, and what would be right.
//!
//! Owns how a complaint is built and rendered through [`miette`]. Must not know any kind. The codes are in
//! [`code`](crate::code).

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::code::Code;

/// The most diagnostics that one load reports; what comes after them is counted, not shown.
pub const DIAGNOSTICS_MAX: usize = 100;

/// Something that is wrong in a file, or looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of complaint this is: stable, for scripts and for searching.
    pub code: Code,
    /// Whether the file can be used nevertheless.
    pub severity: Severity,
    /// What is wrong, the value, and the limit that it broke.
    pub message: String,
    /// The places in the file, the first being the one that is meant.
    pub labels: Vec<Label>,
    /// What would be right: the corrected text where it is known.
    pub help: Option<String>,
    /// The file; `None` where the input was built in code.
    pub source: Option<Arc<Source>>,
}

/// Whether a file can be used nevertheless.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but probably does not say what was meant.
    Warning,
}

/// A place in a file, with a remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// The remark; may be empty.
    pub text: String,
}

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its path, as people know it.
    pub name: String,
    /// What is in it.
    pub text: String,
}

impl Diagnostic {
    /// An error without a place.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: Vec::new(),
            help: None,
            source: None,
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same with `help`.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with a place in `source`. A place in another file than the first becomes part of the help.
    #[must_use]
    pub fn with_label(mut self, source: &Arc<Source>, span: Span, text: impl Into<String>) -> Self {
        let text = text.into();
        let first = self.source.get_or_insert_with(|| Arc::clone(source));
        if first.name == source.name {
            self.labels.push(Label { span, text });
        } else {
            let (line, column) = source.position(span.start);
            let elsewhere = format!("{text}: {}:{line}:{column}", source.name);
            self.help = Some(match self.help.take() {
                Some(help) => format!("{help}\n{elsewhere}"),
                None => elsewhere,
            });
        }
        self
    }

    /// Whether the file cannot be used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Where it stands among others: by file, then by place.
    pub(crate) fn order(&self) -> (Option<&str>, Option<Span>) {
        let name = self.source.as_ref().map(|source| source.name.as_str());
        (name, self.labels.first().map(|label| label.span))
    }
}

impl Span {
    /// An empty range at `at`.
    #[must_use]
    pub const fn empty(at: usize) -> Self {
        Self { start: at, end: at }
    }
}

impl Source {
    /// Line and column of a byte, counted from 1; the column in characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let source: &Source = self.source.as_ref()?;
        Some(source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().map(|label| {
            let text = (!label.text.is_empty()).then(|| label.text.clone());
            LabeledSpan::new(text, label.span.start, label.span.end - label.span.start)
        });
        Some(Box::new(labels))
    }
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, lines_before, lines_after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line(),
            inner.column(),
            inner.line_count(),
        )))
    }
}
