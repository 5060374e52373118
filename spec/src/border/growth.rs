//! Growth: what a factor per year makes of a time, and factors that nobody knows for sure.
//!
//! Growth compounds: `factor(t) = per_year ^ (t / 365 d)`. An uncertain factor is log-normal through two quantiles,
//! as [delays](super::delay) are.

use std::sync::Arc;

use periplus_core::units::Span;

use crate::border::delay::log_normal_factor;
use crate::border::{float, rounded_u32};

/// A year, of which every fourth is a day longer.
pub const YEAR: Span = Span(365 * 24 * Span::HOUR.0 + 6 * Span::HOUR.0);

/// The 256 quantiles of a factor per year, in thousandths.
#[must_use]
pub fn quantiles(p50: f64, p95: f64) -> Arc<[u32]> {
    let values = log_normal_factor(p50, p95);
    values.map(|value| rounded_u32(value * 1_000.0)).collect()
}

/// What has become of 1,000 after a time, if a year makes `per_year` of it.
#[must_use]
pub fn after(per_year: u32, time: Span) -> u32 {
    let years = float(time.0) / float(YEAR.0);
    let factor = f64::from(per_year) / 1_000.0;
    rounded_u32(1_000.0 * libm::pow(factor, years))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_compounds() {
        assert_eq!(after(1_200, Span::ZERO), 1_000);
        assert_eq!(after(1_200, YEAR), 1_200);
        assert_eq!(after(1_200, Span(2 * YEAR.0)), 1_440);
        assert_eq!(after(1_200, Span(YEAR.0 / 2)), 1_095);
    }

    #[test]
    fn quantiles_are_those_that_were_said() {
        let growth = quantiles(1.2, 1.5);
        assert!((growth[127] + growth[128]).abs_diff(2_400) <= 2, "{growth:?}");
        assert!(growth[243].abs_diff(1_500) <= 4, "{}", growth[243]);
        assert!(growth.is_sorted());
    }
}
