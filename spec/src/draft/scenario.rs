//! The kind `Scenario`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{
    DelayDraft, DemandDraft, EnsembleDraft, ExpectDraft, MomentDraft, SelectorDraft,
};
use crate::values::{Duration, LabelKey, Latency, Name, Number, Timestamp};

/// A scenario: a fleet, its users, what happens, and what must come out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Scenario")]
pub struct ScenarioDraft {
    /// What happens in it and what it shows, for people.
    pub story: String,
    /// Where all luck comes from.
    #[serde(default = "one")]
    pub seed: u64,
    /// What the calendar says at its start.
    #[serde(default = "a_monday")]
    pub start: Timestamp,
    /// How long it runs.
    #[serde(default = "one_hour")]
    pub duration: Duration,
    /// Other files, relative to this one, whose documents belong to this scenario too. Of an included
    /// scenario, the includes and tables are taken; its `reach`, `world` and `ensemble` unless this one has its own,
    /// and the demand for those apps that this one has none for.
    #[serde(default)]
    pub include: Vec<String>,
    /// Clusters and zones from CSV files.
    #[serde(default)]
    pub tables: Vec<TableDraft>,
    /// Which places reach which clusters, and how long it takes.
    #[serde(default)]
    pub reach: ReachDraft,
    /// How many users ask for what, where and when.
    #[serde(default)]
    pub demand: Vec<DemandDraft>,
    /// How the world behaves.
    #[serde(default)]
    pub world: WorldDraft,
    /// Other days that it could be as well, to plan for.
    #[serde(default)]
    pub ensemble: Box<EnsembleDraft>,
    /// What happens when.
    #[serde(default)]
    pub timeline: Vec<MomentDraft>,
    /// What must come out.
    #[serde(default)]
    pub expect: Vec<ExpectDraft>,
}

/// Clusters or zones from a CSV file: a template, filled once for each row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Table")]
pub struct TableDraft {
    /// What the rows are.
    pub kind: TableKind,
    /// The file, relative to the one that names it. Its first line names the columns.
    pub file: String,
    /// Which field each column fills: from a field's path, as in `spec.location.latitude`, to a column. An
    /// empty cell leaves the field as the template has it.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// The document that each row becomes, with `metadata` and `spec` as in YAML. In its texts, `${column}`
    /// stands for the row's cell, and `${row}` for the row's number, counted from 1.
    #[serde(default)]
    pub template: serde_json::Value,
}

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TableKind {
    /// Clusters.
    Cluster,
    /// Zones.
    Zone,
}

/// Which places reach which clusters, and how long a round trip takes.
///
/// A measured way wins over the model. Only the nearest clusters of each place are candidates, so that a
/// fleet of ten thousand stays tractable; those that `always` selects are candidates from everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Reach")]
pub struct ReachDraft {
    /// How many clusters a place reaches at most: those with the shortest round trips.
    #[schemars(range(min = 1, max = 4_000))]
    pub nearest: u32,
    /// Clusters that every place reaches besides, by label: central clouds, usually.
    pub always: Option<SelectorDraft>,
    /// How distances become round trips.
    pub model: ReachModelDraft,
    /// Measured round trips.
    pub links: Vec<LinkDraft>,
    /// Measured round trips from a CSV file.
    pub table: Option<ReachTableDraft>,
}

/// How distances become round trips: the access delays of both ends, and the great circle between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "ReachModel")]
pub struct ReachModelDraft {
    /// How much longer a round trip takes than light in a fibre along the great circle, which takes 10 µs per
    /// kilometre and round trip.
    pub fibre_factor: Number,
    /// A zone's part of a round trip, where the zone does not say it itself: the users' last mile.
    pub zone_access: Latency,
    /// A cluster's part of a round trip, where the cluster does not say it itself.
    pub cluster_access: Latency,
}

/// A measured round trip. It holds in the other direction too, unless that is measured as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Link")]
pub struct LinkDraft {
    /// A cluster or zone.
    pub from: Name,
    /// A cluster or zone.
    pub to: Name,
    /// The round-trip time.
    pub rtt: Latency,
}

/// Measured round trips from a CSV file. Rows with an empty time, or about places that do not exist, are
/// left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ReachTable")]
pub struct ReachTableDraft {
    /// The file, relative to the one that names it.
    pub file: String,
    /// The column with one end's name.
    #[serde(default = "from")]
    pub from: String,
    /// The column with the other end's name.
    #[serde(default = "to")]
    pub to: String,
    /// The column with the round-trip time in milliseconds.
    #[serde(default = "ms")]
    pub ms: String,
    /// A label key: names in the table that are no place's own stand for all places whose label has that
    /// value. So a table between regions holds for all that is in them.
    #[serde(default)]
    pub by: Option<LabelKey>,
}

/// How the world behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "World")]
pub struct WorldDraft {
    /// How often a cluster is heard of.
    pub heartbeat_every: Duration,
    /// How often a cluster reports its room.
    pub capacity_every: Duration,
    /// How often demand is measured.
    pub demand_every: Duration,
    /// How often the world is metered.
    pub meter_every: Duration,
    /// From a fact to the hub's knowing it.
    pub report_delay: DelayDraft,
    /// How long effects are gathered before they are committed.
    pub commit_window: Duration,
    /// From a commit to its being pushed.
    pub push: DelayDraft,
    /// How long users go on using an old route.
    pub dns_ttl: Duration,
    /// From a removed object to its pods being gone.
    pub stop: DelayDraft,
}

impl ScenarioDraft {
    /// A scenario with this story, and defaults for the rest.
    #[must_use]
    pub fn new(story: impl Into<String>, duration: Duration) -> Self {
        Self {
            story: story.into(),
            seed: one(),
            start: a_monday(),
            duration,
            include: Vec::new(),
            tables: Vec::new(),
            reach: ReachDraft::default(),
            demand: Vec::new(),
            world: WorldDraft::default(),
            ensemble: Box::default(),
            timeline: Vec::new(),
            expect: Vec::new(),
        }
    }
}

impl Default for ReachDraft {
    fn default() -> Self {
        Self {
            nearest: 64,
            always: None,
            model: ReachModelDraft::default(),
            links: Vec::new(),
            table: None,
        }
    }
}

impl Default for ReachModelDraft {
    /// See [`rtt`](crate::border::rtt) for where these come from.
    fn default() -> Self {
        Self {
            fibre_factor: Number::thousandths(1_500),
            zone_access: Latency::millis(5),
            cluster_access: Latency::millis(1),
        }
    }
}

impl Default for WorldDraft {
    fn default() -> Self {
        Self {
            heartbeat_every: Duration::seconds(30),
            capacity_every: Duration::seconds(60),
            demand_every: Duration::seconds(60),
            meter_every: Duration::seconds(60),
            report_delay: Duration::seconds(1).into(),
            commit_window: Duration::seconds(5),
            push: DelayDraft::Spread { p50: Duration::seconds(2), p95: Duration::seconds(6) },
            dns_ttl: Duration::seconds(60),
            stop: Duration::seconds(10).into(),
        }
    }
}

const fn one() -> u64 {
    1
}

/// Monday, 5 January 2026, midnight UTC: a week that begins where weeks begin.
const fn a_monday() -> Timestamp {
    Timestamp(1_767_571_200_000)
}

const fn one_hour() -> Duration {
    Duration::seconds(3_600)
}

fn from() -> String {
    "from".to_owned()
}

fn to() -> String {
    "to".to_owned()
}

fn ms() -> String {
    "ms".to_owned()
}
