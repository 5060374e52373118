//! The words for looking before an upgrade.

use std::path::PathBuf;

use clap::Args;
use periplus_spec::values::Duration;

use crate::args::Format;
use crate::args::delivery::RepositoryArgs;
use crate::delivery::written::Revision;

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
