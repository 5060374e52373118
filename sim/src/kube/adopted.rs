//! Adopted: deployments that run when a cluster is first looked at.

use periplus_core::ids::BindingId;

use super::pods::Stage;
use super::scheduler::choose;
use super::script::Course;
use super::{Around, Cluster};
use crate::git::Manifest;

impl Cluster {
    /// Whether there is a deployment of a binding.
    pub(crate) fn has(&self, binding: BindingId) -> bool {
        self.find(binding).is_some()
    }

    /// A version of a binding has been applied long ago, and so many of its pods are ready, images and all.
    /// Those that no node has room for wait as any others do.
    pub(crate) fn adopt(&mut self, manifest: &Manifest, ready: u16, around: &mut Around<'_>) {
        let Some(body) = manifest.body.clone() else { return };
        let number = self.create(manifest, &body, around);
        self.take_on(number, body, around);
        if self.deployments[number].hpa.is_some() {
            self.deployments[number].want = ready;
        }
        for _ in 0..ready {
            self.create_pod(number, around);
        }
        for pod in self.deployments[number].pods.clone() {
            let Some(node) = choose(&self.nodes, &self.request_of(pod)) else { continue };
            self.pending.retain(|other| *other != pod);
            self.seat(pod, node, around);
            self.pods[pod].stage = Stage::Ready(node);
        }
        self.restaff(number, around);
        // Whoever adopted it knows all of this.
        self.deployments[number].changed = false;
    }

    /// What a log says of a deployment holds from now on.
    pub(crate) fn follow_script(&mut self, binding: BindingId, around: &mut Around<'_>) {
        if let Some(number) = self.find(binding) {
            self.set_course(number, Course::Scripted, around);
        }
    }
}
