//! A run: the loop between the world and the machine.

use periplus_core::digest::Digest;
use periplus_core::explain::Explained;
use periplus_core::units::Tick;
use periplus_core::{Input, Outbox, RecordRef, Sink, SinkFault, State, TickBackwards, step};
use periplus_spec::scenario::Scenario;
use thiserror::Error;

use crate::breakdown::{Breakdown, Part};
use crate::chronicle::Chronicle;
use crate::past::{Fork, Past};
use crate::rows::Row;
use crate::summary::Summary;
use crate::world::{Tape, Twins, World};

/// So many timers may fire at one tick; more would never end.
const TIMERS_AT_ONCE_MAX: u32 = 100_000;
/// Progress is told after so many records.
const PROGRESS_EVERY: u64 = 4_096;

/// Who looks on while a scenario runs.
pub trait Watch {
    /// Time has come so far.
    fn progress(&mut self, at: Tick, records: u64) {
        let _ = (at, records);
    }

    /// Along what sums are to be taken apart.
    fn breakdowns(&self) -> Vec<Breakdown> {
        Vec::new()
    }

    /// When to [look](Self::probe), ascending.
    fn probes(&self) -> Vec<Tick> {
        Vec::new()
    }

    /// Everything that happens at `at` or before has happened, and been taken in.
    fn probe(&mut self, at: Tick, state: &State, world: &World<'_>) {
        let _ = (at, state, world);
    }

    /// Whether somebody wants to be told [why](Self::explain).
    fn asks_why(&self) -> bool {
        false
    }

    /// Every candidate's bill, or refusal, for decisions of a record; `state` is what it led to.
    fn explain(&mut self, record: &RecordRef<'_>, explained: &[Explained], state: &State) {
        let _ = (record, explained, state);
    }
}

/// Nobody looks on.
impl Watch for () {}

/// What came out of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The numbers.
    pub summary: Summary,
    /// How each app fared in each meter interval.
    pub rows: Vec<Row>,
    /// What happened along each breakdown that somebody [asked for](Watch::breakdowns).
    pub parts: Vec<(Breakdown, Vec<Part>)>,
    /// What stands for the last state.
    pub digest: Digest,
    /// The last state.
    pub state: State,
}

/// Why a run could not go on.
#[derive(Debug, Error)]
pub enum RunFault {
    /// A record could not be kept.
    #[error("the run stopped because a record could not be kept")]
    Sink(#[from] SinkFault),
    /// The log that was played cannot be read.
    #[error("the run stopped because its log cannot be read on")]
    Tape(#[source] SinkFault),
    /// The world gave an input from the past: a bug.
    #[error("the run stopped because the world went back in time")]
    Time(#[from] TickBackwards),
    /// The machine sets deadlines that have already come, without end: a bug.
    #[error("the run stopped at {at}: more than {TIMERS_AT_ONCE_MAX} timers fired at once")]
    Stuck {
        /// When.
        at: Tick,
    },
}

/// Runs a scenario to its end.
///
/// Each record goes to `sink` before anything that it asks for is done.
///
/// # Errors
/// [`RunFault`] if a record could not be kept, or if the machine or the world has a bug.
pub fn run<S: Sink + ?Sized>(
    scenario: &Scenario,
    sink: &mut S,
    watcher: &mut dyn Watch,
) -> Result<Outcome, RunFault> {
    drive(World::new(scenario), scenario, sink, watcher)
}

/// Runs what would have been: a log's beginning, and the fork that it takes. `tape` gives the log's records.
///
/// # Errors
/// [`RunFault`] if the log cannot be read or a record not be kept, or if the machine or the world has a bug.
pub fn rerun<'s, S: Sink + ?Sized>(
    fork: &'s Fork,
    past: &'s Past,
    tape: Tape<'s>,
    twins: Twins,
    sink: &mut S,
    watcher: &mut dyn Watch,
) -> Result<Outcome, RunFault> {
    drive(World::after(fork, past, tape, twins), &fork.scenario, sink, watcher)
}

fn drive<S: Sink + ?Sized>(
    mut world: World<'_>,
    scenario: &Scenario,
    sink: &mut S,
    watcher: &mut dyn Watch,
) -> Result<Outcome, RunFault> {
    world.meter_mut().break_down(watcher.breakdowns());
    let mut state = State::default();
    let mut out = if watcher.asks_why() { Outbox::explaining() } else { Outbox::default() };
    let mut chronicle = Chronicle::default();
    let mut patience = Patience::default();
    let stops = watcher.probes().into_iter().map(|at| (at, true));
    for (until, probe) in stops.chain([(world.end(), false)]) {
        while let Some((at, input)) = world.next_input_until(&state, until) {
            patience.see(at, &input)?;
            step(&mut state, at, &input, &mut out)?;
            let record = out.record(&input);
            sink.accept(&record, &state)?;
            chronicle.read(&record, &state);
            if let Some(explained) = out.explained.as_ref().filter(|all| !all.is_empty()) {
                watcher.explain(&record, explained, &state);
            }
            world.carry_out(at, &out.effects, &state);
            world.take_back(input);
            if chronicle.records.is_multiple_of(PROGRESS_EVERY) {
                watcher.progress(at, chronicle.records);
            }
        }
        if probe {
            watcher.probe(until, &state, &world);
        }
    }
    if let Some(fault) = world.take_fault() {
        return Err(RunFault::Tape(fault));
    }
    world.close_books(&state);
    watcher.progress(world.end(), chronicle.records);
    let parts = world.meter_mut().take_parts();
    let meter = world.meter();
    Ok(Outcome {
        summary: Summary::new(scenario, meter, &chronicle, world.commits()),
        rows: meter.rows().to_vec(),
        parts,
        digest: state.digest(),
        state,
    })
}

/// How many timers in a row have fired at one tick.
#[derive(Default)]
struct Patience {
    at: Tick,
    timers: u32,
}

impl Patience {
    fn see(&mut self, at: Tick, input: &Input) -> Result<(), RunFault> {
        if at > self.at || !matches!(input, Input::Timer(_)) {
            *self = Self { at, timers: 0 };
            return Ok(());
        }
        self.timers += 1;
        if self.timers > TIMERS_AT_ONCE_MAX {
            return Err(RunFault::Stuck { at });
        }
        Ok(())
    }
}
