//! The words for looking into logs.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use periplus_spec::values::Duration;

use crate::args::Format;
use crate::args::delivery::RepositoryArgs;
use crate::delivery::written::Revision;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The log's folder.
    pub log: PathBuf,
    /// Only fold the recorded events, without deciding anything again.
    #[arg(long, conflicts_with = "redecide")]
    pub apply: bool,
    /// Go on where today's decider differs, and list the differences.
    #[arg(long)]
    pub redecide: bool,
    /// Stop before this record.
    #[arg(long, value_name = "SEQ")]
    pub until: Option<u64>,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `upgrade-check`.
#[derive(Debug, Args)]
pub struct UpgradeCheckArgs {
    /// The log's folder, such as `state/live.log`. It is only read, also while a service writes it.
    pub log: PathBuf,
    /// How much of its end is decided again.
    #[arg(long, value_name = "DURATION", default_value = "24h")]
    pub since: Duration,
    /// What is written now, such as `/srv/fleet.git@main`: which of its files would this version write otherwise? Several
    /// where clusters have repositories of their own.
    #[arg(long, value_name = "DIR@REVISION")]
    pub(crate) written: Vec<Revision>,
    /// Where agents pull from.
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Looking into a log.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Print records, one line each.
    Show(LogShowArgs),
    /// Print what a log is: its header, segments and snapshots.
    Info {
        /// The log's folder.
        log: PathBuf,
        /// How to answer.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Cut what a crash left behind the last whole record.
    Mend {
        /// The log's folder.
        log: PathBuf,
    },
}

/// Arguments of `log show`.
#[derive(Debug, Args)]
pub struct LogShowArgs {
    /// The log's folder.
    pub log: PathBuf,
    /// From this record on.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    pub from: u64,
    /// Up to, and without, this record.
    #[arg(long, value_name = "SEQ")]
    pub to: Option<u64>,
    /// Only records in which something was decided or happened to placements.
    #[arg(long)]
    pub notable: bool,
    /// How to answer: one line, or one JSON object, per record.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The first log's folder.
    pub a: PathBuf,
    /// The second log's folder.
    pub b: PathBuf,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
