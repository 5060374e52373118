//! Delays as quantile tables: distributions become 256 integers that one random byte chooses from.
//!
//! A log-normal delay is given by two quantiles: `value = p50 · exp(σ z)`, with `z` the quantile of the
//! standard normal distribution and `σ = ln(p95 / p50) / z(0.95)`. Start-up and transfer times are skewed to
//! the right in this way, and two quantiles are what people know of them.

use std::sync::LazyLock;

use periplus_core::units::Span;

use crate::border::{float, rounded};
use crate::scenario::Delay;

/// The quantiles of a log-normal delay through these two, rounded to the millisecond.
#[must_use]
pub fn log_normal(p50: Span, p95: Span) -> Delay {
    let values = log_normal_factor(float(p50.0.max(1)), float(p95.0.max(1)));
    Delay(values.map(|value| Span(rounded(value))).collect())
}

/// The quantiles of a log-normal number through these two.
pub(crate) fn log_normal_factor(p50: f64, p95: f64) -> impl Iterator<Item = f64> {
    static NORMAL: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let places = 0_u8..=255;
        places.map(|place| normal_quantile((f64::from(place) + 0.5) / 256.0)).collect()
    });
    let sigma = libm::log(p95 / p50) / Z95;
    NORMAL.iter().map(move |z| p50 * libm::exp(sigma * z))
}

/// The quantiles of what was seen, each as likely as the others.
///
/// # Panics
/// Panics if nothing was.
#[must_use]
pub fn recorded(mut seen: Vec<Span>) -> Delay {
    seen.sort_unstable();
    let quantile = |byte: usize| seen[(2 * byte + 1) * seen.len() / 512];
    Delay((0..256).map(quantile).collect())
}

/// The 95 % quantile of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_2;

/// The quantile of the standard normal distribution, for `0 < probability < 1`.
///
/// Newton's method on `Φ(z) = erfc(−z / √2) / 2`. It begins at the middle and goes outwards, where Φ bends so
/// that each step stops short of the root.
fn normal_quantile(probability: f64) -> f64 {
    if probability > 0.5 {
        return -normal_quantile(1.0 - probability);
    }
    let mut z = 0.0_f64;
    for _ in 0..STEPS_MAX {
        let below = libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
        let density = libm::exp(-z * z / 2.0) / libm::sqrt(2.0 * std::f64::consts::PI);
        let step = (below - probability) / density;
        z -= step;
        if step.abs() < 1e-14 {
            break;
        }
    }
    z
}

const STEPS_MAX: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_quantiles_are_those_of_the_tables() {
        let table = [
            (0.5, 0.0),
            (0.95, Z95),
            (0.975, 1.959_963_984_540_054),
            (0.99, 2.326_347_874_040_841),
            (0.001, -3.090_232_306_167_813_5),
            (1.0 / 512.0, -2.885_634_912_426_757_4),
        ];
        for (probability, quantile) in table {
            let found = normal_quantile(probability);
            assert!((found - quantile).abs() < 1e-9, "{probability}: {found}");
        }
    }

    #[test]
    fn a_delay_goes_through_its_quantiles() {
        let delay = log_normal(Span(2_000), Span(8_000));
        assert_eq!(delay.0.len(), 256);
        assert!(delay.0.is_sorted());
        let between = |byte: u8| delay.at(byte).0.midpoint(delay.at(byte + 1).0);
        assert!(between(127).abs_diff(2_000) <= 1, "{}", between(127));
        // 95 % of 256 lies between the 243rd and the 244th.
        assert!(delay.at(242).0 < 8_000 && delay.at(243).0 > 7_900, "{:?}", delay.at(243));
        assert_eq!(log_normal(Span(500), Span(500)), Delay::always(Span(500)));
    }
}
