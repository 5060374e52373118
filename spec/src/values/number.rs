//! Plain decimal numbers: factors, watts, calls per request.

use std::fmt;
use std::str::FromStr;

use crate::code::Code;
use crate::values::decimal::{Decimal, DecimalFault, decimal_text};
use crate::values::{Fault, Written, written};

/// A decimal number that is not negative, exact to the millionth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number {
    millionths: u64,
}

/// A billion: nothing that is counted here is more.
const MILLIONTHS_MAX: u128 = 1_000_000_000_000_000;

impl Number {
    /// `millionths` of one.
    #[must_use]
    pub const fn millionths(millionths: u64) -> Self {
        Self { millionths }
    }

    /// `thousandths` of one.
    #[must_use]
    pub const fn thousandths(thousandths: u32) -> Self {
        Self { millionths: thousandths as u64 * 1_000 }
    }

    /// In millionths.
    #[must_use]
    pub const fn in_millionths(self) -> u64 {
        self.millionths
    }

    /// In thousandths, rounded to the nearest; `None` if they are too many.
    #[must_use]
    pub fn in_thousandths(self) -> Option<u32> {
        u32::try_from((self.millionths + 500) / 1_000).ok()
    }

    /// As a float, for the border's formulas.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "fewer than 2^53 millionths are exact, and no more are read"
    )]
    pub const fn float(self) -> f64 {
        self.millionths as f64 / 1_000_000.0
    }
}

impl FromStr for Number {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let too_large = || Fault::new(format!("`{text}` is more than a billion"));
        let number = Decimal::parse(text).map_err(|fault| match fault {
            DecimalFault::Malformed => Fault::new(format!("`{text}` is not a decimal number"))
                .with_help("write digits and a point, as in `1.5`"),
            DecimalFault::TooLong => too_large(),
        })?;
        if number.negative {
            return Err(Fault::new(format!("`{text}` is less than nothing")));
        }
        let scaled = number.scaled(1, 6).ok_or_else(too_large)?;
        if !scaled.exact {
            return Err(Fault::new(format!("`{text}` is finer than a millionth"))
                .with_help(format!("write `{}`", decimal_text(scaled.floor, 6))));
        }
        match u64::try_from(scaled.floor) {
            Ok(millionths) if scaled.floor <= MILLIONTHS_MAX => Ok(Self { millionths }),
            _ => Err(too_large()),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&decimal_text(u128::from(self.millionths), 6))
    }
}

impl Written for Number {
    const FORMAT: &'static str = "number";
    const CODE: Code = Code::BadNumber;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "a decimal number of at least 0, with up to six decimals";
    const EXAMPLES: &'static [&'static str] = &["1.5", "0.25", "3"];
    const PATTERN: &'static str = r"^\+?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?$";
}
written!(Number);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_exact_to_the_millionth() {
        assert_eq!("1.5".parse(), Ok(Number::thousandths(1_500)));
        assert_eq!("1e-6".parse(), Ok(Number::millionths(1)));
        for wrong in ["", "-1", "1e-7", "1e10", "x", "1,5"] {
            assert!(wrong.parse::<Number>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn numbers_round_trip(millionths in 0_u64..1_000_000_000_000_000) {
            let number = Number { millionths };
            prop_assert_eq!(number.to_string().parse(), Ok(number));
        }
    }
}
