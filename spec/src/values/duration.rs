//! Durations as Go writes them: `250ms`, `90s`, `1h30m`, and `d` for 24 hours.
//!
//! <https://pkg.go.dev/time#ParseDuration>. Two types, by what they can tell apart: a [`Duration`] counts
//! milliseconds, a [`Latency`] microseconds.

use std::fmt;
use std::str::FromStr;

use periplus_core::units::{MicrosRtt, Span};

use crate::code::Code;
use crate::values::decimal::Decimal;
use crate::values::{Fault, Written, written};

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub Span);

/// A latency in whole microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Latency(pub MicrosRtt);

/// Units with their nanoseconds, longer names before those that they end with.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The longest duration: a hundred years.
const NANOS_MAX: u64 = 100 * 365 * 86_400_000_000_000;

/// Why a text is not a duration.
enum Trouble {
    Malformed,
    TooFine,
    TooLong,
}

fn nanos(text: &str) -> Result<u64, Fault> {
    read(text).map_err(|trouble| match trouble {
        Trouble::Malformed => malformed(text),
        Trouble::TooFine => Fault::new(format!("`{text}` is finer than a nanosecond")),
        Trouble::TooLong => Fault::new(format!("`{text}` is more than a hundred years")),
    })
}

fn read(text: &str) -> Result<u64, Trouble> {
    if text == "0" {
        return Ok(0);
    }
    let is_digit = |next: char| next.is_ascii_digit() || next == '.';
    let mut rest = text;
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let digits = rest.find(|next| !is_digit(next)).unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(digits);
        let letters = behind.find(is_digit).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        let unit = UNITS.iter().find(|known| known.0 == unit);
        let (Some((_, unit)), Ok(digits)) = (unit, Decimal::parse(digits)) else {
            return Err(Trouble::Malformed);
        };
        let part = digits.scaled(u128::from(*unit), 0).ok_or(Trouble::TooLong)?;
        if !part.exact {
            return Err(Trouble::TooFine);
        }
        let part = u64::try_from(part.floor).map_err(|_| Trouble::TooLong)?;
        let longer = sum.checked_add(part).filter(|sum| *sum <= NANOS_MAX);
        sum = longer.ok_or(Trouble::TooLong)?;
        rest = behind;
    }
    if text.is_empty() {
        return Err(Trouble::Malformed);
    }
    Ok(sum)
}

fn malformed(text: &str) -> Fault {
    let fault = Fault::new(format!("`{text}` is not a duration"));
    if let Some(positive) = text.strip_prefix('-').filter(|rest| read(rest).is_ok()) {
        return fault.with_help(format!("write `{positive}`: durations are not negative"));
    }
    let number =
        text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    let right = match text[number.len()..].trim() {
        "sec" | "secs" | "second" | "seconds" | "S" => Some("s"),
        "min" | "mins" | "minute" | "minutes" | "M" => Some("m"),
        "hr" | "hrs" | "hour" | "hours" | "H" => Some("h"),
        "day" | "days" | "D" => Some("d"),
        "msec" | "millis" | "milliseconds" => Some("ms"),
        "s" | "m" | "h" | "d" | "ms" | "us" => Some(text[number.len()..].trim()),
        _ => None,
    };
    match right.map(|unit| format!("{number}{unit}")) {
        Some(right) if read(&right).is_ok() => fault.with_help(format!("write `{right}`")),
        _ if !number.is_empty() && number == text && Decimal::parse(number).is_ok() => {
            fault.with_help(format!("say in which unit: `{text}s`, `{text}m` or `{text}ms`"))
        }
        _ => fault
            .with_help("write a number with `ms`, `s`, `m`, `h` or `d`, as in `90s` or `1h30m`"),
    }
}

impl Duration {
    /// `seconds` long.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(Span(seconds * 1_000))
    }
}

impl Latency {
    /// `millis` long.
    #[must_use]
    pub const fn millis(millis: u32) -> Self {
        Self(MicrosRtt(millis * 1_000))
    }
}

impl FromStr for Duration {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match nanos(text)? {
            nanos if nanos % 1_000_000 == 0 => Ok(Self(Span(nanos / 1_000_000))),
            _ => Err(Fault::new(format!("`{text}` is finer than a millisecond"))),
        }
    }
}

impl FromStr for Latency {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let nanos = nanos(text)?;
        if nanos % 1_000 != 0 {
            return Err(Fault::new(format!("`{text}` is finer than a microsecond")));
        }
        let micros = u32::try_from(nanos / 1_000);
        let too_long = |_| Fault::new(format!("`{text}` is more than an hour"));
        Ok(Self(MicrosRtt(micros.map_err(too_long)?)))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.0 {
            0 => out.write_str("0s"),
            micros if micros % 1_000_000 == 0 => write!(out, "{}s", micros / 1_000_000),
            micros if micros % 1_000 == 0 => write!(out, "{}ms", micros / 1_000),
            micros => write!(out, "{micros}us"),
        }
    }
}

impl Written for Duration {
    const FORMAT: &'static str = "duration";
    const CODE: Code = Code::BadDuration;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str =
        "a duration in whole milliseconds: numbers with `ms`, `s`, `m`, `h` or `d` (24 h)";
    const EXAMPLES: &'static [&'static str] = &["250ms", "90s", "1h30m", "7d"];
    const PATTERN: &'static str = r"^(0|([0-9.]+(ns|us|µs|ms|s|m|h|d))+)$";
}
written!(Duration);

impl Written for Latency {
    const FORMAT: &'static str = "latency";
    const CODE: Code = Code::BadDuration;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "a duration in whole microseconds, up to an hour";
    const EXAMPLES: &'static [&'static str] = &["800us", "2.5ms", "1s"];
    const PATTERN: &'static str = Duration::PATTERN;
}
written!(Latency);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let table = [
            ("0", 0),
            ("0s", 0),
            ("250ms", 250),
            ("90s", 90_000),
            ("1h30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("1m0.5s", 60_500),
            ("2000us", 2),
            ("7d", 604_800_000),
        ];
        for (text, millis) in table {
            assert_eq!(text.parse(), Ok(Duration(Span(millis))), "{text}");
        }
        for wrong in ["", "10", "s", "1 h", "-1s", "1hour", "1us", "101000d", "1..5s", "1s1"] {
            assert!(wrong.parse::<Duration>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_unit_is_corrected() {
        let help = |text: &str| text.parse::<Duration>().unwrap_err().help.unwrap();
        assert_eq!(help("10 minutes"), "write `10m`");
        assert_eq!(help("90 s"), "write `90s`");
        assert_eq!(help("30"), "say in which unit: `30s`, `30m` or `30ms`");
        assert_eq!(help("-5s"), "write `5s`: durations are not negative");
    }

    proptest! {
        #[test]
        fn durations_round_trip(millis in 0..NANOS_MAX / 1_000_000) {
            let duration = Duration(Span(millis));
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn latencies_round_trip(micros: u32) {
            let latency = Latency(MicrosRtt(micros));
            prop_assert_eq!(latency.to_string().parse(), Ok(latency));
        }

        #[test]
        fn no_text_is_too_strange(text in ".*") {
            let _ = text.parse::<Duration>();
        }
    }
}
