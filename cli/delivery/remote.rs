//! The repository that was named on the command line, and who writes to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_git::{
    Auth, Edited, Http, Options, Ownership, Signer, Ssh, Target, Writer, make_bare,
};
use tempfile::TempDir;

use crate::args::GitArgs;
use crate::failure::Failure;

/// A writer, and the folder of its cache if that goes with it.
pub(crate) struct Opened {
    pub(crate) writer: Writer,
    _cache: Option<TempDir>,
}

/// Opens the repository that was named.
///
/// # Errors
/// It is none, or its folder cannot be made.
pub(crate) fn open(named: &str, args: &GitArgs) -> Result<Opened, Failure> {
    let branch = &args.repository.branch;
    let url = match folder(named) {
        Some(folder) => made(&folder, branch)?,
        None => named.to_owned(),
    };
    let target = Target::new(&url, branch).map_err(|bad| Failure::Usage {
        message: bad.to_string(),
        hint: "name a folder, or a URL such as `ssh://git@git.example.net/fleet.git`".into(),
    })?;
    let auth = match (&args.git_token, &args.git_user) {
        (Some(token), Some(user)) => Auth::Basic { user: user.clone(), token: token.clone() },
        (Some(token), None) => Auth::Bearer(token.clone()),
        (None, _) if args.git_helper => Auth::Helper,
        (None, _) => Auth::None,
    };
    let mut ssh = Ssh::default();
    ssh.key.clone_from(&args.ssh_key);
    ssh.known_hosts.clone_from(&args.known_hosts);
    let options = Options {
        auth,
        ssh,
        http: http()?,
        signer: args.sign_key.clone().map(Signer::new),
        ownership: Ownership::Listed { owner: periplus_git::place, edited: Edited::Keep },
        ..Options::default()
    };
    let temporary = match &args.git_cache {
        Some(_) => None,
        None => Some(
            TempDir::new()
                .map_err(|error| Failure::io("make a folder in", &std::env::temp_dir(), &error))?,
        ),
    };
    let cache = args.git_cache.as_deref().or(temporary.as_ref().map(TempDir::path));
    let writer = Writer::open(cache.unwrap_or(Path::new(".")), target, options)?;
    Ok(Opened { writer, _cache: temporary })
}

/// The folder that is meant, unless a URL is.
fn folder(named: &str) -> Option<PathBuf> {
    let path = Path::new(named);
    let is_url = named.contains("://") || (named.contains(':') && !path.exists());
    (!is_url).then(|| path.to_owned())
}

/// The whole path of a repository's folder, which is made if it is not there.
fn made(folder: &Path, branch: &str) -> Result<String, Failure> {
    let empty = folder.read_dir().map_or(true, |mut entries| entries.next().is_none());
    if empty {
        make_bare(folder, branch).map_err(|why| Failure::Environment {
            message: format!("cannot make a repository in {}: {why}", folder.display()),
            hint: None,
        })?;
    }
    let whole = folder.canonicalize().map_err(|error| Failure::io("find", folder, &error))?;
    whole.into_os_string().into_string().map_err(|_| Failure::Usage {
        message: format!("{} is not written in UTF-8", folder.display()),
        hint: "name another folder".into(),
    })
}

#[cfg(feature = "http")]
fn http() -> Result<Option<Arc<dyn Http>>, Failure> {
    Ok(Some(Arc::new(super::http::Web::new()?)))
}

#[cfg(not(feature = "http"))]
fn http() -> Result<Option<Arc<dyn Http>>, Failure> {
    Ok(None)
}
