//! Gates: a component's resources reach git only once what it waits for holds.

use alloc::vec::Vec;

use crate::decide::Scratch;
use crate::effect::Alert;
use crate::event::Event;
use crate::ids::{AppId, BerthId, BindingId, ClusterId};
use crate::input::Fault;
use crate::intent::{Gate, Milestone, Otherwise, Scope};
use crate::state::{Binding, Patience, Phase, State, Timer};
use crate::step::Step;
use crate::units::Tick;

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is open.
    Open,
    /// Its condition holds, but not for long enough until then.
    Holding(Tick),
    /// Its condition does not hold.
    Shut,
}

impl Step<'_> {
    /// Primes every binding of an app whose gates are open and whose room is free.
    pub(super) fn open_gates(&mut self, app: AppId, scratch: &mut Scratch) {
        if self.state.is_paused() {
            return;
        }
        let mut waiting: Vec<BindingId> = self.state.app(app).waiting.clone();
        waiting.retain(|id| self.state.berth(id.berth).is_live());
        for id in waiting {
            self.try_gates(id, scratch);
        }
    }

    fn try_gates(&mut self, id: BindingId, scratch: &mut Scratch) {
        let berth = self.state.berth(id.berth);
        // Nothing new goes where nothing can be seen.
        if !self.state.cluster(berth.cluster).is_fresh() {
            return;
        }
        // Nor what is no longer part of its group.
        let group = self.state.intent(berth.app).group(berth.group);
        if !group.components.contains(&id.component) {
            return;
        }
        let binding = self.state.binding(id).expect("a binding that waits exists");
        match self.judge(id, binding) {
            Verdict::Open => {}
            Verdict::Holding(until) => return self.time_gate(id, Some(until)),
            Verdict::Shut => return self.wait_at_gate(id),
        }
        let request =
            self.state.intent(self.state.berth(id.berth).app).component(id.component).request;
        if self.has_room(id, &request, scratch) {
            self.prime(id);
        }
    }

    /// All gates of a binding together.
    fn judge(&self, id: BindingId, binding: &Binding) -> Verdict {
        let berth = self.state.berth(id.berth);
        let gates = &self.state.intent(berth.app).component(id.component).after;
        let mut holding = None;
        for gate in gates.iter().filter(|gate| !is_waved(self.at, gate, binding)) {
            match verdict(self.state, self.at, gate, berth.cluster) {
                Verdict::Open => {}
                Verdict::Holding(until) => holding = holding.max(Some(until)),
                Verdict::Shut => return Verdict::Shut,
            }
        }
        holding.map_or(Verdict::Open, Verdict::Holding)
    }

    /// A gate is shut: its deadline decides what then.
    fn wait_at_gate(&mut self, id: BindingId) {
        let Some((deadline, otherwise)) = self.deadline(id) else { return };
        if deadline > self.at {
            return self.time_gate(id, None);
        }
        let target = self.state.target(id);
        match otherwise {
            Otherwise::Hold => {
                if self.state.binding(id).expect("it waits").patience == Patience::Waiting {
                    self.emit(Event::GateOverdue { binding: id });
                    self.alert(Alert::GateOverdue { target });
                }
            }
            Otherwise::Abort => {
                self.alert(Alert::GateOverdue { target });
                self.see_failed(id, Fault::TimedOut);
                // What failed is planned anew by the timer that this sets.
                self.leave_planning_for_later(target.app);
            }
            Otherwise::Proceed => {
                self.emit(Event::GateWaved { binding: id });
                self.alert(Alert::GateOverdue { target });
                self.work.gates.push(target.app);
            }
        }
    }

    /// The earliest deadline of a binding's shut gates, and what then.
    fn deadline(&self, id: BindingId) -> Option<(Tick, Otherwise)> {
        let berth = self.state.berth(id.berth);
        let binding = self.state.binding(id)?;
        let gates = self.state.intent(berth.app).component(id.component).after.iter();
        let shut = gates.filter(|gate| {
            !is_waved(self.at, gate, binding)
                && verdict(self.state, self.at, gate, berth.cluster) != Verdict::Open
        });
        shut.filter_map(|gate| Some((binding.since.after(gate.deadline?), gate.otherwise)))
            .min_by_key(|(deadline, _)| *deadline)
    }

    /// Looks at a gate again when its hold or its deadline ends, whichever comes first.
    fn time_gate(&mut self, id: BindingId, holding: Option<Tick>) {
        let deadline = self.deadline(id).map(|(deadline, _)| deadline).filter(|at| *at > self.at);
        let until = match (holding, deadline) {
            (Some(holding), Some(deadline)) => Some(holding.min(deadline)),
            (holding, deadline) => holding.or(deadline),
        };
        let Some(until) = until else { return };
        if self.state.timers.deadline(Timer::Gate(id)) != Some(until) {
            self.emit(Event::GateTimed { binding: id, until });
        }
    }

    /// Asks for a binding's content to be written.
    pub(super) fn prime(&mut self, binding: BindingId) {
        let generation = self.state.berths[binding.berth.index()].generation.next();
        self.issue(|key| Event::PrimeIssued { binding, key, generation });
    }
}

/// Whether a binding no longer waits at a gate, whatever stands behind it.
fn is_waved(at: Tick, gate: &Gate, binding: &Binding) -> bool {
    let passed = gate.deadline.is_some_and(|deadline| binding.since.after(deadline) <= at);
    binding.patience == Patience::Waved && gate.otherwise == Otherwise::Proceed && passed
}

/// What one gate says to a binding in `cluster`.
fn verdict(state: &State, at: Tick, gate: &Gate, cluster: ClusterId) -> Verdict {
    let Some(app) = state.apps.items().get(gate.app.index()) else { return Verdict::Shut };
    if gate.component.index() >= app.intent.components.len() {
        return Verdict::Shut;
    }
    let group = app.intent.group_of(gate.component);
    let held = &app.berths[group.index()];
    let reached = |held: &(ClusterId, BerthId)| -> Verdict {
        let binding = state.berth(held.1).binding(gate.component);
        binding.map_or(Verdict::Shut, |binding| milestone(at, gate, binding))
    };
    match gate.scope {
        Scope::Same => held.iter().find(|held| held.0 == cluster).map_or(Verdict::Shut, reached),
        Scope::Any => {
            held.iter().map(reached).min_by_key(|verdict| rank(*verdict)).unwrap_or(Verdict::Shut)
        }
        Scope::Every => {
            held.iter().map(reached).max_by_key(|verdict| rank(*verdict)).unwrap_or(Verdict::Shut)
        }
        Scope::Nearest => {
            let own = core::iter::once(cluster);
            let near = own.chain(state.cluster(cluster).reach.iter().map(|(_, cluster)| cluster));
            let mut there = near.filter_map(|near| held.iter().find(|held| held.0 == near));
            there.next().map_or(Verdict::Shut, reached)
        }
    }
}

/// Open before holding before shut; of two that hold, the one that opens first.
fn rank(verdict: Verdict) -> (u8, Tick) {
    match verdict {
        Verdict::Open => (0, Tick::ZERO),
        Verdict::Holding(until) => (1, until),
        Verdict::Shut => (2, Tick::ZERO),
    }
}

/// Whether a binding has been where the gate wants it for long enough.
fn milestone(at: Tick, gate: &Gate, binding: &Binding) -> Verdict {
    let there = match gate.until {
        Milestone::Deployed => matches!(binding.phase, Phase::Applied | Phase::Ready),
        Milestone::Ready => binding.phase == Phase::Ready,
    };
    let since = binding.since.after(gate.hold);
    match (there, since <= at) {
        (false, _) => Verdict::Shut,
        (true, true) => Verdict::Open,
        (true, false) => Verdict::Holding(since),
    }
}
