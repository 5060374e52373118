//! What is written: all of it, or nothing. And what was written, in a revision of a repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use periplus_emit::Files;
use periplus_spec::scenario::Delivery;

use crate::failure::Failure;

/// Refuses what could not be written, before anything is.
///
/// # Errors
/// Something could not be.
pub(crate) fn refuse_unfit(delivery: &Delivery) -> Result<(), Failure> {
    match periplus_emit::check::problems(delivery).into_iter().next() {
        Some(problem) => Err(problem.into()),
        None => Ok(()),
    }
}

/// A revision of a repository on this machine, as in `fleet.git@main`.
#[derive(Clone, Debug)]
pub(crate) struct Revision {
    folder: PathBuf,
    name: String,
}

impl FromStr for Revision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (folder, name) = text.rsplit_once('@').ok_or_else(|| {
            format!(
                "`{text}` names no revision: write a folder and a revision, as in `fleet.git@main`"
            )
        })?;
        Ok(Self { folder: folder.into(), name: name.into() })
    }
}

impl Revision {
    /// Its files, without the lists of what is ours, which are not rendered.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn files(&self) -> Result<Files, Failure> {
        let Self { folder, name } = self;
        let files = periplus_git::files(folder, name);
        let mut files = files.map_err(|why| Failure::Usage {
            message: format!("cannot read `{name}` of {}: {why}", folder.display()),
            hint: "name a repository on this machine, and a branch, a tag or a commit in it".into(),
        })?;
        files.retain(|path, _| !path.starts_with(".owned/"));
        Ok(files)
    }
}

/// Writes files into a folder that is not there yet.
///
/// They are written beside it first and moved at the end, so that nobody meets half of them.
///
/// # Errors
/// The folder is there, or cannot be written.
pub(crate) fn folder(out: &Path, files: &Files) -> Result<(), Failure> {
    if out.exists() {
        return Err(Failure::Usage {
            message: format!("{} is there already", out.display()),
            hint: "name a folder that is not there, or remove it first".into(),
        });
    }
    let beside = out.parent().filter(|parent| !parent.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new("."));
    fs::create_dir_all(beside).map_err(|error| Failure::io("make", beside, &error))?;
    let place = tempfile::Builder::new().prefix(".render-").tempdir_in(beside);
    let place = place.map_err(|error| Failure::io("write to", beside, &error))?;
    for (path, bytes) in files {
        let path = place.path().join(&**path);
        let folder = path.parent().unwrap_or(place.path());
        fs::create_dir_all(folder).map_err(|error| Failure::io("make", folder, &error))?;
        fs::write(&path, bytes).map_err(|error| Failure::io("write", &path, &error))?;
    }
    let kept = place.keep();
    open_to_all(&kept)?;
    fs::rename(&kept, out).map_err(|error| Failure::io("make", out, &error))
}

/// A temporary folder is its maker's only; this one is to be looked at.
#[cfg(unix)]
fn open_to_all(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder, mode).map_err(|error| Failure::io("open", folder, &error))
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) -> Result<(), Failure> {
    Ok(())
}
