//! The words for who asks a running service, and tells it what to do.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::args::Format;

/// Arguments that say which service is meant, and who asks.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "The service")]
pub struct ClientArgs {
    /// Where its API is.
    #[arg(long, value_name = "URL", env = "PERIPLUS_API", default_value = "http://127.0.0.1:8080")]
    pub(crate) api: String,
    /// Who asks.
    #[command(flatten)]
    pub(crate) identity: IdentityArgs,
}

/// Arguments that say who asks a service.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "The service")]
pub(crate) struct IdentityArgs {
    /// The file with the token that says who we are.
    #[arg(long, value_name = "FILE", env = "PERIPLUS_TOKEN_FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// The authority that has signed its certificate, as PEM, besides those of the system.
    #[arg(long, value_name = "FILE", env = "PERIPLUS_CA_FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Our certificate and its private key, as PEM in one file.
    #[arg(long, value_name = "FILE", env = "PERIPLUS_IDENTITY_FILE")]
    pub(crate) identity_file: Option<PathBuf>,
}

impl IdentityArgs {
    /// The same for a service at an address.
    pub(crate) fn at(&self, address: &str) -> ClientArgs {
        ClientArgs { api: address.to_owned(), identity: self.clone() }
    }
}

/// Arguments of `get`.
#[derive(Debug, Args)]
pub struct GetArgs {
    /// What.
    #[arg(value_enum)]
    pub what: What,
    /// One of them, by its name. For decisions, the app.
    pub name: Option<String>,
    /// Which service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// What a service is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// What it does, and what waits for a person.
    State,
    /// Where apps are.
    Apps,
    /// How clusters are.
    Clusters,
    /// What was decided last.
    Decisions,
}

/// What a service is told to do.
#[derive(Debug, Subcommand)]
pub enum OrderCommand {
    /// Place nothing new in a cluster of a running service.
    Cordon(ClusterOrder),
    /// Place in a cluster again.
    Uncordon(ClusterOrder),
    /// Move everything out of a cluster.
    Drain(ClusterOrder),
    /// Stop moving out of a cluster.
    Undrain(ClusterOrder),
    /// Treat a cluster as lost without waiting: its users are served from elsewhere.
    DeclareLost(ClusterOrder),
    /// Let a cluster leave the fleet for good. What runs there is forgotten: drain it first.
    Retire(ClusterOrder),
    /// Run a group of an app in one cluster only.
    Pin {
        /// The app.
        app: String,
        /// The group: its components with `+` between them, as `periplus get apps` says it.
        group: String,
        /// The cluster.
        cluster: String,
        /// Which service.
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Let a group of an app run where it is best.
    Unpin {
        /// The app.
        app: String,
        /// The group.
        group: String,
        /// Which service.
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Let a change happen that is held, as when too much would go at once.
    Approve {
        /// The number of the hold, as `periplus get state` says it.
        hold: u32,
        /// Which service.
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Stop everything now: decide and record, but change nothing.
    Pause(PlainOrder),
    /// Act again after `pause`.
    Resume(PlainOrder),
}

/// An order about a cluster.
#[derive(Debug, Args)]
pub struct ClusterOrder {
    /// The cluster.
    pub(crate) cluster: String,
    /// Which service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}

/// An order about everything.
#[derive(Debug, Args)]
pub struct PlainOrder {
    /// Which service.
    #[command(flatten)]
    pub(crate) client: ClientArgs,
}
