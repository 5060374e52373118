//! Signals that cannot be wrong. [`read`](super::checked::read) makes them of what people write.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use reqwest::Url;

use super::config::Fallback;
use crate::sighting::Measures;

/// A signal that can be read.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its name, and the source of what it tells.
    pub name: String,
    /// How often to look.
    pub every: Duration,
    /// How old a sample may be to say how it is now, in milliseconds.
    pub stale_after_ms: u64,
    /// What it tells, and where that comes from.
    pub kind: Kind,
}

/// What a signal tells.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Demand.
    Demand {
        /// What it shows.
        measures: Measures,
        /// What holds for series that are silent.
        fallback: Fallback,
        /// Where it comes from.
        from: DemandFrom,
    },
    /// How dirty the grids are.
    Carbon(CarbonFrom),
    /// What clusters cost.
    Prices(PricesFrom),
}

/// Where prices come from.
#[derive(Clone, Debug)]
pub enum PricesFrom {
    /// A file.
    File(PathBuf),
    /// An endpoint.
    Endpoint(Endpoint),
    /// A Prometheus, with a question for each part: its name goes as the app, the cluster's as the zone, and values come
    /// as millionths of a dollar.
    Prometheus(Vec<Asked>),
}

/// Where demand comes from.
#[derive(Clone, Debug)]
pub enum DemandFrom {
    /// A Prometheus is asked.
    Prometheus(Box<Asked>),
    /// A file is followed.
    Csv(PathBuf),
}

/// A question to a Prometheus.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where.
    pub endpoint: Endpoint,
    /// In Prometheus' own language.
    pub query: String,
    /// About which span, if not about now: step and reach, in milliseconds.
    pub range: Option<(u64, u64)>,
    /// What says the app of a series.
    pub app: NamedBy,
    /// What says its zone.
    pub zone: NamedBy,
    /// By what a value is divided to be a rate per second.
    pub per_seconds: f64,
}

/// An HTTP endpoint and how to come in.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Where.
    pub url: Url,
    /// How long an answer may take.
    pub timeout: Duration,
    /// What holds the token.
    pub token_file: Option<PathBuf>,
    /// Whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// What says the app or the zone of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// One of its labels.
    Label(String),
    /// Nothing: it is always this one.
    Always(String),
}

/// Where the intensity of grids comes from.
#[derive(Clone, Debug)]
pub struct CarbonFrom {
    /// Whose form answers have.
    pub form: Form,
    /// Where they are.
    pub place: CarbonPlace,
    /// Which clusters are in which zone.
    pub clusters: BTreeMap<String, Vec<String>>,
    /// What becomes of points in answers that lie ahead.
    pub ahead: Ahead,
}

/// Whose form answers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// <https://docs.watttime.org/>, version 3.
    WattTime,
    /// <https://docs.electricitymaps.com/>, version 3.
    ElectricityMaps,
}

/// Where answers about grids are.
#[derive(Clone, Debug)]
pub enum CarbonPlace {
    /// In a file.
    File(PathBuf),
    /// Behind an endpoint that is asked zone by zone.
    Endpoint(Endpoint),
}

/// What becomes of points that lie ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// Nothing: the last intensity holds.
    Ignored,
    /// Each is told when its time has come, unless something newer is known.
    Told,
}
