//! Frames on their way from one log to a copy of it: what was received is believed only if every frame of it is whole, right
//! and the next one.

use std::cmp::Ordering;
use std::path::PathBuf;

use periplus_core::ids::Seq;
use periplus_core::record::{FORMAT_VERSION, Record};

use crate::fault::{Fault, Part, Spot, check_format};
use crate::frame::{self, FRAME_HEAD_BYTES, Frame, RECORD_BYTES_MAX};
use crate::source::decode;

/// What stands in messages where the name of a file would be.
const RECEIVED: &str = "what was received";

/// The records that frames hold, as [`Records::frame`](crate::Records::frame) gives them; the first is to be `first`.
///
/// # Errors
/// What is wrong with the bytes: none of them is believed then.
pub fn received(format: u16, bytes: &[u8], first: Seq) -> Result<Vec<Record>, Fault> {
    check_format(format, &PathBuf::from(RECEIVED))?;
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let expected = Seq(first.0.saturating_add(records.len() as u64));
        let spot = || Spot { file: RECEIVED.into(), offset: at as u64, seq: expected };
        let left = &bytes[at..];
        let length = match frame::parse(left) {
            Frame::Whole(length) => length,
            Frame::Part(_) => return Err(Fault::Torn { spot: spot(), got: left.len() as u64 }),
            Frame::BadLength { expected, got } => {
                return Err(Fault::Checksum { spot: spot(), part: Part::Length, expected, got });
            }
            Frame::BadPayload { expected, got } => {
                return Err(Fault::Checksum { spot: spot(), part: Part::Record, expected, got });
            }
            Frame::TooLong(length) => {
                return Err(Fault::TooLarge {
                    spot: spot(),
                    expected: RECORD_BYTES_MAX as u64,
                    got: length as u64,
                });
            }
        };
        let record = match decode(format, &left[FRAME_HEAD_BYTES..length]) {
            Ok(record) => record,
            Err(source) => return Err(Fault::Malformed { spot: spot(), source }),
        };
        let got = record.seq;
        match got.cmp(&expected) {
            Ordering::Equal => records.push(record),
            Ordering::Greater => return Err(Fault::Removed { spot: spot(), expected, got }),
            Ordering::Less => return Err(Fault::Repeated { spot: spot(), expected, got }),
        }
        at += length;
    }
    Ok(records)
}

/// What tells a record from others, of the frame in which it stands: the checksum of its payload.
#[must_use]
pub fn tag(frame: &[u8]) -> Option<u32> {
    let crc = frame.get(FRAME_HEAD_BYTES - 4..FRAME_HEAD_BYTES)?;
    Some(u32::from_le_bytes(crc.try_into().ok()?))
}

const _: () = assert!(FORMAT_VERSION == 1, "a copy keeps records of earlier formats in today's");

#[cfg(test)]
mod tests {
    use periplus_core::Input;
    use periplus_core::input::TimerFired;
    use periplus_core::units::Tick;

    use super::*;
    use crate::header::Header;
    use crate::options::{Fsync, Options};
    use crate::reader::Reader;
    use crate::writer::Writer;

    fn record(seq: u64) -> Record {
        Record {
            seq: Seq(seq),
            at: Tick(seq),
            input: Input::Timer(TimerFired { due: Tick(seq) }),
            events: Vec::new(),
            effects: Vec::new(),
            decisions: Vec::new(),
            digest: None,
        }
    }

    /// A log of so many records, and the frames that it gives from one on.
    fn frames(count: u64, from: u64) -> (tempfile::TempDir, Vec<u8>) {
        let home = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 200, snapshot_every: None, fsync: Fsync::Never };
        let mut writer = Writer::create(home.path(), Header::new(7, 0, "a"), options).unwrap();
        for seq in 0..count {
            writer.append(&record(seq).as_ref()).unwrap();
        }
        drop(writer);
        let mut records = Reader::open(home.path()).unwrap().records_from(Seq(from));
        let mut bytes = Vec::new();
        while records.frame(&mut bytes).unwrap() {}
        (home, bytes)
    }

    #[test]
    fn frames_of_several_segments_are_received_as_they_were_written() {
        let (home, bytes) = frames(40, 9);
        assert!(Reader::open(home.path()).unwrap().segments().unwrap().len() > 2);
        let got = received(1, &bytes, Seq(9)).unwrap();
        assert_eq!(got, (9..40).map(record).collect::<Vec<_>>());
        let again: Vec<u8> = got.iter().fold(Vec::new(), |mut to, one| {
            frame::append(&one.as_ref(), &mut to).unwrap();
            to
        });
        assert_eq!(again, bytes, "what is written of them is the same to the byte");
    }

    #[test]
    fn no_changed_byte_no_cut_and_no_other_place_is_believed() {
        let (_home, bytes) = frames(6, 0);
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x20;
            assert!(received(1, &changed, Seq(0)).is_err(), "byte {at}");
            let is_end = received(1, &bytes[..at], Seq(0)).is_ok();
            assert!(!is_end || at % (bytes.len() / 6) == 0, "cut at {at}");
        }
        assert!(matches!(received(1, &bytes, Seq(1)), Err(Fault::Repeated { .. })));
        let later = frames(6, 2).1;
        assert!(matches!(received(1, &later, Seq(1)), Err(Fault::Removed { .. })));
        assert!(matches!(received(2, &bytes, Seq(0)), Err(Fault::UnknownFormat { .. })));
    }

    #[test]
    fn a_copy_begins_with_what_records_led_to_that_it_does_not_have() {
        let mut state = periplus_core::State::default();
        for seq in 0..5 {
            state.fold_checked(&record(seq)).unwrap();
        }
        let home = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 1 << 20, snapshot_every: None, fsync: Fsync::Never };
        let header = Header::new(7, 0, "a");
        let mut writer = Writer::create_with(home.path(), header, &state, options).unwrap();
        assert_eq!(writer.next_seq(), Seq(5));
        writer.append(&record(5).as_ref()).unwrap();
        drop(writer);
        let (writer, recovered) = Writer::open_copy(home.path(), options).unwrap();
        assert_eq!(recovered.next, Seq(6));
        drop(writer);
        let reader = Reader::open(home.path()).unwrap();
        assert_eq!(
            (reader.begins().unwrap(), reader.beginning().unwrap().state.seq()),
            (Seq(5), Seq(5))
        );
        assert!(matches!(reader.records().next(), Some(Err(Fault::Forgotten { .. }))));
        let kept: Vec<_> = reader.records_from(Seq(5)).map(Result::unwrap).collect();
        assert_eq!(kept, [record(5)]);
    }

    #[test]
    fn a_copy_says_who_decided_what_and_a_log_that_is_gone_on_with_as_well() {
        let home = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 1 << 20, snapshot_every: None, fsync: Fsync::Never };
        let old = Header::new(7, 0, "a").of_decider(u16::MAX);
        let mut writer = Writer::create(home.path(), old.clone(), options).unwrap();
        writer.append(&record(0).as_ref()).unwrap();
        drop(writer);
        let (mut copy, _) = Writer::open_copy(home.path(), options).unwrap();
        assert_eq!(*copy.header(), old);
        copy.append(&record(1).as_ref()).unwrap();
        copy.go_on_as(&Header::new(7, 0, "b")).unwrap();
        copy.append(&record(2).as_ref()).unwrap();
        assert!(matches!(copy.go_on_as(&Header::new(8, 0, "b")), Err(Fault::OtherRun { .. })));
        drop(copy);
        let segments = Reader::open(home.path()).unwrap().segments().unwrap();
        let deciders: Vec<_> = segments.iter().map(|one| (one.first, one.decider)).collect();
        assert_eq!(deciders[0], (Seq(0), u16::MAX));
        assert_eq!(deciders[1].0, Seq(2));
        let (gone_on, _) = Writer::open(home.path(), options).unwrap();
        assert_eq!(gone_on.header().decider, Header::new(7, 0, "b").decider);
    }
}
