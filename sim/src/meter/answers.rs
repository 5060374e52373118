//! Answers: what became of the requests that reached each desk in one interval.
//!
//! Groups that are called are worked out before those that call them. A desk's own time is a sum of visits
//! to its stations, piece of log by piece of log; the time of calls is the mean over the interval of the
//! desks that they reach, which is where variation within an interval is lost. A crossing between clusters
//! adds its round trips as a constant: the mean over where the calls go.

use periplus_core::intent::GroupCall;

use super::Sights;
use super::tally::Tally;
use crate::desks::{Desk, DeskId, Piece};
use crate::routes::WHOLE;
use crate::service::erlang::Erlang;
use crate::service::{STRATA, Station, Times, WEIGHTS};

/// What became of the requests that reached one desk, in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Answer {
    /// The part that was served, by everybody who had to.
    pub(crate) served: f64,
    /// How long that took there, in the middle of each stratum, in microseconds. Only for desks that users
    /// enter.
    pub(crate) strata: [f32; STRATA.len()],
    /// Bytes that left the desk's cluster per request.
    pub(crate) bytes: f64,
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
}

/// What calls add to every request of a desk.
#[derive(Clone, Copy, Debug)]
struct Called {
    served: f64,
    times: Times,
    constant_us: f64,
    bytes: f64,
}

impl Answer {
    /// The part of served requests that took at most `limit_us` at the desk.
    pub(crate) fn part_within(&self, limit_us: f64) -> f64 {
        let above = self.strata.partition_point(|latency| f64::from(*latency) <= limit_us);
        let middle = |place: usize| {
            let before: u64 = STRATA[..place].iter().map(|stratum| stratum.0).sum();
            (before as f64 + STRATA[place].0 as f64 / 2.0) / WEIGHTS as f64
        };
        match above {
            0 => {
                let first = f64::from(self.strata[0]);
                if first > 0.0 { middle(0) * (limit_us / first).clamp(0.0, 1.0) } else { 0.0 }
            }
            above if above == STRATA.len() => 1.0,
            above => {
                let (low, high) =
                    (f64::from(self.strata[above - 1]), f64::from(self.strata[above]));
                let way = (limit_us - low) / (high - low);
                middle(above - 1) + (middle(above) - middle(above - 1)) * way
            }
        }
    }
}

impl Answers {
    pub(crate) fn of(&self, desk: DeskId) -> &Answer {
        self.answers.get(desk.0 as usize).unwrap_or(&self.nobody)
    }

    /// Works out the answers of all desks for the interval that ends now.
    pub(crate) fn work_out(&mut self, sights: &Sights<'_, '_>) {
        self.answers.clear();
        self.answers.resize(sights.desks.len(), Answer::default());
        for app in sights.intents.apps() {
            let Some(intent) = sights.intents.get(app) else { continue };
            let groups = intent.groups.len();
            for group in (0..groups).rev() {
                for desk in sights.desks.of_app(app) {
                    let entry = sights.desks.get(*desk);
                    if entry.group.index() == group && !entry.log.pieces.is_empty() {
                        let answer = self.answer(entry, &intent.calls, sights);
                        self.answers[desk.0 as usize] = answer;
                    }
                }
            }
        }
    }

    fn answer(&mut self, desk: &Desk, calls: &[GroupCall], sights: &Sights<'_, '_>) -> Answer {
        let called = self.call(desk, calls, sights);
        let is_front = desk.group.index() == 0;
        self.stations.clear();
        self.stations.extend(desk.staff.iter().map(|(component, _)| {
            let truth = sights.catalog.part(desk.app, *component).truth;
            let by_kind = truth.service.get(desk.kind.index()).or(truth.service.last());
            Station {
                servers: 0,
                service_us: by_kind.map_or(0.0, |time| f64::from(time.0)),
                visits: f64::from(truth.visits) / 1e3,
            }
        }));
        let (mut asked, mut served, mut sum) = (0.0, 0.0, Times::default());
        let mut last = None;
        for piece in &desk.log.pieces {
            let amount = piece.rate as f64 * piece.span.0 as f64;
            asked += amount;
            let (part, times) = self.piece(desk, piece, sights);
            if part <= 0.0 {
                continue;
            }
            let weight = amount * part;
            served += weight;
            sum.mean += times.mean * weight;
            sum.variance += times.variance * weight;
            if is_front {
                let whole = times.then(called.times);
                let latencies = whole.strata().map(|latency| latency + called.constant_us);
                self.tally.add(latencies, weight);
                last = Some(whole);
            }
        }
        let mut answer = Answer { served: 0.0, bytes: called.bytes, ..Answer::default() };
        if served > 0.0 {
            answer.served = served / asked * called.served;
            answer.times = Times { mean: sum.mean / served, variance: sum.variance / served }
                .then(called.times);
            answer.constant_us = called.constant_us;
        }
        let strata = self.tally.drain();
        match last {
            // A single piece needs no buckets.
            Some(whole) if desk.log.pieces.len() == 1 => {
                for (latency, exact) in answer.strata.iter_mut().zip(whole.strata()) {
                    *latency = (exact + called.constant_us) as f32;
                }
            }
            Some(_) => answer.strata = strata,
            None => {}
        }
        answer
    }

    /// The part of a piece's requests that the desk's own stations serve, and how long they take there.
    fn piece(&mut self, desk: &Desk, piece: &Piece, sights: &Sights<'_, '_>) -> (f64, Times) {
        // Requests per thousand seconds are 10⁻⁹ per microsecond.
        let rate = piece.rate as f64 / 1e9;
        let row = piece.row as usize * desk.staff.len();
        let ready = &desk.log.rows[row..row + desk.staff.len()];
        let mut part = 1.0_f64;
        for ((station, ready), (component, _)) in
            self.stations.iter_mut().zip(ready).zip(&desk.staff)
        {
            let truth = sights.catalog.part(desk.app, *component).truth;
            station.servers = ready * truth.concurrency;
            part = part.min(station.share_served(rate));
        }
        let mut times = Times::default();
        if part > 0.0 {
            for station in &self.stations {
                times = times.then(station.times(rate * part, &mut self.erlang));
            }
        }
        (part, times)
    }

    /// What the desk's calls add.
    fn call(&self, desk: &Desk, calls: &[GroupCall], sights: &Sights<'_, '_>) -> Called {
        let mut sum = Called { served: 1.0, times: Times::default(), constant_us: 0.0, bytes: 0.0 };
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
                sum.bytes += share * answer.bytes;
                if there != desk.cluster {
                    sum.bytes += part * call.bytes.0 as f64;
                }
            }
            sum.served *= 1.0 - share * (1.0 - served);
        }
        sum
    }
}
