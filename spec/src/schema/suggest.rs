//! Suggestions: what may have been meant by a word that is not known.

/// The known word that is most like `word`, as a question.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// The known word that is most like `word`; of several equally like, the first.
///
/// A slip of the keyboard changes, swaps or drops a letter or two; who forgets a word's end gets its beginning
/// right, which is what Jaro and Winkler reward.
#[must_use]
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let likeness = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let slips = strsim::osa_distance(&lower, &candidate);
        let few = slips <= (lower.len().min(candidate.len()) / 3).max(1);
        let alike = strsim::jaro_winkler(&lower, &candidate);
        (few || alike >= ALIKE_MIN).then_some((slips, alike))
    };
    let mut best: Option<(usize, f64, &str)> = None;
    for candidate in known {
        let Some((slips, alike)) = likeness(candidate) else { continue };
        if best.is_none_or(|(fewest, most, _)| slips < fewest || (slips == fewest && alike > most))
        {
            best = Some((slips, alike, candidate));
        }
    }
    best.map(|(_, _, candidate)| candidate)
}

/// Below this, a suggestion confuses more than it helps: found by trying misspelt field names.
const ALIKE_MIN: f64 = 0.88;

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
            ("pwoer", Some("power")),
            ("region", None),
            ("population", None),
        ];
        for (word, meant) in table {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
        assert_eq!(nearest("wbe", &["db", "web"]), Some("web"));
    }
}
