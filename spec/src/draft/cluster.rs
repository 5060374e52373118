//! The kind `Cluster`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::draft::{CapacityDraft, InfrastructureDraft, LocationDraft, ResourcesDraft};
use crate::values::{
    Distance, Duration, LabelKey, LabelValue, Latency, Name, Number, Percentage, Price, Quantity,
};

/// A Kubernetes cluster at a site: where it is, what it has, what it costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Cluster")]
pub struct ClusterDraft {
    /// The kind of cluster. Clusters of one kind run a component equally fast, and share its staffing table.
    #[serde(default = "default_kind")]
    pub kind: Name,
    /// Where it is. Without it, only measured ways lead here.
    #[serde(default)]
    pub location: Option<LocationDraft>,
    /// This end's part of every round trip; the scenario's `reach.model.clusterAccess` where it is not given.
    #[serde(default)]
    pub access_delay: Option<Latency>,
    /// How far away a zone may be, along the great circle, to reach this cluster at all; the limit itself is
    /// near enough. Any distance where it is not given.
    #[serde(default)]
    pub coverage: Option<Distance>,
    /// How fast its CPUs are: service times are divided by this. The same for all clusters of a kind.
    #[serde(default = "one")]
    pub speed: Number,
    /// What keeps apps away unless they tolerate it.
    #[serde(default)]
    pub taints: Vec<TaintDraft>,
    /// Its nodes, at least one pool.
    #[schemars(length(min = 1))]
    pub node_pools: Vec<NodePoolDraft>,
    /// What it costs.
    #[serde(default)]
    pub prices: PricesDraft,
    /// Other prices from later points in time on, ascending.
    #[serde(default)]
    pub price_schedule: Vec<ScheduledPricesDraft>,
    /// What electricity it draws.
    #[serde(default)]
    pub power: PowerDraft,
    /// What brings content from git into it.
    #[serde(default)]
    pub agent: AgentDraft,
    /// What it has for connecting and protecting apps.
    #[serde(default)]
    pub infrastructure: InfrastructureDraft,
    /// How fast it pulls images, in bytes per second.
    #[serde(default = "fifty_megabytes")]
    pub pull_bandwidth: Quantity,
    /// What it takes to have it, besides its prices. Nothing where it is not given.
    #[serde(default)]
    pub investment: Option<InvestmentDraft>,
    /// When it joins the fleet, counted from the start of the scenario.
    #[serde(default)]
    pub joins_at: Duration,
}

/// A taint of a cluster: only apps that tolerate it are placed there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Taint")]
pub struct TaintDraft {
    /// Its key.
    pub key: LabelKey,
    /// Its value.
    #[serde(default)]
    pub value: Option<LabelValue>,
    /// What it does to apps that do not tolerate it.
    #[serde(default)]
    pub effect: TaintEffectDraft,
}

/// What a taint does to apps that do not tolerate it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaintEffect")]
pub enum TaintEffectDraft {
    /// They move away.
    NoExecute,
    /// They stay, but nothing new is placed.
    #[default]
    NoSchedule,
}

/// Equal nodes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "NodePool")]
pub struct NodePoolDraft {
    /// The pool's name.
    #[serde(default = "default_pool")]
    pub name: Name,
    /// How many nodes it has.
    #[serde(default = "one_node")]
    pub nodes: u32,
    /// What one node has.
    pub capacity: CapacityDraft,
    /// What the system keeps on each node.
    #[serde(default)]
    pub reserved: ResourcesDraft,
    /// Whether and how the pool grows while pods find no room.
    #[serde(default)]
    pub autoscaler: Option<AutoscalerDraft>,
}

/// How a node pool grows and shrinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Autoscaler")]
pub struct AutoscalerDraft {
    /// The most nodes.
    pub max: u32,
    /// How long a new node takes.
    #[serde(default = "three_minutes")]
    pub delay: Duration,
    /// How long a node must be empty before it goes.
    #[serde(default = "ten_minutes")]
    pub idle_after: Duration,
}

/// What a cluster costs, in US dollars. The defaults are list prices of 2025 for AWS Fargate and egress to
/// the internet in us-east-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Prices")]
pub struct PricesDraft {
    /// Per requested core and hour.
    pub core_hour: Price,
    /// Per requested GiB of memory and hour.
    pub gib_hour: Price,
    /// Per hour in which a group is active here, whatever its size.
    pub active_hour: Price,
    /// Per gigabyte (10⁹ bytes) that leaves the cluster.
    #[serde(rename = "egressGB")]
    pub egress_gb: Price,
    /// Per unit and hour, for each extended resource.
    pub extended: BTreeMap<String, Price>,
}

/// Prices from a point in time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ScheduledPrices")]
pub struct ScheduledPricesDraft {
    /// From when on, counted from the start of the scenario.
    pub at: Duration,
    /// What it costs then.
    pub prices: PricesDraft,
}

/// What it takes to have a cluster, in US dollars: paid once, and written off evenly over its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Investment")]
pub struct InvestmentDraft {
    /// For the site, if there is any node at it.
    #[serde(default)]
    pub site: Price,
    /// For each node.
    #[serde(default)]
    pub node: Price,
    /// After how many years it is replaced.
    #[serde(default = "five")]
    pub life_years: Number,
    /// What money costs in a year.
    #[serde(default)]
    pub interest: Percentage,
    /// What it takes in a year to keep it, as a part of what was paid.
    #[serde(default)]
    pub upkeep: Percentage,
}

/// What electricity a cluster draws.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Power")]
pub struct PowerDraft {
    /// Watts that a requested core draws at its usual load. The default is that of a vCPU in Etsy's "Cloud
    /// Jewels" (2020).
    pub watts_per_core: Number,
    /// Power usage effectiveness of the building. The default is about the average that the Uptime Institute
    /// found in 2020 to 2024.
    pub pue: Number,
    /// How dirty its grid is. The default is the world's average of 2023 after Ember.
    pub carbon: CarbonDraft,
}

/// How dirty a grid is: always the same, or as a trace says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Carbon")]
pub enum CarbonDraft {
    /// Always so many grams of CO2e per kilowatt-hour.
    GramsPerKwh(u32),
    /// As a column of a CSV file says.
    Trace(CarbonTraceDraft),
}

/// Carbon intensity in grams of CO2e per kilowatt-hour, from a column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "CarbonTrace")]
pub struct CarbonTraceDraft {
    /// The file, relative to the one that names it.
    pub file: String,
    /// The column. Empty cells keep the value before them.
    pub column: String,
    /// How long each row holds.
    #[serde(default = "one_hour")]
    pub step: Duration,
    /// How far into the trace the scenario starts.
    #[serde(default)]
    pub skip: Duration,
}

/// What brings content from git into a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[schemars(rename = "Agent")]
pub struct AgentDraft {
    /// Which software.
    #[serde(rename = "type")]
    pub agent: AgentType,
    /// How often it looks: 1 minute for Flux and 3 minutes for Argo CD where it is not given, as both do.
    pub interval: Option<Duration>,
    /// Whether it is told of a push at once.
    pub webhook: bool,
    /// How long it takes to apply what it found: 5 seconds where it is not given.
    pub apply: Option<Duration>,
}

/// Software that brings content from git into a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AgentType {
    /// Flux.
    #[default]
    Flux,
    /// Argo CD.
    Argocd,
}

impl ClusterDraft {
    /// A cluster of the default kind with one pool of equal nodes, and defaults for the rest.
    #[must_use]
    pub fn new(nodes: u32, cpu: Quantity, memory: Quantity) -> Self {
        let capacity = CapacityDraft { cpu, memory, pods: 110, extended: BTreeMap::new() };
        Self {
            kind: default_kind(),
            location: None,
            access_delay: None,
            coverage: None,
            speed: one(),
            taints: Vec::new(),
            node_pools: vec![NodePoolDraft {
                name: default_pool(),
                nodes,
                capacity,
                reserved: ResourcesDraft::default(),
                autoscaler: None,
            }],
            prices: PricesDraft::default(),
            price_schedule: Vec::new(),
            power: PowerDraft::default(),
            agent: AgentDraft::default(),
            infrastructure: InfrastructureDraft::default(),
            pull_bandwidth: fifty_megabytes(),
            investment: None,
            joins_at: Duration::default(),
        }
    }
}

impl Default for PricesDraft {
    fn default() -> Self {
        Self {
            core_hour: Price::micros(40_480),
            gib_hour: Price::micros(4_445),
            active_hour: Price::default(),
            egress_gb: Price::micros(90_000),
            extended: BTreeMap::new(),
        }
    }
}

impl Default for PowerDraft {
    fn default() -> Self {
        Self {
            watts_per_core: Number::thousandths(2_100),
            pue: Number::thousandths(1_550),
            carbon: CarbonDraft::GramsPerKwh(480),
        }
    }
}

fn default_kind() -> Name {
    "default".parse().expect("a valid name")
}

fn default_pool() -> Name {
    "default".parse().expect("a valid name")
}

const fn five() -> Number {
    Number::thousandths(5_000)
}

const fn one() -> Number {
    Number::thousandths(1_000)
}

const fn one_node() -> u32 {
    1
}

const fn fifty_megabytes() -> Quantity {
    Quantity::whole(50_000_000)
}

const fn three_minutes() -> Duration {
    Duration::seconds(180)
}

const fn ten_minutes() -> Duration {
    Duration::seconds(600)
}

const fn one_hour() -> Duration {
    Duration::seconds(3_600)
}
