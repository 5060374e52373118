//! Logs of every released version fold for ever.
//!
//! `tests/logs/vN/NAME/` holds a log of format N as it was written then, in `run.log/`, and what it leads to in
//! `leads-to.json`. They are not made anew, with one exception: until 0.1.0 is released, those of version 1 are,
//! by `PERIPLUS_FREEZE=1 cargo nextest run --test frozen every_frozen_log_folds`, which `./bless` does.
//!
//! **When a test here fails**
//!
//! * *a log no longer folds*: the types of a record have changed. Raise `FORMAT_VERSION`, decode the old shape in
//!   `journal/src/source.rs`, lift it, and freeze a log of the new version beside this one.
//! * *a log folds to another digest*: `apply` has changed its mind about the past. Give the new meaning to a new
//!   event; the old one keeps its own.
//! * *a log of today's decider is not verified*: `step` decides otherwise. Raise `DECIDER_VERSION` and say in
//!   `cli/failure.rs` which release verifies the old one. The log then says `decider-retired` and still folds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::Command;

use periplus_core::record::{DECIDER_VERSION, FORMAT_VERSION};
use periplus_core::{Outbox, State};
use periplus_journal::{End, Fsync, Header, Options, Reader, SegmentState, Writer};
use periplus_sim::run;
use serde::{Deserialize, Serialize};

/// What a frozen log leads to.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LeadsTo {
    /// The decider that wrote it.
    decider: u16,
    /// How many records it has.
    records: u64,
    /// The digest of the state at its end.
    digest: String,
}

#[test]
fn every_frozen_log_folds_to_the_state_that_it_led_to_when_it_was_written() {
    freeze_if_asked();
    for log in frozen() {
        let reader = Reader::open(&log.join("run.log")).unwrap();
        let mut state = State::default();
        let mut records = reader.records();
        for record in records.by_ref() {
            let record = record.unwrap_or_else(|fault| panic!("{fault}"));
            state.fold_checked(&record).unwrap_or_else(|divergence| panic!("{divergence}"));
        }
        assert_eq!(records.end(), Some(End::Clean));
        let led_to = LeadsTo {
            decider: reader.header().decider,
            records: state.seq().0,
            digest: state.digest().to_string(),
        };
        assert_eq!(led_to, told(&log), "{}", log.display());
    }
}

#[test]
fn every_frozen_log_of_todays_decider_is_verified() {
    for log in frozen() {
        if told(&log).decider != DECIDER_VERSION {
            continue;
        }
        let (mut state, mut out) = (State::default(), Outbox::default());
        for record in Reader::open(&log.join("run.log")).unwrap().records() {
            state.verify(&record.unwrap(), &mut out).unwrap_or_else(|divergence| {
                panic!("{}: {divergence}", log.display());
            });
        }
    }
}

#[test]
fn every_frozen_log_of_another_decider_says_which_release_verifies_it() {
    for log in frozen() {
        let output = Command::new(env!("CARGO_BIN_EXE_periplus"))
            .arg("replay")
            .arg(log.join("run.log"))
            .output()
            .unwrap();
        let aside = String::from_utf8_lossy(&output.stderr);
        let retired = told(&log).decider != DECIDER_VERSION;
        assert_eq!(output.status.code(), Some(if retired { 3 } else { 0 }), "{aside}");
        assert_eq!(aside.contains("decider-retired"), retired, "{aside}");
    }
}

#[test]
fn a_log_of_todays_format_is_frozen_with_sealed_and_open_segments_and_a_snapshot() {
    let folder = logs().join(format!("v{FORMAT_VERSION}"));
    assert!(folder.is_dir(), "no log of format {FORMAT_VERSION} is frozen");
    let whole = frozen().into_iter().filter(|log| log.starts_with(&folder)).any(|log| {
        let reader = Reader::open(&log.join("run.log")).unwrap();
        let sealed = |state: &SegmentState| matches!(state, SegmentState::Sealed { .. });
        let segments = reader.segments().unwrap();
        let last = reader.last_seq().unwrap().unwrap();
        segments.iter().any(|segment| sealed(&segment.state))
            && segments.last().is_some_and(|segment| segment.first <= last)
            && reader.nearest_snapshot(last).unwrap().seq.0 > 0
    });
    assert!(whole, "{}", folder.display());
}

fn logs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs")
}

/// All frozen logs, of every version.
fn frozen() -> Vec<PathBuf> {
    let inside = |folder: PathBuf| {
        let mut found: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let found: Vec<PathBuf> = inside(logs()).into_iter().flat_map(inside).collect();
    assert!(!found.is_empty());
    found
}

fn told(log: &Path) -> LeadsTo {
    serde_json::from_slice(&fs::read(log.join("leads-to.json")).unwrap()).unwrap()
}

/// Writes the log of the harbour anew, if that is asked for.
fn freeze_if_asked() {
    if std::env::var_os("PERIPLUS_FREEZE").is_none() {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenario = periplus_spec::load(&root.join("docs/guide/voyage/harbour.yaml")).unwrap();
    let scenario = scenario.scenario;
    let fresh = tempfile::tempdir().unwrap();
    let maker = format!("periplus {}", env!("CARGO_PKG_VERSION"));
    let header = Header::new(scenario.hash, scenario.epoch_unix_ms, &maker);
    let options = Options {
        segment_bytes: 48 << 10,
        snapshot_every: NonZeroU64::new(1_000),
        fsync: Fsync::Never,
    };
    let mut writer = Writer::create(fresh.path(), header.clone(), options).unwrap();
    let outcome = run(&scenario, &mut writer, &mut ()).unwrap();
    // Not finished, as a service leaves it that is stopped: its last segment is open and has records.
    drop(writer);

    let log = logs().join(format!("v{FORMAT_VERSION}/harbour"));
    let kept = log.join("run.log");
    fs::create_dir_all(&kept).unwrap();
    for entry in fs::read_dir(&kept).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for entry in fs::read_dir(fresh.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name != "lock" {
            fs::copy(&path, kept.join(name)).unwrap();
        }
    }
    let leads_to = LeadsTo {
        decider: header.decider,
        records: outcome.state.seq().0,
        digest: outcome.digest.to_string(),
    };
    let text = serde_json::to_string_pretty(&leads_to).unwrap();
    fs::write(log.join("leads-to.json"), text + "\n").unwrap();
}
