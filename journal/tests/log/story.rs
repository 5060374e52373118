//! Small logs to test with, and what to do with their folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use periplus_core::event::Event;
use periplus_core::ids::{Seq, SeriesId, Symbol};
use periplus_core::input::{Command, Observation, Sight, SourceId, TimerFired};
use periplus_core::state::Timer;
use periplus_core::units::{MilliRps, Tick};
use periplus_core::{Input, Record, Sink, State};
use periplus_journal::{End, Fault, Fsync, Header, Options, Reader, Writer};

/// All files of a folder by name, but for the lock.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// A byte of a head that is changed, and what that must be called.
pub(crate) type Case = (usize, fn(&Fault) -> bool);

/// The record that comes next, with everything in it that a state needs to go on. Of three kinds in turn.
pub(crate) fn tell(state: &mut State) -> Record {
    let seq = state.seq();
    let at = Tick(seq.0 * 1_000);
    let (input, event) = match seq.0 % 3 {
        0 => {
            let first = Symbol(u32::try_from(state.names().len()).expect("few names"));
            let texts = vec![format!("name {}", seq.0)];
            let command = Command::Name { first, texts };
            (Input::Command(command), Event::Named)
        }
        1 => {
            let timer = Timer::Silence;
            let fired = Input::Timer(TimerFired { due: at });
            (fired, Event::Rang { timer })
        }
        _ => {
            let rates = (0..4).map(|series| (SeriesId(series * 2), MilliRps(seq.0 * 100)));
            let sight = Sight::Demand { source: SourceId(1), rates: rates.collect() };
            let observation = Observation { as_of: at, sight };
            (Input::Observation(observation), Event::ObservationOutdated)
        }
    };
    let mut record = Record {
        seq,
        at,
        input,
        events: vec![event],
        effects: Vec::new(),
        decisions: Vec::new(),
        digest: None,
    };
    state.fold(&record);
    if seq.0 % 4 == 3 {
        record.digest = Some(state.digest());
    }
    record
}

pub(crate) fn story(count: u64) -> Vec<Record> {
    let mut state = State::default();
    (0..count).map(|_| tell(&mut state)).collect()
}

pub(crate) fn folded(records: &[Record]) -> State {
    let mut state = State::default();
    for record in records {
        state.fold(record);
    }
    state
}

pub(crate) fn header() -> Header {
    Header::new(0x5ce_0a71, 1_700_000_000_000, "test")
}

/// Without waiting for the disk and without snapshots.
pub(crate) fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, snapshot_every: None, fsync: Fsync::Never }
}

/// A writer that has written all of `records`.
pub(crate) fn written(dir: &Path, records: &[Record], options: Options) -> Writer {
    let mut writer = Writer::create(dir, header(), options).expect("a new log");
    let mut state = State::default();
    for record in records {
        state.fold(record);
        writer.accept(&record.as_ref(), &state).expect("room");
    }
    writer
}

/// A log that a writer left without finishing it.
pub(crate) fn write(dir: &Path, records: &[Record], segment_bytes: u64) {
    drop(written(dir, records, options(segment_bytes)));
}

/// The records up to the end or the first fault.
pub(crate) fn read(dir: &Path) -> (Vec<Record>, Result<End, Fault>) {
    match Reader::open(dir) {
        Ok(reader) => read_on(&mut reader.records()),
        Err(fault) => (Vec::new(), Err(fault)),
    }
}

/// The records that follow, up to the end or the first fault.
pub(crate) fn read_on(
    records: &mut periplus_journal::Records,
) -> (Vec<Record>, Result<End, Fault>) {
    let mut read = Vec::new();
    for record in &mut *records {
        match record {
            Ok(record) => read.push(record),
            Err(fault) => return (read, Err(fault)),
        }
    }
    (read, Ok(records.end().expect("the end was reached")))
}

pub(crate) fn files(dir: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(dir).expect("the folder is there") {
        let path = entry.expect("the folder can be listed").path();
        let name = path.file_name().expect("a file has a name");
        let name = name.to_string_lossy().into_owned();
        if name != "lock" {
            files.insert(name, fs::read(path).expect("the file can be read"));
        }
    }
    files
}

/// Makes a folder hold these files and no others.
pub(crate) fn lay_out(dir: &Path, files: &Files) {
    if dir.exists() {
        fs::remove_dir_all(dir).expect("the folder can be removed");
    }
    fs::create_dir_all(dir).expect("the folder can be made");
    for (name, bytes) in files {
        fs::write(dir.join(name), bytes).expect("the file can be written");
    }
}

pub(crate) fn segment(first: u64) -> String {
    format!("{first:020}.seg")
}

pub(crate) fn sealed(first: u64) -> String {
    format!("{first:020}.seg.zst")
}

pub(crate) fn snapshot(seq: u64) -> String {
    format!("snapshot-{seq:020}.snap.zst")
}

/// The length of the head at the start of a file.
pub(crate) fn head_bytes(file: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([file[10], file[11]]))
}

/// Where the frames of an open segment begin, and where the last one ends.
pub(crate) fn boundaries(file: &[u8]) -> Vec<usize> {
    let mut at = head_bytes(file);
    let mut boundaries = vec![at];
    while let Some(length) = file[at..].first_chunk() {
        at += 12 + u32::from_le_bytes(*length) as usize;
        boundaries.push(at);
    }
    boundaries
}

/// Changes bytes of a head and makes its checksum right again.
pub(crate) fn patch_head(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
    let end = head_bytes(file);
    let crc = crc32c::crc32c(&file[..end - 4]);
    file[end - 4..end].copy_from_slice(&crc.to_le_bytes());
}

/// That the folder is refused by a writer, and left as it was.
pub(crate) fn refused(dir: &Path) -> Fault {
    let before = files(dir);
    let fault = Writer::open(dir, options(u64::MAX)).expect_err("refused");
    assert_eq!(files(dir), before, "{fault}");
    fault
}

/// That a writer goes on with the log after `records`, having cut `cut_bytes`, and that nothing is lost.
pub(crate) fn goes_on(dir: &Path, records: &[Record], cut_bytes: u64, segment_bytes: u64) {
    let (mut writer, recovered) =
        Writer::open(dir, options(segment_bytes)).expect("what a crash leaves is put right");
    assert_eq!(recovered.next, Seq(records.len() as u64));
    assert_eq!(recovered.cut_bytes, cut_bytes);
    let following = tell(&mut folded(records));
    writer.append(&following.as_ref()).expect("room");
    drop(writer);
    let (read, end) = read(dir);
    assert_eq!(read[..records.len()], *records);
    assert_eq!(read[records.len()..], [following]);
    assert_eq!(end.expect("no fault"), End::Clean);
}
