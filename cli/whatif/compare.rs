//! Differences between a variant and the base, and how sure they are.
//!
//! Every seed is run by both, so that the differences of single seeds are a sample by themselves: the interval
//! is that of the paired t-test (Student 1908), `mean ± t(n − 1) · s / √n`, and for strata what
//! [`weighed`](super::weighed) makes of it.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::whatif::weighed::{Error, Estimate, Weighed, difference, estimate, mean};

/// How often an interval holds the true difference.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// A difference between means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The mean of the base.
    pub(crate) base: f64,
    /// The mean of the variant.
    pub(crate) variant: f64,
    /// Half of the interval's width; nothing from a single seed.
    pub(crate) margin: Option<f64>,
}

impl Difference {
    /// The difference of two samples, seed by seed.
    ///
    /// # Panics
    /// Panics unless both have the same seeds, and at least one.
    pub(crate) fn between(base: &[Weighed], variant: &[Weighed]) -> Self {
        assert!(base.len() == variant.len() && !base.is_empty(), "seeds are paired");
        let margin = margin_at(difference(base, variant), f64::midpoint(1.0, CONFIDENCE));
        Self { base: mean(base), variant: mean(variant), margin }
    }

    /// How much more the variant has.
    pub(crate) fn size(&self) -> f64 {
        self.variant - self.base
    }

    /// The same as a part of the base, where that is not nothing.
    pub(crate) fn relative(&self) -> Option<f64> {
        (self.base != 0.0).then(|| self.size() / self.base.abs())
    }

    /// Whether every seed comes to the same.
    pub(crate) fn is_nothing(&self) -> bool {
        self.size() == 0.0 && self.margin.is_none_or(|margin| margin == 0.0)
    }

    /// Whether the interval leaves no doubt that there is a difference.
    pub(crate) fn is_sure(&self) -> bool {
        self.margin.is_some_and(|margin| self.size().abs() > margin)
    }
}

/// To which side of a mean the truth is bounded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It is not less.
    Below,
    /// It is not more.
    Above,
}

/// The mean, and what the truth is not beyond with this much confidence; the mean itself from a single value.
///
/// Rare bad days make a sample look better than the truth is more often than worse, and a bound by Student's t is then
/// wrong too often. Hall's transformation (1992) takes the skewness out: `g(T) = T + aT²/3 + a²T³/27 + a/6` is compared
/// with t, where `a` is the skewness of the mean.
pub(crate) fn bounded(sample: &[Weighed], confidence: f64, side: Side) -> (f64, f64) {
    let Estimate { mean, error } = estimate(sample);
    let Some(Error { size, freedom, skew }) = error else { return (mean, mean) };
    let Some(t) = student(freedom, confidence) else { return (mean, mean) };
    let t = if side == Side::Below { t } else { -t };
    (mean, mean - size * straightened(t, skew))
}

/// The inverse of Hall's transformation.
fn straightened(t: f64, skew: f64) -> f64 {
    if skew.abs() < 1e-9 {
        return t;
    }
    3.0 / skew * ((1.0 + skew * (t - skew / 6.0)).cbrt() - 1.0)
}

/// How far the mean may be off, with this much of Student's t below.
fn margin_at(estimate: Estimate, below: f64) -> Option<f64> {
    let Error { size, freedom, .. } = estimate.error?;
    Some(student(freedom, below)? * size)
}

/// The quantile of Student's t.
fn student(freedom: f64, below: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::whatif::weighed::equally;

    /// Numbers from 0 to 1 (`SplitMix64`).
    fn numbers(mut seed: u64) -> impl Iterator<Item = f64> {
        std::iter::repeat_with(move || {
            seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
        })
    }

    /// Normal numbers: sums of twelve (Irwin and Hall), less their mean.
    fn normal(seed: u64) -> impl Iterator<Item = f64> {
        let mut numbers = numbers(seed);
        std::iter::repeat_with(move || numbers.by_ref().take(12).sum::<f64>() - 6.0)
    }

    #[test]
    fn intervals_are_those_of_the_tables() {
        // Student's own data (1908): the additional sleep of ten patients under two drugs; t = 4.0621.
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let found = Difference::between(&equally(&first), &equally(&second));
        let margin = found.margin.unwrap();
        assert!((found.size() - 1.58).abs() < 1e-9 && (margin - 0.8799).abs() < 1e-4, "{found:?}");
        assert!(found.is_sure());
    }

    #[test]
    fn equal_variants_are_called_different_at_the_stated_rate() {
        let rounds = 4_000;
        for seeds in [3, 10, 30] {
            let differs = |round: u64| {
                let mut draws = normal(round * 1_000 + seeds as u64);
                let base: Vec<f64> = draws.by_ref().take(seeds).collect();
                let variant: Vec<f64> = draws.take(seeds).collect();
                Difference::between(&equally(&base), &equally(&variant)).is_sure()
            };
            let called = (0..rounds).filter(|round| differs(*round)).count();
            // Five in a hundred, and three standard deviations of that count.
            let most = 200.0 + 3.0 * (rounds as f64 * 0.05 * 0.95).sqrt();
            assert!((called as f64) < most, "{called} of {rounds} with {seeds} seeds");
        }
    }

    #[test]
    fn bounds_are_wrong_at_the_stated_rate_also_where_few_values_are_far_off() {
        let rounds = 4_000;
        // Exponential numbers less their mean: the truth is 0, and a sample is too low more often than too high.
        let wrong = |side: Side, seeds: usize| {
            let beyond = |round: u64| {
                let draws = numbers(round * 1_000 + seeds as u64).take(seeds);
                let sample: Vec<f64> = draws.map(|number| -(1.0 - number).ln() - 1.0).collect();
                let (_, bound) = bounded(&equally(&sample), CONFIDENCE, side);
                if side == Side::Above { bound < 0.0 } else { bound > 0.0 }
            };
            (0..rounds).filter(|round| beyond(*round)).count() as f64 / rounds as f64
        };
        let rates =
            [10, 20, 50].map(|seeds| (wrong(Side::Above, seeds), wrong(Side::Below, seeds)));
        // By Student's t alone the first would be 0.15, 0.11 and 0.09.
        for (above, below) in rates {
            assert!(above < 0.09 && below < 0.07, "{rates:?}");
        }
    }

    #[test]
    fn nothing_differs_from_itself_and_one_seed_tells_nothing() {
        let same = Difference::between(&equally(&[1.0, 2.0, 4.0]), &equally(&[1.0, 2.0, 4.0]));
        assert!(!same.is_sure() && same.margin == Some(0.0));
        let one = Difference::between(&equally(&[2.0]), &equally(&[3.0]));
        assert!(!one.is_sure() && one.margin.is_none() && one.relative() == Some(0.5));
    }
}
