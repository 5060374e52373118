//! Rollouts: new content comes to the clusters that hold an app already a few at a time.
//!
//! A cluster keeps what it has until it is its turn, and its turn lasts until it is ready and has soaked. Who
//! serves least goes first, so that content that fails fails for the fewest users. A cluster that does not
//! serve has nothing to lose and waits for nobody; one that cannot be seen is passed over until it is heard
//! of again. When a cluster fails in its turn, no other begins until the app is declared again.
//!
//! How many replicas there are is no part of it, nor is where an app starts anew.

use alloc::vec::Vec;

use crate::decide::{Scratch, staffed_now};
use crate::decision::{Decision, Guard, Held, Subject, Trigger, Verdict};
use crate::effect::Alert;
use crate::event::{Event, RolloutFact};
use crate::ids::{AppId, BerthId, BindingId, ClusterId, GroupId, HoldId};
use crate::input::Input;
use crate::intent::Approval;
use crate::state::{Berth, Binding, Content, Course, HoldKind, Phase, Stage, State};
use crate::step::Step;
use crate::units::{MilliRps, Span};

impl Step<'_> {
    /// An app has been declared again: whoever holds other content than is declared waits for its turn.
    ///
    /// A cluster whose turn it is keeps it, so that no other takes its place before it is ready. `anew` says
    /// that the content is not what was being rolled out.
    pub(crate) fn begin_rollout(&mut self, app: AppId, anew: bool) {
        let state = &*self.state;
        let mut pending = clusters_of(state, app);
        pending.retain(|cluster| holds_other_content(state, app, *cluster));
        let known = state.app(app).rollout.as_deref();
        if pending.is_empty() && known.is_none() {
            return;
        }
        let mut turns: Vec<ClusterId> = Vec::new();
        let mut ready = 0;
        let mut course = Course::Going;
        let mut hold = None;
        if let Some(known) = known {
            turns.extend(known.turns.iter().map(|turn| turn.cluster));
            match known.course {
                Course::Stopped(_) => {}
                Course::Held(held) => (ready, hold) = (known.ready, Some(held)),
                Course::Going | Course::Approved => (ready, course) = (known.ready, known.course),
            }
        }
        if anew {
            (ready, course) = (0, Course::Going);
        }
        // Where fewer may be unavailable from now on, those that are ready wait with what they have come to. What
        // is not ready yet is unavailable anyway: it keeps its turn until then, or another would begin beside it.
        let most = usize::from(state.intent(app).rollout.max_unavailable);
        let over = turns.len().saturating_sub(most);
        let written_anew = turns.iter().rev().filter(|cluster| pending.contains(cluster));
        let at_rest = written_anew.filter(|cluster| is_at_rest(state, app, **cluster));
        let over: Vec<ClusterId> = at_rest.take(over).copied().collect();
        turns.retain(|cluster| !over.contains(cluster));
        pending.retain(|cluster| !turns.contains(cluster));
        if let Some(hold) = hold {
            self.emit(Event::HoldLifted { hold });
        }
        self.emit(Event::Rollout {
            app,
            fact: RolloutFact::Began { pending, turns, ready, course },
        });
        self.work.rollouts.push(app);
        self.work.kept_back.push(app);
    }

    /// Something has happened that a rollout may wait for.
    pub(crate) fn look_at_rollout(&mut self, app: AppId) {
        if self.state.app(app).rollout.is_some() {
            self.work.rollouts.push(app);
        }
    }

    /// Whether a berth keeps what it has: until it is its cluster's turn, and while the rollout is paused.
    pub(crate) fn is_kept_back(&self, id: BerthId) -> bool {
        let berth = self.state.berth(id);
        let paused = self.state.intent(berth.app).rollout.paused;
        let rollout = self.state.app(berth.app).rollout.as_deref();
        rollout.is_some_and(|rollout| paused || rollout.is_pending(berth.cluster))
    }

    /// A berth did not become what it should: in its cluster's turn, that stops the rollout.
    pub(crate) fn fail_turn(&mut self, id: BerthId) {
        let (app, cluster) = (self.state.berth(id).app, self.state.berth(id).cluster);
        let Some(rollout) = self.state.app(app).rollout.as_deref() else { return };
        // What waits and fails may have nothing to lose any more.
        self.work.rollouts.push(app);
        if rollout.turn(cluster).is_none() {
            return;
        }
        match rollout.course {
            Course::Stopped(_) => return,
            Course::Held(hold) => self.emit(Event::HoldLifted { hold }),
            Course::Going | Course::Approved => {}
        }
        self.emit(Event::Rollout { app, fact: RolloutFact::Stopped(cluster) });
        self.work.kept_back.push(app);
    }

    /// Replicas of a berth were lost: a cluster that soaks begins again once they are back.
    pub(crate) fn soak_anew(&mut self, id: BerthId) {
        let (app, cluster) = (self.state.berth(id).app, self.state.berth(id).cluster);
        let turn = self.state.app(app).rollout.as_deref().and_then(|known| known.turn(cluster));
        if turn.is_some_and(|turn| turn.until.is_some()) {
            self.emit(Event::Rollout { app, fact: RolloutFact::Soaking { cluster, until: None } });
        }
    }

    /// Moves a rollout on as far as may be now.
    pub(super) fn roll(&mut self, app: AppId, scratch: &mut Scratch) {
        if self.state.is_paused() || self.state.app(app).rollout.is_none() {
            return;
        }
        self.drop_those_left(app);
        self.end_turns(app);
        self.yield_turns(app);
        self.give_turns(app, scratch);
        self.end_rollout(app);
    }

    /// Leaves out clusters that the app has left, or that have what they should, and turns of lost ones.
    fn drop_those_left(&mut self, app: AppId) {
        let state = &*self.state;
        let Some(rollout) = state.app(app).rollout.as_deref() else { return };
        let pending = rollout.pending.iter().copied();
        let pending = pending.filter(|cluster| !holds_other_content(state, app, *cluster));
        let turns = rollout.turns.iter().map(|turn| turn.cluster);
        let turns = turns.filter(|cluster| {
            state.cluster(*cluster).is_gone() || staying_in(state, app, *cluster).next().is_none()
        });
        let left: Vec<ClusterId> = pending.chain(turns).collect();
        for cluster in left {
            self.emit(Event::Rollout { app, fact: RolloutFact::Dropped(cluster) });
        }
    }

    /// Ends the turns of clusters that are ready and have soaked.
    fn end_turns(&mut self, app: AppId) {
        let soak = self.state.intent(app).rollout.soak;
        let Some(rollout) = self.state.app(app).rollout.as_deref() else { return };
        for turn in rollout.turns.clone() {
            let cluster = turn.cluster;
            if !is_ready(self.state, app, cluster) {
                continue;
            }
            match turn.until {
                Some(until) if until <= self.at => {
                    self.emit(Event::Rollout { app, fact: RolloutFact::Settled(cluster) });
                }
                Some(_) => {}
                None if soak == Span(0) => {
                    self.emit(Event::Rollout { app, fact: RolloutFact::Settled(cluster) });
                }
                None => {
                    let until = Some(self.at.after(soak));
                    self.emit(Event::Rollout {
                        app,
                        fact: RolloutFact::Soaking { cluster, until },
                    });
                }
            }
        }
    }

    /// Takes turns back where more clusters have theirs than may be unavailable, from those that are ready and have
    /// found no room for what is declared.
    fn yield_turns(&mut self, app: AppId) {
        let state = &*self.state;
        let Some(rollout) = state.app(app).rollout.as_deref() else { return };
        let most = usize::from(state.intent(app).rollout.max_unavailable);
        let over = rollout.turns.len().saturating_sub(most);
        let turns = rollout.turns.iter().rev().map(|turn| turn.cluster);
        let outdated = turns.filter(|cluster| holds_other_content(state, app, *cluster));
        let at_rest = outdated.filter(|cluster| is_at_rest(state, app, *cluster));
        for cluster in at_rest.take(over).collect::<Vec<_>>() {
            self.emit(Event::Rollout { app, fact: RolloutFact::Yielded(cluster) });
        }
    }

    /// Gives turns to clusters that wait, as long as few enough have theirs.
    fn give_turns(&mut self, app: AppId, scratch: &mut Scratch) {
        let rules = self.state.intent(app).rollout;
        let Some(rollout) = self.state.app(app).rollout.as_deref() else { return };
        let asks = match rollout.course {
            Course::Going => rules.approval == Approval::AfterFirst,
            Course::Approved => false,
            Course::Held(_) | Course::Stopped(_) => return,
        };
        if rules.paused {
            return;
        }
        let (ready, mut turns) = (rollout.ready, rollout.turns.len());
        let most = if asks { 1 } else { usize::from(rules.max_unavailable) };
        for cluster in in_order(self.state, app, &rollout.pending) {
            let serves = serves(self.state, app, cluster);
            // Who waits for room may serve by the time that there is some: its turn has not come until then.
            if (serves && turns >= most) || !self.fits_anew(app, cluster, scratch) {
                continue;
            }
            let fact = if serves {
                if asks && ready > 0 {
                    return self.hold_rollout(app);
                }
                turns += 1;
                RolloutFact::Advanced(cluster)
            } else {
                RolloutFact::Bypassed(cluster)
            };
            self.emit(Event::Rollout { app, fact });
            self.write_anew(app, cluster);
        }
    }

    /// Whether what is declared fits a cluster in the place of what is there.
    fn fits_anew(&self, app: AppId, cluster: ClusterId, scratch: &mut Scratch) -> bool {
        live_in(self.state, app, cluster).all(|id| {
            let berth = self.state.berth(id);
            let group = self.state.intent(app).group(berth.group);
            let written = berth.bindings.iter().filter(|one| one.content == Content::Present);
            let mut stay = written.filter(|one| group.components.contains(&one.component));
            stay.all(|one| {
                let request = self.state.intent(app).component(one.component).request;
                let binding = BindingId { berth: id, component: one.component };
                self.has_room(binding, &request, scratch)
            })
        })
    }

    /// All of an app in a cluster becomes what is declared.
    fn write_anew(&mut self, app: AppId, cluster: ClusterId) {
        let berths: Vec<BerthId> = live_in(self.state, app, cluster).collect();
        for id in berths {
            self.complete(id);
            self.work.contents.push(id);
        }
        self.work.gates.push(app);
    }

    /// A berth has all the bindings of its group. They get what its staffing says, whether or not it is planned.
    pub(crate) fn complete(&mut self, id: BerthId) {
        if self.add_missing_bindings(id) {
            let (step, band, replicas) = staffed_now(self.state, id);
            self.emit(Event::Staffed { berth: id, step, band, replicas });
            self.check_scale_in(id);
        }
    }

    /// The first cluster is ready: a person is asked before there is a second.
    fn hold_rollout(&mut self, app: AppId) {
        let rollout = self.state.app(app).rollout.as_deref().expect("it is being held");
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let (ready, pending) = (rollout.ready, narrow(rollout.pending.len()));
        let hold = HoldId(self.state.scalars.holds_placed);
        self.emit(Event::HoldPlaced { hold, kind: HoldKind::Rollout { app, ready, pending } });
        self.alert(Alert::RolloutHeld { hold, app, pending });
        self.work.kept_back.push(app);
    }

    fn end_rollout(&mut self, app: AppId) {
        let Some(rollout) = self.state.app(app).rollout.as_deref() else { return };
        if !rollout.is_over() {
            return;
        }
        match rollout.course {
            Course::Held(hold) => self.emit(Event::HoldLifted { hold }),
            Course::Going | Course::Approved | Course::Stopped(_) => {}
        }
        self.emit(Event::Rollout { app, fact: RolloutFact::Ended });
    }

    /// Says of every cluster that keeps what it has why it does.
    pub(super) fn tell_kept_back(&mut self, app: AppId) {
        let Some(rollout) = self.state.app(app).rollout.as_deref() else { return };
        let guard = match rollout.course {
            Course::Stopped(_) => Guard::RolloutFailed,
            Course::Held(hold) => Guard::RolloutHeld(hold),
            Course::Going | Course::Approved if self.state.intent(app).rollout.paused => {
                Guard::RolloutPaused
            }
            Course::Going | Course::Approved => Guard::Rollout,
        };
        let trigger = match self.input {
            Input::Command(_) => Trigger::Intent,
            Input::Observation(_) | Input::Report(_) => Trigger::Failure,
            Input::Timer(_) => Trigger::Timer,
        };
        for cluster in &rollout.pending {
            let first = staying_in(self.state, app, *cluster).next();
            self.out.decisions.push(Decision {
                app,
                group: first.map_or(GroupId::FRONT, |id| self.state.berth(id).group),
                subject: Subject::Berth(*cluster),
                trigger,
                verdict: Verdict::Held,
                winner: None,
                runner_up: None,
                held: Some(Held { guard, until: None }),
                refusals: Vec::new(),
            });
        }
    }
}

/// The clusters that hold any of an app, ascending.
fn clusters_of(state: &State, app: AppId) -> Vec<ClusterId> {
    let held = state.app(app).berths.iter().flatten();
    let mut clusters: Vec<ClusterId> = held.map(|held| held.0).collect();
    clusters.sort_unstable();
    clusters.dedup();
    clusters
}

/// The app's berths in a cluster that are not being removed, by group.
fn staying_in(state: &State, app: AppId, cluster: ClusterId) -> impl Iterator<Item = BerthId> + '_ {
    let groups = (0..state.intent(app).groups.len()).map(GroupId::from_index);
    let held = groups.filter_map(move |group| state.app(app).berth_in(group, cluster));
    held.filter(|berth| !matches!(state.berth(*berth).stage, Stage::Leaving { .. }))
}

/// Those of them that are wanted.
fn live_in(state: &State, app: AppId, cluster: ClusterId) -> impl Iterator<Item = BerthId> + '_ {
    staying_in(state, app, cluster).filter(|berth| state.berth(*berth).is_live())
}

/// Clusters in the order of their turns: who serves least first; of two that serve alike the lower id.
/// Those that cannot be seen, and those that the app may be about to leave, are left out.
fn in_order(state: &State, app: AppId, pending: &[ClusterId]) -> Vec<ClusterId> {
    let load = |cluster: ClusterId| -> MilliRps {
        live_in(state, app, cluster).map(|berth| state.berth(berth).load).sum()
    };
    let seen = pending.iter().filter(|cluster| {
        state.cluster(**cluster).is_fresh() && live_in(state, app, **cluster).next().is_some()
    });
    let mut order: Vec<_> = seen.map(|cluster| (load(*cluster), *cluster)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, cluster)| cluster).collect()
}

/// Whether git holds anything else of an app in a cluster than is declared, but for the number of replicas.
fn holds_other_content(state: &State, app: AppId, cluster: ClusterId) -> bool {
    staying_in(state, app, cluster).any(|berth| is_outdated(state, state.berth(berth)))
}

fn is_outdated(state: &State, berth: &Berth) -> bool {
    let intent = state.intent(berth.app);
    let components = &intent.group(berth.group).components;
    let mut present = berth.bindings.iter().filter(|one| one.content == Content::Present);
    let written = present.clone().next().is_some();
    let lacks = components.iter().any(|component| berth.binding(*component).is_none());
    let differs = present.any(|one| {
        !components.contains(&one.component) || one.differs_from(intent.component(one.component))
    });
    differs || (written && lacks)
}

/// Whether users may rely on an app in a cluster: one of its berths there serves, and none has failed.
fn serves(state: &State, app: AppId, cluster: ClusterId) -> bool {
    let bindings = |id: BerthId| {
        let bindings = state.berth(id).bindings.iter();
        bindings.filter(|binding| binding.content != Content::Leaving)
    };
    let mut berths = live_in(state, app, cluster);
    let failed = |id: BerthId| bindings(id).any(|binding| binding.phase == Phase::Failed);
    let serving = |id: BerthId| bindings(id).all(Binding::is_serving);
    !live_in(state, app, cluster).any(failed) && berths.any(serving)
}

/// Whether all of an app in a cluster is ready as it is declared.
fn is_ready(state: &State, app: AppId, cluster: ClusterId) -> bool {
    is_at_rest(state, app, cluster)
        && !staying_in(state, app, cluster).any(|id| is_outdated(state, state.berth(id)))
}

/// Whether all of an app in a cluster is ready as it was written last.
fn is_at_rest(state: &State, app: AppId, cluster: ClusterId) -> bool {
    staying_in(state, app, cluster).all(|id| {
        let bindings = state.berth(id).bindings.iter();
        bindings.filter(|one| one.content != Content::Leaving).all(|one| {
            // What was just asked for is not what is ready.
            let asked = one.cause.is_some_and(|key| state.is_outstanding(key));
            one.phase == Phase::Ready && !asked
        })
    })
}
