//! The words for the service.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

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

/// How a service writes its own log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogLines {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object per line.
    Json,
}
