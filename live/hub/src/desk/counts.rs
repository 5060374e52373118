//! What a desk has done: for metrics, and for traces.

use std::time::Duration;

/// What a desk has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that were made.
    pub records: u64,
    /// Effects that they asked for.
    pub effects: u64,
    /// Times at which the clock stood before the last record, and was taken for it.
    pub clamped: u64,
    /// Entries of sightings that were about nothing that was declared.
    pub unknown: u64,
    /// Turns that were ended.
    pub turns: u64,
    /// Windows that were closed.
    pub windows: u64,
    /// The time that records took to be decided, encoded and told of.
    pub deciding: Duration,
    /// The time that what changed took to be rendered.
    pub rendering: Duration,
    /// The time that the disk was waited for.
    pub syncing: Duration,
    /// Commits that repositories answered.
    pub pushes: u64,
    /// The time from when they were sent until they were answered.
    pub pushing: Duration,
    /// Parcels that were applied to clusters directly and answered.
    pub applies: u64,
    /// The time from when they were sent until they were answered.
    pub applying: Duration,
}
