//! `replay` of sound logs.

use insta::assert_snapshot;
use periplus_core::record::DECIDER_VERSION;
use periplus_journal::Reader;

use crate::place::Place;

#[test]
fn a_sound_log_is_verified() {
    assert_snapshot!(Place::after_a_run().periplus(&["replay", "run/run.log"]));
}

#[test]
fn programs_get_the_verdict_as_json() {
    assert_snapshot!(Place::after_a_run().periplus(&["replay", "run/run.log", "--format", "json"]));
}

#[test]
fn folding_and_verifying_lead_to_the_digest_of_the_run() {
    let place = Place::after_a_run();
    let summary = place.read("run/summary.json");
    let (_, digest) = summary.split_once("\"digest\": \"").unwrap();
    let digest = format!("state digest {}", &digest[..32]);
    for mode in [&["replay", "run/run.log"][..], &["replay", "run/run.log", "--apply"]] {
        let told = place.periplus(mode);
        assert!(told.contains(&digest), "{told}");
    }
}

#[test]
fn a_log_is_followed_up_to_a_record() {
    let place = Place::after_a_run();
    assert_snapshot!(place.periplus(&["replay", "run/run.log", "--until", "100"]));
    assert_snapshot!(place.periplus(&["replay", "run/run.log", "--apply", "--until", "100"]));
}

#[test]
fn todays_decider_is_asked_where_it_differs() {
    assert_snapshot!(Place::after_a_run().periplus(&["replay", "run/run.log", "--redecide"]));
}

#[test]
fn the_log_of_another_decider_folds_but_is_not_verified() {
    let place = Place::after_a_run();
    let records = place.records("run/run.log");
    let mut header = Reader::open(&place.path("run/run.log")).unwrap().header().clone();
    header.decider = DECIDER_VERSION + 1;
    place.write_log_of("later.log", &records, header);
    assert_snapshot!(place.periplus(&["replay", "later.log"]));
    assert_snapshot!(place.periplus(&["replay", "later.log", "--apply"]));
    assert_snapshot!(place.periplus(&["replay", "later.log", "--redecide"]));
}

#[test]
fn what_is_not_a_log_is_wrong_usage() {
    let place = Place::after_a_run();
    let told =
        ["nowhere.log", "harbour.yaml", "run", "."].map(|log| place.periplus(&["replay", log]));
    assert_snapshot!(told.join("\n"));
}
