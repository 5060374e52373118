//! What live.yaml says, as it is written. [`Settings`](super::Settings) are made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use periplus_spec::values::{Duration, Name, Percentage};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::copy::Confirm;
use crate::{api, signals};

/// How the service runs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draft {
    /// The folder of the log and of everything else that must outlive the service. It is made if it is not there.
    pub state: PathBuf,
    /// How long the log keeps records.
    #[serde(default)]
    pub log: LogDraft,
    /// What becomes of decisions.
    #[serde(default)]
    pub mode: Mode,
    /// Where apps, clusters, zones, tenants and the policy are declared.
    pub intents: IntentsDraft,
    /// The repository, or the repositories, that clusters' agents pull from.
    pub git: GitDraft,
    /// How clusters are watched.
    #[serde(default)]
    pub clusters: ClustersDraft,
    /// Clusters that have no agent, and are applied to directly.
    #[serde(default)]
    pub apply: ApplyDraft,
    /// What demand and carbon are read from.
    #[serde(default)]
    pub signals: Vec<signals::config::Draft>,
    /// Where people and programs ask and command.
    #[serde(default)]
    pub api: api::config::Draft,
    /// How it is settled which of several replicas leads; without it, this one does.
    pub leader: Option<LeaderDraft>,
    /// Where traces of what is decided, written and answered go; nowhere where neither this nor a variable names an endpoint.
    pub traces: Option<TracesDraft>,
}

/// Traces, sent by OTLP over HTTP. What is not said here is as OpenTelemetry's variables have it, such as
/// `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_TRACES_SAMPLER`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TracesDraft {
    /// Where a collector takes them, as `http://collector:4318`; `/v1/traces` is added where it does not end so.
    pub endpoint: Option<String>,
    /// The file with headers for each request, a line each, as `authorization: Bearer …`. It is read anew whenever it is needed.
    pub headers_file: Option<PathBuf>,
    /// Certificates, as PEM, of whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// How many traces are sent of those that nobody else began, as `10%`. Of others, those are that their callers send.
    pub sample: Option<Percentage>,
}

/// How long the log keeps records.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogDraft {
    /// Records that are older are let go of, and the log begins with what they led to; `720h` keeps a month. All are kept
    /// where nothing is said.
    pub keep: Option<Duration>,
}

/// A `Lease` of a cluster, by which one of several replicas leads. They share the folder `state`, or each has one of its own and
/// keeps a copy of the leader's.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeaderDraft {
    /// The context of the kubeconfig that reaches the cluster; without it, it is the cluster that the service runs in.
    pub context: Option<String>,
    /// The namespace of the lease.
    pub namespace: Name,
    /// The name of the lease. It is made if it is not there.
    pub name: Name,
    /// Who this replica is, for people; the name of the host where nothing is said. Something that no other has is added.
    pub identity: Option<String>,
    /// How long others wait after the leader's last sign of life; `15s` where nothing is said.
    pub lease_duration: Option<Duration>,
    /// How long a leader leads that cannot renew its lease; then it ends. `10s` where nothing is said. The difference to
    /// `leaseDuration` is what it has to stop.
    pub renew_deadline: Option<Duration>,
    /// How often is tried to lead, and to renew; `2s` where nothing is said.
    pub retry_period: Option<Duration>,
    /// How replicas that have a folder `state` each keep copies of the leader's; without it, they share one.
    pub replication: Option<ReplicationDraft>,
}

/// Copies of the leader's log, in folders of the replicas' own. It is the same for all of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplicationDraft {
    /// The addresses of the replicas' APIs, as `https://periplus-0.periplus:8443`. This replica may be among them.
    pub replicas: Vec<String>,
    /// What waits until a standby has the records that it follows from.
    #[serde(default)]
    pub confirm: Confirm,
    /// How long a standby that does not confirm is waited for, with `sync` and `strict`; `10s` where nothing is said.
    pub alone_after: Option<Duration>,
    /// The file with the token that replicas show each other; `api.tokens` gives it the role `operate`.
    pub token_file: PathBuf,
    /// The certificates that sign those of the replicas, if the system does not trust them.
    pub ca_file: Option<PathBuf>,
}

/// What becomes of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// They are recorded, and nothing is written.
    #[default]
    Observe,
    /// They are written to a branch for review.
    Propose,
    /// They are written to the branch that clusters pull from.
    Act,
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Observe => "observe",
            Self::Propose => "propose",
            Self::Act => "act",
        })
    }
}

/// Where things are declared: exactly one of `path`, `git` and `hub`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntentsDraft {
    /// A file, or a folder of files.
    pub path: Option<PathBuf>,
    /// A git repository.
    pub git: Option<IntentsGitDraft>,
    /// Custom resources of a cluster.
    pub hub: Option<IntentsHubDraft>,
    /// How often files and repositories are looked at; `10s` where nothing is said.
    pub every: Option<Duration>,
}

/// A git repository in which things are declared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntentsGitDraft {
    /// The repository.
    pub url: String,
    /// The branch, the tag or the commit; `main` where nothing is said.
    pub revision: Option<String>,
    /// The folder, or the file of a scenario, from the root; all of it where nothing is said.
    #[serde(default)]
    pub path: String,
    /// Who we are there; as for what is written where nothing is said.
    pub access: Option<AccessDraft>,
}

/// A cluster in whose custom resources things are declared.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntentsHubDraft {
    /// The context of the kubeconfig that reaches it; without it, it is the cluster that the service runs in.
    pub context: Option<String>,
    /// Clusters of an inventory: `ClusterProfile`s of SIG Multicluster.
    pub profiles: Option<ProfilesDraft>,
}

/// Clusters of an inventory.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProfilesDraft {
    /// The namespace that the profiles lie in; all of them where nothing is said.
    pub namespace: Option<String>,
    /// A file with a `Cluster` without its name. `${profile.name}`, `${profile.labels.KEY}`, `${profile.properties.NAME}` and
    /// others stand in it for what a profile says.
    pub template_file: PathBuf,
}

/// Who we are for git's servers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessDraft {
    /// The file with the token for a web server. It is read anew whenever it is needed.
    pub token_file: Option<PathBuf>,
    /// The user that the token belongs to; without it, the token is sent as a bearer token.
    pub user: Option<String>,
    /// Whether git's credential helper is asked who we are.
    #[serde(default)]
    pub helper: bool,
    /// The private key for SSH; otherwise those of the SSH agent and of `~/.ssh`.
    pub ssh_key_file: Option<PathBuf>,
    /// The file with the keys of hosts that are trusted; otherwise that of the user. Unknown hosts are refused.
    pub known_hosts_file: Option<PathBuf>,
}

/// The repositories.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GitDraft {
    /// What is written to: a folder with a bare repository, or a URL (`https`, `http`, `ssh`, `file`, or
    /// `user@host:path`). With `${cluster.labels.KEY}` or `${cluster.name}` in it, clusters have repositories of their own.
    pub url: String,
    /// The URL that agents pull from, where it is another one; it stands in what Argo CD is told.
    pub pulled: Option<String>,
    /// The branch that clusters pull from; `main` where nothing is said.
    pub branch: Option<String>,
    /// The branch that `mode: propose` writes to; `periplus` where nothing is said. Whoever reviews merges it into
    /// `branch`.
    pub proposals: Option<String>,
    /// How long changes are gathered before they are committed together; `5s` where nothing is said.
    pub window: Option<Duration>,
    /// Who commits.
    pub author: Option<AuthorDraft>,
    /// Who we are there.
    #[serde(default)]
    pub access: AccessDraft,
    /// The private SSH key that commits are signed with.
    pub sign_key_file: Option<PathBuf>,
    /// What becomes of files of ours that somebody has edited, when they change.
    #[serde(default)]
    pub edited: Edited,
    /// How many repositories are written to at once; 8 where nothing is said.
    pub at_once: Option<u16>,
    /// How often one git server is pushed to in a minute; without it, as often as there is something to push.
    pub pushes_per_minute: Option<u32>,
}

/// Who commits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorDraft {
    /// A name.
    pub name: String,
    /// An address.
    pub email: String,
}

/// What becomes of files of ours that somebody has edited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Edited {
    /// They stay as they are, and it is told.
    #[default]
    Keep,
    /// They become what they should be, and it is told.
    Restore,
}

/// How clusters are watched.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClustersDraft {
    /// A kubeconfig. Its contexts that are called as clusters are are how those are reached. It is read again when it
    /// changes.
    pub kubeconfig: Option<PathBuf>,
    /// Contexts of the kubeconfig that are called otherwise than their clusters, by the names of the clusters.
    #[serde(default)]
    pub contexts: BTreeMap<Name, String>,
    /// The cluster that the service runs in itself.
    pub in_cluster: Option<Name>,
    /// How often each cluster is asked whether it is alive; `10s` where nothing is said.
    pub heartbeat: Option<Duration>,
    /// Clusters that cannot be reached, and report themselves: `periplus report` runs in them.
    pub reports: Option<KeysDraft>,
    /// Clusters whose Flux sends alerts.
    pub alerts: Option<KeysDraft>,
    /// The shortest time between two reports of a cluster's free room; `10s` where nothing is said.
    pub room_every: Option<Duration>,
    /// How long a fault that often passes by itself must last until it is told: no node has room, an agent failed to
    /// apply. `1m` where nothing is said.
    pub patience: Option<Duration>,
}

/// Clusters that have no agent: the service applies to them what it writes into git for them. It does so in `mode: act` only.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplyDraft {
    /// Their names. The service must reach them, with an account that may write: `periplus bootstrap --account --apply`.
    #[serde(default)]
    pub clusters: BTreeSet<Name>,
    /// Whether fields that somebody else manages become ours. Otherwise an object that has such fields is refused.
    #[serde(default)]
    pub force: bool,
    /// How often everything is applied again, so that what was changed by hand becomes what it should be; `10m` where
    /// nothing is said.
    pub every: Option<Duration>,
}

/// Who may speak for clusters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeysDraft {
    /// A folder with a file for each cluster, called as it is. A key is a line of at least 32 characters; where there are two, both
    /// are valid. The files are read anew whenever they are needed.
    pub keys: PathBuf,
}
