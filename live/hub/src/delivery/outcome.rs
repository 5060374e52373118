//! How what came of a parcel is told to the machine.

use periplus_core::input::{Fault, Outcome};
use periplus_git::{Fault as GitFault, Outcome as GitOutcome};

use crate::apply;

/// How a target has answered.
#[derive(Debug)]
pub enum Answer {
    /// A repository.
    Written(GitOutcome),
    /// A part of a cluster that is applied to directly.
    Applied(Result<(), apply::Fault>),
}

impl Answer {
    /// What the machine is told of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Written(answer) => outcome(answer),
            Self::Applied(Ok(())) => Outcome::Done,
            Self::Applied(Err(fault)) => Outcome::Failed(fault.kind()),
        }
    }

    /// That another leads, if it says so.
    #[must_use]
    pub fn deposed(&self) -> Option<String> {
        match self {
            Self::Written(GitOutcome::Failed(fault @ GitFault::Deposed { .. })) => {
                Some(fault.to_string())
            }
            Self::Applied(Err(fault @ apply::Fault::Deposed { .. })) => Some(fault.to_string()),
            Self::Written(_) | Self::Applied(_) => None,
        }
    }
}

/// What the machine is told of an outcome.
#[must_use]
pub fn outcome(of: &GitOutcome) -> Outcome {
    match of {
        GitOutcome::Done { .. } | GitOutcome::Unchanged { .. } => Outcome::Done,
        GitOutcome::Failed(fault) => Outcome::Failed(self::fault(fault)),
        GitOutcome::Unknown(_) => Outcome::Unknown,
    }
}

/// The kind of a fault. Its text is for people, and stands in the service's own log.
fn fault(of: &GitFault) -> Fault {
    match of {
        GitFault::Deadline { .. } => Fault::TimedOut,
        GitFault::Unreachable { .. }
        | GitFault::HostKey { .. }
        | GitFault::Missing { .. }
        | GitFault::Protocol { .. } => Fault::Unreachable,
        // The server said no, or we could not say what we wanted; so for what will be told apart one day.
        GitFault::Target(_)
        | GitFault::Denied { .. }
        | GitFault::Absent { .. }
        | GitFault::Refused { .. }
        | GitFault::Contended { .. }
        | GitFault::Limit { .. }
        | GitFault::Cache { .. }
        | GitFault::Taken { .. }
        | GitFault::Object(_)
        | GitFault::SecretFile { .. }
        | GitFault::NoCredentials { .. }
        | GitFault::Sign { .. }
        | GitFault::Program { .. }
        | GitFault::Commit { .. }
        | GitFault::Manifest { .. }
        | GitFault::Deposed { .. }
        | _ => Fault::GitRejected,
    }
}
