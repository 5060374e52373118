//! Playback: a world that begins as a log does.
//!
//! The tape gives the exogenous inputs again, as they stand in the log but for what is imposed. Effects with a
//! twin are played: their reports and readings come at the twin's delays, and what those say becomes so in the
//! clusters when the log says that it did. All others go the way of any effect.
//!
//! Whatever comes from the log keeps its place there among inputs of the same tick. What really happens at a tick
//! comes before the machine is told anything then, and what an effect of the machine brings at that very tick
//! before its next input: so a twin's consequences are always known before their turn.

use std::collections::{BTreeMap, VecDeque};

use periplus_core::ids::{ClusterId, Seq, SeriesId, Symbol};
use periplus_core::input::{Command, Observation, Reading, Sight, TimerFired};
use periplus_core::units::Tick;
use periplus_core::{Input, Record, SinkFault, State};

use super::World;
use super::imposed::Imposed;
use super::scripts::Scripts;
use crate::past::fork::Renumbered;
use crate::past::{Fork, Past};

/// The records of a log, in order.
pub type Tape<'s> = Box<dyn Iterator<Item = Result<Record, SinkFault>> + 's>;

/// Whether effects with a twin are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twins {
    /// They are.
    Followed,
    /// The simulated world is asked for everything: to see how close it comes to what happened.
    Ignored,
}

/// A log that is being played.
pub(crate) struct Playback<'s> {
    pub(super) past: &'s Past,
    pub(super) fork: &'s Fork,
    pub(super) twins: Twins,
    tape: Tape<'s>,
    /// The next exogenous input of the tape.
    head: Option<(Tick, Seq, Input)>,
    /// Inputs of the setup that come next on the tape: nothing is imposed before they are over.
    setup: usize,
    /// Exogenous inputs that come next on the tape and that the machine is told otherwise.
    told: usize,
    pub(super) fault: Option<SinkFault>,
    /// What will be learned when, by its place in the log.
    pub(super) agenda: Agenda,
    /// How often each deadline has fired.
    fired: BTreeMap<Tick, usize>,
    pub(super) scripts: Scripts,
    pub(super) imposed: Imposed,
    /// What users really asked for in the intervals that ended last.
    measured: VecDeque<(Tick, Vec<u64>)>,
    /// Symbols of the log that are others now.
    pub(super) symbols: BTreeMap<Symbol, Symbol>,
}

/// Inputs on their way, by when they come and where they stand in the log.
#[derive(Default)]
pub(super) struct Agenda(BTreeMap<(Tick, Seq, u32), Due>);

/// An input on its way.
#[derive(Clone, Debug)]
pub(super) enum Due {
    Input(Input),
    /// A part of a report on a cluster: all parts of one record that come at one time are one input.
    Reading {
        cluster: ClusterId,
        as_of: Tick,
        reading: Reading,
    },
}

/// So many intervals ago is longer than a report on demand takes.
const MEASURED_MAX: usize = 240;

impl<'s> Playback<'s> {
    pub(crate) fn new(past: &'s Past, fork: &'s Fork, tape: Tape<'s>, twins: Twins) -> Self {
        let mut playback = Self {
            past,
            fork,
            twins,
            tape,
            head: None,
            setup: fork.scenario.setup.len(),
            told: 0,
            fault: None,
            agenda: Agenda::default(),
            fired: BTreeMap::new(),
            scripts: Scripts::default(),
            imposed: Imposed::new(fork),
            measured: VecDeque::new(),
            symbols: symbols(&fork.renumbered, &fork.scenario.setup),
        };
        playback.wind();
        playback
    }

    /// Winds the tape on to the next exogenous input.
    fn wind(&mut self) {
        self.head = None;
        while self.head.is_none() {
            match self.tape.next() {
                None => return,
                Some(Err(fault)) => {
                    self.fault.get_or_insert(fault);
                    return;
                }
                Some(Ok(Record { seq, at, input, .. })) => {
                    let exogenous = match &input {
                        Input::Observation(observation) => {
                            !matches!(observation.sight, Sight::Readiness { .. })
                        }
                        Input::Command(_) => true,
                        Input::Report(_) | Input::Timer(_) => false,
                    };
                    let told = exogenous && self.told > 0;
                    self.told -= usize::from(told);
                    self.head = (exogenous && !told).then_some((at, seq, input));
                }
            }
        }
    }

    /// When the next input comes, and its place among those of that tick.
    fn next(&self, deadline: Option<Tick>, now: Tick, end: Tick) -> Option<(Tick, Seq, Source)> {
        let head = self.head.as_ref().map(|(at, seq, _)| (*at, *seq, Source::Tape));
        let due = self.agenda.first().map(|(at, seq)| (at, seq, Source::Agenda));
        let timer = deadline.and_then(|due| {
            let nth = self.fired.get(&due).copied().unwrap_or(0);
            match self.past.fired(due, nth) {
                Some((at, seq)) => Some((at, seq, Source::Timer(due))),
                // What is due when the log ends may have come after its last record.
                None if due >= end => None,
                None => Some((due, Seq(0), Source::Timer(due))),
            }
        });
        let all = [head, due, timer].into_iter().flatten();
        all.map(|(at, seq, source)| (at.max(now), seq, source)).min_by_key(|next| (next.0, next.1))
    }

    /// Remembers what users really asked for in the interval that ends now.
    pub(super) fn remember(&mut self, now: Tick, rates: &[u64]) {
        if self.measured.len() == MEASURED_MAX {
            self.measured.pop_front();
        }
        self.measured.push_back((now, rates.to_vec()));
    }

    /// What was really asked for in the interval that ended at `as_of`, or next after that.
    pub(super) fn measured(&self, series: SeriesId, as_of: Tick) -> Option<u64> {
        let place = self.measured.partition_point(|(ended, _)| *ended < as_of);
        let (_, rates) = self.measured.get(place).or(self.measured.back())?;
        rates.get(series.index()).copied()
    }
}

impl Agenda {
    /// Something will be learned, at its place in the log.
    pub(super) fn add(&mut self, (at, seq, place): (Tick, Seq, u32), due: Due) {
        self.0.insert((at, seq, place), due);
    }

    fn first(&self) -> Option<(Tick, Seq)> {
        let ((at, seq, _), _) = self.0.first_key_value()?;
        Some((*at, *seq))
    }

    /// Takes all readings of one record from the agenda, or another input.
    fn take(&mut self) -> Option<Input> {
        let ((at, seq, _), first) = self.0.pop_first()?;
        let (cluster, as_of, reading) = match first {
            Due::Input(input) => return Some(input),
            Due::Reading { cluster, as_of, reading } => (cluster, as_of, reading),
        };
        let mut readings = vec![reading];
        while let Some(entry) = self.0.first_entry() {
            let same = (entry.key().0, entry.key().1) == (at, seq);
            match entry.get() {
                Due::Reading { as_of: then, .. } if same && *then == as_of => {
                    if let Due::Reading { reading, .. } = entry.remove() {
                        readings.push(reading);
                    }
                }
                Due::Reading { .. } | Due::Input(_) => break,
            }
        }
        let sight = Sight::Readiness { cluster, readings };
        Some(Input::Observation(Observation { as_of, sight }))
    }
}

/// Where the next input comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Tape,
    Agenda,
    Timer(Tick),
}

impl World<'_> {
    /// The next input where a log is played; see [`next_input_until`](Self::next_input_until).
    pub(super) fn next_played(&mut self, state: &State, until: Tick) -> Option<(Tick, Input)> {
        loop {
            if let Some(input) = self.tray.pop_front() {
                self.heed(&input);
                return Some((self.now, input));
            }
            let end = self.end();
            let playback = self.playback.as_ref().expect("a log is played");
            let next = playback.next(state.next_deadline(), self.now, end);
            let next = next.filter(|next| next.0 <= until);
            let happens_until = next.map_or(until, |next| next.0).0;
            let happens_before = happens_until + u64::from(playback.setup == 0);
            if let Some((at, happening)) = self.queue.pop_before(happens_before) {
                self.now = self.now.max(Tick(at));
                self.happen(happening, state);
                continue;
            }
            let Some((at, _, source)) = next else {
                self.now = self.now.max(until);
                return None;
            };
            self.now = at;
            if let Some(input) = self.play_next(source) {
                self.heed(&input);
                return Some((at, input));
            }
        }
    }

    fn play_next(&mut self, source: Source) -> Option<Input> {
        let playback = self.playback.as_mut().expect("a log is played");
        match source {
            Source::Agenda => playback.agenda.take(),
            Source::Timer(due) => {
                *playback.fired.entry(due).or_default() += 1;
                Some(Input::Timer(TimerFired { due }))
            }
            Source::Tape => {
                playback.setup = playback.setup.saturating_sub(1);
                let (_, seq, input) = playback.head.take().expect("it was looked at");
                let fork = playback.fork;
                let renumbered = fork
                    .renumbered
                    .iter()
                    .find(|one| one.at == self.now && one.from.first() == Some(&input));
                playback.told = renumbered.map_or(0, |renumbered| renumbered.from.len() - 1);
                playback.wind();
                if let Some(renumbered) = renumbered {
                    self.tray.extend(renumbered.to.iter().cloned());
                    return None;
                }
                let input = self.as_imposed(input)?;
                self.as_late(input, seq)
            }
        }
    }
}

/// The symbols of the log that names have now, where they are others.
fn symbols(renumbered: &[Renumbered], setup: &[Input]) -> BTreeMap<Symbol, Symbol> {
    if renumbered.is_empty() {
        return BTreeMap::new();
    }
    let names = |of: fn(&Renumbered) -> &[Input]| {
        let inputs = setup.iter().chain(renumbered.iter().flat_map(of));
        let mut names: BTreeMap<String, Symbol> = BTreeMap::new();
        for input in inputs {
            if let Input::Command(Command::Name { first, texts }) = input {
                names.extend(texts.iter().cloned().zip((first.0..).map(Symbol)));
            }
        }
        names
    };
    let (from, to) = (names(|one| &one.from), names(|one| &one.to));
    from.into_iter().filter_map(|(name, symbol)| Some((symbol, *to.get(&name)?))).collect()
}
