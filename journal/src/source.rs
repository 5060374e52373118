//! Reading one segment, open or sealed: frame by frame, in bounded memory.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use periplus_core::codec::{self, DecodeFault};
use periplus_core::ids::Seq;
use periplus_core::record::Record;

use crate::fault::{Fault, Part, Spot, io};
use crate::frame::{self, Frame, RECORD_BYTES_MAX};
use crate::head::{Body, Head};
use crate::opened::Opened;
use crate::pack::{self, Unpacker, unpacking};
use crate::segment::Tally;
use crate::window::Window;

/// How a log ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a whole record.
    Clean,
    /// With part of a record, or with zeros: a crash, or a writer that is just writing.
    Torn {
        /// What follows the last whole record.
        bytes: u64,
    },
}

/// One segment, being read.
pub(crate) struct SegmentReader {
    pub(crate) path: PathBuf,
    pub(crate) head: Head,
    pub(crate) head_bytes: u64,
    window: Window<Source>,
    /// Where the next frame begins.
    offset: u64,
    /// What was read.
    pub(crate) tally: Tally,
    /// Zeros were found up to the end and are consumed.
    is_spent: bool,
    /// How it ended when it was last looked at.
    pub(crate) end: Option<End>,
}

/// Where the frames come from.
enum Source {
    Open(File),
    Sealed(Box<Unpacker>),
}

impl SegmentReader {
    /// Begins to read a segment.
    pub(crate) fn new(opened: Opened) -> Result<Self, Fault> {
        let (path, head, head_bytes) =
            (opened.path.clone(), opened.head.clone(), opened.head_bytes);
        let (source, offset) = match &head.body {
            Body::Open => (Source::Open(opened.file), head_bytes),
            Body::Sealed { packing, .. }
            | Body::Snapshot { packing, .. }
            | Body::Beginning { packing, .. } => {
                let unpacker = pack::unpack(opened, packing)?;
                (Source::Sealed(Box::new(unpacker)), 0)
            }
        };
        Ok(Self {
            path,
            head,
            head_bytes,
            window: Window::new(source),
            offset,
            tally: Tally::default(),
            is_spent: false,
            end: None,
        })
    }

    pub(crate) fn is_sealed(&self) -> bool {
        match self.head.body {
            Body::Open => false,
            Body::Sealed { .. } | Body::Snapshot { .. } | Body::Beginning { .. } => true,
        }
    }

    /// The position of the next record.
    pub(crate) fn next(&self) -> Seq {
        self.tally.next(self.head.seq)
    }

    /// The next record; none at the end, which [`end`](Self::end) then tells.
    pub(crate) fn record(&mut self) -> Result<Option<Record>, Fault> {
        let (offset, expected) = (self.offset, self.next());
        let format = self.head.header.format;
        let Some(payload) = self.step()? else {
            return Ok(None);
        };
        let decoded = decode(format, payload);
        let spot = || Spot { file: self.path.clone(), offset, seq: expected };
        let record = match decoded {
            Ok(record) => record,
            Err(source) => {
                let spot = spot();
                return Err(Fault::Malformed { spot, source });
            }
        };
        let got = record.seq;
        match got.cmp(&expected) {
            Ordering::Equal => Ok(Some(record)),
            Ordering::Greater => Err(Fault::Removed { spot: spot(), expected, got }),
            Ordering::Less => Err(Fault::Repeated { spot: spot(), expected, got }),
        }
    }

    /// Like [`record`](Self::record), but leaves it encoded, so its position is not checked.
    pub(crate) fn step(&mut self) -> Result<Option<&[u8]>, Fault> {
        let Some(length) = self.look()? else {
            return Ok(None);
        };
        let frame = self.window.take(length);
        self.offset += length as u64;
        self.tally.add(frame);
        Ok(Some(&frame[frame::FRAME_HEAD_BYTES..]))
    }

    /// Like [`step`](Self::step), but appends the whole frame to `to`.
    pub(crate) fn frame(&mut self, to: &mut Vec<u8>) -> Result<Option<()>, Fault> {
        let Some(length) = self.look()? else {
            return Ok(None);
        };
        let frame = self.window.take(length);
        self.offset += length as u64;
        self.tally.add(frame);
        to.extend_from_slice(frame);
        Ok(Some(()))
    }

    /// The length of the next frame, whole and right; none at the end. An open segment that has ended may
    /// have grown at the next look.
    pub(crate) fn look(&mut self) -> Result<Option<usize>, Fault> {
        while !self.is_spent {
            match frame::parse(self.window.bytes()) {
                Frame::Whole(length) => {
                    self.end = None;
                    return Ok(Some(length));
                }
                Frame::Part(wanted) => {
                    let filled = self.window.fill(wanted);
                    if !filled.map_err(unpacking(&self.path))? {
                        return self.finish().map(|()| None);
                    }
                }
                Frame::BadLength { expected, got } => {
                    let Some(bytes) = self.zeros()? else {
                        return Err(self.changed(Part::Length, expected, got));
                    };
                    self.end = Some(End::Torn { bytes });
                    self.is_spent = true;
                }
                Frame::BadPayload { expected, got } => {
                    return Err(self.changed(Part::Record, expected, got));
                }
                Frame::TooLong(length) => {
                    return Err(Fault::TooLarge {
                        spot: self.spot(),
                        expected: RECORD_BYTES_MAX as u64,
                        got: length as u64,
                    });
                }
            }
        }
        Ok(None)
    }

    /// Part of a frame at the end, where more follows: a fault.
    pub(crate) fn torn(&self, bytes: u64) -> Fault {
        Fault::Torn { spot: self.spot(), got: bytes }
    }

    /// There is no whole frame left: how did it end, and was that all?
    fn finish(&mut self) -> Result<(), Fault> {
        let bytes = self.window.bytes().len() as u64;
        match self.head.body {
            Body::Open if bytes == 0 => self.end = Some(End::Clean),
            Body::Open => self.end = Some(End::Torn { bytes }),
            Body::Sealed { .. } if bytes > 0 => return Err(self.torn(bytes)),
            Body::Sealed { records, packing } => {
                let spot = self.spot();
                if self.tally.records != records {
                    return Err(Fault::Miscounted {
                        spot,
                        unit: "records",
                        expected: records,
                        got: self.tally.records,
                    });
                }
                pack::check_content(self.tally.content, packing.content, spot)?;
                self.end = Some(End::Clean);
            }
            Body::Snapshot { .. } | Body::Beginning { .. } => {
                unreachable!("a segment is opened by a segment's name")
            }
        }
        Ok(())
    }

    /// The number of zeros if an open segment holds nothing else from here on.
    fn zeros(&mut self) -> Result<Option<u64>, Fault> {
        match self.head.body {
            Body::Open => {
                let zeros = self.window.zeros_to_the_end();
                zeros.map_err(io(&self.path, "read"))
            }
            Body::Sealed { .. } | Body::Snapshot { .. } | Body::Beginning { .. } => Ok(None),
        }
    }

    fn changed(&self, part: Part, expected: u32, got: u32) -> Fault {
        Fault::Checksum { spot: self.spot(), part, expected, got }
    }

    /// Where the next frame begins.
    fn spot(&self) -> Spot {
        Spot { file: self.path.clone(), offset: self.offset, seq: self.next() }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(file) => file.read(buffer),
            Self::Sealed(unpacker) => unpacker.read(buffer),
        }
    }
}

/// The record that a payload of a format holds. A later format keeps an arm here for each earlier one,
/// which lifts its records into today's shape.
pub(crate) fn decode(format: u16, payload: &[u8]) -> Result<Record, DecodeFault> {
    match format {
        1 => codec::decode(payload),
        _ => unreachable!("heads of other formats are refused"),
    }
}
