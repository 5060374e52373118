//! Going on with a log after a stop or a crash.
//!
//! Only what a crash can leave is put right: the torn tail of the last segment, an unfinished sealing and
//! temporary files. Everything else is refused, and then the folder is left as it was.

use std::ops::Bound::{Excluded, Unbounded};
use std::path::{Path, PathBuf};

use periplus_core::ids::Seq;

use crate::fault::{Fault, Spot};
use crate::folder::{Kind, Listing};
use crate::fs;
use crate::head::Body;
use crate::header::Identity;
use crate::opened::Opened;
use crate::options::Fsync;
use crate::pack;
use crate::segment::OpenSegment;
use crate::snapshot::{self, Role};
use crate::source::{End, SegmentReader};

/// What [`Writer::open`](crate::Writer::open) found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The position after the last whole record: the next record's.
    pub next: Seq,
    /// The bytes of a torn tail that were cut off. Nothing that was synced was among them.
    pub cut_bytes: u64,
}

/// The log's last segment, ready to be appended to. The caller holds the lock.
pub(crate) fn recover(dir: &Path, fsync: Fsync) -> Result<(OpenSegment, Recovered), Fault> {
    let listing = Listing::read(dir)?;
    let Survey { identity, next, mut open, doubled } = Survey::of(dir, &listing)?;
    // The last segment is never sealed, so after a sealed one something is missing.
    let end = listing.segments().last().copied();
    let Some(last) = open.pop_if(|last| Some(last.head.seq) == end) else {
        return Err(missing(dir, next, None));
    };
    refuse_snapshots_beyond(dir, &listing, next, identity)?;

    for leftover in listing.temporary.iter().chain(&doubled) {
        fs::remove(leftover)?;
    }
    for full in open {
        OpenSegment::resume(full, fsync)?.seal(dir, fsync)?;
    }
    let cut_bytes = match last.end {
        Some(End::Torn { bytes }) => bytes,
        Some(End::Clean) | None => 0,
    };
    let segment = OpenSegment::resume(last, fsync)?;
    Ok((segment, Recovered { next, cut_bytes }))
}

/// Refuses a segment that does not begin where the one before it ended.
pub(crate) fn check_follows(dir: &Path, next: Seq, first: Seq) -> Result<(), Fault> {
    if first > next {
        return Err(missing(dir, next, Some(first)));
    }
    if first < next {
        return Err(Fault::Repeated {
            spot: Spot { file: Kind::Open.path(dir, first), offset: 0, seq: next },
            expected: next,
            got: first,
        });
    }
    Ok(())
}

/// The segment that should begin with record `expected` is not there.
pub(crate) fn missing(dir: &Path, expected: Seq, got: Option<Seq>) -> Fault {
    Fault::MissingSegment { file: Kind::Open.path(dir, expected), expected, got }
}

/// What the segments are, once all were checked. Sealed ones are not unpacked for it.
struct Survey {
    identity: Identity,
    /// The position after the last record.
    next: Seq,
    /// Read to the end. More than one if a crash came before the sealing of all but the last.
    open: Vec<SegmentReader>,
    /// Open ones beside which there is a sealed one.
    doubled: Vec<PathBuf>,
}

impl Survey {
    fn of(dir: &Path, listing: &Listing) -> Result<Self, Fault> {
        let first = listing.first(dir)?;
        let begins = listing.begins();
        if first > begins {
            return Err(missing(dir, begins, Some(first)));
        }
        let opened = opened(dir, first)?;
        let mut survey = Self {
            identity: opened.head.header.identity(),
            next: first,
            open: Vec::new(),
            doubled: Vec::new(),
        };
        for first in listing.segments() {
            survey.add(dir, listing, first)?;
        }
        Ok(survey)
    }

    fn add(&mut self, dir: &Path, listing: &Listing, first: Seq) -> Result<(), Fault> {
        if let Some(before) = self.open.last()
            && let Some(End::Torn { bytes }) = before.end
        {
            return Err(before.torn(bytes));
        }
        check_follows(dir, self.next, first)?;
        let opened = opened(dir, first)?;
        self.identity.check(&opened.head.header, &opened.path)?;
        match opened.head.body {
            Body::Sealed { records, packing } => {
                pack::check_length(&opened, &packing)?;
                if listing.open.contains(&first) {
                    // Before one of two is removed, the other is read to its end.
                    let mut read = SegmentReader::new(opened)?;
                    while read.record()?.is_some() {}
                    self.doubled.push(Kind::Open.path(dir, first));
                }
                self.next = Seq(first.0.saturating_add(records));
            }
            Body::Open => {
                let mut read = SegmentReader::new(opened)?;
                while read.record()?.is_some() {}
                self.next = read.next();
                self.open.push(read);
            }
            Body::Snapshot { .. } | Body::Beginning { .. } => {
                unreachable!("a segment is opened by a segment's name")
            }
        }
        Ok(())
    }
}

fn opened(dir: &Path, first: Seq) -> Result<Opened, Fault> {
    let opened = Opened::segment(dir, first)?;
    opened.ok_or_else(|| missing(dir, first, None))
}

/// A snapshot is written only after the records that lead to it are on disk. If the log ends before a sound
/// one, then records are lost, and others in their place would contradict it.
fn refuse_snapshots_beyond(
    dir: &Path,
    listing: &Listing,
    next: Seq,
    identity: Identity,
) -> Result<(), Fault> {
    for seq in listing.snapshots.range((Excluded(next), Unbounded)) {
        match snapshot::load(Role::Snapshot, dir, *seq, identity) {
            Ok(_) => {
                return Err(Fault::SnapshotAhead {
                    file: Kind::Snapshot.path(dir, *seq),
                    expected: next,
                    got: *seq,
                });
            }
            Err(fault @ Fault::Io { .. }) => return Err(fault),
            // A damaged one says nothing about the log.
            Err(_) => {}
        }
    }
    Ok(())
}
