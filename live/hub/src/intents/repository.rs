//! Intents in a git repository: what a branch declares, commit by commit. A merged pull request is a reviewed change.

use std::fmt;
use std::path::PathBuf;

use periplus_git::{Fault, Oid, Options, Target, read_all};
use periplus_spec::Bundle;
use periplus_spec::diagnostic::Diagnostic;

/// A place in a repository.
#[derive(Clone, Debug)]
pub struct Repository {
    /// The repository, and the branch, the tag or the commit in it.
    pub target: Target,
    /// The folder, or the file of a scenario, from the root; empty for all of it. What is declared there may name files
    /// elsewhere in the repository, and none outside of it.
    pub path: String,
    /// How it is reached.
    pub access: Options,
    /// A folder that is ours alone. It may be deleted while nothing runs.
    pub cache: PathBuf,
}

/// What a commit declares.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) commit: Oid,
    pub(super) bundle: Result<Bundle, Vec<Diagnostic>>,
}

impl Repository {
    /// Reads what is declared; nothing where the branch is still at the commit `known`. It waits for the network.
    pub(super) fn read(&self, known: Option<Oid>) -> Result<Option<Read>, Fault> {
        let Some(read) = read_all(&self.cache, &self.target, &self.access, known)? else {
            return Ok(None);
        };
        let path = self.path.trim_matches('/');
        let path = if path == "." { "" } else { path };
        Ok(Some(Read { commit: read.commit, bundle: Bundle::read_held(&read.files, path) }))
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, path, access: _, cache: _ } = self;
        if path.is_empty() { write!(out, "{target}") } else { write!(out, "{path} of {target}") }
    }
}
