//! Distances: a number, a space, and `m` or `km`.
//!
//! The space is not decoration: `150m` is a duration of 150 minutes and a quantity of 0.15 in the same file.
//! A distance that could be either is refused.

use std::fmt;
use std::str::FromStr;

use crate::code::Code;
use crate::values::decimal::{Decimal, decimal_text};
use crate::values::{Fault, Written, written};

/// A distance in whole millimetres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Distance {
    millimetres: u64,
}

/// Half of the earth's circumference, and a little: nothing is farther away.
const MILLIMETRES_MAX: u64 = 20_100_000_000;

impl Distance {
    /// `metres` far.
    #[must_use]
    pub const fn metres(metres: u32) -> Self {
        Self { millimetres: metres as u64 * 1_000 }
    }

    /// In metres, for the border's formulas.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer than 2^53 millimetres are exact, and no more are read"
    )]
    pub const fn in_metres(self) -> f64 {
        self.millimetres as f64 / 1_000.0
    }
}

impl FromStr for Distance {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let units = [(" km", 6), (" m", 3)];
        let split = |(unit, power): (&str, i32)| Some((text.strip_suffix(unit)?, power));
        let (number, power) = units.into_iter().find_map(split).ok_or_else(|| malformed(text))?;
        let number = Decimal::parse(number).map_err(|_| malformed(text))?;
        if number.negative {
            return Err(Fault::new(format!("`{text}` is less than nothing")));
        }
        let too_far = || Fault::new(format!("`{text}` is more than half way round the earth"));
        let scaled = number.scaled(1, power).ok_or_else(too_far)?;
        if !scaled.exact {
            return Err(Fault::new(format!("`{text}` is finer than a millimetre")));
        }
        match u64::try_from(scaled.floor) {
            Ok(millimetres) if millimetres <= MILLIMETRES_MAX => Ok(Self { millimetres }),
            _ => Err(too_far()),
        }
    }
}

fn malformed(text: &str) -> Fault {
    let fault = Fault::new(format!("`{text}` is not a distance"));
    let number =
        text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic() || letter == ' ');
    let unit = match text[number.len()..].trim() {
        "km" | "kilometres" | "kilometers" => "km",
        _ => "m",
    };
    match Decimal::parse(number) {
        Ok(_) => fault.with_help(format!("write `{number} {unit}`, with a space before the unit")),
        Err(_) => fault.with_help("write a number, a space, and `m` or `km`, as in `1.5 km`"),
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millimetres = u128::from(self.millimetres);
        if self.millimetres >= 1_000_000 {
            write!(out, "{} km", decimal_text(millimetres, 6))
        } else {
            write!(out, "{} m", decimal_text(millimetres, 3))
        }
    }
}

impl Written for Distance {
    const FORMAT: &'static str = "distance";
    const CODE: Code = Code::BadDistance;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "a number, a space, and `m` or `km`";
    const EXAMPLES: &'static [&'static str] = &["150 m", "1.5 km"];
    const PATTERN: &'static str = r"^[0-9]*\.?[0-9]* k?m$";
}
written!(Distance);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_distance_cannot_be_taken_for_minutes_or_thousandths() {
        assert_eq!("150 m".parse(), Ok(Distance::metres(150)));
        assert_eq!("1.5 km".parse(), Ok(Distance::metres(1_500)));
        let help = |text: &str| text.parse::<Distance>().unwrap_err().help.unwrap();
        assert_eq!(help("150m"), "write `150 m`, with a space before the unit");
        assert_eq!(help("2km"), "write `2 km`, with a space before the unit");
        assert_eq!(help("150"), "write `150 m`, with a space before the unit");
    }

    proptest! {
        #[test]
        fn distances_round_trip(millimetres in 0..MILLIMETRES_MAX) {
            let distance = Distance { millimetres };
            prop_assert_eq!(distance.to_string().parse(), Ok(distance));
        }
    }
}
