//! Staffing tables: the highest user rate that 1, 2, 3 … replicas of a component hold.
//!
//! A component is a queue of `replicas × concurrency` servers. Its share of the wait SLO is what all visits
//! of one user request may wait there together; one visit gets that much divided by the visits, and never
//! more than the share where a request visits less than once. See [`erlang`](crate::border::erlang) for the
//! queue, and its limits: Poisson arrivals, exponential service, one queue per cluster. A component that keeps
//! the promise for each visit at quantile `q` keeps it for the sum of several visits only approximately.

use periplus_core::units::{MicrosRtt, MilliRps};

use crate::border::erlang::highest_load;
use crate::border::float;

/// What one component is and must hold, on one kind of cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Mean time that one visit is worked on, in microseconds.
    pub service_micros: f64,
    /// How often one user request visits it.
    pub visits: f64,
    /// How many visits one replica works on at once.
    pub concurrency: u32,
    /// What one user request may wait here.
    pub wait: MicrosRtt,
    /// The part of all visits that may wait longer than their part of that.
    pub allowed: f64,
}

/// The rate that replicas of a component which works on nothing hold: more than there can be users.
pub const UNBOUNDED: MilliRps = MilliRps(1_000_000_000_000);

/// The highest user rates that 1, 2, … `replicas` hold, strictly ascending. Shorter where one more replica
/// would not hold one more mRPS, and empty where not even the first holds any.
#[must_use]
pub fn table(load: &Load, replicas: u16) -> Vec<MilliRps> {
    // Erlangs that one mRPS of users brings.
    let per_rate = load.visits * load.service_micros * 1e-9;
    let visits = load.visits.max(1.0);
    let patience = float(u64::from(load.wait.0)) / visits / load.service_micros;
    let mut rates: Vec<MilliRps> = Vec::with_capacity(usize::from(replicas));
    let mut known = 0.0;
    for replica in 1..=u32::from(replicas) {
        known = highest_load(replica * load.concurrency, patience, load.allowed, known);
        let rate = whole(known / per_rate).min(UNBOUNDED);
        if rates.last().map_or(MilliRps::ZERO, |last| *last) >= rate {
            break;
        }
        rates.push(rate);
    }
    rates
}

/// The table of a component that works on nothing: as many entries as replicas it must at least have, so
/// that it is never the bottleneck.
#[must_use]
pub fn idle_table(least: u16) -> Vec<MilliRps> {
    let steps = 0..u64::from(least.max(1));
    steps.map(|step| UNBOUNDED + MilliRps(step)).collect()
}

/// The part of a rate that is whole.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and a rate is not negative"
)]
fn whole(rate: f64) -> MilliRps {
    MilliRps(rate as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::erlang::waiting_longer;

    fn load() -> Load {
        Load {
            service_micros: 10_000.0,
            visits: 1.0,
            concurrency: 1,
            wait: MicrosRtt(20_000),
            allowed: 0.05,
        }
    }

    #[test]
    fn a_table_holds_what_it_promises_and_not_one_mrps_more() {
        let table = table(&load(), 50);
        assert_eq!(table.len(), 50);
        assert!(table.is_sorted_by(|a, b| a < b));
        for (index, rate) in (1_u32..).zip(&table) {
            let late = |rate: u64| {
                let erlangs = float(rate) / 1_000.0 * 0.01;
                waiting_longer(index, erlangs, 2.0)
            };
            assert!(late(rate.0) <= 0.05 + 1e-9);
            assert!(late(rate.0 + 2) > 0.05 - 1e-9);
        }
        // One server of 10 ms: ρ exp(−2 (1 − ρ)) = 0.05 at ρ = 0.23220.
        assert_eq!(table[0], MilliRps(23_220));
    }

    #[test]
    fn visits_divide_the_rate_and_the_patience() {
        let once = table(&load(), 3);
        let twice = Load { visits: 2.0, ..load() };
        let split = Load { wait: MicrosRtt(10_000), ..load() };
        for (twice, split) in table(&twice, 3).iter().zip(table(&split, 3)) {
            assert!(twice.0.abs_diff(split.0 / 2) <= 1);
        }
        let rare = Load { visits: 0.1, ..load() };
        for (rare, once) in table(&rare, 3).iter().zip(once) {
            assert!((rare.0 / 10).abs_diff(once.0) <= 1);
        }
    }

    #[test]
    fn what_cannot_be_told_apart_ends_the_table() {
        let slow = Load { service_micros: 3.6e9, ..load() };
        let rates = table(&slow, 50);
        assert!(rates.len() < 50 && rates.is_sorted_by(|a, b| a < b));
        assert_eq!(idle_table(0).len(), 1);
        assert!(idle_table(3).is_sorted_by(|a, b| a < b));
    }
}
