//! Ensembles: the other days that a scenario could be as well.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{DelayDraft, SelectionDraft};
use crate::values::{Duration, LabelKey, Number};

/// Days like that of the scenario, to plan for: each is drawn from its seed. What is not said does not differ between
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Ensemble")]
pub struct EnsembleDraft {
    /// Recorded demand is put together anew.
    pub demand: Option<BlocksDraft>,
    /// How demand grows.
    pub growth: Option<GrowthDraft>,
    /// How long it takes until what is ordered today is there: drawn days come after that.
    pub lead_time: Duration,
    /// For how long it is planned: days are drawn evenly from the time after the lead time.
    pub horizon: Duration,
    /// What fails by chance.
    pub failures: Vec<FailureDraft>,
    /// What there is to spare: on every day, one of these is out from the start (N+1).
    pub spare: Option<SpareDraft>,
}

/// How recorded demand is put together anew: block by block, each from another recorded season at the same time of the
/// season, the same one for all zones and apps (a seasonal block bootstrap).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Blocks")]
pub struct BlocksDraft {
    /// How long a block is: what lies within it stays together as it was recorded.
    #[serde(default = "two_hours")]
    pub block: Duration,
    /// After which time demand is of the same kind again: a day, or a week.
    #[serde(default = "one_day")]
    pub season: Duration,
}

/// A growth that nobody knows for sure: log-normal through two quantiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Growth")]
pub struct GrowthDraft {
    /// What demand is multiplied by in a year, as likely more as less.
    pub p50: Number,
    /// What it will not be more than with 95 % certainty.
    pub p95: Number,
}

/// Clusters that are out by chance, as a Poisson process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Failure")]
pub struct FailureDraft {
    /// Which.
    pub clusters: SelectionDraft,
    /// A label key: clusters with the same value fail together. Each by itself where it is not given.
    #[serde(default)]
    pub by: Option<LabelKey>,
    /// How often in a year, each of them.
    pub per_year: Number,
    /// For how long.
    pub lasts: LastsDraft,
}

/// For how long something is out: as it is said, or as was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Lasts")]
pub enum LastsDraft {
    /// Through quantiles.
    Delay(DelayDraft),
    /// As one of the rows of a CSV file, each as likely as the others.
    Recorded(RecordedDraft),
}

/// Durations in minutes, from a column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Recorded")]
pub struct RecordedDraft {
    /// The file, relative to the one that names it.
    pub file: String,
    /// The column.
    #[serde(default = "minutes")]
    pub column: String,
}

/// What there is to spare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Spare")]
pub struct SpareDraft {
    /// One of these is out.
    pub clusters: SelectionDraft,
    /// A label key: all clusters with one value of it are out, rather than one cluster.
    #[serde(default)]
    pub by: Option<LabelKey>,
}

const fn two_hours() -> Duration {
    Duration::seconds(7_200)
}

const fn one_day() -> Duration {
    Duration::seconds(86_400)
}

fn minutes() -> String {
    "minutes".to_owned()
}
