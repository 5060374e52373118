//! Looking into a repository that lies on this machine.

use std::path::Path;

use git2::{ObjectType, Repository, TreeWalkMode, TreeWalkResult};
use periplus_emit::{Bytes, FilePath, Files};

/// The files of a revision: a branch, a tag, a commit, or what else git finds by name. Files that could not be ours by
/// their names are left out.
///
/// # Errors
/// There is no such repository or revision.
pub fn files(folder: &Path, revision: &str) -> Result<Files, String> {
    let told = |error: git2::Error| error.message().to_owned();
    let repository = Repository::open(folder).map_err(told)?;
    let found = repository.revparse_single(revision).map_err(told)?;
    let tree = found.peel_to_tree().map_err(told)?;
    let mut files = Files::new();
    let mut fault = None;
    let walked = tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        if entry.kind() != Some(ObjectType::Blob) {
            return TreeWalkResult::Ok;
        }
        let name = String::from_utf8_lossy(entry.name_bytes());
        let Ok(path) = FilePath::new(format!("{folder}{name}")) else { return TreeWalkResult::Ok };
        match repository.find_blob(entry.id()) {
            Ok(blob) => {
                files.insert(path, Bytes::from(blob.content()));
                TreeWalkResult::Ok
            }
            Err(error) => {
                fault = Some(error);
                TreeWalkResult::Abort
            }
        }
    });
    match (fault, walked) {
        (Some(error), _) | (None, Err(error)) => Err(told(error)),
        (None, Ok(())) => Ok(files),
    }
}
