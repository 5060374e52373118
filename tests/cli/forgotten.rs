//! A log that keeps only its later records answers like the whole one about what it keeps, and says what it does not.

use std::fs;
use std::num::NonZeroU64;

use insta::assert_snapshot;
use periplus_core::units::{Span, Tick};
use periplus_core::{Sink, State};
use periplus_journal::{Fsync, Options, Reader, Writer};

use crate::place::Place;

/// A folder with the log of a run and, in `late.log`, the same one that let go of its first hour.
fn forgetful() -> Place {
    let place = Place::after_a_run();
    let records = place.records("run/run.log");
    let header = Reader::open(&place.path("run/run.log")).unwrap().header().clone();
    let options =
        Options { segment_bytes: 2_000, snapshot_every: NonZeroU64::new(20), fsync: Fsync::Never };
    let late = place.path("late.log");
    let mut writer = Writer::create(&late, header, options).unwrap();
    let mut state = State::default();
    for record in &records {
        state.fold(record);
        writer.accept(&record.as_ref(), &state).unwrap();
    }
    writer.keeper().forget(Tick(Span::HOUR.0)).unwrap();
    drop(writer);
    fs::rename(place.path("run/run.log/sources"), place.path("late.log/sources")).unwrap();
    let copied = fs::create_dir(place.path("run/run.log/sources"));
    copied.unwrap();
    for entry in fs::read_dir(place.path("late.log/sources")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), place.path("run/run.log/sources").join(entry.file_name())).unwrap();
    }
    place
}

fn last_line<'a>(told: &'a str, start: &str) -> &'a str {
    told.lines().find(|line| line.starts_with(start)).unwrap_or(told)
}

#[test]
fn what_it_keeps_is_verified_and_leads_to_the_same_state() {
    let place = forgetful();
    let whole = place.periplus(&["replay", "run/run.log"]);
    let late = place.periplus(&["replay", "late.log"]);
    assert_eq!(last_line(&whole, "state digest"), last_line(&late, "state digest"));
    assert_snapshot!("replayed", late);
    let told = place.periplus(&["log", "info", "late.log", "--format", "json"]);
    assert!(told.contains("\"first\": 440,"), "{told}");
    assert_snapshot!("what_it_is_for_people", {
        let told = place.periplus(&["log", "info", "late.log"]);
        told.lines().take(4).collect::<Vec<_>>().join("\n")
    });
    let shown = place.periplus(&["log", "show", "late.log"]);
    let (_, aside) = shown.split_once("--- stderr\n").unwrap();
    assert_snapshot!("shown", aside);
}

#[test]
fn questions_about_what_it_keeps_are_answered_as_ever() {
    let place = forgetful();
    let both = |args: &[&str]| {
        let ask = |log: &str| {
            let words: Vec<&str> =
                args.iter().map(|word| if *word == "LOG" { log } else { word }).collect();
            let told = place.periplus(&words);
            told.split_once('\n').unwrap().1.replace(log, "LOG")
        };
        (ask("run/run.log"), ask("late.log"))
    };
    for args in [
        &["why", "LOG", "--app", "shop"][..],
        &["why", "LOG", "--app", "shop", "--at", "01:50"],
        &["render", "LOG", "--at", "2h"],
        &["diff", "LOG", "LOG"],
    ] {
        let (whole, late) = both(args);
        assert_eq!(whole, late, "{args:?}");
    }
}

#[test]
fn what_it_does_not_keep_is_told() {
    let place = forgetful();
    for args in [
        &["render", "late.log", "--at", "10m", "--out", "tree"][..],
        &["record", "late.log", "--from", "10m", "--out", "early.yaml"],
        &["whatif", "late.log", "--set", "policies.default.breaker.floor=2"],
    ] {
        assert_snapshot!(place.periplus(args));
    }
    assert!(!place.path("tree").exists() && !place.path("early.yaml").exists());
}

#[test]
fn what_it_keeps_becomes_a_scenario() {
    let place = forgetful();
    let told = place.periplus(&["record", "late.log", "--to", "02:40", "--out", "late.yaml"]);
    assert_snapshot!(told);
    let told = place.periplus(&["test", "late.yaml", "--bless"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
}
