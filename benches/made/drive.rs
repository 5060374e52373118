//! The machine driven directly: made inputs at their times, and a world that obeys after fixed delays.
//!
//! No simulated world: an effect is reported done after two seconds, content is applied after twenty and
//! runs after a minute. So what takes time here is the machine, and decisions are real all the same.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use periplus_core::effect::{Effect, EffectKey, Generation, Issued, Scale, Target};
use periplus_core::fleet::{NodeCount, PoolReport};
use periplus_core::ids::{ClusterId, SeriesId, Symbol};
use periplus_core::input::{
    BATCH_MAX, EffectReport, Observation, Outcome, Reading, Seen, Sight, SourceId, TimerFired,
};
use periplus_core::units::{MilliRps, Span, Tick};
use periplus_core::{Input, Outbox, Sink, State, step};
use periplus_sim::queue::Queue;
use periplus_spec::scenario::{Scenario, Schedule, SeriesTruth};

use super::mix;

/// From an effect to its report, to its being applied, and to its pods being ready or gone.
const REPORTED: Span = Span(2 * Span::SECOND.0);
const APPLIED: Span = Span(20 * Span::SECOND.0);
const SETTLED: Span = Span::MINUTE;
/// Who measures what does not come with the minute's batches.
const SPIKES: SourceId = SourceId(u16::MAX);

/// The machine, what is still to come, and what it has cost so far.
pub(crate) struct Drive<'a, S> {
    pub(crate) state: State,
    pub(crate) out: Outbox,
    pub(crate) now: Tick,
    pub(crate) sink: S,
    pub(crate) costs: Costs,
    scenario: &'a Scenario,
    coming: Queue<Coming>,
}

/// What will come.
#[derive(Clone, Copy)]
enum Coming {
    /// The rates of one batch of series, every minute.
    Demand(u16),
    /// A sign of life from one batch of clusters, every minute.
    Heartbeats(u16),
    /// The grid of one batch of clusters, every hour.
    Carbon(u16),
    /// The prices of all clusters that changed, every hour.
    Prices,
    Report(EffectKey),
    Reading(ClusterId, Reading),
}

/// What steps cost, by what they took.
#[derive(Default)]
pub(crate) struct Costs {
    pub(crate) families: [Family; Family::NAMES.len()],
    pub(crate) inputs: u64,
    pub(crate) records: u64,
    pub(crate) decisions: u64,
    /// Until every series had its first rate: the plan from nothing.
    pub(crate) first_plan: Duration,
    /// Making inputs and keeping records.
    pub(crate) sink: Duration,
    /// Steps that decided, in nanoseconds.
    pub(crate) deciding: Nanos,
}

/// Steps of one family of inputs.
#[derive(Default)]
pub(crate) struct Family {
    pub(crate) inputs: u64,
    pub(crate) took: Duration,
    pub(crate) steps: Nanos,
}

/// A histogram of nanoseconds.
pub(crate) struct Nanos(pub(crate) Histogram<u64>);

impl<'a, S: Sink> Drive<'a, S> {
    /// A machine that was told of the whole fleet.
    pub(crate) fn new(scenario: &'a Scenario, sink: S) -> Self {
        let mut drive = Self {
            state: State::default(),
            out: Outbox::default(),
            now: Tick::ZERO,
            sink,
            costs: Costs::default(),
            scenario,
            coming: Queue::new(),
        };
        for input in &scenario.setup {
            drive.feed(input);
        }
        for cluster in 0..scenario.fleet.clusters.len() {
            let capacity = drive.capacity(cluster);
            drive.see(capacity);
        }
        drive.plan_ahead();
        drive
    }

    /// What comes at fixed times; batches of one kind are spread over a minute.
    fn plan_ahead(&mut self) {
        let spread = |count: usize, of: fn(u16) -> Coming| {
            let batches = count.div_ceil(BATCH_MAX) as u64;
            (0..batches).map(move |batch| {
                let number = u16::try_from(batch).expect("at most 268 M series");
                (Span::MINUTE.0 * batch / batches, of(number))
            })
        };
        let fleet = &self.scenario.fleet;
        let regular = spread(fleet.series.len(), Coming::Demand)
            .chain(spread(fleet.clusters.len(), Coming::Heartbeats))
            .chain(spread(fleet.clusters.len(), Coming::Carbon))
            .chain([(0, Coming::Prices)]);
        regular.for_each(|(at, coming)| self.coming.push(at, coming));
    }

    /// Lets time pass.
    pub(crate) fn run_for(&mut self, span: Span) {
        let end = self.now.after(span);
        loop {
            let due = self.state.next_deadline().filter(|due| *due <= end);
            let limit = due.map_or(end.0 + 1, |due| due.max(self.now).0);
            if let Some((at, coming)) = self.coming.pop_before(limit) {
                self.now = Tick(at);
                self.come(coming);
            } else if let Some(due) = due {
                self.now = self.now.max(due);
                self.feed(&Input::Timer(TimerFired { due }));
            } else {
                self.now = end;
                return;
            }
        }
    }

    /// One zone's users of one app are suddenly `permille` of what they were. How long the step took.
    pub(crate) fn spike(&mut self, series: SeriesId, permille: u64) -> Duration {
        let rate = self.state.series()[series.index()].flow.rate;
        let rates = vec![(series, MilliRps(rate.0 * permille / 1_000))];
        self.see(Sight::Demand { source: SPIKES, rates })
    }

    fn come(&mut self, coming: Coming) {
        match coming {
            Coming::Demand(batch) => {
                let rates = self.rates(batch);
                let took = self.see(Sight::Demand { source: SourceId(batch), rates });
                if self.now < Tick::ZERO.after(Span::MINUTE) {
                    self.costs.first_plan += took;
                }
                self.again(Span::MINUTE, coming);
            }
            Coming::Heartbeats(batch) => {
                let clusters = of_batch(&self.scenario.fleet.clusters, batch);
                let heard = clusters.map(|(cluster, _)| ClusterId::from_index(cluster)).collect();
                self.see(Sight::Heartbeats(heard));
                self.again(Span::MINUTE, coming);
            }
            Coming::Carbon(batch) => {
                let clusters = of_batch(&self.scenario.fleet.clusters, batch);
                let values = clusters.map(|(cluster, truth)| {
                    (ClusterId::from_index(cluster), *current(&truth.carbon, self.now))
                });
                self.see(Sight::Carbon(values.collect()));
                self.again(Span::HOUR, coming);
            }
            Coming::Prices => {
                let clusters = self.scenario.fleet.clusters.iter().enumerate();
                let changed = clusters.filter(|(_, truth)| truth.prices.0.len() > 1);
                let values = changed.map(|(cluster, truth)| {
                    (ClusterId::from_index(cluster), *current(&truth.prices, self.now))
                });
                self.see(Sight::Prices(values.collect()));
                self.again(Span::HOUR, coming);
            }
            Coming::Report(key) => {
                let report = EffectReport { key, outcome: Outcome::Done };
                self.feed(&Input::Report(report));
            }
            Coming::Reading(cluster, reading) => {
                self.see(Sight::Readiness { cluster, readings: vec![reading] });
            }
        }
    }

    fn again(&mut self, every: Span, coming: Coming) {
        self.coming.push(self.now.after(every).0, coming);
    }

    fn rates(&self, batch: u16) -> Vec<(SeriesId, MilliRps)> {
        let series = of_batch(&self.scenario.fleet.series, batch);
        series.map(|(id, truth)| (SeriesId::from_index(id), self.rate(id, truth))).collect()
    }

    fn rate(&self, id: usize, truth: &SeriesTruth) -> MilliRps {
        let shape = &truth.demand.shape;
        let steps = usize::try_from(self.now.0 / shape.step.0).expect("fewer than addresses");
        let value = shape.values[steps % shape.values.len()];
        let shaped = truth.demand.base.0 * u64::from(value);
        let noise = u64::from(truth.demand.noise.0);
        let minute = self.now.0 / Span::MINUTE.0;
        let drawn = mix(((id as u64) << 24) | minute, self.scenario.seed);
        MilliRps(shaped * (1_000 - noise + drawn % (2 * noise + 1)) / 1_000_000)
    }

    fn capacity(&self, cluster: usize) -> Sight {
        let pools = &self.scenario.fleet.clusters[cluster].pools;
        let report = |nodes: u32, room| PoolReport {
            pool: Symbol(1),
            nodes: vec![NodeCount { room, nodes }],
        };
        Sight::Capacity {
            cluster: ClusterId::from_index(cluster),
            pools: pools.iter().map(|pool| report(pool.nodes, pool.room)).collect(),
        }
    }

    fn see(&mut self, sight: Sight) -> Duration {
        self.feed(&Input::Observation(Observation { as_of: self.now, sight }))
    }

    fn feed(&mut self, input: &Input) -> Duration {
        let start = Instant::now();
        step(&mut self.state, self.now, input, &mut self.out).expect("time only goes forward");
        let took = start.elapsed();
        self.costs.count(input, took, self.out.decisions.len());
        self.sink.accept(&self.out.record(input), &self.state).expect("the sink takes all");
        self.costs.sink += start.elapsed() - took;
        for place in 0..self.out.effects.len() {
            let issued = self.out.effects[place].clone();
            self.carry_out(&issued);
        }
        took
    }

    fn carry_out(&mut self, issued: &Issued) {
        self.again(REPORTED, Coming::Report(issued.key));
        match issued.effect {
            Effect::Prime { target, generation, revision: _, scale } => {
                let (Scale::Replicas(ready) | Scale::Bounds { min: ready, .. }) = scale;
                self.answer(APPLIED, issued.key, target, generation, Seen::Applied);
                self.answer(SETTLED, issued.key, target, generation, Seen::Replicas(ready));
            }
            Effect::Withdraw { target, generation } => {
                self.answer(SETTLED, issued.key, target, generation, Seen::Replicas(0));
                self.answer(SETTLED, issued.key, target, generation, Seen::Gone);
            }
            Effect::Route { .. } | Effect::Alert(_) => {}
        }
    }

    fn answer(
        &mut self,
        wait: Span,
        cause: EffectKey,
        target: Target,
        generation: Generation,
        seen: Seen,
    ) {
        let reading = Reading { binding: target.binding, generation, cause, seen };
        self.again(wait, Coming::Reading(target.cluster, reading));
    }
}

impl Costs {
    fn count(&mut self, input: &Input, took: Duration, decisions: usize) {
        let family = &mut self.families[Family::of(input)];
        family.inputs += input.weight();
        family.took += took;
        family.steps.add(took);
        self.inputs += input.weight();
        self.records += 1;
        self.decisions += decisions as u64;
        if decisions > 0 {
            self.deciding.add(took);
        }
    }

    /// All steps together.
    pub(crate) fn took(&self) -> Duration {
        self.families.iter().map(|family| family.took).sum()
    }
}

impl Family {
    pub(crate) const NAMES: [&'static str; 8] = [
        "demand",
        "heartbeats",
        "prices, carbon",
        "room, ways",
        "readings",
        "commands",
        "reports",
        "timers",
    ];

    fn of(input: &Input) -> usize {
        match input {
            Input::Observation(Observation { sight, .. }) => match sight {
                Sight::Demand { .. } => 0,
                Sight::Heartbeats(_) => 1,
                Sight::Prices(_) | Sight::Carbon(_) => 2,
                Sight::Capacity { .. } | Sight::Reach { .. } => 3,
                Sight::Readiness { .. } => 4,
            },
            Input::Command(_) => 5,
            Input::Report(_) => 6,
            Input::Timer(_) => 7,
        }
    }
}

impl Nanos {
    pub(crate) fn add(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A quantile in microseconds.
    pub(crate) fn micros(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1e3
    }
}

impl Default for Nanos {
    fn default() -> Self {
        let digits = 3;
        Self(Histogram::new_with_max(3_600_000_000_000, digits).expect("an hour, three digits"))
    }
}

/// The part of `all` that batch number `batch` is about, with its ids.
fn of_batch<T>(all: &[T], batch: u16) -> impl Iterator<Item = (usize, &T)> {
    all.iter().enumerate().skip(usize::from(batch) * BATCH_MAX).take(BATCH_MAX)
}

/// What holds at `at`.
fn current<T>(schedule: &Schedule<T>, at: Tick) -> &T {
    let past = schedule.0.partition_point(|(from, _)| *from <= at);
    &schedule.0[past - 1].1
}
