//! `why`: a decision with every candidate's bill and every refusal.

use insta::assert_snapshot;

use crate::place::Place;

#[test]
fn the_last_decision_about_a_cluster_is_explained() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&[
        "why",
        "run/run.log",
        "--app",
        "shop",
        "--cluster",
        "cloud"
    ]));
}

#[test]
fn a_decision_is_found_by_time_zone_and_record() {
    let place = Place::after_a_run();
    let log = ["why", "run/run.log", "--app", "shop"];
    let asked: [&[&str]; 4] = [
        &["--zone", "harbour", "--at", "00:50"],
        &["--zone", "harbour", "--at", "2026-01-05T11:50:00Z"],
        &["--zone", "island", "--seq", "28"],
        &["--cluster", "edge-island", "--at", "125m"],
    ];
    let told = asked.map(|more| place.periplus(&[&log[..], more].concat()));
    assert_snapshot!(told.join("\n"));
}

#[test]
fn programs_get_the_decision_as_json() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&[
        "why",
        "run/run.log",
        "--app",
        "shop",
        "--zone",
        "harbour",
        "--seq",
        "28",
        "--format",
        "json",
    ]));
}

#[test]
fn names_that_are_not_there_are_told_with_those_that_are() {
    let place = Place::after_a_run();
    let asked: [&[&str]; 5] = [
        &["--app", "shp"],
        &["--app", "shop", "--cluster", "moon"],
        &["--app", "shop", "--zone", "harbor"],
        &["--app", "shop", "--seq", "5"],
        &["--app", "shop", "--at", "0s"],
    ];
    let told = asked.map(|more| place.periplus(&[&["why", "run/run.log"], more].concat()));
    assert_snapshot!(told.join("\n"));
}

#[test]
fn an_app_that_was_declared_later_is_explained_like_any_other() {
    let place = Place::new();
    let library = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/library");
    let scenario = library.join("app-launch.yaml");
    let told = place.periplus(&["sim", scenario.to_str().unwrap(), "--out", "run"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let reader = periplus_journal::Reader::open(&place.path("run/run.log")).unwrap();
    let mut state = periplus_core::State::default();
    let mut first = None;
    for record in reader.records() {
        let record = record.unwrap();
        state.fold(&record);
        if !record.decisions.is_empty() && first.is_none() {
            first = Some(state.apps().len());
        }
    }
    assert!(first.unwrap() < state.apps().len(), "nothing is declared later");
    let name = state.name(state.apps().last().unwrap().intent.name);
    let told = place.periplus(&["why", "run/run.log", "--app", name]);
    assert!(told.ends_with("exit 0\n"), "{told}");
}
