//! What our commits say: a message that tells what happened, and trailers that say which decisions are in it.

use std::fmt::Write as _;

use periplus_emit::Draft;

use crate::commit::{SEQ, Trailers};

/// The trailer that tells one run from another.
pub const RUN: &str = "Periplus-Run";
/// The most lines of a message.
const LINES_MAX: usize = 60;
/// The most decisions that a commit names.
const DECISIONS_MAX: usize = 32;
/// The longest first line of a message.
const SUBJECT_MAX: usize = 72;

/// Something that happened, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in words.
    pub clock: String,
    /// What.
    pub text: String,
}

/// A message: the first thing that happened, and under it all of them.
#[must_use]
pub fn message(lines: &[Line], files: usize) -> String {
    let mut text = match lines {
        [] => {
            let s = if files == 1 { "" } else { "s" };
            format!("{files} file{s} follow what was declared")
        }
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (+{more})"),
            };
            shortened(&first.text, SUBJECT_MAX.saturating_sub(more.len())) + &more
        }
    };
    text.push_str("\n\n");
    for Line { clock, text: line } in lines.iter().take(LINES_MAX) {
        let _ = writeln!(text, "{clock}  {line}");
    }
    if let Some(more) = lines.len().checked_sub(LINES_MAX + 1) {
        let _ = writeln!(text, "… and {} more", more + 1);
    }
    text.truncate(text.trim_end().len());
    text
}

/// The trailers of a draft that belongs to `run`.
#[must_use]
pub fn trailers(run: &str, draft: &Draft) -> Trailers {
    let mut trailers = vec![
        (RUN.to_owned(), run.to_owned()),
        ("Periplus-At".to_owned(), draft.at.to_string()),
        (SEQ.to_owned(), draft.seq.0.to_string()),
    ];
    if let Some((seq, digest)) = draft.digest {
        trailers.push(("Periplus-Digest".to_owned(), format!("{digest}@{}", seq.0)));
    }
    let numbers: Vec<String> =
        draft.decisions.iter().take(DECISIONS_MAX).map(|seq| seq.0.to_string()).collect();
    let mut decisions = numbers.join(" ");
    if let Some(more) = draft.decisions.len().checked_sub(DECISIONS_MAX + 1) {
        let _ = write!(decisions, " and {} more", more + 1);
    }
    if !decisions.is_empty() {
        trailers.push(("Periplus-Decision".to_owned(), decisions));
    }
    trailers
}

/// A text of at most so many characters, cut between words.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    let end = kept.rfind(' ').unwrap_or(kept.len());
    format!("{}…", kept[..end].trim_end_matches([',', ';', ':']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_between_words() {
        assert_eq!(shortened("a short line", 20), "a short line");
        assert_eq!(
            shortened("shop is sent to cbd, docklands and more", 22),
            "shop is sent to cbd…"
        );
    }
}
