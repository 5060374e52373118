//! What becomes of a repository's files when changes begin.

use std::collections::BTreeSet;

use periplus_emit::{Files, same_content};
use periplus_git::owned_among;

use super::Found;

/// What becomes of files when changes begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// They go.
    pub removed: Vec<String>,
    /// They come.
    pub added: Vec<String>,
    /// Something else stands in them.
    pub changed: Vec<String>,
    /// Only the number of the record that decided them is another.
    pub renumbered: usize,
    /// Nothing changes.
    pub same: usize,
    /// They stand where ours would, and are not ours: they stay.
    pub foreign: Vec<String>,
}

impl Changes {
    /// What becomes of what was found if `files` are written.
    pub(super) fn of(found: &Found, files: &Files) -> Result<Self, String> {
        let owned = owned_among(found)?;
        let mut changes = Self::default();
        let mut wanted = BTreeSet::new();
        for (path, bytes) in files {
            wanted.insert(&**path);
            match found.get(&**path) {
                None => changes.added.push(path.to_string()),
                Some(_) if !owned.contains(&**path) => changes.foreign.push(path.to_string()),
                Some(there) if there[..] == bytes[..] => changes.same += 1,
                Some(there) if same_content(there, bytes) => changes.renumbered += 1,
                Some(_) => changes.changed.push(path.to_string()),
            }
        }
        let gone = owned.into_iter().filter(|path| !wanted.contains(path.as_str()));
        changes.removed = gone.filter(|path| found.contains_key(path)).collect();
        Ok(changes)
    }
}
