//! Suggestions: what may have been meant by a word that is not known.

/// The known word that is most like `word`, as a question.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a &'a str>,
) -> Option<String> {
    nearest(word, known.into_iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

/// The known word that is most like `word`; of several equally like, the first.
fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let mut best = None;
    for candidate in known {
        let likeness = strsim::jaro_winkler(&lower, &candidate.to_lowercase());
        if likeness >= LIKENESS_MIN && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Below this, a suggestion confuses more than it helps: found by trying misspelt field names.
const LIKENESS_MIN: f64 = 0.8;

/// Words as a list in a sentence.
pub(crate) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// The advice to write one of these words.
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("write `{only}`"),
        _ => format!("write one of {}", listed(words)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_words_are_recognised_and_others_are_not() {
        let known = ["nodePools", "prices", "power", "location", "coverage"];
        let table = [
            ("nodepools", Some("nodePools")),
            ("nodePool", Some("nodePools")),
            ("price", Some("prices")),
            ("loction", Some("location")),
            ("region", None),
        ];
        for (word, meant) in table {
            assert_eq!(nearest(word, known.into_iter()), meant, "{word}");
        }
    }
}
