//! A voyage: the loop between machine and world, with what befalls the hub and its inputs on the way.

use std::collections::{BTreeMap, VecDeque};

use periplus_core::event::Event;
use periplus_core::input::{Fault, Outcome, Sight};
use periplus_core::state::Wake;
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, Outbox, Record, State, step};
use periplus_sim::World;

use super::converged;
use super::dice::{Dice, Topic};
use super::draw::{Drawn, QUIET, SETTLING, Trouble, healed};
use super::invariants::Invariants;
use super::keep::Keep;
use super::played;
use super::{Breach, Numbers};

/// How often a report comes again, in a hundred, and how much later at most.
const ECHO_PERCENT: u64 = 10;
const ECHO_LATER: Span = Span(5 * Span::MINUTE.0);
/// How often nobody knows of an effect that was done whether it was, in a hundred.
const UNKNOWN_PERCENT: u64 = 15;
/// The hub dies after one of so many records.
const RESTART_EVERY: usize = 400;
/// How long after the last trouble a cluster without a node for a pod that fits is not its consequence: a
/// scheduler binds pods one by one and moves none, so that what packs need not find its place. Such a cluster
/// is tried again and again, and never settles.
const CALM: Span = Span(45 * Span::MINUTE.0);
/// So many timers may fire at one tick.
const TIMERS_AT_ONCE_MAX: u32 = 10_000;

/// A machine, its world, its log, and another machine that only folds.
pub(super) struct Voyage<'a> {
    drawn: &'a Drawn,
    world: World<'a>,
    state: State,
    /// Follows the records as they will be read, without deciding anything.
    mirror: State,
    out: Outbox,
    keep: &'a mut Keep,
    invariants: Invariants,
    numbers: &'a mut Numbers,
    dice: Dice,
    /// Reports that will come again.
    echoes: BTreeMap<(Tick, u64), Input>,
    /// Commands that a dead hub did not keep: whoever gave them had no answer, and asks again.
    again: VecDeque<Input>,
    timers: (Tick, u32),
}

impl<'a> Voyage<'a> {
    pub(super) fn new(
        seed: u64,
        drawn: &'a Drawn,
        keep: &'a mut Keep,
        numbers: &'a mut Numbers,
    ) -> Result<Self, Breach> {
        Ok(Self {
            drawn,
            world: World::new(&drawn.scenario),
            state: State::default(),
            mirror: State::default(),
            out: Outbox::default(),
            keep,
            invariants: Invariants::default(),
            numbers,
            dice: Dice::new(seed, Topic::Voyage),
            echoes: BTreeMap::new(),
            again: VecDeque::new(),
            timers: (Tick::ZERO, 0),
        })
    }

    /// Sails through all troubles, lets everything settle, and looks whether it has.
    pub(super) fn sail(&mut self) -> Result<(), Breach> {
        self.pass(healed())?;
        let settled = healed().after(SETTLING);
        self.pass(settled)?;
        self.count_served();
        self.numbers.cramped |= converged::is_stuck(&self.state, &self.world);
        if self.numbers.cramped {
            self.pass(settled.after(QUIET))?;
            return self.verify();
        }
        self.end_with(converged::unsettled(&self.state, &self.world, settled))?;
        self.invariants.demand_quiet();
        self.pass(settled.after(QUIET))?;
        self.end_with(converged::unsettled(&self.state, &self.world, settled.after(QUIET)))?;
        self.verify()
    }

    fn pass(&mut self, until: Tick) -> Result<(), Breach> {
        while let Some((at, input)) = self.next(until) {
            self.take(at, &input)?;
            self.world.take_back(input);
        }
        Ok(())
    }

    /// The next input: a command that is given again, a report that comes again, or what the world gives.
    fn next(&mut self, until: Tick) -> Option<(Tick, Input)> {
        if let Some(input) = self.again.pop_front() {
            return Some((self.world.now(), input));
        }
        let echo = self.echoes.first_key_value().map(|((at, _), _)| *at);
        let stop = echo.map_or(until, |echo| echo.min(until));
        if let Some((at, input)) = self.world.next_input_until(&self.state, stop) {
            return Some((at, self.befall(at, input)));
        }
        echo.filter(|echo| *echo <= until)?;
        let ((at, _), input) = self.echoes.pop_first()?;
        Some((at.max(self.state.at()), input))
    }

    /// What happens to an input on its way while there are troubles.
    fn befall(&mut self, at: Tick, mut input: Input) -> Input {
        if at >= healed() {
            return input;
        }
        if let Input::Report(report) = &mut input
            && report.outcome == Outcome::Done
            && self.drawn.options.has(Trouble::Unknowns)
            && self.dice.happens(UNKNOWN_PERCENT)
        {
            report.outcome = Outcome::Unknown;
        }
        let echoes = match input {
            Input::Observation(_) | Input::Report(_) => self.drawn.options.has(Trouble::Echoes),
            Input::Command(_) | Input::Timer(_) => false,
        };
        if echoes && self.dice.happens(ECHO_PERCENT) {
            let later = at.after(Span(self.dice.from(0, ECHO_LATER.0)));
            self.echoes.insert((later, self.state.seq().0), input.clone());
        }
        input
    }

    /// Takes one input, as a hub does: decide, keep, check, act.
    fn take(&mut self, at: Tick, input: &Input) -> Result<(), Breach> {
        self.be_patient(at, input)?;
        self.keep.take(at, input);
        if let Err(backwards) = step(&mut self.state, at, input, &mut self.out) {
            return Err(self.breach("time goes forward", backwards.to_string()));
        }
        let record = self.keep.append(&self.out.record(input));
        let record = record
            .and_then(|record| self.keep.snapshot(&self.state).map(|()| record))
            .map_err(|found| self.breach("a record is read as it was written", found))?;
        self.check(&record)?;
        if self.dies() {
            return self.restart();
        }
        if !self.out.effects.is_empty() {
            self.keep.sync().map_err(|found| self.breach("the log takes every record", found))?;
            let stale = self.invariants.carried_out(&self.out.effects);
            stale.map_err(|(rule, found)| self.breach(rule, found))?;
            self.world.carry_out(at, &self.out.effects, &self.state);
        }
        Ok(())
    }

    fn check(&mut self, record: &Record) -> Result<(), Breach> {
        self.numbers.records = self.numbers.records.max(record.seq.0 + 1);
        self.numbers.bindings = self.numbers.bindings.max(self.state.bindings());
        self.invariants.count(record, self.numbers);
        let calm = record.at >= healed().after(CALM);
        self.numbers.cramped |= calm && record.events.iter().any(is_cramped);
        let held = self.invariants.hold(record, &self.mirror, &self.state, &self.world);
        held.map_err(|(rule, found)| self.breach(rule, found))?;
        self.mirror.fold(record);
        let (stepped, folded) = (self.state.digest(), self.mirror.digest());
        if stepped == folded {
            return Ok(());
        }
        let found = format!("stepping gives {stepped:?} and folding {folded:?}");
        Err(self.breach("folding a record gives what stepping gave", found))
    }

    /// Whether the hub dies after this record, before it has done what the record asks for.
    fn dies(&mut self) -> bool {
        self.drawn.options.has(Trouble::Restart)
            && self.state.at() < healed()
            && self.dice.below(RESTART_EVERY) == 0
    }

    /// Another hub takes over with what the log still holds.
    fn restart(&mut self) -> Result<(), Breach> {
        let crashed = self.keep.crash(&mut self.dice);
        let (state, lost) =
            crashed.map_err(|found| self.breach("a log survives every crash", found))?;
        self.numbers.restarts += 1;
        self.numbers.forgotten += lost.len() as u64;
        let told = lost.into_iter().filter(is_told_once).map(|record| record.input);
        // What was given again already, and lost again, comes before the rest.
        let told: Vec<Input> = told.collect();
        told.into_iter().rev().for_each(|input| self.again.push_front(input));
        self.state = state;
        self.mirror = self.state.clone();
        self.world.restart_hub(&self.state);
        let outstanding: Vec<_> = self.state.outstanding().collect();
        let stale = self.invariants.carried_out(&outstanding);
        stale.map_err(|(rule, found)| self.breach(rule, found))?;
        let now = self.world.now();
        self.world.carry_out(now, &outstanding, &self.state);
        Ok(())
    }

    /// A machine whose deadlines have always come already would never end.
    fn be_patient(&mut self, at: Tick, input: &Input) -> Result<(), Breach> {
        let (since, count) = self.timers;
        let more = since == at && matches!(input, Input::Timer(_));
        self.timers = (at, if more { count + 1 } else { 0 });
        if self.timers.1 < TIMERS_AT_ONCE_MAX {
            return Ok(());
        }
        Err(self.breach("timers come to an end", format!("{} fired at once", self.timers.1)))
    }

    /// Steps again over the whole log.
    fn verify(&mut self) -> Result<(), Breach> {
        let mut state = State::default();
        let mut out = Outbox::default();
        for record in self.keep.read() {
            if let Err(divergence) = state.verify(&record, &mut out) {
                let (seq, at) = (divergence.seq, record.at);
                let rule = "a log verifies";
                return Err(Breach { seq, at, rule, found: divergence.to_string() });
            }
        }
        if state != self.state || state != self.mirror {
            return Err(self.breach("a log verifies", "it ends in another state".into()));
        }
        let log: Vec<Record> = self.keep.read().collect();
        match played::differs(&self.drawn.scenario, &log) {
            None => Ok(()),
            Some((_, found)) => {
                Err(self.breach("with nothing changed a log comes out again", found))
            }
        }
    }

    fn count_served(&mut self) {
        let awake = self.state.series().iter().filter(|series| series.wake == Wake::Awake);
        for series in awake {
            let whole = series.flow.unassigned().0 == 0;
            let count = if whole { &mut self.numbers.served } else { &mut self.numbers.unserved };
            *count += 1;
        }
    }

    fn end_with(&self, found: Option<(&'static str, String)>) -> Result<(), Breach> {
        found.map_or(Ok(()), |(rule, found)| Err(self.breach(rule, found)))
    }

    fn breach(&self, rule: &'static str, found: String) -> Breach {
        let seq = self.keep.records().saturating_sub(1) as u64;
        Breach { seq: periplus_core::ids::Seq(seq), at: self.state.at(), rule, found }
    }
}

/// Whether a cluster had no node for a pod that fits.
fn is_cramped(event: &Event) -> bool {
    matches!(
        event,
        Event::BindingFailed { fault: Fault::Unschedulable, .. } | Event::BerthCapped { .. }
    )
}

/// Whether an input comes from somebody who notices that it was lost: a command, or what the hub was told of
/// the ways between places.
fn is_told_once(record: &Record) -> bool {
    match &record.input {
        Input::Command(_) => true,
        Input::Observation(observation) => matches!(observation.sight, Sight::Reach { .. }),
        Input::Report(_) | Input::Timer(_) => false,
    }
}
