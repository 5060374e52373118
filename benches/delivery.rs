//! What it costs to render: whole trees, and what one decision changes.
//!
//! `cargo bench --bench delivery`. The fleet is Melbourne's at noon and, for size, one app in 10,000 clusters.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::time::{Duration, Instant};

use periplus_core::State;
use periplus_emit::{Files, Renderer, Repository};
use periplus_sim::run;
use periplus_spec::scenario::Scenario;

/// How long each is repeated.
const AT_LEAST: Duration = Duration::from_secs(3);

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("{:<34} {:>8} {:>12} {:>12}", "", "files", "files/s", "MiB/s");
    for file in [
        "scenarios/melbourne.yaml",
        "scenarios/delivery/boutique.yaml",
        "scenarios/delivery/sock-shop.yaml",
    ] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let scenario = periplus_spec::load(&path).expect("the scenario is right").scenario;
        let outcome = run(&scenario, &mut (), &mut ()).expect("it runs");
        measure(file, &scenario, &outcome.state);
    }
}

fn measure(name: &str, scenario: &Scenario, state: &State) {
    let repository =
        Repository { url: "https://git.example.net/fleet.git".into(), branch: "main".into() };
    let renderer = Renderer::new(&scenario.delivery, &repository);
    let (mut files, mut bytes) = (0, 0);
    let started = Instant::now();
    let mut last = Files::new();
    while started.elapsed() < AT_LEAST {
        last = renderer.tree(state).expect("it can be rendered");
        files += last.len();
        bytes += last.values().map(|bytes| bytes.len()).sum::<usize>();
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{name:<34} {:>8} {:>12.0} {:>12.1}",
        last.len(),
        files as f64 / seconds,
        bytes as f64 / seconds / f64::from(1 << 20)
    );
}
