//! The service decides as the simulator does: one simulated world, driven by a clock of its own, is shown to both.
//!
//! `simulated` runs a scenario as the simulator does, and `lived` lets a desk live through the same world, of which it is
//! told only in names (`shown`). `story` says what of their logs must agree, and what need not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod lived;
mod shown;
mod simulated;
mod story;

use std::path::Path;

use periplus_core::units::Span;
use periplus_spec::Bundle;
use periplus_spec::scenario::{Delay, Scenario};

/// The bundle of a scenario, and what is simulated.
fn read(name: &str) -> (Bundle, Scenario) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let bundle = Bundle::read(&path).unwrap();
    let scenario = bundle.load().unwrap().scenario;
    (bundle, scenario)
}

/// A repository that takes and publishes everything at once.
fn at_once(scenario: &mut Scenario) {
    scenario.world.commit_window = Span::ZERO;
    scenario.world.push = Delay::always(Span::ZERO);
}

fn all() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec!["docs/guide/voyage/harbour.yaml".to_owned()];
    for folder in ["calm", "demand", "economy", "needs", "operator", "order", "trouble"] {
        let folder = root.join("scenarios").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "yaml") {
                found.push(path.strip_prefix(root).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn survey() {
    let mut report = String::new();
    for name in all() {
        if std::env::var("ONLY").is_ok_and(|only| !name.contains(&only)) {
            continue;
        }
        for mode in ["at once", "as written"] {
            let (bundle, mut scenario) = read(&name);
            if mode == "at once" {
                at_once(&mut scenario);
            }
            let caught = std::panic::catch_unwind(|| {
                let simulated = simulated::records(&scenario);
                let lived = lived::run(&bundle, &scenario);
                let compared = story::compare(&simulated, &lived);
                (simulated.len(), lived.records.len(), lived.unknown, lived.clamped, compared)
            });
            let line = match caught {
                Ok(all) => format!("{name} {mode}: {all:?}"),
                Err(panic) => format!("{name} {mode}: PANIC {:?}", panic.downcast_ref::<String>()),
            };
            std::fs::write(format!("/tmp/lockstep/{}-{}", name.replace('/', "_"), mode.replace(' ', "_")), &line).unwrap();
            report.push_str(&line);
            report.push('\n');
        }
    }
    std::fs::write("/tmp/lockstep-survey.txt", report).unwrap();
}
