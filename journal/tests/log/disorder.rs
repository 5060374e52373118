//! Records and files that are missing, there twice, or in another's place.

use std::fs;

use periplus_core::Record;
use periplus_journal::{Fault, NotALog, Reader, Writer};

use crate::story::{
    boundaries, files, header, lay_out, options, patch_head, read, refused, sealed, segment, story,
    write,
};

/// The log of one open segment with these frames of it, in this order.
fn rearranged(dir: &std::path::Path, order: &[usize]) {
    let mut log = files(dir);
    let file = &log[&segment(0)];
    let boundaries = boundaries(file);
    let mut other = file[..boundaries[0]].to_vec();
    for index in order {
        other.extend(&file[boundaries[*index]..boundaries[index + 1]]);
    }
    log.insert(segment(0), other);
    lay_out(dir, &log);
}

/// The fault that both the reader and the writer find, and how many records were read before.
fn fault(dir: &std::path::Path, records: &[Record]) -> (usize, Fault) {
    let (read, end) = read(dir);
    assert_eq!(read, records[..read.len()]);
    let fault = end.unwrap_err();
    assert_eq!(refused(dir).to_string(), fault.to_string());
    (read.len(), fault)
}

#[test]
fn a_removed_record_is_missed() {
    let records = story(6);
    for removed in 0..5 {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), &records, u64::MAX);
        let order: Vec<_> = (0..6).filter(|index| *index != removed).collect();
        rearranged(home.path(), &order);
        let (read, fault) = fault(home.path(), &records);
        assert_eq!(read, removed);
        let Fault::Removed { spot, expected, got } = fault else {
            panic!("{fault}");
        };
        assert_eq!(spot.seq, expected);
        assert_eq!((expected.0, got.0), (removed as u64, removed as u64 + 1));
    }
}

#[test]
fn a_record_that_comes_twice_and_one_that_comes_late_are_noticed() {
    let records = story(4);
    let home = tempfile::tempdir().unwrap();
    write(home.path(), &records, u64::MAX);
    let whole = files(home.path());

    rearranged(home.path(), &[0, 1, 1, 2, 3]);
    let (read, twice) = fault(home.path(), &records);
    assert!(
        matches!(twice, Fault::Repeated { expected, got, .. } if (expected.0, got.0) == (2, 1)),
        "{twice}"
    );
    assert_eq!(read, 2);

    lay_out(home.path(), &whole);
    rearranged(home.path(), &[0, 2, 1, 3]);
    let (read, late) = fault(home.path(), &records);
    assert!(
        matches!(late, Fault::Removed { expected, got, .. } if (expected.0, got.0) == (1, 2)),
        "{late}"
    );
    assert_eq!(read, 1);
}

#[test]
fn every_segment_that_is_deleted_is_missed_also_the_last() {
    let home = tempfile::tempdir().unwrap();
    let records = story(30);
    write(home.path(), &records, 250);
    let whole = files(home.path());
    assert!(whole.len() >= 4);
    let firsts: Vec<u64> = whole.keys().map(|name| name[..20].parse().unwrap()).collect();
    for (name, first) in whole.keys().zip(&firsts) {
        let mut log = whole.clone();
        log.remove(name);
        lay_out(home.path(), &log);
        let (read, fault) = fault(home.path(), &records);
        assert_eq!(read as u64, *first);
        let next = firsts.iter().find(|other| *other > first);
        let Fault::MissingSegment { expected, got, .. } = fault else {
            panic!("{fault}");
        };
        assert_eq!(expected.0, *first);
        assert_eq!(got.map(|seq| seq.0).as_ref(), next);
    }
}

#[test]
fn what_comes_after_a_deleted_segment_can_still_be_read() {
    let home = tempfile::tempdir().unwrap();
    let records = story(30);
    write(home.path(), &records, 250);
    let second = files(home.path()).keys().nth(1).unwrap()[..20].parse::<usize>().unwrap();
    fs::remove_file(home.path().join(sealed(0))).unwrap();
    let reader = Reader::open(home.path()).unwrap();
    let rest = reader.records_from(records[second].seq);
    assert_eq!(rest.map(Result::unwrap).collect::<Vec<_>>(), records[second..]);
}

#[test]
fn files_that_bear_anothers_name_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let records = story(30);
    write(home.path(), &records, 250);
    let whole = files(home.path());
    let names: Vec<_> = whole.keys().collect();

    let mut swapped = whole.clone();
    swapped.insert(names[0].clone(), whole[names[1]].clone());
    swapped.insert(names[1].clone(), whole[names[0]].clone());
    lay_out(home.path(), &swapped);
    let (read, misnamed) = fault(home.path(), &records);
    assert_eq!(read, 0);
    assert!(matches!(&misnamed, Fault::Misnamed { got, .. } if got == names[1]), "{misnamed}");

    let mut other_kind = whole.clone();
    let bytes = other_kind.remove(&sealed(0)).unwrap();
    other_kind.insert(segment(0), bytes);
    lay_out(home.path(), &other_kind);
    let misnamed = fault(home.path(), &records).1;
    assert!(matches!(&misnamed, Fault::Misnamed { got, .. } if *got == sealed(0)), "{misnamed}");
}

#[test]
fn a_segment_of_another_run_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let records = story(30);
    write(home.path(), &records, 250);
    let whole = files(home.path());
    let (name, second) = whole.iter().nth(1).unwrap();
    for at in [16, 32] {
        let mut log = whole.clone();
        let mut other = second.clone();
        patch_head(&mut other, at, &[7]);
        log.insert(name.clone(), other);
        lay_out(home.path(), &log);
        let (read, fault) = fault(home.path(), &records);
        assert_eq!(read.to_string(), name[..20].trim_start_matches('0'));
        assert!(matches!(fault, Fault::OtherRun { .. }), "{fault}");
    }
}

#[test]
fn segments_that_overlap_are_refused() {
    let home = tempfile::tempdir().unwrap();
    let records = story(4);
    write(home.path(), &records, u64::MAX);
    let mut log = files(home.path());
    let mut other = log[&segment(0)].clone();
    patch_head(&mut other, 40, &2_u64.to_le_bytes());
    log.insert(segment(2), other);
    lay_out(home.path(), &log);
    let (read, fault) = fault(home.path(), &records);
    assert_eq!(read, 4);
    assert!(
        matches!(fault, Fault::Repeated { expected, got, .. } if (expected.0, got.0) == (4, 2)),
        "{fault}"
    );
}

#[test]
fn a_folder_without_a_log_is_not_one_and_stays_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("notes.txt"), "seven").unwrap();
    fs::write(home.path().join("1.seg"), "seven").unwrap();
    for fault in
        [Reader::open(home.path()).unwrap_err(), Writer::open(home.path(), options(1)).unwrap_err()]
    {
        assert!(
            matches!(&fault, Fault::NotALog { what, .. } if *what == NotALog::NoSegments),
            "{fault}"
        );
    }
    assert!(!home.path().join("lock").exists());
    let absent = home.path().join("absent.log");
    assert!(matches!(Reader::open(&absent), Err(Fault::Io { .. })));
    assert!(matches!(Writer::open(&absent, options(1)), Err(Fault::Io { .. })));
    assert!(!absent.exists());
}

#[test]
fn a_new_log_never_takes_the_place_of_another() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), &story(20), 250);
    let whole = files(home.path());
    for (name, bytes) in &whole {
        lay_out(home.path(), &[(name.clone(), bytes.clone())].into());
        let fault = Writer::create(home.path(), header(), options(1)).unwrap_err();
        assert!(matches!(&fault, Fault::AlreadyALog { file, .. } if file == name), "{fault}");
    }
}
