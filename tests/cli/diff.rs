//! `diff`: where two logs part, and where that led.

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

/// A folder with the run, and one like it in which the island's cluster is cordoned for a while.
fn two_runs() -> Place {
    let place = Place::after_a_run();
    let other = HARBOUR.replace("timeline:\n", "timeline:\n  - {at: 10m, cordon: edge-island}\n");
    place.write("cordoned.yaml", &other);
    place.periplus(&["sim", "cordoned.yaml", "--out", "other"]);
    place
}

#[test]
fn a_log_is_equal_to_itself() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["diff", "run/run.log", "run/run.log"]));
}

#[test]
fn the_first_difference_is_named_and_then_what_it_led_to() {
    let place = two_runs();
    assert_snapshot!(place.periplus(&["diff", "run/run.log", "other/run.log"]));
    assert_snapshot!(place.periplus(&["diff", "run/run.log", "other/run.log", "--format", "json"]));
}

#[test]
fn a_log_that_ends_earlier_is_named() {
    let (place, records) = Place::with_an_open_log();
    place.write_log("short.log", &records[..100]);
    assert_snapshot!(place.periplus(&["diff", "cut.log", "short.log"]));
}
