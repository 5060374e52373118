//! The repositories that were named on the command line, and who writes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use periplus_emit::Repository;
use periplus_git::{
    Auth, FleetOptions, Http, Options, Ownership, Rate, Signer, Ssh, Target, TargetId, Writer,
    Writers, make_bare,
};
use periplus_spec::scenario::Delivery;
use tempfile::TempDir;

use crate::args::GitArgs;
use crate::failure::Failure;

/// The repositories that are written to, and which of them each cluster pulls from.
pub(crate) struct Remotes {
    pub(crate) writers: Writers,
    /// By the cluster's name.
    pub(crate) of_cluster: BTreeMap<String, TargetId>,
    _cache: Option<TempDir>,
}

/// How often each host is pushed to: a run is quicker than its day was.
const RATE: Rate = Rate { burst: 20, per_minute: 600 };

impl Remotes {
    /// Opens the repositories that were named: one, or as many as the name has variables for.
    ///
    /// # Errors
    /// One of them is none, or its folder cannot be made.
    pub(crate) fn open(named: &str, args: &GitArgs, delivery: &Delivery) -> Result<Self, Failure> {
        let temporary =
            match &args.git_cache {
                Some(_) => None,
                None => Some(TempDir::new().map_err(|error| {
                    Failure::io("make a folder in", &std::env::temp_dir(), &error)
                })?),
            };
        let cache = args.git_cache.as_deref().or(temporary.as_ref().map(TempDir::path));
        let cache = cache.unwrap_or(Path::new("."));
        let template = Repository { url: named.to_owned(), branch: args.repository.branch.clone() };
        let options = FleetOptions { rate: Some(RATE), ..FleetOptions::default() };
        let mut remotes =
            Self { writers: Writers::new(options), of_cluster: BTreeMap::new(), _cache: None };
        for version in delivery.clusters.iter().filter_map(|versions| versions.last()) {
            let Repository { url, branch } = template.of(&version.facts)?;
            let id = TargetId(format!("{url} ({branch})"));
            if remotes.writers.writer(&id).is_none() {
                remotes.writers.add(id.clone(), writer(&url, &branch, args, cache)?);
            }
            remotes.of_cluster.insert(version.facts.name.to_string(), id);
        }
        remotes._cache = temporary;
        Ok(remotes)
    }

    /// All of the repositories, each once.
    pub(crate) fn ids(&self) -> BTreeSet<TargetId> {
        self.of_cluster.values().cloned().collect()
    }
}

fn writer(named: &str, branch: &str, args: &GitArgs, cache: &Path) -> Result<Writer, Failure> {
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
        ownership: Ownership::Listed { owner: periplus_git::place, edited: args.edited.into() },
        ..Options::default()
    };
    Ok(Writer::open(cache, target, options)?)
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
