//! From the folder to deployments: what the sync agent does with what it found.

use periplus_core::effect::Scale;
use periplus_core::input::Fault;
use periplus_core::units::{Span, Tick};

use super::deployment::Deployment;
use super::hpa::{Hpa, PERIOD};
use super::script::Course;
use super::{Around, Cluster, Gone};
use crate::git::{Body, Manifest};
use crate::happening::Turn;
use crate::luck::Purpose;

impl Cluster {
    /// The cluster's folder in git has changed.
    pub(crate) fn folder_changed(&mut self, manifest: Manifest, around: &mut Around<'_>) {
        self.agent.folder_changed(manifest, self.is_connected());
        self.plan_look(around.now, around);
    }

    pub(super) fn plan_look(&mut self, from: Tick, around: &mut Around<'_>) {
        if !self.is_connected() {
            return;
        }
        if let Some(at) = self.agent.plan_look(from) {
            around.after(at.since(around.now), self.id, Turn::Look);
        }
    }

    pub(super) fn look(&mut self, around: &mut Around<'_>) {
        if !self.is_connected() {
            return;
        }
        if let Some(serial) = self.agent.look(around.now) {
            around.after(self.agent.apply(), self.id, Turn::Applied { serial });
        }
    }

    pub(super) fn applied(&mut self, serial: u32, around: &mut Around<'_>) {
        for manifest in self.agent.applied(serial).into_iter().flatten() {
            self.realize(manifest, Course::WorkedOut, around);
        }
        // What failed is not tried again within this very tick.
        self.plan_look(around.now.after(Span(1)), around);
    }

    /// Makes a binding what its files say. What is older than what is there already changes nothing.
    pub(super) fn realize(&mut self, manifest: Manifest, course: Course, around: &mut Around<'_>) {
        let known = self.find(manifest.target.binding);
        if known.is_some_and(|known| self.deployments[known].generation > manifest.generation) {
            return;
        }
        let Some(body) = manifest.body.clone() else {
            match known {
                Some(number) => self.remove(number, &manifest, around),
                None => self.note_gone(&manifest, around),
            }
            return;
        };
        let (app, component) = (manifest.target.app, manifest.target.component);
        let refused = self.fault_of(app, component) == Some(Fault::ApplyFailed);
        let number = match known {
            Some(number) => {
                let again = refused && self.deployments[number].generation == manifest.generation;
                if !again {
                    self.note(number, around);
                }
                number
            }
            None => self.create(&manifest, &body, around),
        };
        self.set_course(number, course, around);
        let deployment = &mut self.deployments[number];
        deployment.generation = manifest.generation;
        deployment.cause = manifest.cause;
        deployment.leaving = false;
        if refused {
            deployment.fault = Some(Fault::ApplyFailed);
            self.agent.keep_for_later(manifest);
            return;
        }
        self.deployments[number].fault =
            if self.has_failing(number) { self.fault_of(app, component) } else { None };
        self.take_on(number, body, around);
        self.watch_pending(number, around);
        self.reconcile(number, around);
        self.recount(number, around);
    }

    pub(super) fn create(
        &mut self,
        manifest: &Manifest,
        body: &Body,
        around: &mut Around<'_>,
    ) -> u32 {
        let Manifest { target, generation, cause, .. } = *manifest;
        self.gone.retain(|gone| gone.binding != target.binding);
        let entity = [self.id.0, target.app.0, u32::from(target.component.0)];
        let number = self.deployments.insert(Deployment {
            target,
            desk: body.desk,
            generation,
            cause,
            request: body.request,
            revision: body.revision,
            priority: body.priority,
            template: 0,
            want: 0,
            hpa: None,
            script: None,
            leaving: false,
            fault: None,
            pods: Vec::new(),
            changed: false,
            starts: around.luck.stream(Purpose::Start, &entity),
            stops: around.luck.stream(Purpose::Stop, &entity),
        });
        self.note(number, around);
        number
    }

    /// Makes a deployment's wishes those of the body.
    pub(super) fn take_on(&mut self, number: u32, body: Body, around: &mut Around<'_>) {
        let deployment = &mut self.deployments[number];
        let replaced = deployment.request != body.request || deployment.revision != body.revision;
        deployment.template += u32::from(replaced);
        deployment.request = body.request;
        deployment.revision = body.revision;
        deployment.priority = body.priority;
        deployment.desk = body.desk;
        match body.scale {
            Scale::Replicas(replicas) => {
                deployment.want = replicas;
                deployment.hpa = None;
            }
            Scale::Bounds { min, max } => {
                match &mut deployment.hpa {
                    Some(hpa) => hpa.rebind(min, max, body.held),
                    hpa @ None => *hpa = Some(Box::new(Hpa::new(min, max, body.held))),
                }
                let hpa = deployment.hpa.as_ref().expect("just made");
                deployment.want = hpa.bounded(deployment.want);
                if !self.scaling {
                    self.scaling = true;
                    around.after(PERIOD, self.id, Turn::Scale);
                }
            }
        }
    }

    pub(super) fn remove(&mut self, number: u32, manifest: &Manifest, around: &mut Around<'_>) {
        let deployment = &mut self.deployments[number];
        deployment.generation = manifest.generation;
        deployment.cause = manifest.cause;
        deployment.leaving = true;
        deployment.hpa = None;
        deployment.want = 0;
        deployment.fault = None;
        for pod in deployment.pods.clone() {
            self.stop_pod(pod, around);
        }
        self.recount(number, around);
        self.finish_removal(number, around);
    }

    /// A deployment that is being removed and has no pods any more is gone.
    pub(super) fn finish_removal(&mut self, number: u32, around: &mut Around<'_>) {
        let deployment = &self.deployments[number];
        if deployment.leaving && deployment.pods.is_empty() {
            let gone = Gone {
                binding: deployment.target.binding,
                generation: deployment.generation,
                cause: deployment.cause,
                changed: true,
                scripted: false,
            };
            self.deployments.remove(number);
            self.remember_gone(gone, around);
        }
    }

    fn note_gone(&mut self, manifest: &Manifest, around: &mut Around<'_>) {
        let Manifest { target, generation, cause, .. } = *manifest;
        let binding = target.binding;
        let gone = Gone { binding, generation, cause, changed: true, scripted: false };
        self.remember_gone(gone, around);
    }

    fn remember_gone(&mut self, gone: Gone, around: &mut Around<'_>) {
        self.gone.retain(|other| other.binding != gone.binding);
        self.gone.push(gone);
        self.publish_soon(around);
    }

    /// One round of the pod autoscaler over all deployments that it governs.
    pub(super) fn scale(&mut self, around: &mut Around<'_>) {
        let governed: Vec<u32> = self
            .deployments
            .iter()
            .filter(|(_, deployment)| deployment.hpa.is_some() && deployment.script.is_none())
            .map(|(number, _)| number)
            .collect();
        self.scaling = !governed.is_empty();
        if self.scaling {
            around.after(PERIOD, self.id, Turn::Scale);
        }
        if !self.is_up() {
            return;
        }
        for number in governed {
            let deployment = &mut self.deployments[number];
            let rate = around.desks.rate(deployment.desk);
            let Some(hpa) = &mut deployment.hpa else { continue };
            let desired = hpa.desired(deployment.want, rate);
            if desired != deployment.want {
                deployment.want = desired;
                self.reconcile(number, around);
                self.recount(number, around);
            }
        }
    }
}
