//! Reading records in their order, from segment to segment.

use std::ops::Bound::{Excluded, Unbounded};
use std::path::{Path, PathBuf};

use periplus_core::ids::Seq;
use periplus_core::record::Record;

use crate::fault::Fault;
use crate::folder::Listing;
use crate::header::{Header, Identity};
use crate::opened::Opened;
use crate::recover::{check_follows, missing};
use crate::source::{End, SegmentReader};

/// The records of a log, one by one, in bounded memory.
///
/// Ends with `None`, after which [`end`](Self::end) tells how the log ends. A log that is being written has
/// grown since: ask again, and what came meanwhile follows. After a fault nothing follows.
pub struct Records {
    dir: PathBuf,
    identity: Identity,
    segment: Option<SegmentReader>,
    /// The position of the next record to give.
    wanted: Seq,
    has_failed: bool,
}

impl Records {
    pub(crate) fn new(dir: &Path, identity: Identity, from: Seq) -> Self {
        Self { dir: dir.to_owned(), identity, segment: None, wanted: from, has_failed: false }
    }

    /// How the log ends, once the iterator has said `None`.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        let segment = self.segment.as_ref()?;
        segment.end.filter(|_| !self.has_failed)
    }

    /// The header of the segment that is being read: which decider made the record that came last.
    #[must_use]
    pub fn header(&self) -> Option<&Header> {
        Some(&self.segment.as_ref()?.head.header)
    }

    /// The position after the last record of the log.
    pub(crate) fn length(mut self) -> Result<Seq, Fault> {
        self.wanted = Seq(u64::MAX);
        let beyond = self.read()?;
        assert!(beyond.is_none(), "no log is as long as that");
        let segment = self.segment.expect("reading ends in a segment");
        Ok(segment.next())
    }

    /// Appends the next record to `to` as the frame in which it stands, undecoded; false at the end, as with
    /// [`next`](Iterator::next).
    ///
    /// # Errors
    /// What is wrong with the log; nothing follows.
    pub fn frame(&mut self, to: &mut Vec<u8>) -> Result<bool, Fault> {
        if self.has_failed {
            return Ok(false);
        }
        let read = self.read_with(|segment| segment.frame(to));
        self.has_failed = read.is_err();
        Ok(read?.is_some())
    }

    fn read(&mut self) -> Result<Option<Record>, Fault> {
        self.read_with(SegmentReader::record)
    }

    fn read_with<T>(
        &mut self,
        mut take: impl FnMut(&mut SegmentReader) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Fault> {
        loop {
            let segment = match &mut self.segment {
                Some(segment) => segment,
                None => {
                    let opened = self.locate()?;
                    self.segment.insert(self.begin(opened)?)
                }
            };
            if segment.next() < self.wanted {
                if segment.step()?.is_some() {
                    continue;
                }
            } else if let Some(taken) = take(segment)? {
                self.wanted = segment.next();
                return Ok(Some(taken));
            }
            if !self.go_on()? {
                return Ok(None);
            }
        }
    }

    /// The segment with the first wanted record.
    fn locate(&self) -> Result<Opened, Fault> {
        let Self { dir, wanted, .. } = self;
        let listing = Listing::read(dir)?;
        let begins = listing.begins();
        if *wanted < begins {
            return Err(Fault::Forgotten { dir: dir.clone(), expected: begins, got: *wanted });
        }
        if let Some(opened) = Opened::segment(dir, *wanted)? {
            return Ok(opened);
        }
        let first = listing.first(dir)?;
        let before = listing.segments().range(..=*wanted).next_back().copied();
        let opened = match before {
            Some(before) => Opened::segment(dir, before)?,
            None => None,
        };
        opened.ok_or_else(|| missing(dir, *wanted, Some(first)))
    }

    fn begin(&self, opened: Opened) -> Result<SegmentReader, Fault> {
        self.identity.check(&opened.head.header, &opened.path)?;
        SegmentReader::new(opened)
    }

    /// Whether anything follows the end of the segment that was read: the next one, or, because a writer
    /// works meanwhile, more of the same.
    fn go_on(&mut self) -> Result<bool, Fault> {
        let segment = self.segment.as_mut().expect("reading ends in a segment");
        let (first, next) = (segment.head.seq, segment.next());
        let is_sealed = segment.is_sealed();
        let following = match next == first {
            true => None,
            false => Opened::segment(&self.dir, next)?,
        };
        if let Some(following) = following {
            if let Some(End::Torn { bytes }) = segment.end {
                return Err(segment.torn(bytes));
            }
            self.segment = Some(self.begin(following)?);
            return Ok(true);
        }
        let segments = Listing::read(&self.dir)?.segments();
        let later = segments.range((Excluded(first), Unbounded)).next();
        match (later, segment.end) {
            // The last segment is never sealed.
            (None, _) if is_sealed => Err(missing(&self.dir, next, None)),
            (None, _) => Ok(false),
            // There is a later one now, so this one is complete now: was it when its end was seen?
            (Some(_), _) if segment.look()?.is_some() => Ok(true),
            (Some(_), Some(End::Torn { bytes })) => Err(segment.torn(bytes)),
            (Some(later), _) => check_follows(&self.dir, next, *later).map(|()| true),
        }
    }
}

impl Iterator for Records {
    type Item = Result<Record, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let read = self.read();
        self.has_failed = read.is_err();
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use periplus_core::Input;
    use periplus_core::input::TimerFired;
    use periplus_core::units::Tick;

    use super::*;
    use crate::options::{Fsync, Options};
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

    #[test]
    fn a_segment_that_grew_and_was_sealed_between_two_looks_is_read_to_its_new_end() {
        let home = tempfile::tempdir().unwrap();
        let header = Header::new(0, 0, "");
        let identity = header.identity();
        let options = Options { segment_bytes: 120, snapshot_every: None, fsync: Fsync::Never };
        let mut writer = Writer::create(home.path(), header, options).unwrap();
        writer.append(&record(0).as_ref()).unwrap();
        writer.sync().unwrap();
        let mut records = Records::new(home.path(), identity, Seq(0));
        assert_eq!(records.read().unwrap(), Some(record(0)));
        let segment = records.segment.as_mut().unwrap();
        assert_eq!(segment.record().unwrap(), None);

        // The end was seen; before anyone looks for the next segment, there is more.
        for seq in 1..10 {
            writer.append(&record(seq).as_ref()).unwrap();
        }
        drop(writer);
        assert!(Listing::read(home.path()).unwrap().sealed.contains(&Seq(0)));
        assert!(records.go_on().unwrap());
        for seq in 1..10 {
            assert_eq!(records.read().unwrap(), Some(record(seq)));
        }
        assert_eq!(records.read().unwrap(), None);
    }
}
