//! Readings: what clusters say about the objects that we own.

use crate::decision::Trigger;
use crate::event::Event;
use crate::ids::{BerthId, BindingId, ClusterId};
use crate::input::{Fault, Reading, Seen};
use crate::state::{Content, Health, Phase, Stage};
use crate::step::Step;
use crate::units::Tick;

impl Step<'_> {
    pub(super) fn see_readings(
        &mut self,
        as_of: Tick,
        cluster: ClusterId,
        readings: &[Reading],
    ) -> Trigger {
        let mut believed = false;
        for reading in readings {
            if self.is_believable(as_of, cluster, reading) {
                believed = true;
                self.see_one(reading);
            }
        }
        if !believed {
            self.emit(Event::ObservationOutdated);
        }
        Trigger::Failure
    }

    /// Whether a reading is about a binding of ours, in this cluster, and not older than what we know.
    fn is_believable(&self, as_of: Tick, cluster: ClusterId, reading: &Reading) -> bool {
        let Some(binding) = self.state.binding(reading.binding) else { return false };
        let here = self.state.berth(reading.binding.berth).cluster == cluster;
        here && reading.generation <= binding.generation
            && as_of >= binding.as_of
            && binding.content != Content::Absent
            && self.state.cluster(cluster).health != Health::Retired
    }

    fn see_one(&mut self, reading: &Reading) {
        let id = reading.binding;
        let binding = self.state.binding(id).expect("checked before");
        let current = reading.generation == binding.generation;
        let (phase, content) = (binding.phase, binding.content);
        match reading.seen {
            Seen::Gone if current && content == Content::Leaving => self.see_gone(id),
            Seen::Gone => {
                if binding.seen > 0 {
                    self.emit(Event::ReplicasSeen { binding: id, replicas: 0 });
                    self.see_fewer(id);
                }
            }
            Seen::Applied => {
                if current && content == Content::Present {
                    self.see_applied(id);
                }
            }
            Seen::Replicas(replicas) => {
                let before = binding.seen;
                if replicas != before {
                    self.emit(Event::ReplicasSeen { binding: id, replicas });
                }
                if replicas < before {
                    self.work.freed.push(self.state.berth(id.berth).cluster);
                }
                if current {
                    self.see_enough(id);
                }
                self.see_fewer(id);
            }
            Seen::Failed(fault) => {
                let binding = self.state.binding(id).expect("checked before");
                if !current || content != Content::Present || phase == Phase::Failed {
                    return;
                }
                if binding.is_ready() {
                    // All that must be there is: its autoscaler wants more than its cluster can give.
                    self.give_up(id.berth);
                } else {
                    self.see_failed(id, fault);
                }
            }
        }
    }

    /// A cluster took what was written. It has been written, then, even if nobody has said so.
    fn see_applied(&mut self, id: BindingId) {
        let cause = self.state.binding(id).and_then(|binding| binding.cause);
        if let Some(key) = cause.filter(|key| self.state.is_outstanding(*key)) {
            self.see_done(key);
        }
        let binding = self.state.binding(id).expect("what is done is not removed by that");
        if binding.phase != Phase::Primed {
            return;
        }
        let before = binding.charged();
        self.emit(Event::BindingApplied { binding: id });
        if self.state.binding(id).is_some_and(|now| now.charged() < before) {
            self.work.freed.push(self.state.berth(id.berth).cluster);
        }
        self.see_enough(id);
        self.look_at_gates(id);
    }

    /// A binding whose content was taken may have all of its replicas.
    fn see_enough(&mut self, id: BindingId) {
        let binding = self.state.binding(id).expect("checked before");
        // Replicas of the content before may be seen until the agent reports the new one.
        let waits = matches!(binding.phase, Phase::Applied | Phase::Failed);
        if !waits || binding.content != Content::Present || binding.seen < binding.required {
            return;
        }
        self.emit(Event::BindingReady { binding: id });
        self.look_at_rollout(self.state.berth(id.berth).app);
        self.work.routes.extend(&self.state.berth(id.berth).sources);
        self.look_at_gates(id);
    }

    /// A binding that was ready may have lost replicas.
    fn see_fewer(&mut self, id: BindingId) {
        let Some(binding) = self.state.binding(id) else { return };
        if binding.phase == Phase::Ready && binding.seen < binding.required {
            self.emit(Event::BindingUnready { binding: id });
            self.soak_anew(id.berth);
            let until = self.at.after(self.state.policy().recovery.ready_within);
            self.emit(Event::BerthTimed { berth: id.berth, until });
        }
    }

    fn see_gone(&mut self, id: BindingId) {
        let cluster = self.state.berth(id.berth).cluster;
        self.look_at_gates(id);
        self.emit(Event::BindingRemoved { binding: id });
        self.work.freed.push(cluster);
        self.work.leavings.push(id.berth);
        if self.state.berth(id.berth).is_live() {
            // It was wanted again before it was gone. The room that it left stays promised to it, even where
            // nothing is planned.
            self.complete(id.berth);
            self.work.berths.push(id.berth);
        }
    }

    /// A binding failed: the cluster is given up for it, or no longer asked for more.
    pub(crate) fn see_failed(&mut self, id: BindingId, fault: Fault) {
        self.emit(Event::BindingFailed { binding: id, fault });
        self.alert(crate::effect::Alert::BindingFailed { target: self.state.target(id), fault });
        self.fail_turn(id.berth);
        self.give_up(id.berth);
    }

    /// A berth did not become what it should: keeps what serves, or gives the cluster up.
    pub(crate) fn give_up(&mut self, berth: BerthId) {
        let entry = self.state.berth(berth);
        if !matches!(entry.stage, Stage::Live) {
            return;
        }
        let (app, cluster) = (entry.app, entry.cluster);
        let until = self.at.after(self.state.policy().recovery.retry_after);
        // What a rollout has not brought yet holds nobody up.
        let seen = |component| entry.binding(component).map_or(u16::MAX, |binding| binding.seen);
        let components = &self.state.intent(app).group(entry.group).components;
        let seen: alloc::vec::Vec<u16> = components.iter().map(|one| seen(*one)).collect();
        let staffing = self.state.staffing(app, entry.group, cluster);
        let reached = staffing.ok().and_then(|staffing| staffing.step_within(&seen));
        match reached.filter(|_| entry.is_serving()) {
            Some(step) => {
                let step = u32::try_from(step).expect("steps are few");
                self.emit(Event::BerthCapped { berth, step, until });
            }
            None => self.emit(Event::ClusterAvoided { app, cluster, until }),
        }
        self.work.berths.push(berth);
    }

    /// Gates of this app and of others may have opened or closed.
    pub(crate) fn look_at_gates(&mut self, id: BindingId) {
        let app = self.state.berth(id.berth).app;
        self.work.gates.push(app);
        self.work.gates.extend(self.state.derived.dependents(app));
    }
}
