//! The words for what is written into git.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use periplus_emit::Repository;
use periplus_git::Edited;

use crate::args::Format;
use crate::time::Moment;

/// Arguments that say where agents will pull from.
#[derive(Debug, Args)]
#[command(next_help_heading = "The repository")]
pub(crate) struct RepositoryArgs {
    /// Where clusters' agents pull from; it stands in what Argo CD is told. Where it is not given, the URL of `--git`, or
    /// one that nobody has.
    #[arg(long, value_name = "URL")]
    pub repository: Option<String>,
    /// The branch that is written.
    #[arg(long, value_name = "NAME", default_value = "main")]
    pub branch: String,
}

/// A repository that nobody has, for previews.
const REPOSITORY: &str = "ssh://git@git.example.net/fleet.git";

/// Arguments of `render`.
#[derive(Debug, Args)]
pub struct RenderArgs {
    /// A scenario's file, a run's folder or a log's folder.
    pub source: PathBuf,
    /// Only what this cluster pulls.
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: Option<String>,
    /// The instant that is rendered: the end where it is not given. `18:30`, `1d 06:00`, `90m`, or RFC 3339.
    #[arg(long, value_name = "TIME")]
    pub at: Option<Moment>,
    /// Write the files here. The folder must not be there yet. Without it, they are printed one after the other.
    #[arg(long, value_name = "DIR", conflicts_with = "diff")]
    pub out: Option<PathBuf>,
    /// Print how the files differ from those of another instant, or from a revision of a repository, such as
    /// `/srv/fleet.git@main`.
    #[arg(long, value_name = "TIME|DIR@REVISION")]
    pub diff: Option<String>,
    /// Where agents will pull from.
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `bootstrap`.
#[derive(Debug, Args)]
pub struct BootstrapArgs {
    /// A scenario's file, another file that declares the cluster, or the folder in which all is declared for a service.
    pub source: PathBuf,
    /// The cluster.
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: String,
    /// Print the account by which a service watches the cluster instead: it may read what is listed, and nothing else.
    #[cfg(feature = "live")]
    #[arg(long)]
    pub account: bool,
    /// Let the account also apply to the cluster and delete what it applied, where there is no agent, and say what each right
    /// is for.
    #[cfg(feature = "live")]
    #[arg(long, requires = "account")]
    pub apply: bool,
    /// Print what reports on the cluster from inside of it instead, where the service cannot reach it, and what sends it
    /// Flux's alerts.
    #[cfg(feature = "live")]
    #[arg(long, conflicts_with = "account")]
    pub reporter: bool,
    /// Where the service's API is, for the reporter.
    #[cfg(feature = "live")]
    #[arg(long, value_name = "URL", requires = "reporter", default_value = HUB)]
    pub hub: String,
    /// Where agents will pull from.
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
}

/// A service that nobody has, for previews.
#[cfg(feature = "live")]
const HUB: &str = "https://periplus.example.net";

impl RepositoryArgs {
    /// The repository that is meant; `written` is the one that is written to, if one is.
    pub(crate) fn repository(&self, written: Option<&str>) -> Repository {
        let written = written.filter(|named| named.contains("://"));
        let url = self.repository.as_deref().or(written).unwrap_or(REPOSITORY).to_owned();
        Repository { url, branch: self.branch.clone() }
    }
}

/// Arguments of commands that write to a repository.
#[derive(Debug, Args)]
#[command(next_help_heading = "Writing to git")]
pub(crate) struct GitArgs {
    /// Write the history of the run to this repository: a folder, which is made if it is not there, or a URL (`https`,
    /// `http`, `ssh`, `file`, or `user@host:path`). Commits that are there already are not made again. With
    /// `${cluster.labels.KEY}` or `${cluster.name}` in it, clusters have repositories of their own.
    #[arg(long, value_name = "DIR|URL")]
    pub(crate) git: Option<String>,
    /// Where agents pull from, and the branch.
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
    /// Who we are there.
    #[command(flatten)]
    pub(crate) access: AccessArgs,
    /// The private SSH key that commits are signed with.
    #[arg(long, value_name = "FILE", requires = "git")]
    pub(crate) sign_key: Option<PathBuf>,
    /// What becomes of files of ours that somebody has edited, when they change.
    #[arg(long, value_enum, value_name = "WHAT", requires = "git", default_value_t)]
    pub(crate) edited: EditedFiles,
}

/// Arguments that say who we are for git's servers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Git")]
pub(crate) struct AccessArgs {
    /// The file with the token for a web server. It is read anew whenever it is needed.
    #[arg(long, value_name = "FILE")]
    pub(crate) git_token: Option<PathBuf>,
    /// The user that the token belongs to; without it, the token is sent as a bearer token.
    #[arg(long, value_name = "NAME", requires = "git_token")]
    pub(crate) git_user: Option<String>,
    /// Ask git's credential helper who we are.
    #[arg(long, conflicts_with = "git_token")]
    pub(crate) git_helper: bool,
    /// The private key for SSH; otherwise those of the SSH agent and of `~/.ssh`.
    #[arg(long, value_name = "FILE")]
    pub(crate) ssh_key: Option<PathBuf>,
    /// The file with the keys of hosts that are trusted; otherwise that of the user. Unknown hosts are refused.
    #[arg(long, value_name = "FILE")]
    pub(crate) known_hosts: Option<PathBuf>,
    /// The folder of git's cache; a temporary one where it is not given.
    #[arg(long, value_name = "DIR")]
    pub(crate) git_cache: Option<PathBuf>,
}

/// Arguments of `fetch`.
#[derive(Debug, Args)]
pub struct FetchArgs {
    /// A scenario's file, or another file with apps. What it includes is looked through too.
    pub source: PathBuf,
    /// Ask what branches and tags are now. Without it, those that were fetched stay the commits that they were.
    #[arg(long)]
    pub update: bool,
    /// Who we are there.
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

/// What becomes of files of ours that somebody has edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum EditedFiles {
    /// They stay as they are, and it is told.
    #[default]
    Keep,
    /// They become what they should be, and it is told.
    Restore,
}

impl From<EditedFiles> for Edited {
    fn from(said: EditedFiles) -> Self {
        match said {
            EditedFiles::Keep => Self::Keep,
            EditedFiles::Restore => Self::Restore,
        }
    }
}

impl AccessArgs {
    /// Whether anything of it is said.
    pub(crate) fn is_given(&self) -> bool {
        let Self { git_token, git_user, git_helper, ssh_key, known_hosts, git_cache } = self;
        let files = [git_token, ssh_key, known_hosts, git_cache];
        *git_helper || git_user.is_some() || files.into_iter().any(Option::is_some)
    }
}
