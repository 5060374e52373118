//! What a crash leaves on its way from one segment to the next, and who may write.

use std::fs;

use periplus_core::Record;
use periplus_journal::{End, Fault, Reader, Writer};

use crate::story::{
    Files, files, folded, goes_on, head_bytes, header, lay_out, options, patch_head, read, refused,
    sealed, segment, story, tell, write, written,
};

/// A full segment, and what its sealing leads to.
struct Sealing {
    records: Vec<Record>,
    /// The open segment alone.
    before: Files,
    /// Sealed, with a successor that has one more record.
    after: Files,
    /// The successor before that record.
    successor: Vec<u8>,
}

const SEGMENT_BYTES: u64 = 300;

impl Sealing {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut records = story(100);
        let mut writer = Writer::create(home.path(), header(), options(SEGMENT_BYTES)).unwrap();
        let mut before = Files::new();
        let mut count = 0;
        while !home.path().join(sealed(0)).exists() {
            writer.sync().unwrap();
            before = files(home.path());
            writer.append(&records[count].as_ref()).unwrap();
            count += 1;
        }
        drop(writer);
        records.truncate(count - 1);
        let after = files(home.path());
        let successor = &after[&segment(records.len() as u64)];
        Self { successor: successor[..head_bytes(successor)].to_vec(), records, before, after }
    }

    fn successor_name(&self) -> String {
        segment(self.records.len() as u64)
    }

    /// All that a crash can leave, in the order in which it comes about.
    fn states(&self) -> Vec<Files> {
        let full = &self.before[&segment(0)];
        let packed = &self.after[&sealed(0)];
        let mut states = vec![self.before.clone()];
        for written in [0, self.successor.len() / 2, self.successor.len()] {
            let mut state = self.before.clone();
            let name = format!("{}.tmp", self.successor_name());
            state.insert(name, self.successor[..written].to_vec());
            states.push(state);
        }
        let mut state = self.before.clone();
        state.insert(self.successor_name(), self.successor.clone());
        states.push(state.clone());
        for written in [0, packed.len() / 2, packed.len()] {
            let mut state = state.clone();
            state.insert(format!("{}.tmp", sealed(0)), packed[..written].to_vec());
            states.push(state);
        }
        state.insert(sealed(0), packed.clone());
        states.push(state.clone());
        assert_eq!(&state[&segment(0)], full);
        state.remove(&segment(0));
        states.push(state);
        states
    }
}

#[test]
fn a_crash_at_any_point_of_a_sealing_leaves_a_log_that_reads_and_goes_on_as_if_nothing_had_been() {
    let sealing = Sealing::new();
    let home = tempfile::tempdir().unwrap();
    for (index, state) in sealing.states().iter().enumerate() {
        lay_out(home.path(), state);
        let (read, end) = read(home.path());
        assert_eq!(read, sealing.records, "{index}");
        assert_eq!(end.unwrap(), End::Clean, "{index}");
        goes_on(home.path(), &sealing.records, 0, SEGMENT_BYTES);
        assert_eq!(files(home.path()), sealing.after, "{index}");
    }
}

#[test]
fn a_sealed_segment_that_is_damaged_does_not_cost_the_open_one_beside_it() {
    let sealing = Sealing::new();
    let home = tempfile::tempdir().unwrap();
    let mut both = sealing.states().into_iter().nth_back(1).unwrap();
    assert!(both.contains_key(&segment(0)) && both.contains_key(&sealed(0)));
    let sound = both[&sealed(0)].clone();
    let facts = 48 + header().made_by().len();
    for at in [facts + 24, sound.len() - 1] {
        let mut damaged = sound.clone();
        let other = damaged[at] ^ 1;
        // In the head, as if something else had been compressed; behind it, as if it had rotted.
        patch_head(&mut damaged, at, &[other]);
        both.insert(sealed(0), damaged);
        lay_out(home.path(), &both);
        assert!(matches!(refused(home.path()), Fault::Checksum { .. }));
    }

    // As the text says: without the damaged one, the other holds.
    both.remove(&sealed(0));
    lay_out(home.path(), &both);
    goes_on(home.path(), &sealing.records, 0, SEGMENT_BYTES);
}

#[test]
fn an_unfinished_sealing_does_not_hide_that_the_last_segment_is_missing() {
    let home = tempfile::tempdir().unwrap();
    let records = story(30);
    write(home.path(), &records, SEGMENT_BYTES);
    let mut log = files(home.path());
    let last = log.pop_last().unwrap().0;
    // The first one is open once more, which is what a crash leaves, though not so early.
    let dir = home.path().join("open.log");
    let count = log.keys().nth(1).unwrap()[..20].parse::<usize>().unwrap();
    write(&dir, &records[..count], u64::MAX);
    log.remove(&sealed(0));
    log.insert(segment(0), files(&dir)[&segment(0)].clone());
    fs::remove_dir_all(&dir).unwrap();
    lay_out(home.path(), &log);
    let fault = refused(home.path());
    assert!(
        matches!(&fault, Fault::MissingSegment { file, .. } if *file == home.path().join(&last)),
        "{fault}"
    );
}

#[test]
fn a_begun_first_segment_is_no_log_and_does_not_hinder_one() {
    let home = tempfile::tempdir().unwrap();
    let name = format!("{}.tmp", segment(0));
    lay_out(home.path(), &[(name, vec![1, 2, 3])].into());
    assert!(matches!(Reader::open(home.path()), Err(Fault::NotALog { .. })));
    let records = story(3);
    write(home.path(), &records, u64::MAX);
    assert_eq!(read(home.path()).0, records);
}

#[test]
fn only_one_writes_and_everyone_reads() {
    let home = tempfile::tempdir().unwrap();
    let records = story(3);
    let mut first = written(home.path(), &records, options(u64::MAX));
    first.sync().unwrap();
    for fault in [
        Writer::open(home.path(), options(1)).unwrap_err(),
        Writer::create(home.path(), header(), options(1)).unwrap_err(),
    ] {
        assert!(matches!(&fault, Fault::Locked { .. }), "{fault}");
    }
    assert_eq!(read(home.path()).0, records);
    drop(first);
    goes_on(home.path(), &records, 0, u64::MAX);
}

#[test]
fn a_writer_that_failed_writes_no_more() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("run.log");
    let records = story(3);
    let mut writer = written(&dir, &records, options(1));
    fs::remove_dir_all(&dir).unwrap();
    let mut state = folded(&records);
    let record = tell(&mut state);
    let fault = writer.append(&record.as_ref()).unwrap_err();
    assert!(matches!(fault, Fault::Io { .. }), "{fault}");
    for fault in [
        writer.append(&record.as_ref()).unwrap_err(),
        writer.sync().unwrap_err(),
        writer.finish(&folded(&records)).unwrap_err(),
    ] {
        assert!(matches!(&fault, Fault::Stopped { dir: stopped } if *stopped == dir), "{fault}");
    }
}
