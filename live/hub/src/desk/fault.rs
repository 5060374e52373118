//! Why a desk cannot go on, and what to do.

use std::io;
use std::path::PathBuf;

use periplus_core::ids::Seq;
use periplus_core::{SinkFault, TickBackwards};
use periplus_emit::{Problem, Unnamed};
use periplus_journal::Fault as LogFault;

use super::TIMERS_AT_ONCE_MAX;
use crate::intents::KeepFault;

/// Why a desk cannot go on. Nothing that was acknowledged is lost.
#[derive(Debug, thiserror::Error)]
pub enum DeskFault {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogFault),
    /// The file of intents.
    #[error(transparent)]
    Intents(#[from] KeepFault),
    /// A record could not be kept.
    #[error("a record could not be kept: {0}")]
    Sink(String),
    /// It was never opened, and nothing is declared.
    #[error("{} holds no log yet, and nothing is declared that one could begin with", .0.display())]
    NothingDeclared(PathBuf),
    /// The file with the numbers of sources.
    #[error("{} cannot be used: {error}. Restore it from the backup of its folder.", .path.display())]
    Sources {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// What standbys are to get cannot be read.
    #[error("the files beside the log cannot be read: {0}")]
    Copies(io::Error),
    /// The log differs from itself.
    #[error("record {} of the log differs from those before it: {why}. Restore the log from a backup.", .at.0)]
    State {
        /// The record.
        at: Seq,
        /// How.
        why: String,
    },
    /// The machine was told of an earlier time: a fault of the desk.
    #[error(transparent)]
    Time(#[from] TickBackwards),
    /// Something cannot be rendered.
    #[error("{0}")]
    Render(#[from] Problem),
    /// A cluster has no repository.
    #[error(transparent)]
    Route(#[from] Unnamed),
    /// What is declared cannot be brought where it is to go.
    #[error("{0}")]
    Undeliverable(String),
    /// Another leads.
    #[error("{0}")]
    Deposed(String),
    /// The machine sets deadlines that have come already, without end: a fault of the machine.
    #[error("more than {TIMERS_AT_ONCE_MAX} timers fired at once")]
    Stuck,
}

impl From<SinkFault> for DeskFault {
    fn from(fault: SinkFault) -> Self {
        Self::Sink(fault.0.to_string())
    }
}
