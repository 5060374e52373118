//! Values as people write them: quantities, durations, money, percentages, distances, names, labels, times.
//!
//! Each is one type that holds only what is valid, reads and prints itself, and describes itself for the
//! schema. All arithmetic is on integers; only coordinates and bounds are floats.

mod coordinate;
mod decimal;
mod distance;
mod duration;
mod money;
mod name;
mod net;
mod number;
mod percentage;
mod quantity;
mod time;

use std::fmt::Display;
use std::str::FromStr;

use crate::code::Code;

pub use self::coordinate::{Bound, Latitude, Longitude};
pub use self::distance::Distance;
pub use self::duration::{Duration, Latency};
pub use self::money::{Price, SignedPrice};
pub use self::name::{LabelKey, LabelValue, Name};
pub use self::net::{Cidr, Host, Ip};
pub use self::number::Number;
pub use self::percentage::Percentage;
pub use self::quantity::{Quantity, Rate};
pub use self::time::{TimeOfDay, TimeZone, Timestamp};

/// Why a text is not the value that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What is wrong with it.
    pub message: String,
    /// The corrected text, where it can be guessed.
    pub help: Option<String>,
}

/// A value that is written as one word.
pub trait Written: FromStr<Err = Fault> + Display {
    /// Its name in the schema.
    const FORMAT: &'static str;
    /// What a text that is none is complained of as.
    const CODE: Code;
    /// Whether it can stand without quotes as a number.
    const NUMERIC: bool;
    /// How it is written, in one sentence.
    const SYNTAX: &'static str;
    /// Some that are valid.
    const EXAMPLES: &'static [&'static str];
    /// What its text must look like, for editors: a little less strict than the truth.
    const PATTERN: &'static str;
}

/// What the schema knows of a format.
#[derive(Debug)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) code: Code,
    pub(crate) numeric: bool,
    pub(crate) syntax: &'static str,
    pub(crate) pattern: &'static str,
    pub(crate) examples: &'static [&'static str],
    check: fn(&str) -> Result<(), Fault>,
}

impl Format {
    const fn of<T: Written>() -> Self {
        Self {
            name: T::FORMAT,
            code: T::CODE,
            numeric: T::NUMERIC,
            syntax: T::SYNTAX,
            pattern: T::PATTERN,
            examples: T::EXAMPLES,
            check: |text| text.parse::<T>().map(drop),
        }
    }

    pub(crate) fn check(&self, text: &str) -> Result<(), Fault> {
        (self.check)(text)
    }
}

/// All formats, by name.
pub(crate) static FORMATS: [Format; 21] = [
    Format::of::<Bound>(),
    Format::of::<Cidr>(),
    Format::of::<Distance>(),
    Format::of::<Duration>(),
    Format::of::<Host>(),
    Format::of::<Ip>(),
    Format::of::<LabelKey>(),
    Format::of::<LabelValue>(),
    Format::of::<Latency>(),
    Format::of::<Latitude>(),
    Format::of::<Longitude>(),
    Format::of::<Name>(),
    Format::of::<Number>(),
    Format::of::<Percentage>(),
    Format::of::<Price>(),
    Format::of::<Quantity>(),
    Format::of::<Rate>(),
    Format::of::<SignedPrice>(),
    Format::of::<TimeOfDay>(),
    Format::of::<TimeZone>(),
    Format::of::<Timestamp>(),
];

pub(crate) fn format(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    pub(crate) fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Lets serde and schemars read, write and describe a [`Written`] value.
macro_rules! written {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Word;
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;
                    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        out.write_str(<$name as $crate::values::Written>::SYNTAX)
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                from.deserialize_str(Word)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::values::Written as _;
                let types: &[&str] = if $name::NUMERIC {
                    &["string", "number"]
                } else {
                    &["string"]
                };
                let mut schema = schemars::json_schema!({
                    "format": $name::FORMAT,
                    "pattern": $name::PATTERN,
                });
                match types {
                    [only] => schema.insert("type".into(), (*only).into()),
                    several => schema.insert("type".into(), several.to_vec().into()),
                };
                schema
            }
        }
    };
}
pub(crate) use written;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_accepts_its_examples_and_refuses_nonsense() {
        for format in &FORMATS {
            for example in format.examples {
                assert_eq!(format.check(example), Ok(()), "{} {example}", format.name);
            }
            for nonsense in ["!", "\u{0}", "--1", "1 1", "é"] {
                assert!(format.check(nonsense).is_err(), "{} {nonsense}", format.name);
            }
        }
    }
}
