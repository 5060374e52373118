//! Scenarios that were run, and what their logs say.

#![allow(dead_code, reason = "each test uses its own part")]

use periplus_core::ids::BindingId;
use periplus_core::state::Phase;
use periplus_core::units::Tick;
use periplus_core::{Record, State};
use periplus_sim::{Fork, Outcome, Past, Twins, Watch, World, rerun, run};
use periplus_spec::scenario::Scenario;

/// A scenario, its log, and what the log says.
pub(crate) struct Recorded {
    pub(crate) scenario: Scenario,
    pub(crate) records: Vec<Record>,
    pub(crate) outcome: Outcome,
    pub(crate) past: Past,
}

impl Recorded {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let mut records: Vec<Record> = Vec::new();
        let outcome = run(&scenario, &mut records, &mut ()).expect("nothing can fail");
        let mut past = Past::new(&scenario);
        let mut state = State::default();
        for record in &records {
            state.fold(record);
            past.read(&record.as_ref(), &state);
        }
        past.finish();
        Self { scenario, records, outcome, past }
    }

    /// What would have been if the scenario had become `after` at `at`.
    pub(crate) fn fork(&self, after: &Scenario, at: Tick, twins: Twins) -> (Outcome, Vec<Record>) {
        let fork = Fork::new(&self.past, &self.scenario, after, at);
        let mut records: Vec<Record> = Vec::new();
        let tape = Box::new(self.records.iter().cloned().map(Ok));
        let mut misbeliefs = Misbeliefs::default();
        let outcome = rerun(&fork, &self.past, tape, twins, &mut records, &mut misbeliefs);
        assert_eq!(misbeliefs.0, Vec::<String>::new());
        (outcome.expect("nothing can fail"), records)
    }
}

/// What the machine believes at the end and is not so.
#[derive(Default)]
pub(crate) struct Misbeliefs(pub(crate) Vec<String>);

impl Watch for Misbeliefs {
    fn probes(&self) -> Vec<Tick> {
        vec![Tick::MAX]
    }

    fn probe(&mut self, _: Tick, state: &State, world: &World<'_>) {
        for (berth, entry) in state.berths() {
            for binding in &entry.bindings {
                let id = BindingId { berth, component: binding.component };
                let pods = world.pods(entry.cluster, id);
                if binding.phase == Phase::Ready && pods.ready != u32::from(binding.seen) {
                    self.0.push(format!("{id:?}: {} seen, {pods:?}", binding.seen));
                }
            }
        }
    }
}

/// The place of the first record in which two logs differ.
pub(crate) fn parting(one: &[Record], other: &[Record]) -> Option<usize> {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    (same < one.len().max(other.len())).then_some(same)
}

#[track_caller]
pub(crate) fn assert_unchanged(scenario: Scenario) {
    let recorded = Recorded::new(scenario);
    let (outcome, records) = recorded.fork(&recorded.scenario, Tick::ZERO, Twins::Followed);
    if let Some(place) = parting(&recorded.records, &records) {
        let around = place.saturating_sub(2)..place + 3;
        panic!(
            "record {place} differs\n{:#?}\n{:#?}",
            recorded.records.get(around.clone()),
            records.get(around)
        );
    }
    assert_eq!(outcome.digest, recorded.outcome.digest);
}
