//! What repositories say of a fleet is enough to take it over: the machine then believes what the one before believed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use periplus_core::adoption::{Adopted, Adoption, Sender};
use periplus_core::ids::{AppId, ClusterId};
use periplus_core::{Outbox, State, step};
use periplus_emit::{Decision, Renderer, Repository};
use periplus_live::adopt::Running;
use periplus_live::intents::Intents;
use periplus_spec::Bundle;

/// Larger fleets take minutes.
const CLUSTERS_MOST: usize = 20;

/// By app, group and cluster: everything that runs.
type Berths = BTreeSet<(String, String, String)>;
/// By app and by who sends: the parts that go to clusters.
type Flows = BTreeMap<(String, String), BTreeMap<String, u16>>;

#[test]
fn what_runs_at_the_end_of_a_scenario_is_found_in_its_files() {
    let (mut berths, mut flows, mut fleets) = (0, 0, 0);
    for file in scenarios() {
        let scenario = periplus_spec::load(&file).unwrap().scenario;
        if scenario.fleet.clusters.len() > CLUSTERS_MOST {
            continue;
        }
        let state = periplus_sim::run(&scenario, &mut (), &mut ()).unwrap().state;
        let repository =
            Repository { url: "ssh://git@git.example.net/fleet.git".into(), branch: "main".into() };
        let files = Renderer::new(&scenario.delivery, &repository).tree(&state).unwrap();
        let decisions = files.iter().filter(|(path, _)| Decision::is_at(path));
        let decisions: Vec<_> =
            decisions.map(|(_, bytes)| Decision::read(bytes).unwrap()).collect();
        let declared = Bundle::read(&file).unwrap();
        // What joins later is not declared from the start.
        let Ok(intents) = Intents::begin(declared, scenario.epoch_unix_ms) else { continue };
        let known: BTreeSet<String> =
            intents.scenario().fleet.apps.iter().map(|app| app.name.clone()).collect();
        let running = Running::of(&decisions, &intents);
        assert!(running.state.paused);
        let intents = match intents.beginning_with(running.state) {
            Ok(intents) => intents,
            Err(wrong) => panic!("{}: {wrong:?}", file.display()),
        };
        let mut taken_over = State::default();
        let mut out = Outbox::default();
        for input in intents.first().inputs {
            step(&mut taken_over, periplus_core::units::Tick::ZERO, &input, &mut out).unwrap();
        }
        assert!(taken_over.is_paused());
        let (before, after) = (told(&state), told(&taken_over));
        let missing: Vec<_> = before
            .0
            .iter()
            .filter(|(app, ..)| known.contains(app))
            .filter(|berth| !after.0.contains(*berth))
            .filter(|(app, _, cluster)| {
                !running.unfit.iter().any(|unfit| {
                    unfit.app == *app && unfit.cluster.as_ref().is_none_or(|one| one == cluster)
                })
            })
            .collect();
        assert!(missing.is_empty(), "{}: {missing:?}", file.display());
        for (from, to) in before.1.iter().filter(|((app, _), _)| known.contains(app)) {
            if running.unfit.iter().any(|unfit| unfit.app == from.0) {
                continue;
            }
            let there = after.1.get(from);
            // Beyond what is ready, files tell of what was on its way.
            let there = there.map(|there| there.keys().collect::<BTreeSet<_>>());
            let wanted = to.keys().collect::<BTreeSet<_>>();
            assert!(
                there.is_some_and(|there| there.is_superset(&wanted)),
                "{}: {from:?} {to:?}",
                file.display()
            );
        }
        berths += before.0.len();
        flows += before.1.len();
        fleets += 1;
    }
    assert!(fleets > 40 && berths > 150 && flows > 100, "{fleets} fleets, {berths}, {flows}");
}

fn told(state: &State) -> (Berths, Flows) {
    let Adoption { berths, flows } = state.running();
    let app = |id: AppId| state.name(state.intent(id).name).to_owned();
    let cluster = |id: ClusterId| state.name(state.cluster(id).spec.name).to_owned();
    let berths = berths.into_iter().map(|one: Adopted| {
        let group = state.name(state.intent(one.app).group(one.group).name).to_owned();
        (app(one.app), group, cluster(one.cluster))
    });
    let flows = flows.into_iter().map(|sent| {
        let from = match sent.from {
            Sender::Users(series) => {
                let spec = state.series()[series.index()].spec;
                let zone = state.name(state.zone(spec.zone).spec.name).to_owned();
                (app(spec.app), format!("users of {zone}"))
            }
            Sender::Group { app: caller, cluster: place, call } => {
                let intent = state.intent(caller);
                let call = intent.calls[usize::from(call)];
                let name = |group| state.name(intent.group(group).name);
                let (from, to) = (name(call.from), name(call.to));
                (app(caller), format!("{from} in {} to {to}", cluster(place)))
            }
        };
        (from, sent.to.into_iter().map(|(to, part)| (cluster(to), part.0)).collect())
    });
    (berths.collect(), flows.collect())
}

/// All scenarios of the repository that stand by themselves, but for the largest.
fn scenarios() -> Vec<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let large = path.file_stem().is_some_and(|stem| stem == "melbourne-season");
            if path.is_dir() {
                folders.push(path);
            } else if path.with_extension("golden.txt").exists() && !large {
                found.push(path);
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    found.sort();
    found
}
