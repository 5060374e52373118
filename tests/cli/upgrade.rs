//! `upgrade-check`: what another version would do otherwise.

use insta::assert_snapshot;
use periplus_core::Record;
use periplus_core::decision::Verdict;
use periplus_journal::Reader;

use crate::place::Place;

#[test]
fn a_version_that_decides_alike_says_so() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["upgrade-check", "run/run.log"]));
    assert_snapshot!(place.periplus(&["upgrade-check", "run/run.log", "--since", "30m"]));
}

/// A log whose decider did nothing when an app should have started.
fn made_by_another() -> Place {
    let place = Place::after_a_run();
    let mut records = place.records("run/run.log");
    let starts = |record: &Record| {
        let mut verdicts = record.decisions.iter().map(|decision| decision.verdict);
        verdicts.any(|verdict| matches!(verdict, Verdict::Assigned))
    };
    let end = records.iter().position(starts).unwrap();
    records.truncate(end + 1);
    let last = &mut records[end];
    last.events.clear();
    last.effects.clear();
    last.decisions.clear();
    last.digest = None;
    let mut header = Reader::open(&place.path("run/run.log")).unwrap().header().clone();
    header.decider = 0;
    place.write_log_of("earlier.log", &records, header);
    place
}

#[test]
fn what_it_decides_otherwise_is_told_in_words() {
    let place = made_by_another();
    assert_snapshot!(place.periplus(&["upgrade-check", "earlier.log"]));
    assert_snapshot!(place.periplus(&["upgrade-check", "earlier.log", "--format", "json"]));
}

#[test]
fn what_it_would_write_otherwise_is_told() {
    let place = Place::new();
    let told = place.periplus(&["sim", "harbour.yaml", "--out", "run", "--git", "fleet.git"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let checked = |revision: &str| {
        place.periplus(&["upgrade-check", "run/run.log", "--since", "10m", "--written", revision])
    };
    assert_snapshot!(checked("fleet.git@main"));
    assert_snapshot!(checked("fleet.git@main~4"));
    assert_snapshot!(checked("fleet.git"));
    assert_snapshot!(checked("fleet.git@other"));
}
