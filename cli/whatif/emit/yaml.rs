//! YAML, written: the same bytes for the same tree, and no text that is read as anything but itself.

use std::fmt::{self, Write as _};

/// A value. Fields stay in the order in which they are given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Yaml {
    Text(String),
    Whole(usize),
    Flag(bool),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// A mapping of these fields.
pub(super) fn map<const N: usize>(fields: [(&str, Yaml); N]) -> Yaml {
    Yaml::Map(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Yaml {
    /// The same mapping with one more field.
    ///
    /// # Panics
    /// Panics if it is none.
    #[must_use]
    pub(super) fn with(mut self, key: &str, value: impl Into<Self>) -> Self {
        let Self::Map(fields) = &mut self else { panic!("{self:?} is no mapping") };
        fields.push((key.to_owned(), value.into()));
        self
    }

    /// Writes the value behind a key or a dash, where `depth` is how far its own lines stand to the right.
    fn put(&self, out: &mut String, depth: usize) -> fmt::Result {
        match self {
            Self::Whole(number) => writeln!(out, " {number}"),
            Self::Flag(flag) => writeln!(out, " {flag}"),
            Self::Text(text) if is_block(text) => put_block(text, out, depth),
            Self::Text(text) => writeln!(out, " {}", scalar(text)),
            Self::List(items) if items.is_empty() => writeln!(out, " []"),
            Self::Map(fields) if fields.is_empty() => writeln!(out, " {{}}"),
            Self::List(items) => {
                writeln!(out)?;
                items.iter().try_for_each(|item| put_item(item, out, depth))
            }
            Self::Map(fields) => {
                writeln!(out)?;
                put_fields(fields, out, depth)
            }
        }
    }
}

impl fmt::Display for Yaml {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        match self {
            Self::Map(fields) => put_fields(fields, &mut text, 0)?,
            Self::Text(_) | Self::Whole(_) | Self::Flag(_) | Self::List(_) => {
                self.put(&mut text, 0)?;
            }
        }
        out.write_str(&text)
    }
}

fn put_fields(fields: &[(String, Yaml)], out: &mut String, depth: usize) -> fmt::Result {
    for (key, value) in fields {
        write!(out, "{:depth$}{}:", "", scalar(key))?;
        // The items of a list stand below its key.
        let further = if matches!(value, Yaml::List(_)) { 0 } else { STEP };
        value.put(out, depth + further)?;
    }
    Ok(())
}

/// Writes an item of a list; the first field of a mapping stands behind the dash.
fn put_item(item: &Yaml, out: &mut String, depth: usize) -> fmt::Result {
    write!(out, "{:depth$}-", "")?;
    let Yaml::Map(fields) = item else { return item.put(out, depth + STEP) };
    let mut text = String::new();
    put_fields(fields, &mut text, depth + STEP)?;
    writeln!(out, " {}", text.trim())
}

/// How far each level stands to the right of the one above.
const STEP: usize = 2;

fn put_block(text: &str, out: &mut String, depth: usize) -> fmt::Result {
    let ending = match (text.ends_with("\n\n"), text.ends_with('\n')) {
        (true, _) => "+",
        (false, true) => "",
        (false, false) => "-",
    };
    writeln!(out, " |{ending}")?;
    for line in text.lines() {
        let depth = if line.is_empty() { 0 } else { depth };
        writeln!(out, "{:depth$}{line}", "")?;
    }
    Ok(())
}

/// Whether a text of several lines comes back as it is from a block: nothing in it has to be escaped, and its
/// first line says how far it stands to the right.
fn is_block(text: &str) -> bool {
    let plain = |letter: char| letter == '\n' || letter == '\t' || is_printed(letter);
    text.contains('\n') && !text.starts_with([' ', '\t', '\n']) && text.chars().all(plain)
}

/// Whether YAML lets a character stand for itself. What some take for the end of a line is left out.
fn is_printed(letter: char) -> bool {
    match letter {
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' => true,
        other => other >= '\u{10000}',
    }
}

/// A text in one line: as it is where it cannot be mistaken, in quotes elsewhere.
fn scalar(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/".contains(letter);
    let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '/');
    if starts && text.chars().all(plain) && !is_word(text) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted += "\\n",
            '\t' => quoted += "\\t",
            letter if is_printed(letter) => quoted.push(letter),
            letter => quoted += &format!("\\U{:08X}", u32::from(letter)),
        }
    }
    quoted + "\""
}

/// Whether a reader takes a text for a flag or nothing. Those of YAML 1.1 know more words than those of 1.2.
fn is_word(text: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    words.iter().any(|word| text.eq_ignore_ascii_case(word))
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<usize> for Yaml {
    fn from(number: usize) -> Self {
        Self::Whole(number)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<Self>> for Yaml {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

#[cfg(test)]
mod tests {
    use saphyr_parser::{Event, Parser};

    use super::*;

    /// The texts that another reader finds in a document, in order.
    fn read(text: &str) -> Vec<String> {
        let events = Parser::new_from_str(text).map(|event| event.unwrap().0);
        let text = |event| {
            if let Event::Scalar(text, ..) = event { Some(text.into_owned()) } else { None }
        };
        events.filter_map(text).collect()
    }

    #[test]
    fn texts_come_back_as_they_are() {
        for text in [
            "plain",
            "/scenario/a.yaml",
            "",
            " ",
            "no",
            "Null",
            "1",
            "1e3",
            "0x10",
            "-",
            "--set=a={b: 1}",
            "a: b",
            "a #b",
            "'",
            "\"\\",
            "$(JOB)",
            "two\nlines",
            "two\nlines\n",
            "three\n\nlines\n\n\n",
            "a\n  b\n c\t\n",
            " first\nsecond\n",
            "\nfirst\n",
            "a\r\nb\r\n",
            "---\n...\n# a\n",
            "\u{feff}a\nb",
            "\u{2028}\u{85}\u{7f}\u{0}",
            "ä🚢\n",
            "a\n \n",
        ] {
            let tree = map([
                ("key", text.into()),
                ("list", vec![text.into(), map([("a", text.into()), ("b", "c".into())])].into()),
            ]);
            let found = read(&tree.to_string());
            let wanted = ["key", text, "list", text, "a", text, "b", "c"];
            assert_eq!(found, wanted, "{tree}");
        }
    }

    #[test]
    fn trees_are_written_in_their_order() {
        let tree = map([
            ("b", 1.into()),
            ("a", vec!["x".into(), map([("y", true.into()), ("z", "1".into())])].into()),
            ("none", Vec::new().into()),
            ("empty", map([])),
        ]);
        let tree = tree.with("text", "one\ntwo\n").with("last", map([("deep", "on".into())]));
        assert_eq!(
            tree.to_string(),
            "b: 1\na:\n- x\n- \"y\": true\n  z: \"1\"\nnone: []\nempty: {}\ntext: |\n  one\n  two\nlast:\n  deep: \"on\"\n"
        );
    }
}
