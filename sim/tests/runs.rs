//! Whole runs against the real machine: what must hold of any of them.

mod support;

use std::collections::BTreeMap;

use periplus_core::decision::Verdict;
use periplus_core::explain::{Candidate, Explained};
use periplus_core::ids::AppId;
use periplus_core::input::{Command, Observation, Sight};
use periplus_core::intent::Scaling;
use periplus_core::units::{Span, Tick};
use periplus_core::{Input, Outbox, Record, RecordRef, State, step};
use periplus_sim::{Breakdown, Dimension, Outcome, Part, Watch, World, run};
use periplus_spec::scenario::{Act, Scenario};
use support::{Size, scenario, with};

fn recorded(scenario: &Scenario) -> (Outcome, Vec<Record>) {
    let mut records = Vec::new();
    let outcome = run(scenario, &mut records, &mut ()).expect("nothing can fail");
    (outcome, records)
}

fn hours(hours: u64) -> Span {
    Span(hours * Span::HOUR.0)
}

#[test]
fn a_quiet_morning_is_served_once_the_first_pods_are_ready() {
    let (outcome, _) = recorded(&scenario(&Size::default()));
    let summary = &outcome.summary;
    let served_late = outcome.rows.iter().skip(2).all(|row| row.unserved == 0.0);
    assert!(served_late, "{:?}", outcome.rows);
    assert!(summary.all.slo.attainment > 0.98, "{}", summary.all.slo.attainment);
    assert_eq!(summary.demand_to_ready.count, 24);
    // A minute until demand is measured, then commit, push, look, pull, start, route.
    assert!((20.0..120.0).contains(&summary.demand_to_ready.p50_s));
    assert!(summary.placements > 0 && summary.all.cold_starts > 0 && summary.commits > 0);
    assert!(summary.all.cost.total > 0.0 && summary.all.carbon.kg > 0.0);
}

#[test]
fn equal_scenarios_give_equal_records_and_another_seed_does_not() {
    let size = Size { noise: 250, ..Size::default() };
    let (first, records) = recorded(&scenario(&size));
    let (again, same) = recorded(&scenario(&size));
    assert!(records == same);
    assert_eq!((first.digest, first.summary), (again.digest, again.summary));
    let (other, _) = recorded(&scenario(&Size { seed: 43, ..size }));
    assert_ne!(first.digest, other.digest);
}

#[test]
fn records_fold_to_the_state_that_the_run_ended_with() {
    let (mut outcome, records) = recorded(&scenario(&Size::default()));
    let mut folded = State::default();
    records.iter().for_each(|record| folded.fold(record));
    assert_eq!(folded.digest(), outcome.state.digest());
}

#[test]
fn requests_add_up_over_apps_and_intervals() {
    let made = with(
        scenario(&Size { noise: 300, ..Size::default() }),
        vec![(
            hours(1),
            Act::Outage { clusters: vec![support::cluster(1)], lasts: Some(hours(1)) },
        )],
    );
    let (outcome, _) = recorded(&made);
    let all = &outcome.summary.all.requests;
    let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-6 * a.abs(), "{a} and {b}");
    close(all.offered, all.served + all.unserved);
    close(all.offered, outcome.rows.iter().map(|row| row.offered).sum());
    close(all.unserved, outcome.rows.iter().map(|row| row.unserved).sum());
    let apps = outcome.summary.apps.values();
    close(all.offered, apps.map(|app| app.requests.offered).sum());
    assert!(all.unserved > 0.0, "the outage was felt");
}

#[test]
fn every_effect_is_answered_exactly_once_for_each_time_that_it_was_asked_for() {
    let acts = vec![
        (Span(30 * Span::MINUTE.0), Act::GitOutage { lasts: Some(Span(10 * Span::MINUTE.0)) }),
        (hours(1), Act::Outage { clusters: vec![support::cluster(0)], lasts: Some(hours(1)) }),
    ];
    let size = Size { noise: 400, base: 80_000, ..Size::default() };
    let (outcome, records) = recorded(&with(scenario(&size), acts));
    let mut open = BTreeMap::new();
    for record in &records {
        if let Input::Report(report) = &record.input {
            let asked = open.get_mut(&report.key).expect("only what was asked for is answered");
            *asked -= 1;
            assert!(*asked >= 0, "{:?} was answered too often", report.key);
        }
        for issued in &record.effects {
            *open.entry(issued.key).or_insert(0_i32) += 1;
        }
    }
    let unanswered = open.values().filter(|asked| **asked > 0).count();
    assert!(unanswered <= outcome.state.outstanding().count(), "{unanswered}");
    assert!(open.len() > 50);
}

#[test]
fn timers_that_are_due_come_before_what_the_world_says() {
    let made = scenario(&Size { noise: 300, ..Size::default() });
    let (mut state, mut out, mut world) = (State::default(), Outbox::default(), World::new(&made));
    let mut timers = 0;
    while let Some((at, input)) = world.next_input(&state) {
        assert!(at >= state.at());
        match &input {
            Input::Timer(fired) => {
                assert_eq!(state.next_deadline(), Some(fired.due));
                timers += 1;
            }
            Input::Observation(_) | Input::Report(_) if at > Tick::ZERO => {
                assert!(state.next_deadline().is_none_or(|deadline| deadline > at));
            }
            Input::Observation(_) | Input::Report(_) | Input::Command(_) => {}
        }
        step(&mut state, at, &input, &mut out).unwrap();
        world.carry_out(at, &out.effects, &state);
        world.take_back(input);
    }
    assert!(timers > 10, "{timers}");
}

#[test]
fn one_more_cluster_does_not_change_what_users_ask_for_or_how_long_others_take() {
    let size = Size { clusters: 6, reach: 1, ..Size::default() };
    let few = scenario(&size);
    let mut more = scenario(&size);
    support::add_far_cluster(&mut more);
    let seen = |scenario: &Scenario| -> Vec<(Tick, Observation)> {
        let (_, records) = recorded(scenario);
        let observations = records.into_iter().filter_map(|record| match record.input {
            Input::Observation(observation) => Some((record.at, observation)),
            Input::Command(_) | Input::Report(_) | Input::Timer(_) => None,
        });
        observations
            .filter(|(_, seen)| match &seen.sight {
                Sight::Demand { .. } => true,
                Sight::Capacity { cluster, .. } => cluster.0 < 6,
                Sight::Heartbeats(_)
                | Sight::Readiness { .. }
                | Sight::Prices(_)
                | Sight::Carbon(_)
                | Sight::Reach { .. } => false,
            })
            .collect()
    };
    assert!(seen(&few) == seen(&more));
}

#[test]
fn an_app_of_two_groups_is_served_across_clusters() {
    let made = scenario(&Size { grouped: true, ..Size::default() });
    let (outcome, _) = recorded(&made);
    assert!(outcome.summary.all.slo.attainment > 0.95, "{}", outcome.summary.all.slo.attainment);
    assert!(outcome.summary.all.latency.mean_ms > 80.0);
}

#[test]
fn a_clusters_own_autoscaler_follows_demand() {
    let size = Size {
        scaling: Scaling::Hpa { min: 1, max: 30 },
        base: 100_000,
        duration: hours(12),
        ..Size::default()
    };
    let (outcome, _) = recorded(&scenario(&size));
    let replicas: Vec<u32> = outcome.rows.iter().map(|row| row.replicas).collect();
    let (early, late) = (replicas[6], replicas[replicas.len() - 1]);
    assert!(late > early, "{early} and {late}");
    assert!(outcome.summary.all.slo.attainment > 0.9, "{}", outcome.summary.all.slo.attainment);
}

#[test]
fn an_app_that_changes_is_rolled_out_and_takes_as_long_as_it_does_now() {
    let mut made = scenario(&Size::default());
    let mut truth = made.fleet.apps[0].clone();
    truth.components.iter_mut().for_each(|component| component.service[0].0 *= 2);
    let intent = made.setup.iter().find_map(|input| match input {
        Input::Command(Command::DeclareApp(AppId(0), intent)) => Some(intent.clone()),
        Input::Command(_) | Input::Observation(_) | Input::Report(_) | Input::Timer(_) => None,
    });
    let mut intent = intent.expect("it is declared");
    intent.generation = 2;
    for component in &mut intent.components {
        component.revision = 2;
        component.staffing[0].1.iter_mut().for_each(|held| held.0 /= 2);
    }
    let told = Act::Inputs(vec![Input::Command(Command::DeclareApp(AppId(0), intent))]);
    let changed = Act::AppChanged { app: AppId(0), truth: Box::new(truth) };
    made = with(made, vec![(hours(2), told), (hours(2), changed)]);
    let (outcome, _) = recorded(&made);
    let rows: Vec<_> = outcome.rows.iter().filter(|row| row.app == AppId(0)).collect();
    let (before, after) = (rows[6], rows[rows.len() - 1]);
    assert!(after.p50_ms > 1.6 * before.p50_ms, "{} and {}", before.p50_ms, after.p50_ms);
    assert!(after.replicas > before.replicas);
    assert!(after.unserved == 0.0, "{}", after.unserved);
}

/// Looks at what is asked of it, and at what time it is.
#[derive(Default)]
struct Onlooker {
    looked: Vec<(Tick, Tick, usize)>,
    told: u64,
}

impl Watch for Onlooker {
    fn progress(&mut self, _: Tick, records: u64) {
        self.told = records;
    }

    fn probes(&self) -> Vec<Tick> {
        vec![Tick::ZERO, Tick(90_000), Tick(3_600_000)]
    }

    fn probe(&mut self, at: Tick, state: &State, world: &World<'_>) {
        let bindings = (0..6).map(|number| world.bindings(support::cluster(number)).len()).sum();
        assert!(state.at() <= at);
        self.looked.push((at, world.now(), bindings));
    }
}

#[test]
fn an_onlooker_sees_state_and_world_as_they_were_at_that_time() {
    let mut onlooker = Onlooker::default();
    let outcome = run(&scenario(&Size::default()), &mut (), &mut onlooker).unwrap();
    let times: Vec<_> = onlooker.looked.iter().map(|look| (look.0, look.1)).collect();
    let probes = onlooker.probes();
    assert_eq!(times, probes.iter().map(|at| (*at, *at)).collect::<Vec<_>>());
    assert_eq!(onlooker.looked[0].2, 0);
    assert!(onlooker.looked[2].2 > 0);
    assert_eq!(onlooker.told, outcome.summary.machine.records);
}

/// Wants to know everything along every set of dimensions.
struct Curious;

impl Watch for Curious {
    fn breakdowns(&self) -> Vec<Breakdown> {
        let sets = (1..16_usize).map(|set| {
            Dimension::ALL.into_iter().enumerate().filter(move |(bit, _)| set >> bit & 1 == 1)
        });
        sets.filter_map(|set| Breakdown::new(set.map(|(_, dimension)| dimension))).collect()
    }
}

#[test]
fn the_parts_of_every_breakdown_add_up_to_the_whole() {
    let outcome = run(&scenario(&Size::default()), &mut (), &mut Curious).unwrap();
    let all = &outcome.summary.all;
    assert_eq!(outcome.parts.len(), 15);
    for (breakdown, parts) in &outcome.parts {
        let sum = |value: &dyn Fn(&Part) -> f64| parts.iter().map(value).sum::<f64>();
        let close = |what: &str, sum: f64, whole: f64| {
            assert!((sum - whole).abs() <= whole * 1e-9, "{breakdown}, {what}: {sum} of {whole}");
        };
        close("offered", sum(&|part| part.offered), all.requests.offered);
        close("served", sum(&|part| part.served), all.requests.served);
        close("attained", sum(&|part| part.attained), all.slo.attainment * all.requests.offered);
        let priced = !breakdown.has(Dimension::Zone);
        assert!(parts.iter().all(|part| part.spent.is_some() == priced), "{breakdown}");
        if priced {
            let spent = |part: &Part| part.spent.expect("looked at before");
            close("cost", sum(&|part| spent(part).cost), all.cost.total);
            close("carbon", sum(&|part| spent(part).carbon_grams), all.carbon.kg * 1e3);
        }
        let hours = parts.iter().filter_map(|part| part.hour);
        assert_eq!(hours.max().is_some(), breakdown.has(Dimension::Hour));
    }
}

#[test]
fn looking_more_closely_changes_nothing() {
    let scenario = scenario(&Size::default());
    let plain = run(&scenario, &mut (), &mut ()).unwrap();
    let closely = run(&scenario, &mut (), &mut Curious).unwrap();
    assert_eq!((plain.digest, plain.summary), (closely.digest, closely.summary));
    assert_eq!(plain.parts, []);
}

/// Wants to know why.
#[derive(Default)]
struct Asking {
    records: u64,
    decisions: usize,
}

impl Watch for Asking {
    fn asks_why(&self) -> bool {
        true
    }

    fn explain(&mut self, record: &RecordRef<'_>, explained: &[Explained], _: &State) {
        self.records += 1;
        self.decisions += explained.len();
        for why in explained {
            let decision = &record.decisions[why.decision];
            let winner = decision.winner.expect("every flow of a quiet morning is served");
            let choices = why.candidates.iter().filter_map(Candidate::choice);
            assert!(choices.into_iter().any(|choice| choice == winner));
        }
    }
}

#[test]
fn who_asks_why_is_told_every_bill_and_changes_nothing() {
    let scenario = scenario(&Size::default());
    let (plain, records) = recorded(&scenario);
    let mut asking = Asking::default();
    let asked = run(&scenario, &mut (), &mut asking).unwrap();
    assert_eq!((plain.digest, plain.summary), (asked.digest, asked.summary));
    let assigned = |record: &Record| {
        let decisions = record.decisions.iter();
        decisions.filter(|one| matches!(one.verdict, Verdict::Assigned)).count()
    };
    assert!(asking.records > 0);
    assert_eq!(asking.decisions, records.iter().map(assigned).sum::<usize>());
}

#[test]
fn the_summary_has_the_paths_that_expectations_use() {
    let (outcome, _) = recorded(&scenario(&Size::default()));
    let json = serde_json::to_value(&outcome.summary).unwrap();
    for path in [
        "/slo/attainment",
        "/latency/p95Ms",
        "/requests/unserved",
        "/cost/total",
        "/energy/kwh",
        "/carbon/kg",
        "/placements",
        "/moves",
        "/bursts",
        "/coldStarts",
        "/preemptions",
        "/commits",
        "/demandToReady/p50S",
        "/machine/inputs",
        "/apps/app-0/slo/attainment",
        "/worstZones/0/zone",
    ] {
        assert!(json.pointer(path).is_some(), "{path} is missing in {json}");
    }
}
