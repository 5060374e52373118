//! A deployment: one binding as it really is in its cluster.
//!
//! Pods of the newest content are *fresh*, those of older content *stale*. A change of the request or the
//! revision makes all pods stale; a change of the scale makes none.

use periplus_core::effect::{EffectKey, Generation, Target};
use periplus_core::fleet::Resources;
use periplus_core::input::Fault;

use super::hpa::Hpa;
use crate::desks::DeskId;
use crate::luck::Stream;

/// One binding as it really is.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) target: Target,
    pub(crate) desk: DeskId,
    /// The version that the agent applied last, and the effect that wrote it.
    pub(crate) generation: Generation,
    pub(crate) cause: EffectKey,
    pub(crate) request: Resources,
    pub(crate) revision: u64,
    pub(crate) priority: i32,
    /// Grows when pods must be replaced.
    pub(crate) template: u32,
    /// How many replicas there should be.
    pub(crate) want: u16,
    pub(crate) hpa: Option<Box<Hpa>>,
    /// Its ready pods of the newest content, where a log tells them; nothing where they are worked out.
    pub(crate) script: Option<u32>,
    /// Whether its objects are being removed.
    pub(crate) leaving: bool,
    /// What is wrong with its pods.
    pub(crate) fault: Option<Fault>,
    /// Its pods, oldest first.
    pub(crate) pods: Vec<u32>,
    /// Whether something about it is to be reported.
    pub(crate) changed: bool,
    pub(crate) starts: Stream,
    pub(crate) stops: Stream,
}

/// How many pods of which kind a deployment has; those that stop do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    pub(crate) fresh: u32,
    pub(crate) fresh_ready: u32,
    pub(crate) stale: u32,
    pub(crate) stale_ready: u32,
}

/// What a deployment controller does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Steps {
    pub(crate) create: u32,
    pub(crate) stop_fresh: u32,
    pub(crate) stop_stale: u32,
}

impl Census {
    /// Pods that users can be sent to.
    pub(crate) fn ready(&self) -> u32 {
        self.fresh_ready + self.stale_ready
    }

    /// What brings these pods towards `want` fresh ones.
    ///
    /// A rolling update with the defaults of `maxSurge` 25 % rounded up and `maxUnavailable` 25 % rounded
    /// down: new pods first, and an old one stops when enough others are ready.
    pub(crate) fn steps_towards(&self, want: u16) -> Steps {
        let want = u32::from(want);
        let stop_fresh = self.fresh.saturating_sub(want);
        if self.stale == 0 {
            return Steps { create: want.saturating_sub(self.fresh), stop_fresh, stop_stale: 0 };
        }
        let (surge, slack) = (want.div_ceil(4), want / 4);
        let room = (want + surge).saturating_sub(self.fresh + self.stale);
        let spare = self.ready().saturating_sub(want - slack);
        let unready = self.stale - self.stale_ready;
        Steps {
            create: want.saturating_sub(self.fresh).min(room),
            stop_fresh,
            stop_stale: unready + spare.min(self.stale_ready),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(fresh: (u32, u32), stale: (u32, u32)) -> Census {
        let ((fresh, fresh_ready), (stale, stale_ready)) = (fresh, stale);
        Census { fresh, fresh_ready, stale, stale_ready }
    }

    #[test]
    fn a_scale_change_creates_or_stops_just_the_difference() {
        let create = |create| Steps { create, ..Steps::default() };
        assert_eq!(census((2, 2), (0, 0)).steps_towards(5), create(3));
        assert_eq!(census((5, 3), (0, 0)).steps_towards(5), create(0));
        let fewer = census((5, 5), (0, 0)).steps_towards(2);
        assert_eq!(fewer, Steps { stop_fresh: 3, ..Steps::default() });
    }

    #[test]
    fn a_single_replica_is_replaced_only_once_the_new_one_is_ready() {
        let steps = census((0, 0), (1, 1)).steps_towards(1);
        assert_eq!(steps, Steps { create: 1, stop_fresh: 0, stop_stale: 0 });
        let steps = census((1, 0), (1, 1)).steps_towards(1);
        assert_eq!(steps, Steps::default());
        let steps = census((1, 1), (1, 1)).steps_towards(1);
        assert_eq!(steps, Steps { create: 0, stop_fresh: 0, stop_stale: 1 });
    }

    #[test]
    fn a_rolling_update_of_eight_keeps_six_ready_and_has_at_most_ten() {
        let mut now = census((0, 0), (8, 8));
        let mut rounds = 0;
        while now.stale > 0 || now.fresh < 8 {
            let steps = now.steps_towards(8);
            now.fresh += steps.create;
            let unready = now.stale - now.stale_ready;
            now.stale -= steps.stop_stale;
            now.stale_ready -= steps.stop_stale - unready;
            assert!(now.ready() >= 6 && now.fresh + now.stale <= 10, "{now:?}");
            now.fresh_ready = now.fresh;
            rounds += 1;
            assert!(rounds < 20, "it ends");
        }
        assert_eq!(now, census((8, 8), (0, 0)));
    }

    #[test]
    fn old_pods_that_serve_nobody_go_first() {
        let steps = census((0, 0), (4, 1)).steps_towards(4);
        assert_eq!(steps.stop_stale, 3);
    }
}
