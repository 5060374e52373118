//! The horizontal pod autoscaler: a loop that moves replicas inside the bounds that git gave it.
//!
//! desired = ⌈current × metric ÷ target⌉, nothing within a tolerance of 10 %, at most twice or four more at
//! once, and down only to the highest recommendation of the last five minutes; the defaults of
//! <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>. The metric is the rate that
//! arrives, the target the rate that the staffing table lets the current replicas hold: the utilization
//! that whoever staffs a berth would want.

use std::sync::Arc;

use periplus_core::units::{MilliRps, Span};

/// How often the loop runs.
pub(crate) const PERIOD: Span = Span(15_000);
/// How long a recommendation keeps replicas from going lower.
const STABILIZATION: Span = Span(300_000);
/// Recommendations that are remembered.
const REMEMBERED: usize = 20;
/// Up to this many more pods may come at once, however few there are.
const STEP_UP: u16 = 4;

const _: () =
    assert!(STABILIZATION.0 == PERIOD.0 * REMEMBERED as u64, "the window is whole rounds");

/// The autoscaler of one deployment.
#[derive(Clone, Debug)]
pub(crate) struct Hpa {
    min: u16,
    max: u16,
    /// The rate that 1, 2, 3 … replicas hold.
    held: Arc<[MilliRps]>,
    recommended: [u16; REMEMBERED],
    round: usize,
}

impl Hpa {
    pub(crate) fn new(min: u16, max: u16, held: Arc<[MilliRps]>) -> Self {
        Self { min, max, held, recommended: [0; REMEMBERED], round: 0 }
    }

    /// The bounds or the table have changed; what was recommended still counts.
    pub(crate) fn rebind(&mut self, min: u16, max: u16, held: Arc<[MilliRps]>) {
        (self.min, self.max, self.held) = (min, max, held);
    }

    /// `replicas`, brought within the bounds.
    pub(crate) fn bounded(&self, replicas: u16) -> u16 {
        replicas.min(self.max).max(self.min)
    }

    /// One round: the replicas that there should be at this rate.
    pub(crate) fn desired(&mut self, current: u16, rate: u64) -> u16 {
        let wanted = self.bounded(recommend(current, rate, self.held_by(current)));
        self.recommended[self.round % REMEMBERED] = wanted;
        self.round += 1;
        if wanted >= current {
            return wanted;
        }
        let highest = self.recommended.iter().copied().max().unwrap_or(wanted);
        self.bounded(highest.min(current))
    }

    fn held_by(&self, replicas: u16) -> u64 {
        let last = self.held.len() - 1;
        let place = usize::from(replicas.max(1)) - 1;
        let held = self.held[place.min(last)].0;
        // Beyond the table, each further replica holds as much as the mean of those in it.
        if place <= last { held } else { held * (place as u64 + 1) / (last as u64 + 1) }
    }
}

/// The formula, with its tolerance and its limit on the way up.
fn recommend(current: u16, rate: u64, target: u64) -> u16 {
    let target = target.max(1);
    if current == 0 || rate.abs_diff(target) * 10 <= target {
        return current;
    }
    let desired = (u64::from(current) * rate).div_ceil(target);
    let most = current.saturating_mul(2).max(current.saturating_add(STEP_UP));
    u16::try_from(desired).unwrap_or(u16::MAX).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_its_tolerance_and_its_limit() {
        // current, rate, target, desired
        let table = [
            (4, 400, 400, 4),
            (4, 440, 400, 4),
            (4, 441, 400, 5),
            (4, 360, 400, 4),
            (4, 359, 400, 4),
            (4, 299, 400, 3),
            (4, 0, 400, 0),
            (1, 900, 100, 5),
            (10, 9_000, 1_000, 20),
            (0, 900, 100, 0),
        ];
        for (current, rate, target, desired) in table {
            assert_eq!(recommend(current, rate, target), desired, "{current} at {rate}/{target}");
        }
    }

    fn hpa() -> Hpa {
        let held = [100, 220, 350, 480, 610].map(MilliRps);
        Hpa::new(2, 8, Arc::from(held))
    }

    #[test]
    fn it_grows_at_once_and_stays_within_its_bounds() {
        let mut hpa = hpa();
        assert_eq!(hpa.desired(2, 440), 4);
        assert_eq!(hpa.desired(4, 10_000), 8);
        assert_eq!(hpa.bounded(0), 2);
    }

    #[test]
    fn it_shrinks_only_after_five_quiet_minutes() {
        let mut hpa = hpa();
        assert_eq!(hpa.desired(5, 610), 5);
        for round in 1..20 {
            assert_eq!(hpa.desired(5, 200), 5, "round {round}");
        }
        assert_eq!(hpa.desired(5, 200), 2);
    }

    #[test]
    fn beyond_the_table_replicas_hold_their_mean() {
        assert_eq!(hpa().held_by(5), 610);
        assert_eq!(hpa().held_by(10), 1_220);
    }
}
