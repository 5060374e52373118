//! What can be wrong with what would be written: found when an intent is checked, and never at deploy time.

use crate::agent::Unnamed;
use crate::path::BadPath;

/// What is wrong with what would be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not clear whose replicas are to be set.
    #[error(
        "one Deployment or StatefulSet must take the replicas; found: {}{}",
        if found.is_empty() { "none" } else { found },
        asked.as_ref().map(|name| format!(", and `workload` says {name}")).unwrap_or_default()
    )]
    Workload {
        /// Those that there are.
        found: String,
        /// The one that was asked for.
        asked: Option<String>,
    },
    /// Its manifests hold an autoscaler, and the intent says that Periplus sets the replicas.
    #[error(
        "the autoscaler {autoscaler} would fight over the replicas; declare `scaling: {{hpa: {{min: …, max: …}}}}`, or leave it out"
    )]
    TwoScalers {
        /// The autoscaler.
        autoscaler: String,
    },
    /// The intent says that the cluster sets the replicas, and nothing there would.
    #[error(
        "`scaling` says `hpa`, and no HorizontalPodAutoscaler of {workload} is among its manifests"
    )]
    NoScaler {
        /// The workload.
        workload: String,
    },
    /// An object that is made for an app, not by it.
    #[error("{kind} {name} cannot be brought: {}", if kind == "List" { "write its items out" } else { "say `namespace` of the app or its tenant instead" })]
    NotBrought {
        /// Its kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// An object that is in no namespace, of a tenant that has only namespaces.
    #[error(
        "{kind} {name} belongs to a whole cluster; the tenant {tenant} has only its namespaces there"
    )]
    ClusterWide {
        /// The tenant.
        tenant: String,
        /// The object's kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// An app whose name would be taken for something else.
    #[error("no app can be called `{name}`: names of other objects begin so")]
    Reserved {
        /// The name.
        name: String,
    },
    /// Sealed files that the agent could not open.
    #[error(
        "{kind} {name} is sealed by SOPS, which Argo CD does not open; bring an ExternalSecret or a SealedSecret"
    )]
    Sealed {
        /// The object's kind.
        kind: String,
        /// Its name.
        name: String,
    },
    /// A secret in clear.
    #[error(
        "{kind} {name} carries a secret in clear at {at}; bring an ExternalSecret, a SealedSecret or a SOPS file instead"
    )]
    Secret {
        /// The object's kind.
        kind: String,
        /// Its name.
        name: String,
        /// Where in it.
        at: String,
    },
    /// A cluster without a repository.
    #[error(transparent)]
    Unnamed(#[from] Unnamed),
    /// A name that cannot be a file.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// Two objects of the same kind and name.
    #[error(
        "{kind} {name} is written twice in the namespace {namespace}: by {first} and by {second}"
    )]
    Twice {
        /// Their kind.
        kind: String,
        /// Their name.
        name: String,
        /// Their namespace.
        namespace: String,
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A customization cannot be applied.
    #[error("customize[{place}]{at}: {why}")]
    Customize {
        /// Which one, counted from 0.
        place: usize,
        /// Which field of it.
        at: String,
        /// What is wrong.
        why: String,
    },
    /// An object without what every object has.
    #[error("an object of {component} has no {field}")]
    Incomplete {
        /// Whose.
        component: String,
        /// What it has not.
        field: &'static str,
    },
}
