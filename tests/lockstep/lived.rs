//! A scenario as a desk lives through it: the simulated world is its world, and the world's repository its repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use periplus_core::effect::{Effect, EffectKey};
use periplus_core::input::{Command, EffectReport, Outcome, Sight};
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, Record, RecordRef, State};
use periplus_emit::Repository;
use periplus_git::{Line, TargetId};
use periplus_live::delivery::{Parcel, Routes};
use periplus_live::desk::{Desk, Narrator, Setup};
use periplus_live::intents::Intents;
use periplus_live::sighting::Sighting;
use periplus_sim::World;
use periplus_spec::Bundle;
use periplus_spec::draft::{Document, Kind};
use periplus_spec::scenario::Scenario;
use periplus_spec::values::Name;
use tempfile::TempDir;

use crate::shown;

/// What a desk did.
pub(crate) struct Lived {
    pub(crate) records: Vec<Record>,
    /// Entries of sightings that it had no use for.
    pub(crate) unknown: u64,
    /// Times at which the clock stood before its last record.
    pub(crate) clamped: u64,
}

/// Lets a desk live through a scenario.
pub(crate) fn run(bundle: &Bundle, scenario: &Scenario) -> Lived {
    let mut driver = Driver::new(bundle, scenario);
    driver.run();
    let counts = driver.desk.counts();
    let records = driver.heard.taken();
    let all = driver.records;
    assert!(records.is_empty(), "everything was carried out");
    driver.desk.finish().unwrap();
    Lived { records: all, unknown: counts.unknown, clamped: counts.clamped }
}

struct Driver<'s> {
    _home: TempDir,
    scenario: &'s Scenario,
    world: World<'s>,
    desk: Desk,
    heard: Ear,
    records: Vec<Record>,
    declared: Declared,
    /// Effects since the last parcel was sent.
    asked: BTreeSet<EffectKey>,
    /// What is on its way to which repository, and what it was asked for.
    flying: BTreeMap<TargetId, BTreeSet<EffectKey>>,
    /// What the world said of effects that the desk has not been told of.
    answers: BTreeMap<EffectKey, Outcome>,
}

impl<'s> Driver<'s> {
    fn new(bundle: &Bundle, scenario: &'s Scenario) -> Self {
        let home = TempDir::new().unwrap();
        let heard = Ear::default();
        let repository = Repository { url: "ssh://git@git.example.net/fleet.git".into(), branch: "main".into() };
        let routes = Routes { pulled: repository.clone(), written: repository, base: None };
        let intents = Intents::begin(bundle.clone(), scenario.epoch_unix_ms).unwrap();
        let setup = Setup {
            intents: Some(intents),
            routes,
            window: Span::ZERO,
            narrator: Box::new(heard.clone()),
            made_by: "a test".into(),
        };
        let desk = Desk::open(home.path(), setup, scenario.epoch_unix_ms).unwrap();
        Self {
            _home: home,
            scenario,
            world: World::new(scenario),
            desk,
            heard,
            records: Vec::new(),
            declared: Declared::new(bundle),
            asked: BTreeSet::new(),
            flying: BTreeMap::new(),
            answers: BTreeMap::new(),
        }
    }

    fn run(&mut self) {
        self.begin();
        while let Some((at, input)) = self.world.next_input(self.desk.state()) {
            self.tell(at, &input);
            self.carry_out(at);
            self.turn(at);
            self.answer(at);
        }
    }

    /// What stood there at first was told when the desk was opened.
    fn begin(&mut self) {
        let told = self.heard.taken();
        for (place, (record, _)) in told.iter().enumerate() {
            let (_, input) = self.world.next_input(self.desk.state()).unwrap();
            assert_eq!(record.input, input, "{place}: other things are declared");
        }
        assert_eq!(told.len(), self.scenario.setup.len(), "other things are declared");
        self.take(Tick::ZERO, told);
        self.turn(Tick::ZERO);
    }

    fn unix(&self, at: Tick) -> i64 {
        self.scenario.epoch_unix_ms.saturating_add_unsigned(at.0)
    }

    fn tell(&mut self, at: Tick, input: &Input) {
        let now = self.unix(at);
        match input {
            Input::Timer(_) => {}
            Input::Report(EffectReport { key, outcome }) => {
                self.answers.insert(*key, *outcome);
            }
            Input::Command(command) if is_declared(command) => self.declare(at),
            Input::Command(command) => self.desk.command(command.clone(), now).unwrap(),
            Input::Observation(observation) => {
                if matches!(observation.sight, Sight::Reach { .. }) {
                    self.declare(at);
                }
                let as_of_unix_ms = self.unix(observation.as_of);
                let extended = &self.scenario.fleet.extended;
                for sight in shown::sights(observation, self.desk.state(), extended) {
                    self.desk.see(&Sighting { as_of_unix_ms, sight }, now).unwrap();
                }
            }
        }
    }

    /// What is declared at a time comes in one piece.
    fn declare(&mut self, at: Tick) {
        let Some(bundle) = self.declared.at(at) else { return };
        let now = self.unix(at);
        self.desk.declare(bundle, now).unwrap().unwrap();
    }

    /// The desk's turn ends, as a service's does when nothing waits any more.
    fn turn(&mut self, at: Tick) {
        let now = self.unix(at);
        let parcels = self.desk.turn(now).unwrap();
        self.carry_out(at);
        for Parcel { target, .. } in parcels {
            let asked = std::mem::take(&mut self.asked);
            self.flying.insert(target, asked);
        }
    }

    /// The world's repository has answered for all that a parcel was asked for.
    fn answer(&mut self, at: Tick) {
        loop {
            let is_answered = |keys: &BTreeSet<EffectKey>| keys.iter().all(|key| self.answers.contains_key(key));
            let Some((target, keys)) = self.flying.iter().find(|(_, keys)| is_answered(keys)) else { return };
            let (target, keys) = (target.clone(), keys.clone());
            self.flying.remove(&target);
            let outcomes: Vec<Outcome> = keys.iter().filter_map(|key| self.answers.remove(key)).collect();
            let worst = outcomes.iter().find(|outcome| **outcome != Outcome::Done);
            let outcome = worst.copied().unwrap_or(Outcome::Done);
            let now = self.unix(at);
            self.desk.settle(&target, outcome, now).unwrap();
            self.carry_out(at);
            self.turn(at);
        }
    }

    /// The world does what was asked for.
    fn carry_out(&mut self, at: Tick) {
        let told = self.heard.taken();
        self.take(at, told);
    }

    fn take(&mut self, at: Tick, told: Vec<(Record, Option<State>)>) {
        for (record, state) in told {
            if let Some(state) = state {
                self.world.carry_out(at, &record.effects, &state);
            }
            for issued in &record.effects {
                if !matches!(issued.effect, Effect::Alert(_)) {
                    self.asked.insert(issued.key);
                    self.answers.remove(&issued.key);
                }
            }
            if let Input::Report(report) = &record.input {
                // Nothing was to be written for it.
                self.asked.remove(&report.key);
            }
            self.records.push(record);
        }
    }
}

/// Hears of every record, and of the state that one with effects led to.
#[derive(Clone, Debug, Default)]
struct Ear {
    heard: Arc<Mutex<Vec<(Record, Option<State>)>>>,
}

impl Ear {
    fn taken(&self) -> Vec<(Record, Option<State>)> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

impl Narrator for Ear {
    fn hear(&mut self, record: &RecordRef<'_>, state: &State) {
        let state = (!record.effects.is_empty()).then(|| state.clone());
        self.heard.lock().unwrap().push((record.to_record(), state));
    }

    fn lines(&mut self) -> Vec<Line> {
        Vec::new()
    }
}

/// What is declared, and when it changes.
struct Declared {
    now: Bundle,
    /// The last time at which it changed.
    done: Tick,
    timeline: Bundle,
}

impl Declared {
    fn new(bundle: &Bundle) -> Self {
        Self { now: bundle.clone(), done: Tick::ZERO, timeline: bundle.clone() }
    }

    /// What is declared from a time on, if that is new.
    fn at(&mut self, at: Tick) -> Option<Bundle> {
        if self.done == at {
            return None;
        }
        self.done = at;
        let key = |one: &Document| -> (Kind, Name) { (one.kind(), one.metadata().name.clone()) };
        for moment in self.timeline.scenario.spec.timeline.iter().filter(|moment| moment.at.0.0 == at.0) {
            for document in moment.declare.iter().flatten() {
                self.now.documents.retain(|known| key(known) != key(document));
                self.now.documents.push(document.clone());
            }
            for app in moment.withdraw.iter().flat_map(|apps| &apps.0) {
                self.now.documents.retain(|known| key(known) != (Kind::Application, app.clone()));
            }
        }
        Some(self.now.clone())
    }
}

/// Whether somebody declares this, rather than commands it.
fn is_declared(command: &Command) -> bool {
    match command {
        Command::Name { .. }
        | Command::DeclarePolicy(_)
        | Command::DeclareTenant(..)
        | Command::DeclareCluster(..)
        | Command::DeclareZone(..)
        | Command::DeclareApp(..)
        | Command::DeclareSeries { .. }
        | Command::WithdrawApp(_) => true,
        Command::RetireCluster(_)
        | Command::Cordon(_)
        | Command::Uncordon(_)
        | Command::Drain(_)
        | Command::Undrain(_)
        | Command::DeclareLost(_)
        | Command::Pin { .. }
        | Command::Unpin { .. }
        | Command::Approve(_)
        | Command::Pause
        | Command::Resume
        | Command::Adopt(_) => false,
    }
}

