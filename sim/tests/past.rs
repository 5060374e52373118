//! Runs that begin as a log does: unchanged they are the log, and what is imposed shows just there.

mod support;

use periplus_core::input::{Command, Observation, Sight};
use periplus_core::intent::Scaling;
use periplus_core::policy::Policy;
use periplus_core::units::{MicroUsd, MilliRps, Span, Tick};
use periplus_core::{Input, Record};
use periplus_sim::{Outcome, Twins};
use periplus_spec::scenario::{Act, Moment, Scenario};
use support::recorded::{Recorded, assert_unchanged, parting};
use support::{Size, minutes, scenario, troubles, with};

impl Recorded {
    /// What would have been if this had happened besides.
    fn impose(&self, at: Span, act: Act) -> Imposed {
        let at = Tick::ZERO.after(at);
        let mut after = self.scenario.clone();
        after.timeline.push(Moment { at, act });
        after.timeline.sort_by_key(|moment| moment.at);
        self.impose_all(&after, at)
    }

    fn impose_all(&self, after: &Scenario, at: Tick) -> Imposed {
        let (outcome, records) = self.fork(after, at, Twins::Followed);
        let same = parting(&self.records, &records).map(|place| &self.records[..place]);
        let same_until =
            same.map_or(Tick::MAX, |same| same.last().map_or(Tick::ZERO, |last| last.at));
        Imposed { outcome, records, same_until }
    }
}

/// What came of something that is imposed on a log.
struct Imposed {
    outcome: Outcome,
    records: Vec<Record>,
    /// Until when it is the log, record by record.
    same_until: Tick,
}

/// What of two accounts differs by more than a hundredth.
fn apart(one: &Outcome, other: &Outcome) -> Vec<String> {
    let numbers = |outcome: &Outcome| {
        let all = &outcome.summary.all;
        [
            ("attainment", all.slo.attainment),
            ("p50", all.latency.p50_ms),
            ("p95", all.latency.p95_ms),
            ("cost", all.cost.total),
            ("carbon", all.carbon.kg),
            ("commits", outcome.summary.commits as f64),
        ]
    };
    let pairs = numbers(one).into_iter().zip(numbers(other));
    let differ = pairs.filter(|((_, one), (_, other))| (one - other).abs() > 0.01 * one.abs());
    differ.map(|((name, one), (_, other))| format!("{name}: {one} and {other}")).collect()
}

#[test]
fn nothing_changed_is_the_log_itself() {
    assert_unchanged(scenario(&Size::default()));
    assert_unchanged(scenario(&Size { noise: 300, base: 90_000, ..Size::default() }));
    assert_unchanged(scenario(&Size { grouped: true, noise: 200, ..Size::default() }));
}

#[test]
fn nothing_changed_is_the_log_itself_where_clusters_scale_by_themselves() {
    let scaling = Scaling::Hpa { min: 1, max: 20 };
    assert_unchanged(scenario(&Size { scaling, noise: 300, ..Size::default() }));
}

#[test]
fn nothing_changed_is_the_log_itself_whatever_went_wrong() {
    let size = Size { noise: 200, base: 60_000, duration: minutes(400), ..Size::default() };
    for trouble in troubles() {
        assert_unchanged(with(scenario(&size), vec![trouble]));
    }
    assert_unchanged(with(scenario(&size), troubles()));
    let grouped = Size { grouped: true, ..size };
    assert_unchanged(with(scenario(&grouped), troubles()));
}

#[test]
fn a_log_is_metered_as_it_was_and_a_fitted_world_comes_close() {
    let size = Size { noise: 200, base: 60_000, ..Size::default() };
    let scaling = Scaling::Hpa { min: 1, max: 20 };
    for size in [size.clone(), Size { grouped: true, ..size.clone() }, Size { scaling, ..size }] {
        let recorded = Recorded::new(scenario(&size));
        let (played, _) = recorded.fork(&recorded.scenario, Tick::ZERO, Twins::Followed);
        assert_eq!(apart(&recorded.outcome, &played), Vec::<String>::new());
        let (fitted, _) = recorded.fork(&recorded.scenario, Tick::ZERO, Twins::Ignored);
        assert_eq!(apart(&recorded.outcome, &fitted), Vec::<String>::new());
    }
}

#[test]
fn seeds_decide_nothing_that_the_log_knows() {
    let recorded = Recorded::new(scenario(&Size::default()));
    let other = Scenario { seed: 1_000, ..recorded.scenario.clone() };
    let (_, records) = recorded.fork(&other, Tick::ZERO, Twins::Followed);
    assert_eq!(parting(&recorded.records, &records), None);
}

/// A log long enough that what is imposed in its middle is overcome.
fn recorded() -> Recorded {
    let size = Size { noise: 200, base: 60_000, duration: minutes(600), ..Size::default() };
    Recorded::new(scenario(&size))
}

/// A cluster that serves anybody in a log.
fn busy(recorded: &Recorded) -> periplus_core::ids::ClusterId {
    let state = &recorded.outcome.state;
    state.berths().next().expect("somebody is served").1.cluster
}

#[test]
fn an_outage_is_imposed_on_what_was_recorded() {
    let recorded = recorded();
    let (there, at) = (busy(&recorded), minutes(200));
    let act = Act::Outage { clusters: vec![there], lasts: Some(minutes(60)) };
    let imposed = recorded.impose(at, act);
    let begins = Tick::ZERO.after(at);
    assert!(imposed.same_until <= begins.after(Span(60_000)), "{}", imposed.same_until);
    assert!(imposed.same_until.after(Span(60_000)) >= begins, "{}", imposed.same_until);
    // Nothing is heard of it meanwhile, and something again afterwards.
    let heard = |from: Tick, until: Tick| {
        let told = imposed.records.iter().filter(move |record| (from..until).contains(&record.at));
        told.filter(|record| {
            let Input::Observation(Observation { sight, as_of }) = &record.input else {
                return false;
            };
            let of_it = match sight {
                Sight::Heartbeats(clusters) => clusters.contains(&there),
                Sight::Capacity { cluster, .. } | Sight::Readiness { cluster, .. } => {
                    *cluster == there
                }
                Sight::Demand { .. }
                | Sight::Prices(_)
                | Sight::Carbon(_)
                | Sight::Reach { .. } => false,
            };
            of_it && *as_of >= from
        })
        .count()
    };
    let ends = begins.after(minutes(60));
    assert_eq!(heard(begins, ends), 0);
    assert!(heard(ends, ends.after(minutes(2))) > 0);
    let (before, after) = (&recorded.outcome.summary, &imposed.outcome.summary);
    assert!(after.all.requests.unserved > before.all.requests.unserved + 1_000.0);
    assert!(after.placements > before.placements);
}

#[test]
fn every_trouble_can_be_imposed_and_is_overcome() {
    let recorded = recorded();
    for (at, act) in troubles() {
        let name = format!("{act:?}");
        let imposed = recorded.impose(at, act);
        let begins = Tick::ZERO.after(at);
        assert!(imposed.same_until.after(minutes(2)) >= begins, "{name}: {}", imposed.same_until);
        let last = imposed.outcome.rows.last().expect("it was metered");
        assert_eq!(last.unserved, 0.0, "{name}");
    }
}

#[test]
fn growth_scales_what_was_measured_from_then_on() {
    let recorded = recorded();
    let mut after = recorded.scenario.clone();
    for series in &mut after.fleet.series {
        series.demand.base = MilliRps(2 * series.demand.base.0);
    }
    let at = Tick::ZERO.after(minutes(120));
    let imposed = recorded.impose_all(&after, at);
    assert!(imposed.same_until >= at, "{}", imposed.same_until);
    let rates = |records: &[Record]| -> Vec<(Tick, Vec<u64>)> {
        let demand = records.iter().filter_map(|record| {
            let Input::Observation(Observation { as_of, sight }) = &record.input else {
                return None;
            };
            let Sight::Demand { rates, .. } = sight else { return None };
            Some((*as_of, rates.iter().map(|rate| rate.1.0).collect()))
        });
        demand.collect()
    };
    for ((as_of, before), (then, after)) in
        rates(&recorded.records).iter().zip(rates(&imposed.records))
    {
        assert_eq!(*as_of, then);
        let factor = if *as_of > at { 2 } else { 1 };
        let expected: Vec<u64> = before.iter().map(|rate| factor * rate).collect();
        assert_eq!(expected, after, "{as_of}");
    }
    let offered = |outcome: &Outcome| outcome.summary.all.requests.offered;
    let share = offered(&imposed.outcome) / offered(&recorded.outcome);
    assert!((1.8..2.0).contains(&share), "{share}");
}

#[test]
fn a_policy_that_changes_nothing_keeps_every_twin_and_another_does_not() {
    let recorded = recorded();
    let declare = |policy: Policy| {
        let command = Command::DeclarePolicy(Box::new(policy));
        Act::Inputs(vec![Input::Command(command)])
    };
    let known = recorded.outcome.state.policy().clone();
    let same = recorded.impose(minutes(100), declare(known.clone()));
    let effects = |records: &[Record]| -> Vec<_> {
        let effects = records.iter().flat_map(|record| {
            record.effects.iter().map(move |issued| (record.at, issued.effect.clone()))
        });
        effects.collect()
    };
    assert_eq!(effects(&same.records), effects(&recorded.records));
    assert_eq!(apart(&same.outcome, &recorded.outcome), Vec::<String>::new());
    let dear = Policy { carbon_tonne: MicroUsd(20_000_000_000), ..known };
    let other = recorded.impose(minutes(100), declare(dear));
    assert_ne!(effects(&other.records), effects(&recorded.records));
}
