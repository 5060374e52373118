//! Reading a log: by anyone, at any time, also while it is written.

use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::ids::Seq;

use crate::fault::{Fault, io};
use crate::folder::{Kind, Listing};
use crate::head::Body;
use crate::header::Header;
use crate::opened::Opened;
use crate::records::Records;
use crate::recover::missing;
use crate::snapshot::{self, Role};

/// A log that is read. Takes no lock and changes nothing.
#[derive(Clone, Debug)]
pub struct Reader {
    dir: PathBuf,
    header: Header,
}

/// Where to fold from: a snapshot, or the start.
#[derive(Debug)]
pub struct Start {
    /// The position of the first record to fold.
    pub seq: Seq,
    /// What the records before it led to.
    pub state: State,
    /// What was wrong with snapshots that would have been nearer.
    pub skipped: Vec<Fault>,
}

/// A segment of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its file.
    pub file: PathBuf,
    /// The position of its first record.
    pub first: Seq,
    /// Its length on disk.
    pub bytes: u64,
    /// The version of the decider that made its records.
    pub decider: u16,
    /// Whether it is complete.
    pub state: SegmentState,
}

/// Whether a segment is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// Records are still appended to it.
    Open,
    /// It is complete and compressed.
    Sealed {
        /// How many records it holds.
        records: u64,
        /// How many bytes it unpacks to.
        unpacked_bytes: u64,
    },
}

impl Reader {
    /// The log in a folder. Looks at the head of its first segment only: what else is wrong shows when it is
    /// reached.
    ///
    /// # Errors
    /// [`Fault::NotALog`] if there is no segment, or what is wrong with the first one's head.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let first = Listing::read(dir)?.first(dir)?;
        let opened = Opened::segment(dir, first)?;
        let opened = opened.ok_or_else(|| missing(dir, first, None))?;
        Ok(Self { dir: dir.to_owned(), header: opened.head.header })
    }

    /// The facts that stand in the first segment.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the log begins: with record 0 and nothing, or, where what was older is [no longer kept](crate::Keeper::forget),
    /// with the state that it had led to.
    ///
    /// # Errors
    /// That state cannot be read.
    pub fn beginning(&self) -> Result<Start, Fault> {
        let seq = Listing::read(&self.dir)?.begins();
        let state = match seq {
            Seq(0) => State::default(),
            seq => snapshot::load(Role::Beginning, &self.dir, seq, self.header.identity())?,
        };
        Ok(Start { seq, state, skipped: Vec::new() })
    }

    /// The first record that is kept.
    ///
    /// # Errors
    /// [`Fault::Io`] if the folder cannot be listed.
    pub fn begins(&self) -> Result<Seq, Fault> {
        Ok(Listing::read(&self.dir)?.begins())
    }

    /// All records since the run began. They say [`Fault::Forgotten`] where the first are no longer kept.
    #[must_use]
    pub fn records(&self) -> Records {
        self.records_from(Seq(0))
    }

    /// The records from a position on; none if the log ends before it, and [`Fault::Forgotten`] if it begins after it. Those
    /// before it in the same segment are read, but not decoded.
    #[must_use]
    pub fn records_from(&self, from: Seq) -> Records {
        Records::new(&self.dir, self.header.identity(), from)
    }

    /// The state to fold on from for what holds before record `seq`: the newest sound snapshot at or before
    /// that position, or the [beginning](Self::beginning).
    ///
    /// # Errors
    /// [`Fault::Io`] if the folder cannot be listed, [`Fault::Forgotten`] if the log begins after that position, or what is
    /// wrong with its beginning. What is wrong with a snapshot only makes it skipped.
    pub fn nearest_snapshot(&self, seq: Seq) -> Result<Start, Fault> {
        let mut skipped = Vec::new();
        let listing = Listing::read(&self.dir)?;
        let last = listing.segments().last().copied();
        let begins = listing.begins();
        if seq < begins {
            return Err(Fault::Forgotten { dir: self.dir.clone(), expected: begins, got: seq });
        }
        for at in listing.snapshots.range(begins..=seq).rev().copied() {
            // Counted after the listing: a writer appends before it takes a snapshot. A log with a fault
            // ends where it shows when it is read.
            let end = match last {
                Some(last) if at > last => self.length().ok(),
                Some(_) | None => None,
            };
            let loaded = match end {
                Some(end) if at > end => Err(Fault::SnapshotAhead {
                    file: Kind::Snapshot.path(&self.dir, at),
                    expected: end,
                    got: at,
                }),
                Some(_) | None => {
                    snapshot::load(Role::Snapshot, &self.dir, at, self.header.identity())
                }
            };
            match loaded {
                Ok(state) => {
                    return Ok(Start { seq: at, state, skipped });
                }
                Err(fault) => skipped.push(fault),
            }
        }
        Ok(Start { skipped, ..self.beginning()? })
    }

    /// The position of the last record; none if there is no record. Reads the last segment.
    ///
    /// # Errors
    /// What is wrong with the last segment.
    pub fn last_seq(&self) -> Result<Option<Seq>, Fault> {
        let length = self.length()?;
        Ok(length.0.checked_sub(1).map(Seq))
    }

    /// All segments, in their order.
    ///
    /// # Errors
    /// What is wrong with the head of one of them.
    pub fn segments(&self) -> Result<Vec<SegmentInfo>, Fault> {
        let listing = Listing::read(&self.dir)?;
        let segments = listing.segments().into_iter();
        segments.map(|first| self.segment(first)).collect()
    }

    fn segment(&self, first: Seq) -> Result<SegmentInfo, Fault> {
        let opened = Opened::segment(&self.dir, first)?;
        let Opened { path, head, file, .. } =
            opened.ok_or_else(|| missing(&self.dir, first, None))?;
        Ok(SegmentInfo {
            bytes: file.metadata().map_err(io(&path, "read"))?.len(),
            file: path,
            first,
            decider: head.header.decider,
            state: match head.body {
                Body::Open => SegmentState::Open,
                Body::Sealed { records, packing } => {
                    SegmentState::Sealed { records, unpacked_bytes: packing.content.bytes }
                }
                Body::Snapshot { .. } | Body::Beginning { .. } => {
                    unreachable!("a segment is opened by a segment's name")
                }
            },
        })
    }

    /// The position after the last record.
    fn length(&self) -> Result<Seq, Fault> {
        self.records_from(Seq(u64::MAX)).length()
    }
}
