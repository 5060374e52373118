//! Why a cluster did not take what was to be applied: what, where, and what to do.

use std::time::Duration;

use kube::Error;
use kube::core::Status;
use periplus_core::input;

use super::id::Id;
use crate::clusters::full;

/// Why a cluster did not take something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing says how it is reached.
    #[error("{cluster} cannot be applied to: {why}. Look at `clusters` in the configuration.")]
    Unreached {
        /// The cluster.
        cluster: String,
        /// What is missing.
        why: String,
    },
    /// Its API does not answer.
    #[error(
        "{cluster} cannot be reached: {why}. It is tried again; look at the network and at the API server."
    )]
    Unreachable {
        /// The cluster.
        cluster: String,
        /// What is known.
        why: String,
    },
    /// The answer took too long.
    #[error(
        "{cluster} did not answer within {within:?}. It is tried again; look at the API server and at its webhooks."
    )]
    Deadline {
        /// The cluster.
        cluster: String,
        /// How long we waited.
        within: Duration,
    },
    /// We may not.
    #[error(
        "{cluster} does not let us write {object}: {why}. Give the account what `periplus bootstrap --account --apply` prints, and the kinds that apps bring."
    )]
    Forbidden {
        /// The cluster.
        cluster: String,
        /// What was to be written.
        object: String,
        /// What the API server says.
        why: String,
    },
    /// The API server does not want it.
    #[error("{cluster} refuses {object}: {why}. Mend what is declared, or what refuses it there.")]
    Refused {
        /// The cluster.
        cluster: String,
        /// What was to be written.
        object: String,
        /// What the API server says.
        why: String,
    },
    /// Fields belong to somebody else.
    #[error(
        "{object} in {cluster} is not ours alone: {conflicts}. Let that manager give it up, or say `apply: {{force: true}}`, and it becomes ours."
    )]
    Conflict {
        /// The cluster.
        cluster: String,
        /// The object.
        object: String,
        /// Fields, each with its manager.
        conflicts: String,
    },
    /// The cluster has no such kind.
    #[error(
        "{cluster} has no kind {kind} of {api_version}, which {object} is of. Install what brings the kind; charts and overlays need an agent."
    )]
    NoKind {
        /// The cluster.
        cluster: String,
        /// The object.
        object: String,
        /// The `apiVersion`.
        api_version: String,
        /// The kind.
        kind: String,
    },
    /// SOPS has sealed it.
    #[error(
        "{object} is sealed with SOPS, and {cluster} has no agent that opens it. Use an ExternalSecret or a SealedSecret there."
    )]
    Sealed {
        /// The cluster.
        cluster: String,
        /// The object.
        object: String,
    },
    /// A file that holds no object.
    #[error("`{path}` holds no object: {why}. Report this as a bug.")]
    NoObject {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// It is on its way out.
    #[error(
        "{object} in {cluster} is still being deleted. It is tried again; look at its finalizers if that lasts."
    )]
    Going {
        /// The cluster.
        cluster: String,
        /// The object.
        object: String,
    },
    /// The inventory is that of somebody else.
    #[error(
        "{cluster} is applied to by another: its inventory {inventory} is of {whose}, and we are {ours}. Stop that one; then start once with `--replace-files`, or delete the inventory, and what it lists stays."
    )]
    Taken {
        /// The cluster.
        cluster: String,
        /// The inventory.
        inventory: String,
        /// Whose it is.
        whose: String,
        /// Who we are.
        ours: String,
    },
    /// The inventory is not what we wrote.
    #[error(
        "the inventory {inventory} in {cluster} cannot be read: {why}. Restore it from a backup, or delete it, and what it lists stays."
    )]
    Inventory {
        /// The cluster.
        cluster: String,
        /// The inventory.
        inventory: String,
        /// What is wrong with it.
        why: String,
    },
    /// Others wrote the inventory each time.
    #[error(
        "others changed the inventory in {cluster} in each of our {attempts} attempts. See who writes to it; it is tried again."
    )]
    Contended {
        /// The cluster.
        cluster: String,
        /// How often we tried.
        attempts: u32,
    },
    /// Another leads, or may lead.
    #[error(
        "epoch {epoch} is over in {cluster}: {why}. Nothing is applied. End this process; who leads now applies."
    )]
    Deposed {
        /// The cluster.
        cluster: String,
        /// The epoch that is over.
        epoch: u64,
        /// How that is known.
        why: String,
    },
    /// The service stops.
    #[error("{cluster} was not applied to any more: the service stops. The next start does it.")]
    Stopped {
        /// The cluster.
        cluster: String,
    },
}

impl Fault {
    /// What an API server's answer means for an object.
    pub(super) fn of(error: &Error, cluster: &str, id: &Id) -> Self {
        let (cluster, object) = (cluster.to_owned(), id.to_string());
        let Error::Api(status) = error else {
            return Self::Unreachable { cluster, why: full(error) };
        };
        let why = status.message.clone();
        let conflicts = conflicts(status);
        match status.code {
            401 | 429 | 502..=504 => Self::Unreachable { cluster, why: full(error) },
            403 | 409 if why.contains("being terminated") => Self::Going { cluster, object },
            403 => Self::Forbidden { cluster, object, why },
            409 if !conflicts.is_empty() => Self::Conflict { cluster, object, conflicts },
            _ => Self::Refused { cluster, object, why },
        }
    }

    /// Whether nothing else needs to be tried in the cluster now.
    pub(super) const fn is_of_cluster(&self) -> bool {
        match self {
            Self::Unreached { .. }
            | Self::Unreachable { .. }
            | Self::Deadline { .. }
            | Self::Taken { .. }
            | Self::Inventory { .. }
            | Self::Contended { .. }
            | Self::Deposed { .. }
            | Self::Stopped { .. } => true,
            Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::Conflict { .. }
            | Self::NoKind { .. }
            | Self::Sealed { .. }
            | Self::NoObject { .. }
            | Self::Going { .. } => false,
        }
    }

    /// The kind of it. Its text is for people, and stands in the service's own log.
    #[must_use]
    pub const fn kind(&self) -> input::Fault {
        match self {
            Self::Deadline { .. } => input::Fault::TimedOut,
            Self::Unreached { .. } | Self::Unreachable { .. } | Self::Stopped { .. } => {
                input::Fault::Unreachable
            }
            Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::Conflict { .. }
            | Self::NoKind { .. }
            | Self::Sealed { .. }
            | Self::NoObject { .. }
            | Self::Going { .. }
            | Self::Taken { .. }
            | Self::Inventory { .. }
            | Self::Contended { .. }
            | Self::Deposed { .. } => input::Fault::ApplyFailed,
        }
    }
}

/// The most fields that one text names.
const CONFLICTS_MAX: usize = 5;

/// The fields that somebody else manages, with who that is; empty if it is not that.
fn conflicts(status: &Status) -> String {
    let causes = status.details.as_ref().map_or(&[][..], |details| &details.causes);
    let ours = causes.iter().filter(|cause| cause.reason == "FieldManagerConflict");
    let mut told: Vec<String> = ours
        .map(|cause| {
            let who = cause.message.strip_prefix("conflict with ").unwrap_or(&cause.message);
            format!("`{}` is managed by {who}", cause.field)
        })
        .collect();
    if let Some(more) = told.len().checked_sub(CONFLICTS_MAX).filter(|more| *more > 0) {
        told.truncate(CONFLICTS_MAX);
        told.push(format!("{more} more"));
    }
    told.join(", ")
}

#[cfg(test)]
mod tests {
    use kube::core::response::{StatusCause, StatusDetails};

    use super::*;

    fn answer(code: u16, message: &str, causes: &[(&str, &str)]) -> Error {
        let causes = causes.iter().map(|(message, field)| StatusCause {
            reason: "FieldManagerConflict".into(),
            message: (*message).into(),
            field: (*field).into(),
        });
        let text = String::new;
        let details = StatusDetails {
            name: text(),
            group: text(),
            kind: text(),
            uid: text(),
            causes: causes.collect(),
            retry_after_seconds: 0,
        };
        let status =
            Status { code, message: message.into(), details: Some(details), ..Status::default() };
        Error::Api(status.boxed())
    }

    fn told(error: &Error) -> Fault {
        let id = Id::new("apps", "Deployment", "shop", "web");
        Fault::of(error, "edge-1", &id)
    }

    #[test]
    fn a_conflict_names_the_object_the_field_and_the_other_manager_and_what_to_do() {
        let why = "conflict with \"kubectl-edit\" using apps/v1";
        let text = told(&answer(409, "Apply failed", &[(why, ".spec.replicas")])).to_string();
        for word in ["shop/web", "edge-1", ".spec.replicas", "kubectl-edit", "force: true"] {
            assert!(text.contains(word), "{word}: {text}");
        }
    }

    #[test]
    fn what_concerns_the_whole_cluster_is_told_from_what_concerns_an_object() {
        for (code, message, of_cluster) in [
            (401, "who?", true),
            (503, "away", true),
            (403, "no", false),
            (403, "namespace shop is being terminated", false),
            (409, "exists", false),
            (422, "wrong", false),
            (500, "a webhook failed", false),
        ] {
            assert_eq!(told(&answer(code, message, &[])).is_of_cluster(), of_cluster, "{code}");
        }
        assert!(matches!(
            told(&answer(403, "namespace shop is being terminated", &[])),
            Fault::Going { .. }
        ));
    }
}
