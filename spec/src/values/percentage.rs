//! Percentages: parts of a whole, exact to the thousandth.

use std::fmt;
use std::str::FromStr;

use periplus_core::units::Permille;

use crate::code::Code;
use crate::values::decimal::{Decimal, decimal_text};
use crate::values::{Fault, Written, written};

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage(pub Permille);

impl FromStr for Percentage {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let malformed = || {
            let fault = Fault::new(format!("`{text}` is not a percentage"));
            let bare = text.trim_end_matches('%').trim();
            match (text.contains('%'), Decimal::parse(bare)) {
                (true, Ok(_)) => fault.with_help(format!("write `{bare}%`")),
                (false, Ok(number)) => match number.scaled(1, 3) {
                    Some(part) if part.floor <= 1_000 && !number.negative => {
                        fault.with_help(format!(
                            "write `{bare}%` or `{}%`: a percentage carries its sign",
                            decimal_text(part.floor, 1)
                        ))
                    }
                    _ => fault.with_help(format!("write `{bare}%`")),
                },
                (_, Err(_)) => fault.with_help("write a number and a percent sign, as in `12.5%`"),
            }
        };
        let number = text.strip_suffix('%').ok_or_else(malformed)?;
        let number = Decimal::parse(number).map_err(|_| malformed())?;
        if number.negative {
            return Err(Fault::new(format!("`{text}` is less than nothing")));
        }
        let too_large = || Fault::new(format!("`{text}` is more than 6500%"));
        let scaled = number.scaled(1, 1).ok_or_else(too_large)?;
        if !scaled.exact {
            return Err(Fault::new(format!("`{text}` is finer than a thousandth"))
                .with_help(format!("write `{}%`", decimal_text(scaled.floor, 1))));
        }
        match u16::try_from(scaled.floor) {
            Ok(permille) if permille <= 65_000 => Ok(Self(Permille(permille))),
            _ => Err(too_large()),
        }
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}%", decimal_text(u128::from(self.0.0), 1))
    }
}

impl Written for Percentage {
    const FORMAT: &'static str = "percentage";
    const CODE: Code = Code::BadPercentage;
    const NUMERIC: bool = false;
    const SYNTAX: &'static str = "a number with at most one decimal, and a percent sign";
    const EXAMPLES: &'static [&'static str] = &["12.5%", "0%", "100%"];
    const PATTERN: &'static str = r"^[0-9]*\.?[0-9]*%$";
}
written!(Percentage);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percentages_become_thousandths() {
        assert_eq!("12.5%".parse(), Ok(Percentage(Permille(125))));
        assert_eq!("150%".parse(), Ok(Percentage(Permille(1_500))));
        let help = |text: &str| text.parse::<Percentage>().unwrap_err().help;
        assert_eq!(help("0.5").unwrap(), "write `0.5%` or `50%`: a percentage carries its sign");
        assert_eq!(help("50 %").unwrap(), "write `50%`");
        assert_eq!(help("0.25%").unwrap(), "write `0.2%`");
        assert_eq!(help("9999%"), None);
    }

    proptest! {
        #[test]
        fn percentages_round_trip(permille in 0_u16..=65_000) {
            let percentage = Percentage(Permille(permille));
            prop_assert_eq!(percentage.to_string().parse(), Ok(percentage));
        }
    }
}
