//! `test`: expectations and goldens as a regression test.

use std::fs;

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

const GOLDEN: &str = "harbour.golden.txt";

#[test]
fn a_scenario_without_a_golden_fails_until_it_is_blessed() {
    let place = Place::new();
    let told = [
        place.periplus(&["test", "."]),
        place.periplus(&["test", ".", "--bless"]),
        place.periplus(&["test", "."]),
    ];
    assert_snapshot!(told.join("\n"));
}

#[test]
fn a_golden_reads_as_the_story_of_its_scenario() {
    let place = Place::new();
    place.periplus(&["test", ".", "--bless"]);
    assert_snapshot!(place.read(GOLDEN));
}

#[test]
fn the_first_line_that_differs_from_the_golden_is_shown() {
    let place = Place::new();
    place.periplus(&["test", ".", "--bless"]);
    place.write(GOLDEN, &place.read(GOLDEN).replace("shop starts in edge-island", "shop sleeps"));
    assert_snapshot!(place.periplus(&["test", "harbour.yaml"]));
}

#[test]
fn failures_and_wrong_files_are_told_apart_also_as_junit() {
    let place = Place::new();
    place.periplus(&["test", ".", "--bless"]);
    fs::create_dir(place.path("more")).unwrap();
    place.write("more/proud.yaml", &HARBOUR.replace("atLeast: 95%", "atLeast: 99.9%"));
    fs::copy(place.path(GOLDEN), place.path("more/proud.golden.txt")).unwrap();
    place.write("more/wrong.yaml", &HARBOUR.replace("duration: 3h", "durration: 3h"));
    assert_snapshot!(place.periplus(&["test", ".", "--junit", "results.xml"]));
    let timeless: String = place
        .read("results.xml")
        .split_inclusive(' ')
        .filter(|word| !word.starts_with("time="))
        .collect();
    assert_snapshot!("junit", timeless);
}

#[test]
fn a_golden_is_rewritten_only_where_its_measure_is_not_worse() {
    let place = Place::new();
    place.write("same.yaml", HARBOUR);
    place.write("worse.yaml", HARBOUR);
    place.write("unmet.yaml", &HARBOUR.replace("atLeast: 95%", "atLeast: 99.9%"));
    place.periplus(&["test", ".", "--bless"]);
    let golden = |name: &str| format!("{name}.golden.txt");
    let changed = |name: &str, from: &str, to: &str| {
        let text = place.read(&golden(name));
        assert!(text.contains(from), "{text}");
        place.write(&golden(name), &text.replace(from, to));
    };
    // The goldens of what cost more, less, and as much as now, with another story.
    changed("harbour", "cost $1.57", "cost $2.00");
    changed("worse", "cost $1.57", "cost $1.25");
    changed("same", "shop starts in edge-island", "shop sleeps");
    changed("unmet", "cost $1.57", "cost $2.00");
    let (worse, unmet) = (place.read(&golden("worse")), place.read(&golden("unmet")));
    let asked = ["test", ".", "--update-only-if-better", "cost", "--junit", "results.xml"];
    assert_snapshot!(place.periplus(&asked));
    assert!(place.read(&golden("harbour")).contains("cost $1.57"));
    assert!(!place.read(&golden("same")).contains("shop sleeps"));
    assert_eq!(place.read(&golden("worse")), worse);
    assert_eq!(place.read(&golden("unmet")), unmet);
    assert!(place.read("results.xml").contains("failures=\"2\""));
    assert_snapshot!(
        "no_such_measure",
        place.periplus(&["test", ".", "--update-only-if-better", "p95"])
    );
}

#[test]
fn a_folder_without_scenarios_is_wrong_usage() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).unwrap();
    assert_snapshot!(place.periplus(&["test", "empty"]));
}
