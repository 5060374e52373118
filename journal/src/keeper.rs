//! Letting go of what is old: segments whose records are all older than they need be, and snapshots that save little.
//!
//! A log that has let go of records begins with a state instead: its *beginning*. That is on disk before the first file is
//! removed, and the oldest files go first, so a crash on the way leaves a whole log that has more than it needs.

use std::path::{Path, PathBuf};

use periplus_core::State;
use periplus_core::ids::Seq;
use periplus_core::units::Tick;

use crate::fault::{Fault, io};
use crate::folder::{Kind, Listing};
use crate::fs;
use crate::header::Header;
use crate::opened::Opened;
use crate::options::Fsync;
use crate::snapshot::{self, Role};
use crate::source::SegmentReader;

/// In so many of the last segments all snapshots stay: most questions are about what happened lately.
const SEGMENTS_WITH_ALL_SNAPSHOTS: usize = 2;

/// Who lets go of what is old in a log. Only its [writer](crate::Writer::keeper) hands one out. It may work in another thread,
/// also while the writer writes; readers of just those records are told that they are gone.
#[derive(Clone, Debug)]
pub struct Keeper {
    dir: PathBuf,
    header: Header,
    fsync: Fsync,
}

/// What was let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Let {
    /// Segments.
    pub segments: usize,
    /// Snapshots, and beginnings that another took the place of.
    pub snapshots: usize,
    /// What they held of the disk.
    pub bytes: u64,
}

impl Keeper {
    pub(crate) fn new(dir: &Path, header: Header, fsync: Fsync) -> Self {
        Self { dir: dir.to_owned(), header, fsync }
    }

    /// Lets go of whole segments whose records are all from before `before`, as far as a sound snapshot can take their
    /// place. Everything from `before` on stays.
    ///
    /// # Errors
    /// What is wrong with a segment that was looked at, or [`Fault::Io`]. The log is whole then, too.
    pub fn forget(&self, before: Tick) -> Result<Let, Fault> {
        let listing = Listing::read(&self.dir)?;
        if let Some(mut state) = self.beginning(&listing, before)? {
            let (seq, digest) = (state.seq(), state.digest());
            snapshot::write(Role::Beginning, &self.dir, &self.header, &state, digest, self.fsync)?;
            return self.clean(seq);
        }
        // What a crash left of an earlier time.
        self.clean(listing.begins())
    }

    /// Lets go of snapshots that save little: of those in older segments, all but the first of each.
    ///
    /// # Errors
    /// [`Fault::Io`].
    pub fn thin(&self) -> Result<Let, Fault> {
        let listing = Listing::read(&self.dir)?;
        let segments: Vec<Seq> = listing.segments().into_iter().collect();
        let older = segments.len().saturating_sub(SEGMENTS_WITH_ALL_SNAPSHOTS);
        let mut let_go = Let::default();
        for pair in segments.windows(2).take(older) {
            for spare in listing.snapshots.range(pair[0]..pair[1]).skip(1) {
                let_go.snapshots += 1;
                let_go.bytes += self.remove(&Kind::Snapshot.path(&self.dir, *spare))?;
            }
        }
        Ok(let_go)
    }

    /// The state that the log can begin with, if it can begin later than it does.
    fn beginning(&self, listing: &Listing, before: Tick) -> Result<Option<State>, Fault> {
        let segments = listing.segments();
        let begins = listing.begins();
        let Some(mut first) = segments.range(..=begins).next_back().copied() else {
            return Ok(None);
        };
        for later in segments.range(begins..).copied().filter(|later| *later > begins) {
            if self.first_at(later)?.is_none_or(|at| at >= before) {
                break;
            }
            first = later;
        }
        let identity = self.header.identity();
        for at in listing.snapshots.range(..=first).rev().take_while(|at| **at > begins) {
            // One segment at least must go.
            if segments.range(..=*at).count() < 2 {
                break;
            }
            match snapshot::load(Role::Snapshot, &self.dir, *at, identity) {
                Ok(state) => return Ok(Some(state)),
                Err(fault @ Fault::Io { .. }) => return Err(fault),
                // An earlier one will do.
                Err(_) => {}
            }
        }
        Ok(None)
    }

    /// When the first record of a segment was made; nothing if there is none yet.
    fn first_at(&self, first: Seq) -> Result<Option<Tick>, Fault> {
        let Some(opened) = Opened::segment(&self.dir, first)? else { return Ok(None) };
        let record = SegmentReader::new(opened)?.record()?;
        Ok(record.map(|record| record.at))
    }

    /// Removes what is from before the beginning, the oldest first.
    fn clean(&self, begins: Seq) -> Result<Let, Fault> {
        let listing = Listing::read(&self.dir)?;
        let segments: Vec<Seq> = listing.segments().into_iter().collect();
        let mut let_go = Let::default();
        for pair in segments.windows(2).filter(|pair| pair[1] <= begins) {
            let_go.segments += 1;
            for (kind, there) in [(Kind::Open, &listing.open), (Kind::Sealed, &listing.sealed)] {
                if there.contains(&pair[0]) {
                    let_go.bytes += self.remove(&kind.path(&self.dir, pair[0]))?;
                }
            }
        }
        for (kind, there) in
            [(Kind::Snapshot, &listing.snapshots), (Kind::Beginning, &listing.beginnings)]
        {
            for old in there.range(..begins) {
                let_go.snapshots += 1;
                let_go.bytes += self.remove(&kind.path(&self.dir, *old))?;
            }
        }
        Ok(let_go)
    }

    fn remove(&self, path: &Path) -> Result<u64, Fault> {
        let bytes = path.metadata().map_err(io(path, "read"))?.len();
        fs::remove(path)?;
        Ok(bytes)
    }
}
