//! What can go wrong in a cluster: outage, partition, node loss, drift, pods that fail.

use periplus_core::ids::{AppId, ComponentId};
use periplus_core::input::Fault;
use periplus_core::units::{Permille, Span};

use super::node::Status;
use super::pods::Stage;
use super::{Around, Cluster};
use crate::happening::Turn;
use crate::slab::Slab;

/// How long a node does not answer before it counts as not ready: `node-monitor-grace-period`.
const NODE_MISSED_AFTER: Span = Span(40_000);
/// How long its pods are tolerated on it after that: the default `tolerationSeconds` for
/// `node.kubernetes.io/unreachable`.
const NODE_EVICTED_AFTER: Span = Span(340_000);

impl Cluster {
    /// The cluster is down: its pods are dead, and nothing in it works.
    pub(crate) fn go_down(&mut self, around: &mut Around<'_>) {
        self.outages += 1;
        if self.outages > 1 {
            return;
        }
        self.agent.stop(true);
        for node in 0..self.nodes.nodes.len() {
            self.kill_pods_on(node);
        }
        for (_, deployment) in self.deployments.iter_mut() {
            deployment.script = deployment.script.map(|_| 0);
        }
        self.recount_all(around);
    }

    /// The cluster is up again: its pods start where they were.
    pub(crate) fn come_up(&mut self, around: &mut Around<'_>) {
        self.outages -= 1;
        if self.outages > 0 {
            return;
        }
        for node in 0..self.nodes.nodes.len() {
            if self.nodes.nodes[node].status == Status::Up {
                self.revive_pods_on(node, around);
            }
        }
        self.recount_all(around);
        self.schedule(around);
        self.plan_look(around.now, around);
    }

    /// The cluster leaves the fleet with all that it holds.
    pub(crate) fn leave(&mut self, around: &mut Around<'_>) {
        self.go_down(around);
        for pod in self.pods_in(|stage| stage.node().is_some()) {
            self.drop_pod(pod, around);
        }
        self.pods = Slab::default();
        self.pending.clear();
        self.deployments = Slab::default();
        self.gone.clear();
    }

    /// The cluster is cut off.
    pub(crate) fn cut(&mut self) {
        self.partitions += 1;
        self.agent.stop(false);
    }

    /// The cluster is connected again.
    pub(crate) fn mend(&mut self, around: &mut Around<'_>) {
        self.partitions -= 1;
        self.plan_look(around.now, around);
    }

    /// Nodes are gone; that is noticed later.
    pub(crate) fn lose_nodes(&mut self, count: u32, around: &mut Around<'_>) {
        for node in self.nodes.lose(count) {
            self.kill_pods_on(node);
            let serial = self.nodes.nodes[node].turns;
            let node = u32::try_from(node).expect("nodes are counted by u32");
            around.after(NODE_MISSED_AFTER, self.id, Turn::NodeMissed { node, serial });
            around.after(NODE_EVICTED_AFTER, self.id, Turn::NodeEvicted { node, serial });
        }
        self.restaff_all(around);
    }

    /// Lost nodes are back; the pods that were not replaced start again.
    pub(crate) fn restore_nodes(&mut self, count: u32, around: &mut Around<'_>) {
        for node in self.nodes.restore(count) {
            self.nodes.nodes[node].images.clear();
            self.revive_pods_on(node, around);
        }
        self.recount_all(around);
        self.schedule(around);
    }

    pub(super) fn miss_node(&mut self, node: u32, serial: u32, around: &mut Around<'_>) {
        if self.nodes.nodes[node as usize].turns == serial {
            self.recount_all(around);
        }
    }

    pub(super) fn evict_node(&mut self, node: u32, serial: u32, around: &mut Around<'_>) {
        let node = node as usize;
        if self.nodes.nodes[node].turns != serial {
            return;
        }
        for pod in self.pods_in(|stage| stage == Stage::Dead(node)) {
            self.drop_pod(pod, around);
        }
        for number in self.deployments.numbers() {
            self.reconcile(number, around);
        }
        self.recount_all(around);
    }

    /// Others use another part of every node.
    pub(crate) fn change_drift(&mut self, used: Permille, more: bool, around: &mut Around<'_>) {
        let used = u32::from(used.0);
        self.nodes.drift = if more { self.nodes.drift + used } else { self.nodes.drift - used };
        self.schedule(around);
    }

    /// The pods of a component fail from now on.
    pub(crate) fn fail(
        &mut self,
        app: AppId,
        component: ComponentId,
        fault: Fault,
        around: &mut Around<'_>,
    ) {
        self.failing.push((app, component, fault));
        // A missing image or refused objects only matter to pods that start; the others run on.
        let runs_on = matches!(fault, Fault::ImagePull | Fault::ApplyFailed | Fault::Unschedulable);
        for number in self.deployments_of(app, component) {
            if runs_on {
                continue;
            }
            for pod in self.deployments[number].pods.clone() {
                if let Stage::Ready(node) = self.pods[pod].stage {
                    self.pods[pod].stage = Stage::Failing(node);
                    self.deployments[number].fault = Some(fault);
                }
            }
            self.recount(number, around);
        }
    }

    /// The pods of a component no longer fail.
    pub(crate) fn mend_component(
        &mut self,
        app: AppId,
        component: ComponentId,
        fault: Fault,
        around: &mut Around<'_>,
    ) {
        let place = self.failing.iter().position(|failing| *failing == (app, component, fault));
        if let Some(place) = place {
            self.failing.remove(place);
        }
        if self.fault_of(app, component).is_some() {
            return;
        }
        for number in self.deployments_of(app, component) {
            for pod in self.deployments[number].pods.clone() {
                if let Stage::Failing(node) = self.pods[pod].stage {
                    self.start(pod, node, around.now, around);
                }
            }
        }
    }

    /// What the pods of a component run into now.
    pub(super) fn fault_of(&self, app: AppId, component: ComponentId) -> Option<Fault> {
        let failing = self.failing.iter().rev();
        failing
            .map(|(of, part, fault)| (*of, *part, *fault))
            .find_map(|(of, part, fault)| (of == app && part == component).then_some(fault))
    }

    /// A deployment without failing pods has no fault of its pods any more.
    pub(super) fn clear_fault(&mut self, number: u32) {
        if !self.has_failing(number) && self.deployments[number].fault != Some(Fault::Unschedulable)
        {
            self.deployments[number].fault = None;
        }
    }

    pub(super) fn has_failing(&self, number: u32) -> bool {
        let mut pods = self.deployments[number].pods.iter();
        pods.any(|pod| matches!(self.pods[*pod].stage, Stage::Failing(_)))
    }

    fn deployments_of(&self, app: AppId, component: ComponentId) -> Vec<u32> {
        let all = self.deployments.iter().filter(|(_, deployment)| {
            deployment.target.app == app && deployment.target.component == component
        });
        all.map(|(number, _)| number).collect()
    }

    fn kill_pods_on(&mut self, node: usize) {
        let alive = |stage: Stage| {
            stage.node() == Some(node) && !matches!(stage, Stage::Dead(_) | Stage::Stopping(_))
        };
        for pod in self.pods_in(alive) {
            self.pods[pod].stage = Stage::Dead(node);
        }
    }

    fn revive_pods_on(&mut self, node: usize, around: &mut Around<'_>) {
        for pod in self.pods_in(|stage| stage == Stage::Dead(node)) {
            self.start(pod, node, around.now, around);
        }
    }

    fn recount_all(&mut self, around: &mut Around<'_>) {
        for number in self.deployments.numbers() {
            self.recount(number, around);
        }
    }

    /// Lets all desks serve with what is ready, without anybody noticing yet.
    fn restaff_all(&mut self, around: &mut Around<'_>) {
        for number in self.deployments.numbers() {
            self.restaff(number, around);
        }
    }
}
