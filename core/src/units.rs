//! Units: integer newtypes for everything that is measured, so that a mix-up does not compile.
//!
//! Owns the arithmetic that turns rates and prices into µ$ per hour. Must not know clusters, apps or
//! policies. Each operation is plain (a wrap is a bug and panics), or says `saturating` in its name.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};

macro_rules! unit {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// Nothing of it.
            pub const ZERO: Self = Self(0);
            /// The most that can be said.
            pub const MAX: Self = Self(<$inner>::MAX);

            /// The sum, or the largest value if it would not fit.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// The difference, or the smallest value if it would not fit.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }
        }

        impl Add for $name {
            type Output = Self;
            fn add(self, other: Self) -> Self {
                Self(self.0 + other.0)
            }
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                self.0 += other.0;
            }
        }

        impl Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                Self(self.0 - other.0)
            }
        }

        impl SubAssign for $name {
            fn sub_assign(&mut self, other: Self) {
                self.0 -= other.0;
            }
        }

        impl Sum for $name {
            fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
                items.fold(Self::ZERO, Add::add)
            }
        }
    };
}

unit! {
    /// A point in time: milliseconds since the epoch of the log (a scenario's start, or Unix).
    Tick(u64)
}
unit! {
    /// A length of time in milliseconds.
    Span(u64)
}
unit! {
    /// CPU in thousandths of a core, as Kubernetes counts it.
    MilliCpu(u32)
}
unit! {
    /// Memory in mebibytes.
    MiB(u32)
}
unit! {
    /// User requests per thousand seconds.
    MilliRps(u64)
}
unit! {
    /// A round-trip time in microseconds.
    MicrosRtt(u32)
}
unit! {
    /// Money: millionths of a US dollar, paid once.
    MicroUsd(i64)
}
unit! {
    /// A price that runs: millionths of a US dollar per hour. Every line of a bill is in this unit.
    MicroUsdPerHour(i64)
}
unit! {
    /// Thousandths of a whole.
    Permille(u16)
}
unit! {
    /// Carbon intensity of a grid in grams of CO2e per kilowatt-hour.
    GramsPerKwh(u32)
}
unit! {
    /// Electrical power in milliwatts.
    MilliWatts(u32)
}
unit! {
    /// Bytes that one user request moves over an edge.
    Bytes(u64)
}

impl Span {
    /// One second.
    pub const SECOND: Self = Self(1_000);
    /// One minute.
    pub const MINUTE: Self = Self(60_000);
    /// One hour.
    pub const HOUR: Self = Self(3_600_000);
}

impl Tick {
    /// This point in time plus `span`; the end of time if it would not fit.
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Permille {
    /// The whole.
    pub const WHOLE: Self = Self(1_000);
}

impl MilliRps {
    /// The part of this rate that `weight` stands for, rounded down.
    #[must_use]
    pub const fn part(self, weight: Permille) -> Self {
        if weight.0 == Permille::WHOLE.0 { self } else { Self(self.0 * weight.0 as u64 / 1_000) }
    }

    /// This rate raised by `margin` (150 ‰ of 100 is 115), rounded up.
    #[must_use]
    pub const fn raised(self, margin: Permille) -> Self {
        Self(self.0 + (self.0 * margin.0 as u64).div_ceil(1_000))
    }

    /// The largest rate that, raised by `margin`, is not above this one.
    #[must_use]
    pub const fn lowered(self, margin: Permille) -> Self {
        let whole = self.0 / (1_000 + margin.0 as u64);
        let rest = self.0 % (1_000 + margin.0 as u64);
        Self(whole * 1_000 + rest * 1_000 / (1_000 + margin.0 as u64))
    }
}

impl MicroUsd {
    /// This one-off amount as a running price, paid back over `payback`.
    ///
    /// A zero `payback` counts as one millisecond, so that a one-off is never free.
    #[must_use]
    pub fn spread_over(self, payback: Span) -> MicroUsdPerHour {
        let span = i128::from(payback.0.max(1));
        let hourly = i128::from(self.0) * i128::from(Span::HOUR.0) / span;
        MicroUsdPerHour(saturate(hourly))
    }
}

impl MicroUsdPerHour {
    /// The part of this price that `weight` stands for, rounded towards zero.
    #[must_use]
    pub const fn part(self, weight: Permille) -> Self {
        if weight.0 == Permille::WHOLE.0 {
            self
        } else {
            let (whole, rest) = (self.0 / 1_000, self.0 % 1_000);
            Self(whole * weight.0 as i64 + rest * weight.0 as i64 / 1_000)
        }
    }
}

impl Neg for MicroUsdPerHour {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

/// The price per hour of `rate` requests at `price` µ$ per thousand requests.
///
/// One mRPS is 3.6 requests an hour, so µ$/h = mRPS × 36 ÷ 10,000 × price.
#[must_use]
pub fn per_thousand_requests(rate: MilliRps, price: MicroUsd) -> MicroUsdPerHour {
    scaled(rate, 36, price.0, 10_000)
}

/// The price per hour of `rate` requests that each wait `excess` beyond their target, at `price` µ$ per
/// thousand requests and millisecond.
#[must_use]
pub fn per_excess_latency(rate: MilliRps, excess: MicrosRtt, price: MicroUsd) -> MicroUsdPerHour {
    scaled(rate, 36 * u64::from(excess.0), price.0, 10_000_000)
}

/// The price per hour of `rate` requests that each move `bytes`, at `price` µ$ per gigabyte (10⁹ bytes).
#[must_use]
pub fn per_gigabyte(rate: MilliRps, bytes: Bytes, price: MicroUsd) -> MicroUsdPerHour {
    scaled(rate, bytes.0.saturating_mul(36), price.0, 10_000_000_000)
}

/// The price per hour of `cpu` at `price` per core and hour, rounded up: nothing is free by rounding.
#[must_use]
pub fn per_core(cpu: MilliCpu, price: MicroUsdPerHour) -> MicroUsdPerHour {
    MicroUsdPerHour((i64::from(cpu.0) * price.0 + 999).div_euclid(1_000))
}

/// The price per hour of `memory` at `price` per GiB and hour, rounded up.
#[must_use]
pub fn per_gib(memory: MiB, price: MicroUsdPerHour) -> MicroUsdPerHour {
    MicroUsdPerHour((i64::from(memory.0) * price.0 + 1_023).div_euclid(1_024))
}

#[inline]
fn scaled(rate: MilliRps, times: u64, price: i64, over: i64) -> MicroUsdPerHour {
    let narrow = i64::try_from(rate.0).ok().zip(i64::try_from(times).ok());
    let product = narrow.and_then(|(rate, times)| rate.checked_mul(times)?.checked_mul(price));
    match product {
        Some(product) => MicroUsdPerHour(product / over),
        None => scaled_wide(rate, times, price, over),
    }
}

/// Far more traffic than any fleet has: slower, and exact all the same.
#[cold]
fn scaled_wide(rate: MilliRps, times: u64, price: i64, over: i64) -> MicroUsdPerHour {
    let product =
        i128::from(rate.0).saturating_mul(i128::from(times)).saturating_mul(i128::from(price));
    MicroUsdPerHour(saturate(product / i128::from(over)))
}

fn saturate(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

impl fmt::Display for Tick {
    /// `1d 02:03:04.500`: days only where there are any, milliseconds only where they are not zero.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
        let (seconds, millis) = (rest / 1_000 % 60, rest % 1_000);
        if days > 0 {
            write!(out, "{days}d ")?;
        }
        write!(out, "{hours:02}:{minutes:02}:{seconds:02}")?;
        if millis > 0 {
            write!(out, ".{millis:03}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Span {
    /// The shortest exact form: `90s`, `5m`, `2h`, `250ms`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => out.write_str("0s"),
            ms if ms % 3_600_000 == 0 => write!(out, "{}h", ms / 3_600_000),
            ms if ms % 60_000 == 0 => write!(out, "{}m", ms / 60_000),
            ms if ms % 1_000 == 0 => write!(out, "{}s", ms / 1_000),
            ms => write!(out, "{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_rate_raised_and_lowered_by_the_same_margin_never_grows() {
        for rate in [0, 1, 7, 999, 1_000, 123_456_789] {
            let margin = Permille(150);
            assert!(MilliRps(rate).lowered(margin).raised(margin) <= MilliRps(rate));
        }
    }

    #[test]
    fn prices_follow_their_formula() {
        let one_rps = MilliRps(1_000);
        // 3,600 requests an hour at 10 µ$ per thousand.
        assert_eq!(per_thousand_requests(one_rps, MicroUsd(10)), MicroUsdPerHour(36));
        // … each 20 ms late, at 10 µ$ per thousand and millisecond.
        let late = per_excess_latency(one_rps, MicrosRtt(20_000), MicroUsd(10));
        assert_eq!(late, MicroUsdPerHour(720));
        // 3,600 × 100 kB = 0.36 GB at 0.09 $/GB.
        let moved = per_gigabyte(one_rps, Bytes(100_000), MicroUsd(90_000));
        assert_eq!(moved, MicroUsdPerHour(32_400));
        assert_eq!(per_core(MilliCpu(250), MicroUsdPerHour(40_000)), MicroUsdPerHour(10_000));
        assert_eq!(per_gib(MiB(512), MicroUsdPerHour(4_001)), MicroUsdPerHour(2_001));
    }

    #[test]
    fn a_one_off_is_spread_over_its_payback() {
        assert_eq!(MicroUsd(500).spread_over(Span::HOUR), MicroUsdPerHour(500));
        assert_eq!(MicroUsd(500).spread_over(Span(1_800_000)), MicroUsdPerHour(1_000));
    }

    #[test]
    fn times_read_as_people_write_them() {
        assert_eq!(Tick(93_784_500).to_string(), "1d 02:03:04.500");
        assert_eq!(Tick(60_000).to_string(), "00:01:00");
        assert_eq!(Span(90_000).to_string(), "90s");
        assert_eq!(Span(7_200_000).to_string(), "2h");
        assert_eq!(Span(1_500).to_string(), "1500ms");
    }
}
