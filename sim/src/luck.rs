//! Luck: every draw of the simulated world, from one seed.
//!
//! One stream per purpose and entity, so that one more cluster does not shift the luck of another. A stream
//! begins at the first word of `ChaCha8` under the seed's key, at a nonce hashed from purpose and entity; it
//! goes on as `SplitMix64`, whose n-th number can be had without the ones before. Both are published
//! algorithms; no library's way of sampling is part of a log, and probabilities are ratios of integers.

use periplus_core::units::Span;
use periplus_spec::scenario::Delay;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The step of `SplitMix64`: 2⁶⁴ divided by the golden ratio, made odd.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// All luck of one seed.
#[derive(Clone, Debug)]
pub struct Luck {
    key: [u8; 32],
}

/// What a stream is drawn for. The numbers are part of what a seed means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// How a series strays from its shape.
    Demand = 1,
    /// How long reports take.
    Report = 2,
    /// How long pushes to git take.
    Push = 3,
    /// Whether a push has a known outcome.
    PushOutcome = 4,
    /// How long a route takes to be published.
    Route = 5,
    /// When a sync agent looks, and when a cluster reports.
    Phase = 6,
    /// How long pods take to start.
    Start = 7,
    /// How long pods take to stop.
    Stop = 8,
    /// Which recorded season a block of a drawn day is from.
    Season = 9,
    /// When clusters fail by chance, and for how long.
    Failure = 11,
    /// Which cluster is out on a drawn day.
    Spare = 12,
}

/// One stream of luck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    state: u64,
}

/// A probability: `of` in `among`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    /// How often it happens.
    pub of: u32,
    /// In so many cases; not zero.
    pub among: u32,
}

impl Luck {
    /// The luck of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut words = Stream { state: seed };
        let mut key = [0; 32];
        for bytes in key.chunks_exact_mut(8) {
            bytes.copy_from_slice(&words.draw().to_le_bytes());
        }
        Self { key }
    }

    /// The stream for `purpose` and the entity that `ids` name.
    #[must_use]
    pub fn stream(&self, purpose: Purpose, ids: &[u32]) -> Stream {
        let nonce = ids
            .iter()
            .fold(mix(purpose as u64), |hash, id| mix(hash.wrapping_add(GOLDEN) ^ u64::from(*id)));
        let mut words = ChaCha8Rng::from_seed(self.key);
        words.set_stream(nonce);
        Stream { state: words.next_u64() }
    }
}

impl Stream {
    /// The next 64 bits.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// The 64 bits that the draw after `before` others would give.
    #[inline]
    #[must_use]
    pub fn nth(&self, before: u64) -> u64 {
        mix(self.state.wrapping_add(GOLDEN.wrapping_mul(before.wrapping_add(1))))
    }

    /// A span drawn from the quantiles of `delay`.
    pub fn span(&mut self, delay: &Delay) -> Span {
        delay.at(self.draw().to_le_bytes()[7])
    }

    /// A number below `limit`; zero if the limit is zero.
    pub fn below(&mut self, limit: u64) -> u64 {
        scale(self.draw(), limit)
    }

    /// Whether it happens this time.
    pub fn happens(&mut self, ratio: Ratio) -> bool {
        self.below(u64::from(ratio.among)) < u64::from(ratio.of)
    }
}

/// 64 random bits as a number below `limit`: the high half of their product.
#[inline]
#[must_use]
pub fn scale(bits: u64, limit: u64) -> u64 {
    let product = u128::from(bits) * u128::from(limit);
    u64::try_from(product >> 64).expect("the high half of a product of two 64-bit numbers")
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
/// OOPSLA 2014).
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_means_the_same_numbers() {
        let mut stream = Luck::new(42).stream(Purpose::Report, &[7]);
        let drawn: Vec<u64> = (0..3).map(|_| stream.draw()).collect();
        let known =
            [5_500_876_378_365_217_174, 12_877_610_541_175_597_462, 5_711_977_127_894_854_702];
        assert_eq!(drawn, known);
    }

    #[test]
    fn streams_of_other_purposes_entities_and_seeds_differ() {
        let luck = Luck::new(42);
        let mut firsts = vec![
            luck.stream(Purpose::Report, &[1, 2]).draw(),
            luck.stream(Purpose::Report, &[2, 1]).draw(),
            luck.stream(Purpose::Report, &[1]).draw(),
            luck.stream(Purpose::Push, &[1, 2]).draw(),
            Luck::new(43).stream(Purpose::Report, &[1, 2]).draw(),
        ];
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), 5);
    }

    #[test]
    fn the_nth_number_is_the_one_that_would_be_drawn() {
        let stream = Luck::new(1).stream(Purpose::Demand, &[3]);
        let mut drawing = stream;
        for before in 0..10 {
            assert_eq!(drawing.draw(), stream.nth(before));
        }
    }

    #[test]
    fn a_ratio_happens_about_as_often_as_it_says() {
        let mut stream = Luck::new(9).stream(Purpose::PushOutcome, &[]);
        let quarter = Ratio { of: 1, among: 4 };
        let times = (0..10_000).filter(|_| stream.happens(quarter)).count();
        assert!((2_400..2_600).contains(&times), "{times}");
        assert!(!stream.happens(Ratio { of: 0, among: 4 }));
        assert!(stream.happens(Ratio { of: 4, among: 4 }));
    }

    #[test]
    fn every_quantile_of_a_delay_comes_up() {
        let quantiles: Vec<Span> = (0..256).map(Span).collect();
        let delay = Delay(quantiles.into());
        let mut stream = Luck::new(5).stream(Purpose::Start, &[]);
        let mut seen = [false; 256];
        for _ in 0..10_000 {
            seen[usize::try_from(stream.span(&delay).0).unwrap()] = true;
        }
        assert!(seen.iter().all(|seen| *seen));
    }
}
