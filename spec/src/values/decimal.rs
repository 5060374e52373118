//! Exact decimal numbers, the ground of all other values.

/// A decimal number: `digits × 10^exponent`, negative or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    digits: u128,
    exponent: i32,
}

/// Why a text is not a decimal number that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecimalFault {
    Malformed,
    TooLong,
}

/// A number scaled to an integer, and whether something was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scaled {
    pub(super) floor: u128,
    pub(super) exact: bool,
}

/// More digits are a mistake, and could leave 128 bits.
const DIGITS_MAX: usize = 30;
const EXPONENT_MAX: i32 = 40;

impl Decimal {
    /// Reads `[+-]digits[.digits]` and, if `exponents` is true to form, `e` and an exponent.
    pub(super) fn parse(text: &str) -> Result<Self, DecimalFault> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, power) = match rest.find(['e', 'E']) {
            Some(place) => (&rest[..place], parse_power(&rest[place + 1..])?),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let empty = whole.is_empty() && fraction.is_empty();
        if empty || !all_digits(whole) || !all_digits(fraction) {
            return Err(DecimalFault::Malformed);
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        if whole.len() + fraction.len() > DIGITS_MAX {
            return Err(DecimalFault::TooLong);
        }
        let digits = whole.bytes().chain(fraction.bytes());
        let digits = digits.fold(0, |sum: u128, digit| sum * 10 + u128::from(digit - b'0'));
        let places = i32::try_from(fraction.len()).map_err(|_| DecimalFault::TooLong)?;
        Ok(Self { negative: negative && digits > 0, digits, exponent: power - places })
    }

    /// The number times `factor × 10^power`, without its sign.
    pub(super) fn scaled(self, factor: u128, power: i32) -> Option<Scaled> {
        let digits = self.digits.checked_mul(factor)?;
        let power = self.exponent + power;
        let ten = 10_u128.checked_pow(power.unsigned_abs());
        if power >= 0 {
            let floor = match (digits, ten) {
                (0, _) => 0,
                (digits, ten) => digits.checked_mul(ten?)?,
            };
            return Some(Scaled { floor, exact: true });
        }
        Some(match ten {
            Some(ten) => Scaled { floor: digits / ten, exact: digits % ten == 0 },
            None => Scaled { floor: 0, exact: digits == 0 },
        })
    }
}

impl Scaled {
    pub(super) fn ceil(self) -> u128 {
        self.floor + u128::from(!self.exact)
    }
}

fn parse_power(text: &str) -> Result<i32, DecimalFault> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalFault::Malformed);
    }
    match text.parse::<i32>() {
        Ok(power) if power.abs() <= EXPONENT_MAX => Ok(power),
        _ => Err(DecimalFault::TooLong),
    }
}

/// `value / 10^places` as people write it, without zeros at the end.
pub(super) fn decimal_text(value: u128, places: u32) -> String {
    let unit = 10_u128.pow(places);
    let (whole, rest) = (value / unit, value % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let rest = format!("{rest:0width$}", width = places as usize);
    format!("{whole}.{}", rest.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        let milli = |text: &str| Decimal::parse(text).unwrap().scaled(1, 3).unwrap();
        let scaled = |floor, exact| Scaled { floor, exact };
        assert_eq!(milli("1"), scaled(1_000, true));
        assert_eq!(milli("0.1"), scaled(100, true));
        assert_eq!(milli("1e3"), scaled(1_000_000, true));
        assert_eq!(milli("1.0005"), scaled(1_000, false));
        assert_eq!(milli(".5"), scaled(500, true));
        assert_eq!(milli("5."), scaled(5_000, true));
        assert_eq!(milli("1e-40"), scaled(0, false));
        assert_eq!(milli("0e40"), scaled(0, true));
        for wrong in ["", ".", "-", "1e", "e3", "1.2.3", "0x10", "1_000", "1e99999999999"] {
            assert!(Decimal::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn decimals_print_as_they_are_read() {
        for (value, places, text) in [(1_500, 3, "1.5"), (5, 3, "0.005"), (2_000, 3, "2")] {
            assert_eq!(decimal_text(value, places), text);
        }
    }
}
