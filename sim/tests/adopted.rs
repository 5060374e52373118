//! Scenarios that begin with something that runs already: the world is as the machine was told.

mod support;

use std::sync::Arc;

use periplus_core::adoption::Adoption;
use periplus_core::event::Event;
use periplus_core::fleet::{NodeCount, PoolReport};
use periplus_core::ids::{ClusterId, SeriesId, Symbol};
use periplus_core::input::{BATCH_MAX, Command, Observation, Sight, SourceId};
use periplus_core::intent::Scaling;
use periplus_core::units::{MilliRps, Span, Tick};
use periplus_core::{Input, Record, State};
use periplus_sim::run;
use periplus_spec::scenario::{PoolTruth, Scenario, Shape};
use support::recorded::{Misbeliefs, Recorded, assert_unchanged};
use support::{Size, minutes, scenario, troubles, with};

/// `scenario` as it goes on from a state that its run came to at `at`.
fn going_on(scenario: &Scenario, at: Tick, state: &State) -> Scenario {
    let mut after = scenario.clone();
    for series in &mut after.fleet.series {
        let shape = &series.demand.shape;
        let first = usize::try_from(at.0 / shape.step.0).expect("shapes are short");
        let mut values = shape.values.clone();
        let length = values.len();
        values.rotate_left(first % length);
        series.demand.shape = Arc::new(Shape { step: shape.step, values });
    }
    after.setup.extend(first_rooms(scenario));
    after.setup.push(Input::Command(Command::Adopt(Box::new(state.running()))));
    after.setup.extend(first_demand(state));
    after
}

fn first_rooms(scenario: &Scenario) -> impl Iterator<Item = Input> + '_ {
    scenario.fleet.clusters.iter().enumerate().map(|(place, truth)| {
        // All pools are called by the setup's second name.
        let pool = |pool: &PoolTruth| PoolReport {
            pool: Symbol(1),
            nodes: vec![NodeCount { room: pool.room, nodes: pool.nodes }],
        };
        let cluster = ClusterId::from_index(place);
        let sight = Sight::Capacity { cluster, pools: truth.pools.iter().map(pool).collect() };
        Input::Observation(Observation { as_of: Tick::ZERO, sight })
    })
}

fn first_demand(state: &State) -> Vec<Input> {
    let rates = state.series().iter().map(|series| series.flow.rate);
    let rates: Vec<(SeriesId, MilliRps)> =
        rates.enumerate().map(|(place, rate)| (SeriesId::from_index(place), rate)).collect();
    let batches = (0..).map(SourceId).zip(rates.chunks(BATCH_MAX));
    let sight = |(source, rates): (SourceId, &[_])| Sight::Demand { source, rates: rates.to_vec() };
    let observation = |sight| Observation { as_of: Tick::ZERO, sight };
    batches.map(sight).map(observation).map(Input::Observation).collect()
}

/// The state that a scenario has come to at `at`.
fn state_at(recorded: &Recorded, at: Tick) -> State {
    let mut state = State::default();
    recorded.records.iter().take_while(|record| record.at <= at).for_each(|one| state.fold(one));
    state
}

fn variants() -> [Size; 3] {
    let size = Size { noise: 0, base: 60_000, ..Size::default() };
    let scaling = Scaling::Hpa { min: 1, max: 20 };
    [size.clone(), Size { grouped: true, ..size.clone() }, Size { scaling, ..size }]
}

/// The records of a run, in which nothing that was to be adopted was refused.
fn records(scenario: &Scenario) -> (Vec<Record>, Vec<periplus_sim::Row>) {
    let (mut records, mut misbeliefs): (Vec<Record>, _) = (Vec::new(), Misbeliefs::default());
    let outcome = run(scenario, &mut records, &mut misbeliefs).expect("nothing can fail");
    assert_eq!(misbeliefs.0, Vec::<String>::new());
    let refused = records.iter().flat_map(|record| &record.events);
    let refused = refused.filter(|event| matches!(event, Event::CommandRefused { .. }));
    assert_eq!(refused.collect::<Vec<_>>(), Vec::<&Event>::new());
    (records, outcome.rows)
}

#[test]
fn what_is_settled_stays_as_it_is_and_serves_from_the_first_moment() {
    for size in variants() {
        let mut calm = scenario(&size);
        for series in &mut calm.fleet.series {
            series.demand.shape = Arc::new(Shape { step: Span::HOUR, values: vec![1_000] });
        }
        let recorded = Recorded::new(calm);
        let (end, state) = (recorded.past.end(), &recorded.outcome.state);
        assert_ne!(state.running(), Adoption::default());
        let after = going_on(&recorded.scenario, end, state);
        let (records, rows) = records(&after);
        let done: usize = records.iter().map(|record| record.effects.len()).sum();
        assert_eq!(done, 0, "{size:?}");
        assert!(rows.iter().all(|row| row.unserved == 0.0), "{size:?}");
    }
}

#[test]
fn any_moment_of_a_run_is_taken_over() {
    let size = Size { noise: 200, base: 60_000, ..Size::default() };
    let recorded = Recorded::new(with(scenario(&size), troubles()));
    for minute in (5..240).step_by(17) {
        let at = Tick::ZERO.after(minutes(minute));
        let state = state_at(&recorded, at);
        records(&going_on(&scenario(&size), at, &state));
    }
}

#[test]
fn a_log_that_begins_with_something_is_itself_if_nothing_is_changed() {
    for size in variants() {
        let size = Size { noise: 200, ..size };
        let recorded = Recorded::new(scenario(&size));
        let at = Tick::ZERO.after(minutes(120));
        let after = going_on(&recorded.scenario, at, &state_at(&recorded, at));
        assert_unchanged(after.clone());
        assert_unchanged(with(after, troubles()));
    }
}
