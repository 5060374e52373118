//! The emulated API says what a real API server says.

use std::process::Command;

use periplus_support::emulated::Emulator;
use periplus_support::emulated::compare::{Difference, compare};
use periplus_support::real::Cluster;

/// Differences that are kept: the request, where its answer begins to differ, and why.
const KEPT: [(&str, &str, &str); 3] = [
    ("a kind is defined", "/body/status/", "an emulated cluster serves a kind at once"),
    (
        "a definition is read",
        "/body/metadata/managedFields/kube-apiserver ",
        "nobody is noted for the status that comes with that",
    ),
    (
        "a want is replaced",
        "/body/metadata/managedFields/table Update table.example.org/v1/fieldsV1/f:status",
        "Kubernetes before 1.22 notes who wrote a status by the wrong door, and drops the status",
    ),
];

/// Stops the controllers: they would answer back between two requests.
fn stop_controllers(cluster: &Cluster) {
    for (program, id) in cluster.processes() {
        if ["kube-controller-manager", "kube-scheduler"].contains(&program) {
            let stopped = Command::new("kill").args(["-STOP", &id.to_string()]).status();
            assert!(stopped.expect("kill can be run").success(), "{program} goes on");
        }
    }
}

#[tokio::test]
async fn an_emulated_cluster_answers_as_a_real_one_does() {
    let real = Cluster::start("compared").await;
    stop_controllers(&real);
    let emulator = Emulator::start();
    let differences = compare(&emulator.cluster("compared").client(), &real.client()).await;
    let kept = |difference: &&Difference| {
        let is = |(step, at, _): (&str, &str, &str)| {
            difference.step == step && difference.at.starts_with(at)
        };
        KEPT.into_iter().any(is)
    };
    let (kept, new): (Vec<&Difference>, Vec<&Difference>) = differences.iter().partition(kept);
    let new: Vec<String> = new.into_iter().map(ToString::to_string).collect();
    assert!(new.is_empty(), "{} differences:\n{}", new.len(), new.join("\n"));
    for (step, ..) in KEPT {
        assert!(kept.iter().any(|kept| kept.step == step), "{step} differs no more");
    }
}
