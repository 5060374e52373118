//! Ejection: room for one more by moving others along, as augmenting paths do in a flow network.
//!
//! A chain of moves is searched for breadth first, so that as few flows move as may; every site is reached at
//! most once.

use alloc::vec::Vec;

use super::Trial;
use crate::decide::problem::{Pair, Problem, Site};
use crate::units::{MilliRps, Permille};

/// How many flows may move along for one that finds no room.
const CHAIN_MAX: u16 = 12;

/// A site that a chain of moves has reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reached {
    pair: Pair,
    /// Who would move there, from the site that the chain reached before.
    flow: usize,
    weight: u16,
    part: MilliRps,
    before: Option<usize>,
    length: u16,
}

/// Room that the search for a chain keeps.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    reached: Vec<Reached>,
    entered: Vec<bool>,
}

impl Problem {
    /// Finds room for the rest of a flow by moving others along, if that is worth it.
    pub(super) fn make_room_for(&mut self, demand: usize) {
        let mut trial = Trial::default();
        if self.settle_by_chain(demand, None, |_| true, &mut trial) {
            trial.keep_if_better(self, 0);
        }
    }

    /// Moves the part that a flow has at `from`, or what is unassigned of it, to a site that takes it once others
    /// have moved along. Only sites that `may` be entered are. Says whether there is such a chain.
    pub(super) fn settle_by_chain(
        &mut self,
        demand: usize,
        from: Option<u32>,
        may: fn(&Site) -> bool,
        trial: &mut Trial,
    ) -> bool {
        let mut chain = core::mem::take(&mut self.chain);
        chain.reached.clear();
        chain.entered.clear();
        chain.entered.resize(self.sites.len(), false);
        if let Some(from) = from {
            chain.entered[from as usize] = true;
        }
        let end = self.find_chain(&mut chain, demand, from, may);
        // From the far end, so that nobody enters a site before another has left it.
        let mut next = end;
        while let Some(Reached { pair, flow, weight, before, .. }) =
            next.map(|place| chain.reached[place])
        {
            let left = before.map(|before| chain.reached[before].pair.site).or(from);
            let now = self.demands[flow].now;
            let now = left.map_or(now, |left| now.without(left));
            let shares =
                now.with(pair.site, weight, pair.way).expect("it was asked whether it takes");
            trial.assign(self, flow, shares);
            next = before;
        }
        self.chain = chain;
        end.is_some()
    }

    /// The place in the chain of a site that has room for whoever would move there.
    fn find_chain(
        &mut self,
        chain: &mut Chain,
        demand: usize,
        from: Option<u32>,
        may: fn(&Site) -> bool,
    ) -> Option<usize> {
        let now = self.demands[demand].now;
        let weight = from.map_or(1_000 - now.weight(), |from| now.of(from));
        if let Some(end) = self.reach_from(chain, demand, from, weight, None, may) {
            return Some(end);
        }
        let mut place = 0;
        while let Some(Reached { pair, part, length, .. }) = chain.reached.get(place).copied() {
            if length >= CHAIN_MAX || self.budget == 0 {
                return None;
            }
            let site = pair.site;
            let max = self.limit(site).max;
            for link in self.links_of(site) {
                let other = self.links[link].demand as usize;
                let weight = self.demands[other].now.of(site);
                let gone = self.demands[other].rate.part(Permille(weight));
                let load = self.sites[site as usize].load;
                if weight == 0
                    || load - gone + part > max
                    || other == demand
                    || self.is_locked(other)
                {
                    continue;
                }
                let end = self.reach_from(chain, other, Some(site), weight, Some(place), may);
                if end.is_some() {
                    return end;
                }
            }
            place += 1;
        }
        None
    }

    /// Adds the sites to which a flow could move from where the chain has reached. Returns the first that has
    /// room for it.
    fn reach_from(
        &mut self,
        chain: &mut Chain,
        flow: usize,
        from: Option<u32>,
        weight: u16,
        before: Option<usize>,
        may: fn(&Site) -> bool,
    ) -> Option<usize> {
        let Chain { reached, entered } = chain;
        let part = self.demands[flow].rate.part(Permille(weight));
        let now = self.demands[flow].now;
        let now = from.map_or(now, |from| now.without(from));
        let length = before.map_or(0, |before| reached[before].length + 1);
        for place in 0..self.pairs_of(flow).len() {
            if !self.spend() {
                return None;
            }
            let pair = self.pairs_of(flow)[place];
            let site = pair.site as usize;
            if entered[site] || !may(&self.sites[site]) || !now.takes(pair.site) {
                continue;
            }
            entered[site] = true;
            if part > self.limit(pair.site).max {
                continue;
            }
            reached.push(Reached { pair, flow, weight, part, before, length });
            if self.has_room(pair.site, part) {
                return Some(reached.len() - 1);
            }
        }
        None
    }

    /// Whether a flow must stay where it is, unless its site has no room for it.
    pub(super) fn is_locked(&self, demand: usize) -> bool {
        let demand = &self.demands[demand];
        let dwells = |site: u32| self.sites[site as usize].dwell.is_some();
        let young = || demand.before.parts().iter().any(|part| dwells(part.site));
        demand.idling || (!demand.forced && young())
    }
}
