//! What stays a float: coordinates in degrees, and bounds of what a run measured.

use std::fmt;
use std::str::FromStr;

use crate::code::Code;
use crate::values::decimal::Decimal;
use crate::values::{Fault, Written, written};

/// Degrees north of the equator.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Latitude(f64);

/// Degrees east of Greenwich.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Longitude(f64);

/// A bound of a measured number: a plain number, or a percentage that stands for its part of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Bound(pub f64);

impl Latitude {
    /// `degrees` north, brought into −90 … 90.
    #[must_use]
    pub const fn new(degrees: f64) -> Self {
        Self(degrees.clamp(-90.0, 90.0))
    }

    /// In degrees.
    #[must_use]
    pub const fn degrees(self) -> f64 {
        self.0
    }
}

impl Longitude {
    /// `degrees` east, brought into −180 … 180.
    #[must_use]
    pub const fn new(degrees: f64) -> Self {
        Self(degrees.clamp(-180.0, 180.0))
    }

    /// In degrees.
    #[must_use]
    pub const fn degrees(self) -> f64 {
        self.0
    }
}

/// Decimal text to the nearest float, which Rust does exactly, on every machine alike.
fn float(text: &str) -> Option<f64> {
    Decimal::parse(text).ok()?;
    text.parse().ok()
}

fn degrees(text: &str, limit: f64) -> Result<f64, Fault> {
    let malformed = || {
        Fault::new(format!("`{text}` is not a coordinate"))
            .with_help("write decimal degrees, south and west of zero negative, as in `-37.8136`")
    };
    match float(text).ok_or_else(malformed)? {
        degrees if degrees.abs() <= limit => Ok(degrees),
        _ => Err(Fault::new(format!("`{text}` is not between -{limit} and {limit} degrees"))),
    }
}

impl FromStr for Latitude {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        degrees(text, 90.0).map(Self)
    }
}

impl FromStr for Longitude {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        degrees(text, 180.0).map(Self)
    }
}

impl FromStr for Bound {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let malformed = || {
            Fault::new(format!("`{text}` is not a bound"))
                .with_help("write a number or a percentage, as in `12.5` or `99%`")
        };
        let value = match text.strip_suffix('%') {
            Some(percent) => float(percent).map(|percent| percent / 100.0),
            None => float(text),
        };
        value.map(Self).ok_or_else(malformed)
    }
}

impl fmt::Display for Latitude {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Longitude {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Written for Latitude {
    const FORMAT: &'static str = "latitude";
    const CODE: Code = Code::BadCoordinate;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "decimal degrees from -90 to 90";
    const EXAMPLES: &'static [&'static str] = &["-37.8136", "52.5"];
    const PATTERN: &'static str = r"^[-+]?[0-9]*\.?[0-9]*$";
}
written!(Latitude);

impl Written for Longitude {
    const FORMAT: &'static str = "longitude";
    const CODE: Code = Code::BadCoordinate;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "decimal degrees from -180 to 180";
    const EXAMPLES: &'static [&'static str] = &["144.9631", "-0.1"];
    const PATTERN: &'static str = Latitude::PATTERN;
}
written!(Longitude);

impl Written for Bound {
    const FORMAT: &'static str = "bound";
    const CODE: Code = Code::BadNumber;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "a number, or a percentage that stands for its part of one";
    const EXAMPLES: &'static [&'static str] = &["12.5", "99%"];
    const PATTERN: &'static str = r"^[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?%?$";
}
written!(Bound);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn coordinates_stay_on_the_earth() {
        assert_eq!("-37.8136".parse(), Ok(Latitude(-37.8136)));
        assert!("90.1".parse::<Latitude>().is_err());
        assert!("180".parse::<Longitude>().is_ok());
        for wrong in ["NaN", "inf", "37°", "", "37,5"] {
            assert!(wrong.parse::<Longitude>().is_err(), "{wrong}");
        }
        assert_eq!("99%".parse(), Ok(Bound(0.99)));
    }

    proptest! {
        #[test]
        fn coordinates_round_trip(degrees in -90.0_f64..90.0) {
            let latitude = Latitude(degrees);
            prop_assert_eq!(latitude.to_string().parse(), Ok(latitude));
        }
    }
}
