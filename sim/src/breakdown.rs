//! Breakdowns: what the meter says of an app, a zone, a cluster, an hour, or of any of them together.
//!
//! Nobody has to be told more than the sums of a run; who wants more says along which dimensions, and gets one
//! [`Part`] for each combination in which anything was asked for or held.

use std::collections::BTreeSet;
use std::fmt;

use periplus_core::ids::{AppId, ClusterId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::meter::{Book, Key, Money};

/// Along what the sums of a run are taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Dimension {
    /// The app that was asked for.
    App,
    /// Where its users are.
    Zone,
    /// Where they were served.
    Cluster,
    /// When, in hours from the start.
    Hour,
}

/// A set of dimensions, never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breakdown(BTreeSet<Dimension>);

/// What happened to one app, zone, cluster and hour, as far as they are told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The app, if apps are told apart; likewise the others.
    pub app: Option<AppId>,
    /// The zone.
    pub zone: Option<ZoneId>,
    /// The cluster; none for what nobody served.
    pub cluster: Option<ClusterId>,
    /// The hour.
    pub hour: Option<u32>,
    /// Requests that users made.
    pub offered: f64,
    /// Requests that were served.
    pub served: f64,
    /// Requests that were answered within the promised latency.
    pub attained: f64,
    /// How long served requests took on average, in milliseconds; none if none were served.
    pub mean_ms: Option<f64>,
    /// Half of them took at most this long.
    pub p50_ms: Option<f64>,
    /// 95 % of them took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 % of them took at most this long.
    pub p99_ms: Option<f64>,
    /// What was spent; none where zones are told apart, because a site is not paid for by zone.
    pub spent: Option<Spent>,
}

/// What an app, a cluster or an hour cost.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// US dollars.
    pub cost: f64,
    /// US dollars of it for bytes that left clusters.
    pub egress: f64,
    /// Grams of CO2e.
    pub carbon_grams: f64,
    /// Watt-hours.
    pub energy_wh: f64,
    /// Cores that pods were bound with, times hours.
    pub core_hours: f64,
    /// Pods that had to wait for their image.
    pub cold_starts: u64,
}

impl Dimension {
    /// All dimensions, in the order in which tables name them.
    pub const ALL: [Self; 4] = [Self::App, Self::Zone, Self::Cluster, Self::Hour];

    /// Its name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Zone => "zone",
            Self::Cluster => "cluster",
            Self::Hour => "hour",
        }
    }
}

impl Breakdown {
    /// Along these dimensions; nothing if there are none.
    #[must_use]
    pub fn new(dimensions: impl IntoIterator<Item = Dimension>) -> Option<Self> {
        let dimensions: BTreeSet<_> = dimensions.into_iter().collect();
        (!dimensions.is_empty()).then_some(Self(dimensions))
    }

    /// Whether this dimension is told apart.
    #[must_use]
    pub fn has(&self, dimension: Dimension) -> bool {
        self.0.contains(&dimension)
    }

    /// The dimensions, in the order in which tables name them.
    pub fn dimensions(&self) -> impl Iterator<Item = Dimension> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for Breakdown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.dimensions().map(Dimension::name).collect();
        out.write_str(&names.join("-"))
    }
}

impl Part {
    pub(crate) fn new(key: Key, book: &Book, spent: Option<Spent>) -> Self {
        let Key { hour, app, zone, cluster } = key;
        let requests = |millionths: u64| millionths as f64 / 1e6;
        let took = |value: f64| (book.served > 0).then_some(value);
        Self {
            app,
            zone,
            cluster,
            hour,
            offered: requests(book.offered),
            served: requests(book.served),
            attained: requests(book.attained),
            mean_ms: took(book.latency.mean() / 1e3),
            p50_ms: took(book.quantile_ms(0.50)),
            p95_ms: took(book.quantile_ms(0.95)),
            p99_ms: took(book.quantile_ms(0.99)),
            spent,
        }
    }
}

impl Spent {
    pub(crate) fn new(money: &Money, core_hours: f64, cold_starts: u64) -> Self {
        Self {
            cost: money.total(),
            egress: money.egress,
            carbon_grams: money.carbon,
            energy_wh: money.energy,
            core_hours,
            cold_starts,
        }
    }
}
