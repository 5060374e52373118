//! What can go wrong, how it is told, and the exit codes.
//!
//! All conversions from the packages' own faults are here: the one place where wording and exit codes for
//! people are decided.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use periplus_core::replay::Divergence;
use periplus_journal::Fault;
use periplus_sim::RunFault;
use periplus_spec::diagnostic::Diagnostic;

use crate::render;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It held.
    Held = 0,
    /// An expectation or an invariant failed.
    Failed = 1,
    /// Wrong usage, or a wrong file.
    Usage = 2,
    /// A replay diverged.
    Diverged = 3,
    /// The environment failed.
    Environment = 4,
}

/// Why a command could not do what it was asked for.
#[derive(Debug)]
pub enum Failure {
    /// Files are wrong.
    Files(Vec<Diagnostic>),
    /// The words of the command line do not fit what is there.
    Usage {
        /// What does not fit.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A log does not come out as it was recorded.
    Diverged {
        /// The log.
        log: PathBuf,
        /// Where and how.
        divergence: Divergence,
    },
    /// A log was written by another decider.
    DeciderRetired {
        /// The log.
        log: PathBuf,
        /// The decider that wrote it.
        decider: u16,
    },
    /// The environment failed.
    Environment {
        /// What failed.
        message: String,
        /// What to do.
        hint: Option<String>,
    },
}

impl Failure {
    /// What failed, without what to do about it.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::Files(diagnostics) => {
                diagnostics.iter().map(render::drawn).collect::<Vec<_>>().join("\n")
            }
            Self::Usage { message, .. } | Self::Environment { message, .. } => message.clone(),
            Self::Diverged { divergence, .. } => divergence.to_string(),
            Self::DeciderRetired { decider, .. } => format!("decider {decider} is retired"),
        }
    }

    /// A word of the command line that names nothing.
    pub(crate) fn no_such(what: &str, name: &str, known: &[&str]) -> Self {
        let hint = match periplus_spec::nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are: {}", known.join(", ")),
        };
        Self::Usage { message: format!("there is no {what} called `{name}`"), hint }
    }

    pub(crate) fn io(what: &str, path: &Path, error: &std::io::Error) -> Self {
        let message = format!("cannot {what} {}: {error}", path.display());
        Self::Environment { message, hint: None }
    }

    /// Tells what went wrong on stderr, and what to do. Returns how the command ended.
    pub(crate) fn tell(self, args: &[OsString]) -> Exit {
        match self {
            Self::Files(diagnostics) => {
                render::diagnostics(&diagnostics);
                Exit::Usage
            }
            Self::Usage { message, hint } => {
                tell(&message, &hint);
                Exit::Usage
            }
            Self::Diverged { log, divergence } => {
                let Divergence { seq, what, expected, got } = divergence;
                let message = format!(
                    "{} diverges at record {}: another {what} than recorded\n  expected: {expected}\n  got:      {got}",
                    log.display(),
                    seq.0
                );
                let hint = format!("repeat it with: {}", repeat(args));
                tell(&message, &hint);
                Exit::Diverged
            }
            Self::DeciderRetired { log, decider } => {
                let message = format!(
                    "decider-retired: {} was written by decider {decider}; this is decider {}",
                    log.display(),
                    periplus_core::record::DECIDER_VERSION
                );
                let hint = format!(
                    "{} verifies it; `--apply` folds it here, `--redecide` shows where today's decider differs",
                    release_of(decider)
                );
                tell(&message, &hint);
                Exit::Diverged
            }
            Self::Environment { message, hint } => {
                tell(&message, hint.as_deref().unwrap_or(""));
                Exit::Environment
            }
        }
    }
}

/// The release that verifies the logs of a decider.
fn release_of(decider: u16) -> String {
    match decider {
        1 => "release 0.1".into(),
        other => format!("the release with decider {other}"),
    }
}

fn tell(message: &str, hint: &str) {
    render::error(message);
    if !hint.is_empty() {
        render::hint(hint);
    }
}

/// The command line, to be pasted into a shell.
fn repeat(args: &[OsString]) -> String {
    let mut line = String::from("periplus");
    for arg in args.iter().skip(1) {
        let arg = arg.to_string_lossy();
        let plain = arg.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:".contains(c));
        let written = if plain { write!(line, " {arg}") } else { write!(line, " '{arg}'") };
        written.expect("a string takes every character");
    }
    line
}

/// After a bug, says what to do and how to repeat it.
pub(crate) fn explain_bugs(args: &[OsString]) {
    let line = repeat(args);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        before(info);
        render::error("this is a bug in periplus, not in what you did");
        render::hint(&format!("repeat it with: {line}"));
    }));
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let mut message = fault.to_string();
        let mut source = std::error::Error::source(&fault);
        while let Some(error) = source {
            write!(message, ": {error}").expect("a string takes every character");
            source = error.source();
        }
        let hint = matches!(fault, Fault::Torn { .. })
            .then(|| "`periplus log mend` cuts what a crash left; nothing whole is lost".into());
        Self::Environment { message, hint }
    }
}

impl From<RunFault> for Failure {
    fn from(fault: RunFault) -> Self {
        let mut message = fault.to_string();
        let mut source = std::error::Error::source(&fault);
        while let Some(error) = source {
            write!(message, ": {error}").expect("a string takes every character");
            source = error.source();
        }
        Self::Environment { message, hint: None }
    }
}
