//! The facts about a log that stand at the start of each of its files.

use std::fmt;

use periplus_core::record::{DECIDER_VERSION, FORMAT_VERSION};

use crate::fault::Fault;

/// The longest [`Header::made_by`], in bytes.
pub const MADE_BY_BYTES_MAX: usize = 64;

/// What a log is the log of, and what wrote it.
///
/// Scenario and epoch are the same in all files of a log. The versions and the maker may change from one
/// segment to the next: a service that was upgraded goes on with its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The version of the format of the file.
    pub format: u16,
    /// The version of the decider that made the records.
    pub decider: u16,
    /// The hash of the scenario or configuration that the run began with.
    pub scenario: u128,
    /// The Unix time of tick 0, in milliseconds.
    pub epoch_unix_ms: i64,
    /// At most [`MADE_BY_BYTES_MAX`] bytes.
    made_by: String,
}

/// What must be the same in all files of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    scenario: u128,
    epoch_unix_ms: i64,
}

impl Header {
    /// The header of a log that this program writes. What is too long in `made_by` is cut off.
    #[must_use]
    pub fn new(scenario: u128, epoch_unix_ms: i64, made_by: &str) -> Self {
        let cut = made_by.floor_char_boundary(MADE_BY_BYTES_MAX);
        Self {
            format: FORMAT_VERSION,
            decider: DECIDER_VERSION,
            scenario,
            epoch_unix_ms,
            made_by: made_by[..cut].to_owned(),
        }
    }

    /// The name and version of the program that wrote it, in its own words.
    #[must_use]
    pub fn made_by(&self) -> &str {
        &self.made_by
    }

    /// The header of a log whose records another decider made. They are kept in the format of this program.
    #[must_use]
    pub fn of_decider(self, decider: u16) -> Self {
        Self { decider, ..self }
    }

    /// The same log, gone on with by this program.
    pub(crate) fn continued(&self) -> Self {
        Self { format: FORMAT_VERSION, decider: DECIDER_VERSION, ..self.clone() }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity { scenario: self.scenario, epoch_unix_ms: self.epoch_unix_ms }
    }
}

impl Identity {
    /// Refuses a file of another run.
    pub(crate) fn check(self, header: &Header, file: &std::path::Path) -> Result<(), Fault> {
        let got = header.identity();
        if got == self {
            return Ok(());
        }
        Err(Fault::OtherRun {
            file: file.to_owned(),
            expected: self.to_string(),
            got: got.to_string(),
        })
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scenario, epoch_unix_ms } = self;
        write!(out, "scenario {scenario:032x} at epoch {epoch_unix_ms} ms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        let long = format!("{}é", "x".repeat(MADE_BY_BYTES_MAX - 1));
        assert_eq!(Header::new(0, 0, &long).made_by().len(), MADE_BY_BYTES_MAX - 1);
        assert_eq!(Header::new(0, 0, "short").made_by(), "short");
    }
}
