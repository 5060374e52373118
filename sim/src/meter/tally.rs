//! A tally of latencies: a log-linear histogram, as `HdrHistogram` is one, that costs two nanoseconds to add to.
//!
//! Thirty-two buckets per doubling, so each is about 3 % wide, and quantiles are interpolated inside. The
//! bucket of a latency is the exponent and leading digits of its `f32`. Counts are `f32`: a bucket would
//! have to be added to ten million times before that shows.

#![expect(clippy::cast_possible_truncation, reason = "an `f32` is as exact as a tally has to be")]

use crate::service::{MIDDLES, STRATA};

/// Binary digits of a mantissa that tell buckets apart.
const MANTISSA_BITS: u32 = 5;
/// What is left of an `f32` below them.
const SHIFT: u32 = f32::MANTISSA_DIGITS - 1 - MANTISSA_BITS;
/// The first bucket begins at 2⁴ µs, and takes everything shorter.
const FIRST: u32 = (127 + 4) << MANTISSA_BITS;
/// The last ends at 2³⁰ µs, about eighteen minutes, and takes everything longer.
const BUCKETS: usize = 26 << MANTISSA_BITS;

/// Counts of latencies in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    counts: Box<[f32; BUCKETS]>,
    /// The buckets that hold anything lie from `low` to `high`.
    low: usize,
    high: usize,
    /// All counts.
    total: f64,
    /// All latencies, each as often as it was counted.
    sum: f64,
}

impl Tally {
    /// Counts a latency.
    #[inline]
    pub(crate) fn add(&mut self, latency_us: f64, count: f64) {
        let bucket = bucket(latency_us);
        self.low = self.low.min(bucket);
        self.high = self.high.max(bucket);
        self.counts[bucket] += count as f32;
        self.total += count;
        self.sum += count * latency_us;
    }

    /// Counts everything that another tally counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        if other.total > 0.0 {
            let range = other.low..=other.high;
            for (count, more) in self.counts[range.clone()].iter_mut().zip(&other.counts[range]) {
                *count += more;
            }
            self.low = self.low.min(other.low);
            self.high = self.high.max(other.high);
            self.total += other.total;
            self.sum += other.sum;
        }
    }

    /// The mean latency; zero if nothing was counted.
    pub(crate) fn mean(&self) -> f64 {
        if self.total > 0.0 { self.sum / self.total } else { 0.0 }
    }

    /// The latency that this part of all counts is not above; zero if nothing was counted.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let mut cursor = Cursor { place: self.low, counted: 0.0 };
        if self.total > 0.0 { cursor.advance(self, part) } else { 0.0 }
    }

    /// The latency in the middle of each stratum of everything. Empties the tally.
    pub(crate) fn drain(&mut self) -> [f32; STRATA.len()] {
        let mut strata = [0.0; STRATA.len()];
        if self.total > 0.0 {
            let mut cursor = Cursor { place: self.low, counted: 0.0 };
            for (latency, middle) in strata.iter_mut().zip(MIDDLES) {
                *latency = cursor.advance(self, middle) as f32;
            }
        }
        self.clear();
        strata
    }

    /// Empties the tally.
    pub(crate) fn clear(&mut self) {
        if self.low <= self.high {
            self.counts[self.low..=self.high].fill(0.0);
        }
        (self.low, self.high, self.total, self.sum) = (BUCKETS, 0, 0.0, 0.0);
    }
}

/// A place on the way through a tally.
struct Cursor {
    place: usize,
    /// What the buckets before it hold.
    counted: f64,
}

impl Cursor {
    /// Goes on to this part of all counts, which is not less than the one before.
    fn advance(&mut self, tally: &Tally, part: f64) -> f64 {
        let wanted = part * tally.total;
        let mut here = f64::from(tally.counts[self.place]);
        while self.place < tally.high && self.counted + here < wanted {
            self.counted += here;
            self.place += 1;
            here = f64::from(tally.counts[self.place]);
        }
        let inside = (wanted - self.counted) / here.max(f64::MIN_POSITIVE);
        let (begin, end) = (edge(self.place), edge(self.place + 1));
        begin + (end - begin) * inside.clamp(0.0, 1.0)
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self { counts: Box::new([0.0; BUCKETS]), low: BUCKETS, high: 0, total: 0.0, sum: 0.0 }
    }
}

/// The bucket of a latency.
#[inline]
fn bucket(latency_us: f64) -> usize {
    let leading = (latency_us as f32).to_bits() >> SHIFT;
    (leading.saturating_sub(FIRST) as usize).min(BUCKETS - 1)
}

/// Where a bucket begins, in microseconds.
fn edge(bucket: usize) -> f64 {
    let leading = FIRST + u32::try_from(bucket).expect("buckets are few");
    f64::from(f32::from_bits(leading << SHIFT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{Times, WEIGHTS};

    fn add(tally: &mut Tally, times: Times, count: f64) {
        for ((weight, _), latency) in STRATA.iter().zip(times.strata()) {
            tally.add(latency, count * *weight as f64 / WEIGHTS as f64);
        }
    }

    #[test]
    fn buckets_grow_with_latency_and_are_narrow() {
        let mut before = 0;
        for step in 0..2_400 {
            let latency = 20.0 * libm::pow(1.008, f64::from(step));
            let bucket = bucket(latency);
            assert!(bucket >= before, "{latency}");
            before = bucket;
            if bucket < BUCKETS - 1 {
                assert!(edge(bucket) <= latency * 1.000_001);
                assert!(edge(bucket + 1) >= latency * 0.999_999);
                assert!(edge(bucket + 1) / edge(bucket) < 1.032);
            }
        }
        assert_eq!(before, BUCKETS - 1);
    }

    #[test]
    fn one_distribution_comes_out_as_it_went_in() {
        let times = Times { mean: 20_000.0, variance: 2e8 };
        let mut tally = Tally::default();
        add(&mut tally, times, 17.0);
        assert!((tally.quantile(0.5) / 16_780.0 - 1.0).abs() < 0.03, "{}", tally.quantile(0.5));
        assert!((tally.mean() / 20_000.0 - 1.0).abs() < 0.01);
        for (out, given) in tally.drain().into_iter().zip(times.strata()) {
            assert!((f64::from(out) / given - 1.0).abs() < 0.032, "{out} for {given}");
        }
    }

    #[test]
    fn a_mixture_has_the_tail_of_its_worse_part() {
        let constant = |mean| Times { mean, variance: 0.0 };
        let (mut good, mut bad) = (Tally::default(), Tally::default());
        add(&mut good, constant(10_000.0), 97.0);
        add(&mut bad, constant(400_000.0), 3.0);
        good.merge(&bad);
        assert!((good.quantile(0.95) / 10_000.0 - 1.0).abs() < 0.032);
        assert!((good.quantile(0.98) / 400_000.0 - 1.0).abs() < 0.032);
        assert!((good.mean() - 21_700.0).abs() < 1.0);
        good.clear();
        assert!(good.quantile(0.5).abs() < f64::EPSILON, "it is empty now");
        assert!(good.drain().iter().all(|latency| *latency == 0.0));
    }
}
