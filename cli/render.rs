//! Putting answers on the screen: tables, colours where they are wanted, diagnostics.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use miette::{GraphicalReportHandler, GraphicalTheme, NarratableReportHandler};
use periplus_spec::diagnostic::Diagnostic;
use serde::Serialize;

use crate::failure::Failure;

/// Writes a line of the answer.
pub(crate) fn line(text: &str) {
    // A reader that has heard enough closes the pipe; that is not a failure.
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// Writes an answer for programs.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Environment {
        message: format!("the answer cannot be written as JSON: {error}"),
        hint: None,
    })?;
    line(&text);
    Ok(())
}

pub(crate) fn error(message: &str) {
    let style = AnsiColor::Red.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {message}");
}

pub(crate) fn hint(message: &str) {
    let style = AnsiColor::Cyan.on_default().bold();
    let _ = writeln!(anstream::stderr(), "{style}hint{style:#}: {message}");
}

pub(crate) fn note(message: &str) {
    let _ = writeln!(anstream::stderr(), "{message}");
}

/// Writes what is wrong with files, each with its place: drawn on a terminal, told elsewhere.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let _ = writeln!(anstream::stderr(), "{}", drawn(diagnostic));
    }
}

/// A complaint as people see it.
pub(crate) fn drawn(diagnostic: &Diagnostic) -> String {
    let mut text = String::new();
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let written = if terminal {
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode())
            .render_report(&mut text, diagnostic)
    } else {
        NarratableReportHandler::new().render_report(&mut text, diagnostic)
    };
    if written.is_err() {
        text.clone_from(&diagnostic.message);
    }
    text
}

/// Bold, where colours are wanted.
pub(crate) fn strong(text: &str) -> String {
    let style = Style::new().bold();
    format!("{style}{text}{style:#}")
}

/// A table without lines: the first column to the left, the others to the right.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !head.is_empty() {
        table.set_header(head.to_vec());
    }
    for row in rows {
        table.add_row(row);
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        let side = if place == 0 { CellAlignment::Left } else { CellAlignment::Right };
        column.set_cell_alignment(side);
        column.set_padding((u16::from(place > 0), 1));
    }
    table.to_string().lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// Digits in groups of three.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of things that were summed as parts.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, rounded")]
pub(crate) fn whole(count: f64) -> u64 {
    count.max(0.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_threes() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
