//! Sightings: what was seen of the world, in names. The desk finds the machine's ids for them, and leaves out what is
//! about nothing that was declared.

use std::collections::BTreeMap;

use periplus_core::input::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

/// What somebody saw, and when it was true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When it was true, in milliseconds since 1970-01-01 UTC.
    pub as_of_unix_ms: i64,
    /// What was seen.
    pub sight: Sight,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// A cluster was heard of: its API answered, or it sent a report.
    Alive {
        /// Its name.
        cluster: String,
    },
    /// The free room of a cluster's nodes, without the pods that we own.
    Room {
        /// Its name.
        cluster: String,
        /// Its node pools.
        pools: Vec<Pool>,
    },
    /// The state of objects that we own in one cluster.
    Workloads {
        /// Its name.
        cluster: String,
        /// Some of them; what is not among them is as it was.
        workloads: Vec<Workload>,
    },
    /// Demand, app by app and zone by zone.
    Demand {
        /// Who measured it. Each source is ordered in itself.
        source: String,
        /// What it measured.
        measures: Measures,
        /// The rates, ascending by app and zone.
        rates: Vec<Rate>,
    },
    /// How dirty the grids of clusters are.
    Carbon {
        /// By cluster, in grams of carbon dioxide per kWh.
        intensities: Vec<(String, u32)>,
    },
    /// What clusters cost.
    Prices {
        /// By cluster.
        prices: Vec<(String, Prices)>,
    },
}

/// What is known of a cluster's prices, in millionths of a dollar; what is not is as declared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices {
    /// Per requested core and hour.
    pub core_hour: Option<u64>,
    /// Per requested GiB of memory and hour.
    pub gib_hour: Option<u64>,
    /// Per hour in which a group is active, whatever its size.
    pub active_hour: Option<u64>,
    /// Per gigabyte that leaves the cluster.
    pub egress_gb: Option<u64>,
    /// Per unit of an extended resource and hour.
    pub extended: BTreeMap<String, u64>,
}

/// The free room of one node pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Node by node.
    pub nodes: Vec<Node>,
}

/// The free room of one node, without the pods that we own.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    /// Thousandths of a core.
    pub cpu_milli: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Pods that may still be added.
    pub pods: u32,
    /// Extended resources, such as GPUs.
    pub extended: BTreeMap<String, u64>,
}

/// The state of one component in one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// The app's name.
    pub app: String,
    /// The component's name.
    pub component: String,
    /// The record that its content says decided it: the annotation `periplus.dev/decision`.
    pub decision: Option<u64>,
    /// How it is.
    pub state: WorkloadState,
}

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// Its objects are there, and so many pods of just this content are ready.
    Ready(u16),
    /// It failed.
    Failed(Fault),
    /// Its objects no longer exist.
    Gone,
}

/// What a measurement of demand shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Measures {
    /// What users ask for, counted where they enter.
    Offered,
    /// What was served: less than what is asked for, where clusters are full.
    Served,
}

/// The demand of one app from one zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The app's name.
    pub app: String,
    /// The zone's name.
    pub zone: String,
    /// Thousandths of requests per second.
    pub milli_rps: u64,
}
