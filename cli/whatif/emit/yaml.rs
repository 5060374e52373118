//! YAML, written: fields in the order in which they are given, and no text that is read as anything but itself.

use serde_json::Value;

/// A mapping of these fields.
pub(super) fn map<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A document as it stands in a file.
pub(super) fn written(document: &Value) -> String {
    // A long argument stays on its line.
    let options =
        serde_saphyr::ser_options! { compact_list_indent: true, folded_wrap_chars: usize::MAX };
    serde_saphyr::to_string_with_options(document, options).expect("JSON is YAML")
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
            &"long ".repeat(100),
        ] {
            let list = vec![text.into(), map([("a", text.into()), ("b", "c".into())])];
            let tree = written(&map([("key", text.into()), ("list", list.into())]));
            let wanted = ["key", text, "list", text, "a", text, "b", "c"];
            assert_eq!(read(&tree), wanted, "{tree}");
        }
    }

    #[test]
    fn trees_are_written_in_their_order_and_for_readers_of_older_yaml() {
        let list = vec!["x".into(), map([("y", true.into()), ("z", "1".into())])];
        let tree = map([
            ("b", 1.into()),
            ("a", list.into()),
            ("text", "one\ntwo\n".into()),
            ("last", map([("deep", "on".into())])),
        ]);
        assert_eq!(
            written(&tree),
            "b: 1\na:\n- x\n- \"y\": true\n  z: \"1\"\ntext: |\n  one\n  two\nlast:\n  deep: \"on\"\n"
        );
    }
}
