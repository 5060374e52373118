//! The bytes of the format, as `docs/log-format.md` shows them.

use std::path::Path;

use periplus_core::event::Event;
use periplus_core::ids::{Seq, SeriesId, Symbol};
use periplus_core::input::{Command, Observation, Sight, SourceId};
use periplus_core::record::FORMAT_VERSION;
use periplus_core::units::{MilliRps, Tick};
use periplus_core::{Input, Record};
use periplus_journal::{End, Header, Writer};

use crate::story::{Files, files, lay_out, options, read, sealed, segment};

/// The page that a person implements a reader from.
const PAGE: &str = include_str!("../../../docs/log-format.md");

/// The two records of the example.
fn example() -> [Record; 2] {
    let record = |seq, at, input, events| Record {
        seq: Seq(seq),
        at: Tick(at),
        input,
        events,
        effects: Vec::new(),
        decisions: Vec::new(),
        digest: None,
    };
    let named =
        Input::Command(Command::Name { first: Symbol(0), texts: vec!["harbour".to_owned()] });
    let sight = Sight::Demand {
        source: SourceId(1),
        rates: vec![(SeriesId(3), MilliRps(250)), (SeriesId(4), MilliRps(65_535))],
    };
    let demand = Input::Observation(Observation { as_of: Tick(60_000), sight });
    [record(0, 0, named, vec![Event::Named]), record(1, 60_500, demand, Vec::new())]
}

/// The files of the page, from the hexadecimal digits before the bars of its blocks.
fn shown() -> Files {
    let mut files = Files::new();
    for block in PAGE.split("```hex ").skip(1) {
        let (block, _) = block.split_once("```").unwrap();
        let mut lines = block.lines();
        let name = lines.next().unwrap().to_owned();
        let digits = lines.flat_map(|line| line.split('|').next().unwrap_or("").split_whitespace());
        let bytes = digits.map(|digits| u8::from_str_radix(digits, 16).unwrap());
        files.insert(name, bytes.collect());
    }
    files
}

/// The example's log, written now.
fn written(dir: &Path) -> Files {
    let mut header = Header::new(0x00c0_ffee, 1_700_000_000_000, "periplus 0.1.0");
    (header.format, header.decider) = (1, 1);
    let mut writer = Writer::create(dir, header, options(u64::MAX)).unwrap();
    for record in &example() {
        writer.append(&record.as_ref()).unwrap();
    }
    drop(writer);
    files(dir)
}

#[test]
fn the_files_of_the_page_are_read_for_ever() {
    let home = tempfile::tempdir().unwrap();
    let shown = shown();
    let names: Vec<_> = shown.keys().cloned().collect();
    assert_eq!(names, [segment(0), sealed(0), segment(2)]);

    let mut open = shown.clone();
    open.retain(|name, _| *name == segment(0));
    let mut closed = shown;
    closed.remove(&segment(0));
    for log in [open, closed] {
        lay_out(home.path(), &log);
        let (records, end) = read(home.path());
        assert_eq!(records, example());
        assert_eq!(end.unwrap(), End::Clean);
    }
}

#[test]
fn the_page_shows_what_is_written_today() {
    let home = tempfile::tempdir().unwrap();
    if FORMAT_VERSION == 1 {
        assert_eq!(written(home.path())[&segment(0)], shown()[&segment(0)]);
    }
}
