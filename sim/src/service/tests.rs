//! Times of visits, against simulated queues.

use super::*;
use crate::luck::{Luck, Purpose, Stream};

/// An exponential time with this mean.
fn exponential(luck: &mut Stream, mean: f64) -> f64 {
    let uniform = (luck.draw() >> 11) as f64 / (1_u64 << 53) as f64;
    -mean * libm::log(1.0 - uniform)
}

/// Times of visits to one M/M/c queue, one request after the other: each takes the server that is free
/// first.
fn simulated(station: Station, rate: f64, requests: usize) -> Vec<f64> {
    let mut luck = Luck::new(1917).stream(Purpose::Demand, &[station.servers]);
    let mut free_at = vec![0.0_f64; station.servers as usize];
    let mut now = 0.0;
    (0..requests)
        .map(|_| {
            now += exponential(&mut luck, 1.0 / rate);
            let next = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
            let done = next.max(now) + exponential(&mut luck, station.service_us);
            *next = done;
            done - now
        })
        .collect()
}

fn mean(times: &[f64]) -> f64 {
    times.iter().sum::<f64>() / times.len() as f64
}

/// The value that so many percent of the times are not above.
fn percentile(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * percent / 100]
}

/// The value that so many percent of the strata are not above.
fn percentile_of_strata(times: Times, percent: usize) -> f64 {
    let mut sum = 0;
    let mut strata = STRATA.iter().zip(times.strata());
    let place = strata.find(|((weight, _), _)| {
        sum += weight;
        sum * 100 >= percent as u64 * WEIGHTS
    });
    place.unwrap().1
}

fn station(servers: u32, service_us: f64) -> Station {
    Station { servers, service_us, visits: 1.0 }
}

#[test]
fn a_visit_takes_as_long_as_in_a_simulated_queue() {
    for (servers, utilization) in [(1, 0.5), (2, 0.8), (8, 0.85), (32, 0.95)] {
        let station = station(servers, 10_000.0);
        let rate = utilization * f64::from(servers) / station.service_us;
        let mut seen = simulated(station, rate, 400_000);
        let times = station.times(rate, &mut Erlang::default());
        let error = times.mean / mean(&seen) - 1.0;
        assert!(error.abs() < 0.05, "mean at {servers} servers: {error}");
        for percent in [50, 95, 99] {
            let exact = percentile(&mut seen, percent);
            let error = percentile_of_strata(times, percent) / exact - 1.0;
            assert!(error.abs() < 0.10, "p{percent} at {servers} servers: {error}");
        }
    }
}

#[test]
fn the_sum_of_visits_takes_as_long_as_in_simulated_queues() {
    let stations = [station(2, 4_000.0), station(4, 10_000.0), station(1, 1_500.0)];
    let rate = 0.7 * 4.0 / 10_000.0;
    let mut sums = vec![0.0; 400_000];
    let mut times = Times::default();
    for station in stations {
        // Departures of an M/M/c queue are random again (Burke 1956), so each may be simulated alone.
        let seen = simulated(station, rate, sums.len());
        sums.iter_mut().zip(seen).for_each(|(sum, time)| *sum += time);
        times = times.then(station.times(rate, &mut Erlang::default()));
    }
    for percent in [50, 95, 99] {
        let exact = percentile(&mut sums, percent);
        let error = percentile_of_strata(times, percent) / exact - 1.0;
        assert!(error.abs() < 0.06, "p{percent}: {error}");
    }
}

#[test]
fn the_strata_keep_the_mean() {
    for variance in [0.0, 0.1, 1.0, 2.0] {
        let times = Times { mean: 100.0, variance: variance * 10_000.0 };
        let strata = STRATA.iter().zip(times.strata());
        let sum: f64 = strata.map(|((weight, _), time)| *weight as f64 * time).sum();
        let error = sum / WEIGHTS as f64 / times.mean - 1.0;
        assert!(error.abs() < 0.02, "variance {variance}: {error}");
    }
}

#[test]
fn a_visit_that_happens_half_the_time_varies_more_than_half_a_visit() {
    let visit = Times { mean: 10.0, variance: 100.0 };
    assert_eq!(visit.repeated(0.5), Times { mean: 5.0, variance: 75.0 });
    assert_eq!(visit.repeated(2.0), Times { mean: 20.0, variance: 200.0 });
}
