//! `sim`: a scenario and what came out.

use std::fs;

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

#[test]
fn people_get_a_page() {
    assert_snapshot!(Place::new().periplus(&["sim", "harbour.yaml"]));
}

#[test]
fn programs_get_json_in_which_only_the_clock_is_not_repeatable() {
    assert_snapshot!(Place::new().periplus(&["sim", "harbour.yaml", "--format", "json"]));
}

#[test]
fn the_story_is_told_as_it_happens() {
    assert_snapshot!(Place::new().periplus(&["sim", "harbour.yaml", "--story"]));
}

#[test]
fn a_run_is_kept_with_its_log_summary_and_series() {
    let place = Place::new();
    let told = place.periplus(&["sim", "harbour.yaml", "--out", "run"]);
    let mut kept: Vec<String> = fs::read_dir(place.path("run"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, ["run.log", "series.csv", "summary.json"]);
    assert_snapshot!("kept_page", told);
    assert_snapshot!("kept_summary", place.read("run/summary.json"));
    assert_snapshot!("kept_series", place.read("run/series.csv"));
}

#[test]
fn a_run_is_not_written_over() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["sim", "harbour.yaml", "--out", "run"]));
}

#[test]
fn another_seed_is_another_run() {
    let place = Place::new();
    let digest = |args: &[&str]| {
        let told = place.periplus(args);
        told.lines().find(|line| line.starts_with("state digest")).unwrap().to_owned()
    };
    let usual = digest(&["sim", "harbour.yaml"]);
    assert_eq!(digest(&["sim", "harbour.yaml", "--seed", "1"]), usual);
    assert_ne!(digest(&["sim", "harbour.yaml", "--seed", "2"]), usual);
}

#[test]
fn an_expectation_that_failed_is_named_and_ends_with_1() {
    let place = Place::new();
    place.write(
        "proud.yaml",
        &HARBOUR
            .replace("atLeast: 95%", "atLeast: 99.9%")
            .replace("servedBy: [edge-island]", "servedBy: [cloud]"),
    );
    assert_snapshot!(place.periplus(&["sim", "proud.yaml"]));
}

#[test]
fn a_folder_that_cannot_be_made_is_a_fault_of_the_environment() {
    let place = Place::new();
    place.write("taken", "a file");
    assert_snapshot!(place.periplus(&["sim", "harbour.yaml", "--out", "taken"]));
}
