//! Quantities as Kubernetes writes them.
//!
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>: a decimal number and a
//! suffix, binary (`Ki`, `Mi`, …), decimal (`m`, `k`, `M`, …) or an exponent. What is finer than a billionth
//! is rounded up, as there.

use std::fmt;
use std::str::FromStr;

use periplus_core::units::{MiB, MilliCpu, MilliRps};

use crate::code::Code;
use crate::values::decimal::{Decimal, DecimalFault};
use crate::values::{Fault, Written, written};

/// An amount of something: cores, bytes, requests per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity {
    nano: u128,
}

/// A rate in requests per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub MilliRps);

/// The highest rate that can be said: a hundred million requests per second. With it, and the highest prices,
/// no bill overflows.
const RATE_MAX: MilliRps = MilliRps(100_000_000_000);

const NANO: u128 = 1_000_000_000;
/// Larger amounts are mistakes: 2^63 of anything.
const WHOLE_MAX: u128 = 1 << 63;

/// Suffixes with what they multiply by: a factor and a power of ten.
const SUFFIXES: [(&str, u128, i32); 16] = [
    ("Ki", 1 << 10, 0),
    ("Mi", 1 << 20, 0),
    ("Gi", 1 << 30, 0),
    ("Ti", 1 << 40, 0),
    ("Pi", 1 << 50, 0),
    ("Ei", 1 << 60, 0),
    ("n", 1, -9),
    ("u", 1, -6),
    ("m", 1, -3),
    ("k", 1, 3),
    ("M", 1, 6),
    ("G", 1, 9),
    ("T", 1, 12),
    ("P", 1, 15),
    ("E", 1, 18),
    ("", 1, 0),
];

impl Quantity {
    /// `whole` units.
    #[must_use]
    pub const fn whole(whole: u64) -> Self {
        Self { nano: whole as u128 * NANO }
    }

    /// `milli` thousandths of a unit.
    #[must_use]
    pub const fn milli(milli: u64) -> Self {
        Self { nano: milli as u128 * 1_000_000 }
    }

    /// `mebi` times 2^20 units.
    #[must_use]
    pub const fn mebi(mebi: u64) -> Self {
        Self { nano: (mebi as u128 * NANO) << 20 }
    }

    /// In whole units, rounded up.
    #[must_use]
    pub fn units(self) -> u64 {
        narrow(self.nano.div_ceil(NANO))
    }

    /// In thousandths, rounded up.
    #[must_use]
    pub fn thousandths(self) -> u64 {
        narrow(self.nano.div_ceil(1_000_000))
    }

    /// As CPU, rounded up. `None` beyond four million cores.
    #[must_use]
    pub fn cpu(self) -> Option<MilliCpu> {
        u32::try_from(self.thousandths()).ok().map(MilliCpu)
    }

    /// As memory that is asked for, rounded up. `None` beyond four pebibytes.
    #[must_use]
    pub fn memory(self) -> Option<MiB> {
        u32::try_from(self.units().div_ceil(1 << 20)).ok().map(MiB)
    }

    /// As memory that is there, rounded down. `None` beyond four pebibytes.
    #[must_use]
    pub fn memory_there(self) -> Option<MiB> {
        u32::try_from(self.units() >> 20).ok().map(MiB)
    }
}

fn narrow(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

impl FromStr for Quantity {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let wrong = || malformed(text);
        let split = |suffix: &str| text.strip_suffix(suffix).filter(|_| !suffix.is_empty());
        let (number, factor, power) = SUFFIXES
            .iter()
            .find_map(|(suffix, factor, power)| Some((split(suffix)?, *factor, *power)))
            .unwrap_or((text, 1, 0));
        if number.len() < text.len() && number.contains(['e', 'E']) {
            return Err(wrong());
        }
        let too_large = || Fault::new(format!("`{text}` is more than can be counted"));
        let number = Decimal::parse(number).map_err(|fault| match fault {
            DecimalFault::Malformed => wrong(),
            DecimalFault::TooLong => too_large(),
        })?;
        if number.negative {
            return Err(Fault::new(format!("`{text}` is less than nothing")));
        }
        let scaled = number.scaled(factor, power + 9).ok_or_else(too_large)?;
        let nano = scaled.ceil();
        if nano > WHOLE_MAX * NANO {
            return Err(too_large());
        }
        Ok(Self { nano })
    }
}

fn malformed(text: &str) -> Fault {
    let fault = Fault::new(format!("`{text}` is not a quantity"));
    let tight: String = text.split_whitespace().collect();
    let known =
        ["KB", "MB", "GB", "TB", "kB", "KiB", "MiB", "GiB", "TiB", "K", "g", "gi", "mi", "ki"]
            .into_iter()
            .find_map(|suffix| Some((tight.strip_suffix(suffix)?, suffix)));
    let right = match known {
        Some((number, suffix)) => {
            let letter = suffix.chars().next().unwrap_or_default();
            let binary = suffix.contains('i');
            let letter = match (letter, binary) {
                ('K' | 'k', false) => 'k',
                ('k', true) => 'K',
                ('m', true) => 'M',
                ('g', _) => 'G',
                (letter, _) => letter,
            };
            format!("{number}{letter}{}", if binary { "i" } else { "" })
        }
        None => tight,
    };
    if right != text && right.parse::<Quantity>().is_ok() {
        fault.with_help(format!("write `{right}`"))
    } else {
        fault.with_help("write a number and a suffix, as in `250m`, `1.5`, `512Mi` or `2G`")
    }
}

impl fmt::Display for Quantity {
    /// The largest suffix that needs no fraction; binary where the amount is round in binary only.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.nano / NANO;
        if whole > 0 && self.nano.is_multiple_of(NANO) {
            let binary = SUFFIXES[..6].iter().rev();
            let decimal = SUFFIXES[9..15].iter().rev();
            let fits = |(_, factor, power): &&(&str, u128, i32)| {
                whole.is_multiple_of(factor * 10_u128.pow(power.unsigned_abs()))
            };
            // Whichever reads shorter: 500Mi is not 524288k.
            let length = |(_, factor, power): &&(&str, u128, i32)| {
                (whole / (factor * 10_u128.pow(power.unsigned_abs()))).checked_ilog10()
            };
            let (decimal, binary) = (decimal.clone().find(fits), binary.clone().find(fits));
            let chosen = decimal.into_iter().chain(binary).min_by_key(length);
            return match chosen {
                Some((suffix, factor, power)) => {
                    let unit = factor * 10_u128.pow(power.unsigned_abs());
                    write!(out, "{}{suffix}", whole / unit)
                }
                None => write!(out, "{whole}"),
            };
        }
        match self.nano {
            0 => out.write_str("0"),
            nano if nano % 1_000_000 == 0 => write!(out, "{}m", nano / 1_000_000),
            nano if nano % 1_000 == 0 => write!(out, "{}u", nano / 1_000),
            nano => write!(out, "{nano}n"),
        }
    }
}

impl Written for Quantity {
    const FORMAT: &'static str = "quantity";
    const CODE: Code = Code::BadQuantity;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "a Kubernetes quantity: a number with `m`, `k`, `M`, `G`, `Ki`, `Mi`, `Gi`, … or nothing behind it";
    const EXAMPLES: &'static [&'static str] = &["250m", "1.5", "512Mi", "2G", "1e3"];
    const PATTERN: &'static str = r"^\+?[0-9.]+([eE][-+]?[0-9]+|[KMGTPE]i|[numkMGTPE])?$";
}
written!(Quantity);

impl FromStr for Rate {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let per_second = ["/s", "rps", " rps"].iter().find_map(|unit| text.strip_suffix(unit));
        if let Some(number) = per_second {
            return Err(Fault::new(format!("`{text}` is not a rate"))
                .with_help(format!("write `{}`: it is per second already", number.trim())));
        }
        match text.parse::<Quantity>()?.thousandths() {
            milli if milli <= RATE_MAX.0 => Ok(Self(MilliRps(milli))),
            _ => Err(Fault::new(format!("`{text}` is more than a hundred million per second"))),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quantity::milli(self.0.0).fmt(out)
    }
}

impl Written for Rate {
    const FORMAT: &'static str = "rate";
    const CODE: Code = Code::BadQuantity;
    const NUMERIC: bool = true;
    const SYNTAX: &'static str = "requests per second, as a quantity";
    const EXAMPLES: &'static [&'static str] = &["2", "500m", "1.5k"];
    const PATTERN: &'static str = Quantity::PATTERN;
}
written!(Rate);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        let table: [(&str, u128); 16] = [
            ("0", 0),
            ("1", NANO),
            ("+1", NANO),
            ("250m", 250_000_000),
            ("1.5", 1_500_000_000),
            ("1e3", 1_000 * NANO),
            ("1E3", 1_000 * NANO),
            ("1E", 1_000_000_000_000_000_000 * NANO),
            ("1Ki", 1_024 * NANO),
            ("1.5Gi", 1_610_612_736 * NANO),
            ("2G", 2_000_000_000 * NANO),
            ("100u", 100_000),
            ("5n", 5),
            ("0.1n", 1),
            (".5", 500_000_000),
            ("12e-3", 12_000_000),
        ];
        for (text, nano) in table {
            assert_eq!(text.parse(), Ok(Quantity { nano }), "{text}");
        }
        for wrong in ["", "m", "1 Gi", "1GB", "-1", "1e3Ki", "1K", "0x1", "1mm", "1e40", "99E"] {
            assert!(wrong.parse::<Quantity>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_suffix_is_corrected() {
        let help = |text: &str| text.parse::<Quantity>().unwrap_err().help.unwrap();
        assert_eq!(help("1GB"), "write `1G`");
        assert_eq!(help("1GiB"), "write `1Gi`");
        assert_eq!(help("512 Mi"), "write `512Mi`");
        assert_eq!(help("4K"), "write `4k`");
        assert_eq!(help("4gi"), "write `4Gi`");
    }

    #[test]
    fn requests_round_up_and_capacities_down() {
        let quantity: Quantity = "1G".parse().unwrap();
        assert_eq!(quantity.memory(), Some(MiB(954)));
        assert_eq!(quantity.memory_there(), Some(MiB(953)));
        assert_eq!("0.1m".parse::<Quantity>().unwrap().cpu(), Some(MilliCpu(1)));
        assert_eq!("8E".parse::<Quantity>().unwrap().memory(), None);
    }

    proptest! {
        #[test]
        fn quantities_round_trip(nano in 0_u128..(1 << 90)) {
            let quantity = Quantity { nano: nano % (WHOLE_MAX * NANO) };
            prop_assert_eq!(quantity.to_string().parse(), Ok(quantity));
        }

        #[test]
        fn rates_round_trip(milli in 0_u64..100_000_000_000) {
            let rate = Rate(MilliRps(milli));
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }

        #[test]
        fn no_text_is_too_strange(text in ".*") {
            let _ = text.parse::<Quantity>();
        }
    }
}
