//! A tally of latencies: counts in buckets of about 3 %, made to be filled and emptied millions of times.

use crate::service::{STRATA, WEIGHTS};

/// Binary digits of a mantissa that tell buckets apart: 32 buckets per doubling.
const MANTISSA_BITS: u32 = 5;
/// What is left of an `f32` below them.
const SHIFT: u32 = f32::MANTISSA_DIGITS - 1 - MANTISSA_BITS;
/// The first bucket begins at 2⁴ µs.
const FIRST: u32 = (127 + 4) << MANTISSA_BITS;
/// The last ends at 2³⁰ µs, about eighteen minutes.
const BUCKETS: usize = 26 << MANTISSA_BITS;

/// Counts of latencies in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    counts: Box<[f32; BUCKETS]>,
    /// The buckets that hold anything lie from `low` to `high`.
    low: usize,
    high: usize,
    sum: f64,
}

impl Tally {
    /// Counts `weight` at each of the strata's latencies, in proportion to what the strata hold.
    #[inline]
    pub(crate) fn add(&mut self, latencies: impl Iterator<Item = f64>, weight: f64) {
        for ((share, _), latency) in STRATA.iter().zip(latencies) {
            let bucket = bucket(latency);
            self.low = self.low.min(bucket);
            self.high = self.high.max(bucket);
            let count = weight * (*share as f64 / WEIGHTS as f64);
            self.counts[bucket] += count as f32;
            self.sum += count;
        }
    }

    /// The latency in the middle of each stratum of all that was counted. Empties the tally.
    pub(crate) fn drain(&mut self) -> [f32; STRATA.len()] {
        let mut strata = [0.0; STRATA.len()];
        if self.sum > 0.0 {
            let mut before = 0_u64;
            let (mut place, mut counted) = (self.low, 0.0);
            for (latency, (weight, _)) in strata.iter_mut().zip(&STRATA) {
                let middle = (before as f64 + *weight as f64 / 2.0) / WEIGHTS as f64 * self.sum;
                while place < self.high && counted + f64::from(self.counts[place]) < middle {
                    counted += f64::from(self.counts[place]);
                    place += 1;
                }
                let inside =
                    (middle - counted) / f64::from(self.counts[place]).max(f64::MIN_POSITIVE);
                let (begin, end) = (edge(place), edge(place + 1));
                *latency = begin + (end - begin) * inside.clamp(0.0, 1.0) as f32;
                before += weight;
            }
        }
        if self.low <= self.high {
            self.counts[self.low..=self.high].fill(0.0);
        }
        (self.low, self.high, self.sum) = (BUCKETS, 0, 0.0);
        strata
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: Box::new([0.0; BUCKETS]), low: BUCKETS, high: 0, sum: 0.0 }
    }
}

/// The bucket of a latency: exponent and leading digits of its `f32`, which grow with it.
#[inline]
fn bucket(latency: f64) -> usize {
    let leading = (latency as f32).to_bits() >> SHIFT;
    (leading.saturating_sub(FIRST) as usize).min(BUCKETS - 1)
}

/// Where a bucket begins.
fn edge(bucket: usize) -> f32 {
    let leading = FIRST + u32::try_from(bucket).expect("buckets are few");
    f32::from_bits(leading << SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Times;

    #[test]
    fn buckets_grow_with_latency_and_are_narrow() {
        let mut before = 0;
        for step in 0..2_000 {
            let latency = 20.0 * libm::pow(1.008, f64::from(step));
            let bucket = bucket(latency);
            assert!(bucket >= before, "{latency}");
            before = bucket;
            if bucket < BUCKETS - 1 {
                assert!(f64::from(edge(bucket)) <= latency * 1.000_001);
                assert!(f64::from(edge(bucket + 1)) >= latency * 0.999_999);
            }
        }
        assert_eq!(before, BUCKETS - 1);
    }

    #[test]
    fn one_distribution_comes_out_as_it_went_in() {
        let times = Times { mean: 20_000.0, variance: 2e8 };
        let mut tally = Tally::default();
        tally.add(times.strata(), 17.0);
        for (out, given) in tally.drain().into_iter().zip(times.strata()) {
            assert!((f64::from(out) / given - 1.0).abs() < 0.035, "{out} for {given}");
        }
    }

    #[test]
    fn a_mixture_has_the_tail_of_its_worse_part() {
        let constant = |mean| Times { mean, variance: 0.0 };
        let mut tally = Tally::default();
        tally.add(constant(10_000.0).strata(), 97.0);
        tally.add(constant(400_000.0).strata(), 3.0);
        let strata = tally.drain();
        let at = |part: f64| {
            let mut sum = 0;
            let place = STRATA.iter().position(|(weight, _)| {
                sum += weight;
                sum as f64 >= part * WEIGHTS as f64
            });
            f64::from(strata[place.unwrap()])
        };
        assert!((at(0.95) / 10_000.0 - 1.0).abs() < 0.035);
        assert!((at(0.98) / 400_000.0 - 1.0).abs() < 0.035);
        assert!(tally.drain().iter().all(|latency| *latency == 0.0), "it is empty now");
    }
}
