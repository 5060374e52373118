//! A scenario as a desk lives through it: the simulated world is its world, and the world's repository its repository.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use periplus_core::effect::{Effect, EffectKey};
use periplus_core::input::{EffectReport, Fault, Outcome, Sight};
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
use periplus_spec::scenario::{Act, Scenario};
use tempfile::TempDir;

use crate::Ran;
use crate::declared::Declared;
use crate::shown;

/// Lets a desk live through a scenario.
pub(crate) fn live(bundle: &Bundle, scenario: &Scenario) -> Ran {
    let mut driver = Driver::new(bundle, scenario);
    driver.run();
    let Driver { desk, records, .. } = driver;
    let counts = desk.counts();
    assert_eq!(
        (counts.unknown, counts.clamped),
        (0, 0),
        "all that is shown has its use and its time"
    );
    assert_eq!(counts.records, records.len() as u64);
    let state = desk.state().clone();
    desk.finish().unwrap();
    Ran { records, state }
}

struct Driver<'s> {
    _home: TempDir,
    scenario: &'s Scenario,
    world: World<'s>,
    desk: Desk,
    ear: Ear,
    records: Vec<Record>,
    declared: Declared,
    /// Effects since the last parcel was sent.
    asked: BTreeSet<EffectKey>,
    /// What is on its way to which repository, and the effects that wait for it.
    flying: BTreeMap<TargetId, BTreeSet<EffectKey>>,
    /// What the world said of effects of which the desk was not told.
    answers: BTreeMap<EffectKey, Outcome>,
}

impl<'s> Driver<'s> {
    fn new(bundle: &Bundle, scenario: &'s Scenario) -> Self {
        let (home, ear) = (TempDir::new().unwrap(), Ear::default());
        let url = "ssh://git@git.example.net/fleet.git".into();
        let repository = Repository { url, branch: "main".into() };
        let declared = Declared::new(bundle);
        let intents = Intents::begin(declared.now().clone(), scenario.epoch_unix_ms).unwrap();
        let setup = Setup {
            intents: Some(intents),
            routes: Routes { pulled: repository.clone(), written: repository, base: None },
            // The world has a window of its own.
            window: Span::ZERO,
            narrator: Box::new(ear.clone()),
            made_by: "a test".into(),
        };
        let desk = Desk::open(home.path(), setup, scenario.epoch_unix_ms).unwrap();
        Self {
            _home: home,
            scenario,
            world: World::new(scenario),
            desk,
            ear,
            records: Vec::new(),
            declared,
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
        self.carry_out(Tick::ZERO);
        for told in &self.records {
            let (_, input) = self.world.next_input(self.desk.state()).unwrap();
            assert_eq!(told.input, input, "something else is declared");
        }
        assert_eq!(self.records.len(), self.scenario.setup.len(), "something else is declared");
        self.turn(Tick::ZERO);
    }

    fn tell(&mut self, at: Tick, input: &Input) {
        let now = self.unix_ms(at);
        match input {
            // Its turn comes.
            Input::Timer(_) => {}
            Input::Report(EffectReport { key, outcome }) => {
                self.answers.insert(*key, *outcome);
            }
            Input::Command(command) if self.declared.says(command, self.scenario) => {
                self.declare(at);
            }
            Input::Command(command) => self.desk.command(command.clone(), now).unwrap(),
            Input::Observation(observation) => {
                if matches!(observation.sight, Sight::Reach { .. }) {
                    self.declare(at);
                }
                let as_of_unix_ms = self.unix_ms(observation.as_of);
                let extended = &self.scenario.fleet.extended;
                for sight in shown::sights(observation, self.desk.state(), extended) {
                    self.desk.see(&Sighting { as_of_unix_ms, sight }, now).unwrap();
                }
            }
        }
    }

    /// What is declared at a time is told at once.
    fn declare(&mut self, at: Tick) {
        if let Some(bundle) = self.declared.change(at) {
            let now = self.unix_ms(at);
            self.desk.declare(bundle, now).unwrap().unwrap();
        }
    }

    /// The desk's turn ends, as that of a service does when nothing waits any more.
    fn turn(&mut self, at: Tick) {
        let parcels = self.desk.turn(self.unix_ms(at)).unwrap();
        self.carry_out(at);
        for Parcel { target, .. } in parcels {
            self.flying.insert(target, std::mem::take(&mut self.asked));
        }
    }

    /// A parcel is settled once the world's repository has answered for all effects that wait for it.
    fn answer(&mut self, at: Tick) {
        let known =
            |keys: &BTreeSet<EffectKey>| keys.iter().all(|key| self.answers.contains_key(key));
        let Some(target) = self.flying.iter().find(|(_, keys)| known(keys)) else { return };
        let target = target.0.clone();
        let keys = self.flying.remove(&target).unwrap_or_default();
        let outcomes = keys.iter().filter_map(|key| self.answers.remove(key));
        let failed = outcomes.filter(|outcome| *outcome != Outcome::Done).last();
        let outcome = match failed {
            Some(outcome) => outcome,
            // The world knows nothing of what no effect waits for.
            None if keys.is_empty() && self.is_out(at) => Outcome::Failed(Fault::GitRejected),
            None => Outcome::Done,
        };
        self.desk.settle(&target, outcome, self.unix_ms(at)).unwrap();
        self.carry_out(at);
        self.turn(at);
        self.answer(at);
    }

    /// Whether the repository takes nothing.
    fn is_out(&self, at: Tick) -> bool {
        self.scenario.timeline.iter().any(|moment| {
            let Act::GitOutage { lasts } = moment.act else { return false };
            let over = lasts.map_or(self.world.end(), |lasts| moment.at.after(lasts));
            moment.at <= at && at < over
        })
    }

    /// The world does what was asked for.
    fn carry_out(&mut self, at: Tick) {
        for (record, state) in self.ear.take() {
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
                // For some there is nothing to write.
                self.asked.remove(&report.key);
            }
            self.records.push(record);
        }
    }

    fn unix_ms(&self, at: Tick) -> i64 {
        self.scenario.epoch_unix_ms.saturating_add_unsigned(at.0)
    }
}

/// A record, and the state that it led to if it asks for anything.
type Heard = (Record, Option<State>);

/// Hears of every record.
#[derive(Clone, Debug, Default)]
struct Ear {
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Ear {
    fn take(&self) -> Vec<Heard> {
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
