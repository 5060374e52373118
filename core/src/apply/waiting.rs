//! What waits: bindings for gates, flows for routes, effects for reports, changes for people.

use alloc::vec::Vec;

use crate::effect::{Alert, Effect, EffectKey, Generation};
use crate::ids::{BerthId, BindingId, ClusterId, HoldId, SeriesId};
use crate::state::{Course, FlowId, Hold, HoldKind, Outstanding, Patience, Share, State, Timer};
use crate::units::{Permille, Tick};

impl State {
    pub(super) fn start_waiting(&mut self, id: BindingId) {
        let app = self.berth(id.berth).app;
        let waiting = &mut self.apps.edit(app.index()).waiting;
        if let Err(place) = waiting.binary_search(&id) {
            waiting.insert(place, id);
        }
    }

    pub(super) fn stop_waiting_one(&mut self, id: BindingId) {
        let app = self.berth(id.berth).app;
        if let Ok(place) = self.app(app).waiting.binary_search(&id) {
            self.apps.edit(app.index()).waiting.remove(place);
        }
        self.timers.disarm(Timer::Gate(id));
    }

    pub(super) fn stop_waiting(&mut self, berth: BerthId) {
        let components: Vec<_> =
            self.berth(berth).bindings.iter().map(|binding| binding.component).collect();
        for component in components {
            self.stop_waiting_one(BindingId { berth, component });
        }
    }

    pub(super) fn time_gate(&mut self, binding: BindingId, until: Tick) {
        self.timers.arm(Timer::Gate(binding), until);
    }

    pub(super) fn lose_patience(&mut self, id: BindingId) {
        self.set_patience(id, Patience::Overdue);
    }

    pub(super) fn wave(&mut self, id: BindingId) {
        self.set_patience(id, Patience::Waved);
    }

    fn set_patience(&mut self, id: BindingId, patience: Patience) {
        let place = self.berth(id.berth).place_of(id.component);
        let place = place.expect("a binding that waits exists");
        self.berth_mut(id.berth).bindings[place].patience = patience;
    }

    pub(super) fn route(
        &mut self,
        id: FlowId,
        key: EffectKey,
        generation: Generation,
        weights: &[(BerthId, Permille)],
    ) {
        let mut shares = self.flow(id).expect("a routed flow exists").shares;
        for share in self.flow(id).expect("as above").shares.iter() {
            shares.set(Share { routed: Permille::ZERO, ..*share });
        }
        for (berth, weight) in weights {
            shares.set(Share { routed: *weight, ..shares.of(*berth) });
        }
        self.set_shares(id, shares);
        let (from, app, group) = self.endpoints(id);
        if let Some(superseded) = self.flow(id).expect("as above").routing {
            self.forget(superseded);
        }
        let weights: Vec<(ClusterId, Permille)> =
            weights.iter().map(|(berth, weight)| (self.berth(*berth).cluster, *weight)).collect();
        let effect = Effect::Route { flow: id, app, group, from, generation, weights };
        self.outstanding.insert(key, Outstanding { effect, attempts: 1 });
        self.timers.disarm(Timer::Route(id));
        let flow = self.flow_mut(id);
        flow.generation = generation;
        flow.routing = Some(key);
    }

    pub(super) fn route_done(&mut self, flow: FlowId) {
        self.flow_mut(flow).routing = None;
    }

    pub(super) fn time_route(&mut self, flow: FlowId, until: Tick) {
        self.timers.arm(Timer::Route(flow), until);
    }

    pub(super) fn alert(&mut self, key: EffectKey, alert: Alert) {
        self.outstanding.insert(key, Outstanding { effect: Effect::Alert(alert), attempts: 1 });
    }

    pub(super) fn effect_done(&mut self, key: EffectKey) {
        self.forget(key);
    }

    pub(super) fn postpone(&mut self, key: EffectKey, until: Tick) {
        self.timers.arm(Timer::Retry(key), until);
    }

    pub(super) fn repeat(&mut self, key: EffectKey) {
        let entry = self.outstanding.remove(&key);
        let mut entry = entry.expect("an effect that is repeated is outstanding");
        entry.attempts = entry.attempts.saturating_add(1);
        self.outstanding.insert(key, entry);
    }

    pub(super) fn hold_back(&mut self, series: SeriesId) {
        let held_back = &mut self.scalars.held_back;
        if let Err(place) = held_back.binary_search(&series) {
            held_back.insert(place, series);
        }
    }

    pub(super) fn let_go(&mut self, series: SeriesId) {
        let held_back = &mut self.scalars.held_back;
        if let Ok(place) = held_back.binary_search(&series) {
            held_back.remove(place);
        }
    }

    pub(super) fn place_hold(&mut self, at: Tick, hold: HoldId, kind: HoldKind) {
        self.holds.insert(hold, Hold { kind, since: at, approved: false });
        self.scalars.holds_placed = hold.0 + 1;
        match kind {
            HoldKind::Rollout { app, .. } => self.set_course(app, Course::Held(hold)),
            HoldKind::Blind { .. } | HoldKind::MassDrain { .. } => {}
        }
    }

    pub(super) fn approve(&mut self, hold: HoldId) {
        let held = self.holds.get_mut(&hold).expect("a hold that is approved exists");
        held.approved = true;
        match held.kind {
            HoldKind::Rollout { app, .. } => self.set_course(app, Course::Approved),
            HoldKind::Blind { .. } | HoldKind::MassDrain { .. } => {}
        }
    }

    pub(super) fn lift(&mut self, hold: HoldId) {
        self.holds.remove(&hold);
    }

    pub(super) fn count_removals(&mut self, at: Tick, bindings: u32) {
        let window = self.scalars.policy.breaker.window;
        let removals = &mut self.scalars.removals;
        removals.retain(|(then, _)| then.after(window) > at);
        removals.push((at, bindings));
    }
}
