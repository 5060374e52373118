//! Contents: what git holds of a binding follows what it should be.

use alloc::vec::Vec;

use crate::capacity::{PodCount, Totals, packs};
use crate::decide::Scratch;
use crate::event::Event;
use crate::fleet::Resources;
use crate::ids::{AppId, BerthId, BindingId, ClusterId};
use crate::intent::{Component, Scaling};
use crate::state::{Binding, Content};
use crate::step::Step;
use crate::units::Span;

impl Step<'_> {
    /// Writes every binding of a berth whose content differs from what was written last.
    pub(super) fn write(&mut self, id: BerthId, scratch: &mut Scratch) {
        let Some(berth) = self.state.try_berth(id) else { return };
        if !berth.is_live()
            || self.state.is_paused()
            || !self.state.cluster(berth.cluster).is_fresh()
        {
            return;
        }
        let ids: Vec<_> = berth.bindings.iter().map(|binding| binding.component).collect();
        for component in ids {
            let target = BindingId { berth: id, component };
            let binding = self.state.binding(target).expect("just listed");
            let berth = self.state.berth(id);
            let listed =
                self.state.intent(berth.app).group(berth.group).components.contains(&component);
            if binding.content == Content::Absent && !listed {
                self.emit(Event::BindingRemoved { binding: target });
                self.look_at_gates(target);
            }
            let Some(binding) = self.state.binding(target) else { continue };
            if binding.content != Content::Present {
                continue;
            }
            let berth = self.state.berth(id);
            let declared = self.state.intent(berth.app).component(component);
            let rescaled = is_rescaled(declared, binding);
            let differs = !listed || binding.differs_from(declared);
            if differs && self.is_kept_back(id) {
                // How many replicas there are is no part of a rollout.
                let request = binding.request;
                if listed && rescaled && self.has_room(target, &request, scratch) {
                    self.rescale(target);
                }
            } else if !listed {
                self.withdraw(target);
            } else if differs || rescaled {
                let request = declared.request;
                if self.has_room(target, &request, scratch) {
                    self.prime(target);
                }
            }
        }
    }

    /// Asks for another number of replicas of what was written last.
    fn rescale(&mut self, binding: BindingId) {
        let generation = self.state.berths[binding.berth.index()].generation.next();
        self.issue(|key| Event::RescaleIssued { binding, key, generation });
    }

    /// Whether a binding, whose replicas then ask for `request`, fits its cluster beside everything else that
    /// was written there, now.
    ///
    /// Planning counts on room that others are about to leave; git must not.
    pub(super) fn has_room(
        &self,
        id: BindingId,
        request: &Resources,
        scratch: &mut Scratch,
    ) -> bool {
        let Scratch { pods, nodes, .. } = scratch;
        let berth = self.state.berth(id.berth);
        let cluster = self.state.cluster(berth.cluster);
        let wanted = self.state.binding(id).expect("a binding that is written exists");
        let scaling = self.state.intent(berth.app).component(id.component).scaling;
        // An autoscaler's least is written whatever is planned.
        let count = wanted.charged().max(scaling.primed(wanted.replicas));
        let larger = Totals::of(&wanted.request, 1).shortage(&Totals::of(request, 1)).is_some();
        let more = larger || count > wanted.written();
        if wanted.content == Content::Present && !more {
            return true;
        }
        if larger && !self.quota_allows(id, request) {
            return false;
        }
        pods.clear();
        for berth in &cluster.berths {
            for binding in &self.state.berth(*berth).bindings {
                if *berth == id.berth && binding.component == id.component {
                    pods.push(PodCount { request: *request, pods: u32::from(count) });
                } else if binding.content != Content::Absent {
                    let count = u32::from(binding.written());
                    pods.push(PodCount { request: binding.request, pods: count });
                }
            }
        }
        packs(&cluster.nodes, pods, nodes)
    }

    /// Whether a binding whose replicas ask for something else from now on is within its tenant's quota.
    fn quota_allows(&self, id: BindingId, request: &Resources) -> bool {
        let tenant = self.state.intent(self.state.berth(id.berth).app).tenant;
        let Some(quota) = self.state.tenant(tenant).quota else { return true };
        let quota = Totals { pods: u64::MAX, ..Totals::of(&quota, 1) };
        let binding = self.state.binding(id).expect("a binding that is written exists");
        let count = u32::from(binding.charged());
        let mut held = self.state.derived.held_by(tenant);
        held -= Totals::of(&binding.request, count);
        held += Totals::of(request, count);
        quota.shortage(&held).is_none()
    }

    /// Room came free in a cluster: whoever waits for it may go on.
    pub(super) fn offer_room(&mut self, cluster: ClusterId) {
        for place in 0..self.state.cluster(cluster).berths.len() {
            let berth = self.state.cluster(cluster).berths[place];
            self.work.gates.push(self.state.berth(berth).app);
            self.work.contents.push(berth);
            self.look_at_rollout(self.state.berth(berth).app);
        }
        self.stir_short();
        // Others may be better off there, in their own time.
        self.stir_every_app_for_room();
    }

    /// A berth that is taken back has all the bindings of its group again.
    pub(crate) fn restore_bindings(&mut self, berth: BerthId) {
        self.add_missing_bindings(berth);
        self.work.gates.push(self.state.berth(berth).app);
    }

    /// Gives a berth the bindings of its group that it lacks. Returns whether it lacked any.
    pub(crate) fn add_missing_bindings(&mut self, berth: BerthId) -> bool {
        let entry = self.state.berth(berth);
        let group = self.state.intent(entry.app).group(entry.group);
        let missing = group.components.iter().filter(|id| entry.binding(**id).is_none());
        let missing: Vec<_> = missing.copied().collect();
        for component in &missing {
            self.emit(Event::BindingAdded { berth, component: *component });
        }
        !missing.is_empty()
    }

    /// Planning is over in this step; what is still to be planned waits for the next.
    pub(super) fn leave_planning_for_later(&mut self, app: AppId) {
        self.work.berths.clear();
        self.work.flows.clear();
        self.stir(app, self.at.after(Span::SECOND));
    }
}

/// Whether a binding should have another number of replicas than was written.
fn is_rescaled(declared: &Component, binding: &Binding) -> bool {
    match declared.scaling {
        Scaling::Fixed { .. } => binding.primed != binding.replicas,
        Scaling::Hpa { .. } => false,
    }
}
