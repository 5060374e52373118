//! Agents: what tells Flux or Argo CD in a cluster which folders are its own.

pub(crate) mod argocd;
pub(crate) mod flux;

/// A repository that agents pull from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Where it is.
    pub url: String,
    /// The branch that is written.
    pub branch: String,
}
