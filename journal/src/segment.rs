//! Writing one segment: created, appended to, sealed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use periplus_core::ids::Seq;

use crate::checksum::Sum;
use crate::fault::{Fault, Spot, io};
use crate::folder::Kind;
use crate::fs::{self, Staged};
use crate::head::{Body, Head};
use crate::header::Header;
use crate::options::Fsync;
use crate::pack;
use crate::source::SegmentReader;

/// What a segment holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    /// Of all frames, without the head.
    pub(crate) content: Sum,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    path: PathBuf,
    file: File,
    head: Head,
    head_bytes: u64,
    /// What was appended, whether or not the file has it already.
    tally: Tally,
}

impl Tally {
    pub(crate) fn add(&mut self, frame: &[u8]) {
        self.records += 1;
        self.content.add(frame);
    }

    /// The position after the last record of a segment that begins with `first`.
    pub(crate) fn next(&self, first: Seq) -> Seq {
        Seq(first.0.saturating_add(self.records))
    }
}

impl OpenSegment {
    /// A new segment. It has its name only once its head is complete, so that a cut head is never the work
    /// of a crash. Takes the place of one that is there.
    pub(crate) fn create(
        dir: &Path,
        header: Header,
        first: Seq,
        fsync: Fsync,
    ) -> Result<Self, Fault> {
        let head = Head { header, seq: first, body: Body::Open };
        let path = Kind::Open.path(dir, first);
        let bytes = head.encode();
        let mut staged = Staged::create(path.clone())?;
        staged.file.write_all(&bytes).map_err(io(&staged.temporary, "write"))?;
        Ok(Self {
            path,
            file: staged.commit(fsync)?,
            head,
            head_bytes: bytes.len() as u64,
            tally: Tally::default(),
        })
    }

    /// The segment that was read to its end, to be gone on with. What follows its last whole record is cut,
    /// and what a writer that crashed had not synced is synced now: others will build on it.
    pub(crate) fn resume(read: SegmentReader, fsync: Fsync) -> Result<Self, Fault> {
        let SegmentReader { path, head, head_bytes, tally, .. } = read;
        let length = head_bytes + tally.content.bytes;
        let open = || {
            let mut file = File::options().write(true).open(&path)?;
            if file.metadata()?.len() > length {
                file.set_len(length)?;
            }
            if fsync.is_durable() {
                file.sync_all()?;
            }
            file.seek(SeekFrom::Start(length))?;
            Ok(file)
        };
        let file = open().map_err(io(&path, "go on with the file"))?;
        Ok(Self { path, file, head, head_bytes, tally })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.head.header
    }

    /// The position of the next record.
    pub(crate) fn next(&self) -> Seq {
        self.tally.next(self.head.seq)
    }

    pub(crate) fn records(&self) -> u64 {
        self.tally.records
    }

    /// The length that the file will have.
    pub(crate) fn bytes(&self) -> u64 {
        self.head_bytes + self.tally.content.bytes
    }

    /// Counts a frame that [`write`](Self::write) will be given, now or later.
    pub(crate) fn add(&mut self, frame: &[u8]) {
        self.tally.add(frame);
    }

    /// Where the next frame goes.
    pub(crate) fn spot(&self) -> Spot {
        Spot { file: self.path.clone(), offset: self.bytes(), seq: self.next() }
    }

    pub(crate) fn write(&mut self, frames: &[u8]) -> Result<(), Fault> {
        self.file.write_all(frames).map_err(io(&self.path, "append to the file"))
    }

    /// Waits until the disk has everything.
    pub(crate) fn sync(&self) -> Result<(), Fault> {
        let synced = self.file.sync_data();
        synced.map_err(io(&self.path, "write to the disk"))
    }

    /// Compresses the segment. Its successor exists already, everything is written and synced.
    ///
    /// A crash on the way leaves the open one alone, or both: then the sealed one holds.
    pub(crate) fn seal(self, dir: &Path, fsync: Fsync) -> Result<(), Fault> {
        let Self {
            path,
            file: _,
            head: Head { header, seq, .. },
            head_bytes,
            tally: Tally { records, content },
        } = self;
        let frames = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(head_bytes))?;
            Ok(file.take(content.bytes))
        };
        let frames = frames().map_err(io(&path, "read"))?;
        let mut staged = Staged::create(Kind::Sealed.path(dir, seq))?;
        let packing = pack::pack(&mut staged, frames, |packing| Head {
            header: header.clone(),
            seq,
            body: Body::Sealed { records, packing },
        })?;
        let spot = Spot { file: path.clone(), offset: head_bytes, seq };
        // What was read back must be what was appended.
        pack::check_content(packing.content, content, spot)?;
        staged.commit(fsync)?;
        fs::remove(&path)
    }
}
