//! Putting answers on the screen: tables, colours where they are wanted, diagnostics.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use miette::{GraphicalReportHandler, GraphicalTheme};
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
    line(to_json(value)?.trim_end());
    Ok(())
}

/// An answer for programs, as it stands in a file.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Environment {
        message: format!("the answer cannot be written as JSON: {error}"),
        hint: None,
    })?;
    Ok(text + "\n")
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

/// Writes what is wrong with files, each with its place.
pub(crate) fn diagnostics(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        let text = drawn(diagnostic, GraphicalTheme::unicode());
        let _ = writeln!(anstream::stderr(), "{text}");
    }
}

/// A complaint without colours, to be part of another text.
pub(crate) fn plain(diagnostic: &Diagnostic) -> String {
    drawn(diagnostic, GraphicalTheme::unicode_nocolor())
}

fn drawn(diagnostic: &Diagnostic, theme: GraphicalTheme) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(theme).with_width(COLUMNS);
    if handler.render_report(&mut text, diagnostic).is_err() {
        text.clone_from(&diagnostic.message);
    }
    text
}

/// Where complaints are wrapped: the same everywhere, so that they can be compared and searched for.
const COLUMNS: usize = 100;

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

/// A course of values as a row of bars, from nothing to `highest`. More values than fit are gathered into means.
pub(crate) fn sparkline(values: &[f64], highest: f64) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let each = values.len().div_ceil(SPARKS_MAX).max(1);
    let bar = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let part = if highest > 0.0 { (mean / highest).clamp(0.0, 1.0) } else { 0.0 };
        let step = whole((part * BARS.len() as f64).ceil()).max(1) - 1;
        BARS[usize::try_from(step).expect("a few").min(BARS.len() - 1)]
    };
    values.chunks(each).map(bar).collect()
}

/// How many bars fit beside others.
const SPARKS_MAX: usize = 28;

/// Two texts that differ, from shortly before the place where they do.
pub(crate) fn parting(a: &str, b: &str) -> (String, String) {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(PARTING_BEFORE);
    let part = |text: &str| {
        let end = text.chars().count();
        let start = if from > 0 { "…" } else { "" };
        let rest = if end > from + PARTING_SHOWN { "…" } else { "" };
        let shown: String = text.chars().skip(from).take(PARTING_SHOWN).collect();
        format!("{start}{shown}{rest}")
    };
    (part(a), part(b))
}

/// How much is shown that is the same.
const PARTING_BEFORE: usize = 80;

/// How much is shown at all.
const PARTING_SHOWN: usize = 200;

const _: () = assert!(PARTING_BEFORE < PARTING_SHOWN);

/// Prints an empty line and a sentence or more, in lines that people can read.
pub(crate) fn paragraph(text: &str) {
    line(&format!("\n{}", textwrap::fill(text, COLUMNS)));
}

/// So many of something.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
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

/// A part of a whole to a hundredth of a percent, rounded down: all but all is not all.
pub(crate) fn percent(part: f64) -> String {
    // The little that is added is what floats lose: 0.29 is 29 %.
    let hundredths = (part * 1e4 + 1e-6).floor();
    format!("{:.2} %", hundredths / 1e2)
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

    #[test]
    fn tables_have_their_first_column_to_the_left_and_numbers_to_the_right() {
        let rows = [["edge", "1,000"], ["cloud-1", "5"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let told = table(&["cluster", "pods"], rows.to_vec());
        assert_eq!(told, "cluster   pods\nedge     1,000\ncloud-1      5\n");
    }

    #[test]
    fn a_course_is_drawn_from_nothing_to_the_highest() {
        assert_eq!(sparkline(&[0.0, 0.1, 0.5, 0.99, 1.0], 1.0), "▁▁▄██");
        assert_eq!(sparkline(&[3.0, 0.0], 6.0), "▄▁");
        assert_eq!(sparkline(&[0.0, 0.0], 0.0), "▁▁");
        assert_eq!(sparkline(&[1.0; 168], 1.0).chars().count(), 28);
    }

    #[test]
    fn long_texts_are_shown_where_they_part() {
        assert_eq!(parting("a b", "a c"), ("a b".into(), "a c".into()));
        let (a, b) = ("ä".repeat(300) + "x", "ä".repeat(300) + "y" + &"z".repeat(300));
        let (left, right) = parting(&a, &b);
        assert_eq!(left, format!("…{}x", "ä".repeat(80)));
        assert_eq!(right, format!("…{}y{}…", "ä".repeat(80), "z".repeat(119)));
    }

    #[test]
    fn all_but_all_is_not_all() {
        let parts = [1.0, 0.999_999_9, 0.29, 0.0].map(percent);
        assert_eq!(parts, ["100.00 %", "99.99 %", "29.00 %", "0.00 %"]);
    }

    #[test]
    fn counts_of_parts_are_whole_and_never_negative() {
        assert_eq!([-0.1, 0.4, 0.5, 1e6].map(whole), [0, 0, 1, 1_000_000]);
    }
}
