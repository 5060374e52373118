//! Making a repository where there is none yet.

use std::path::Path;

use git2::{Repository, RepositoryInitOptions};

/// Makes a bare repository with nothing in it, whose branch is called so.
///
/// # Errors
/// The folder cannot be made, or there is a repository already.
pub fn make_bare(folder: &Path, branch: &str) -> Result<(), String> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).no_reinit(true).mkpath(true).initial_head(branch);
    // Templates of the machine would put hooks of its own there.
    options.external_template(false);
    Repository::init_opts(folder, &options).map(drop).map_err(|error| error.message().to_owned())
}
