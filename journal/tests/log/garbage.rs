//! Files with anything in them: never a panic, never a record that nobody wrote.

use periplus_core::ids::Seq;
use periplus_journal::{End, Fault, Reader};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::story::{
    Files, files, head_bytes, header, lay_out, options, patch_head, read, sealed, segment,
    snapshot, story, write, written,
};

/// A small log with one file of each kind.
fn sample() -> Files {
    let home = tempfile::tempdir().unwrap();
    let records = story(12);
    write(home.path(), &records, 250);
    let mut log = files(home.path());
    let dir = home.path().join("snapshot.log");
    let mut writer = written(&dir, &records[..3], options(u64::MAX));
    writer.snapshot(&crate::story::folded(&records[..3])).unwrap();
    log.insert(snapshot(3), files(&dir)[&snapshot(3)].clone());
    log
}

/// A frame whose checksums are right, whatever is in it.
fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    let mut frame = length.to_vec();
    frame.extend(crc32c::crc32c(&length).to_le_bytes());
    frame.extend(crc32c::crc32c(payload).to_le_bytes());
    frame.extend(payload);
    frame
}

/// A compressed file of these bytes, with a head that fits them.
fn repacked(file: &[u8], facts: usize, packed: &[u8]) -> Vec<u8> {
    let mut other = file[..head_bytes(file)].to_vec();
    patch_head(&mut other, facts + 8, &(packed.len() as u64).to_le_bytes());
    patch_head(&mut other, facts + 20, &crc32c::crc32c(packed).to_le_bytes());
    other.extend(packed);
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_segment_of_anything_is_not_a_log(bytes in vec(any::<u8>(), 0..300), is_sealed: bool) {
        let home = tempfile::tempdir().unwrap();
        let name = if is_sealed { sealed(0) } else { segment(0) };
        lay_out(home.path(), &[(name, bytes)].into());
        let fault = read(home.path()).1.unwrap_err();
        let is_named = matches!(fault, Fault::NotALog { .. });
        prop_assert!(is_named);
    }

    #[test]
    fn anything_behind_a_sound_head_gives_no_record(bytes in vec(any::<u8>(), 1..300)) {
        let home = tempfile::tempdir().unwrap();
        let mut log = sample();
        let file = log.get_mut(&sealed(0)).unwrap();
        file.truncate(head_bytes(file));
        file.extend(&bytes);
        lay_out(home.path(), &log);
        let (read_sealed, end) = read(home.path());
        prop_assert_eq!(read_sealed, []);
        let fault = end.unwrap_err();
        let is_named = matches!(fault, Fault::Length { .. } | Fault::Checksum { .. });
        prop_assert!(is_named);

        let empty = home.path().join("empty.log");
        write(&empty, &[], u64::MAX);
        let mut open = files(&empty);
        open.get_mut(&segment(0)).unwrap().extend(&bytes);
        lay_out(home.path(), &open);
        let (read_open, end) = read(home.path());
        prop_assert_eq!(read_open, []);
        let is_told = match end {
            Ok(End::Torn { bytes: torn }) => torn == bytes.len() as u64,
            Err(Fault::Checksum { spot, .. }) => spot.seq == Seq(0),
            Ok(End::Clean) | Err(_) => false,
        };
        prop_assert!(is_told);
    }

    #[test]
    fn frames_of_anything_are_malformed(payload in vec(any::<u8>(), 0..60)) {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), &[], u64::MAX);
        let mut log = files(home.path());
        log.get_mut(&segment(0)).unwrap().extend(frame(&payload));
        lay_out(home.path(), &log);
        let (read, end) = read(home.path());
        // A few bytes may happen to be a record, though hardly the first.
        match end {
            Ok(end) => prop_assert_eq!((read.len(), end), (1, End::Clean)),
            Err(Fault::Malformed { .. } | Fault::Removed { .. }) => prop_assert_eq!(read.len(), 0),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn anything_compressed_or_not_under_right_checksums_is_refused(bytes in vec(any::<u8>(), 0..300), is_zstd: bool) {
        let home = tempfile::tempdir().unwrap();
        let packed = match is_zstd {
            true => zstd::encode_all(bytes.as_slice(), 1).unwrap(),
            false => bytes,
        };
        let mut log = sample();
        let facts = 48 + header().made_by().len();
        let segment = repacked(&log[&sealed(0)], facts + 8, &packed);
        log.insert(sealed(0), segment);
        let state = repacked(&log[&snapshot(3)], facts + 16, &packed);
        log.insert(snapshot(3), state);
        lay_out(home.path(), &log);
        let (read, end) = read(home.path());
        prop_assert_eq!(read, []);
        prop_assert!(end.is_err());
        let start = Reader::open(home.path()).unwrap().nearest_snapshot(Seq(3)).unwrap();
        prop_assert_eq!((start.seq, start.skipped.len()), (Seq(0), 1));
    }
}
