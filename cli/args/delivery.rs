//! The words for what is written into git.

use std::path::PathBuf;

use clap::Args;
use periplus_emit::Repository;

use crate::args::Format;
use crate::time::Moment;

/// Arguments that say where agents will pull from.
#[derive(Debug, Args)]
#[command(next_help_heading = "The repository")]
pub(crate) struct RepositoryArgs {
    /// Where clusters' agents pull from; it stands in what Argo CD is told.
    #[arg(long, value_name = "URL", default_value = REPOSITORY)]
    pub repository: String,
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
    /// A scenario's file, or another file that declares the cluster.
    pub source: PathBuf,
    /// The cluster.
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: String,
    /// Where agents will pull from.
    #[command(flatten)]
    pub(crate) repository: RepositoryArgs,
}

impl RepositoryArgs {
    /// The repository that is meant.
    pub(crate) fn repository(&self) -> Repository {
        Repository { url: self.repository.clone(), branch: self.branch.clone() }
    }
}
