//! Service: how long requests take where a component's replicas serve them.
//!
//! All replicas of a component in a cluster are one M/M/c queue: requests come at random (M), are worked on
//! for an exponential time (M), and `c` of them at once. A user request is a sum of visits to such queues.
//!
//! Exact: the probability to wait (Erlang C), mean and variance of each visit. Approximate: the quantiles of
//! the sum, taken from a gamma distribution with the same mean and variance (a sum of exponential times is
//! close to one, and a single M/M/1 visit is one exactly), through Wilson and Hilferty's cube root (PNAS
//! 1931). Beside a simulated queue the error stays within a few percent; the tests state it.
//!
//! Floats live here and in the meter only. Nothing here reaches the machine.

use crate::service::erlang::Erlang;

pub(crate) mod erlang;

/// A distribution in strata: how many of [`WEIGHTS`] parts lie there, and the standard normal quantile of
/// their middle. Finer towards the tail; p50, p90, p95, p99 and p99.9 lie in the middle of theirs.
#[rustfmt::skip]
pub(crate) const STRATA: [(u64, f64); 22] = [
    (100, -1.9600), (200, -1.2816), (200, -0.8416), (200, -0.5244), (200, -0.2533), (200, 0.0000),
    (200, 0.2533), (200, 0.5244), (150, 0.7978), (100, 1.0364), (100, 1.2816), (40, 1.5141),
    (20, 1.6449), (30, 1.7805), (20, 1.9600), (15, 2.1382), (10, 2.3263), (5, 2.4977),
    (5, 2.6738), (2, 2.8782), (2, 3.0902), (1, 3.4808),
];

/// All parts of a distribution.
pub(crate) const WEIGHTS: u64 = 2_000;

/// The part of a distribution that lies below the middle of each stratum.
pub(crate) const MIDDLES: [f64; STRATA.len()] = {
    let mut middles = [0.0; STRATA.len()];
    let (mut before, mut place) = (0, 0);
    while place < STRATA.len() {
        let weight = STRATA[place].0;
        middles[place] = (before as f64 + weight as f64 / 2.0) / WEIGHTS as f64;
        before += weight;
        place += 1;
    }
    assert!(before == WEIGHTS, "the strata are the whole distribution");
    middles
};

/// Equal servers with one queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Station {
    /// How many requests are worked on at once.
    pub(crate) servers: u32,
    /// Mean time that one is worked on, in microseconds.
    pub(crate) service_us: f64,
    /// Visits per user request.
    pub(crate) visits: f64,
}

/// Mean and variance of a time, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Times {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl Station {
    /// How long `rate` user requests per microsecond spend here each, over all their visits. Beyond 99.9 %
    /// of its servers' time the station works as if at that.
    pub(crate) fn times(&self, rate: f64, erlang: &mut Erlang) -> Times {
        let servers = f64::from(self.servers);
        let utilization = (rate * self.visits * self.service_us / servers).min(0.999);
        let waits = erlang.waits(self.servers, utilization);
        // Who waits, waits for an exponential time with this mean.
        let wait = self.service_us / (servers * (1.0 - utilization));
        let visit = Times {
            mean: waits * wait + self.service_us,
            variance: waits * (2.0 - waits) * wait * wait + self.service_us * self.service_us,
        };
        visit.repeated(self.visits)
    }
}

impl Times {
    /// The sum of so many independent times; a fraction of one more happens with that probability.
    fn repeated(self, times: f64) -> Self {
        let part = times - libm::floor(times);
        Self {
            mean: times * self.mean,
            variance: times * self.variance + part * (1.0 - part) * self.mean * self.mean,
        }
    }

    /// This time and then, independently, `other`.
    pub(crate) fn then(self, other: Self) -> Self {
        Self { mean: self.mean + other.mean, variance: self.variance + other.variance }
    }

    /// The time in the middle of each stratum, in microseconds, ascending.
    pub(crate) fn strata(self) -> impl Iterator<Item = f64> {
        // Wilson–Hilferty: the cube root of a gamma variable over its mean is nearly normal, with mean
        // 1 − v/9 and variance v/9, where v is the variance over the squared mean.
        let ninth =
            if self.mean > 0.0 { self.variance / (9.0 * self.mean * self.mean) } else { 0.0 };
        let (center, spread) = (1.0 - ninth, libm::sqrt(ninth));
        STRATA.iter().map(move |(_, normal)| {
            let root = (center + normal * spread).max(0.0);
            self.mean * root * root * root
        })
    }
}

#[cfg(test)]
mod tests;
