//! Logs that were damaged or changed: each is told apart, with the record, what was expected and what is there.

use std::fs;

use insta::assert_snapshot;
use periplus_core::Record;
use periplus_core::event::Event;

use crate::place::{Place, frames, segment};

/// The record that is damaged: the first one in which something was decided.
fn victim(records: &[Record]) -> usize {
    records.iter().position(|record| !record.decisions.is_empty()).unwrap()
}

#[test]
fn a_flipped_byte_is_named() {
    let (place, records) = Place::with_an_open_log();
    let file = segment(&place.path("cut.log"));
    let mut bytes = fs::read(&file).unwrap();
    let frame = frames(&bytes)[victim(&records)].clone();
    bytes[frame.end - 1] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_snapshot!(place.periplus(&["replay", "cut.log"]));
}

#[test]
fn a_flipped_byte_in_a_sealed_segment_is_named() {
    let place = Place::after_a_run();
    let file = place.path("run/run.log/00000000000000000000.seg.zst");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_snapshot!(place.periplus(&["replay", "run/run.log"]));
}

#[test]
fn a_torn_tail_is_named_and_can_be_mended() {
    let (place, records) = Place::with_an_open_log();
    let file = segment(&place.path("cut.log"));
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() - 5]).unwrap();
    let last = records.len() - 2;
    assert_snapshot!("torn", place.periplus(&["replay", "cut.log"]));
    assert_snapshot!(
        "torn_shown",
        place.periplus(&["log", "show", "cut.log", "--from", &last.to_string()])
    );
    assert_snapshot!("torn_mended", place.periplus(&["log", "mend", "cut.log"]));
    assert_snapshot!("torn_and_mended", place.periplus(&["replay", "cut.log"]));
    assert_eq!(place.records("cut.log"), records[..records.len() - 1]);
}

#[test]
fn a_removed_record_is_named() {
    let (place, records) = Place::with_an_open_log();
    let file = segment(&place.path("cut.log"));
    let mut bytes = fs::read(&file).unwrap();
    let frame = frames(&bytes)[victim(&records)].clone();
    bytes.drain(frame);
    fs::write(&file, bytes).unwrap();
    assert_snapshot!(place.periplus(&["replay", "cut.log"]));
}

#[test]
fn a_removed_segment_is_named() {
    let place = Place::after_a_run();
    fs::remove_file(place.path("run/run.log/00000000000000000000.seg.zst")).unwrap();
    assert_snapshot!(place.periplus(&["replay", "run/run.log"]));
}

#[test]
fn a_changed_decision_is_named() {
    let (place, mut records) = Place::with_an_open_log();
    let victim = victim(&records);
    let winner = &mut records[victim].decisions[0].winner;
    winner.as_mut().unwrap().total.0 += 1;
    place.write_log("changed.log", &records);
    assert_snapshot!(place.periplus(&["replay", "changed.log"]));
    assert_snapshot!(place.periplus(&[
        "why",
        "changed.log",
        "--app",
        "shop",
        "--seq",
        &victim.to_string()
    ]));
}

#[test]
fn a_changed_event_is_named_when_deciding_and_by_the_digest_when_folding() {
    let (place, mut records) = Place::with_an_open_log();
    let mut events = records.iter_mut().flat_map(|record| &mut record.events);
    let replicas = events.find_map(|event| {
        if let Event::Staffed { replicas, .. } = event { Some(replicas) } else { None }
    });
    replicas.unwrap()[0] += 1;
    place.write_log("changed.log", &records);
    assert_snapshot!(place.periplus(&["replay", "changed.log"]));
    assert_snapshot!(place.periplus(&["replay", "changed.log", "--apply"]));
    assert_snapshot!(place.periplus(&["replay", "changed.log", "--format", "json"]));
}

#[test]
fn a_log_cut_between_two_records_is_betrayed_by_its_snapshot() {
    let place = Place::after_a_run();
    let records = place.records("run/run.log");
    place.write_log("cut.log", &records[..1_000]);
    let snapshot = format!("snapshot-{:020}.snap.zst", records.len());
    fs::copy(place.path("run/run.log").join(&snapshot), place.path("cut.log").join(&snapshot))
        .unwrap();
    assert_snapshot!(place.periplus(&["log", "mend", "cut.log"]));
}
