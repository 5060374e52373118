//! How far rollouts have come.

use alloc::boxed::Box;

use crate::event::RolloutFact;
use crate::ids::{AppId, ClusterId};
use crate::state::{Course, Rollout, State, Timer, Turn};
use crate::units::Tick;

impl State {
    pub(super) fn roll_out(&mut self, app: AppId, fact: &RolloutFact) {
        match fact {
            RolloutFact::Began { pending, turns, ready, course } => {
                self.begin_rollout(app, pending, turns, *ready, *course);
            }
            RolloutFact::Advanced(cluster) => self.advance_rollout(app, *cluster),
            RolloutFact::Bypassed(cluster) => self.bypass_rollout(app, *cluster),
            RolloutFact::Soaking { cluster, until } => self.soak(app, *cluster, *until),
            RolloutFact::Settled(cluster) => self.settle_rollout(app, *cluster),
            RolloutFact::Dropped(cluster) => self.drop_from_rollout(app, *cluster),
            RolloutFact::Stopped(cluster) => self.set_course(app, Course::Stopped(*cluster)),
            RolloutFact::Ended => self.end_rollout(app),
            RolloutFact::Yielded(cluster) => self.yield_turn(app, *cluster),
        }
    }

    fn begin_rollout(
        &mut self,
        app: AppId,
        pending: &[ClusterId],
        turns: &[ClusterId],
        ready: u32,
        course: Course,
    ) {
        let known = self.app(app).rollout.as_deref();
        for turn in known.map(|known| known.turns.clone()).unwrap_or_default() {
            self.timers.disarm(Timer::Soaked(app, turn.cluster));
        }
        let rollout = Rollout {
            pending: pending.to_vec(),
            turns: turns.iter().map(|cluster| Turn { cluster: *cluster, until: None }).collect(),
            ready,
            course,
        };
        self.apps.edit(app.index()).rollout = Some(Box::new(rollout));
    }

    fn advance_rollout(&mut self, app: AppId, cluster: ClusterId) {
        self.bypass_rollout(app, cluster);
        let limit = usize::from(self.intent(app).rollout.max_unavailable);
        let turns = &mut self.rollout_mut(app).turns;
        assert!(turns.len() < limit, "no more clusters have their turn than may be unavailable");
        let place = turns.binary_search_by_key(&cluster, |turn| turn.cluster);
        let place = place.expect_err("a cluster has one turn at a time");
        turns.insert(place, Turn { cluster, until: None });
    }

    fn bypass_rollout(&mut self, app: AppId, cluster: ClusterId) {
        let pending = &mut self.rollout_mut(app).pending;
        let place = pending.binary_search(&cluster).expect("who gets its turn waits for it");
        pending.remove(place);
    }

    fn soak(&mut self, app: AppId, cluster: ClusterId, until: Option<Tick>) {
        let turns = &mut self.rollout_mut(app).turns;
        let turn = turns.iter_mut().find(|turn| turn.cluster == cluster);
        turn.expect("a cluster soaks in its turn").until = until;
        match until {
            Some(until) => self.timers.arm(Timer::Soaked(app, cluster), until),
            None => self.timers.disarm(Timer::Soaked(app, cluster)),
        }
    }

    fn settle_rollout(&mut self, app: AppId, cluster: ClusterId) {
        self.drop_from_rollout(app, cluster);
        self.rollout_mut(app).ready += 1;
    }

    fn drop_from_rollout(&mut self, app: AppId, cluster: ClusterId) {
        let rollout = self.rollout_mut(app);
        rollout.pending.retain(|other| *other != cluster);
        rollout.turns.retain(|turn| turn.cluster != cluster);
        self.timers.disarm(Timer::Soaked(app, cluster));
    }

    fn yield_turn(&mut self, app: AppId, cluster: ClusterId) {
        self.drop_from_rollout(app, cluster);
        let pending = &mut self.rollout_mut(app).pending;
        let place = pending.binary_search(&cluster).expect_err("who has its turn does not wait");
        pending.insert(place, cluster);
    }

    pub(super) fn set_course(&mut self, app: AppId, course: Course) {
        self.rollout_mut(app).course = course;
    }

    fn end_rollout(&mut self, app: AppId) {
        let rollout = self.apps.edit(app.index()).rollout.take();
        let over = rollout.is_some_and(|rollout| rollout.is_over());
        assert!(over, "a rollout ends once no cluster waits or has its turn");
    }

    fn rollout_mut(&mut self, app: AppId) -> &mut Rollout {
        let rollout = &mut self.apps.edit(app.index()).rollout;
        rollout.as_deref_mut().expect("a rollout that moves on has begun")
    }
}
