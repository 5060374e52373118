//! What happened to bindings.
//!
//! Every change of a binding goes through [`change_binding`](State::change_binding), which keeps the
//! cluster's `held` in step with it.

use crate::capacity::Totals;
use crate::effect::{Effect, EffectKey, Generation, Scale, Target};
use crate::ids::{BerthId, BindingId, ComponentId};
use crate::input::{Input, Observation, Sight};
use crate::intent::Scaling;
use crate::state::{Binding, Content, Outstanding, Patience, Phase, State, Timer};
use crate::units::Tick;

impl State {
    pub(super) fn add_binding(&mut self, at: Tick, berth: BerthId, component: ComponentId) {
        let entry = self.berth(berth);
        let declared = self.intent(entry.app).component(component);
        let binding = Binding {
            component,
            phase: Phase::Waiting,
            since: at,
            replicas: 0,
            required: 0,
            primed: 0,
            ceiling: 0,
            seen: 0,
            request: declared.request,
            revision: declared.revision,
            generation: self.berths[berth.index()].generation,
            cause: None,
            content: Content::Absent,
            as_of: at,
            served: false,
            patience: Patience::Waiting,
        };
        let bindings = &mut self.berth_mut(berth).bindings;
        let place = bindings.partition_point(|other| other.component < component);
        bindings.insert(place, binding);
        self.scalars.bindings += 1;
        self.start_waiting(BindingId { berth, component });
    }

    /// Changes one binding, and what its cluster holds along with it.
    pub(super) fn change_binding(
        &mut self,
        berth: BerthId,
        place: usize,
        change: impl FnOnce(&mut Binding),
    ) {
        let entry = self.berth_mut(berth);
        let (app, cluster) = (entry.app, entry.cluster);
        let binding = &mut entry.bindings[place];
        let before = Totals::of(&binding.request, u32::from(binding.charged()));
        change(binding);
        let after = Totals::of(&binding.request, u32::from(binding.charged()));
        if before != after {
            let tenant = self.intent(app).tenant;
            self.derived.charge(tenant, &before, &after);
            let held = &mut self.clusters.edit(cluster.index()).held;
            *held -= before;
            *held += after;
        }
    }

    fn change(&mut self, id: BindingId, change: impl FnOnce(&mut Binding)) {
        let place = self.berth(id.berth).place_of(id.component);
        self.change_binding(id.berth, place.expect("a binding that is referred to exists"), change);
    }

    /// What was written last, with another number of replicas.
    pub(super) fn issue_rescale(&mut self, id: BindingId, key: EffectKey, generation: Generation) {
        let target = self.target(id);
        let binding = self.binding(id).expect("a binding that is rescaled exists");
        let (revision, scale) = (binding.revision, Scale::Replicas(binding.replicas));
        self.supersede(id, key, Effect::Prime { target, generation, revision, scale });
        self.raise_generation(id.berth, generation);
        self.change(id, |binding| {
            assert_eq!(binding.content, Content::Present, "only what was written is rescaled");
            binding.generation = generation;
            binding.cause = Some(key);
            binding.primed = binding.replicas;
            binding.ceiling = binding.ceiling.max(binding.primed);
        });
        self.stop_waiting_one(id);
    }

    pub(super) fn issue_prime(
        &mut self,
        at: Tick,
        id: BindingId,
        key: EffectKey,
        generation: Generation,
    ) {
        let target = self.target(id);
        let declared = self.intent(target.app).component(target.component).clone();
        let replicas = self.binding(id).expect("a primed binding exists").replicas;
        let scale = match declared.scaling {
            Scaling::Fixed { .. } => Scale::Replicas(replicas),
            Scaling::Hpa { min, max } => Scale::Bounds { min, max },
        };
        let revision = declared.revision;
        self.supersede(id, key, Effect::Prime { target, generation, revision, scale });
        self.raise_generation(id.berth, generation);
        self.change(id, |binding| {
            binding.generation = generation;
            binding.cause = Some(key);
            binding.content = Content::Present;
            binding.primed = declared.scaling.primed(binding.replicas);
            binding.required = binding.primed;
            binding.ceiling = binding.ceiling.max(binding.primed);
            binding.request = declared.request;
            binding.revision = declared.revision;
            // What failed was what stood there before.
            if binding.phase == Phase::Failed {
                binding.phase = Phase::Waiting;
                binding.since = at;
            }
        });
        self.stop_waiting_one(id);
    }

    pub(super) fn prime(&mut self, at: Tick, id: BindingId) {
        self.change(id, |binding| {
            binding.phase = Phase::Primed;
            binding.since = at;
        });
    }

    pub(super) fn settle_applied(&mut self, at: Tick, input: &Input, id: BindingId) {
        let as_of = as_of(input);
        self.change(id, |binding| {
            binding.phase = Phase::Applied;
            binding.since = at;
            binding.as_of = as_of;
            // What was written before has been replaced; what it started shows in `seen`.
            binding.ceiling = binding.primed;
        });
    }

    pub(super) fn see_replicas(&mut self, input: &Input, id: BindingId, replicas: u16) {
        let as_of = as_of(input);
        self.change(id, |binding| {
            binding.seen = replicas;
            binding.as_of = as_of;
        });
    }

    pub(super) fn make_ready(&mut self, at: Tick, id: BindingId) {
        self.change(id, |binding| {
            binding.phase = Phase::Ready;
            binding.since = at;
            binding.served = true;
        });
        if self.berth(id.berth).is_ready() {
            self.timers.disarm(Timer::Overdue(id.berth));
        }
    }

    pub(super) fn make_unready(&mut self, at: Tick, id: BindingId) {
        self.change(id, |binding| {
            binding.phase = Phase::Applied;
            binding.since = at;
        });
    }

    pub(super) fn fail(&mut self, at: Tick, id: BindingId) {
        self.change(id, |binding| {
            binding.phase = Phase::Failed;
            binding.since = at;
        });
        self.stop_waiting_one(id);
    }

    pub(super) fn issue_withdraw(
        &mut self,
        at: Tick,
        id: BindingId,
        key: EffectKey,
        generation: Generation,
    ) {
        let target = self.target(id);
        self.supersede(id, key, Effect::Withdraw { target, generation });
        self.raise_generation(id.berth, generation);
        self.change(id, |binding| {
            binding.generation = generation;
            binding.cause = Some(key);
            binding.content = Content::Leaving;
            binding.phase = Phase::Draining;
            binding.since = at;
        });
        self.stop_waiting_one(id);
    }

    pub(super) fn remove_binding(&mut self, id: BindingId) {
        self.stop_waiting_one(id);
        self.change(id, |binding| {
            binding.replicas = 0;
            binding.primed = 0;
            binding.ceiling = 0;
            binding.seen = 0;
        });
        if let Some(key) = self.binding(id).expect("a binding that is removed exists").cause {
            self.forget(key);
        }
        let place = self.berth(id.berth).place_of(id.component);
        self.berth_mut(id.berth).bindings.remove(place.expect("as above"));
        self.scalars.bindings -= 1;
    }

    /// A binding that was on its way out is wanted again.
    pub(super) fn take_back(&mut self, at: Tick, berth: BerthId, place: usize) {
        let binding = &self.berth(berth).bindings[place];
        let id = BindingId { berth, component: binding.component };
        if matches!(binding.phase, Phase::Draining | Phase::Failed) {
            self.change_binding(berth, place, |binding| {
                binding.phase = Phase::Waiting;
                binding.since = at;
                binding.patience = Patience::Waiting;
                binding.served = false;
            });
            self.start_waiting(id);
        }
    }

    /// The binding with the names that a shell needs to act on it.
    ///
    /// # Panics
    /// Panics if its berth does not exist.
    #[must_use]
    pub fn target(&self, binding: BindingId) -> Target {
        let berth = self.berth(binding.berth);
        let (app, cluster) = (berth.app, berth.cluster);
        Target { binding, app, component: binding.component, cluster }
    }

    /// Puts a binding's newest effect in the place of the one before.
    fn supersede(&mut self, id: BindingId, key: EffectKey, effect: Effect) {
        if let Some(before) = self.binding(id).and_then(|binding| binding.cause) {
            self.forget(before);
        }
        self.outstanding.insert(key, Outstanding { effect, attempts: 1 });
    }

    /// Nobody waits for a report on this effect any more.
    pub(super) fn forget(&mut self, key: EffectKey) {
        self.outstanding.remove(&key);
        self.timers.disarm(Timer::Retry(key));
    }

    pub(super) fn raise_generation(&mut self, berth: BerthId, generation: Generation) {
        let slot = self.berths.edit(berth.index());
        slot.generation = slot.generation.max(generation);
    }
}

fn as_of(input: &Input) -> Tick {
    let Input::Observation(Observation { as_of, sight: Sight::Readiness { .. } }) = input else {
        panic!("only a reading says what a cluster has")
    };
    *as_of
}
