//! The repositories that were named on the command line, and who writes to them.

use std::path::{Path, PathBuf};

use periplus_emit::Repository;
use periplus_git::{
    Divider, FleetOptions, Options, Ownership, Rate, Signer, TargetId, Writer, Writers, make_bare,
};
use periplus_spec::scenario::Delivery;

use super::access::{self, Cache};
use crate::args::GitArgs;
use crate::failure::Failure;

/// The repositories that are written to, and which of them each cluster pulls from.
pub(crate) struct Remotes {
    pub(crate) writers: Writers,
    pub(crate) divider: Divider,
    _cache: Cache,
}

/// How often each host is pushed to: a run is quicker than its day was.
const RATE: Rate = Rate { burst: 20, per_minute: 600 };

impl Remotes {
    /// Opens the repositories that were named: one, or as many as the name has variables for.
    ///
    /// # Errors
    /// One of them is none, or its folder cannot be made.
    pub(crate) fn open(named: &str, args: &GitArgs, delivery: &Delivery) -> Result<Self, Failure> {
        let cache = Cache::open(&args.access)?;
        let template = Repository { url: named.to_owned(), branch: args.repository.branch.clone() };
        let options = FleetOptions { rate: Some(RATE), ..FleetOptions::default() };
        let mut writers = Writers::new(options);
        let mut divider = Divider::default();
        for version in delivery.clusters.iter().filter_map(|versions| versions.last()) {
            let Repository { url, branch } = template.of(&version.facts)?;
            let id = TargetId(format!("{url} ({branch})"));
            if writers.writer(&id).is_none() {
                writers.add(id.clone(), writer(&url, &branch, args, cache.path())?);
            }
            divider.set(version.facts.name.to_string(), id);
        }
        Ok(Self { writers, divider, _cache: cache })
    }
}

fn writer(named: &str, branch: &str, args: &GitArgs, cache: &Path) -> Result<Writer, Failure> {
    let url = match folder(named) {
        Some(folder) => made(&folder, branch)?,
        None => named.to_owned(),
    };
    let target = access::target(&url, branch)?;
    let options = Options {
        signer: args.sign_key.clone().map(Signer::new),
        ownership: Ownership::Listed { owner: periplus_git::place, edited: args.edited.into() },
        ..access::options(&args.access)?
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
