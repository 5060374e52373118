//! How replicas keep copies, as it is configured.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;
use schemars::JsonSchema;
use serde::Deserialize;

/// How replicas with folders of their own keep copies of the leader's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replication {
    /// Where the replicas are, this one among them.
    pub replicas: Vec<Url>,
    /// What waits for copies.
    pub confirm: Confirm,
    /// How long a standby that does not confirm is waited for.
    pub alone_after: Duration,
    /// What holds the token that the replicas show each other.
    pub token_file: PathBuf,
    /// Whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// What waits until a standby has the records that it follows from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Confirm {
    /// Nothing: what was not copied when a leader is lost is lost.
    #[default]
    Async,
    /// Commits, and answers to commands. Where no standby confirms within `aloneAfter`, the leader goes on alone, and says so;
    /// then only it may lead again.
    Sync,
    /// As `sync`, and the leader never goes on alone: it decides and records, and nothing shows until a standby confirms.
    Strict,
}

impl Confirm {
    /// In one word, as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Sync => "sync",
            Self::Strict => "strict",
        }
    }
}
