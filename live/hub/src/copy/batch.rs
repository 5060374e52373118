//! Reading a log for a copy: frames from a record on, as many as fit, all under one header.

use std::path::Path;

use periplus_core::State;
use periplus_core::ids::Seq;
use periplus_journal::{Fault, Header, Reader, Records, tag};

/// So many bytes of frames are read at once, and the one frame that goes beyond.
const BATCH_BYTES: usize = 4 << 20;

/// Where somebody reads a log who asks for what follows again and again.
pub(super) struct Cursor {
    records: Records,
    /// The record that comes next.
    next: u64,
    /// It, if it was read already: it stands under another header than those before it.
    ahead: Option<Vec<u8>>,
}

/// Frames of a log.
#[derive(Debug)]
pub(super) struct Batch {
    /// What they stand under; none where there is none.
    pub(super) header: Option<Header>,
    pub(super) frames: Vec<u8>,
    /// The first record that is not among them.
    pub(super) next: u64,
}

/// How somebody begins to read.
pub(super) enum Begun {
    /// With the record that was asked for. The checksum of the one before it, if that is kept.
    There(Cursor, Option<u32>),
    /// With the first one that is kept, and what led to it: nothing was there before.
    Later(Cursor, Box<State>),
    /// It is not kept any more.
    Behind,
}

impl Cursor {
    /// Begins to read at a record.
    pub(super) fn begin(log: &Path, from: u64) -> Result<Begun, Fault> {
        let reader = Reader::open(log)?;
        let begins = reader.begins()?;
        let at = |next: Seq| Self { records: reader.records_from(next), next: next.0, ahead: None };
        if from < begins.0 {
            if from > 0 {
                return Ok(Begun::Behind);
            }
            let start = reader.beginning()?;
            return Ok(Begun::Later(at(start.seq), Box::new(start.state)));
        }
        if from == begins.0 {
            return Ok(Begun::There(at(begins), None));
        }
        let mut cursor = at(Seq(from - 1));
        let mut frame = Vec::new();
        let before = if cursor.records.frame(&mut frame)? { tag(&frame) } else { None };
        cursor.next = from;
        Ok(Begun::There(cursor, before))
    }

    /// The record that comes next.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// What follows, up to the record `end`.
    pub(super) fn read(&mut self, end: u64) -> Result<Batch, Fault> {
        let mut batch = Batch { header: None, frames: Vec::new(), next: self.next };
        while batch.next < end && batch.frames.len() < BATCH_BYTES {
            let frame = match self.ahead.take() {
                Some(frame) => frame,
                None => {
                    let mut frame = Vec::new();
                    if !self.records.frame(&mut frame)? {
                        break;
                    }
                    frame
                }
            };
            let header = self.records.header();
            if batch.header.is_some() && batch.header.as_ref() != header {
                self.ahead = Some(frame);
                break;
            }
            if batch.header.is_none() {
                batch.header = header.cloned();
            }
            batch.frames.extend_from_slice(&frame);
            batch.next += 1;
        }
        self.next = batch.next;
        Ok(batch)
    }
}
