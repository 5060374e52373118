//! Money: US dollars as decimal numbers, exact to the millionth.

use std::fmt;
use std::str::FromStr;

use periplus_core::units::{MicroUsd, MicroUsdPerHour};

use crate::code::Code;
use crate::values::decimal::{Decimal, DecimalFault, decimal_text};
use crate::values::{Fault, Written, written};

/// An amount in US dollars that is not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(i64);

/// An amount in US dollars that may be negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignedPrice(i64);

impl Price {
    /// `micros` millionths of a dollar; what is negative counts as nothing.
    #[must_use]
    pub const fn micros(micros: i64) -> Self {
        Self(if micros < 0 { 0 } else { micros })
    }

    /// Paid once.
    #[must_use]
    pub const fn once(self) -> MicroUsd {
        MicroUsd(self.0)
    }

    /// Paid per hour.
    #[must_use]
    pub const fn hourly(self) -> MicroUsdPerHour {
        MicroUsdPerHour(self.0)
    }
}

impl SignedPrice {
    /// Paid per hour.
    #[must_use]
    pub const fn hourly(self) -> MicroUsdPerHour {
        MicroUsdPerHour(self.0)
    }
}

/// The largest amount that can be said: a million dollars.
const MICROS_MAX: u128 = 1_000_000_000_000;

fn micros(text: &str) -> Result<i64, Fault> {
    let number = Decimal::parse(text).map_err(|fault| match fault {
        DecimalFault::Malformed => malformed(text),
        DecimalFault::TooLong => Fault::new(format!("`{text}` has too many digits")),
    })?;
    let too_large = || Fault::new(format!("`{text}` is more than a million dollars"));
    let scaled = number.scaled(1, 6).ok_or_else(too_large)?;
    if !scaled.exact {
        let near = decimal_text(scaled.floor, 6);
        return Err(Fault::new(format!("`{text}` is finer than a millionth of a dollar"))
            .with_help(format!("write `{near}`, or a price for a larger unit")));
    }
    if scaled.floor > MICROS_MAX {
        return Err(too_large());
    }
    let micros = i64::try_from(scaled.floor).map_err(|_| too_large())?;
    Ok(if number.negative { -micros } else { micros })
}

fn malformed(text: &str) -> Fault {
    let fault = Fault::new(format!("`{text}` is not an amount of money"));
    let bare = text.replace(['$', ',', ' ', '_'], "");
    let bare = bare.trim_end_matches("USD");
    match Decimal::parse(bare) {
        Ok(_) => fault.with_help(format!("write `{bare}`: all prices are in US dollars")),
        Err(_) => fault.with_help("write a decimal number of US dollars, as in `0.0416`"),
    }
}

impl FromStr for Price {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        match micros(text)? {
            micros if micros < 0 => Err(Fault::new(format!("`{text}` is less than nothing"))),
            micros => Ok(Self(micros)),
        }
    }
}

impl FromStr for SignedPrice {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        micros(text).map(Self)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        SignedPrice(self.0).fmt(out)
    }
}

impl fmt::Display for SignedPrice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let amount = decimal_text(u128::from(self.0.unsigned_abs()), 6);
        write!(out, "{sign}{amount}")
    }
}

impl Written for Price {
    const FORMAT: &'static str = "price";
    const CODE: Code = Code::BadMoney;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "US dollars, with up to six decimals";
    const EXAMPLES: &'static [&'static str] = &["0.0416", "5", "0.000001"];
    const PATTERN: &'static str = r"^\+?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?$";
}
written!(Price);

impl Written for SignedPrice {
    const FORMAT: &'static str = "signed-price";
    const CODE: Code = Code::BadMoney;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "US dollars, with up to six decimals; may be negative";
    const EXAMPLES: &'static [&'static str] = &["-0.05", "0.05"];
    const PATTERN: &'static str = r"^[-+]?[0-9]*\.?[0-9]*([eE][-+]?[0-9]+)?$";
}
written!(SignedPrice);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn money_is_exact_to_the_millionth() {
        let table = [("0.0416", 41_600), ("0", 0), ("1e-6", 1), ("12", 12_000_000)];
        for (text, micros) in table {
            assert_eq!(text.parse(), Ok(Price(micros)), "{text}");
        }
        assert_eq!("-0.05".parse(), Ok(SignedPrice(-50_000)));
        assert!("-0.05".parse::<Price>().is_err());
        let help = |text: &str| text.parse::<Price>().unwrap_err().help.unwrap();
        assert_eq!(help("$5"), "write `5`: all prices are in US dollars");
        assert_eq!(help("0.0000133"), "write `0.000013`, or a price for a larger unit");
    }

    proptest! {
        #[test]
        fn money_round_trips(micros in -1_000_000_000_000_i64..1_000_000_000_000) {
            let price = SignedPrice(micros);
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }
    }
}
