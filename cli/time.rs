//! Points in time as people name them on the command line.

use std::fmt;
use std::str::FromStr;

use periplus_core::units::{Span, Tick};
use periplus_spec::values::{Duration, Timestamp};

/// A point in time: from the scenario's start, or by the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So long after the start.
    After(Span),
    /// Milliseconds since the Unix epoch.
    Calendar(i64),
}

impl Moment {
    /// The tick that is meant, if tick 0 was `epoch_unix_ms`.
    #[must_use]
    pub fn tick(self, epoch_unix_ms: i64) -> Tick {
        match self {
            Self::After(span) => Tick(span.0),
            Self::Calendar(at) => Tick(u64::try_from(at - epoch_unix_ms).unwrap_or(0)),
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(span) => span.fmt(out),
            Self::Calendar(at) => Timestamp(*at).fmt(out),
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    /// `18:30`, `18:30:05` or `18:30:05.250`, or `1d 18:30` after the start, a duration like `90m`, or RFC 3339.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(span) = clock(text) {
            return Ok(Self::After(span));
        }
        if let Ok(duration) = text.parse::<Duration>() {
            return Ok(Self::After(duration.0));
        }
        if let Ok(timestamp) = text.parse::<Timestamp>() {
            return Ok(Self::Calendar(timestamp.0));
        }
        Err(format!(
            "`{text}` is no time: write `18:30` or `1d 06:00` after the start, `90m`, or `2026-01-05T18:30:00+10:00`"
        ))
    }
}

/// Hours, minutes and perhaps seconds after the start, perhaps behind days.
fn clock(text: &str) -> Option<Span> {
    let (days, rest) = match text.split_once("d ") {
        Some((days, rest)) => (days.parse::<u64>().ok()?, rest),
        None => (0, text),
    };
    let mut parts = rest.split(':');
    let hours: u64 = parts.next()?.parse().ok()?;
    let minutes: u64 = parts.next()?.parse().ok()?;
    let (seconds, part) = parts.next().map_or(Some((0, 0)), seconds)?;
    let whole = parts.next().is_none() && minutes < 60 && seconds < 60;
    let total = days.checked_mul(86_400)? + hours.checked_mul(3_600)? + minutes * 60 + seconds;
    whole.then_some(Span(total * 1_000 + part))
}

/// Whole seconds, and milliseconds behind a dot.
fn seconds(text: &str) -> Option<(u64, u64)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{part:0<3}").parse().ok().filter(|_| digits)?;
    Some((whole.parse().ok()?, thousandths))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let table = [
            ("18:30", Moment::After(Span(66_600_000))),
            ("00:00:05", Moment::After(Span(5_000))),
            ("00:00:05.25", Moment::After(Span(5_250))),
            ("1d 02:00", Moment::After(Span(93_600_000))),
            ("90m", Moment::After(Span(5_400_000))),
            ("1970-01-01T00:00:01Z", Moment::Calendar(1_000)),
        ];
        for (text, moment) in table {
            assert_eq!(text.parse(), Ok(moment), "{text}");
            assert_eq!(moment.to_string().parse(), Ok(moment), "{text}");
        }
        for wrong in ["", "18", "18:60", "noon", "1:2:3:4", "1:2:3.", "1:2:3.1234"] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }
}
