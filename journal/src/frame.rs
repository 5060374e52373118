//! Frames: how a record stands in a segment.
//!
//! ```text
//! offset  bytes
//!      0      4  L, the length of the payload
//!      4      4  CRC-32C of the bytes 0 to 4
//!      8      4  CRC-32C of the payload
//!     12      L  the payload: the record, as `periplus_core::codec` encodes it
//! ```
//!
//! Numbers are little endian. The length has a checksum of its own because everything after a wrong length
//! would be read at the wrong place, and a length that points past the end would look like a torn tail. The
//! checksum of four zero bytes is not zero, so zeros are never a frame.

use crc32c::crc32c;
use periplus_core::codec;
use periplus_core::record::RecordRef;

/// The most bytes that one record may take, encoded: what a reader must have memory for. A full batch of
/// observations takes at most 60 KiB; the rest is room for what a decision about a whole fleet gives.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

/// The bytes before a payload: its length, and two checksums.
pub const FRAME_HEAD_BYTES: usize = 12;

const _: () = assert!(RECORD_BYTES_MAX <= u32::MAX as usize);

/// What a run of bytes begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A frame of so many bytes, head included.
    Whole(usize),
    /// Part of one: nothing can be said with less than so many bytes.
    Part(usize),
    /// A length with another checksum than it should have.
    BadLength { expected: u32, got: u32 },
    /// A payload with another checksum than it should have.
    BadPayload { expected: u32, got: u32 },
    /// A length beyond [`RECORD_BYTES_MAX`].
    TooLong(usize),
}

/// Appends a record as one frame, or says how long it would have become and appends nothing.
pub(crate) fn append(record: &RecordRef<'_>, to: &mut Vec<u8>) -> Result<(), usize> {
    let start = to.len();
    to.extend([0; FRAME_HEAD_BYTES]);
    codec::encode(record, to);
    let (head, payload) = to[start..].split_at_mut(FRAME_HEAD_BYTES);
    let length = match u32::try_from(payload.len()) {
        Ok(length) if payload.len() <= RECORD_BYTES_MAX => length.to_le_bytes(),
        Ok(_) | Err(_) => {
            let length = payload.len();
            to.truncate(start);
            return Err(length);
        }
    };
    head[..4].copy_from_slice(&length);
    head[4..8].copy_from_slice(&crc32c(&length).to_le_bytes());
    head[8..].copy_from_slice(&crc32c(payload).to_le_bytes());
    Ok(())
}

/// What `bytes` begin with.
pub(crate) fn parse(bytes: &[u8]) -> Frame {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return Frame::Part(FRAME_HEAD_BYTES);
    };
    let Some((crc, rest)) = rest.split_first_chunk() else {
        return Frame::Part(FRAME_HEAD_BYTES);
    };
    let (expected, got) = (u32::from_le_bytes(*crc), crc32c(length));
    if got != expected {
        return Frame::BadLength { expected, got };
    }
    let length = u32::from_le_bytes(*length) as usize;
    if length > RECORD_BYTES_MAX {
        return Frame::TooLong(length);
    }
    let whole = FRAME_HEAD_BYTES + length;
    let Some((crc, rest)) = rest.split_first_chunk() else {
        return Frame::Part(whole);
    };
    let Some(payload) = rest.get(..length) else {
        return Frame::Part(whole);
    };
    let (expected, got) = (u32::from_le_bytes(*crc), crc32c(payload));
    if got == expected { Frame::Whole(whole) } else { Frame::BadPayload { expected, got } }
}

#[cfg(test)]
mod tests {
    use periplus_core::Input;
    use periplus_core::ids::Seq;
    use periplus_core::input::TimerFired;
    use periplus_core::units::Tick;

    use super::*;

    fn frame() -> Vec<u8> {
        let mut bytes = Vec::new();
        let record = RecordRef {
            seq: Seq(7),
            at: Tick(70_000),
            input: &Input::Timer(TimerFired { due: Tick(70_000) }),
            events: &[],
            effects: &[],
            decisions: &[],
            digest: None,
        };
        append(&record, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_cut_of_a_frame_is_a_part_of_it() {
        let whole = frame();
        assert_eq!(parse(&whole), Frame::Whole(whole.len()));
        for cut in 0..whole.len() {
            assert!(matches!(parse(&whole[..cut]), Frame::Part(wanted) if wanted > cut), "{cut}");
        }
    }

    #[test]
    fn every_changed_byte_shows_and_none_makes_a_frame_look_cut() {
        let whole = frame();
        for at in 0..whole.len() {
            for change in 1..=255 {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                let is_told = match parse(&bytes) {
                    Frame::BadLength { .. } => at < 8,
                    Frame::BadPayload { .. } => at >= 8,
                    Frame::Whole(_) | Frame::Part(_) | Frame::TooLong(_) => false,
                };
                assert!(is_told, "byte {at} changed by {change:02x}: {:?}", parse(&bytes));
            }
        }
    }

    #[test]
    fn zeros_are_not_a_frame() {
        assert!(matches!(parse(&[0; 64]), Frame::BadLength { .. }));
    }
}
