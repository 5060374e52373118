//! `shrink`: the smallest scenario that still fails in the same way.

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

/// A folder with a harbour whose promise cannot be kept.
fn with_a_failure() -> Place {
    let place = Place::new();
    place.write("busy.yaml", &HARBOUR.replace("atLeast: 95%", "atLeast: 99%"));
    place
}

#[test]
fn a_scenario_that_fails_becomes_one_that_people_read_at_a_glance() {
    let place = with_a_failure();
    assert_snapshot!(place.periplus(&["shrink", "busy.yaml", "--out", "small.yaml"]));
    let small = place.read("small.yaml");
    assert_snapshot!("the_scenario", small);
    let told = place.periplus(&["sim", "small.yaml"]);
    assert!(told.contains("expected {metric: slo.attainment, atLeast: 0.99}"), "{told}");
    assert!(told.ends_with("exit 1\n"), "{told}");
}

#[test]
fn it_does_not_matter_how_many_run_at_once() {
    let place = with_a_failure();
    for jobs in ["1", "3"] {
        let asked = ["shrink", "busy.yaml", "--out", "small.yaml", "--force", "--jobs", jobs];
        let told = place.periplus(&asked);
        let (_, told) = told.split_once('\n').unwrap();
        place.write(&format!("told-{jobs}"), told);
        place.write(&format!("small-{jobs}"), &place.read("small.yaml"));
    }
    assert_eq!(place.read("small-1"), place.read("small-3"));
    assert_eq!(place.read("told-1"), place.read("told-3"));
}

#[test]
fn what_is_small_stays_as_it_is_and_an_included_table_goes_with_what_it_was_for() {
    let place = with_a_failure();
    place.periplus(&["sim", "busy.yaml", "--out", "run"]);
    place.periplus(&["record", "run/run.log", "--out", "recorded.yaml"]);
    let asked = ["recorded.yaml", "--while", "unserved > 5000", "--while", "cost > 0.1"];
    let told = place.periplus(&[&["shrink", "--out", "small.yaml"], &asked[..]].concat());
    assert!(told.ends_with("exit 0\n"), "{told}");
    assert!(!place.path("small").exists());
    let small = place.read("small.yaml");
    let again = ["small.yaml", "--while", "unserved > 5000", "--while", "cost > 0.1"];
    place.periplus(&[&["shrink", "--out", "again.yaml"], &again[..]].concat());
    assert_eq!(place.read("again.yaml").replace("again", "small"), small);
}

#[test]
fn one_of_several_expectations_is_kept() {
    let place = Place::new();
    let busy = HARBOUR.replace("atLeast: 95%", "atLeast: 99%");
    place
        .write("busy.yaml", &busy.replace("servedBy: [edge-harbour, edge-island]", "servedBy: []"));
    let asked = ["shrink", "busy.yaml", "--out", "small.yaml", "--expectation", "4"];
    let told = place.periplus(&asked);
    assert!(told.contains("got edge-harbour, edge-island\n"), "{told}");
    assert!(!place.read("small.yaml").contains("slo.attainment"));
}

#[test]
fn what_cannot_be_shrunk_is_told() {
    let place = Place::new();
    let shrink = |more: &[&str]| {
        let asked = ["shrink", "harbour.yaml", "--out", "small.yaml"];
        place.periplus(&[&asked, more].concat())
    };
    assert_snapshot!(
        [
            shrink(&[]),
            shrink(&["--while", "slo < 90%"]),
            shrink(&["--while", "slo"]),
            shrink(&["--while", "slo < 99"]),
            shrink(&["--while", "happiness < 1"]),
            shrink(&["--expectation", "2"]),
            shrink(&["--expectation", "9"]),
            shrink(&["--while", "slo < 99%", "--cured-by", "policy.pace.dwell=6m"]),
            shrink(&["--cured-by", "policy"]),
        ]
        .join("\n")
    );
    assert!(!place.path("small.yaml").exists());
}

#[test]
fn whenever_it_is_stopped_what_it_wrote_is_whole() {
    let place = with_a_failure();
    place.periplus(&["sim", "busy.yaml", "--out", "run"]);
    place.periplus(&["record", "run/run.log", "--out", "recorded.yaml"]);
    let mut shrinking = place.start(&[
        "shrink",
        "recorded.yaml",
        "--while",
        "unserved > 5000",
        "--out",
        "small.yaml",
    ]);
    while !place.path("small.yaml").exists() && shrinking.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    shrinking.kill().unwrap();
    shrinking.wait().unwrap();
    let told = place.periplus(&["check", "small.yaml"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
}
