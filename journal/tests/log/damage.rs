//! Bytes that were changed.

use periplus_journal::{End, Fault, Part, Reader};

use crate::story::{
    Case, Files, boundaries, files, goes_on, head_bytes, lay_out, options, patch_head, read,
    refused, sealed, segment, snapshot, story, write, written,
};

/// One bit, the highest bit, all bits.
const CHANGES: [u8; 3] = [0x01, 0x80, 0xff];

fn changed(log: &Files, name: &str, at: usize, change: u8) -> Files {
    let mut log = log.clone();
    log.get_mut(name).unwrap()[at] ^= change;
    log
}

fn is_head_fault(fault: &Fault, at: usize) -> bool {
    match at {
        0..8 => matches!(fault, Fault::NotALog { .. }),
        _ => matches!(fault, Fault::HeaderDamaged { .. }),
    }
}

#[test]
fn every_changed_byte_of_an_open_segment_is_named_where_it_is_and_never_cut() {
    let home = tempfile::tempdir().unwrap();
    let records = story(6);
    write(home.path(), &records, u64::MAX);
    let whole = files(home.path());
    let file = &whole[&segment(0)];
    let boundaries = boundaries(file);
    for at in 0..file.len() {
        for change in CHANGES {
            lay_out(home.path(), &changed(&whole, &segment(0), at, change));
            let (read, end) = read(home.path());
            let sound = boundaries.iter().rposition(|boundary| *boundary <= at);
            assert_eq!(read, records[..sound.unwrap_or(0)], "{at}");
            for fault in [end.unwrap_err(), refused(home.path())] {
                let Some(sound) = sound else {
                    assert!(is_head_fault(&fault, at), "{at}: {fault}");
                    continue;
                };
                let Fault::Checksum { spot, part, expected, got } = fault else {
                    panic!("{at}: {fault}");
                };
                assert_eq!(spot.offset, boundaries[sound] as u64);
                assert_eq!(spot.seq, records[sound].seq);
                let is_length = at - boundaries[sound] < 8;
                assert_eq!(part, if is_length { Part::Length } else { Part::Record });
                assert_ne!(expected, got);
            }
        }
    }
}

#[test]
fn a_torn_tail_hides_no_change_before_it_and_a_change_within_it_costs_no_whole_record() {
    let home = tempfile::tempdir().unwrap();
    let records = story(5);
    write(home.path(), &records, u64::MAX);
    let whole = files(home.path());
    let file = &whole[&segment(0)];
    let boundaries = boundaries(file);
    let last = boundaries[4];
    for cut in [last + 5, last + 10, last + 20] {
        let mut torn = whole.clone();
        torn.get_mut(&segment(0)).unwrap().truncate(cut);
        for at in head_bytes(file)..cut {
            lay_out(home.path(), &changed(&torn, &segment(0), at, 0x10));
            match read(home.path()) {
                (read, Err(Fault::Checksum { spot, .. })) => {
                    assert!(spot.offset <= at as u64);
                    assert_eq!(read, records[..read.len()]);
                    assert!(matches!(refused(home.path()), Fault::Checksum { .. }));
                }
                (read, Ok(End::Torn { bytes })) => {
                    // Only here is a change not told from a crash: in a record that was never whole.
                    assert!(at >= last, "{at}");
                    assert_eq!(read, records[..4]);
                    goes_on(home.path(), &records[..4], bytes, u64::MAX);
                }
                (_, other) => panic!("{at}: {other:?}"),
            }
        }
    }
}

#[test]
fn every_changed_byte_of_a_sealed_segment_is_named_before_a_record_is_given() {
    let home = tempfile::tempdir().unwrap();
    let records = story(12);
    write(home.path(), &records, 250);
    let whole = files(home.path());
    let file = &whole[&sealed(0)];
    for at in 0..file.len() {
        for change in CHANGES {
            lay_out(home.path(), &changed(&whole, &sealed(0), at, change));
            let (read, end) = read(home.path());
            assert_eq!(read, []);
            let fault = end.unwrap_err();
            if at < head_bytes(file) {
                assert!(is_head_fault(&fault, at), "{at}: {fault}");
                assert!(is_head_fault(&refused(home.path()), at));
            } else {
                let part = Part::Packed;
                assert!(
                    matches!(&fault, Fault::Checksum { part: got, .. } if *got == part),
                    "{at}: {fault}"
                );
            }
        }
    }
}

#[test]
fn every_changed_byte_of_a_snapshot_makes_it_skipped_with_a_note() {
    let home = tempfile::tempdir().unwrap();
    let records = story(9);
    let mut writer = written(home.path(), &records[..4], options(u64::MAX));
    let mut state = crate::story::folded(&records[..4]);
    let earlier = state.clone();
    writer.snapshot(&state).unwrap();
    for record in &records[4..] {
        writer.append(&record.as_ref()).unwrap();
        state.fold(record);
    }
    writer.snapshot(&state).unwrap();
    drop(writer);
    let whole = files(home.path());
    for at in 0..whole[&snapshot(9)].len() {
        for change in CHANGES {
            lay_out(home.path(), &changed(&whole, &snapshot(9), at, change));
            let reader = Reader::open(home.path()).unwrap();
            let start = reader.nearest_snapshot(records[8].seq.next()).unwrap();
            assert_eq!(start.state, earlier, "{at}");
            assert_eq!(start.skipped.len(), 1);
            assert!(start.skipped[0].to_string().contains(&snapshot(9)));
            assert_eq!(read(home.path()).0, records);
        }
    }
}

#[test]
fn a_sealed_segment_that_does_not_hold_what_its_header_says_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let records = story(12);
    write(home.path(), &records, 250);
    let whole = files(home.path());
    let facts = 48 + "test".len();
    let cases: [Case; 3] = [
        (facts, |fault| matches!(fault, Fault::Miscounted { unit: "records", .. })),
        (facts + 8, |fault| matches!(fault, Fault::Miscounted { unit: "bytes", .. })),
        (facts + 24, |fault| matches!(fault, Fault::Checksum { part: Part::Content, .. })),
    ];
    for (at, is_named) in cases {
        let mut log = whole.clone();
        let file = log.get_mut(&sealed(0)).unwrap();
        let other = file[at] ^ 1;
        patch_head(file, at, &[other]);
        lay_out(home.path(), &log);
        let fault = read(home.path()).1.unwrap_err();
        assert!(is_named(&fault), "{fault}");
    }
}

#[test]
fn a_format_from_the_future_is_refused_and_not_taken_for_damage() {
    let home = tempfile::tempdir().unwrap();
    write(home.path(), &story(2), u64::MAX);
    for version in [0, crate::story::header().format + 1, u16::MAX] {
        let mut log = files(home.path());
        let file = log.get_mut(&segment(0)).unwrap();
        patch_head(file, 8, &version.to_le_bytes());
        lay_out(home.path(), &log);
        let fault = refused(home.path());
        assert!(matches!(fault, Fault::UnknownFormat { got, .. } if got == version), "{fault}");
    }
}
