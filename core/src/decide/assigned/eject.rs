//! Ejection: room for one more by moving others along, as augmenting paths do in a flow network.

use alloc::vec::Vec;

use super::Trial;
use crate::decide::problem::Problem;
use crate::units::{MilliRps, Permille};

/// How many flows may move along for one that finds no room.
const CHAIN_MAX: u32 = 6;

impl Problem {
    /// Finds room for the rest of a flow by moving others along, if that is worth it.
    pub(super) fn make_room_for(&mut self, demand: usize) {
        let rest = 1_000 - self.demands[demand].now.weight();
        let part = self.demands[demand].rate.part(Permille(rest));
        for place in 0..self.pairs_of(demand).len() {
            let site = self.pairs_of(demand)[place].site;
            let Some(shares) =
                self.shares_with(demand, site, self.demands[demand].now.of(site) + rest)
            else {
                continue;
            };
            let mut trial = Trial::default();
            let mut visited = Vec::from([site]);
            if self.free(site, part, CHAIN_MAX, &mut visited, &mut trial) {
                trial.assign(self, demand, shares);
                if trial.keep_if_better(self, 0) {
                    return;
                }
            } else {
                trial.take_back(self);
            }
            if self.budget == 0 {
                return;
            }
        }
    }

    /// Moves one flow away from a site, and others along for it, until `part` fits there. Says whether it
    /// does. Sites in `visited` are not entered again.
    pub(super) fn free(
        &mut self,
        site: u32,
        part: MilliRps,
        depth: u32,
        visited: &mut Vec<u32>,
        trial: &mut Trial,
    ) -> bool {
        let entry = &self.sites[site as usize];
        if entry.load + part <= entry.max {
            return true;
        }
        if depth == 0 || part > entry.max {
            return false;
        }
        for demand in 0..self.demands.len() {
            let weight = self.demands[demand].now.of(site);
            let gone = self.demands[demand].rate.part(Permille(weight));
            let entry = &self.sites[site as usize];
            if weight == 0 || entry.load - gone + part > entry.max || self.is_locked(demand) {
                continue;
            }
            if self.move_along(demand, site, weight, depth - 1, visited, trial) {
                return true;
            }
        }
        false
    }

    /// Moves a flow from one site to any other that has room or can make some.
    fn move_along(
        &mut self,
        demand: usize,
        from: u32,
        weight: u16,
        depth: u32,
        visited: &mut Vec<u32>,
        trial: &mut Trial,
    ) -> bool {
        let part = self.demands[demand].rate.part(Permille(weight));
        // First a site that has room, then one that must make it.
        for must_free in [false, true] {
            for place in 0..self.pairs_of(demand).len() {
                if !self.spend() {
                    return false;
                }
                let site = self.pairs_of(demand)[place].site;
                let entry = &self.sites[site as usize];
                let has_room = entry.load + part <= entry.max;
                if visited.contains(&site) || has_room == must_free {
                    continue;
                }
                if must_free {
                    visited.push(site);
                    if !self.free(site, part, depth, visited, trial) {
                        continue;
                    }
                }
                let mut shares = self.demands[demand].now;
                shares.set(from, 0);
                if shares.of(site) == 0 && shares.is_full() {
                    continue;
                }
                shares.set(site, shares.of(site) + weight);
                trial.assign(self, demand, shares);
                return true;
            }
        }
        false
    }

    /// Whether a flow must stay where it is, unless its site has no room for it.
    pub(super) fn is_locked(&self, demand: usize) -> bool {
        let demand = &self.demands[demand];
        !demand.forced
            && demand.before.iter().any(|(site, _)| self.sites[site as usize].dwell.is_some())
    }
}
