//! What live.yaml says about the API, as it is written. [`read`](super::checked::read) makes of it what cannot be wrong.

use std::path::PathBuf;

use periplus_spec::values::{Duration, Name};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sighting::Measures;
use crate::signals::config::{Labels, Unit};

/// `api`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Draft {
    /// The address and the port to listen on. Only loopback may be open without `tls`.
    pub listen: String,
    /// Speaks TLS.
    pub tls: Option<Tls>,
    /// Who may ask for what, by a bearer token.
    pub tokens: Vec<Token>,
    /// Who may ask for what, by a client certificate.
    pub clients: Vec<Client>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
    /// Which metrics are taken as demand from whoever sends them by OTLP, to `/v1/otlp/v1/metrics`.
    pub otlp: Vec<Otlp>,
}

/// A metric that says how much users ask for: a gauge of a rate, or a sum that is told as what was added (`delta`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Otlp {
    /// Its name.
    pub metric: String,
    /// Who measures: the source of what is told is `otlp/` and this. `collector` where nothing is said.
    pub source: Option<Name>,
    /// Whether it shows what users ask for, or what was served.
    pub measures: Measures,
    /// Which attributes name the app and the zone: those of a point, or of its resource.
    #[serde(default)]
    pub labels: Labels,
    /// The app of all points, where no attribute names it.
    pub app: Option<Name>,
    /// The zone of all points, where no attribute names it.
    pub zone: Option<Name>,
    /// What the values of a gauge count.
    #[serde(default)]
    pub unit: Unit,
    /// Over which time `unit: count` counts.
    pub window: Option<Duration>,
}

/// The files of TLS, as PEM. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// The server's certificate, and those between it and its authority.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
    /// The authorities that sign certificates of clients.
    pub client_ca_file: Option<PathBuf>,
}

/// Somebody who shows a bearer token.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Token {
    /// Who that is, for the service's own log.
    pub name: Name,
    /// What they may do.
    pub role: Role,
    /// The file that holds the token. It is read again when it changes.
    pub file: PathBuf,
}

/// Somebody who shows a certificate that an authority of `tls.clientCaFile` has signed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Client {
    /// A DNS name that the certificate must be valid for, as its subject alternative names say.
    pub dns_name: String,
    /// What they may do.
    pub role: Role,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Read everything that is told.
    Read,
    /// Push demand, and nothing else.
    Demand,
    /// Give commands, and all of the above.
    Operate,
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Metrics {
    /// Who may read everything else.
    #[default]
    Read,
    /// Everybody who reaches the API.
    Open,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            tls: None,
            tokens: Vec::new(),
            clients: Vec::new(),
            metrics: Metrics::default(),
            otlp: Vec::new(),
        }
    }
}
