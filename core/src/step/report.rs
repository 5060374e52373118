//! Effect reports: how what we asked for went.

use crate::decision::Trigger;
use crate::effect::{Effect, EffectKey};
use crate::event::Event;
use crate::ids::BindingId;
use crate::input::{EffectReport, Fault, Outcome};
use crate::state::{FlowId, Phase, Timer};
use crate::step::Step;
use crate::units::Span;

impl Step<'_> {
    /// Takes a report. One for an effect that nobody waits for (done before, or replaced) is ignored.
    pub(super) fn report(&mut self, report: EffectReport) -> Trigger {
        let key = report.key;
        if !self.state.is_outstanding(key) {
            self.emit(Event::ReportIgnored);
            return Trigger::NOTHING;
        }
        match report.outcome {
            Outcome::Done => self.see_done(key),
            Outcome::Failed(fault) => self.see_undone(key, fault),
            Outcome::Unknown => self.see_undone(key, Fault::TimedOut),
        }
        Trigger::Failure
    }

    pub(super) fn see_done(&mut self, key: EffectKey) {
        let effect = self.state.outstanding[&key].effect.clone();
        self.emit(Event::EffectDone { key });
        match effect {
            Effect::Prime { target, .. } => self.see_primed(target.binding),
            Effect::Route { flow, .. } => self.see_routed(key, flow),
            // Its cluster says when nothing is left.
            Effect::Withdraw { .. } | Effect::Alert(_) => {}
        }
    }

    fn see_primed(&mut self, id: BindingId) {
        let Some(binding) = self.state.binding(id) else { return };
        if matches!(binding.phase, Phase::Draining | Phase::Failed) {
            return;
        }
        self.emit(Event::BindingPrimed { binding: id });
        let timed = self.state.timers.deadline(Timer::Overdue(id.berth)).is_some();
        if !timed && self.state.berth(id.berth).is_live() {
            let until = self.at.after(self.state.policy().recovery.ready_within);
            self.emit(Event::BerthTimed { berth: id.berth, until });
        }
    }

    fn see_routed(&mut self, key: EffectKey, flow: FlowId) {
        if self.state.flow(flow).is_some_and(|flow| flow.routing == Some(key)) {
            self.emit(Event::RouteDone { flow });
            self.continue_route(flow);
        }
    }

    /// The effect will be tried again; a binding whose effect failed too often has failed itself.
    fn see_undone(&mut self, key: EffectKey, fault: Fault) {
        let recovery = self.state.policy().recovery;
        let outstanding = &self.state.outstanding[&key];
        let attempts = u32::from(outstanding.attempts);
        let exhausted = outstanding.attempts >= recovery.effect_attempts;
        let primes = match outstanding.effect {
            Effect::Prime { target, .. } => Some(target.binding),
            Effect::Withdraw { .. } | Effect::Route { .. } | Effect::Alert(_) => None,
        };
        // Removals and routes are tried for ever: giving up would leave something behind.
        let doublings = (attempts - 1).min(BACKOFF_DOUBLINGS_MAX);
        let wait = Span(recovery.effect_retry.0.saturating_mul(1 << doublings));
        self.emit(Event::EffectPostponed { key, until: self.at.after(wait) });
        if let Some(binding) = primes.filter(|_| exhausted) {
            let live = self
                .state
                .binding(binding)
                .is_some_and(|binding| !matches!(binding.phase, Phase::Draining | Phase::Failed));
            if live {
                self.see_failed(binding, fault);
            }
        }
    }
}

/// The longest wait before another try is `effect_retry` doubled this often.
const BACKOFF_DOUBLINGS_MAX: u32 = 6;
