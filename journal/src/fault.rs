//! What can be wrong with a log or its disk: each with the place, the value, the limit and a way out.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use periplus_core::codec::DecodeFault;
use periplus_core::digest::Digest;
use periplus_core::ids::Seq;
use periplus_core::record::FORMAT_VERSION;
use thiserror::Error;

/// Where in a log something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The file.
    pub file: PathBuf,
    /// Bytes from its start; in a compressed file, from the start of what it unpacks to.
    pub offset: u64,
    /// The position of the record that stands there, or should.
    pub seq: Seq,
}

/// What a checksum is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The length of a record.
    Length,
    /// A record.
    Record,
    /// Everything behind the header of a compressed file.
    Packed,
    /// Everything that a compressed file unpacks to.
    Content,
}

/// What is wrong with a log or its disk. None of them is repaired silently.
#[derive(Debug, Error)]
pub enum Fault {
    /// Bytes were changed after they were written.
    #[error(
        "{spot}: the checksum of {part} is {got:08x} and should be {expected:08x}. Bytes were changed after they were written: restore the file from a copy."
    )]
    Checksum {
        /// Where.
        spot: Spot,
        /// Of what.
        part: Part,
        /// What was stored.
        expected: u32,
        /// What the bytes give.
        got: u32,
    },
    /// A segment ends within a record, though it is not the last: what the last one may, it may not.
    #[error(
        "{spot}: the segment ends {got} bytes into a record, but it is not the last one of the log. It was cut: restore it from a copy."
    )]
    Torn {
        /// Where the record begins.
        spot: Spot,
        /// The bytes that are there.
        got: u64,
    },
    /// Records are missing between two that are there.
    #[error(
        "{spot}: record {expected} should follow, but record {got} does. Records were removed: restore the file from a copy.",
        expected = expected.0, got = got.0
    )]
    Removed {
        /// Where the record stands that came too early.
        spot: Spot,
        /// The position that should follow.
        expected: Seq,
        /// The position that does.
        got: Seq,
    },
    /// A record is there that was there before.
    #[error(
        "{spot}: record {expected} should follow, but record {got} comes again. Records were copied or put in another order: restore the file from a copy.",
        expected = expected.0, got = got.0
    )]
    Repeated {
        /// Where the record stands that came again.
        spot: Spot,
        /// The position that should follow.
        expected: Seq,
        /// The position that does.
        got: Seq,
    },
    /// A record that is no longer kept.
    #[error(
        "{dir}: record {got} is no longer kept: the log begins with record {expected}. Ask for later ones, or look in a copy of the folder.",
        dir = dir.display(), expected = expected.0, got = got.0
    )]
    Forgotten {
        /// The log.
        dir: PathBuf,
        /// The first record that is kept.
        expected: Seq,
        /// The record that was asked for.
        got: Seq,
    },
    /// A segment is not there.
    #[error(
        "{file}: this segment, from record {expected} on, is missing; {found}. Restore it from a copy.",
        file = file.display(), expected = expected.0, found = Following(*got)
    )]
    MissingSegment {
        /// Its name, as an open segment.
        file: PathBuf,
        /// Its first record.
        expected: Seq,
        /// The first record of the next segment that is there.
        got: Option<Seq>,
    },
    /// A compressed file was cut or added to.
    #[error(
        "{file}: the file has {got} bytes and should have {expected}. It was cut or added to: restore it from a copy.",
        file = file.display()
    )]
    Length {
        /// Which.
        file: PathBuf,
        /// The bytes that it was written with.
        expected: u64,
        /// The bytes that it has.
        got: u64,
    },
    /// A compressed file unpacks to something else than its header says.
    #[error(
        "{spot}: the file unpacks to {got} {unit} and its header says {expected}. It was not written by this program: restore it from a copy."
    )]
    Miscounted {
        /// Where it ends.
        spot: Spot,
        /// What was counted.
        unit: &'static str,
        /// What the header says.
        expected: u64,
        /// What there is.
        got: u64,
    },
    /// Not a log, or a file that is not part of one.
    #[error("{path}: {what}. Name the folder of a log, such as run.log.", path = path.display())]
    NotALog {
        /// The folder or file.
        path: PathBuf,
        /// What is there.
        what: NotALog,
    },
    /// A format that this program does not know.
    #[error(
        "{file}: its format has version {got}, and this program reads 1 to {expected}. Use the release that wrote it, or a later one.",
        file = file.display()
    )]
    UnknownFormat {
        /// Which file.
        file: PathBuf,
        /// The newest version that is known.
        expected: u16,
        /// Its version.
        got: u16,
    },
    /// The header at the start of a file was changed, or cut.
    #[error(
        "{file}: the header is damaged at byte {offset}: {got:#x} stands where {expected:#x} should. Restore the file from a copy.",
        file = file.display()
    )]
    HeaderDamaged {
        /// Which file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What should stand there.
        expected: u64,
        /// What does.
        got: u64,
    },
    /// A file bears the name of another one.
    #[error(
        "{file}: its header says that it is {got}. Give the files their own names back.",
        file = file.display()
    )]
    Misnamed {
        /// The name that it bears.
        file: PathBuf,
        /// The name that it was written under.
        got: String,
    },
    /// A file of another run.
    #[error(
        "{file}: this is of {got}, and the log is of {expected}. Move the file to where it belongs.",
        file = file.display()
    )]
    OtherRun {
        /// Which file.
        file: PathBuf,
        /// The log's scenario and epoch.
        expected: String,
        /// The file's.
        got: String,
    },
    /// A record whose checksum is right but that cannot be decoded.
    #[error("{spot}: the record {source}. It was not written by a release of this program.")]
    Malformed {
        /// Where.
        spot: Spot,
        /// Why not.
        source: DecodeFault,
    },
    /// A compressed file whose checksum is right but that cannot be unpacked.
    #[error(
        "{file}: the file cannot be unpacked: {source}. It was not written by a release of this program.",
        file = file.display()
    )]
    Unpack {
        /// Which.
        file: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A record that is longer than any may be.
    #[error(
        "{spot}: the record has {got} bytes, and {expected} are the limit. Declare less at once."
    )]
    TooLarge {
        /// Where.
        spot: Spot,
        /// The limit.
        expected: u64,
        /// Its length.
        got: u64,
    },
    /// A snapshot has seen records that the log has lost.
    #[error(
        "{file}: the snapshot has seen the records up to {got}, but the log ends at {expected}: records that were written are lost. Restore the log from a copy, or remove the snapshot to go on without them.",
        file = file.display(), expected = expected.0, got = got.0
    )]
    SnapshotAhead {
        /// Which snapshot.
        file: PathBuf,
        /// The position after the log's last record.
        expected: Seq,
        /// The position that the snapshot leads up to.
        got: Seq,
    },
    /// A snapshot that unpacks to another state than was put in.
    #[error(
        "{file}: the state's digest is {got} and should be {expected}. Remove the snapshot; the log leads to the state without it.",
        file = file.display()
    )]
    SnapshotDiffers {
        /// Which snapshot.
        file: PathBuf,
        /// The digest that was stored.
        expected: Digest,
        /// The digest that the state gives.
        got: Digest,
    },
    /// There is a log in the folder already.
    #[error(
        "{dir}: there is a log here already, with {file} in it. Choose another folder, or go on with this log.",
        dir = dir.display()
    )]
    AlreadyALog {
        /// The folder.
        dir: PathBuf,
        /// A file of the log that is there.
        file: String,
    },
    /// Another writer has the log.
    #[error(
        "{file}: another process writes this log and holds its lock. Stop it first, or choose another folder.",
        file = file.display()
    )]
    Locked {
        /// The lock.
        file: PathBuf,
    },
    /// The writer has failed before, and what is on disk is not known any more.
    #[error(
        "{dir}: writing failed before, so nothing more is written. Open the log again, which finds out what was kept.",
        dir = dir.display()
    )]
    Stopped {
        /// The folder.
        dir: PathBuf,
    },
    /// The disk or the file system failed.
    #[error("{path}: cannot {action}: {source}", path = path.display())]
    Io {
        /// What was worked on.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What came back.
        source: io::Error,
    },
}

/// Why something is not a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotALog {
    /// There is no segment in the folder.
    NoSegments,
    /// The file begins with other bytes than the files of a log.
    Magic(Vec<u8>),
}

/// For `map_err`: the disk failed to do `action` with `path`.
pub(crate) fn io<'a>(
    path: &'a Path,
    action: &'static str,
) -> impl FnOnce(io::Error) -> Fault + use<'a> {
    move |source| Fault::Io { path: path.to_owned(), action, source }
}

/// Refuses a format that is not among those of `1..=FORMAT_VERSION`.
pub(crate) fn check_format(got: u16, file: &Path) -> Result<(), Fault> {
    if (1..=FORMAT_VERSION).contains(&got) {
        return Ok(());
    }
    Err(Fault::UnknownFormat { file: file.to_owned(), expected: FORMAT_VERSION, got })
}

/// What follows a missing segment.
struct Following(Option<Seq>);

impl fmt::Display for Following {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(seq) => write!(out, "the next one there begins with record {}", seq.0),
            None => out.write_str("none follows it"),
        }
    }
}

impl fmt::Display for Spot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, seq } = self;
        write!(out, "{} at byte {offset}, record {}", file.display(), seq.0)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Length => "the record's length",
            Self::Record => "the record",
            Self::Packed => "the compressed bytes",
            Self::Content => "the unpacked bytes",
        })
    }
}

impl fmt::Display for NotALog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSegments => out.write_str("there is no segment of a log in this folder"),
            Self::Magic(bytes) => {
                out.write_str("this is not part of a log; it begins with")?;
                if bytes.is_empty() {
                    out.write_str(" nothing")?;
                }
                bytes.iter().try_for_each(|byte| write!(out, " {byte:02x}"))
            }
        }
    }
}
