//! `check`: what is wrong with files, and nothing else.

use std::path::Path;

use periplus_spec::code::Code;
use periplus_spec::diagnostic::{Diagnostic, Severity};
use serde::Serialize;

use crate::args::{CheckArgs, Format};
use crate::failure::{Exit, Failure};
use crate::render;

/// The version of this answer's shape.
const VERSION: u16 = 1;

#[derive(Serialize)]
struct Answer {
    version: u16,
    diagnostics: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    file: Option<String>,
    code: &'static str,
    severity: &'static str,
    message: String,
    help: Option<String>,
    spans: Vec<Span>,
}

#[derive(Serialize)]
struct Span {
    start: usize,
    end: usize,
    text: String,
}

pub(super) fn run(args: &CheckArgs) -> Result<Exit, Failure> {
    let found: Vec<Diagnostic> = args.files.iter().flat_map(|file| check(file)).collect();
    let wrong = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    match args.format {
        Format::Json => {
            let diagnostics = found.iter().map(told).collect();
            render::json(&Answer { version: VERSION, diagnostics })?;
        }
        Format::Human => {
            render::diagnostics(&found);
            if found.is_empty() {
                let count = args.files.len();
                render::line(&format!(
                    "{count} {} right",
                    if count == 1 { "file is" } else { "files are" }
                ));
            }
        }
    }
    Ok(if wrong { Exit::Usage } else { Exit::Held })
}

/// What is wrong with a file, and what could not be rendered of what it declares.
fn check(file: &Path) -> Vec<Diagnostic> {
    let mut found = periplus_spec::check(file);
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return found;
    }
    // What refers to other files is rendered with the scenario that includes it.
    let Ok(delivery) = periplus_spec::delivery(file) else { return found };
    let problems = periplus_emit::check::problems(&delivery);
    found.extend(problems.into_iter().map(|problem| {
        let message = format!("{}: {problem}", file.display());
        Diagnostic::error(Code::Undeliverable, message)
    }));
    found
}

fn told(diagnostic: &Diagnostic) -> Told {
    let Diagnostic { code, severity, message, labels, help, source } = diagnostic;
    Told {
        file: source.as_ref().map(|source| source.name.clone()),
        code: code.slug(),
        severity: match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: message.clone(),
        help: help.clone(),
        spans: labels
            .iter()
            .map(|label| Span {
                start: label.span.start,
                end: label.span.end,
                text: label.text.clone(),
            })
            .collect(),
    }
}
