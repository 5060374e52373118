//! The service decides as the simulator does: one simulated world, driven by a clock of its own, is shown to both.
//!
//! The simulator `runs` a scenario. A desk lives through the same one ([`lived`]): the world is its world, but is shown to it
//! only in names ([`shown`]), what is declared comes in files ([`declared`]), and answers of the world's repository settle
//! its parcels. [`story`] says what must agree: every fact, effect and decision, and what is believed at the end.
//!
//! What cannot agree, and is left out of it:
//!
//! * Records are counted otherwise: a service hears of each cluster by itself, the simulator of many at once.
//! * Facts of one millisecond may stand in another order.
//! * Ways reach users by the same commit as anything else, while the simulator publishes each by itself. So reports of them
//!   agree only where a repository takes everything [at once](Pace::AtOnce); decisions agree all the same.
//! * What is declared has a millisecond of its own, so here it comes a millisecond later than the scenario says.
//! * Nobody shows a service what clusters cost; that is declared.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod declared;
mod kubernetes;
mod lived;
mod served;
mod shown;
mod story;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use periplus_core::units::Span;
use periplus_core::{Record, State};
use periplus_sim::run;
use periplus_spec::Bundle;
use periplus_spec::draft::Document;
use periplus_spec::scenario::{Delay, Scenario};

use crate::story::{Agreed, Pace};

const HARBOUR: &str = "docs/guide/voyage/harbour.yaml";

/// They say how far a cluster is before it is declared, which a service does not take.
const ABSENT: [&str; 2] = ["operator/join.yaml", "needs/residency.yaml"];

/// A log and where it led.
struct Ran {
    records: Vec<Record>,
    state: State,
}

/// A scenario in which what is declared has a time of its own.
fn read(path: &Path) -> Bundle {
    let mut bundle = Bundle::read(path).unwrap();
    let later = |at: &mut Span| *at = Span(at.0 + 1);
    for moment in &mut bundle.scenario.spec.timeline {
        if moment.declare.is_some() || moment.withdraw.is_some() {
            later(&mut moment.at.0);
        }
    }
    for document in &mut bundle.documents {
        if let Document::Cluster(cluster) = document
            && cluster.spec.joins_at.0 > Span::ZERO
        {
            later(&mut cluster.spec.joins_at.0);
        }
    }
    bundle
}

/// Lets the simulator and a desk go through a scenario, and compares them.
fn compare(bundle: &Bundle, pace: Pace) -> Result<Agreed, String> {
    let scenario = scenario(bundle, pace);
    story::compare(&simulate(&scenario), &lived::live(bundle, &scenario), pace)
}

fn scenario(bundle: &Bundle, pace: Pace) -> Scenario {
    let mut scenario = bundle.load().unwrap().scenario;
    if pace != Pace::AsWritten {
        scenario.world.commit_window = Span::ZERO;
        scenario.world.push = Delay::always(Span::ZERO);
    }
    if pace == Pace::Watched {
        // What a watch tells is true now; and room that does not change is not told again.
        scenario.world.report_delay = Delay::always(Span::ZERO);
        scenario.world.capacity_every = Span(scenario.duration.0 * 1_000);
    }
    scenario
}

fn simulate(scenario: &Scenario) -> Ran {
    let mut records = Vec::new();
    let state = run(scenario, &mut records, &mut ()).unwrap().state;
    Ran { records, state }
}

/// The scenarios in which something happens to a small fleet.
fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["calm", "demand", "economy", "needs", "operator", "order", "trouble"];
    let mut places = folders.map(|folder| root.join("scenarios").join(folder)).to_vec();
    places.push(root.join(HARBOUR));
    let mut found = periplus::case::find(&places).unwrap();
    found.retain(|file| !ABSENT.iter().any(|absent| file.ends_with(absent)));
    found
}

/// Goes through all scenarios; much of the time is spent waiting for the disk.
fn compare_all(pace: Pace) {
    let names = Mutex::new(scenarios());
    let told = Mutex::new((0, Agreed::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(name) = { names.lock().unwrap().pop() } {
                    let bundle = read(&name);
                    let compared = compare(&bundle, pace);
                    let (count, sum, wrong) = &mut *told.lock().unwrap();
                    match compared {
                        Ok(agreed) => {
                            *count += 1;
                            sum.add(agreed);
                        }
                        Err(differs) => wrong.push(format!("{}: {differs}", name.display())),
                    }
                }
            });
        }
    });
    let (count, sum, wrong) = told.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 40 && sum.decisions >= 200, "{count} scenarios, {sum:?}");
}

#[test]
fn a_desk_decides_as_the_simulator_does_where_a_repository_takes_everything_at_once() {
    compare_all(Pace::AtOnce);
}

#[test]
fn a_desk_decides_as_the_simulator_does_where_a_repository_takes_its_time() {
    compare_all(Pace::AsWritten);
}

#[test]
fn a_cluster_that_is_declared_later_is_found_as_in_the_simulator() {
    let mut bundle = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(HARBOUR));
    for document in &mut bundle.documents {
        if let Document::Cluster(cluster) = document
            && cluster.metadata.name.to_string() == "edge-island"
        {
            cluster.spec.joins_at.0 = Span(20 * Span::MINUTE.0 + 1);
        }
    }
    let agreed = compare(&bundle, Pace::AtOnce).unwrap();
    assert!(agreed.decisions > 0);
}

#[test]
fn a_service_with_its_watches_and_repository_decides_as_the_simulator_does() {
    serve_all(&SERVED);
}

/// The voyage, and scenarios with outages, failed pods, commands and new content.
const SERVED: [&str; 8] = [
    HARBOUR,
    "scenarios/needs/customization.yaml",
    "scenarios/operator/drain.yaml",
    "scenarios/operator/withdraw.yaml",
    "scenarios/order/rollout-failed.yaml",
    "scenarios/trouble/approved-drain.yaml",
    "scenarios/trouble/partition.yaml",
    "scenarios/trouble/pod-failure.yaml",
];

/// Lets a service live through each of them, in a time of its own, and compares it with the simulator.
fn serve_all(names: &[&str]) {
    let names = Mutex::new(names.iter());
    let told = Mutex::new((Agreed::default(), Vec::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(name) = { names.lock().unwrap().next() } {
                    let bundle = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
                    let scenario = scenario(&bundle, Pace::Watched);
                    let mut runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = runtime.enable_all().start_paused(true).build().unwrap();
                    let served = runtime.block_on(served::serve(&bundle, &scenario));
                    let compared = story::compare(&simulate(&scenario), &served, Pace::Watched);
                    let (sum, wrong) = &mut *told.lock().unwrap();
                    match compared {
                        Ok(agreed) => sum.add(agreed),
                        Err(differs) => wrong.push(format!("{name}: {differs}")),
                    }
                }
            });
        }
    });
    let (sum, wrong) = told.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(sum.decisions >= 60, "{sum:?}");
}
