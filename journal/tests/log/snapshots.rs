//! States beside the log.

use std::num::NonZeroU64;

use periplus_core::ids::Seq;
use periplus_core::{Sink, State};
use periplus_journal::{Fault, Options, Reader, Writer};

use crate::story::{
    Case, boundaries, files, folded, goes_on, header, lay_out, options, patch_head, read, refused,
    segment, snapshot, story, tell, write, written,
};

fn with_snapshots(segment_bytes: u64, every: u64) -> Options {
    Options { snapshot_every: NonZeroU64::new(every), ..options(segment_bytes) }
}

#[test]
fn the_nearest_snapshot_and_the_records_after_it_lead_to_every_state() {
    let home = tempfile::tempdir().unwrap();
    let records = story(23);
    let writer = written(home.path(), &records, with_snapshots(300, 5));
    writer.finish(&folded(&records)).unwrap();
    let snapshots = [0, 5, 10, 15, 20, 23];
    let names = files(home.path());
    for seq in &snapshots[1..] {
        assert!(names.contains_key(&snapshot(*seq)), "{seq}");
    }

    let reader = Reader::open(home.path()).unwrap();
    for seq in 0..=records.len() {
        let start = reader.nearest_snapshot(Seq(seq as u64)).unwrap();
        let nearest = snapshots.iter().rfind(|at| **at <= seq as u64);
        assert_eq!(Some(&start.seq.0), nearest);
        assert_eq!(start.skipped.len(), 0);
        let mut state = start.state;
        while state.seq() < Seq(seq as u64) {
            let record = reader.records_from(state.seq()).next();
            state.fold(&record.unwrap().unwrap());
        }
        assert_eq!(state, folded(&records[..seq]));
    }
}

#[test]
fn snapshots_come_at_the_same_positions_however_often_the_writer_stops() {
    let home = tempfile::tempdir().unwrap();
    let straight = home.path().join("straight.log");
    let records = story(23);
    drop(written(&straight, &records, with_snapshots(300, 5)));

    let stopping = home.path().join("stopping.log");
    let options = with_snapshots(300, 5);
    drop(Writer::create(&stopping, header(), options).unwrap());
    let mut state = State::default();
    for record in &records {
        let (mut writer, _) = Writer::open(&stopping, options).unwrap();
        state.fold(record);
        writer.accept(&record.as_ref(), &state).unwrap();
    }
    assert_eq!(files(&stopping), files(&straight));
}

#[test]
fn without_a_sound_snapshot_the_start_is_the_start() {
    let home = tempfile::tempdir().unwrap();
    let records = story(12);
    drop(written(home.path(), &records, with_snapshots(300, 5)));
    let mut log = files(home.path());
    log.insert(snapshot(5), Vec::new());
    log.insert(snapshot(10), vec![0; 500]);
    lay_out(home.path(), &log);
    let start = Reader::open(home.path()).unwrap().nearest_snapshot(Seq(12)).unwrap();
    assert_eq!((start.seq, start.state), (Seq(0), State::default()));
    let skipped: Vec<_> = start.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped.len(), 2);
    assert!(skipped[0].contains(&snapshot(10)) && skipped[1].contains(&snapshot(5)));
    goes_on(home.path(), &records, 0, 300);
}

#[test]
fn a_snapshot_of_another_run_or_format_or_state_is_skipped() {
    let home = tempfile::tempdir().unwrap();
    let records = story(6);
    drop(written(home.path(), &records, with_snapshots(u64::MAX, 5)));
    let whole = files(home.path());
    let digest = 48 + "test".len();
    let cases: [Case; 4] = [
        (8, |fault| matches!(fault, Fault::UnknownFormat { .. })),
        (16, |fault| matches!(fault, Fault::OtherRun { .. })),
        (40, |fault| matches!(fault, Fault::Misnamed { .. })),
        (digest, |fault| matches!(fault, Fault::SnapshotDiffers { .. })),
    ];
    for (at, is_named) in cases {
        let mut log = whole.clone();
        let file = log.get_mut(&snapshot(5)).unwrap();
        let other = file[at] ^ 0xff;
        patch_head(file, at, &[other]);
        lay_out(home.path(), &log);
        let start = Reader::open(home.path()).unwrap().nearest_snapshot(Seq(6)).unwrap();
        assert_eq!(start.seq, Seq(0));
        assert!(is_named(&start.skipped[0]), "{}", start.skipped[0]);
    }
}

#[test]
fn a_log_that_lost_records_which_a_snapshot_has_seen_is_not_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let records = story(6);
    drop(written(home.path(), &records, with_snapshots(u64::MAX, 6)));
    let mut log = files(home.path());
    let file = log.get_mut(&segment(0)).unwrap();
    // Cut between two records, which nothing else would show.
    let boundary = boundaries(file)[4];
    file.truncate(boundary);
    lay_out(home.path(), &log);
    let is_named = |fault: &Fault| matches!(fault, Fault::SnapshotAhead { expected, got, .. } if (expected.0, got.0) == (4, 6));
    assert!(is_named(&refused(home.path())));
    let reader = Reader::open(home.path()).unwrap();
    let start = reader.nearest_snapshot(Seq(u64::MAX)).unwrap();
    assert_eq!(start.seq, Seq(0));
    assert!(is_named(&start.skipped[0]));

    // As the text says: without the snapshot, the log goes on; and a damaged snapshot proves nothing.
    *log.get_mut(&snapshot(6)).unwrap().last_mut().unwrap() ^= 1;
    lay_out(home.path(), &log);
    goes_on(home.path(), &records[..4], 0, u64::MAX);
    log.remove(&snapshot(6));
    lay_out(home.path(), &log);
    goes_on(home.path(), &records[..4], 0, u64::MAX);
}

#[test]
fn a_snapshot_is_on_disk_only_with_the_records_that_lead_to_it() {
    let home = tempfile::tempdir().unwrap();
    let records = story(3);
    let mut writer = written(home.path(), &records, options(u64::MAX));
    assert_eq!(read(home.path()).0, []);
    writer.snapshot(&folded(&records)).unwrap();
    assert_eq!(read(home.path()).0, records);
}

#[test]
fn a_log_written_without_snapshots_starts_at_the_start() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), &story(9), 300);
    let start = Reader::open(home.path()).unwrap().nearest_snapshot(Seq(9)).unwrap();
    assert_eq!((start.seq, start.skipped.len()), (Seq(0), 0));
    let mut state = start.state;
    assert_eq!(tell(&mut state).seq, Seq(0));
}
