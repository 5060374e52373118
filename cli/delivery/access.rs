//! How to come to git's servers, as the command line says it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_git::{Auth, Http, Options, Ssh, Target};
use tempfile::TempDir;

use crate::args::AccessArgs;
use crate::failure::Failure;

/// The folder of git's cache.
pub(crate) enum Cache {
    /// It stays.
    Named(PathBuf),
    /// It goes with this.
    Temporary(TempDir),
}

impl Cache {
    /// The folder that was named, or a new one.
    ///
    /// # Errors
    /// No folder can be made.
    pub(crate) fn open(args: &AccessArgs) -> Result<Self, Failure> {
        if let Some(folder) = &args.git_cache {
            return Ok(Self::Named(folder.clone()));
        }
        let made = TempDir::new();
        let fault = |error| Failure::io("make a folder in", &std::env::temp_dir(), &error);
        made.map(Self::Temporary).map_err(fault)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Named(folder) => folder,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

/// A revision of a repository.
///
/// # Errors
/// The URL or the name is none.
pub(crate) fn target(url: &str, revision: &str) -> Result<Target, Failure> {
    Target::new(url, revision).map_err(|bad| Failure::Usage {
        message: bad.to_string(),
        hint: "name a folder, or a URL such as `ssh://git@git.example.net/fleet.git`".into(),
    })
}

/// Who we are, and how we come there.
///
/// # Errors
/// There is no client for HTTP.
pub(crate) fn options(args: &AccessArgs) -> Result<Options, Failure> {
    let auth = match (&args.git_token, &args.git_user) {
        (Some(token), Some(user)) => Auth::Basic { user: user.clone(), token: token.clone() },
        (Some(token), None) => Auth::Bearer(token.clone()),
        (None, _) if args.git_helper => Auth::Helper,
        (None, _) => Auth::None,
    };
    let mut ssh = Ssh::default();
    ssh.key.clone_from(&args.ssh_key);
    ssh.known_hosts.clone_from(&args.known_hosts);
    Ok(Options { auth, ssh, http: http()?, ..Options::default() })
}

/// Who speaks HTTP for us.
///
/// # Errors
/// TLS cannot be set up.
#[cfg(feature = "http")]
pub(crate) fn http() -> Result<Option<Arc<dyn Http>>, Failure> {
    Ok(Some(Arc::new(super::http::Web::new()?)))
}

/// Nobody speaks HTTP for us.
///
/// # Errors
/// None.
#[cfg(not(feature = "http"))]
pub(crate) fn http() -> Result<Option<Arc<dyn Http>>, Failure> {
    Ok(None)
}
