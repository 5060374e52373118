//! Chance: how long until something happens next that happens so often (a Poisson process).
//!
//! Waits are exponential: `−ln(u) / rate`, with `u` between 0 and 1.

use periplus_core::units::Span;

use crate::border::growth::YEAR;
use crate::border::{float, rounded};

/// How long it takes until what happens `per_millennium` times in 1,000 years happens next; `bits` are random.
#[must_use]
pub fn wait(per_millennium: u32, bits: u64) -> Span {
    if per_millennium == 0 {
        return Span(u64::MAX);
    }
    // Never nothing, so that its logarithm is a number.
    let part = (float(bits >> 11) + 0.5) / float(1 << 53);
    let mean = 1_000.0 * float(YEAR.0) / f64::from(per_millennium);
    Span(rounded(-libm::log(part) * mean))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_as_long_as_they_should_be_on_the_whole() {
        let waits = (0..10_000_u64).map(|number| wait(2_000, number * (u64::MAX / 10_000)));
        let mean = waits.map(|wait| float(wait.0)).sum::<f64>() / 10_000.0;
        assert!((mean / float(YEAR.0) - 0.5).abs() < 0.01, "{mean}");
        assert_eq!(wait(0, 1), Span(u64::MAX));
    }
}
