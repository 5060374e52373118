//! YAML as it is committed: keys in order, two spaces, and every text quoted that could be read as anything else.
//!
//! A writer of our own: equal values must give equal bytes in every release, whatever becomes of a library, and tens of
//! thousands of files a second.

use std::fmt::Write;

use serde_json::{Map, Value};

/// A value as a YAML document.
#[must_use]
pub fn text(value: &Value) -> String {
    let mut out = String::with_capacity(1_024);
    block(&mut out, value, 0);
    out
}

/// Writes a value that begins where the cursor stands; `indent` is where its further lines begin.
fn block(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(entries) if !entries.is_empty() => mapping(out, entries, indent),
        Value::Array(items) if !items.is_empty() => list(out, items, indent),
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => {
            scalar(out, value, indent);
            out.push('\n');
        }
    }
}

fn mapping(out: &mut String, entries: &Map<String, Value>, indent: usize) {
    let mut keys: Vec<(&String, &Value)> = entries.iter().collect();
    keys.sort_unstable_by_key(|(key, _)| *key);
    for (place, (key, value)) in keys.into_iter().enumerate() {
        if place > 0 {
            margin(out, indent);
        }
        flow_text(out, key);
        out.push(':');
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                out.push('\n');
                margin(out, indent + 2);
                mapping(out, entries, indent + 2);
            }
            // As Kubernetes' own tools write them: items stand below their key, not to the right of it.
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                margin(out, indent);
                list(out, items, indent);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {
                out.push(' ');
                scalar(out, value, indent + 2);
                out.push('\n');
            }
        }
    }
}

fn list(out: &mut String, items: &[Value], indent: usize) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            margin(out, indent);
        }
        out.push_str("- ");
        block(out, item, indent + 2);
    }
}

fn margin(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Writes a value that fits into a line, or a text of several lines whose further lines stand at `indent`.
fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) if is_literal(text) => literal(out, text, indent),
        Value::String(text) => flow_text(out, text),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Whether a text reads best line by line, and can be written so.
fn is_literal(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && !text.ends_with("\n\n")
        && text.chars().all(|letter| letter == '\n' || letter == '\t' || is_printable(letter))
}

fn literal(out: &mut String, text: &str, indent: usize) {
    let (body, chomping) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    out.push_str(chomping);
    for line in body.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            margin(out, indent);
            out.push_str(line);
        }
    }
}

fn flow_text(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(out, text);
    }
}

/// What YAML 1.1 or 1.2 reads as something else than a text, in small letters.
const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"];

/// Whether a text can stand without quotes, and no reader of any version takes it for a number, a time or a word.
fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_./@+=,()$;<> -:".contains(&byte);
    // A digit in front makes a number of what has only letters of numbers behind it, or a time.
    let unit = |byte: &u8| matches!(byte, b'g'..=b'z' | b'G'..=b'Z') && !b"xoXOTZ".contains(byte);
    let begins = match first {
        b'0'..=b'9' => bytes.iter().any(unit) && !bytes.contains(&b':'),
        b'/' | b'_' | b'$' | b'(' => true,
        b'.' => text.starts_with("./"),
        letter => letter.is_ascii_alphabetic(),
    };
    begins
        && bytes.iter().all(|byte| inner(*byte))
        && !matches!(last, b' ' | b':')
        && !text.contains(": ")
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            letter if is_printable(letter) => out.push(letter),
            letter => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
        }
    }
    out.push('"');
}

/// Whether YAML lets a character stand as it is, and no version of it takes the character for the end of a line.
fn is_printable(letter: char) -> bool {
    !letter.is_control()
        && !matches!(
            letter,
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn it_reads_as_a_person_would_write_it() {
        let value = json!({
            "spec": {
                "template": {"containers": [{"name": "web", "args": ["--a", "b: c", ""], "env": []}, {"ports": [{"port": 80}]}]},
                "selector": {},
            },
            "apiVersion": "apps/v1",
            "metadata": {"name": "web", "annotations": {"periplus.dev/decision": "17", "on": "yes"}},
            "data": {"conf": "a = 1\n\n  b = 2\n", "cut": "x\ny", "odd": " x\n"},
            "nested": [[1, 2], [], [[3]]],
        });
        assert_eq!(
            text(&value),
            "apiVersion: apps/v1\n\
             data:\n  \
               conf: |\n    a = 1\n\n      b = 2\n  \
               cut: |-\n    x\n    y\n  \
               odd: \" x\\n\"\n\
             metadata:\n  \
               annotations:\n    \"on\": \"yes\"\n    periplus.dev/decision: \"17\"\n  \
               name: web\n\
             nested:\n- - 1\n  - 2\n- []\n- - - 3\n\
             spec:\n  \
               selector: {}\n  \
               template:\n    \
                 containers:\n    \
                 - args:\n      - \"--a\"\n      - \"b: c\"\n      - \"\"\n      \
                   env: []\n      name: web\n    \
                 - ports:\n      - port: 80\n"
        );
    }

    #[test]
    fn what_could_be_read_as_something_else_is_quoted() {
        for word in [
            "true",
            "No",
            "NULL",
            "~",
            "",
            "1",
            "1.5",
            "1e3",
            "0x1f",
            "0o7",
            "1_000",
            "12:30:45",
            "2001-01-01",
            "2001-01-01T00:00:00Z",
            "-",
            "- a",
            "a: b",
            "a:",
            " a",
            "a ",
            "#a",
            "*a",
            "&a",
            "!a",
            "%a",
            "@a",
            "`a",
            "{a",
            "[a",
            ".inf",
            ".5",
            "+1",
            "=",
            "?",
            "|",
            ">",
            "'a",
            "a #b",
        ] {
            let mut out = String::new();
            flow_text(&mut out, word);
            assert!(out.starts_with('"'), "{word} stands as {out}");
        }
        for word in ["web", "64Mi", "250m", "apps/v1", "10m", "http://a:80/b", "$(HOST):80", "a b"]
        {
            let mut out = String::new();
            flow_text(&mut out, word);
            assert_eq!(out, word);
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let words = prop_oneof![
            any::<String>(),
            "[ -~\n\t]{0,12}",
            "[0-9.:eExTZ+_-]{1,8}",
            "(true|no|~|[a-z]{1,5}[:#-]? ?[a-z]?)",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            words.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(words.clone(), inner, 0..5)
                    .prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_read_as_it_was_written(value in values()) {
            let written = text(&value);
            let read: Value = serde_saphyr::from_str(&written).unwrap();
            prop_assert_eq!(read, value, "{}", written);
        }
    }
}
