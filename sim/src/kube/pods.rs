//! Pods: created, bound, pulled, started, ready, stopped, gone.

use periplus_core::fleet::Resources;
use periplus_core::input::Fault;
use periplus_core::units::{Span, Tick};

use super::deployment::{Census, Steps};
use super::scheduler::choose;
use super::{Around, Cluster, PodCounts};
use crate::happening::Turn;

/// How long a pod may find no room before that is reported: pods that stop get their time to make it.
const UNSCHEDULABLE_AFTER: Span = Span(60_000);

/// One pod.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(super) deployment: u32,
    /// The deployment's template that it was made from.
    pub(super) template: u32,
    pub(super) stage: Stage,
    /// Tells the events that are meant for its present stage.
    serial: u32,
    /// The request that it was made with.
    request: Resources,
}

/// How far a pod has come, and on which node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// It has no node.
    Pending,
    /// It does not become ready.
    Failing(usize),
    /// Its node or its cluster is dead.
    Dead(usize),
    /// Its image is pulled, and it starts.
    Starting(usize),
    /// Users can be sent to it.
    Ready(usize),
    /// It is on its way out and serves nobody.
    Stopping(usize),
}

/// The line over which a cluster pulls images, one after the other: as quick in sum as all at once, and what
/// a kubelet does by default (`serializeImagePulls`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    bytes_per_second: u64,
    free_at: Tick,
}

impl Link {
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self { bytes_per_second, free_at: Tick::ZERO }
    }

    pub(super) fn change(&mut self, bytes_per_second: u64) {
        self.bytes_per_second = bytes_per_second;
    }

    /// When a pull of so many bytes that begins now is over.
    fn pull(&mut self, now: Tick, bytes: u64) -> Tick {
        let millis = (u128::from(bytes) * 1_000).div_ceil(u128::from(self.bytes_per_second.max(1)));
        let takes = Span(u64::try_from(millis).unwrap_or(u64::MAX));
        self.free_at = self.free_at.max(now).after(takes);
        self.free_at
    }
}

impl Stage {
    pub(super) fn node(self) -> Option<usize> {
        match self {
            Self::Pending => None,
            Self::Failing(node)
            | Self::Dead(node)
            | Self::Starting(node)
            | Self::Ready(node)
            | Self::Stopping(node) => Some(node),
        }
    }
}

impl Cluster {
    /// Brings a deployment's pods as far towards what it wants as they can come now: a pod that stops may
    /// make room for the next to be created.
    pub(super) fn reconcile(&mut self, number: u32, around: &mut Around<'_>) {
        let deployment = &self.deployments[number];
        let (template, want) = (deployment.template, deployment.want);
        loop {
            let steps = self.census(number).steps_towards(want);
            if steps == Steps::default() {
                break;
            }
            self.stop_some(number, steps.stop_fresh, |of| of == template, around);
            self.stop_some(number, steps.stop_stale, |of| of != template, around);
            for _ in 0..steps.create {
                self.create_pod(number, around);
            }
        }
        self.schedule(around);
    }

    /// Reports the pods of a deployment, and lets its desk serve with those that are ready.
    pub(super) fn recount(&mut self, number: u32, around: &mut Around<'_>) {
        self.restaff(number, around);
        self.note(number, around);
    }

    /// Lets a desk serve with what is ready, without anybody noticing yet.
    pub(super) fn restaff(&mut self, number: u32, around: &mut Around<'_>) {
        let deployment = &self.deployments[number];
        let census = self.census(number);
        // A log may know of more than finds room here.
        let ready = census.ready().max(deployment.script.unwrap_or(0) + census.stale_ready);
        around.desks.staff(deployment.desk, deployment.target.component, ready, around.now);
    }

    pub(super) fn census(&self, number: u32) -> Census {
        let deployment = &self.deployments[number];
        let mut census = Census::default();
        for pod in deployment.pods.iter().map(|pod| &self.pods[*pod]) {
            if matches!(pod.stage, Stage::Stopping(_)) {
                continue;
            }
            let ready = u32::from(matches!(pod.stage, Stage::Ready(_)));
            if pod.template == deployment.template {
                census.fresh += 1;
                census.fresh_ready += ready;
            } else {
                census.stale += 1;
                census.stale_ready += ready;
            }
        }
        census
    }

    pub(super) fn count(&self, number: u32) -> PodCounts {
        let mut counts = PodCounts::default();
        for pod in &self.deployments[number].pods {
            match self.pods[*pod].stage {
                Stage::Pending => counts.pending += 1,
                Stage::Ready(_) => {
                    counts.ready += 1;
                    counts.bound += 1;
                }
                Stage::Failing(_) | Stage::Dead(_) | Stage::Starting(_) | Stage::Stopping(_) => {
                    counts.bound += 1;
                }
            }
        }
        counts
    }

    /// Stops so many pods of some templates: those that are least far, and of those the youngest.
    fn stop_some(
        &mut self,
        number: u32,
        count: u32,
        of: impl Fn(u32) -> bool,
        around: &mut Around<'_>,
    ) {
        if count == 0 {
            return;
        }
        let pods = self.deployments[number].pods.iter().rev().copied();
        let mut running: Vec<u32> = pods
            .filter(|pod| {
                let pod = &self.pods[*pod];
                of(pod.template) && !matches!(pod.stage, Stage::Stopping(_))
            })
            .collect();
        running.sort_by_key(|pod| rank(self.pods[*pod].stage));
        for pod in running.into_iter().take(count as usize) {
            self.stop_pod(pod, around);
        }
    }

    pub(super) fn create_pod(&mut self, number: u32, around: &mut Around<'_>) {
        let serial = self.serial();
        let deployment = &self.deployments[number];
        let pod = self.pods.insert(Pod {
            deployment: number,
            template: deployment.template,
            stage: Stage::Pending,
            serial,
            request: deployment.request,
        });
        let priority = deployment.priority;
        let behind =
            |other: &u32| self.deployments[self.pods[*other].deployment].priority >= priority;
        let place = self.pending.partition_point(behind);
        self.pending.insert(place, pod);
        self.deployments[number].pods.push(pod);
        around.after(UNSCHEDULABLE_AFTER, self.id, Turn::Overdue { pod, serial });
    }

    /// Stops a pod: at once if it has no node, else it keeps its room for a while.
    pub(super) fn stop_pod(&mut self, pod: u32, around: &mut Around<'_>) {
        let Some(node) = self.pods[pod].stage.node() else {
            self.pending.retain(|other| *other != pod);
            self.forget_pod(pod);
            return;
        };
        if matches!(self.pods[pod].stage, Stage::Stopping(_)) {
            return;
        }
        let serial = self.serial();
        let entry = &mut self.pods[pod];
        entry.stage = Stage::Stopping(node);
        entry.serial = serial;
        let takes = self.deployments[entry.deployment].stops.span(around.stop);
        around.after(takes, self.id, Turn::Stopped { pod, serial });
    }

    pub(super) fn stopped(&mut self, pod: u32, serial: u32, around: &mut Around<'_>) {
        if self.is_meant(pod, serial) {
            self.drop_pod(pod, around);
            self.schedule(around);
        }
    }

    /// Takes a pod off its node.
    pub(super) fn drop_pod(&mut self, pod: u32, around: &mut Around<'_>) {
        let entry = &self.pods[pod];
        let number = entry.deployment;
        let node = entry.stage.node().expect("a pod without a node is forgotten at once");
        let request = entry.request;
        around.desks.release(self.deployments[number].desk, &request, around.now);
        self.forget_pod(pod);
        if self.nodes.give_back(node, &request) {
            self.note_empty_node(node, around);
        }
        self.finish_removal(number, around);
    }

    pub(super) fn forget_pod(&mut self, pod: u32) {
        let number = self.pods[pod].deployment;
        self.deployments[number].pods.retain(|other| *other != pod);
        self.pods.remove(pod);
    }

    /// The scheduler's round: every pod without a node is tried once, in order.
    pub(super) fn schedule(&mut self, around: &mut Around<'_>) {
        if self.pending.is_empty() || !self.is_up() {
            return;
        }
        for pod in std::mem::take(&mut self.pending) {
            match choose(&self.nodes, &self.pods[pod].request) {
                Some(node) => self.bind(pod, node, around),
                None => self.pending.push(pod),
            }
        }
        self.order_nodes(around);
    }

    fn bind(&mut self, pod: u32, node: usize, around: &mut Around<'_>) {
        let number = self.take_room(pod, node, around);
        let pulled = self.pull(number, node, around);
        self.start(pod, node, pulled, around);
        if self.deployments[number].fault == Some(Fault::Unschedulable)
            && self.count(number).pending == 0
        {
            self.deployments[number].fault = None;
        }
    }

    /// A pod takes its room on a node. Gives its deployment.
    fn take_room(&mut self, pod: u32, node: usize, around: &mut Around<'_>) -> u32 {
        let request = self.pods[pod].request;
        let number = self.pods[pod].deployment;
        self.nodes.take(node, &request);
        around.desks.hold(self.deployments[number].desk, &request, around.now);
        number
    }

    /// A pod has been on a node for long, and its image with it.
    pub(super) fn seat(&mut self, pod: u32, node: usize, around: &mut Around<'_>) {
        let number = self.take_room(pod, node, around);
        let target = self.deployments[number].target;
        let image = around.catalog.part(target.app, target.component).image;
        let images = &mut self.nodes.nodes[node].images;
        if !images.iter().any(|known| known.0 == image) {
            images.push((image, around.now));
        }
    }

    /// When the image is on the node; pulls it if nobody did.
    fn pull(&mut self, number: u32, node: usize, around: &mut Around<'_>) -> Tick {
        let deployment = &self.deployments[number];
        let part = around.catalog.part(deployment.target.app, deployment.target.component);
        let images = &mut self.nodes.nodes[node].images;
        let known = images.iter().find(|image| image.0 == part.image).map(|image| image.1);
        let ready_at = known.unwrap_or_else(|| {
            let ready_at = self.link.pull(around.now, part.truth.image_bytes);
            images.push((part.image, ready_at));
            ready_at
        });
        if ready_at > around.now {
            around.desks.count_cold_start(deployment.desk);
        }
        ready_at.max(around.now)
    }

    /// Starts a pod on its node once its image is there.
    pub(super) fn start(&mut self, pod: u32, node: usize, pulled: Tick, around: &mut Around<'_>) {
        let serial = self.serial();
        let entry = &mut self.pods[pod];
        entry.stage = Stage::Starting(node);
        entry.serial = serial;
        let deployment = &mut self.deployments[entry.deployment];
        if deployment.script.is_some() {
            return;
        }
        let part = around.catalog.part(deployment.target.app, deployment.target.component);
        let takes = deployment.starts.span(&part.truth.start);
        let waits = pulled.after(takes).since(around.now);
        around.after(waits, self.id, Turn::Started { pod, serial });
    }

    pub(super) fn started(&mut self, pod: u32, serial: u32, around: &mut Around<'_>) {
        if !self.is_meant(pod, serial) {
            return;
        }
        let Stage::Starting(node) = self.pods[pod].stage else { return };
        let number = self.pods[pod].deployment;
        let target = self.deployments[number].target;
        match self.fault_of(target.app, target.component) {
            None => {
                self.pods[pod].stage = Stage::Ready(node);
                self.clear_fault(number);
                self.reconcile(number, around);
            }
            Some(fault) => {
                self.pods[pod].stage = Stage::Failing(node);
                self.deployments[number].fault = Some(fault);
            }
        }
        self.recount(number, around);
    }

    /// Pods of the content before that still find no room count anew.
    pub(super) fn watch_pending(&mut self, number: u32, around: &mut Around<'_>) {
        for pod in &self.deployments[number].pods {
            let Pod { stage, serial, .. } = self.pods[*pod];
            if stage == Stage::Pending {
                let overdue = Turn::Overdue { pod: *pod, serial };
                around.after(UNSCHEDULABLE_AFTER, self.id, overdue);
            }
        }
    }

    pub(super) fn overdue(&mut self, pod: u32, serial: u32, around: &mut Around<'_>) {
        if !self.is_meant(pod, serial) || self.pods[pod].stage != Stage::Pending {
            return;
        }
        if self.expects_nodes() || !self.is_up() {
            around.after(UNSCHEDULABLE_AFTER, self.id, Turn::Overdue { pod, serial });
            return;
        }
        let number = self.pods[pod].deployment;
        self.deployments[number].fault.get_or_insert(Fault::Unschedulable);
        self.note(number, around);
    }

    pub(super) fn is_meant(&self, pod: u32, serial: u32) -> bool {
        self.pods.get(pod).is_some_and(|pod| pod.serial == serial)
    }

    pub(super) fn request_of(&self, pod: u32) -> Resources {
        self.pods[pod].request
    }

    /// The numbers of all pods in a stage that `fits`, ascending.
    pub(super) fn pods_in(&self, fits: impl Fn(Stage) -> bool) -> Vec<u32> {
        self.pods.iter().filter(|(_, pod)| fits(pod.stage)).map(|(number, _)| number).collect()
    }
}

/// Which pods stop first.
fn rank(stage: Stage) -> u8 {
    match stage {
        Stage::Pending => 0,
        Stage::Failing(_) | Stage::Dead(_) => 1,
        Stage::Starting(_) => 2,
        Stage::Ready(_) | Stage::Stopping(_) => 3,
    }
}
