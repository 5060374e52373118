//! The form of a report: what one cluster says of itself, in names.
//!
//! It is a form of its own, so that what is inside may change while reporters of earlier versions run. Fields may be added; the
//! version grows when one goes or means something else.

use std::collections::BTreeMap;

use periplus_core::input::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sighting::{Node, Pool, Sight, Sighting, Workload, WorkloadState};

/// The version of the form of reports.
pub(crate) const VERSION: u32 = 1;
/// The most workloads that one report tells of.
pub(crate) const WORKLOADS_MAX: usize = 1_024;
/// The most components that one report names, and so the most that may be in a cluster that reports.
pub(crate) const COMPONENTS_MAX: usize = 16_384;
/// The longest report. A cluster of 5,000 nodes takes half a million bytes.
pub(crate) const REPORT_BYTES_MAX: usize = 4 << 20;
/// The longest answer to one.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What a cluster says of itself. What is left out is as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    /// The version of this form: 1.
    pub(crate) version: u32,
    /// The cluster's name.
    pub(crate) cluster: String,
    /// Whether a telling of all that is known begins with it. It ends with `whole`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) begins: bool,
    /// When the cluster's API answered last, in milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) alive_at_unix_ms: Option<i64>,
    /// The free room of its nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<Room>,
    /// The state of components of ours, at most 1024.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) workloads: Vec<Component>,
    /// Ends a telling of all that is known. Until one has come, the service asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) whole: Option<Whole>,
}

/// The free room of a cluster's nodes, without the pods that are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportRoom")]
pub(crate) struct Room {
    /// When it was so, in milliseconds since 1970-01-01 UTC.
    pub(crate) as_of_unix_ms: i64,
    /// By node pool.
    pub(crate) pools: Vec<PoolRoom>,
}

/// The free room of one node pool.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportPool")]
pub(crate) struct PoolRoom {
    name: String,
    /// Node by node.
    nodes: Vec<NodeRoom>,
}

/// The free room of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportNode")]
pub(crate) struct NodeRoom {
    /// Thousandths of a core.
    cpu_milli: u64,
    memory_bytes: u64,
    /// Pods that may still be added.
    pods: u32,
    /// Extended resources by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    extended: BTreeMap<String, u64>,
}

/// The state of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportWorkload")]
pub(crate) struct Component {
    app: String,
    component: String,
    /// The record that its content says decided it: the annotation `periplus.dev/decision`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    decision: Option<u64>,
    /// When it was so, in milliseconds since 1970-01-01 UTC.
    as_of_unix_ms: i64,
    state: ComponentState,
}

/// How a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportState")]
pub(crate) enum ComponentState {
    /// Its objects are there, and so many pods of this content are ready.
    Ready(u16),
    /// It failed.
    Failed(FaultWord),
    /// Its objects are gone.
    Gone,
}

/// Why a component failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportFault")]
pub(crate) enum FaultWord {
    /// Its repository refused it.
    GitRejected,
    /// Its objects could not be applied.
    ApplyFailed,
    /// An image could not be pulled.
    ImagePull,
    /// A pod did not start or kept crashing.
    PodFailed,
    /// No node has room for a pod.
    Unschedulable,
    /// It took too long.
    TimedOut,
    /// The other side could not be reached.
    Unreachable,
}

/// The end of a telling of all that is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReportWhole")]
pub(crate) struct Whole {
    /// When it was so, in milliseconds since 1970-01-01 UTC.
    pub(crate) as_of_unix_ms: i64,
    /// All components of ours that are there, at most 16384: others are gone. Left out where that cannot be said, as when some
    /// kinds of objects may not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) components: Option<Vec<ComponentName>>,
}

/// A component by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportComponent")]
pub(crate) struct ComponentName {
    pub(crate) app: String,
    pub(crate) component: String,
}

/// When a report was sent, by the clock of the reporter, and when it came, by that of the service. The clocks need not agree:
/// how long ago something was so is told by one of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Came {
    pub(crate) sent_unix_ms: i64,
    pub(crate) at_unix_ms: i64,
}

/// What is answered to a report that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ReportTaken")]
pub(crate) struct Answered {
    /// Whether the service asks for all that is known.
    pub(crate) again: bool,
}

impl Report {
    /// Which part of a telling it is.
    pub(crate) fn part(&self) -> Part {
        match (self.begins, &self.whole) {
            (true, Some(_)) => Part::All,
            (true, None) => Part::First,
            (false, Some(_)) => Part::Last,
            (false, None) => Part::Some,
        }
    }

    /// What is wrong with it as a report on this cluster.
    pub(crate) fn fault(&self, cluster: &str) -> Option<String> {
        if self.version != VERSION {
            return Some(format!("its version is {}, not {VERSION}", self.version));
        }
        if self.cluster != cluster {
            return Some(format!("it is about another cluster than `{cluster}`"));
        }
        let most = |what: &str, count: usize, most: usize| {
            (count > most).then(|| format!("it has {count} {what}, more than {most}"))
        };
        let named = self.whole.as_ref().and_then(|whole| whole.components.as_ref());
        most("workloads", self.workloads.len(), WORKLOADS_MAX)
            .or_else(|| most("components", named.map_or(0, Vec::len), COMPONENTS_MAX))
    }

    /// What was seen, as the desk takes it. Of what should be in the cluster, what a whole report does not name is gone.
    pub(crate) fn sightings(self, came: Came, expected: Vec<(String, String)>) -> Vec<Sighting> {
        let Self { version: _, cluster, begins: _, alive_at_unix_ms, room, workloads, whole } =
            self;
        let mut told = Vec::new();
        let mut tell = |as_of_unix_ms: i64, sight| {
            told.push(Sighting { as_of_unix_ms: came.here(as_of_unix_ms), sight });
        };
        let mut by_time: BTreeMap<i64, Vec<Workload>> = BTreeMap::new();
        for component in workloads {
            let as_of_unix_ms = component.as_of_unix_ms;
            by_time.entry(as_of_unix_ms).or_default().push(component.into());
        }
        for (as_of_unix_ms, workloads) in by_time {
            tell(as_of_unix_ms, Sight::Workloads { cluster: cluster.clone(), workloads });
        }
        if let Some(Whole { as_of_unix_ms, components: Some(there) }) = whole {
            let workloads = missing(expected, there);
            if !workloads.is_empty() {
                tell(as_of_unix_ms, Sight::Workloads { cluster: cluster.clone(), workloads });
            }
        }
        if let Some(Room { as_of_unix_ms, pools }) = room {
            let pools = pools.into_iter().map(Pool::from).collect();
            tell(as_of_unix_ms, Sight::Room { cluster: cluster.clone(), pools });
        }
        if let Some(alive_at_unix_ms) = alive_at_unix_ms {
            tell(alive_at_unix_ms, Sight::Alive { cluster });
        }
        told
    }
}

impl Came {
    /// One of the reporter's times by the service's clock: as long ago as it was for the reporter, and never to come.
    fn here(self, unix_ms: i64) -> i64 {
        let age = self.sent_unix_ms.saturating_sub(unix_ms).max(0);
        self.at_unix_ms.saturating_sub(age)
    }
}

/// The part of a telling of all that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It begins and ends with this report.
    All,
    First,
    Last,
    /// One between, or of no such telling.
    Some,
}

fn missing(mut expected: Vec<(String, String)>, there: Vec<ComponentName>) -> Vec<Workload> {
    let mut there: Vec<(String, String)> =
        there.into_iter().map(|ComponentName { app, component }| (app, component)).collect();
    there.sort_unstable();
    expected.retain(|one| there.binary_search(one).is_err());
    let state = WorkloadState::Gone;
    expected
        .into_iter()
        .map(|(app, component)| Workload { app, component, decision: None, state })
        .collect()
}

impl Component {
    /// What was seen of a workload at a time.
    pub(crate) fn new(as_of_unix_ms: i64, workload: &Workload) -> Self {
        let Workload { app, component, decision, state } = workload.clone();
        let state = match state {
            WorkloadState::Ready(ready) => ComponentState::Ready(ready),
            WorkloadState::Failed(fault) => ComponentState::Failed(fault.into()),
            WorkloadState::Gone => ComponentState::Gone,
        };
        Self { app, component, decision, as_of_unix_ms, state }
    }
}

impl From<Component> for Workload {
    fn from(told: Component) -> Self {
        let Component { app, component, decision, as_of_unix_ms: _, state } = told;
        let state = match state {
            ComponentState::Ready(ready) => WorkloadState::Ready(ready),
            ComponentState::Failed(fault) => WorkloadState::Failed(fault.into()),
            ComponentState::Gone => WorkloadState::Gone,
        };
        Self { app, component, decision, state }
    }
}

impl From<Pool> for PoolRoom {
    fn from(pool: Pool) -> Self {
        let Pool { name, nodes } = pool;
        Self { name, nodes: nodes.into_iter().map(NodeRoom::from).collect() }
    }
}

impl From<PoolRoom> for Pool {
    fn from(told: PoolRoom) -> Self {
        let PoolRoom { name, nodes } = told;
        Self { name, nodes: nodes.into_iter().map(Node::from).collect() }
    }
}

impl From<Node> for NodeRoom {
    fn from(node: Node) -> Self {
        let Node { cpu_milli, memory_bytes, pods, extended } = node;
        Self { cpu_milli, memory_bytes, pods, extended }
    }
}

impl From<NodeRoom> for Node {
    fn from(told: NodeRoom) -> Self {
        let NodeRoom { cpu_milli, memory_bytes, pods, extended } = told;
        Self { cpu_milli, memory_bytes, pods, extended }
    }
}

impl From<Fault> for FaultWord {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::GitRejected => Self::GitRejected,
            Fault::ApplyFailed => Self::ApplyFailed,
            Fault::ImagePull => Self::ImagePull,
            Fault::PodFailed => Self::PodFailed,
            Fault::Unschedulable => Self::Unschedulable,
            Fault::TimedOut => Self::TimedOut,
            Fault::Unreachable => Self::Unreachable,
        }
    }
}

impl From<FaultWord> for Fault {
    fn from(word: FaultWord) -> Self {
        match word {
            FaultWord::GitRejected => Self::GitRejected,
            FaultWord::ApplyFailed => Self::ApplyFailed,
            FaultWord::ImagePull => Self::ImagePull,
            FaultWord::PodFailed => Self::PodFailed,
            FaultWord::Unschedulable => Self::Unschedulable,
            FaultWord::TimedOut => Self::TimedOut,
            FaultWord::Unreachable => Self::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests;
