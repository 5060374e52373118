//! Logs that end too early, and what of it is a crash's work.

use periplus_journal::{End, Fault, NotALog};

use crate::story::{
    boundaries, files, goes_on, head_bytes, lay_out, read, refused, sealed, segment, story, write,
};

#[test]
fn a_log_that_is_cut_anywhere_keeps_every_whole_record_and_invents_none() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("run.log");
    let records = story(12);
    write(&dir, &records, 250);
    let whole = files(&dir);
    let (name, last) = whole.last_key_value().unwrap();
    let first: usize = name.trim_end_matches(".seg").parse().unwrap();
    assert!(first > 0 && records.len() - first >= 2, "sealed and open segments");
    let boundaries = boundaries(last);
    assert_eq!(*boundaries.last().unwrap(), last.len());

    for cut in 0..last.len() {
        let mut log = whole.clone();
        log.insert(name.clone(), last[..cut].to_vec());
        lay_out(&dir, &log);
        let (read, end) = read(&dir);
        if cut < head_bytes(last) {
            // A head is complete before its file has its name, so no crash cuts it.
            assert_eq!(read, records[..first]);
            let magic = NotALog::Magic(last[..cut].to_vec());
            let is_named = |fault: &Fault| {
                matches!(fault, Fault::NotALog { what, .. } if *what == magic)
                    || matches!(fault, Fault::HeaderDamaged { .. } if cut >= 8)
            };
            assert!(is_named(&end.unwrap_err()), "{cut}");
            assert!(is_named(&refused(&dir)), "{cut}");
            continue;
        }
        let kept = boundaries.iter().rposition(|boundary| *boundary <= cut).unwrap();
        let torn = (cut - boundaries[kept]) as u64;
        let records = &records[..first + kept];
        assert_eq!(read, records, "{cut}");
        let expected = match torn {
            0 => End::Clean,
            bytes => End::Torn { bytes },
        };
        assert_eq!(end.unwrap(), expected, "{cut}");
        goes_on(&dir, records, torn, 250);
    }
}

#[test]
fn zeros_at_the_end_are_cut_however_many_they_are() {
    let home = tempfile::tempdir().unwrap();
    let records = story(3);
    let dir = home.path().join("run.log");
    write(&dir, &records, u64::MAX);
    let whole = files(&dir);
    for zeros in (1..40).chain([4_096, 3 << 20]) {
        let mut log = whole.clone();
        log.get_mut(&segment(0)).unwrap().extend(vec![0; zeros]);
        lay_out(&dir, &log);
        let bytes = zeros as u64;
        let (read, end) = read(&dir);
        assert_eq!((read, end.unwrap()), (records.clone(), End::Torn { bytes }));
        goes_on(&dir, &records, bytes, u64::MAX);
    }
}

#[test]
fn zeros_with_anything_behind_them_are_damage() {
    let home = tempfile::tempdir().unwrap();
    let records = story(3);
    write(home.path(), &records, u64::MAX);
    let mut log = files(home.path());
    let end = log[&segment(0)].len() as u64;
    log.get_mut(&segment(0)).unwrap().extend([[0; 60], [1; 60]].concat());
    lay_out(home.path(), &log);
    let fault = refused(home.path());
    let Fault::Checksum { spot, .. } = fault else {
        panic!("{fault}");
    };
    assert_eq!((spot.offset, spot.seq.0), (end, 3));
    assert_eq!(read(home.path()).0, records);
}

#[test]
fn a_sealed_segment_that_is_cut_anywhere_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let records = story(12);
    write(home.path(), &records, 250);
    let whole = files(home.path());
    let cut = &whole[&sealed(0)];
    for bytes in 0..cut.len() {
        let mut log = whole.clone();
        log.insert(sealed(0), cut[..bytes].to_vec());
        lay_out(home.path(), &log);
        let (read, end) = read(home.path());
        assert_eq!(read, []);
        for fault in [end.unwrap_err(), refused(home.path())] {
            let (all, left) = (cut.len() as u64, bytes as u64);
            let is_named = match bytes {
                0..8 => matches!(fault, Fault::NotALog { .. }),
                _ if bytes < head_bytes(cut) => matches!(fault, Fault::HeaderDamaged { .. }),
                _ => {
                    matches!(fault, Fault::Length { expected, got, .. } if (expected, got) == (all, left))
                }
            };
            assert!(is_named, "{bytes}: {fault}");
        }
    }
}

#[test]
fn only_the_last_segment_may_end_within_a_record() {
    let home = tempfile::tempdir().unwrap();
    let records = story(3);
    write(home.path(), &records, u64::MAX);
    let full = files(home.path());
    let (bytes, empty) = full[&segment(0)].split_at(head_bytes(&full[&segment(0)]));
    // A successor, and half a record before it.
    let mut next = bytes.to_vec();
    crate::story::patch_head(&mut next, 40, &3_u64.to_le_bytes());
    for torn in [&empty[..9], &empty[..14], &[0; 30]] {
        let mut log = full.clone();
        log.get_mut(&segment(0)).unwrap().extend(torn);
        log.insert(segment(3), next.clone());
        lay_out(home.path(), &log);
        let (read, end) = read(home.path());
        assert_eq!(read, records);
        for fault in [end.unwrap_err(), refused(home.path())] {
            let Fault::Torn { spot, got } = fault else {
                panic!("{fault}");
            };
            assert_eq!((spot.seq.0, got), (3, torn.len() as u64));
        }
    }
}
