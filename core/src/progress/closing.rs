//! Closing: a berth without users drains, leaves and is removed, dependents first.

use alloc::vec::Vec;

use crate::decide::{Stance, live_berths, stance};
use crate::decision::{Closing, Decision, Reason, Subject, Trigger, Verdict};
use crate::event::Event;
use crate::ids::{BerthId, BindingId};
use crate::intent::Scope;
use crate::state::{Berth, Content, FlowId, Health, Phase, Stage, State};
use crate::step::Step;
use crate::units::Permille;

impl Step<'_> {
    /// Looks at a berth that may have become useless, or may go on.
    pub(crate) fn look_at(&mut self, berth: BerthId) {
        match self.state.berth(berth).stage {
            Stage::Live => {
                self.work.closings.push((berth, Closing::Idle));
                self.work.contents.push(berth);
                self.work.routes.extend(&self.state.berth(berth).sources);
            }
            Stage::Closing { .. } => {}
            Stage::Leaving { .. } => self.work.leavings.push(berth),
        }
    }

    /// Closes a berth that nobody is sent to, unless something keeps it.
    pub(super) fn close(&mut self, id: BerthId, cause: Closing) {
        let Some(berth) = self.state.try_berth(id) else { return };
        if !berth.is_live() || !berth.sources.is_empty() || self.state.is_paused() {
            return;
        }
        let cause = self.cause_of_closing(id, cause);
        if self.is_kept(id, cause) {
            return;
        }
        let berth = self.state.berth(id);
        let policy = self.state.policy();
        let served = berth.bindings.iter().any(|binding| binding.served);
        let drained = if served { self.at.after(policy.traffic.drain) } else { self.at };
        let until = match cause {
            Closing::Idle | Closing::Moved => drained.max(berth.opened.after(policy.pace.dwell)),
            Closing::Drained | Closing::Failed | Closing::Preempted | Closing::Withdrawn => drained,
        };
        self.note_closed(id, cause);
        if until > self.at {
            self.emit(Event::BerthClosing { berth: id, cause, until });
        } else {
            self.start_leaving(id, cause);
        }
    }

    /// The reason that weighs most: what the intent or the cluster says, before what users did.
    fn cause_of_closing(&self, id: BerthId, cause: Closing) -> Closing {
        let berth = self.state.berth(id);
        if self.state.app(berth.app).withdrawn {
            return Closing::Withdrawn;
        }
        match stance(self.state, self.at, berth.app, berth.group, berth.cluster) {
            Stance::Shut(Reason::RecentlyFailed { .. }) => Closing::Failed,
            Stance::Shut(_) => Closing::Drained,
            Stance::Open | Stance::Returning(_) | Stance::Keep(_) => cause,
        }
    }

    /// Whether something keeps a berth that nobody is sent to.
    fn is_kept(&self, id: BerthId, cause: Closing) -> bool {
        let berth = self.state.berth(id);
        let cluster = self.state.cluster(berth.cluster);
        let settling = match cluster.health {
            Health::Fresh => {
                cluster.stable_at > self.at && matches!(cause, Closing::Idle | Closing::Moved)
            }
            // What cannot be seen is neither removed nor given up: it stays charged until it is heard of.
            Health::Unknown { .. } | Health::Lost { .. } => true,
            Health::Retired => false,
        };
        let standing = usize::from(self.state.intent(berth.app).group(berth.group).standing);
        let stands = match cause {
            Closing::Idle | Closing::Moved => {
                live_berths(self.state, berth.app, berth.group) <= standing
            }
            Closing::Drained => self.is_last_copy(id),
            Closing::Failed | Closing::Preempted | Closing::Withdrawn => false,
        };
        settling || stands || self.has_callers(id) || self.is_needed(id)
    }

    /// Whether a berth with data is the last of its group.
    fn is_last_copy(&self, id: BerthId) -> bool {
        let berth = self.state.berth(id);
        let group = self.state.intent(berth.app).group(berth.group);
        group.stateful && live_berths(self.state, berth.app, berth.group) <= 1
    }

    /// Whether a binding of another live berth here needs one of this berth's.
    pub(crate) fn is_needed(&self, id: BerthId) -> bool {
        let berth = self.state.berth(id);
        berth.bindings.iter().any(|binding| {
            let needed = BindingId { berth: id, component: binding.component };
            dependents(self.state, needed)
                .any(|other| self.state.berth(other.berth).is_live() && other.berth != id)
        })
    }

    /// Whether a berth that calls this one has users.
    fn has_callers(&self, id: BerthId) -> bool {
        let calls = |source: &FlowId| matches!(source, FlowId::Call(..));
        self.state.berth(id).sources.iter().any(calls)
    }

    fn note_closed(&mut self, id: BerthId, cause: Closing) {
        let berth = self.state.berth(id);
        let decision = Decision {
            app: berth.app,
            group: berth.group,
            subject: Subject::Berth(berth.cluster),
            trigger: match cause {
                Closing::Drained => Trigger::Cluster,
                Closing::Failed => Trigger::Failure,
                Closing::Idle => Trigger::Demand,
                Closing::Moved => Trigger::Timer,
                Closing::Preempted => Trigger::Preemption,
                Closing::Withdrawn => Trigger::Intent,
            },
            verdict: Verdict::Closed(cause),
            winner: None,
            runner_up: None,
            held: None,
            refusals: Vec::new(),
        };
        self.out.decisions.push(decision);
    }

    /// Begins to remove a berth: its own calls end first.
    pub(crate) fn start_leaving(&mut self, id: BerthId, cause: Closing) {
        self.end_calls(id);
        self.emit(Event::BerthLeaving { berth: id, cause });
        self.look_at_rollout(self.state.berth(id).app);
        self.work.leavings.push(id);
        self.look_at_neighbours(id);
        self.needed_by(id).into_iter().for_each(|needed| self.look_at(needed));
    }

    /// Berths elsewhere that a berth's gates name: they may have been kept only for it.
    fn needed_by(&self, id: BerthId) -> Vec<BerthId> {
        let berth = self.state.berth(id);
        let intent = self.state.intent(berth.app);
        let components = &intent.group(berth.group).components;
        let gates = components.iter().flat_map(|id| &intent.component(*id).after);
        let apps = gates.filter(|gate| gate.app.index() < self.state.apps.len());
        let held = apps.flat_map(|gate| self.state.app(gate.app).berths.iter().flatten());
        held.map(|held| held.1).filter(|other| *other != id).collect()
    }

    fn end_calls(&mut self, id: BerthId) {
        for place in 0..self.state.berth(id).calls.len() {
            let (call, flow) = &self.state.berth(id).calls[place];
            let (call, shares) = (FlowId::Call(id, *call), flow.shares);
            if shares.as_slice().is_empty() {
                continue;
            }
            self.emit(Event::Assigned { flow: call, shares: Vec::new() });
            if shares.iter().any(|share| share.routed > Permille::ZERO) {
                self.send(call, Vec::new());
            }
            for share in shares.iter() {
                self.check_scale_in(share.berth);
                self.work.closings.push((share.berth, Closing::Idle));
            }
        }
    }

    /// Berths in the same cluster may have been kept only for this one.
    fn look_at_neighbours(&mut self, id: BerthId) {
        let cluster = self.state.berth(id).cluster;
        for place in 0..self.state.cluster(cluster).berths.len() {
            let other = self.state.cluster(cluster).berths[place];
            if other != id {
                self.look_at(other);
            }
        }
    }

    /// Removes what can be removed of a berth that is leaving.
    pub(super) fn clear_out(&mut self, id: BerthId) {
        let Some(berth) = self.state.try_berth(id) else { return };
        let Stage::Leaving { cause } = berth.stage else { return };
        if self.state.is_paused() {
            return;
        }
        loop {
            let berth = self.state.berth(id);
            let next = berth.bindings.iter().find(|binding| {
                let binding_id = BindingId { berth: id, component: binding.component };
                let mut dependents = dependents(self.state, binding_id);
                // Whoever has priority does not wait for what stays.
                let waits = dependents.any(|other| {
                    cause != Closing::Preempted || !self.state.berth(other.berth).is_live()
                });
                binding.content != Content::Leaving && !waits
            });
            let Some(binding) = next else { break };
            let target = BindingId { berth: id, component: binding.component };
            match binding.content {
                Content::Absent => {
                    self.emit(Event::BindingRemoved { binding: target });
                    self.look_at_gates(target);
                }
                Content::Present => self.withdraw(target),
                Content::Leaving => unreachable!("filtered out above"),
            }
        }
        if self.state.berth(id).bindings.is_empty() {
            self.finish(id);
        }
    }

    /// Asks for the removal of a binding's content.
    pub(super) fn withdraw(&mut self, binding: BindingId) {
        let generation = self.state.berths[binding.berth.index()].generation.next();
        self.issue(|key| Event::WithdrawIssued { binding, key, generation });
    }

    fn finish(&mut self, id: BerthId) {
        let Berth { cluster, app, .. } = *self.state.berth(id);
        let needed = self.needed_by(id);
        self.emit(Event::BerthRemoved { berth: id });
        // Apps that keep away from this one may come now.
        for place in 0..self.state.derived.avoided(app).len() {
            let other = self.state.derived.avoided(app)[place];
            self.stir(other, self.at.after(self.state.policy().pace.reconsider_after));
        }
        self.work.freed.push(cluster);
        needed.into_iter().for_each(|needed| self.look_at(needed));
        for place in 0..self.state.cluster(cluster).berths.len() {
            let other = self.state.cluster(cluster).berths[place];
            self.look_at(other);
        }
    }

    /// Takes a berth's users away at once and closes it; they are planned anew.
    pub(crate) fn evict(&mut self, id: BerthId, cause: Closing, trigger: Trigger) {
        if !self.state.berth(id).is_live() {
            return;
        }
        self.cut_off(id);
        let berth = self.state.berth(id);
        let served = berth.bindings.iter().any(|binding| binding.served);
        self.note_closed(id, cause);
        if let Some(decision) = self.out.decisions.last_mut() {
            decision.trigger = trigger;
        }
        let drain = self.state.policy().traffic.drain;
        if served && drain.0 > 0 {
            self.emit(Event::BerthClosing { berth: id, cause, until: self.at.after(drain) });
        } else {
            self.start_leaving(id, cause);
        }
    }

    /// Removes a berth with all that belongs to it, as if it had never been: its cluster has left for good.
    pub(crate) fn erase(&mut self, id: BerthId) {
        self.look_at_rollout(self.state.berth(id).app);
        self.cut_off(id);
        self.end_calls(id);
        if !matches!(self.state.berth(id).stage, Stage::Leaving { .. }) {
            self.emit(Event::BerthLeaving { berth: id, cause: Closing::Drained });
        }
        while let Some(binding) = self.state.berth(id).bindings.first() {
            let binding = BindingId { berth: id, component: binding.component };
            self.look_at_gates(binding);
            self.emit(Event::BindingRemoved { binding });
        }
        self.emit(Event::BerthRemoved { berth: id });
    }

    /// Takes a berth out of every flow that it serves.
    fn cut_off(&mut self, id: BerthId) {
        for flow in self.state.berth(id).sources.clone() {
            let shares = self.state.flow(flow).expect("a source exists").shares;
            let others = || shares.iter().filter(|share| share.berth != id);
            if shares.of(id).assigned > Permille::ZERO {
                let kept = others().filter(|share| share.assigned > Permille::ZERO);
                let kept = kept.map(|share| (share.berth, share.assigned)).collect();
                self.emit(Event::Assigned { flow, shares: kept });
            }
            if shares.of(id).routed > Permille::ZERO {
                let kept = others().filter(|share| share.routed > Permille::ZERO);
                let kept = kept.map(|share| (share.berth, share.routed)).collect();
                self.send(flow, kept);
            }
            self.work.flows.push(flow);
        }
    }
}

/// Bindings that need this one where it is, and are not on their way out themselves.
///
/// Another of the same component can take its place where the scope is not the same cluster.
fn dependents(state: &State, needed: BindingId) -> impl Iterator<Item = BindingId> + '_ {
    let berth = state.berth(needed.berth);
    let (app, cluster) = (berth.app, berth.cluster);
    let copies = state.app(app).berths[berth.group.index()].len();
    state.derived.dependents(app).iter().flat_map(move |other| {
        let held = state.app(*other).berths.iter().flatten();
        held.flat_map(move |(there, id)| {
            let here = *there == cluster;
            let bindings = state.berth(*id).bindings.iter();
            let needing = bindings.filter(move |binding| {
                let declared = state.intent(*other).component(binding.component);
                binding.content != Content::Absent
                    && binding.phase != Phase::Failed
                    && declared.after.iter().any(|gate| {
                        gate.app == app
                            && gate.component == needed.component
                            && if gate.scope == Scope::Same { here } else { copies == 1 }
                    })
            });
            needing.map(|binding| BindingId { berth: *id, component: binding.component })
        })
    })
}
