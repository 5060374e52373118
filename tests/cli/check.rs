//! `check`: diagnostics, and nothing else.

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

#[test]
fn a_file_that_is_right_is_said_to_be_right() {
    assert_snapshot!(Place::new().periplus(&["check", "harbour.yaml"]));
}

#[test]
fn all_that_is_wrong_is_told_at_once_each_with_its_place() {
    let place = Place::new();
    let mistakes = [
        ("duration: 3h", "durration: 3h"),
        ("maxRtt: 60ms", "maxRtt: 60 miles"),
        ("cpu: 500m", "cpu: half"),
    ];
    let wrong = mistakes.iter().fold(HARBOUR.to_owned(), |text, (right, wrong)| {
        assert!(text.contains(right));
        text.replace(right, wrong)
    });
    place.write("wrong.yaml", &wrong);
    assert_snapshot!(place.periplus(&["check", "harbour.yaml", "wrong.yaml"]));
}

#[test]
fn programs_get_what_is_wrong_as_json() {
    let place = Place::new();
    place.write("wrong.yaml", &HARBOUR.replace("maxRtt: 60ms", "maxRtt: 60 miles"));
    assert_snapshot!(place.periplus(&["check", "wrong.yaml", "--format", "json"]));
}

#[test]
fn a_file_that_is_not_there_is_wrong_usage() {
    assert_snapshot!(Place::new().periplus(&["check", "nowhere.yaml"]));
}
