//! How many single observations a second the log takes and gives, on one core.
//!
//! `cargo bench -p periplus-journal`. Batches are full (4,096 series), as a collector of a large fleet
//! sends them; rates wander, so that they compress as rates do and not as a constant does.
#![expect(clippy::print_stdout, reason = "a bench tells its figures")]

use std::path::Path;
use std::time::{Duration, Instant};

use periplus_core::Input;
use periplus_core::ids::{Seq, SeriesId};
use periplus_core::input::{BATCH_MAX, Observation, Sight, SourceId, TimerFired};
use periplus_core::record::Record;
use periplus_core::units::{MilliRps, Tick};
use periplus_journal::{Fsync, Header, Options, Reader, Writer};

const RECORDS: u64 = 6_000;

/// Batches that are made in advance and used in turn, so that making them is not measured. Together they
/// are larger than what the compression looks back on, so that it finds no batch a second time.
const BATCHES: u64 = 512;

/// How many records that are no batches.
const SINGLES: u64 = 2_000_000;

fn main() {
    let records: Vec<Record> = (0..BATCHES).map(batch).collect();
    let home = tempfile::tempdir().expect("a temporary folder");

    let open = home.path().join("open.log");
    let observations = RECORDS * BATCH_MAX as u64;
    let took = write(&open, &records, RECORDS, u64::MAX);
    tell("append", observations, took);
    tell("read, open segment", observations, read(&open));

    let sealed = home.path().join("sealed.log");
    let took = write(&sealed, &records, RECORDS, Options::default().segment_bytes);
    tell("append and seal", observations, took);
    tell("read, sealed segments", observations, read(&sealed));

    let singles = home.path().join("singles.log");
    let took = write(&singles, &[timer()], SINGLES, u64::MAX);
    tell("append, one a record", SINGLES, took);
    tell("read, one a record", SINGLES, read(&singles));

    for dir in [&open, &sealed] {
        let segments = Reader::open(dir).and_then(|reader| reader.segments());
        let bytes: u64 = segments.expect("a sound log").iter().map(|one| one.bytes).sum();
        println!(
            "{:<24}{:>8.2} bytes per observation",
            dir.file_name().map(|name| name.to_string_lossy()).unwrap_or_default(),
            bytes as f64 / observations as f64
        );
    }
}

/// One full batch: rates of 1 to 60 requests a second that wander from batch to batch.
fn batch(step: u64) -> Record {
    let rates = (0..).take(BATCH_MAX).map(|series| {
        let noise = u64::from(series).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
        let drift = (u64::from(series) ^ step).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 54;
        (SeriesId(series), MilliRps(1_000 + noise % 59_000 + drift))
    });
    let sight = Sight::Demand { source: SourceId(0), rates: rates.collect() };
    Record {
        seq: Seq(0),
        at: Tick(0),
        input: Input::Observation(Observation { as_of: Tick(0), sight }),
        events: Vec::new(),
        effects: Vec::new(),
        decisions: Vec::new(),
        digest: None,
    }
}

/// The smallest record there is.
fn timer() -> Record {
    Record { input: Input::Timer(TimerFired { due: Tick(0) }), ..batch(0) }
}

fn write(dir: &Path, records: &[Record], count: u64, segment_bytes: u64) -> Duration {
    let options = Options { segment_bytes, snapshot_every: None, fsync: Fsync::Never };
    let began = Instant::now();
    let mut writer = Writer::create(dir, Header::new(0, 0, "bench"), options).expect("a new log");
    for (seq, record) in (0..count).zip(records.iter().cycle()) {
        let mut record = record.as_ref();
        record.seq = Seq(seq);
        record.at = Tick(seq * 100);
        writer.append(&record).expect("room on the disk");
    }
    writer.sync().expect("room on the disk");
    began.elapsed()
}

fn read(dir: &Path) -> Duration {
    let began = Instant::now();
    let reader = Reader::open(dir).expect("a sound log");
    let records = reader.records().map(|record| record.expect("a sound log"));
    let weight: u64 = records.map(|record| record.input.weight()).sum();
    assert!([RECORDS * BATCH_MAX as u64, SINGLES].contains(&weight));
    began.elapsed()
}

fn tell(what: &str, observations: u64, took: Duration) {
    let millions = observations as f64 / took.as_secs_f64() / 1e6;
    println!("{what:<24}{millions:>8.1} M observations/s");
}
