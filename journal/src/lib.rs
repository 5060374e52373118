//! The log on disk: what the machine took and gave, record by record, so that nothing that was
//! acknowledged is lost and nothing that was changed goes unnoticed.
//!
//! ```text
//! let mut writer = Writer::create(dir, Header::new(scenario, epoch, "periplus 0.1.0"), options)?;
//! writer.append(&record)?;              // or hand the writer to the machine's shell as a `Sink`
//! writer.sync()?;                       // on disk: only now may effects be carried out
//! writer.finish(&state)?;
//!
//! let (writer, recovered) = Writer::open(dir, options)?;      // after a stop or a crash
//!
//! let reader = Reader::open(dir)?;
//! let start = reader.nearest_snapshot(seq)?;                  // a state to fold on from
//! for record in reader.records_from(start.seq) { … }
//! ```
//!
//! A log is a folder:
//!
//! ```text
//! run.log/
//!   00000000000000000000.seg.zst     sealed: compressed, and followed by another segment, always
//!   00000000000000131072.seg         open: the last one, written record by record
//!   snapshot-00000000000000131072.snap.zst
//!   beginning-00000000000000131072.snap.zst   where what was before is no longer kept
//!   lock                             held by the writer while it lives
//!   *.tmp                            never read; left by a crash, removed by the next writer
//! ```
//!
//! `docs/log-format.md` gives every byte. This crate must not know what a record means, only its position:
//! it neither decides nor folds. Read next: [`Writer`], [`Reader`], [`Fault`].

mod checksum;
mod fault;
mod folder;
mod frame;
mod fs;
mod head;
mod header;
mod keeper;
mod opened;
mod options;
mod pack;
mod reader;
mod records;
mod recover;
mod segment;
mod sent;
mod snapshot;
mod source;
mod window;
mod writer;

pub use crate::fault::{Fault, NotALog, Part, Spot};
pub use crate::frame::{FRAME_HEAD_BYTES, RECORD_BYTES_MAX};
pub use crate::fs::is_held;
pub use crate::header::{Header, MADE_BY_BYTES_MAX};
pub use crate::keeper::{Keeper, Let};
pub use crate::options::{Fsync, Options};
pub use crate::reader::{Reader, SegmentInfo, SegmentState, Start};
pub use crate::records::Records;
pub use crate::recover::Recovered;
pub use crate::sent::{received, tag};
pub use crate::source::End;
pub use crate::writer::Writer;
