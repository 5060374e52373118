//! Answers: what became of the requests that reached each desk in one interval.
//!
//! Groups that are called are worked out before those that call them. A desk's own time is a sum of visits
//! to its stations, shift by shift. Within a shift the rate varies; its distribution is replaced by three
//! rates with the same mean and variance (the nodes of a Gauss–Hermite rule, kept within what was seen).
//! The time of calls is the mean over the interval of the desks that they reach. A crossing between clusters
//! adds its round trips as a constant: the mean over where the calls go.

use periplus_core::intent::GroupCall;

use super::Sights;
use super::tally::Tally;
use crate::desks::{Desk, DeskId, Work};
use crate::routes::WHOLE;
use crate::service::erlang::Erlang;
use crate::service::{MIDDLES, STRATA, Station, Times, WEIGHTS};

/// Times that differ by no more than this part are taken for one.
const ALIKE: f64 = 0.02;

/// What became of the requests that reached one desk, in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The part that was served, by everybody who had to.
    pub(crate) served: f64,
    /// How long that took there, in the middle of each stratum, in microseconds. Only for desks that users
    /// enter.
    pub(crate) strata: [f32; STRATA.len()],
    /// Bytes that left the desk's cluster, in sum.
    pub(crate) moved: f64,
    /// For callers: the mean time, and what of it does not vary.
    times: Times,
    constant_us: f64,
}

/// The answers of all desks.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    answers: Vec<Answer>,
    nobody: Answer,
    erlang: Erlang,
    tally: Tally,
    stations: Vec<Station>,
    /// How long requests took in each phase of an interval, and how many those were.
    phases: Vec<(Times, f64)>,
}

/// What a desk did in all shifts of an interval.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    called: Called,
    asked: f64,
    served: f64,
    times: Times,
}

/// What calls add to every request of a desk.
#[derive(Clone, Copy, Debug, Default)]
struct Called {
    served: f64,
    times: Times,
    constant_us: f64,
    bytes: f64,
}

impl Sum {
    /// The mean over all that was served.
    fn mean(&self) -> Times {
        Times { mean: self.times.mean / self.served, variance: self.times.variance / self.served }
    }
}

impl Answer {
    /// The part of served requests that took at most `limit_us` at the desk.
    pub(crate) fn part_within(&self, limit_us: f64) -> f64 {
        let above = self.strata.partition_point(|latency| f64::from(*latency) <= limit_us);
        let latency = |place: usize| f64::from(self.strata[place]);
        match above {
            0 if latency(0) > 0.0 => MIDDLES[0] * (limit_us / latency(0)).clamp(0.0, 1.0),
            0 => 0.0,
            above if above == STRATA.len() => 1.0,
            above => {
                let (low, high) = (latency(above - 1), latency(above));
                let way = (limit_us - low) / (high - low);
                MIDDLES[above - 1] + (MIDDLES[above] - MIDDLES[above - 1]) * way
            }
        }
    }
}

impl Answers {
    pub(crate) fn of(&self, desk: DeskId) -> &Answer {
        self.answers.get(desk.index()).unwrap_or(&self.nobody)
    }

    /// Works out the answers of all desks for the interval that ends now.
    pub(crate) fn work_out(&mut self, sights: &Sights<'_, '_>) {
        self.answers.clear();
        self.answers.resize(sights.desks.ids().len(), Answer::default());
        let intents = sights.intents;
        let groups = intents.all().map(|intent| intent.groups.len()).max().unwrap_or(0);
        for group in (0..groups).rev() {
            for desk in sights.desks.ids() {
                let entry = sights.desks.get(desk);
                let worked = sights.desks.work(desk).asked > 0 || !entry.past.is_empty();
                if worked && entry.group.index() == group {
                    let calls = intents.get(entry.app).map_or(&[][..], |intent| &intent.calls);
                    self.answers[desk.index()] = self.answer(desk, calls, sights);
                }
            }
        }
    }

    fn answer(&mut self, id: DeskId, calls: &[GroupCall], sights: &Sights<'_, '_>) -> Answer {
        let desk = sights.desks.get(id);
        let called = self.call(desk, calls, sights);
        let mut sum = Sum { called, ..Sum::default() };
        for shift in &desk.past {
            self.add_shift(desk, shift.ready.iter().copied(), &shift.work, &mut sum);
        }
        let ready = desk.staff.iter().map(|staff| staff.ready);
        self.add_shift(desk, ready, sights.desks.work(id), &mut sum);

        let mut answer = Answer::default();
        if sum.served > 0.0 {
            answer.served = sum.served / sum.asked * called.served;
            answer.moved = sum.served / 1e6 * called.served * called.bytes;
            answer.times = sum.mean().then(called.times);
            answer.constant_us = called.constant_us;
            if desk.group.index() == 0 {
                answer.strata = self.strata(&sum);
            }
        }
        self.phases.clear();
        answer
    }

    /// Adds what a desk did in one shift.
    fn add_shift(
        &mut self,
        desk: &Desk,
        ready: impl Iterator<Item = u32>,
        work: &Work,
        sum: &mut Sum,
    ) {
        sum.asked += work.asked as f64;
        if work.served == 0 {
            return;
        }
        sum.served += work.served as f64;
        self.stations.clear();
        self.stations.extend(desk.staff.iter().zip(ready).map(|(staff, ready)| Station {
            servers: ready * staff.concurrency,
            service_us: f64::from(staff.service_us),
            visits: f64::from(staff.visits) / 1e3,
        }));
        for (rate, part) in nodes(work) {
            if part <= 0.0 {
                continue;
            }
            // Requests per thousand seconds are 10⁻⁹ per microsecond.
            let rate = rate / 1e9;
            let mut times = Times::default();
            for station in &self.stations {
                times = times.then(station.times(rate, &mut self.erlang));
            }
            let weight = part * work.served as f64;
            sum.times.mean += times.mean * weight;
            sum.times.variance += times.variance * weight;
            self.phases.push((times, weight));
        }
    }

    /// The strata of all phases of an interval. Phases that hardly differ are one.
    fn strata(&mut self, sum: &Sum) -> [f32; STRATA.len()] {
        let mean = sum.mean();
        let alike = self.phases.iter().all(|(times, _)| {
            (times.mean - mean.mean).abs() <= ALIKE * mean.mean
                && (times.variance - mean.variance).abs() <= 2.0 * ALIKE * mean.variance
        });
        let constant = sum.called.constant_us;
        if alike {
            let mut strata = [0.0; STRATA.len()];
            for (latency, exact) in strata.iter_mut().zip(mean.then(sum.called.times).strata()) {
                *latency = narrow(exact + constant);
            }
            return strata;
        }
        for (times, weight) in &self.phases {
            let whole = times.then(sum.called.times);
            for ((share, _), latency) in STRATA.iter().zip(whole.strata()) {
                let count = weight * (*share as f64 / WEIGHTS as f64);
                self.tally.add(latency + constant, count);
            }
        }
        self.tally.drain()
    }

    /// What the desk's calls add.
    fn call(&self, desk: &Desk, calls: &[GroupCall], sights: &Sights<'_, '_>) -> Called {
        let mut sum = Called { served: 1.0, ..Called::default() };
        if desk.group.index() == 0 {
            let intent = sights.intents.get(desk.app);
            sum.bytes += intent.map_or(0.0, |intent| intent.worth.response.0 as f64);
        }
        for (place, split) in &desk.calls {
            let call = &calls[*place];
            let share = f64::from(call.share.0) / 1e3;
            let round_trips = f64::from(call.round_trips) / 1e3;
            let mut served = 0.0;
            for (to, part) in split.mean(sights.now, sights.now, sights.ttl).parts() {
                if *to == DeskId::NOBODY {
                    continue;
                }
                let part = f64::from(*part) / f64::from(WHOLE);
                let (answer, there) = (self.of(*to), sights.desks.get(*to).cluster);
                let Some(rtt) = (sights.rtt)(desk.cluster, there) else { continue };
                served += part * answer.served;
                let share = share * part;
                sum.times.mean += share * answer.times.mean;
                sum.times.variance += share * answer.times.variance;
                sum.constant_us += part * round_trips * rtt + share * answer.constant_us;
                if there != desk.cluster {
                    sum.bytes += part * call.bytes.0 as f64;
                }
            }
            sum.served *= 1.0 - share * (1.0 - served);
        }
        sum
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an `f32` is as exact as a latency has to be")]
fn narrow(latency_us: f64) -> f32 {
    latency_us as f32
}

/// Three rates and their parts, with the mean and variance of the rates of a shift.
fn nodes(work: &Work) -> [(f64, f64); 3] {
    let (low, high) = (work.low as f64, work.high as f64);
    let mean = (work.served as f64 / work.busy as f64).clamp(low, high);
    let variance = (work.square / work.busy as f64 - mean * mean).max(0.0);
    let apart = libm::sqrt(3.0 * variance).min(high - mean).min(mean - low);
    if apart <= mean * 1e-6 {
        return [(mean, 1.0), (mean, 0.0), (mean, 0.0)];
    }
    let outer = (variance / (2.0 * apart * apart)).min(0.5);
    [(mean - apart, outer), (mean, 1.0 - 2.0 * outer), (mean + apart, outer)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_of_a_shift_have_its_mean_and_variance() {
        for rates in [vec![100_u64], vec![80, 120], vec![90, 95, 100, 105, 110], vec![10, 10, 100]]
        {
            let mut work = Work { low: u64::MAX, ..Work::default() };
            for rate in &rates {
                work.served += rate;
                work.busy += 1;
                work.square += (rate * rate) as f64;
                work.low = work.low.min(*rate);
                work.high = work.high.max(*rate);
            }
            let mean = work.served as f64 / work.busy as f64;
            let variance = work.square / work.busy as f64 - mean * mean;
            let sum = |value: &dyn Fn(f64) -> f64| -> f64 {
                nodes(&work).iter().map(|(rate, part)| value(*rate) * part).sum()
            };
            assert!((sum(&|_| 1.0) - 1.0).abs() < 1e-9);
            assert!((sum(&|rate| rate) - mean).abs() < 1e-6 * mean);
            let kept = sum(&|rate| (rate - mean) * (rate - mean));
            // A skewed shift cannot keep all of its variance within what was seen.
            assert!(kept <= variance * 1.000_001 && kept >= variance * 0.49, "{rates:?}: {kept}");
        }
    }

    #[test]
    fn the_part_within_a_limit_follows_the_strata() {
        let strata = std::array::from_fn(|place| 1_000.0 * (place as f32 + 1.0));
        let answer = Answer { strata, ..Answer::default() };
        assert!(answer.part_within(-5.0).abs() < f64::EPSILON);
        assert!((answer.part_within(1e6) - 1.0).abs() < f64::EPSILON);
        // The sixth stratum's middle is the median.
        assert!((answer.part_within(6_000.0) - 0.5).abs() < 1e-9);
        assert!((answer.part_within(6_500.0) - 0.55).abs() < 1e-9);
        assert!((answer.part_within(500.0) - 0.0125).abs() < 1e-9);
    }
}
