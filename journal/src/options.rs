//! How a writer writes: when to seal, when to snapshot, when to wait for the disk.

use std::num::{NonZeroU32, NonZeroU64};

/// How a writer writes. None of it changes what a reader reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment of at least so many bytes is sealed before the next record.
    pub segment_bytes: u64,
    /// A snapshot is written whenever the position is a multiple of this, and at the end.
    pub snapshot_every: Option<NonZeroU64>,
    /// When to wait for the disk.
    pub fsync: Fsync,
}

/// When the writer waits until the disk has what was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// After every record.
    Always,
    /// After so many records, and when [`Writer::sync`](crate::Writer::sync) is called.
    Group {
        /// How many.
        records: NonZeroU32,
    },
    /// When a segment is sealed, before a snapshot, and when `sync` is called.
    OnSeal,
    /// Never, not even in `sync`: for simulations. The log survives the process, but not a power cut.
    Never,
}

impl Fsync {
    /// Whether anything must survive a power cut.
    pub(crate) fn is_durable(self) -> bool {
        match self {
            Self::Always | Self::Group { .. } | Self::OnSeal => true,
            Self::Never => false,
        }
    }
}

impl Default for Options {
    /// 64 MiB segments, a snapshot every 8,192 records, and the disk waited for after every record.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            snapshot_every: NonZeroU64::new(8_192),
            fsync: Fsync::Always,
        }
    }
}
