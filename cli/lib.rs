//! The command line of Periplus: simulate, replay, explain, compare, check and test.
//!
//! stdout is the answer, stderr everything else. Every command answers for people or, with `--format json`,
//! for programs. Wording for people is in [`wording`] alone. This package connects the simulator to the
//! journal through the core's `Sink`; it must not decide anything.
//!
//! | file | what it owns |
//! |---|---|
//! | `args` | the words of the command line |
//! | `client` | who asks a running service |
//! | `commands` | one file per command |
//! | `delivery` | what is written into git, from runs and logs |
//! | `explain` | what a service answers about its own log |
//! | `failure` | what can go wrong, and exit codes |
//! | `wording` | every sentence about events, decisions and reasons |
//! | `story` | what happened in a run, as lines that people read |
//! | `expect` | whether a run came out as its scenario expects |
//! | `case` | one scenario run as a test |
//! | `bundles` | scenarios in one piece on disk |
//! | `record` | a part of a log as a scenario |
//! | `swarm` | worlds drawn from seeds, troubled, and checked |
//! | `narrator` | what a service tells of itself, in commits and in its own log |
//! | `whatif` | the same scenario under other settings, compared |
//! | `report` | a study as one page |

#![expect(clippy::cast_precision_loss, reason = "counts become floats only to be read by people")]

mod args;
mod bundles;
#[cfg(feature = "live")]
mod client;
mod commands;
mod delivery;
#[cfg(feature = "live")]
mod explain;
mod failure;
mod hours;
mod names;
#[cfg(feature = "live")]
mod narrator;
mod opened;
mod parallel;
mod record;
mod recorded;
mod render;
mod report;
mod shrink;
mod sources;
mod time;
mod whatif;

pub mod case;
pub mod expect;
pub mod held;
pub mod story;
pub mod swarm;
pub mod wording;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

pub use crate::args::{Cli, command};
pub use crate::failure::{Exit, Failure};

/// Runs the command line `args`, the first of which is the program's name.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    failure::explain_bugs(&args);
    let exit = match Cli::try_parse_from(&args) {
        Ok(cli) => commands::run(cli.command).unwrap_or_else(|failure| failure.tell(&args)),
        Err(error) => {
            // Help and versions come this way as well; they are answers.
            let told = error.print().is_ok();
            if error.use_stderr() || !told { Exit::Usage } else { Exit::Held }
        }
    };
    exit.into()
}
