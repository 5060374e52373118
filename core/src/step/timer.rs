//! Timers: the machine's own deadlines.

use crate::decide::{Depth, REVIEW_FROM};
use crate::decision::{Closing, Trigger};
use crate::effect::{Alert, Issued};
use crate::event::Event;
use crate::ids::{AppId, BerthId, BindingId, ClusterId, HoldId};
use crate::input::{Fault, TimerFired};
use crate::state::{Binding, Content, FlowId, Health, HoldKind, Stage, Timer, Wake};
use crate::step::Step;
use crate::units::{Permille, Span, Tick};

impl Step<'_> {
    /// Fires every timer that is due.
    pub(super) fn fire(&mut self, fired: TimerFired) -> Trigger {
        debug_assert!(fired.due <= self.at);
        let mut trigger = Trigger::NOTHING;
        // Whatever a timer sets anew at this very tick is left for the next record, so that this ends.
        let mut due = core::mem::take(&mut self.work.due);
        due.extend(self.state.timers.due(self.at));
        for timer in &due {
            if self.state.timers.deadline(*timer).is_some_and(|at| at <= self.at) {
                self.emit(Event::Rang { timer: *timer });
                trigger = self.answer(*timer);
            }
        }
        due.clear();
        self.work.due = due;
        trigger
    }

    fn answer(&mut self, timer: Timer) -> Trigger {
        match timer {
            Timer::Silence => self.work.silence = true,
            Timer::Stable(cluster) => self.settle_cluster(cluster),
            Timer::Retry(key) => {
                if let Some(outstanding) = self.state.outstanding.get(&key) {
                    let effect = outstanding.effect.clone();
                    self.emit(Event::EffectRepeated { key });
                    self.out.effects.push(Issued { key, effect });
                }
            }
            Timer::Wake(series) => match self.state.series[series.index()].wake {
                Wake::Rising { .. } => self.awake(series),
                Wake::Idling { .. } => {
                    self.work.idle.push(series);
                    self.work.releases = true;
                }
                Wake::Asleep | Wake::Awake => {}
            },
            Timer::Gate(binding) => {
                if let Some(berth) = self.state.try_berth(binding.berth) {
                    self.work.gates.push(berth.app);
                }
            }
            Timer::Overdue(berth) => self.see_overdue(berth),
            Timer::ScaleIn(berth) => self.scale_in(berth),
            Timer::Uncap(berth) => self.uncap(berth),
            Timer::Drained(berth) => self.see_drained(berth),
            Timer::Retried(app, cluster) => self.try_again(app, cluster),
            Timer::Route(flow) => self.work.routes.push(flow),
            Timer::Reconsider(app) => {
                let small = self.state.app(app).series.len() < REVIEW_FROM;
                let depth = if small { Depth::Whole } else { Depth::Drifted };
                self.work.apps.push((app, depth));
            }
            Timer::Review(app) => self.work.apps.push((app, Depth::Whole)),
            Timer::Soaked(app, _) => self.look_at_rollout(app),
        }
        Trigger::Timer
    }

    /// A berth may grow again, and users of its app that nobody serves, or others do, may go there. What has failed
    /// stays as it is for as long as a pause keeps anybody from trying it again.
    fn uncap(&mut self, berth: BerthId) {
        let entry = self.state.berth(berth);
        let app = entry.app;
        if let (true, Some(step)) = (self.state.is_paused(), entry.cap) {
            let until = self.at.after(self.state.policy().recovery.retry_after);
            self.emit(Event::BerthCapped { berth, step, until });
            return;
        }
        self.emit(Event::BerthUncapped { berth });
        if self.state.scalars.short.binary_search(&app).is_ok() {
            self.stir(app, self.at);
        } else {
            self.stir_for_room(app);
        }
        self.work.berths.push(berth);
    }

    /// A cluster in which an app has failed may be tried again, unless a pause keeps it as it is.
    fn try_again(&mut self, app: AppId, cluster: ClusterId) {
        if self.state.is_paused() {
            let until = self.at.after(self.state.policy().recovery.retry_after);
            self.emit(Event::ClusterAvoided { app, cluster, until });
        } else {
            self.stir(app, self.at);
        }
    }

    /// Less has been enough for a berth for long enough. Before it shrinks, what was split off from it or
    /// came to it by a burst is brought together: bursts contract before their first cluster does.
    fn scale_in(&mut self, berth: BerthId) {
        let Some(entry) = self.state.try_berth(berth) else { return };
        let is_split = |flow: &FlowId| {
            let shares = self.state.flow(*flow).map(|flow| flow.shares).unwrap_or_default();
            shares.iter().filter(|share| share.assigned > Permille::ZERO).count() > 1
        };
        let small = self.state.app(entry.app).series.len() < REVIEW_FROM;
        if small && entry.sources.iter().any(is_split) {
            self.work.apps.push((entry.app, Depth::Whole));
        } else {
            self.work.berths.push(berth);
        }
    }

    fn see_overdue(&mut self, berth: BerthId) {
        let Some(entry) = self.state.try_berth(berth) else { return };
        if !entry.is_live() || !entry.bindings.iter().any(is_late) {
            return;
        }
        if self.state.cluster(entry.cluster).is_fresh() {
            self.see_late(berth);
        } else {
            // Nobody can say how far it is: that is not the berth's fault.
            let until = self.at.after(self.state.policy().recovery.ready_within);
            self.emit(Event::BerthTimed { berth, until });
        }
    }

    /// A berth is not ready in time. What was written anew in its cluster's turn has failed then.
    fn see_late(&mut self, id: BerthId) {
        let berth = self.state.berth(id);
        let rollout = self.state.app(berth.app).rollout.as_deref();
        if rollout.is_some_and(|rollout| rollout.turn(berth.cluster).is_some()) {
            let late = berth.bindings.iter().find(|binding| is_late(binding));
            let component = late.expect("it is late because of one").component;
            let target = self.state.target(BindingId { berth: id, component });
            self.alert(Alert::BindingFailed { target, fault: Fault::TimedOut });
            self.fail_turn(id);
        }
        self.give_up(id);
    }

    fn see_drained(&mut self, berth: BerthId) {
        let Some(Stage::Closing { cause, .. }) =
            self.state.try_berth(berth).map(|berth| berth.stage)
        else {
            return;
        };
        if matches!(cause, Closing::Idle | Closing::Moved) && self.is_needed(berth) {
            // Somebody has come to rely on it while it drained.
            self.emit(Event::BerthReopened { berth });
            return;
        }
        self.start_leaving(berth, cause);
    }

    /// Sees who has been silent for too long, and when to look again.
    pub(crate) fn see_silence(&mut self) {
        let trust = self.state.policy().trust;
        let mut silent = 0;
        let mut present = 0;
        for cluster in self.state.clusters.items() {
            let stale = cluster.last_seen.after(trust.stale_after) <= self.at;
            match cluster.health {
                Health::Fresh | Health::Unknown { .. } => {
                    present += 1;
                    silent += u32::from(stale);
                }
                Health::Lost { .. } => present += 1,
                Health::Retired => {}
            }
        }
        let limit = u64::from(present) * u64::from(trust.max_lost.0) / 1_000;
        let blind = u64::from(silent) > limit.max(1);
        let held = self.blind_hold();
        match (blind, held) {
            (true, None) => {
                let hold = HoldId(self.state.scalars.holds_placed);
                let kind = HoldKind::Blind { silent, clusters: present };
                self.emit(Event::HoldPlaced { hold, kind });
                self.alert(Alert::Blind { hold, silent, clusters: present });
            }
            (false, Some((hold, _))) => {
                self.emit(Event::HoldLifted { hold });
                self.look_afresh();
            }
            (true, Some(_)) | (false, None) => {}
        }
        let may_lose = self.blind_hold().is_none_or(|(_, approved)| approved);
        let mut next = None;
        for index in 0..self.state.clusters.len() {
            let cluster = ClusterId::from_index(index);
            let entry = self.state.cluster(cluster);
            let stale_at = entry.last_seen.after(trust.stale_after);
            let patience = Span(trust.lost_after.0.saturating_sub(trust.stale_after.0));
            let lost_at = match entry.health {
                Health::Unknown { since } => since.after(patience).max(stale_at.after(patience)),
                Health::Fresh | Health::Lost { .. } | Health::Retired => stale_at.after(patience),
            };
            let fresh = entry.is_fresh();
            match entry.health {
                Health::Fresh | Health::Unknown { .. } if lost_at <= self.at && may_lose => {
                    self.lose(cluster);
                    continue;
                }
                Health::Fresh if stale_at <= self.at => {
                    self.emit(Event::ClusterUnknown { cluster });
                }
                Health::Fresh | Health::Unknown { .. } => {}
                Health::Lost { .. } | Health::Retired => continue,
            }
            let deadline = if fresh && stale_at > self.at { stale_at } else { lost_at };
            if deadline > self.at {
                next = Some(next.map_or(deadline, |next: Tick| next.min(deadline)));
            }
        }
        if let Some(until) = next {
            self.emit(Event::SilenceTimed { until });
        }
    }

    /// We see again: who is silent still has just fallen silent, as far as we can know.
    fn look_afresh(&mut self) {
        for index in 0..self.state.clusters.len() {
            let cluster = ClusterId::from_index(index);
            if matches!(self.state.cluster(cluster).health, Health::Unknown { .. }) {
                self.emit(Event::ClusterUnknown { cluster });
            }
        }
    }

    fn blind_hold(&self) -> Option<(HoldId, bool)> {
        self.state.holds.iter().find_map(|(id, hold)| match hold.kind {
            HoldKind::Blind { .. } => Some((*id, hold.approved)),
            HoldKind::MassDrain { .. } | HoldKind::Rollout { .. } => None,
        })
    }

    /// A cluster counts as lost: whoever it serves is served from elsewhere.
    pub(super) fn lose(&mut self, cluster: ClusterId) {
        self.emit(Event::ClusterLost { cluster });
        for place in 0..self.state.cluster(cluster).berths.len() {
            let berth = self.state.cluster(cluster).berths[place];
            self.work.berths.push(berth);
            self.work.routes.extend(&self.state.berth(berth).sources);
            self.look_at_rollout(self.state.berth(berth).app);
        }
    }
}

/// What waits for a gate is not late; its time begins when it is in git.
fn is_late(binding: &Binding) -> bool {
    binding.content != Content::Absent && !binding.is_ready()
}
