//! Points in time: RFC 3339 timestamps, times of day, and where the sun stands.

use std::fmt;
use std::str::FromStr;

use periplus_core::units::Span;

use crate::code::Code;
use crate::values::{Fault, Written, written};

/// A point in time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// A time of day, counted from midnight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(pub Span);

/// How local time differs from UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeZone {
    /// It does not.
    #[default]
    Utc,
    /// By so many minutes; more is farther east.
    Minutes(i32),
    /// By an hour for every 15 degrees of longitude.
    Solar,
}

impl FromStr for Timestamp {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let malformed = || {
            Fault::new(format!("`{text}` is not a date and time"))
                .with_help("write it as RFC 3339 does, as in `2026-01-31T08:00:00Z`")
        };
        // jiff reads more than RFC 3339 knows: a space for the `T`, a zone name in brackets.
        if text.contains(['[', ' ']) {
            return Err(malformed());
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| malformed())?;
        Ok(Self(instant.as_millisecond()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => instant.fmt(out),
            Err(_) => self.0.fmt(out),
        }
    }
}

impl FromStr for TimeOfDay {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        minutes(text)
            .filter(|minutes| *minutes < 24 * 60)
            .map(|minutes| Self(Span(u64::from(minutes) * 60_000)))
            .ok_or_else(|| {
                Fault::new(format!("`{text}` is not a time of day"))
                    .with_help("write hours and minutes, as in `08:30`")
            })
    }
}

fn minutes(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let two_digits = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|_| digits)
    };
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.0 / 60_000;
        write!(out, "{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl FromStr for TimeZone {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let fault = || {
            Fault::new(format!("`{text}` is not a time zone"))
                .with_help("write `utc`, `solar`, or hours and minutes east of UTC, as in `+10:00`")
        };
        let offset = |rest: &str, sign: i32| {
            let minutes = minutes(rest).filter(|minutes| *minutes <= 14 * 60)?;
            i32::try_from(minutes).ok().map(|minutes| Self::Minutes(sign * minutes))
        };
        match text {
            "utc" | "UTC" | "Z" => Ok(Self::Utc),
            "solar" => Ok(Self::Solar),
            _ => match (text.strip_prefix('+'), text.strip_prefix('-')) {
                (Some(rest), _) => offset(rest, 1).ok_or_else(fault),
                (None, Some(rest)) => offset(rest, -1).ok_or_else(fault),
                (None, None) => Err(fault()),
            },
        }
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Utc => out.write_str("utc"),
            Self::Solar => out.write_str("solar"),
            Self::Minutes(minutes) => {
                let sign = if *minutes < 0 { '-' } else { '+' };
                let minutes = minutes.unsigned_abs();
                write!(out, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
            }
        }
    }
}

impl Written for Timestamp {
    const FORMAT: &'static str = "timestamp";
    const CODE: Code = Code::BadTime;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "a date and time as RFC 3339 writes it";
    const EXAMPLES: &'static [&'static str] =
        &["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.5+10:00"];
    const PATTERN: &'static str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T.+$";
}
written!(Timestamp);

impl Written for TimeOfDay {
    const FORMAT: &'static str = "time-of-day";
    const CODE: Code = Code::BadTime;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "hours and minutes";
    const EXAMPLES: &'static [&'static str] = &["08:30", "17:00"];
    const PATTERN: &'static str = "^[0-9]{2}:[0-9]{2}$";
}
written!(TimeOfDay);

impl Written for TimeZone {
    const FORMAT: &'static str = "time-zone";
    const CODE: Code = Code::BadTime;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "`utc`, `solar` (an hour for every 15 degrees of longitude), or hours and minutes east of UTC";
    const EXAMPLES: &'static [&'static str] = &["utc", "solar", "+10:00", "-03:30"];
    const PATTERN: &'static str = r"^(utc|solar|[-+][0-9]{2}:[0-9]{2})$";
}
written!(TimeZone);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_rfc_3339_writes_them() {
        assert_eq!("1970-01-01T00:00:01Z".parse(), Ok(Timestamp(1_000)));
        assert_eq!("1970-01-01T10:00:00+10:00".parse(), Ok(Timestamp(0)));
        for wrong in ["", "2026-01-31", "2026-01-31T25:00:00Z", "now", "2026-01-31 08:00:00Z"] {
            assert!(wrong.parse::<Timestamp>().is_err(), "{wrong}");
        }
        assert_eq!("08:30".parse(), Ok(TimeOfDay(Span(30_600_000))));
        for wrong in ["8:30", "24:00", "08:60", "0830"] {
            assert!(wrong.parse::<TimeOfDay>().is_err(), "{wrong}");
        }
        assert_eq!("-03:30".parse(), Ok(TimeZone::Minutes(-210)));
        assert!("+15:00".parse::<TimeZone>().is_err());
    }

    proptest! {
        #[test]
        fn timestamps_round_trip(millis in -60_000_000_000_000_i64..200_000_000_000_000) {
            let timestamp = Timestamp(millis);
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }

        #[test]
        fn offsets_round_trip(minutes in -840_i32..=840) {
            let zone = TimeZone::Minutes(minutes);
            prop_assert_eq!(zone.to_string().parse(), Ok(zone));
        }
    }
}
