//! Routes: users follow the plan, one step at a time and never to where nothing is ready.
//!
//! New endpoint ready → weight up → old weight down → drain → delete. A berth that is not ready yet leaves
//! its part with those who have it; a berth whose cluster is gone loses its part at once.

use alloc::vec::Vec;

use crate::decision::Closing;
use crate::event::Event;
use crate::ids::BerthId;
use crate::state::{FlowId, SHARES_MAX, Share, State, Timer};
use crate::step::Step;
use crate::units::Permille;

impl Step<'_> {
    /// Sends a flow's users as far towards the plan as may be now.
    pub(super) fn route(&mut self, id: FlowId) {
        let Some(flow) = self.state.flow(id) else { return };
        if flow.is_settled() || self.state.is_paused() {
            return;
        }
        let urgent = flow
            .shares
            .iter()
            .any(|share| share.routed > Permille::ZERO && !keeps_users(self.state, share.berth));
        let busy = flow.routing.is_some() || self.state.timers.deadline(Timer::Route(id)).is_some();
        if busy && !urgent {
            return;
        }
        let weights = next_weights(self.state, flow.shares.as_slice());
        let routed = flow.shares.iter().filter(|share| share.routed > Permille::ZERO);
        if routed.map(|share| (share.berth, share.routed)).eq(weights.iter().copied()) {
            return;
        }
        self.send(id, weights);
    }

    /// Sends a flow's users to these berths.
    pub(super) fn send(&mut self, id: FlowId, weights: Vec<(BerthId, Permille)>) {
        let flow = self.state.flow(id).expect("a flow that is routed exists");
        let (before, generation) = (flow.shares, flow.generation.next());
        let asleep = flow.unassigned() == Permille::WHOLE;
        self.issue(|key| Event::RouteIssued { flow: id, key, generation, weights });
        let cause = if asleep { Closing::Idle } else { Closing::Moved };
        for share in before.iter() {
            self.check_scale_in(share.berth);
            self.work.closings.push((share.berth, cause));
        }
    }

    /// A route holds: the next part follows after a while, or at once if there are no steps.
    pub(crate) fn continue_route(&mut self, id: FlowId) {
        let Some(flow) = self.state.flow(id) else { return };
        if flow.is_settled() {
            return;
        }
        let traffic = self.state.policy().traffic;
        if traffic.step < Permille::WHOLE {
            self.emit(Event::RouteTimed { flow: id, until: self.at.after(traffic.step_every) });
        } else {
            self.work.routes.push(id);
        }
    }
}

/// Whether users that were sent to a berth are right to stay there until somebody else takes them.
fn keeps_users(state: &State, berth: BerthId) -> bool {
    let entry = state.berth(berth);
    entry.is_live() && !state.cluster(entry.cluster).is_gone()
}

/// Where users are to be sent next, ascending by berth.
fn next_weights(state: &State, shares: &[Share]) -> Vec<(BerthId, Permille)> {
    let step = i32::from(state.policy().traffic.step.0.max(1));
    let mut weights: [i32; SHARES_MAX] = [0; SHARES_MAX];
    let target = targets(state, shares);
    for (place, share) in shares.iter().enumerate() {
        let kept = keeps_users(state, share.berth);
        weights[place] = if kept { i32::from(share.routed.0) } else { 0 };
    }
    // Users that nobody serves go wherever somebody is ready, all at once.
    let nobody: i32 = 1_000 - weights.iter().sum::<i32>();
    let gains = |place: usize, weights: &[i32; SHARES_MAX]| (target[place] - weights[place]).max(0);
    let wanted: i32 = (0..shares.len()).map(|place| gains(place, &weights)).sum();
    let mut may_gain = wanted.min(nobody.max(0) + step);
    let mut gained = 0;
    for place in 0..shares.len() {
        let more = gains(place, &weights).min(may_gain);
        weights[place] += more;
        may_gain -= more;
        gained += more;
    }
    // Givers keep what takers could not take yet.
    let mut keep = wanted - gained;
    for place in 0..shares.len() {
        let surplus = (weights[place] - target[place]).max(0);
        let kept = surplus.min(keep);
        weights[place] -= surplus - kept;
        keep -= kept;
    }
    let narrow = |weight: i32| Permille(u16::try_from(weight).expect("weights are thousandths"));
    shares
        .iter()
        .zip(weights)
        .filter(|(_, weight)| *weight > 0)
        .map(|(share, weight)| (share.berth, narrow(weight)))
        .collect()
}

/// Where users should be by now: at the plan, but for the parts of berths that are not ready, which stay
/// with those who have more than the plan gives them.
fn targets(state: &State, shares: &[Share]) -> [i32; SHARES_MAX] {
    let mut target = [0; SHARES_MAX];
    let mut waiting = 0;
    for (place, share) in shares.iter().enumerate() {
        let (assigned, routed) = (i32::from(share.assigned.0), i32::from(share.routed.0));
        let takes = assigned > routed;
        if takes && !(state.berth(share.berth).is_ready() && keeps_users(state, share.berth)) {
            target[place] = routed;
            waiting += assigned - routed;
        } else {
            target[place] = assigned;
        }
    }
    for (place, share) in shares.iter().enumerate() {
        let surplus = i32::from(share.routed.0) - i32::from(share.assigned.0);
        if surplus > 0 && keeps_users(state, share.berth) {
            let kept = surplus.min(waiting);
            target[place] += kept;
            waiting -= kept;
        }
    }
    target
}
