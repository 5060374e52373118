//! A cluster as it really is: nodes, a scheduler that packs pods one by one, a sync agent, autoscalers.
//!
//! Each concept has a file; this one holds what they share and takes what happens. A cluster knows neither
//! the hub nor the users: it changes the [desks](crate::desks) that serve them, and says what it can report.

mod adopted;
pub(crate) mod agent;
mod autoscaler;
mod change;
pub(crate) mod deployment;
mod failures;
mod folder;
mod hpa;
mod node;
mod pods;
mod readings;
mod scheduler;
mod script;

#[cfg(test)]
mod tests;

use periplus_core::effect::{EffectKey, Generation};
use periplus_core::ids::{AppId, BindingId, ClusterId, ComponentId, Symbol};
use periplus_core::input::Fault;
use periplus_core::units::{Span, Tick};
use periplus_spec::scenario::{ClusterTruth, Delay};

use self::agent::Agent;
use self::deployment::Deployment;
use self::node::Nodes;
use self::pods::{Link, Pod};
use crate::catalog::Catalog;
use crate::desks::Desks;
use crate::happening::{Happening, Turn};
use crate::luck::{Luck, Purpose};
use crate::queue::Queue;
use crate::slab::Slab;

/// A cluster as it really is.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    id: ClusterId,
    nodes: Nodes,
    agent: Agent,
    link: Link,
    deployments: Slab<Deployment>,
    pods: Slab<Pod>,
    /// Pods without a node, in the order in which the scheduler tries them.
    pending: Vec<u32>,
    /// Faults that pods of a component run into now.
    failing: Vec<(AppId, ComponentId, Fault)>,
    /// Bindings of which nothing is left, and what removed them.
    gone: Vec<Gone>,
    /// Outages that last.
    outages: u16,
    /// Partitions that last.
    partitions: u16,
    /// Whether what changed in this tick is already going to be reported.
    publishing: bool,
    /// Whether the loop of the pod autoscaler runs.
    scaling: bool,
    serials: u32,
}

/// A binding of which nothing is left.
#[derive(Clone, Copy, Debug)]
struct Gone {
    binding: BindingId,
    generation: Generation,
    cause: EffectKey,
    changed: bool,
    /// Whether a log tells what is said of it.
    scripted: bool,
}

/// What a cluster touches outside of itself.
pub(crate) struct Around<'a> {
    pub(crate) now: Tick,
    pub(crate) queue: &'a mut Queue<Happening>,
    pub(crate) desks: &'a mut Desks,
    pub(crate) catalog: &'a Catalog<'a>,
    pub(crate) luck: &'a Luck,
    /// From a removed object to its pods being gone.
    pub(crate) stop: &'a Delay,
}

/// How many pods of a binding there are, as it really is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Pods that users can be sent to.
    pub ready: u32,
    /// Pods that are bound to a node, in whatever state.
    pub bound: u32,
    /// Pods that no node has room for.
    pub pending: u32,
}

impl Cluster {
    pub(crate) fn new(
        id: ClusterId,
        truth: &ClusterTruth,
        luck: &Luck,
        name: impl Fn(&str) -> Symbol,
    ) -> Self {
        let mut phases = luck.stream(Purpose::Phase, &[id.0]);
        let phase = Span(phases.below(truth.agent.interval.0));
        Self {
            id,
            nodes: Nodes::new(&truth.pools, name),
            agent: Agent::new(truth.agent, phase),
            link: Link::new(truth.pull_bytes_per_second),
            deployments: Slab::default(),
            pods: Slab::default(),
            pending: Vec::new(),
            failing: Vec::new(),
            gone: Vec::new(),
            outages: 0,
            partitions: 0,
            publishing: false,
            scaling: false,
            serials: 0,
        }
    }

    /// Lets `turn` happen, but for [`Turn::Publish`], which is the reporter's.
    pub(crate) fn turn(&mut self, turn: Turn, around: &mut Around<'_>) {
        match turn {
            Turn::Look => self.look(around),
            Turn::Applied { serial } => self.applied(serial, around),
            Turn::Publish => {}
            Turn::Started { pod, serial } => self.started(pod, serial, around),
            Turn::Stopped { pod, serial } => self.stopped(pod, serial, around),
            Turn::Overdue { pod, serial } => self.overdue(pod, serial, around),
            Turn::Scale => self.scale(around),
            Turn::NodeMissed { node, serial } => self.miss_node(node, serial, around),
            Turn::NodeEvicted { node, serial } => self.evict_node(node, serial, around),
            Turn::NodeArrives { pool } => self.add_node(pool, around),
            Turn::NodeIdle { node, serial } => self.remove_idle_node(node, serial),
        }
    }

    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        self.outages == 0
    }

    /// Whether it can be heard and can hear.
    pub(crate) fn is_connected(&self) -> bool {
        self.outages == 0 && self.partitions == 0
    }

    /// How many pods of a binding there are.
    pub(crate) fn pods_of(&self, binding: BindingId) -> PodCounts {
        let Some(number) = self.find(binding) else { return PodCounts::default() };
        self.count(number)
    }

    /// The bindings that have objects here, ascending.
    pub(crate) fn bindings(&self) -> Vec<BindingId> {
        let mut bindings: Vec<_> =
            self.deployments.iter().map(|(_, deployment)| deployment.target.binding).collect();
        bindings.sort_unstable();
        bindings
    }

    fn find(&self, binding: BindingId) -> Option<u32> {
        self.deployments
            .iter()
            .find(|(_, deployment)| deployment.target.binding == binding)
            .map(|(number, _)| number)
    }

    fn serial(&mut self) -> u32 {
        self.serials = self.serials.wrapping_add(1);
        self.serials
    }

    /// Something about a deployment is to be reported at the end of this tick.
    fn note(&mut self, deployment: u32, around: &mut Around<'_>) {
        self.deployments[deployment].changed = true;
        self.publish_soon(around);
    }

    fn publish_soon(&mut self, around: &mut Around<'_>) {
        if !self.publishing {
            self.publishing = true;
            around.after(Span::ZERO, self.id, Turn::Publish);
        }
    }
}

impl Around<'_> {
    /// Lets `turn` happen in a cluster after `span`.
    pub(crate) fn after(&mut self, span: Span, cluster: ClusterId, turn: Turn) {
        self.queue.push(self.now.after(span).0, Happening::In(cluster, turn));
    }
}
