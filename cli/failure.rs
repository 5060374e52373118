//! What can go wrong, how it is told, and the exit codes.
//!
//! All conversions from the packages' own faults are here: the one place where wording and exit codes for
//! people are decided.

use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use periplus_core::SinkFault;
use periplus_core::replay::Divergence;
use periplus_core::units::Tick;
use periplus_emit::Problem;
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
        /// When the record was made.
        at: Tick,
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

/// What a sink of ours could not do stops a run as it is.
impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.brief())
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// What failed, without what to do about it.
    #[must_use]
    pub fn brief(&self) -> String {
        match self {
            Self::Files(diagnostics) => {
                diagnostics.iter().map(render::plain).collect::<Vec<_>>().join("\n")
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
            Self::Diverged { log, at, divergence } => {
                let Divergence { seq, what, expected, got } = divergence;
                let (log, seq) = (log.display(), seq.0);
                let (expected, got) = render::parting(&expected, &got);
                let message = format!(
                    "{log} diverges at record {seq}, at {at}: another {what} than recorded\n  expected: {expected}\n  got:      {got}"
                );
                let to = seq + 1;
                let look =
                    format!("look at it with: periplus log show {log} --from {seq} --to {to}");
                tell(&message, &look);
                render::hint(&format!("repeat it with: {}", repeat(args)));
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
    let words: Vec<_> = args.iter().skip(1).map(|arg| arg.to_string_lossy()).collect();
    pasted(words.iter().map(AsRef::as_ref))
}

/// A command of ours with these words, to be pasted into a shell.
pub(crate) fn pasted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::from("periplus");
    for word in words {
        let safe = |c: char| c.is_ascii_alphanumeric() || "-_./=:".contains(c);
        let plain = !word.is_empty() && word.chars().all(safe);
        let quoted = word.replace('\'', r"'\''");
        let written = if plain { write!(line, " {word}") } else { write!(line, " '{quoted}'") };
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
        // A fault names its own source, and ends in what to do.
        let message = fault.to_string();
        match fault {
            Fault::AlreadyALog { .. } | Fault::Forgotten { .. } | Fault::NotALog { .. } => {
                Self::Usage { message, hint: String::new() }
            }
            Fault::Checksum { .. }
            | Fault::HeaderDamaged { .. }
            | Fault::Io { .. }
            | Fault::Length { .. }
            | Fault::Locked { .. }
            | Fault::Malformed { .. }
            | Fault::Miscounted { .. }
            | Fault::Misnamed { .. }
            | Fault::MissingSegment { .. }
            | Fault::OtherRun { .. }
            | Fault::Removed { .. }
            | Fault::Repeated { .. }
            | Fault::SnapshotAhead { .. }
            | Fault::SnapshotDiffers { .. }
            | Fault::Stopped { .. }
            | Fault::TooLarge { .. }
            | Fault::Torn { .. }
            | Fault::UnknownFormat { .. }
            | Fault::Unpack { .. } => Self::Environment { message, hint: None },
        }
    }
}

/// A repository does not take what is written.
impl From<periplus_git::Fault> for Failure {
    fn from(fault: periplus_git::Fault) -> Self {
        Self::Environment { message: fault.to_string(), hint: None }
    }
}

/// A cluster has no repository.
impl From<periplus_emit::Unnamed> for Failure {
    fn from(unnamed: periplus_emit::Unnamed) -> Self {
        Self::Usage {
            message: unnamed.to_string(),
            hint: "give the cluster the label, or name repositories otherwise".into(),
        }
    }
}

/// What is declared cannot be written.
impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Usage {
            message: problem.to_string(),
            hint: "`periplus check` tells everything of this kind at once".into(),
        }
    }
}

impl From<RunFault> for Failure {
    fn from(fault: RunFault) -> Self {
        match fault {
            RunFault::Sink(fault) | RunFault::Tape(fault) => match fault.0.downcast::<Self>() {
                Ok(failure) => *failure,
                Err(other) => {
                    let message = format!("{}: {other}", SinkFault(other.to_string().into()));
                    Self::Environment { message, hint: None }
                }
            },
            RunFault::Time(_) | RunFault::Stuck { .. } => panic!("{fault}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn args(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let table: [(&[&str], &str); 4] = [
            (&["/bin/periplus", "sim", "a.yaml", "--seed=7"], "periplus sim a.yaml --seed=7"),
            (&["periplus", "check", "my file"], "periplus check 'my file'"),
            (&["periplus", "check", "it's"], r"periplus check 'it'\''s'"),
            (&["periplus", "check", ""], "periplus check ''"),
        ];
        for (words, line) in table {
            assert_eq!(repeat(&args(words)), line);
        }
    }

    #[test]
    fn exit_codes_are_as_documented() {
        let codes = [Exit::Held, Exit::Failed, Exit::Usage, Exit::Diverged, Exit::Environment]
            .map(|exit| exit as u8);
        assert_eq!(codes, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn the_release_that_verifies_a_log_is_named() {
        assert_eq!(release_of(1), "release 0.1");
        assert_eq!(release_of(9), "the release with decider 9");
    }

    /// Set in the process that is to break.
    const BREAK: &str = "PERIPLUS_TEST_BREAK";

    #[test]
    fn a_bug_ends_with_101_and_the_command_that_repeats_it() {
        if std::env::var_os(BREAK).is_some() {
            explain_bugs(&args(&["periplus", "sim", "broken.yaml"]));
            panic!("an invariant is broken");
        }
        let name = "failure::tests::a_bug_ends_with_101_and_the_command_that_repeats_it";
        let this = std::env::current_exe().expect("a test has a program");
        let mut command = Command::new(this);
        command.args(["--exact", name, "--nocapture"]).env(BREAK, "1");
        let output = command.output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(101), "{told}");
        for wanted in [
            "an invariant is broken",
            "error: this is a bug in periplus, not in what you did",
            "hint: repeat it with: periplus sim broken.yaml",
        ] {
            assert!(told.contains(wanted), "{told}");
        }
    }
}
