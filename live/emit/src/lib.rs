//! Bindings become files: what Flux and Argo CD pull into each cluster.
//!
//! Pure: the machine's state and what was declared go in, bytes by path come out. [`Renderer`] says which files there
//! are at an instant, [`Follower`] how they change from record to record, [`check`] what could not be rendered, before
//! anything is decided.
//!
//! The tree, from the root of a repository:
//!
//! ```text
//! clusters/<cluster>/…                        what tells Flux in a cluster of its folders
//! argocd/<cluster>/…                          what tells Argo CD of them
//! deploy/<cluster>/_namespaces/<namespace>/…  namespaces, quotas, rights
//! deploy/<cluster>/<app>/<component>/…        manifests, one object a file
//! deploy/<cluster>/_net/<app>/guard/…         policies: there before any pod
//! deploy/<cluster>/_net/<app>/route/…         gateways, routes and names
//! deploy/<cluster>/_net/_site/…               what connects and protects the cluster as a whole
//! decisions/<app>.json                        what was decided, for people
//! ```
//!
//! Manifests lie outside of the folder that an agent is pointed at, or Flux would apply each of them twice.
//!
//! This package knows no repository, no cluster's API and no clock. `periplus-git` puts its files into commits.

mod agent;
mod binding;
pub mod check;
mod component;
mod customize;
mod decision;
mod fault;
mod file;
mod files;
mod follow;
mod lint;
mod manifests;
mod name;
pub mod net;
mod network;
mod object;
mod order;
mod path;
mod picture;
mod planned;
mod render;
mod source;
mod tenant;
mod window;
mod workload;
pub mod yaml;

pub use self::agent::{Repository, Unnamed};
pub use self::component::OURS;
pub use self::customize::variables::VARIABLES;
pub use self::decision::{Decision, Placement};
pub use self::fault::Fault;
pub use self::file::same_content;
pub use self::files::{Bytes, Change, Files, apply, change};
pub use self::follow::Follower;
pub use self::object::Object;
pub use self::order::rank;
pub use self::path::{BadPath, FilePath};
pub use self::render::{Part, Problem, Renderer, parts};
pub use self::window::{Draft, Windows};

use periplus_spec::draft::AgentType;
use periplus_spec::scenario::ClusterFacts;

/// The names of Flux's objects of a component: of the `Kustomization` of its folder, and of what brings its chart or overlay.
#[must_use]
pub fn flux_names(app: &str, component: &str) -> [String; 2] {
    [name::joined(&[app, component]), name::joined(&[app, component, source::SUFFIX])]
}

/// What must be installed once into a cluster, or into Argo CD for it, so that it pulls what is rendered.
///
/// # Errors
/// The repository has no name for the cluster.
pub fn bootstrap(cluster: &ClusterFacts, repository: &Repository) -> Result<Vec<Object>, Unnamed> {
    let repository = repository.of(cluster)?;
    Ok(match cluster.agent {
        AgentType::Flux => agent::flux::bootstrap(cluster, &repository),
        AgentType::Argocd => agent::argocd::bootstrap(cluster, &repository),
    })
}
