//! A bucket of tokens: how many pushes a host takes.

/// How many pushes a host takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once, after a rest.
    pub burst: u32,
    /// In the long run.
    pub per_minute: u32,
}

/// What is left for a host. Time is told to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    rate: Rate,
    /// In tokens of a minute's milliseconds, so that no part of one is lost.
    level: u64,
    at_ms: u64,
}

const MINUTE_MS: u64 = 60_000;

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, at_ms: u64) -> Self {
        // A rate of nothing would wait for ever.
        let rate = Rate { burst: rate.burst.max(1), per_minute: rate.per_minute.max(1) };
        Self { rate, level: u64::from(rate.burst) * MINUTE_MS, at_ms }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none: in so many milliseconds there will be.
    pub fn take(&mut self, at_ms: u64) -> Result<(), u64> {
        let passed = at_ms.saturating_sub(self.at_ms);
        let speed = u64::from(self.rate.per_minute);
        let full = u64::from(self.rate.burst) * MINUTE_MS;
        self.level = self.level.saturating_add(passed.saturating_mul(speed)).min(full);
        self.at_ms = self.at_ms.max(at_ms);
        match self.level.checked_sub(MINUTE_MS) {
            Some(level) => {
                self.level = level;
                Ok(())
            }
            None => Err((MINUTE_MS - self.level).div_ceil(speed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_one_at_a_time() {
        let mut bucket = Bucket::new(Rate { burst: 2, per_minute: 30 }, 1_000);
        assert_eq!(bucket.take(1_000), Ok(()));
        assert_eq!(bucket.take(1_000), Ok(()));
        assert_eq!(bucket.take(1_000), Err(2_000));
        assert_eq!(bucket.take(2_999), Err(1));
        assert_eq!(bucket.take(3_000), Ok(()));
        // A clock that steps back gives nothing and takes nothing.
        assert_eq!(bucket.take(2_000), Err(2_000));
        assert_eq!(bucket.take(1_000_000), Ok(()));
        assert_eq!(bucket.take(1_000_000), Ok(()));
        assert!(bucket.take(1_000_000).is_err());
    }

    proptest! {
        #[test]
        fn no_span_lets_through_more_than_the_burst_and_the_rate(
            burst in 0_u32..5,
            per_minute in 0_u32..500,
            steps in prop::collection::vec(0_u64..3_000, 1..100),
        ) {
            let mut bucket = Bucket::new(Rate { burst, per_minute }, 0);
            let (mut at, mut taken) = (0, 0);
            for step in steps {
                at += step;
                match bucket.take(at) {
                    Ok(()) => taken += 1,
                    Err(wait) => {
                        prop_assert!(wait > 0);
                        prop_assert!(bucket.clone().take(at + wait).is_ok());
                    }
                }
            }
            let most = u64::from(burst.max(1)) + at * u64::from(per_minute.max(1)) / MINUTE_MS;
            prop_assert!(taken <= most, "{taken} of {most}");
        }
    }
}
