//! Writing a log: the one who holds its lock appends records, seals segments and takes snapshots.

use std::mem;
use std::path::{Path, PathBuf};

use periplus_core::digest::Digest;
use periplus_core::ids::Seq;
use periplus_core::{RecordRef, Sink, SinkFault, State};

use crate::fault::Fault;
use crate::folder::Listing;
use crate::frame::{self, RECORD_BYTES_MAX};
use crate::fs::{self, Lock};
use crate::header::Header;
use crate::keeper::Keeper;
use crate::options::{Fsync, Options};
use crate::recover::{Recovered, recover};
use crate::segment::OpenSegment;
use crate::snapshot::{self, Role};

/// How many bytes of records are collected before the file gets them, where no policy asks for it sooner.
const COLLECTED_BYTES: usize = 256 << 10;

/// The writer of a log. There is at most one at a time.
///
/// A record is acknowledged once [`sync`](Self::sync) has returned, or under [`Fsync::Always`] once
/// [`append`](Self::append) has: from then on no crash loses it. Dropping the writer hands what was appended
/// to the system without waiting for the disk and without telling of faults; call `sync` or
/// [`finish`](Self::finish) to hear of them.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    options: Options,
    segment: OpenSegment,
    /// Frames that the file does not have yet.
    collected: Vec<u8>,
    /// Records since the disk was last waited for.
    unsynced: u32,
    /// The state's digest after the last record, if that says it.
    digest: Option<Digest>,
    /// What the file holds is not known after a failure, so nothing may follow it.
    is_stopped: bool,
    _lock: Lock,
}

impl Writer {
    /// Begins a log in a folder, which is created if need be.
    ///
    /// # Errors
    /// [`Fault::AlreadyALog`] if there is one, [`Fault::Locked`] if another writer is in it, [`Fault::Io`].
    pub fn create(dir: &Path, header: Header, options: Options) -> Result<Self, Fault> {
        fs::create_dir(dir, options.fsync)?;
        let lock = Lock::take(dir)?;
        if let Some(file) = Listing::read(dir)?.any() {
            return Err(Fault::AlreadyALog { dir: dir.to_owned(), file });
        }
        let segment = OpenSegment::create(dir, header, Seq(0), options.fsync)?;
        Ok(Self::new(dir, options, segment, lock))
    }

    /// Begins a log as [`create`](Self::create) does, with what records led to that are not in it.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(
        dir: &Path,
        header: Header,
        state: &State,
        options: Options,
    ) -> Result<Self, Fault> {
        if state.seq() == Seq(0) {
            return Self::create(dir, header, options);
        }
        fs::create_dir(dir, options.fsync)?;
        let lock = Lock::take(dir)?;
        if let Some(file) = Listing::read(dir)?.any() {
            return Err(Fault::AlreadyALog { dir: dir.to_owned(), file });
        }
        let digest = state.clone().digest();
        snapshot::write(Role::Beginning, dir, &header, state, digest, options.fsync)?;
        let segment = OpenSegment::create(dir, header, state.seq(), options.fsync)?;
        Ok(Self::new(dir, options, segment, lock))
    }

    /// Goes on with a log, after a stop or a crash.
    ///
    /// Cuts off the torn tail of the last segment, finishes a sealing that was begun, and refuses everything
    /// else with the folder left as it was. If the log was written by another version of the decider or in
    /// another format, a new segment begins.
    ///
    /// # Errors
    /// The [`Fault`] that was found. Sealed segments are only checked for being there and complete: their
    /// content is checked when it is read.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovered), Fault> {
        let (mut writer, recovered) = Self::open_copy(dir, options)?;
        let continued = writer.header().continued();
        if *writer.header() != continued {
            writer.roll(continued)?;
        }
        Ok((writer, recovered))
    }

    /// As [`open`](Self::open), for a copy of what others write: what follows is not decided by this program, so no segment
    /// begins that says so. [`go_on_as`](Self::go_on_as) says who did.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_copy(dir: &Path, options: Options) -> Result<(Self, Recovered), Fault> {
        // Without this, a mistyped name would become a folder with a lock in it.
        Listing::read(dir)?.first(dir)?;
        let lock = Lock::take(dir)?;
        let (segment, recovered) = recover(dir, options.fsync)?;
        Ok((Self::new(dir, options, segment, lock), recovered))
    }

    /// What follows was written under this header: begins a segment if it is another one than that of the last.
    ///
    /// # Errors
    /// [`Fault::OtherRun`] if it is of another log, [`Fault::Io`].
    pub fn go_on_as(&mut self, header: &Header) -> Result<(), Fault> {
        if self.header() == header {
            return Ok(());
        }
        self.header().identity().check(header, &self.dir)?;
        self.check_running()?;
        self.guarded(|writer| writer.roll(header.clone()))
    }

    fn new(dir: &Path, options: Options, segment: OpenSegment, lock: Lock) -> Self {
        Self {
            dir: dir.to_owned(),
            options,
            segment,
            collected: Vec::new(),
            unsynced: 0,
            digest: None,
            is_stopped: false,
            _lock: lock,
        }
    }

    /// The facts that stand in the segment that is written.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.segment.header()
    }

    /// The position of the next record.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.segment.next()
    }

    /// Who lets go of what is old, beside the writer and also while that writes.
    #[must_use]
    pub fn keeper(&self) -> Keeper {
        Keeper::new(&self.dir, self.header().clone(), self.options.fsync)
    }

    /// Appends a record and does what [`Options::fsync`] asks for. Allocates nothing but for a record that
    /// is larger than all before it, and when a segment is sealed.
    ///
    /// # Errors
    /// [`Fault::TooLarge`], with nothing appended; [`Fault::Io`], after which the writer is
    /// [stopped](Fault::Stopped).
    ///
    /// # Panics
    /// Panics if the record is not the next one.
    pub fn append(&mut self, record: &RecordRef<'_>) -> Result<(), Fault> {
        assert_eq!(record.seq, self.next_seq(), "records come in their order");
        self.check_running()?;
        if self.segment.bytes() >= self.options.segment_bytes && self.segment.records() > 0 {
            self.guarded(|writer| writer.roll(writer.header().clone()))?;
        }
        let start = self.collected.len();
        if let Err(got) = frame::append(record, &mut self.collected) {
            return Err(Fault::TooLarge {
                spot: self.segment.spot(),
                expected: RECORD_BYTES_MAX as u64,
                got: got as u64,
            });
        }
        self.segment.add(&self.collected[start..]);
        self.digest = record.digest;
        self.unsynced = self.unsynced.saturating_add(1);
        match self.options.fsync {
            Fsync::Always => self.sync(),
            Fsync::Group { records } if self.unsynced >= records.get() => self.sync(),
            Fsync::Group { .. } | Fsync::OnSeal | Fsync::Never => {
                if self.collected.len() < COLLECTED_BYTES {
                    return Ok(());
                }
                self.guarded(Self::hand_over)
            }
        }
    }

    /// Waits until the disk has every record that was appended. Under [`Fsync::Never`] only readers have.
    ///
    /// # Errors
    /// [`Fault::Io`], after which the writer is [stopped](Fault::Stopped).
    pub fn sync(&mut self) -> Result<(), Fault> {
        self.check_running()?;
        self.guarded(|writer| {
            writer.hand_over()?;
            if writer.unsynced > 0 && writer.options.fsync.is_durable() {
                writer.segment.sync()?;
            }
            writer.unsynced = 0;
            Ok(())
        })
    }

    /// Takes a snapshot of the state that the last record led to, after a [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`Fault::Io`]. The log itself can be gone on with if only the snapshot failed.
    ///
    /// # Panics
    /// Panics if the state is another one.
    pub fn snapshot(&mut self, state: &State) -> Result<(), Fault> {
        assert_eq!(state.seq(), self.next_seq(), "the last record's state");
        self.sync()?;
        let digest = match self.digest {
            Some(digest) => digest,
            None => state.clone().digest(),
        };
        let fsync = self.options.fsync;
        snapshot::write(Role::Snapshot, &self.dir, self.header(), state, digest, fsync)
    }

    /// Ends the log with a snapshot, and with all records in sealed segments. It can be opened again.
    ///
    /// # Errors
    /// As [`sync`](Self::sync) and [`snapshot`](Self::snapshot).
    ///
    /// # Panics
    /// Panics if the state is not the one that the last record led to.
    pub fn finish(mut self, state: &State) -> Result<(), Fault> {
        if self.next_seq() > Seq(0) {
            self.snapshot(state)?;
        }
        if self.segment.records() > 0 {
            self.guarded(|writer| writer.roll(writer.header().clone()))?;
        }
        Ok(())
    }

    /// Begins the next segment, then seals the one that was written: so each sealed segment has a
    /// successor, and one that was removed is missed. An empty segment is replaced instead.
    fn roll(&mut self, header: Header) -> Result<(), Fault> {
        self.hand_over()?;
        let fsync = self.options.fsync;
        if fsync.is_durable() {
            self.segment.sync()?;
        }
        self.unsynced = 0;
        let next = OpenSegment::create(&self.dir, header, self.next_seq(), fsync)?;
        let full = mem::replace(&mut self.segment, next);
        if full.records() > 0 {
            full.seal(&self.dir, fsync)?;
        }
        Ok(())
    }

    /// Gives the file what was collected: whole frames, so that readers rarely see a part of one.
    fn hand_over(&mut self) -> Result<(), Fault> {
        if !self.collected.is_empty() {
            self.segment.write(&self.collected)?;
            self.collected.clear();
        }
        Ok(())
    }

    /// Does what must not be followed by anything if it fails.
    fn guarded(&mut self, act: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        let done = act(self);
        self.is_stopped = done.is_err();
        done
    }

    fn check_running(&self) -> Result<(), Fault> {
        if !self.is_stopped {
            return Ok(());
        }
        Err(Fault::Stopped { dir: self.dir.clone() })
    }
}

impl Sink for Writer {
    /// Appends the record, and takes a snapshot when [`Options::snapshot_every`] asks for it.
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        self.append(record)
            .and_then(|()| match self.options.snapshot_every {
                Some(every) if self.next_seq().0.is_multiple_of(every.get()) => {
                    self.snapshot(state)
                }
                Some(_) | None => Ok(()),
            })
            .map_err(|fault| SinkFault(Box::new(fault)))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_stopped {
            // Nobody is left to be told; whoever needs to know calls `sync`.
            let _ = self.hand_over();
        }
    }
}
