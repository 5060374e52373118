//! The words for the service.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use periplus_spec::values::{Duration, Name};

use crate::args::Format;

/// Arguments of `live`.
#[derive(Debug, Args)]
pub struct LiveArgs {
    /// What says how it runs.
    #[arg(long, value_name = "FILE", default_value = "live.yaml")]
    pub config: PathBuf,
    /// Only say whether it could run: read what says how, and what is declared, and ask nobody.
    #[arg(long)]
    pub check: bool,
    /// Print the JSON Schema of the file that says how it runs, for editors.
    #[arg(long, exclusive = true)]
    pub schema: bool,
    /// Begin although the repositories hold files of Periplus, and this service has never written: they become what it
    /// decides, and those that it does not decide are removed.
    #[arg(long)]
    pub replace_files: bool,
    /// How it writes its own log, to stderr. What is written is set by the variable `RUST_LOG`, such as `info` or
    /// `periplus_live=debug`.
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub log_lines: LogLines,
}

/// Arguments of `adopt`.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// What says how the service runs.
    #[arg(long, value_name = "FILE", default_value = "live.yaml")]
    pub config: PathBuf,
    /// Only look: say what would be adopted, and begin no log.
    #[arg(long)]
    pub check: bool,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The cluster's name, as it was declared.
    #[arg(long, value_name = "CLUSTER", value_parser = name)]
    pub(crate) cluster: Name,
    /// Where the service's API is, such as `https://periplus.example.net`.
    #[arg(long, value_name = "URL")]
    pub(crate) hub: String,
    /// The file with the key of this cluster: a line of at least 32 characters, which the service has too. It is read anew for each
    /// report.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// The authorities that have signed the service's certificate, as PEM, besides those of the system.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// A kubeconfig by which the cluster is reached; without it, it is the cluster that this runs in.
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; the current one where it is not given.
    #[arg(long, value_name = "NAME", requires = "kubeconfig")]
    pub(crate) context: Option<String>,
    /// How often the cluster's API is asked whether it answers, and a sign of life is sent.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = every)]
    pub(crate) heartbeat: Duration,
    /// The shortest time between two reports of the cluster's free room.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = every)]
    pub(crate) room_every: Duration,
    /// How long a fault that often passes by itself must last until it is told.
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = every)]
    pub(crate) patience: Duration,
    /// How it writes its own log, to stderr.
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    pub(crate) log_lines: LogLines,
}

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|fault: periplus_spec::values::Fault| fault.to_string())
}

fn every(text: &str) -> Result<Duration, String> {
    let said: Duration =
        text.parse().map_err(|fault: periplus_spec::values::Fault| fault.to_string())?;
    let is_usual = (EVERY_MIN_MS..=EVERY_MAX_MS).contains(&said.0.0);
    is_usual.then_some(said).ok_or_else(|| "write a duration from 100ms to 24h".to_owned())
}

const EVERY_MIN_MS: u64 = 100;
const EVERY_MAX_MS: u64 = 24 * 60 * 60 * 1_000;

/// How a service writes its own log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLines {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object per line.
    Json,
}
