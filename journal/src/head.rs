//! The bytes at the start of every file of a log.
//!
//! ```text
//! offset  bytes
//!      0      8  magic: 89 50 52 50 4c 4f 47 0a
//!      8      2  format version
//!     10      2  H, the length of the head with its checksum
//!     12      1  kind: 1 open segment, 2 sealed segment, 3 snapshot, 4 beginning
//!     13      1  M, the length of the maker's name, at most 64
//!     14      2  decider version
//!     16     16  scenario
//!     32      8  epoch, Unix milliseconds, signed
//!     40      8  position: of a segment's first record; of the first record that a snapshot or beginning has not seen
//!     48      M  the maker's name, UTF-8
//!   48+M      …  kind 2: records (8), packing (24) · kinds 3 and 4: digest (16), packing (24)
//!    H-4      4  CRC-32C of the bytes 0 to H-4
//! ```
//!
//! Packing: unpacked bytes (8), packed bytes (8), CRC-32C of the unpacked (4), CRC-32C of the packed (4).
//! Numbers are little endian. Magic, version, length and the place of the checksum are the same in all
//! versions to come, so that a damaged head is told from one that is too new.

use std::io::Read;
use std::path::Path;

use periplus_core::digest::Digest;
use periplus_core::ids::Seq;

use crate::checksum::Sum;
use crate::fault::{Fault, NotALog, check_format, io};
use crate::folder::Kind;
use crate::header::{Header, MADE_BY_BYTES_MAX};

/// The high bit, the letters and the line feed show at a glance and after a transfer as text.
const MAGIC: [u8; 8] = *b"\x89PRPLOG\n";

/// Where the length of the head stands, and where the bytes end that all versions share.
const LENGTH_AT: usize = 10;
const PREFIX_BYTES: usize = 12;

/// The shortest head of any version: the prefix and the checksum.
const HEAD_BYTES_MIN: usize = PREFIX_BYTES + 4;

/// What stands at the start of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) header: Header,
    /// The first record of a segment; the first that a state has not seen.
    pub(crate) seq: Seq,
    pub(crate) body: Body,
}

/// What follows the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Frames, to the end of the file.
    Open,
    /// So many frames, compressed.
    Sealed { records: u64, packing: Packing },
    /// A state, compressed.
    Snapshot { digest: Digest, packing: Packing },
    /// The state that the log begins with, compressed.
    Beginning { digest: Digest, packing: Packing },
}

/// What is known about compressed bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Packing {
    pub(crate) content: Sum,
    pub(crate) packed: Sum,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { header, seq, body } = self;
        let mut bytes = MAGIC.to_vec();
        bytes.extend(header.format.to_le_bytes());
        bytes.extend([0; 2]);
        bytes.push(body.kind() as u8);
        bytes.push(u8::try_from(header.made_by().len()).expect("the maker's name is bounded"));
        bytes.extend(header.decider.to_le_bytes());
        bytes.extend(header.scenario.to_le_bytes());
        bytes.extend(header.epoch_unix_ms.to_le_bytes());
        bytes.extend(seq.0.to_le_bytes());
        bytes.extend(header.made_by().as_bytes());
        match body {
            Body::Open => {}
            Body::Sealed { records, packing } => {
                bytes.extend(records.to_le_bytes());
                packing.encode(&mut bytes);
            }
            Body::Snapshot { digest, packing } | Body::Beginning { digest, packing } => {
                bytes.extend(digest.0.to_le_bytes());
                packing.encode(&mut bytes);
            }
        }
        let length = u16::try_from(bytes.len() + 4).expect("a head has some 200 bytes at most");
        bytes[LENGTH_AT..PREFIX_BYTES].copy_from_slice(&length.to_le_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_le_bytes());
        bytes
    }

    /// Reads the head of the file that bears the name of `kind` at `seq`, and leaves `source` behind it.
    /// Gives its length too.
    pub(crate) fn read(
        source: &mut impl Read,
        file: &Path,
        kind: Kind,
        seq: Seq,
    ) -> Result<(Self, u64), Fault> {
        let mut bytes = Vec::new();
        read_up_to(source, PREFIX_BYTES, &mut bytes, file)?;
        if !bytes.starts_with(&MAGIC) {
            bytes.truncate(MAGIC.len());
            return Err(Fault::NotALog { path: file.to_owned(), what: NotALog::Magic(bytes) });
        }
        let damaged = |offset: usize, expected: usize, got: usize| Fault::HeaderDamaged {
            file: file.to_owned(),
            offset: offset as u64,
            expected: expected as u64,
            got: got as u64,
        };
        if bytes.len() < PREFIX_BYTES {
            return Err(damaged(bytes.len(), PREFIX_BYTES, bytes.len()));
        }
        let length = usize::from(u16::from_le_bytes([bytes[LENGTH_AT], bytes[LENGTH_AT + 1]]));
        if length < HEAD_BYTES_MIN {
            return Err(damaged(LENGTH_AT, HEAD_BYTES_MIN, length));
        }
        read_up_to(source, length - PREFIX_BYTES, &mut bytes, file)?;
        let (summed, stored) = match bytes.split_last_chunk() {
            Some((summed, stored)) if bytes.len() == length => {
                (summed, u32::from_le_bytes(*stored))
            }
            _ => return Err(damaged(bytes.len(), length, bytes.len())),
        };
        let got = crc32c::crc32c(summed);
        if got != stored {
            return Err(damaged(length - 4, stored as usize, got as usize));
        }
        let head = Self::decode(summed, file)?;
        // A length that was changed may meet its checksum by luck, but not this.
        let head = head.ok_or_else(|| damaged(LENGTH_AT, HEAD_BYTES_MIN, length))?;
        let name = head.body.kind().file_name(head.seq);
        if (head.body.kind(), head.seq) != (kind, seq) {
            return Err(Fault::Misnamed { file: file.to_owned(), got: name });
        }
        Ok((head, length as u64))
    }

    /// What the bytes before the checksum say; nothing if they are too few, too many or impossible.
    fn decode(bytes: &[u8], file: &Path) -> Result<Option<Self>, Fault> {
        let format = u16::from_le_bytes([bytes[8], bytes[9]]);
        check_format(format, file)?;
        Ok(Fields(&bytes[PREFIX_BYTES..]).head(format))
    }
}

impl Body {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Open => Kind::Open,
            Self::Sealed { .. } => Kind::Sealed,
            Self::Snapshot { .. } => Kind::Snapshot,
            Self::Beginning { .. } => Kind::Beginning,
        }
    }
}

impl Packing {
    fn encode(&self, bytes: &mut Vec<u8>) {
        let Self { content, packed } = self;
        bytes.extend(content.bytes.to_le_bytes());
        bytes.extend(packed.bytes.to_le_bytes());
        bytes.extend(content.crc.to_le_bytes());
        bytes.extend(packed.crc.to_le_bytes());
    }
}

/// The fields of a head of version 1 that were not read yet.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn head(mut self, format: u16) -> Option<Head> {
        let [kind, made_by_bytes] = self.take()?;
        let decider = u16::from_le_bytes(self.take()?);
        let scenario = u128::from_le_bytes(self.take()?);
        let epoch_unix_ms = i64::from_le_bytes(self.take()?);
        let seq = Seq(self.long()?);
        let made_by = self.0.split_off(..usize::from(made_by_bytes))?;
        if made_by.len() > MADE_BY_BYTES_MAX {
            return None;
        }
        let mut header = Header::new(scenario, epoch_unix_ms, str::from_utf8(made_by).ok()?);
        header.format = format;
        header.decider = decider;
        let body = match kind {
            1 => Body::Open,
            2 => Body::Sealed { records: self.long()?, packing: self.packing()? },
            3 => {
                let (digest, packing) = self.state()?;
                Body::Snapshot { digest, packing }
            }
            4 => {
                let (digest, packing) = self.state()?;
                Body::Beginning { digest, packing }
            }
            _ => return None,
        };
        self.0.is_empty().then_some(Head { header, seq, body })
    }

    fn state(&mut self) -> Option<(Digest, Packing)> {
        Some((Digest(u128::from_le_bytes(self.take()?)), self.packing()?))
    }

    fn packing(&mut self) -> Option<Packing> {
        let (content, packed) = (self.long()?, self.long()?);
        let sum = |bytes, crc| Sum { bytes, crc: u32::from_le_bytes(crc) };
        Some(Packing { content: sum(content, self.take()?), packed: sum(packed, self.take()?) })
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }
}

/// Appends the next `count` bytes, or as many as there are.
fn read_up_to(
    source: &mut impl Read,
    count: usize,
    bytes: &mut Vec<u8>,
    file: &Path,
) -> Result<(), Fault> {
    let mut limited = source.take(count as u64);
    limited.read_to_end(bytes).map_err(io(file, "read"))?;
    Ok(())
}
