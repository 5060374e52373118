//! Right files: what they become, and that the machine takes all of it.

use std::path::Path;

use periplus_core::event::Event;
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, GroupId};
use periplus_core::input::{Command, Input, Observation, Sight};
use periplus_core::intent::Intent;
use periplus_core::units::{MicrosRtt, MilliRps, Span, Tick};
use periplus_core::{Outbox, State, codec, step};
use periplus_spec::code::Code;
use periplus_spec::draft::{
    ApplicationDraft, CallDraft, ClusterDraft, ComponentDraft, DemandDraft, ModelDraft, Object,
    ScenarioDraft, ShareDraft, SignalDraft, ZoneDraft,
};
use periplus_spec::scenario::{Act, Scenario};
use periplus_spec::values::{
    Duration, Latency, Name, Number, Percentage, Quantity, Rate, TimeZone,
};
use periplus_spec::{Forked, Loaded, ScenarioBuilder, Setting, load, load_forked, load_within};

const EVERYTHING: &str = "tests/valid/everything.yaml";

fn loaded(path: &str) -> Loaded {
    let loaded = load(Path::new(path)).unwrap_or_else(|wrong| panic!("{path}: {wrong:#?}"));
    assert_eq!(loaded.warnings, [], "{path}");
    loaded
}

/// Everything that the machine is told, with its time.
fn told(scenario: &Scenario) -> Vec<(Tick, &Input)> {
    let setup = scenario.setup.iter().map(|input| (Tick::ZERO, input));
    let later = scenario.timeline.iter().flat_map(|moment| {
        let Act::Inputs(inputs) = &moment.act else { return Vec::new() };
        inputs.iter().map(|input| (moment.at, input)).collect()
    });
    setup.chain(later).collect()
}

/// Commands that the machine refused.
fn refusals(scenario: &Scenario) -> Vec<Event> {
    let mut state = State::default();
    let mut out = Outbox::default();
    let mut refused = Vec::new();
    for (at, input) in told(scenario) {
        step(&mut state, at, input, &mut out).expect("time goes forwards");
        let refusals =
            out.events.iter().filter(|event| matches!(event, Event::CommandRefused { .. }));
        refused.extend(refusals.cloned());
    }
    refused
}

fn bytes(scenario: &Scenario) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, input) in told(scenario) {
        codec::encode(&at, &mut bytes);
        codec::encode(input, &mut bytes);
    }
    bytes
}

#[test]
fn the_machine_refuses_nothing_that_was_loaded() {
    assert_eq!(refusals(&loaded(EVERYTHING).scenario), []);
}

#[test]
fn equal_files_give_equal_bytes() {
    let (first, again) = (loaded(EVERYTHING).scenario, loaded(EVERYTHING).scenario);
    assert_eq!(bytes(&first), bytes(&again));
    assert_eq!(first.hash, again.hash);
}

#[test]
fn inputs_come_in_the_order_that_the_machine_needs() {
    let scenario = loaded(EVERYTHING).scenario;
    let nouns: Vec<&str> = scenario.setup.iter().map(noun).collect();
    let mut kinds = nouns.clone();
    kinds.dedup();
    let first = ["names", "policy", "tenant", "cluster", "zone", "reach", "app", "series"];
    assert_eq!(kinds[..8], first);
    assert_eq!(kinds[8..], ["room", "commanded", "adopted", "demand"]);
    insta::assert_snapshot!(summary(&scenario));
}

/// What an input of the setup is about.
fn noun(input: &Input) -> &'static str {
    let command = match input {
        Input::Command(command) => command,
        Input::Observation(Observation { as_of: Tick::ZERO, sight: Sight::Reach { .. } }) => {
            return "reach";
        }
        Input::Observation(Observation { as_of: Tick::ZERO, sight: Sight::Capacity { .. } }) => {
            return "room";
        }
        Input::Observation(Observation { as_of: Tick::ZERO, sight: Sight::Demand { .. } }) => {
            return "demand";
        }
        Input::Observation(_) | Input::Timer(_) | Input::Report(_) => return "something else",
    };
    let nouns = [
        ("adopted", matches!(command, Command::Adopt(_))),
        (
            "commanded",
            matches!(
                command,
                Command::Cordon(_)
                    | Command::Drain(_)
                    | Command::DeclareLost(_)
                    | Command::Pin { .. }
                    | Command::Pause
            ),
        ),
        ("names", matches!(command, Command::Name { .. })),
        ("policy", matches!(command, Command::DeclarePolicy(_))),
        ("tenant", matches!(command, Command::DeclareTenant(..))),
        ("cluster", matches!(command, Command::DeclareCluster(..))),
        ("zone", matches!(command, Command::DeclareZone(..))),
        ("app", matches!(command, Command::DeclareApp(..))),
        ("series", matches!(command, Command::DeclareSeries { .. })),
    ];
    nouns.iter().find(|noun| noun.1).map_or("something else", |noun| noun.0)
}

/// The intents of a setup.
fn intents(scenario: &Scenario) -> impl Iterator<Item = (AppId, &Intent)> {
    scenario.setup.iter().filter_map(|input| {
        let Input::Command(Command::DeclareApp(app, intent)) = input else { return None };
        Some((*app, &**intent))
    })
}

/// The ways of a setup.
fn ways(scenario: &Scenario) -> impl Iterator<Item = (Place, &[(ClusterId, MicrosRtt)])> {
    scenario.setup.iter().filter_map(|input| {
        let Input::Observation(Observation { sight, .. }) = input else { return None };
        let Sight::Reach { from, rtts } = sight else { return None };
        Some((*from, rtts.as_slice()))
    })
}

/// A fingerprint of all numbers that formulas gave: the same on every machine.
fn fingerprint(scenario: &Scenario) -> u128 {
    let ways = ways(scenario).flat_map(|way| way.1).map(|(_, rtt)| u64::from(rtt.0));
    let components = intents(scenario).flat_map(|(_, intent)| &intent.components);
    let rates = components.flat_map(|component| &component.staffing).flat_map(|table| &table.1);
    let apps = scenario.fleet.apps.iter();
    let starts =
        apps.flat_map(|app| &app.components).flat_map(|component| component.start.0.iter());
    let shapes = scenario.fleet.series.iter().flat_map(|series| &series.demand.shape.values);
    let numbers = ways
        .chain(rates.map(|rate| rate.0))
        .chain(starts.map(|span| span.0))
        .chain(shapes.copied().map(u64::from));
    let bytes: Vec<u8> = numbers.flat_map(u64::to_le_bytes).collect();
    xxhash_rust::xxh3::xxh3_128(&bytes)
}

/// What a scenario is, so short that a change of it can be read.
fn summary(scenario: &Scenario) -> String {
    use std::fmt::Write;
    let mut text = String::new();
    let fleet = &scenario.fleet;
    let names = |names: Vec<&str>| names.join(" ");
    let mut line = |label: &str, value: String| {
        writeln!(text, "{label:<9} {value}").expect("a string takes every text");
    };
    line("clusters", names(fleet.clusters.iter().map(|one| one.name.as_str()).collect()));
    line("zones", names(fleet.zones.iter().map(|one| one.name.as_str()).collect()));
    line("tenants", names(fleet.tenants.iter().map(String::as_str).collect()));
    line("kinds", names(fleet.kinds.iter().map(String::as_str).collect()));
    line("extended", names(fleet.extended.iter().map(String::as_str).collect()));
    for app in &fleet.apps {
        let visits = app.components.iter().map(|one| format!("{}×{}", one.name, one.visits));
        let visits = visits.collect::<Vec<_>>().join(" ");
        line("app", format!("{}: {visits}; groups {}", app.name, app.groups.join(" ")));
    }
    for series in &fleet.series {
        let spec = series.spec;
        let demand = &series.demand;
        line(
            "series",
            format!(
                "{} from {}: {} mRPS × {} values of {}, now {}",
                fleet.apps[spec.app.index()].name,
                fleet.zones[spec.zone.index()].name,
                demand.base.0,
                demand.shape.values.len(),
                demand.shape.step,
                demand.shape.at(Tick::ZERO),
            ),
        );
    }
    for (from, rtts) in ways(scenario) {
        let ways = rtts.iter().map(|(to, rtt)| format!("{}:{}", to.0, rtt.0));
        line("reach", format!("{from:?} {}", ways.collect::<Vec<_>>().join(" ")));
    }
    for (app, intent) in intents(scenario) {
        for call in &intent.calls {
            line("call", format!("{app:?} {call:?}"));
        }
        for (place, component) in intent.components.iter().enumerate() {
            for (kind, table) in &component.staffing {
                let first = table.iter().take(3).map(|rate| rate.0.to_string());
                let first = first.collect::<Vec<_>>().join(" ");
                line("staffing", format!("{app:?} {place} {kind:?}: {first} … {}", table.len()));
            }
        }
    }
    line("numbers", format!("{:032x}", fingerprint(scenario)));
    for moment in &scenario.timeline {
        let act = format!("{:?}", moment.act);
        let act: String = act.chars().take(90).collect();
        line("moment", format!("{} {act}", moment.at));
    }
    for expectation in &scenario.expectations {
        line("expect", format!("{expectation:?}"));
    }
    text
}

fn name(text: &str) -> Name {
    text.parse().expect("a valid name")
}

fn constant(app: &str, rps: u64) -> DemandDraft {
    DemandDraft {
        app: name(app),
        zones: None,
        share: ShareDraft::Equal,
        model: ModelDraft::Constant(Rate(MilliRps(rps * 1_000))),
        growth: Number::thousandths(1_000),
        noise: Percentage::default(),
        signal: SignalDraft::Offered,
        timezone: TimeZone::Utc,
    }
}

#[test]
fn a_fleet_built_in_code_goes_through_the_same_checks() {
    let mut draft = ScenarioDraft::new("Built in code.", Duration::seconds(600));
    draft.demand = (0..20).map(|app| constant(&format!("app-{app}"), 50)).collect();
    draft.reach.nearest = 4;
    let mut builder = ScenarioBuilder::new(name("built"), draft);
    let place = |index: u32| periplus_spec::draft::LocationDraft {
        latitude: periplus_spec::values::Latitude::new(f64::from(index % 50) - 25.0),
        longitude: periplus_spec::values::Longitude::new(f64::from(index / 50)),
    };
    for index in 0..100 {
        let mut cluster = ClusterDraft::new(3, Quantity::whole(4), Quantity::mebi(8_192));
        cluster.location = Some(place(index));
        builder = builder.cluster(Object::new(name(&format!("edge-{index}")), cluster));
        let zone = ZoneDraft { location: Some(place(index)), ..ZoneDraft::default() };
        builder = builder.zone(Object::new(name(&format!("zone-{index}")), zone));
    }
    for index in 0..20 {
        let web = ComponentDraft::new(name("web"), Latency::millis(10));
        let db = ComponentDraft::new(name("db"), Latency::millis(2));
        let mut app = ApplicationDraft::new(vec![web, db]);
        app.calls = vec![CallDraft {
            from: name("web"),
            to: name("db"),
            per_request: Number::thousandths(2_000),
            bytes: Quantity::whole(500),
        }];
        builder = builder.application(Object::new(name(&format!("app-{index}")), app));
    }
    let scenario = builder.build().expect("it is valid").scenario;
    assert_eq!(scenario.fleet.series.len(), 2_000);
    assert_eq!(scenario.fleet.series[0].demand.base, MilliRps(500));
    assert_eq!(refusals(&scenario), []);
    for (_, rtts) in ways(&scenario) {
        assert!(rtts.len() <= 5 && rtts.is_sorted());
    }

    let wrong = ScenarioBuilder::new(name("wrong"), ScenarioDraft::new("", Duration(Span::ZERO)));
    let codes: Vec<_> = wrong.build().unwrap_err().iter().map(|wrong| wrong.code.slug()).collect();
    assert_eq!(codes, ["out-of-range", "missing-field"]);
}

/// What the machine is told at a later time.
fn told_at(scenario: &Scenario, at: Span) -> Vec<&Input> {
    let now = scenario.timeline.iter().filter(|moment| moment.at.0 == at.0);
    now.filter_map(|moment| {
        let Act::Inputs(inputs) = &moment.act else { return None };
        Some(inputs.iter())
    })
    .flatten()
    .collect()
}

#[test]
fn a_cluster_that_joins_later_is_made_known_to_those_that_reach_it() {
    let scenario = loaded(EVERYTHING).scenario;
    let late = scenario.fleet.cluster("late-1").expect("it is declared");
    assert_eq!(scenario.fleet.clusters[late.index()].joins, Tick(45 * Span::MINUTE.0));
    let told = told_at(&scenario, Span(45 * Span::MINUTE.0));
    let mut reached = 0;
    for input in &told {
        let Input::Observation(Observation { as_of, sight: Sight::Reach { rtts, .. } }) = input
        else {
            continue;
        };
        assert_eq!(*as_of, Tick(45 * Span::MINUTE.0));
        assert!(rtts.iter().any(|way| way.0 == late));
        reached += 1;
    }
    let places = scenario.fleet.zones.len() + 5;
    assert_eq!(
        reached, places,
        "it is near enough to all places and all clusters, itself included"
    );
    for (_, rtts) in ways(&scenario) {
        assert!(rtts.iter().all(|way| way.0 != late));
    }
}

#[test]
fn an_app_declared_again_keeps_its_ids_and_grows_a_generation() {
    let scenario = loaded(EVERYTHING).scenario;
    let bank = scenario.fleet.app("bank").expect("it is declared");
    let told = told_at(&scenario, Span::HOUR);
    let again = told.iter().find_map(|input| {
        let Input::Command(Command::DeclareApp(app, intent)) = input else { return None };
        (*app == bank).then_some(intent)
    });
    let again = again.expect("it is declared again");
    let (_, first) = intents(&scenario).find(|intent| intent.0 == bank).expect("it is declared");
    assert_eq!((first.generation, again.generation), (1, 2));
    assert_eq!((first.components.len(), again.components.len()), (1, 2));
    assert_eq!(first.components[0].name, again.components[0].name);
    assert_ne!(first.components[0].revision, again.components[0].revision, "its image is another");
    let changed = scenario.timeline.iter().find_map(|moment| {
        let Act::AppChanged { app, truth } = &moment.act else { return None };
        (*app == bank).then_some(truth)
    });
    assert_eq!(changed.expect("it really changes").components.len(), 2);
}

#[test]
fn people_can_be_shown_where_things_are() {
    let path = "scenarios/melbourne.yaml";
    let fleet = load_within(Path::new(".."), path).expect("it is valid").scenario.fleet;
    let all = fleet.clusters.iter().map(|cluster| cluster.location);
    assert!(all.chain(fleet.zones.iter().map(|zone| zone.location)).all(|place| place.is_some()));
    let site = &fleet.clusters[fleet.cluster("bourke-10").expect("it is there").index()];
    let place = site.location.expect("looked at before");
    assert_eq!((place.latitude, place.longitude), (-37.811_533, 144.972_614));
    assert_eq!(fleet.kinds[site.kind.index()], "edge");
}

#[test]
fn real_sites_cover_real_users_as_was_computed_elsewhere() {
    let path = "spec/tests/valid/melbourne.yaml";
    let loaded = load_within(Path::new(".."), path).expect("it is valid");
    let zones = ways(&loaded.scenario).filter(|way| matches!(way.0, Place::Zone(_)));
    let reached: Vec<usize> = zones.map(|(_, rtts)| rtts.len()).collect();
    // The figures of `scenarios/data/README.md`.
    assert_eq!(reached.iter().sum::<usize>(), 3_547);
    assert_eq!(reached.iter().filter(|clusters| **clusters > 0).count(), 807);
    let warnings: Vec<_> = loaded.warnings.iter().map(|wrong| wrong.message.as_str()).collect();
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert!(warning.starts_with("9 zones reach no cluster: `user-"), "{warning}");
}

#[test]
fn the_default_group_holds_everything_and_a_front_comes_first() {
    let scenario = loaded(EVERYTHING).scenario;
    let shop = scenario.fleet.app("shop").expect("it is declared");
    for (app, intent) in intents(&scenario) {
        if app == shop {
            assert_eq!(scenario.fleet.apps[app.index()].groups, ["front", "data"]);
            let [call] = intent.calls.as_slice() else { panic!("{:?}", intent.calls) };
            assert_eq!((call.from, call.to, call.share.0), (GroupId(0), GroupId(1), 1_000));
            // web is visited 1 / (1 − 0.6 × 0.1) times, and calls the database twice each time.
            assert_eq!(call.round_trips, 2_128);
            assert_eq!(call.bytes.0, 4_357);
            assert_eq!(intent.worth.latency_target, MicrosRtt(120_000));
        } else {
            assert_eq!(scenario.fleet.apps[app.index()].groups, ["main"]);
            // A fifth of 250 ms may be waited.
            assert_eq!(intent.worth.latency_target, MicrosRtt(200_000));
        }
    }
}

#[test]
fn a_stranger_s_scenario_reads_no_file_outside_its_folder() {
    let loaded = load(Path::new("tests/valid/melbourne.yaml"));
    assert!(loaded.is_ok(), "one's own may");
    let wrong = load_within(Path::new("tests/valid"), "melbourne.yaml").expect_err("it leads out");
    assert!(wrong.iter().all(|one| one.code == Code::IncludeEscapes), "{wrong:?}");
}

/// What `settings` make of `everything.yaml` at `at`.
fn forked(settings: &[&str], at: Tick) -> Forked {
    let setting = |text: &&str| {
        let (path, value) = Setting::split(text).expect("a setting");
        Setting::new(path, value).expect("a setting")
    };
    let settings: Vec<Setting> = settings.iter().map(setting).collect();
    load_forked(Path::new(EVERYTHING), &settings, at).unwrap_or_else(|wrong| panic!("{wrong:#?}"))
}

#[test]
fn nothing_set_changes_nothing() {
    let Forked { before, after } = forked(&[], Tick(60_000));
    assert_eq!(bytes(&before.scenario), bytes(&after.scenario));
    assert_eq!(before.scenario.timeline, after.scenario.timeline);
    assert_eq!(before.scenario.hash, after.scenario.hash);
}

#[test]
fn what_is_set_later_is_declared_later_and_the_rest_stays_as_it_was() {
    let at = Tick(90_000);
    let settings = ["policy.carbonPrice=300", "clusters.prices.activeHour=0.5", "demand.growth=2"];
    let Forked { before, after } = forked(&settings, at);
    let (before, after) = (before.scenario, after.scenario);
    assert_eq!(before.setup, after.setup);
    assert_ne!(before.hash, after.hash);
    let then = after.timeline.iter().filter(|moment| moment.at == at);
    let inputs = then.filter_map(|moment| {
        let Act::Inputs(inputs) = &moment.act else { return None };
        Some(inputs)
    });
    let told: Vec<&Input> = inputs.flatten().collect();
    let count = |is: fn(&Command) -> bool| {
        told.iter().filter(|input| matches!(input, Input::Command(command) if is(command))).count()
    };
    assert_eq!(count(|command| matches!(command, Command::DeclarePolicy(_))), 1);
    let there = before.fleet.clusters.iter().filter(|cluster| cluster.joins <= at).count();
    assert_eq!(count(|command| matches!(command, Command::DeclareCluster(..))), there);
    assert_eq!(count(|command| matches!(command, Command::Name { .. })), 0, "no new names");
    let changed = after
        .timeline
        .iter()
        .filter(|moment| matches!(&moment.act, Act::ClusterChanged { .. } if moment.at == at));
    assert_eq!(changed.count(), there);
    let bases = before.fleet.series.iter().zip(&after.fleet.series);
    let grown = |factor: f64| {
        let is = |one: MilliRps, other: MilliRps| other.0 as f64 == (one.0 as f64 * factor).floor();
        bases.clone().filter(|(one, other)| is(one.demand.base, other.demand.base)).count()
    };
    assert!(grown(2.0) > 0, "the scenario's fields are set from the start");
    assert_eq!(refusals(&after), refusals(&before));
}
