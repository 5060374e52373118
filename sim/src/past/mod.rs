//! The past: what a log says, so that another run can begin from it and go another way.
//!
//! Everything that reached the machine is either *exogenous* (it would have come whatever was decided) or a
//! consequence of one of its effects. Reading a log gives a [`Past`]: every effect with what came of it and when,
//! and what the log shows of the world: demand, tariffs, silences, how long things took. A run [from
//! it](crate::World::after) gets the exogenous inputs again as they stand in the log. An effect that has a *twin*,
//! one with the same content that was asked for at about the same time, gets the twin's consequences at
//! the twin's delays. Only effects without a twin ask the simulated world, whose delays are fitted to the
//! log. So a run in which nothing is changed is the recorded one, record by record.
//!
//! This reads records, not files: who has a log hands over its records, in order and twice, once to be
//! [read](Past::read) and once as the tape of a run.
//!
//! | file | what it owns |
//! |---|---|
//! | `content` | when two effects are alike |
//! | `seen` | what the log shows of the world |
//! | `fit` | how long things took, and a scenario in which they take as long |
//! | `fork` | a scenario that begins as the log does and goes another way |

pub(crate) mod content;
mod fit;
pub(crate) mod fork;
mod seen;

use std::collections::BTreeMap;

use periplus_core::effect::EffectKey;
use periplus_core::ids::{ClusterId, Seq};
use periplus_core::input::{Command, Observation, Outcome, Reading, Seen, Sight};
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, RecordRef, Sink, SinkFault, State};
use periplus_spec::scenario::Scenario;

use self::content::Content;
use self::seen::World;
use crate::world::adopted;

pub use self::fit::{Sample, Samples};
pub use self::fork::{Fork, Origin};

/// Two effects further apart than this are no twins: what came of the one (a node that was lost an hour later,
/// say) would come of the other at a time at which nothing was wrong.
const TWIN_WITHIN: Span = Span(10 * Span::MINUTE.0);

/// What a log says.
#[derive(Clone, Debug)]
pub struct Past {
    effects: Vec<Asked>,
    by_key: BTreeMap<EffectKey, u32>,
    by_content: BTreeMap<Content, Vec<u32>>,
    /// When which deadline fired, ascending: usually at once, but a service may be late.
    timers: Vec<(Tick, Seq, Tick)>,
    /// When which report about a binding was true and when it was learned, as spans.
    world: World,
    records: u64,
    end: Tick,
}

/// An effect that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) content: Content,
    /// When it was asked for; more than once if it was tried again.
    pub(crate) attempts: Vec<Tick>,
    pub(crate) consequences: Vec<Consequence>,
}

/// Something that came of an effect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Consequence {
    /// Which attempt it came after, counted from 0.
    pub(crate) attempt: usize,
    /// When the machine learned of it, and where that stands in the log.
    pub(crate) at: Tick,
    pub(crate) seq: Seq,
    /// The place in its record.
    pub(crate) place: u32,
    pub(crate) news: News,
}

/// What came of an effect.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    Report(Outcome),
    Reading { cluster: ClusterId, as_of: Tick, seen: Seen },
}

impl Past {
    /// The past of a log that was made from `scenario`, of which nothing has been read.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            effects: Vec::new(),
            by_key: BTreeMap::new(),
            by_content: BTreeMap::new(),
            timers: Vec::new(),
            world: World::new(scenario),
            records: 0,
            end: Tick::ZERO,
        }
    }

    /// Begins with a state instead of with nothing: the records before it are no longer kept.
    pub fn begin(&mut self, state: &State) {
        self.records = state.seq().0;
        self.world.begin(state);
    }

    /// Takes the next record; `state` is what it led to.
    pub fn read(&mut self, record: &RecordRef<'_>, state: &State) {
        self.records += 1;
        self.end = record.at;
        match record.input {
            Input::Observation(observation) => {
                self.world.see(record.at, observation);
                if let Sight::Readiness { cluster, readings } = &observation.sight {
                    self.read_readings(record, *cluster, observation, readings);
                }
            }
            Input::Report(report) => {
                self.follow(report.key, record, 0, News::Report(report.outcome));
            }
            Input::Timer(fired) => self.timers.push((fired.due, record.seq, record.at)),
            Input::Command(command) => {
                self.world.heed(record.at, command);
                if let Command::Adopt(_) = command {
                    self.read_adopted(record.at, state);
                }
            }
        }
        for issued in record.effects {
            if let Some(known) = self.by_key.get(&issued.key) {
                self.effects[*known as usize].attempts.push(record.at);
                continue;
            }
            let content = Content::of(&issued.effect, state);
            let number = self.ask(issued.key, content.clone(), record.at);
            self.by_content.entry(content).or_default().push(number);
        }
    }

    /// What was adopted goes its way as if somebody had asked for it; but nobody else can be like it.
    fn read_adopted(&mut self, at: Tick, state: &State) {
        for (key, id) in adopted(state) {
            self.ask(key, Content::of_binding(id, state), at);
        }
    }

    fn ask(&mut self, key: EffectKey, content: Content, at: Tick) -> u32 {
        let number = u32::try_from(self.effects.len()).expect("fewer than 2^32 effects");
        self.by_key.insert(key, number);
        self.effects.push(Asked { content, attempts: vec![at], consequences: Vec::new() });
        number
    }

    fn read_readings(
        &mut self,
        record: &RecordRef<'_>,
        cluster: ClusterId,
        observation: &Observation,
        readings: &[Reading],
    ) {
        for (place, reading) in (0..).zip(readings) {
            let news = News::Reading { cluster, as_of: observation.as_of, seen: reading.seen };
            self.follow(reading.cause, record, place, news);
        }
    }

    /// Something came of an effect. One that this log does not have was asked for before it begins.
    fn follow(&mut self, key: EffectKey, record: &RecordRef<'_>, place: u32, news: News) {
        let Some(number) = self.by_key.get(&key) else { return };
        let asked = &mut self.effects[*number as usize];
        let attempt = asked.attempts.len() - 1;
        let (at, seq) = (record.at, record.seq);
        asked.consequences.push(Consequence { attempt, at, seq, place, news });
    }

    /// When the last record was made.
    #[must_use]
    pub fn end(&self) -> Tick {
        self.end
    }

    /// How many records were read.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The effect that had this very key.
    pub(crate) fn number(&self, key: EffectKey) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn asked(&self, number: u32) -> &Asked {
        &self.effects[number as usize]
    }

    /// The effect with this content that was asked for nearest to `at` of those that are `free`: of two, the
    /// earlier.
    pub(crate) fn twin(
        &self,
        content: &Content,
        at: Tick,
        free: impl Fn(u32) -> bool,
    ) -> Option<u32> {
        let apart = |number: u32| {
            let asked = self.asked(number).attempts[0];
            at.since(asked).max(asked.since(at))
        };
        let alike = self.by_content.get(content)?.iter().copied();
        let near = alike.filter(|number| free(*number) && apart(*number) <= TWIN_WITHIN);
        near.min_by_key(|number| (apart(*number), *number))
    }

    /// When the deadline `due` fired for the `nth` time, counted from 0, and where that stands in the log.
    pub(crate) fn fired(&self, due: Tick, nth: usize) -> Option<(Tick, Seq)> {
        let first = self.timers.partition_point(|fired| fired.0 < due);
        let fired = self.timers.get(first + nth).filter(|fired| fired.0 == due)?;
        Some((fired.2, fired.1))
    }

    /// Everything has been read.
    pub fn finish(&mut self) {
        self.timers.sort_unstable();
        self.world.finish(self.end);
    }
}

impl Sink for Past {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        self.read(record, state);
        Ok(())
    }
}
