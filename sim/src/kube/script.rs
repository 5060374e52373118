//! Scripts: deployments whose course stands in a log, so that nothing of it is drawn or worked out.
//!
//! Their pods are bound to nodes and take up room like all others, but are ready when the log says so, and are
//! not reported on: the log has those reports. What happens to a cluster that did not happen in the log takes its
//! deployments off their scripts; from then on they go their own way.

use periplus_core::ids::BindingId;

use super::pods::Stage;
use super::{Around, Cluster, Gone};
use crate::git::Manifest;

/// How a deployment goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// As the cluster makes it.
    WorkedOut,
    /// As a log has it.
    Scripted,
}

impl Cluster {
    /// The agent has applied a version of a binding, at a time that a log knows.
    pub(crate) fn script_applied(&mut self, manifest: Manifest, around: &mut Around<'_>) {
        self.agent.forget(manifest.target.binding);
        self.realize(manifest, Course::Scripted, around);
    }

    /// So many pods of the newest content are ready, as a log knows. Says whether there is such a script.
    pub(crate) fn script_ready(
        &mut self,
        binding: BindingId,
        ready: u16,
        around: &mut Around<'_>,
    ) -> bool {
        let Some(number) = self.find(binding).filter(|number| self.is_scripted(*number)) else {
            return false;
        };
        let deployment = &mut self.deployments[number];
        deployment.script = Some(u32::from(ready));
        if deployment.hpa.is_some() {
            deployment.want = ready;
        }
        self.reconcile(number, around);
        self.mark_ready(number, usize::from(ready));
        self.reconcile(number, around);
        self.recount(number, around);
        true
    }

    /// Nothing is left of a binding, as a log knows.
    pub(crate) fn script_gone(&mut self, manifest: &Manifest, around: &mut Around<'_>) {
        let binding = manifest.target.binding;
        self.agent.forget(binding);
        if let Some(number) = self.find(binding) {
            self.deployments[number].script = Some(0);
            self.remove(number, manifest, around);
            if let Some(number) = self.find(binding) {
                for pod in self.deployments[number].pods.clone() {
                    self.drop_pod(pod, around);
                }
            }
        }
        let (generation, cause) = (manifest.generation, manifest.cause);
        self.gone.retain(|other| other.binding != binding);
        self.gone.push(Gone { binding, generation, cause, changed: false, scripted: true });
    }

    /// Whether a binding goes as a log has it.
    pub(crate) fn follows_script(&self, binding: BindingId) -> bool {
        self.find(binding).is_some_and(|number| self.is_scripted(number))
    }

    /// Everything here goes its own way from now on.
    pub(crate) fn derail(&mut self, around: &mut Around<'_>) {
        for number in self.deployments.numbers() {
            self.set_course(number, Course::WorkedOut, around);
        }
        self.gone.iter_mut().for_each(|gone| gone.scripted = false);
    }

    fn is_scripted(&self, number: u32) -> bool {
        self.deployments[number].script.is_some()
    }

    pub(super) fn set_course(&mut self, number: u32, course: Course, around: &mut Around<'_>) {
        match course {
            Course::Scripted => {
                let ready = self.census(number).fresh_ready;
                self.deployments[number].script.get_or_insert(ready);
            }
            Course::WorkedOut => {
                if self.deployments[number].script.take().is_none() {
                    return;
                }
                for pod in self.deployments[number].pods.clone() {
                    if let Stage::Starting(node) = self.pods[pod].stage {
                        self.start(pod, node, around.now, around);
                    }
                }
            }
        }
    }

    /// Makes so many pods of the newest content ready and no more, as far as they have a node.
    fn mark_ready(&mut self, number: u32, ready: usize) {
        let deployment = &self.deployments[number];
        let fresh = deployment.pods.iter().copied();
        let fresh: Vec<u32> =
            fresh.filter(|pod| self.pods[*pod].template == deployment.template).collect();
        let mut counted = 0;
        for pod in fresh {
            let stage = &mut self.pods[pod].stage;
            if let Stage::Ready(node) | Stage::Starting(node) | Stage::Dead(node) = *stage {
                counted += 1;
                *stage = if counted <= ready { Stage::Ready(node) } else { Stage::Starting(node) };
            }
        }
    }
}
