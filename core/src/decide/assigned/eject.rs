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
        // Sites that could not be freed for this flow cannot be freed on its next try either.
        let mut visited = Vec::new();
        for place in 0..self.pairs_of(demand).len() {
            let pair = self.pairs_of(demand)[place];
            let Some(shares) = self.demands[demand].now.with(pair.site, rest, pair.way) else {
                continue;
            };
            if visited.contains(&pair.site) {
                continue;
            }
            visited.push(pair.site);
            let mut trial = Trial::default();
            if self.free_up(pair.site, part, CHAIN_MAX, &mut visited, &mut trial) {
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
    pub(super) fn free_up(
        &mut self,
        site: u32,
        part: MilliRps,
        depth: u32,
        visited: &mut Vec<u32>,
        trial: &mut Trial,
    ) -> bool {
        if self.has_room(site, part) {
            return true;
        }
        let max = self.limit(site).max;
        if depth == 0 || part > max {
            return false;
        }
        for link in self.links_of(site) {
            let demand = self.links[link].demand as usize;
            let weight = self.demands[demand].now.of(site);
            let gone = self.demands[demand].rate.part(Permille(weight));
            let load = self.sites[site as usize].load;
            if weight == 0 || load - gone + part > max || self.is_locked(demand) {
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
                let pair = self.pairs_of(demand)[place];
                let has_room = self.has_room(pair.site, part);
                if pair.site == from || has_room == must_free || visited.contains(&pair.site) {
                    continue;
                }
                if must_free {
                    visited.push(pair.site);
                    let mark = trial.mark();
                    if !self.free_up(pair.site, part, depth, visited, trial) {
                        trial.back_to(mark, self);
                        continue;
                    }
                }
                let moved = self.demands[demand].now.without(from);
                if let Some(shares) = moved.with(pair.site, weight, pair.way) {
                    trial.assign(self, demand, shares);
                    return true;
                }
            }
        }
        false
    }

    /// Whether a flow must stay where it is, unless its site has no room for it.
    pub(super) fn is_locked(&self, demand: usize) -> bool {
        let demand = &self.demands[demand];
        let dwells = |site: u32| self.sites[site as usize].dwell.is_some();
        let young = || demand.before.parts().iter().any(|part| dwells(part.site));
        demand.idling || (!demand.forced && young())
    }
}
