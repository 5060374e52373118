//! Assigned: who takes which flow, at the least total price that the search finds.
//!
//! Serving demand from clusters at least total price under capacities, with a price for being active, is
//! capacitated facility location with integer replicas. `GreedyThenLocal` repairs what cannot stay, inserts
//! what is unassigned, then improves by local search under a budget of tried moves. Another solver only has
//! to fill the same [`Problem`].
//!
//! Ties: only a strictly better answer replaces one found before, and everything is tried in ascending
//! order, so fewer moves win, then the nearer cluster, then the lower id.

mod eject;
mod improve;
mod insert;
mod repair;

use alloc::vec::Vec;

use crate::decide::problem::{LocalShares, Problem};

/// Finds a solution of a problem, starting from the one that is in it.
pub(crate) trait Solver {
    /// Improves the solution in `problem` until its budget is spent or nothing better is found.
    fn solve(&mut self, problem: &mut Problem);
}

/// Greedy insertion, then local search.
#[derive(Debug, Default)]
pub(crate) struct GreedyThenLocal;

impl Solver for GreedyThenLocal {
    fn solve(&mut self, problem: &mut Problem) {
        problem.repair();
        problem.insert_all();
        problem.improve();
    }
}

/// Changes that may be taken back.
#[derive(Debug, Default)]
struct Trial {
    before: Vec<(usize, LocalShares)>,
    change: i64,
}

impl Trial {
    fn assign(&mut self, problem: &mut Problem, demand: usize, now: LocalShares) {
        self.before.push((demand, problem.demands[demand].now));
        self.change += problem.assign(demand, now);
    }

    fn take_back(self, problem: &mut Problem) {
        for (demand, shares) in self.before.into_iter().rev() {
            problem.assign(demand, shares);
        }
    }

    /// Keeps the changes if they save more than `least`, and as few flows move as may; says whether.
    fn keep_if_better(self, problem: &mut Problem, least: i64) -> bool {
        let better = self.change < -least;
        if better && problem.moved <= problem.allowance {
            return true;
        }
        if better && let Some(guard) = problem.allowance_guard {
            for (demand, _) in &self.before {
                problem.hold(*demand, guard.guard, guard.until);
            }
        }
        self.take_back(problem);
        false
    }
}

impl Problem {
    /// Counts one tried move; says whether it may be tried.
    fn spend(&mut self) -> bool {
        self.budget = self.budget.saturating_sub(1);
        self.budget > 0
    }

    /// The largest weight, in whole burst steps, with which a flow finds room at a site; at most `wanted`.
    fn weight_that_fits(&self, demand: usize, site: u32, wanted: u16) -> u16 {
        let entry = &self.sites[site as usize];
        let room = entry.max.saturating_sub(entry.load);
        let rate = self.demands[demand].rate;
        if rate.part(crate::units::Permille(wanted)) <= room {
            return wanted;
        }
        let fits = u16::try_from((room.0 * 1_000 / rate.0.max(1)).min(1_000)).unwrap_or(1_000);
        let fits = fits.min(wanted);
        fits - fits % self.burst_step
    }

    /// The shares of a flow with another weight at one site.
    fn shares_with(&self, demand: usize, site: u32, weight: u16) -> Option<LocalShares> {
        let mut shares = self.demands[demand].now;
        if weight > 0 && shares.of(site) == 0 && shares.is_full() {
            return None;
        }
        shares.set(site, weight);
        Some(shares)
    }
}
