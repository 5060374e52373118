//! The world alone, without the machine: what a simulated day costs by the number of series.
//!
//! `cargo bench -p periplus-sim --bench world`. A script stands in for the machine: at the start every app is
//! placed in the cluster nearest to each of its zones and stays there. All demand is generated, reported,
//! served and metered; nobody takes the reports. `-- --machine` runs the real machine instead.

#![expect(clippy::print_stdout, reason = "the answer of a benchmark")]
#![expect(clippy::cast_precision_loss, reason = "rates are printed with three digits")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::time::Instant;

use periplus_core::effect::{Effect, EffectKey, Generation, Issued, Scale, Target};
use periplus_core::event::Event;
use periplus_core::fleet::Place;
use periplus_core::ids::{
    AppId, BerthId, BindingId, ClusterId, ComponentId, GroupId, Seq, SeriesId,
};
use periplus_core::input::{Command, Observation, Sight};
use periplus_core::state::FlowId;
use periplus_core::units::{Permille, Span, Tick};
use periplus_core::{Input, State};
use periplus_sim::{World, run};
use periplus_spec::scenario::Scenario;
use support::Size;

fn main() {
    let flags: Vec<String> = std::env::args().skip(1).collect();
    let asked = |flag: &str| flags.iter().any(|given| given == flag);
    if !asked("--bench") {
        return;
    }
    println!(
        "{:>9} {:>9} {:>13} {:>9} {:>16} {:>9}",
        "clusters", "series", "observations", "seconds", "ns/observation", "peak MiB"
    );
    for clusters in [100, 1_000, 10_000] {
        let size = Size {
            clusters,
            zones: clusters,
            apps: clusters.min(1_000) / 10,
            apps_per_zone: 10,
            reach: 16,
            nodes: 4,
            duration: Span(24 * Span::HOUR.0),
            ..Size::default()
        };
        let scenario = support::scenario(&size);
        let start = Instant::now();
        let observations = if asked("--machine") { machine(&scenario) } else { alone(&scenario) };
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{clusters:>9} {:>9} {observations:>13} {seconds:>9.2} {:>16.1} {:>9}",
            scenario.fleet.series.len(),
            seconds * 1e9 / observations as f64,
            peak_mib()
        );
    }
}

fn machine(scenario: &Scenario) -> u64 {
    let outcome = run(scenario, &mut (), &mut ()).expect("nothing keeps records");
    println!("{}", serde_json::to_string(&outcome.summary.all).expect("plain numbers"));
    outcome.summary.machine.inputs
}

fn alone(scenario: &Scenario) -> u64 {
    let state = declared(scenario);
    let mut world = World::new(scenario);
    for _ in &scenario.setup {
        world.next_input(&state);
    }
    world.carry_out(Tick::ZERO, &placed(scenario, &state), &state);
    let mut observations = 0;
    while let Some((_, input)) = world.next_input(&state) {
        observations += input.weight();
        world.take_back(input);
    }
    observations
}

/// A state that knows what is declared, and waits for nothing.
#[expect(clippy::wildcard_enum_match_arm, reason = "a made setup holds only these inputs")]
fn declared(scenario: &Scenario) -> State {
    let mut state = State::default();
    for input in &scenario.setup {
        let event = match input {
            Input::Command(Command::Name { .. }) => Event::Named,
            Input::Command(Command::DeclarePolicy(_)) => Event::PolicyDeclared,
            Input::Command(Command::DeclareTenant(..)) => Event::TenantDeclared,
            Input::Command(Command::DeclareCluster(..)) => Event::ClusterJoined,
            Input::Command(Command::DeclareZone(..)) => Event::ZoneDeclared,
            Input::Command(Command::DeclareApp(..)) => Event::AppDeclared,
            Input::Command(Command::DeclareSeries { .. }) => Event::SeriesDeclared,
            Input::Observation(Observation { sight: Sight::Reach { .. }, .. }) => {
                Event::ReachAccepted
            }
            other => unreachable!("not part of a made setup: {other:?}"),
        };
        state.apply(Tick::ZERO, input, &event);
    }
    state
}

/// Every app in the cluster nearest to each of its zones, staffed for a quarter more than its peak.
fn placed(scenario: &Scenario, state: &State) -> Vec<Issued> {
    let mut loads: BTreeMap<(AppId, ClusterId), u64> = BTreeMap::new();
    let mut effects = Vec::new();
    for (place, series) in scenario.fleet.series.iter().enumerate() {
        let spec = series.spec;
        let nearest = state.zone(spec.zone).reach.iter().next().expect("every zone reaches some");
        *loads.entry((spec.app, nearest.1)).or_insert(0) += series.demand.base.0;
        effects.push(Effect::Route {
            flow: FlowId::Series(SeriesId::from_index(place)),
            app: spec.app,
            group: GroupId::FRONT,
            from: Place::Zone(spec.zone),
            generation: Generation(1),
            weights: vec![(nearest.1, Permille::WHOLE)],
        });
    }
    for (berth, ((app, cluster), load)) in (0..).zip(loads) {
        for component in [ComponentId(0), ComponentId(1)] {
            let binding = BindingId { berth: BerthId(berth), component };
            let table = state
                .intent(app)
                .component(component)
                .staffing_in(state.cluster(cluster).spec.kind);
            let replicas =
                table.map_or(1, |table| table.partition_point(|held| held.0 < load * 5 / 4) + 1);
            effects.push(Effect::Prime {
                target: Target { binding, app, component, cluster },
                generation: Generation(1),
                revision: 1,
                scale: Scale::Replicas(u16::try_from(replicas).expect("tables are short")),
            });
        }
    }
    let keys = (0..).map(|ordinal| EffectKey { seq: Seq(0), ordinal });
    keys.zip(effects).map(|(key, effect)| Issued { key, effect }).collect()
}

/// The most memory that this process has held, where the system tells.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.unwrap_or(0) / 1_024
}
