//! Reading a log while it is written.

use std::thread;

use periplus_core::Record;
use periplus_journal::{End, Reader, Writer};

use crate::story::{files, header, lay_out, options, read_on, segment, story};

#[test]
fn a_reader_that_asks_again_gets_what_came_meanwhile_across_segments() {
    let home = tempfile::tempdir().unwrap();
    let records = story(60);
    let mut writer = Writer::create(home.path(), header(), options(300)).unwrap();
    let mut following = Reader::open(home.path()).unwrap().records();
    let mut skipping = Reader::open(home.path()).unwrap().records_from(records[20].seq);
    let mut skipped_to = Vec::new();
    for portion in records.chunks(7) {
        for record in portion {
            writer.append(&record.as_ref()).unwrap();
        }
        writer.sync().unwrap();
        let (read, end) = read_on(&mut following);
        assert_eq!(read, portion);
        assert_eq!(end.unwrap(), End::Clean);
        skipped_to.extend(read_on(&mut skipping).0);
    }
    assert_eq!(skipped_to, records[20..]);
    assert!(files(home.path()).len() > 5);
}

#[test]
fn a_record_that_is_just_being_written_is_read_once_it_is_whole() {
    let home = tempfile::tempdir().unwrap();
    let records = story(4);
    crate::story::write(home.path(), &records, u64::MAX);
    let mut log = files(home.path());
    let whole = log[&segment(0)].clone();
    let boundaries = crate::story::boundaries(&whole);
    for cut in boundaries[2]..whole.len() {
        log.insert(segment(0), whole[..cut].to_vec());
        lay_out(home.path(), &log);
        let mut following = Reader::open(home.path()).unwrap().records();
        let (mut read, _) = read_on(&mut following);
        std::fs::write(home.path().join(segment(0)), &whole).unwrap();
        read.extend(read_on(&mut following).0);
        assert_eq!(read, records, "{cut}");
    }
}

#[test]
fn a_reader_beside_a_busy_writer_sees_every_record_once() {
    let home = tempfile::tempdir().unwrap();
    let records = story(2_000);
    let mut writer = Writer::create(home.path(), header(), options(400)).unwrap();
    let mut following = Reader::open(home.path()).unwrap().records();
    thread::scope(|scope| {
        scope.spawn(|| {
            for record in &records {
                writer.append(&record.as_ref()).unwrap();
                writer.sync().unwrap();
            }
        });
        let mut read: Vec<Record> = Vec::new();
        while read.len() < records.len() {
            let (more, end) = read_on(&mut following);
            end.unwrap();
            read.extend(more);
            let length = Reader::open(home.path()).unwrap().last_seq().unwrap();
            assert!(length.map_or(0, |last| last.0 + 1) >= read.len() as u64);
            thread::yield_now();
        }
        assert_eq!(read, records);
    });
}
