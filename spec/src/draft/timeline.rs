//! The timeline: what happens when.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::draft::{Document, OneOrMany, SelectionDraft};
use crate::values::{Duration, Name, Number, Percentage};

/// Something that happens: a time and exactly one verb.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Moment", transform = exactly_one_verb)]
pub struct MomentDraft {
    /// When, counted from the start of the scenario.
    pub at: Duration,
    /// For how long; to the end of the scenario where it is not given. Only with verbs that say what happens
    /// to the world, not with commands.
    #[serde(rename = "for")]
    pub lasts: Option<Duration>,

    /// Command: place nothing new in these clusters.
    pub cordon: Option<SelectionDraft>,
    /// Command: place in these clusters again.
    pub uncordon: Option<SelectionDraft>,
    /// Command: move everything out of these clusters.
    pub drain: Option<SelectionDraft>,
    /// Command: stop moving out of these clusters.
    pub undrain: Option<SelectionDraft>,
    /// Command: treat these clusters as lost without waiting.
    pub lost: Option<SelectionDraft>,
    /// Command: these clusters leave the fleet for good.
    pub retire: Option<SelectionDraft>,
    /// Command: run a group in one cluster only.
    pub pin: Option<PinDraft>,
    /// Command: let a group run where it is best.
    pub unpin: Option<UnpinDraft>,
    /// Command: let the oldest held change happen.
    pub approve: Option<Oldest>,
    /// Command: decide and record, but change nothing.
    pub pause: Option<Everything>,
    /// Command: act again.
    pub resume: Option<Everything>,
    /// Command: withdraw these apps.
    pub withdraw: Option<OneOrMany>,
    /// Command: declare what these documents say, new or changed.
    pub declare: Option<Vec<Document>>,

    /// World: these clusters are down. Their pods are dead, they say nothing.
    pub outage: Option<SelectionDraft>,
    /// World: these clusters cannot be heard, nor hear. Their pods go on serving.
    pub partition: Option<SelectionDraft>,
    /// World: nodes are gone.
    pub node_loss: Option<NodeLossDraft>,
    /// World: others use room on every node.
    pub drift: Option<DriftDraft>,
    /// World: prices change.
    pub price: Option<PriceActDraft>,
    /// World: the grid changes.
    pub carbon: Option<CarbonActDraft>,
    /// World: demand changes by a factor.
    pub surge: Option<SurgeDraft>,
    /// World: sensors report a wrong demand, or nothing.
    pub sensor: Option<SensorDraft>,
    /// World: pushes to git fail.
    pub git_outage: Option<Everything>,
    /// World: the pods of a component fail.
    pub pod_failure: Option<PodFailureDraft>,
    /// World: reports from clusters take longer.
    pub late_reports: Option<LateReportsDraft>,
}

/// The only thing that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Oldest {
    /// The oldest.
    Oldest,
}

/// All there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Everything {
    /// Everything.
    All,
}

/// Run a group in one cluster only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Pin")]
pub struct PinDraft {
    /// Whose group.
    pub app: Name,
    /// Which group; the front that users enter where it is not given.
    #[serde(default)]
    pub group: Option<Name>,
    /// Where.
    pub cluster: Name,
}

/// Let a group run where it is best.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Unpin")]
pub struct UnpinDraft {
    /// Whose group.
    pub app: Name,
    /// Which group; the front that users enter where it is not given.
    #[serde(default)]
    pub group: Option<Name>,
}

/// Nodes are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NodeLoss")]
pub struct NodeLossDraft {
    /// Where.
    pub clusters: SelectionDraft,
    /// How many in each.
    #[schemars(range(min = 1))]
    pub nodes: u32,
}

/// Others use room on every node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Drift")]
pub struct DriftDraft {
    /// Where.
    pub clusters: SelectionDraft,
    /// The part of each node that they use.
    pub used: Percentage,
}

/// Prices change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "PriceAct")]
pub struct PriceActDraft {
    /// Where.
    pub clusters: SelectionDraft,
    /// To what they were before.
    pub factor: Number,
}

/// The grid changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "CarbonAct")]
pub struct CarbonActDraft {
    /// Where.
    pub clusters: SelectionDraft,
    /// To so many grams of CO2e per kilowatt-hour.
    pub to: u32,
}

/// Demand changes by a factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Surge")]
pub struct SurgeDraft {
    /// For which apps; all where none are given.
    #[serde(default)]
    pub apps: OneOrMany,
    /// From which zones; all where none are given.
    #[serde(default)]
    pub zones: SelectionDraft,
    /// To what it was before.
    pub factor: Number,
}

/// Sensors report a wrong demand, or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Sensor")]
pub struct SensorDraft {
    /// For which apps; all where none are given.
    #[serde(default)]
    pub apps: OneOrMany,
    /// From which zones; all where none are given.
    #[serde(default)]
    pub zones: SelectionDraft,
    /// The part of the truth that they show. Where it is not given, they report nothing at all.
    #[serde(default)]
    pub shows: Option<Percentage>,
}

/// The pods of a component fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "PodFailure")]
pub struct PodFailureDraft {
    /// Whose.
    pub app: Name,
    /// Which component.
    pub component: Name,
    /// Where; everywhere where it is not given.
    #[serde(default)]
    pub clusters: Option<SelectionDraft>,
    /// How.
    #[serde(default)]
    pub fault: FaultDraft,
}

/// How pods fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Fault")]
pub enum FaultDraft {
    /// The objects cannot be applied.
    ApplyFailed,
    /// The image cannot be pulled.
    ImagePull,
    /// The pod does not start, or keeps crashing.
    #[default]
    PodFailed,
    /// It takes too long.
    TimedOut,
}

/// Reports from clusters take longer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "LateReports")]
pub struct LateReportsDraft {
    /// From which.
    pub clusters: SelectionDraft,
    /// How much longer.
    pub by: Duration,
}

/// The verbs, of which a moment has exactly one.
const VERBS: [&str; 24] = [
    "cordon",
    "uncordon",
    "drain",
    "undrain",
    "lost",
    "retire",
    "pin",
    "unpin",
    "approve",
    "pause",
    "resume",
    "withdraw",
    "declare",
    "outage",
    "partition",
    "nodeLoss",
    "drift",
    "price",
    "carbon",
    "surge",
    "sensor",
    "gitOutage",
    "podFailure",
    "lateReports",
];

fn exactly_one_verb(schema: &mut Schema) {
    schema.insert("required".into(), vec!["at"].into());
    let one = |verb: &&str| serde_json::json!({ "required": [verb] });
    schema.insert("oneOf".into(), VERBS.iter().map(one).collect());
}
