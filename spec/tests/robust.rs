//! No text is too strange: whatever stands in a file, the answer is a list of diagnostics with places.

use periplus_spec::check_text;
use periplus_spec::diagnostic::Diagnostic;
use proptest::prelude::*;

/// Words of which strange files are made.
const WORDS: [&str; 44] = [
    "apiVersion: periplus.dev/v1alpha1\n",
    "kind: Cluster\n",
    "kind: Application\n",
    "kind: Scenario\n",
    "kind: Policy\n",
    "kind: Zone\n",
    "metadata: {name: a}\n",
    "spec:\n",
    "---\n",
    "...\n",
    "  ",
    "    ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\n",
    "\"",
    "'",
    "|\n",
    ">\n",
    "&a ",
    "*a",
    "!!int ",
    "# é\n",
    "? ",
    "<<: ",
    "nodePools:",
    "capacity: {cpu: 4, memory: 8Gi}\n",
    "components:",
    "name: web\n",
    "serviceTime: 10ms\n",
    "calls:",
    "timeline:",
    "declare:",
    "at: 5m\n",
    "250m",
    "1e400",
    "ü",
    "\t",
    "\r",
];

const EVERYTHING: &str = include_str!("valid/everything.yaml");

/// The places of all diagnostics lie within the text, at the borders of characters.
fn well_placed(text: &str, diagnostics: &[Diagnostic]) {
    for wrong in diagnostics
        .iter()
        .filter(|wrong| wrong.source.as_ref().is_some_and(|source| source.text == text))
    {
        for label in &wrong.labels {
            assert!(text.get(label.span.start..label.span.end).is_some(), "{wrong:?}");
        }
    }
}

fn survives(text: &str) {
    well_placed(text, &check_text("strange.yaml", text));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in ".{0,200}") {
        survives(&text);
    }

    #[test]
    fn any_words_are_answered(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..60)) {
        survives(&words.concat());
    }

    #[test]
    fn a_cut_and_stuffed_sample_is_answered(
        from in 0..EVERYTHING.len(),
        length in 0_usize..80,
        word in prop::sample::select(&WORDS[..]),
    ) {
        let end = (from + length).min(EVERYTHING.len());
        if let (Some(before), Some(behind)) = (EVERYTHING.get(..from), EVERYTHING.get(end..)) {
            survives(&format!("{before}{word}{behind}"));
        }
    }

    #[test]
    fn swapped_values_are_answered(
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
    ) {
        let mut lines: Vec<&str> = EVERYTHING.lines().collect();
        for (one, other) in places {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
        }
        survives(&lines.join("\n"));
    }
}
