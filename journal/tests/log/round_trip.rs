//! What is written is read.

use std::num::NonZeroU32;

use periplus_core::digest::Digest;
use periplus_core::event::Event;
use periplus_core::ids::{ClusterId, Seq, SeriesId, Symbol};
use periplus_core::input::{Command, Observation, Sight, SourceId, TimerFired};
use periplus_core::units::{MilliRps, Tick};
use periplus_core::{Input, Record, State};
use periplus_journal::{
    End, Fault, Fsync, Options, RECORD_BYTES_MAX, Reader, SegmentState, Writer,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use crate::story::{
    Files, files, folded, goes_on, header, lay_out, options, patch_head, read, segment, story,
    tell, write, written,
};

fn inputs() -> impl Strategy<Value = Input> {
    let rates = btree_map(any::<u32>(), any::<u64>(), 0..40);
    let clusters = btree_set(any::<u32>(), 0..40);
    let observe = |as_of, sight| {
        let as_of = Tick(as_of);
        Input::Observation(Observation { as_of, sight })
    };
    prop_oneof![
        any::<u64>().prop_map(|due| Input::Timer(TimerFired { due: Tick(due) })),
        (any::<u32>(), vec(".{0,20}", 0..5)).prop_map(|(first, texts)| {
            let first = Symbol(first);
            Input::Command(Command::Name { first, texts })
        }),
        (any::<u64>(), any::<u16>(), rates).prop_map(move |(as_of, source, rates)| {
            let rates = rates.into_iter();
            let rates = rates.map(|(series, rate)| (SeriesId(series), MilliRps(rate)));
            let source = SourceId(source);
            let rates = rates.collect();
            observe(as_of, Sight::Demand { source, rates })
        }),
        (any::<u64>(), clusters).prop_map(move |(as_of, clusters)| {
            let clusters = clusters.into_iter().map(ClusterId).collect();
            observe(as_of, Sight::Heartbeats(clusters))
        }),
    ]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::ReportIgnored),
        any::<u32>().prop_map(|cluster| Event::ClusterLost { cluster: ClusterId(cluster) }),
        vec(any::<u32>(), 0..9).prop_map(|kept| Event::DemandAccepted {
            kept: kept.into_iter().map(SeriesId).collect()
        }),
    ]
}

fn logs() -> impl Strategy<Value = Vec<Record>> {
    let records = (inputs(), vec(events(), 0..4), any::<u64>(), any::<Option<u128>>());
    vec(records, 0..30).prop_map(|parts| {
        let parts = (0..).zip(parts);
        let records = parts.map(|(seq, (input, events, at, digest))| Record {
            seq: Seq(seq),
            at: Tick(at),
            input,
            events,
            effects: Vec::new(),
            decisions: Vec::new(),
            digest: digest.map(Digest),
        });
        records.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn every_record_is_read_as_it_was_written(records in logs(), segment_bytes in 0..2_000_u64) {
        let home = tempfile::tempdir().unwrap();
        let mut writer = Writer::create(home.path(), header(), options(segment_bytes)).unwrap();
        for record in &records {
            writer.append(&record.as_ref()).unwrap();
        }
        drop(writer);

        let reader = Reader::open(home.path()).unwrap();
        prop_assert_eq!(reader.header(), &header());
        prop_assert_eq!(reader.last_seq().unwrap(), records.last().map(|record| record.seq));
        for from in 0..=records.len() {
            let mut rest = reader.records_from(Seq(from as u64));
            let read: Vec<_> = rest.by_ref().map(Result::unwrap).collect();
            prop_assert_eq!(&read, &records[from..]);
            prop_assert_eq!(rest.end(), Some(End::Clean));
        }
        prop_assert_eq!(reader.records_from(Seq(1_000)).count(), 0);
    }
}

#[test]
fn a_finished_log_is_sealed_and_can_be_gone_on_with() {
    let home = tempfile::tempdir().unwrap();
    let records = story(20);
    let writer = written(home.path(), &records, options(u64::MAX));
    writer.finish(&folded(&records)).unwrap();

    let segments = Reader::open(home.path()).unwrap().segments().unwrap();
    let states: Vec<_> = segments.iter().map(|segment| segment.state).collect();
    assert!(matches!(states[..], [SegmentState::Sealed { records: 20, .. }, SegmentState::Open]));
    goes_on(home.path(), &records, 0, u64::MAX);
}

#[test]
fn a_log_without_records_is_a_log() {
    let home = tempfile::tempdir().unwrap();
    let writer = Writer::create(home.path(), header(), options(100)).unwrap();
    writer.finish(&State::default()).unwrap();
    assert_eq!(files(home.path()).len(), 1);
    assert_eq!(Reader::open(home.path()).unwrap().last_seq().unwrap(), None);
    goes_on(home.path(), &[], 0, 100);
}

#[test]
fn equal_records_give_equal_files_whatever_is_waited_for_and_however_often_the_writer_stops() {
    let home = tempfile::tempdir().unwrap();
    let records = story(40);
    let straight = home.path().join("straight.log");
    write(&straight, &records, 300);
    let expected = files(&straight);
    assert!(expected.len() > 5);

    let records_max = NonZeroU32::new(3).unwrap();
    let group = Fsync::Group { records: records_max };
    for fsync in [Fsync::Always, group, Fsync::OnSeal, Fsync::Never] {
        let options = Options { fsync, ..options(300) };
        let dir = home.path().join(format!("{fsync:?}.log"));
        drop(written(&dir, &records, options));
        assert_eq!(files(&dir), expected);

        let dir = home.path().join(format!("{fsync:?} again.log"));
        drop(Writer::create(&dir, header(), options).unwrap());
        for record in &records {
            let (mut writer, recovered) = Writer::open(&dir, options).unwrap();
            assert_eq!(recovered.next, record.seq);
            writer.append(&record.as_ref()).unwrap();
        }
        assert_eq!(files(&dir), expected);
    }
}

#[test]
fn what_was_synced_is_in_the_file_and_what_was_not_is_there_after_the_drop() {
    let home = tempfile::tempdir().unwrap();
    let records = story(7);
    let mut writer = written(home.path(), &records[..5], options(u64::MAX));
    assert_eq!(read(home.path()).0, []);
    writer.sync().unwrap();
    assert_eq!(read(home.path()).0, records[..5]);
    writer.append(&records[5].as_ref()).unwrap();
    drop(writer);
    assert_eq!(read(home.path()).0, records[..6]);
}

#[test]
fn a_record_beyond_the_limit_is_refused_and_the_next_one_is_not() {
    let home = tempfile::tempdir().unwrap();
    let mut writer = Writer::create(home.path(), header(), options(u64::MAX)).unwrap();
    let mut record = tell(&mut State::default());
    let fitting = record.clone();
    record.input = Input::Command(Command::Name {
        first: Symbol(0),
        texts: vec!["x".repeat(RECORD_BYTES_MAX)],
    });
    let fault = writer.append(&record.as_ref()).unwrap_err();
    assert!(matches!(fault, Fault::TooLarge { got, expected, .. } if got > expected));
    writer.append(&fitting.as_ref()).unwrap();
    drop(writer);
    assert_eq!(read(home.path()).0, [fitting]);
}

#[test]
fn another_decider_goes_on_in_a_segment_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let records = story(5);
    for count in [0, 5] {
        write(home.path(), &records[..count], u64::MAX);
        let mut log = files(home.path());
        patch_head(log.get_mut(&segment(0)).unwrap(), 14, &[0, 0]);
        lay_out(home.path(), &log);

        goes_on(home.path(), &records[..count], 0, u64::MAX);
        let reader = Reader::open(home.path()).unwrap();
        let segments = reader.segments().unwrap();
        let deciders: Vec<_> = segments.iter().map(|segment| segment.decider).collect();
        let today = header().decider;
        if count == 0 {
            assert_eq!(deciders, [today]);
        } else {
            assert_eq!(deciders, [0, today]);
        }
        lay_out(home.path(), &Files::new());
    }
}
