//! `log`: what is in a log.

use insta::assert_snapshot;

use crate::place::Place;

#[test]
fn records_are_shown_one_line_each_with_what_happened() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["log", "show", "run/run.log", "--to", "34"]));
}

#[test]
fn only_what_is_notable_is_shown_on_request() {
    let place = Place::after_a_run();
    let args = ["log", "show", "run/run.log", "--notable", "--from", "900"];
    assert_snapshot!(place.periplus(&args));
}

#[test]
fn programs_get_records_as_lines_of_json() {
    let place = Place::after_a_run();
    let args = ["log", "show", "run/run.log", "--from", "26", "--to", "29", "--format", "json"];
    assert_snapshot!(place.periplus(&args));
}

#[test]
fn a_log_says_what_it_is() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["log", "info", "run/run.log"]));
    assert_snapshot!(place.periplus(&["log", "info", "run/run.log", "--format", "json"]));
}

#[test]
fn a_sound_log_needs_no_mending() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["log", "mend", "run/run.log"]));
}
