//! Letting go of old records and of spare snapshots.

use std::num::NonZeroU64;

use periplus_core::Record;
use periplus_core::ids::Seq;
use periplus_core::units::Tick;
use periplus_journal::{Fault, Options, Reader, Writer};

use crate::story::{
    Files, files, folded, header, lay_out, options, read_on, refused, sealed, snapshot, story,
    written,
};

fn kept_in(segment_bytes: u64, every: u64) -> Options {
    Options { snapshot_every: NonZeroU64::new(every), ..options(segment_bytes) }
}

fn beginning(seq: u64) -> String {
    format!("beginning-{seq:020}.snap.zst")
}

/// What a reader finds of `records`: where they begin, after checking that all from there on lead to the same states.
fn begins(dir: &std::path::Path, records: &[Record]) -> usize {
    let reader = Reader::open(dir).unwrap();
    let start = reader.beginning().unwrap();
    let from = usize::try_from(start.seq.0).unwrap();
    assert_eq!(start.state, folded(&records[..from]));
    let (rest, end) = read_on(&mut reader.records_from(start.seq));
    assert_eq!(rest, records[from..]);
    end.unwrap();
    for seq in from..=records.len() {
        let start = reader.nearest_snapshot(Seq(seq as u64)).unwrap();
        let at = usize::try_from(start.seq.0).unwrap();
        assert!((from..=seq).contains(&at));
        assert_eq!(start.state, folded(&records[..at]));
    }
    from
}

/// That a writer goes on with what is left, and that what it writes follows.
fn goes_on(dir: &std::path::Path, records: &mut Vec<Record>, options: Options) {
    let (mut writer, recovered) = Writer::open(dir, options).unwrap();
    assert_eq!(recovered.next, Seq(records.len() as u64));
    let following = crate::story::tell(&mut folded(records));
    writer.append(&following.as_ref()).unwrap();
    records.push(following);
}

#[test]
fn whatever_is_let_go_the_rest_leads_to_the_same_states() {
    let home = tempfile::tempdir().unwrap();
    let options = kept_in(300, 4);
    let mut records = story(60);
    drop(written(home.path(), &records, options));
    let whole = files(home.path());
    let mut before_that = 0;
    for second in [0, 1, 10, 25, 26, 40, 59, 1_000] {
        lay_out(home.path(), &whole);
        let (writer, _) = Writer::open(home.path(), options).unwrap();
        let keeper = writer.keeper();
        let let_go = keeper.forget(Tick(second * 1_000)).unwrap();
        let from = begins(home.path(), &records);
        // Record n is made in second n.
        assert!(from <= usize::try_from(second).unwrap() && from >= before_that);
        before_that = from;
        assert_eq!(let_go.segments > 0, from > 0);
        let left = files(home.path());
        let bytes = |files: &Files| {
            let old = files.iter().filter(|(name, _)| !name.starts_with("beginning"));
            old.map(|(_, bytes)| bytes.len() as u64).sum::<u64>()
        };
        assert_eq!(bytes(&whole) - bytes(&left), let_go.bytes);
        // Once more, there is nothing left to do.
        assert_eq!(keeper.forget(Tick(second * 1_000)).unwrap(), periplus_journal::Let::default());
        drop(writer);
        assert_eq!(begins(home.path(), &records), from);
    }
    assert!(before_that > 40);
    goes_on(home.path(), &mut records, options);
    begins(home.path(), &records);
}

#[test]
fn a_log_that_lets_go_again_and_again_has_one_beginning() {
    let home = tempfile::tempdir().unwrap();
    let options = kept_in(300, 4);
    let records = story(120);
    let mut writer = Writer::create(home.path(), header(), options).unwrap();
    let mut state = periplus_core::State::default();
    for record in &records {
        state.fold(record);
        periplus_core::Sink::accept(&mut writer, &record.as_ref(), &state).unwrap();
        writer.keeper().forget(Tick(record.at.0.saturating_sub(30_000))).unwrap();
    }
    writer.sync().unwrap();
    let from = begins(home.path(), &records);
    assert!((60..90).contains(&from), "{from}");
    let names = files(home.path());
    assert_eq!(names.keys().filter(|name| name.starts_with("beginning")).count(), 1);
}

#[test]
fn what_is_gone_is_said_to_be_gone() {
    let home = tempfile::tempdir().unwrap();
    let records = story(60);
    let writer = written(home.path(), &records, kept_in(300, 4));
    writer.keeper().forget(Tick(30_000)).unwrap();
    let reader = Reader::open(home.path()).unwrap();
    let from = reader.beginning().unwrap().seq;
    let faults = [
        reader.nearest_snapshot(Seq(from.0 - 1)).err(),
        reader.records().next().and_then(Result::err),
        reader.records_from(Seq(from.0 - 1)).next().and_then(Result::err),
    ];
    for fault in faults {
        assert!(
            matches!(fault, Some(Fault::Forgotten { expected, .. }) if expected == from),
            "{fault:?}"
        );
    }
}

#[test]
fn a_crash_at_any_file_leaves_a_log_that_begins_at_one_of_both_places() {
    let home = tempfile::tempdir().unwrap();
    let options = kept_in(300, 4);
    let mut records = story(60);
    let writer = written(home.path(), &records, options);
    writer.keeper().forget(Tick(20_000)).unwrap();
    drop(writer);
    let before = files(home.path());
    let (writer, _) = Writer::open(home.path(), options).unwrap();
    writer.keeper().forget(Tick(45_000)).unwrap();
    drop(writer);
    let after = files(home.path());
    let new: Vec<_> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    let [new] = new[..] else { panic!("one beginning") };
    let is_segment = |name: &&String| name.ends_with("seg.zst");
    let mut gone: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
    gone.sort_by_key(|name| (!is_segment(name), (*name).clone()));
    for removed in 0..=gone.len() {
        let mut log = before.clone();
        log.insert(new.clone(), after[new].clone());
        for name in &gone[..removed] {
            log.remove(*name);
        }
        lay_out(home.path(), &log);
        begins(home.path(), &records);
        // The next time puts the rest away.
        let (writer, _) = Writer::open(home.path(), options).unwrap();
        writer.keeper().forget(Tick(45_000)).unwrap();
        drop(writer);
        assert_eq!(files(home.path()).keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>());
    }
    goes_on(home.path(), &mut records, options);
}

#[test]
fn a_segment_or_a_beginning_that_somebody_else_removes_is_missed() {
    let home = tempfile::tempdir().unwrap();
    let records = story(60);
    let writer = written(home.path(), &records, kept_in(300, 4));
    writer.keeper().forget(Tick(30_000)).unwrap();
    drop(writer);
    let whole = files(home.path());
    let from = begins(home.path(), &records) as u64;

    let mut log = whole.clone();
    log.remove(&beginning(from));
    lay_out(home.path(), &log);
    assert!(matches!(refused(home.path()), Fault::MissingSegment { .. }));

    let mut log = whole.clone();
    let first = log.keys().find(|name| name.ends_with("seg.zst")).unwrap().clone();
    assert!(first <= sealed(from));
    log.remove(&first);
    lay_out(home.path(), &log);
    assert!(matches!(refused(home.path()), Fault::MissingSegment { .. }));

    let mut log = whole;
    log.insert(beginning(from), vec![0; 500]);
    lay_out(home.path(), &log);
    let reader = Reader::open(home.path()).unwrap();
    assert!(matches!(reader.beginning(), Err(Fault::NotALog { .. })));
}

#[test]
fn nothing_goes_where_no_snapshot_can_take_its_place() {
    let home = tempfile::tempdir().unwrap();
    let records = story(60);
    let writer = written(home.path(), &records, options(300));
    assert_eq!(writer.keeper().forget(Tick(59_000)).unwrap(), periplus_journal::Let::default());
    drop(writer);
    assert_eq!(begins(home.path(), &records), 0);
}

#[test]
fn of_spare_snapshots_the_first_of_each_segment_stays() {
    let home = tempfile::tempdir().unwrap();
    let records = story(60);
    let writer = written(home.path(), &records, kept_in(600, 2));
    let before = files(home.path());
    let let_go = writer.keeper().thin().unwrap();
    assert!(let_go.snapshots > 5 && let_go.segments == 0 && let_go.bytes > 0);
    drop(writer);
    let left = files(home.path());
    assert_eq!(before.len() - left.len(), let_go.snapshots);
    let firsts: Vec<u64> = left
        .keys()
        .filter(|name| name.contains(".seg"))
        .map(|name| name[..20].parse().unwrap())
        .collect();
    let last = firsts[firsts.len() - 2];
    for pair in firsts.windows(2).filter(|pair| pair[0] < last) {
        let snapshots = (pair[0]..pair[1]).filter(|seq| left.contains_key(&snapshot(*seq)));
        assert_eq!(snapshots.count(), 1);
    }
    assert_eq!(begins(home.path(), &records), 0);
}
