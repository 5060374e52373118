//! Numbers and names of few letters: a page that is sent around must not be large.

use serde::{Serialize, Serializer};

/// A number of few digits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Short(f64);

/// As many digits as a chart can show.
const DIGITS_DRAWN: usize = 4;
/// As many digits as anybody sorts by.
const DIGITS_LISTED: usize = 8;

impl Short {
    /// A number to be drawn.
    pub(crate) fn drawn(value: f64) -> Self {
        Self::of(value, DIGITS_DRAWN)
    }

    /// A number to be listed.
    pub(crate) fn listed(value: f64) -> Self {
        Self::of(value, DIGITS_LISTED)
    }

    fn of(value: f64, digits: usize) -> Self {
        let text = format!("{value:.*e}", digits - 1);
        // Minus nothing is nothing.
        Self(text.parse::<f64>().unwrap_or(0.0) + 0.0)
    }
}

impl Serialize for Short {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Self(value) = *self;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough")]
        if value.fract() == 0.0 && value.abs() < 1e15 {
            to.serialize_i64(value as i64)
        } else {
            to.serialize_f64(value)
        }
    }
}

/// Names for variants, from what they set: the last word of each path and its value. What all variants set alike
/// is left out, a variant that goes one step further than the one before it is named for that step, and no two are
/// the same.
pub(crate) fn names(settings: &[Vec<&str>]) -> Vec<String> {
    let varied = settings.iter().filter(|set| !set.is_empty());
    let common = |text: &&str| settings.len() > 2 && varied.clone().all(|set| set.contains(text));
    let name = |(place, set): (usize, &Vec<&str>)| {
        let before: &[&str] = if place > 0 { &settings[place - 1] } else { &[] };
        let further: Vec<&str> =
            set.iter().copied().filter(|text| !before.contains(text)).collect();
        if let [step] = further[..]
            && !before.is_empty()
            && set.len() == before.len() + 1
        {
            return clipped(&format!("+ {}", setting(step)));
        }
        if set.is_empty() {
            return "base".to_owned();
        }
        let telling = set.iter().filter(|text| !common(text)).map(|text| setting(text));
        let telling: Vec<String> = telling.collect();
        match (&telling[..], telling.join(", ")) {
            ([], _) if !settings[0].is_empty() => "nothing more".to_owned(),
            ([], _) => {
                clipped(&set.iter().map(|text| setting(text)).collect::<Vec<_>>().join(", "))
            }
            ([first, others @ ..], all) if others.len() > 1 && all.chars().count() > NAME_MAX => {
                clipped(&format!("{first} and {} more", others.len()))
            }
            (_, all) => clipped(&all),
        }
    };
    let names: Vec<String> = settings.iter().enumerate().map(name).collect();
    if let [base, only] = names.as_slice()
        && settings[0].is_empty()
        && only.ends_with('…')
    {
        return vec![base.clone(), "variant".into()];
    }
    let numbered = names.iter().enumerate().map(|(place, name)| {
        match names[..place].iter().filter(|other| *other == name).count() {
            0 => name.clone(),
            alike => format!("{name} ({})", alike + 1),
        }
    });
    numbered.collect()
}

fn setting(text: &str) -> String {
    let (path, value) = text.split_once('=').map_or((text, ""), |_| parted(text));
    let word = path.rsplit(['.', ']']).find(|word| !word.is_empty()).unwrap_or(path);
    match only(path) {
        Some(name) => format!("{name}: {word}={value}"),
        None => format!("{word}={value}"),
    }
}

/// The name of the only one that a path means, if it begins with one.
fn only(path: &str) -> Option<&str> {
    let (kind, rest) = path.split_once('[')?;
    let (name, _) = rest.split_once(']')?;
    let is_name = !kind.contains('.') && !name.contains('=') && name.parse::<usize>().is_err();
    is_name.then_some(name)
}

/// A setting's path and value: the first `=` outside of brackets parts them.
fn parted(text: &str) -> (&str, &str) {
    let mut depth = 0_i32;
    for (place, letter) in text.char_indices() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            '=' if depth == 0 => return (&text[..place], &text[place + 1..]),
            _ => {}
        }
    }
    (text, "")
}

/// Longer names do not fit beside a chart.
const NAME_MAX: usize = 40;

fn clipped(text: &str) -> String {
    if text.chars().count() <= NAME_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(NAME_MAX - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_as_many_digits_as_can_be_seen() {
        let told = |value| serde_json::to_string(&Short::drawn(value)).unwrap();
        let numbers = [12_345.678, 0.000_123_456, 7.0, -0.0, 1e300, 99.999].map(told);
        assert_eq!(numbers, ["12350", "0.0001235", "7", "0", "1e+300", "100"]);
        assert_eq!(serde_json::to_string(&Short::listed(118.952_345_678)).unwrap(), "118.95235");
    }

    #[test]
    fn variants_are_named_for_what_tells_them_apart() {
        let nodes = |count| format!("clusters[tier=edge].nodePools[0].nodes={count}");
        let (one, two) = (nodes(1), nodes(2));
        let named = names(&[vec![], vec![&one, "timeline=[]"], vec![&two, "timeline=[]"]]);
        assert_eq!(named, ["base", "nodes=1", "nodes=2"]);
        let named = names(&[vec![], vec!["demand.growth=2", "timeline=[]"]]);
        assert_eq!(named, ["base", "growth=2, timeline=[]"]);
        let sites = ["one", "two"].map(|site| format!("clusters[{site}].nodePools[0].nodes=1"));
        let named = names(&[vec![], vec![&sites[0]], vec![&sites[0], &sites[1]]]);
        assert_eq!(named, ["base", "one: nodes=1", "+ two: nodes=1"]);
        let many = ["three", "four"].map(|site| format!("clusters[{site}].nodePools[0].nodes=2"));
        let many: Vec<&str> = sites.iter().chain(&many).map(String::as_str).collect();
        let named = names(&[vec!["a=1"], vec!["a=1", &sites[0]], [&["a=1"], &many[..]].concat()]);
        assert_eq!(named, ["nothing more", "+ one: nodes=1", "one: nodes=1 and 3 more"]);
        let named = names(&[vec![], vec!["a=1", "b=1"], vec!["a=1", "b=2"]]);
        assert_eq!(named, ["base", "b=1", "b=2"]);
        let long = format!("timeline=[{}]", "{at: 1h, outage: all}".repeat(3));
        let named = names(&[vec![], vec![&long], vec![&long]]);
        assert_eq!(named[1], "timeline=[{at: 1h, outage: all}{at: 1h,…");
        assert_eq!(named[2], "timeline=[{at: 1h, outage: all}{at: 1h,… (2)");
        assert_eq!(names(&[vec![], vec![&long]]), ["base", "variant"]);
    }
}
