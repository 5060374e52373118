//! What a write took its time for, for whoever looks why it was slow.

use std::time::{Duration, Instant};

/// How long a write took, and what for. Several attempts are told as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// When it began.
    pub began: Instant,
    /// When it was over.
    pub ended: Instant,
    /// To ask where the branch is, and to get what leads there.
    pub fetching: Duration,
    /// To make the commit.
    pub making: Duration,
    /// To push it.
    pub pushing: Duration,
}

impl Spent {
    /// Nothing yet.
    pub(crate) fn begin() -> Self {
        let (now, none) = (Instant::now(), Duration::ZERO);
        Self { began: now, ended: now, fetching: none, making: none, pushing: none }
    }
}
