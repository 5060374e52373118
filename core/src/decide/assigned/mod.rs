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
mod replace;
mod stay;

pub(crate) use self::eject::Chain;

use alloc::vec::Vec;

use crate::decide::problem::{LocalShares, Problem};
use crate::units::{MilliRps, Permille};

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

/// A point in a trial to go back to.
#[derive(Clone, Copy, Debug)]
struct Mark {
    changes: usize,
    change: i64,
}

impl Trial {
    fn assign(&mut self, problem: &mut Problem, demand: usize, now: LocalShares) {
        self.before.push((demand, problem.demands[demand].now));
        self.change += problem.assign(demand, now);
    }

    fn mark(&self) -> Mark {
        Mark { changes: self.before.len(), change: self.change }
    }

    fn back_to(&mut self, mark: Mark, problem: &mut Problem) {
        while self.before.len() > mark.changes {
            let (demand, shares) = self.before.pop().expect("longer than the mark");
            problem.assign(demand, shares);
        }
        self.change = mark.change;
    }

    fn take_back(mut self, problem: &mut Problem) {
        self.back_to(Mark { changes: 0, change: 0 }, problem);
    }

    /// Keeps the changes if they save more than `least`, and as few flows move as may; says whether.
    fn keep_if_better(self, problem: &mut Problem, least: i64) -> bool {
        let better = self.change < -least;
        if better && problem.moved <= problem.allowance {
            self.before.iter().for_each(|(demand, before)| problem.stir(*demand, before));
            return true;
        }
        if better && let Some(guard) = problem.allowance_guard {
            for (demand, _) in &self.before {
                problem.hold(*demand, guard.guard, guard.until);
            }
            // Whatever else is found would be held as well.
            problem.budget = 0;
        }
        self.take_back(problem);
        false
    }
}

impl Problem {
    /// A flow has moved: whoever has to do with the sites it left or joined is worth another try.
    fn stir(&mut self, demand: usize, before: &LocalShares) {
        self.look_from(demand);
        let now = self.demands[demand].now;
        for part in before.parts().iter().chain(now.parts()) {
            self.look_site[part.site as usize] = true;
            for link in self.links_of(part.site) {
                let other = self.links[link].demand as usize;
                self.look_flow[other] = true;
            }
        }
    }

    /// A site takes less than was thought: whoever could be there is worth another try, there and elsewhere.
    pub(super) fn look_around(&mut self, site: u32) {
        self.look_site[site as usize] = true;
        for link in self.links_of(site) {
            let demand = self.links[link].demand as usize;
            self.look_flow[demand] = true;
            self.look_from(demand);
        }
    }

    /// The sites that a flow may go to are worth another try.
    fn look_from(&mut self, demand: usize) {
        for place in 0..self.pairs_of(demand).len() {
            let site = self.pairs_of(demand)[place].site;
            self.look_site[site as usize] = true;
        }
    }

    /// Counts one tried move; says whether it may be tried.
    #[inline]
    fn spend(&mut self) -> bool {
        self.budget = self.budget.saturating_sub(1);
        self.budget > 0
    }

    /// The largest weight, in whole burst steps, with which a flow finds room at a site; at most `wanted`.
    fn weight_that_fits(&mut self, demand: usize, site: u32, wanted: u16) -> u16 {
        let max = self.limit(site).max;
        if max == MilliRps::ZERO {
            // Not even a part so small that it asks for nothing.
            return 0;
        }
        let room = max.saturating_sub(self.sites[site as usize].load);
        let rate = self.demands[demand].rate;
        if rate.part(Permille(wanted)) <= room {
            return wanted;
        }
        let fits = u16::try_from((room.0 * 1_000 / rate.0.max(1)).min(1_000)).unwrap_or(1_000);
        let fits = fits.min(wanted);
        fits - fits % self.burst_step
    }
}
