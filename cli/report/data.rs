//! What a report's page is told. Its scripts read these names.

use serde::Serialize;

use crate::report::short::Short;

/// The version of this shape.
pub(crate) const VERSION: u16 = 1;

/// A study, as its page reads it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportData {
    pub(crate) version: u16,
    pub(crate) made_by: String,
    /// What was asked, as it can be asked again.
    pub(crate) command: String,
    /// The scenario's file, as it was named.
    pub(crate) file: String,
    pub(crate) scenario: ScenarioTold,
    pub(crate) seeds: Vec<u64>,
    /// The same in words: so many seeds, or days.
    pub(crate) drawn: String,
    /// What intervals cover, and what not.
    pub(crate) uncertainty: String,
    pub(crate) confidence: f64,
    /// How close the simulated world comes to the log that all variants begin as.
    pub(crate) closeness: Option<ClosenessTold>,
    /// Every variant; the first is the one that the others are compared with.
    pub(crate) variants: Vec<VariantTold>,
    pub(crate) measures: Vec<MeasureTold>,
    pub(crate) differences: Vec<DifferenceTold>,
    /// What `plan` was asked for and found.
    pub(crate) plan: Option<PlanTold>,
    pub(crate) clusters: Vec<PlaceTold>,
    pub(crate) zones: Vec<PlaceTold>,
    /// What happened in the first seed of the variants that are shown.
    pub(crate) courses: Vec<CourseTold>,
    /// What was left out, and other things to know.
    pub(crate) notes: Vec<String>,
}

/// A table of texts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClosenessTold {
    /// From when on settings hold.
    pub(crate) from: String,
    pub(crate) verdict: String,
    pub(crate) head: [&'static str; 5],
    pub(crate) rows: Vec<[String; 5]>,
    pub(crate) legend: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScenarioTold {
    pub(crate) name: String,
    pub(crate) story: String,
    pub(crate) hours: Short,
    /// When it starts, in milliseconds since the Unix epoch.
    pub(crate) epoch_ms: i64,
    pub(crate) clusters: usize,
    pub(crate) zones: usize,
    pub(crate) apps: Vec<String>,
    pub(crate) fingerprint: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariantTold {
    pub(crate) name: String,
    pub(crate) short: String,
    pub(crate) settings: Vec<String>,
    /// What came out, in words; nothing for the first.
    pub(crate) sentence: Option<String>,
    /// The mean of each measure.
    pub(crate) means: Vec<Option<Short>>,
    /// The same, as people read it.
    pub(crate) told: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeasureTold {
    pub(crate) path: String,
    pub(crate) label: String,
}

/// What a variant differs in, by their places.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DifferenceTold {
    pub(crate) variant: usize,
    pub(crate) measure: usize,
    pub(crate) size: Short,
    pub(crate) margin: Option<Short>,
    pub(crate) relative: Option<Short>,
    pub(crate) relative_margin: Option<Short>,
    /// Whether the interval tells it from nothing; unknown from a single seed.
    pub(crate) sure: Option<bool>,
    pub(crate) told: String,
    pub(crate) told_relative: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanTold {
    /// The place of the measure that is to be small.
    pub(crate) minimize: usize,
    pub(crate) goals: Vec<GoalTold>,
    /// The variant that holds all goals for least.
    pub(crate) chosen: Option<usize>,
    /// In the order of the variants.
    pub(crate) candidates: Vec<CandidateTold>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GoalTold {
    pub(crate) text: String,
    pub(crate) measure: usize,
    pub(crate) at_least: bool,
    pub(crate) limit: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandidateTold {
    pub(crate) holds: bool,
    pub(crate) frontier: bool,
    /// For each goal, what the true mean is not worse than.
    pub(crate) bounds: Vec<Short>,
    pub(crate) told_bounds: Vec<String>,
}

/// A cluster or a zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaceTold {
    pub(crate) name: String,
    /// The kind of a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// Degrees north and east.
    pub(crate) at: Option<[f64; 2]>,
}

/// One run, looked at closely.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CourseTold {
    pub(crate) variant: usize,
    pub(crate) seed: u64,
    pub(crate) digest: String,
    pub(crate) happenings: Vec<HappeningTold>,
    /// How long each point of the series is.
    pub(crate) step_seconds: Short,
    /// All apps together, then each by itself if there are several.
    pub(crate) series: Vec<SeriesTold>,
    pub(crate) hours: Option<HoursTold>,
    /// Where it parts from the first, if it is another.
    pub(crate) partings: Vec<PartingTold>,
    /// In how many flows the two differ at all.
    pub(crate) flows_that_differ: usize,
}

/// What the world did, as the timeline says.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HappeningTold {
    pub(crate) hour: Short,
    pub(crate) text: String,
}

/// How an app fared, point by point.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeriesTold {
    pub(crate) app: Option<String>,
    /// Requests per second; likewise those below.
    pub(crate) offered: Vec<Short>,
    pub(crate) served: Vec<Short>,
    /// Milliseconds; nothing where nothing was served.
    pub(crate) p50: Vec<Option<Short>>,
    pub(crate) p95: Vec<Option<Short>>,
    pub(crate) p99: Vec<Option<Short>>,
    /// US dollars per hour.
    pub(crate) cost: Vec<Short>,
    /// Grams of CO2e per hour.
    pub(crate) carbon: Vec<Short>,
    /// Ready pods.
    pub(crate) replicas: Vec<u32>,
    /// Clusters in which something was held.
    pub(crate) clusters: Vec<u32>,
}

/// Who served whom, hour by hour. Places are counted in the report's lists.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HoursTold {
    /// The hours that are shown, counted from the start.
    pub(crate) shown: Vec<u32>,
    pub(crate) ways: WaysTold,
    pub(crate) clusters: LoadsTold,
    pub(crate) zones: DemandsTold,
}

/// Requests from zones to clusters, column by column.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WaysTold {
    pub(crate) hour: Vec<u32>,
    pub(crate) zone: Vec<usize>,
    pub(crate) cluster: Vec<usize>,
    /// Served requests per second.
    pub(crate) served: Vec<Short>,
}

/// What clusters did, column by column.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadsTold {
    pub(crate) hour: Vec<u32>,
    pub(crate) cluster: Vec<usize>,
    /// Served requests per second.
    pub(crate) served: Vec<Short>,
    /// Cores that pods were bound with, on average.
    pub(crate) cores: Vec<Short>,
    /// US dollars.
    pub(crate) cost: Vec<Short>,
}

/// What zones asked for and got, column by column.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DemandsTold {
    pub(crate) hour: Vec<u32>,
    pub(crate) zone: Vec<usize>,
    /// Requests per second.
    pub(crate) offered: Vec<Short>,
    pub(crate) served: Vec<Short>,
    /// The part that was answered within the promised latency.
    pub(crate) kept: Vec<Short>,
    pub(crate) p95: Vec<Option<Short>>,
}

/// A stretch of time in which two runs serve the same users from different clusters.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PartingTold {
    /// The app, with the group behind it if it has several.
    pub(crate) app: String,
    /// Whose requests.
    pub(crate) place: String,
    pub(crate) from: String,
    pub(crate) until: String,
    /// The same in hours, for the charts.
    pub(crate) hours: [Short; 2],
    /// Requests per second, on average.
    pub(crate) rate: String,
    /// How many requests were sent elsewhere.
    pub(crate) moved: String,
    /// What all of them would have cost more or less.
    pub(crate) stake: String,
    /// In the first variant, and in this one.
    pub(crate) sides: [SideTold; 2],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SideTold {
    /// Who takes the requests, with their parts.
    pub(crate) takers: String,
    /// Its price, per million requests.
    pub(crate) price: Option<String>,
    pub(crate) decided: Option<DecidedTold>,
    /// The guard that held a change back in the meantime.
    pub(crate) held: Option<String>,
}

/// A decision, as `why` tells it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DecidedTold {
    pub(crate) seq: u64,
    pub(crate) at: String,
    pub(crate) verdict: String,
    pub(crate) because: String,
    pub(crate) bills: Vec<BillTold>,
    /// How many candidates had bills.
    pub(crate) billed: usize,
    pub(crate) refusals: Vec<RefusalTold>,
    pub(crate) runner_up: Option<String>,
    /// The command that explains it from a log.
    pub(crate) why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BillTold {
    pub(crate) cluster: String,
    pub(crate) rtt: String,
    /// Whether requests go there.
    pub(crate) takes: bool,
    /// Whether they go there on the other side.
    pub(crate) other: bool,
    /// The total, then line by line.
    pub(crate) lines: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalTold {
    pub(crate) count: usize,
    pub(crate) code: String,
    /// One of them, with its reason.
    pub(crate) text: String,
    pub(crate) cure: String,
}
