//! Names and labels as Kubernetes validates them.
//!
//! Names are RFC 1123 labels; label keys and values follow
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::code::Code;
use crate::values::{Fault, Written, written};

/// A name: lower case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// A label's key, with or without a prefix.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelKey(String);

/// A label's value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LabelValue(String);

/// The longest name, label value, or label key without its prefix.
const NAME_MAX: usize = 63;
/// The longest prefix of a label key.
const PREFIX_MAX: usize = 253;

impl FromStr for Name {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if is_name(text) {
            return Ok(Self(text.to_owned()));
        }
        let fault = Fault::new(match text.len() {
            0 => "a name cannot be empty".to_owned(),
            1..=NAME_MAX => format!("`{text}` is not a name"),
            long => format!("the name has {long} characters; at most {NAME_MAX} are allowed"),
        });
        match suggestion(text) {
            Some(right) => Err(fault.with_help(format!("write `{right}`"))),
            None => Err(fault.with_help(
                "use lower case letters, digits and hyphens, not beginning or ending with a hyphen",
            )),
        }
    }
}

/// Whether `text` is an RFC 1123 label.
fn is_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=NAME_MAX).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The nearest name that is valid.
fn suggestion(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let mapped: String = lower
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
        .collect();
    let words: Vec<_> = mapped.split('-').filter(|word| !word.is_empty()).collect();
    let joined: String = words.join("-").chars().take(NAME_MAX).collect();
    let joined = joined.trim_end_matches('-').to_owned();
    is_name(&joined).then_some(joined)
}

impl FromStr for LabelKey {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text),
        };
        let good_prefix = prefix
            .is_none_or(|prefix| prefix.len() <= PREFIX_MAX && prefix.split('.').all(is_name));
        if good_prefix && !name.is_empty() && is_label_word(name) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(format!("`{text}` is not a label key")).with_help(
            "use letters, digits, `-`, `_` and `.`, at most 63 of them, with an optional DNS name and a slash in front",
        ))
    }
}

impl FromStr for LabelValue {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if is_label_word(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Fault::new(format!("`{text}` is not a label value"))
            .with_help("use letters, digits, `-`, `_` and `.`, at most 63 of them"))
    }
}

fn is_label_word(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let outer = |byte: Option<u8>| byte.is_none_or(|byte| byte.is_ascii_alphanumeric());
    text.len() <= NAME_MAX
        && text.bytes().all(inner)
        && outer(text.bytes().next())
        && outer(text.bytes().last())
}

macro_rules! word {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl Deref for $name {
            type Target = str;
            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        written!($name);
    };
}
word!(Name);
word!(LabelKey);
word!(LabelValue);

impl Written for Name {
    const FORMAT: &'static str = "name";
    const CODE: Code = Code::BadName;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str =
        "an RFC 1123 label: lower case letters, digits and hyphens, at most 63";
    const EXAMPLES: &'static [&'static str] = &["edge-1", "web"];
    const PATTERN: &'static str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
}

impl Written for LabelKey {
    const FORMAT: &'static str = "label-key";
    const CODE: Code = Code::BadLabel;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "a Kubernetes label key";
    const EXAMPLES: &'static [&'static str] = &["region", "example.com/tier"];
    const PATTERN: &'static str = "^([-a-z0-9.]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$";
}

impl Written for LabelValue {
    const FORMAT: &'static str = "label-value";
    const CODE: Code = Code::BadLabel;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "a Kubernetes label value";
    const EXAMPLES: &'static [&'static str] = &["eu-west", "v1.2", ""];
    const PATTERN: &'static str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rfc_1123_labels() {
        for right in ["a", "edge-1", "0", &"x".repeat(63)] {
            assert!(right.parse::<Name>().is_ok(), "{right}");
        }
        for wrong in ["", "Edge", "a_b", "-a", "a-", "a.b", &"x".repeat(64)] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
        let help = |text: &str| text.parse::<Name>().unwrap_err().help.unwrap();
        assert_eq!(help("Edge_1"), "write `edge-1`");
        assert_eq!(help("Spring & Flinders St"), "write `spring-flinders-st`");
    }

    #[test]
    fn labels_are_those_of_kubernetes() {
        for right in ["a", "example.com/tier", "a_b.c-d", "A"] {
            assert!(right.parse::<LabelKey>().is_ok(), "{right}");
        }
        for wrong in ["", "/a", "a/", "Example.com/a", "a/b/c", "-a", "a b"] {
            assert!(wrong.parse::<LabelKey>().is_err(), "{wrong}");
        }
        for right in ["", "1", "v1.2", "A_b"] {
            assert!(right.parse::<LabelValue>().is_ok(), "{right}");
        }
        for wrong in ["a/b", "_a", "a b", &"x".repeat(64)] {
            assert!(wrong.parse::<LabelValue>().is_err(), "{wrong}");
        }
    }
}
