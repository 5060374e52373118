//! A complaint: something that is wrong with what people wrote in `live.yaml`, where, and what to do.

use std::fmt;

/// Something that is wrong with what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where, as in `signals[2].prometheus.url`.
    pub place: String,
    /// What is wrong, with the value and the limit that it breaks.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, what, help } = self;
        write!(out, "{place}: {what}; {help}")
    }
}
