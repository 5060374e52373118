//! Improvement: local search over shifts, openings, closings and swaps of sites.

use alloc::vec::Vec;

use super::Trial;
use crate::decide::problem::{Demand, LocalShares, Problem};
use crate::decision::Guard;
use crate::units::{MilliRps, Permille};

impl Problem {
    /// Moves flows for as long as that saves more than it must.
    pub(super) fn improve(&mut self) {
        loop {
            let mut improved = false;
            for demand in 0..self.demands.len() {
                improved |= self.shift(demand);
            }
            if self.demands.len() > 1 {
                for site in 0..u32::try_from(self.sites.len()).expect("sites are counted by u32") {
                    improved |= self.open(site);
                    improved |= self.close(site);
                }
                if !improved && self.whole {
                    improved = self.replace_sites();
                }
            }
            if !improved || self.budget == 0 {
                return;
            }
        }
    }

    /// Moves one part of a flow to where it costs less. Says whether it did.
    fn shift(&mut self, demand: usize) -> bool {
        if self.demands[demand].rate == MilliRps::ZERO {
            return false;
        }
        let locked = self.is_locked(demand);
        for (from, weight) in self.demands[demand].now.iter() {
            let Some(shares) = self.best_shift(demand, from, weight) else { continue };
            if locked {
                let until = self.sites[from as usize].dwell;
                self.hold(demand, Guard::Dwell, until);
                continue;
            }
            let mut trial = Trial::default();
            trial.assign(self, demand, shares);
            if trial.keep_if_better(self, self.least_gain) {
                return true;
            }
        }
        false
    }

    /// Where a part of a flow costs at least `least_gain` less than at `from`, least of all.
    fn best_shift(&mut self, demand: usize, from: u32, weight: u16) -> Option<LocalShares> {
        let now = self.demands[demand].now;
        let mut without = now;
        without.set(from, 0);
        // What leaving saves: found by leaving.
        let saved = -self.assign(demand, without);
        let gap = self.demands[demand].unserved * i64::from(weight) / 1_000;
        let saved = saved + gap;
        let mut best: Option<(i64, u32, u16)> = None;
        for place in 0..self.pairs_of(demand).len() {
            if !self.spend() {
                break;
            }
            let pair = self.pairs_of(demand)[place];
            if pair.site == from || (without.of(pair.site) == 0 && without.is_full()) {
                continue;
            }
            let fits = self.weight_that_fits(demand, pair.site, weight);
            let beaten = best.map_or(saved - self.least_gain, |best| best.0);
            let way = (pair.way + pair.moving) * i64::from(weight) / 1_000;
            if fits == 0
                || (fits == weight && way + self.sites[pair.site as usize].fixed.min(0) >= beaten)
            {
                continue;
            }
            let Some(joined) = self.price_of_joining(demand, pair.site, fits) else { continue };
            // A part that stays behind keeps costing what it did, in proportion.
            let stays = saved * i64::from(weight - fits) / i64::from(weight.max(1));
            if joined + stays < beaten {
                best = Some((joined + stays, pair.site, fits));
            }
        }
        self.assign(demand, now);
        let (_, to, fits) = best?;
        let mut shares = now;
        shares.set(from, weight - fits);
        if shares.of(to) == 0 && shares.is_full() {
            return None;
        }
        shares.set(to, shares.of(to) + fits);
        Some(shares)
    }

    /// Opens a site for all flows that it serves at less cost, if together they pay for it.
    fn open(&mut self, site: u32) -> bool {
        let entry = &self.sites[site as usize];
        if entry.flows > 0 || entry.max == MilliRps::ZERO || self.budget == 0 {
            return false;
        }
        let mut trial = Trial::default();
        let mut first = true;
        for demand in self.by_gain(site) {
            let before = trial.before.len();
            let change = trial.change;
            if self.pull(demand, site, &mut trial) {
                // All but the first must pay for themselves; the sum must pay for the opening.
                if !first && trial.change >= change {
                    self.undo_since(before, change, &mut trial);
                }
                first = false;
            }
            if self.budget == 0 {
                break;
            }
        }
        trial.keep_if_better(self, self.least_gain)
    }

    /// Flows that a site would serve on a shorter or cheaper way, those that gain most first.
    fn by_gain(&mut self, site: u32) -> Vec<usize> {
        let mut gains: Vec<(i64, usize)> = Vec::new();
        for demand in 0..self.demands.len() {
            self.spend();
            if self.demands[demand].rate == MilliRps::ZERO || self.is_locked(demand) {
                continue;
            }
            if let Some(pair) = self.pair(demand, site) {
                let now = self.demands[demand].now;
                let pays: i64 =
                    now.iter().map(|(from, weight)| self.way(demand, from, weight)).sum();
                gains.push((pair.way + pair.moving - pays, demand));
            }
        }
        gains.sort_unstable();
        gains.into_iter().map(|(_, demand)| demand).collect()
    }

    /// Moves all of a flow to a site, if it has room. Says whether it did.
    fn pull(&mut self, demand: usize, site: u32, trial: &mut Trial) -> bool {
        let Demand { rate, now, .. } = &self.demands[demand];
        let here = now.of(site);
        let part = *rate - rate.part(Permille(here));
        let entry = &self.sites[site as usize];
        if here == 1_000 || entry.load + part > entry.max {
            return false;
        }
        trial.assign(self, demand, LocalShares::only(site));
        true
    }

    fn undo_since(&mut self, len: usize, change: i64, trial: &mut Trial) {
        while trial.before.len() > len {
            let (demand, shares) = trial.before.pop().expect("longer than `len`");
            self.assign(demand, shares);
        }
        trial.change = change;
    }

    /// Closes a site and serves its flows from others, if that saves enough.
    fn close(&mut self, site: u32) -> bool {
        let mut trial = Trial::default();
        if self.empty(site, &mut trial) {
            return trial.keep_if_better(self, self.least_gain);
        }
        trial.take_back(self);
        false
    }

    /// Moves every flow of a site to others that are open. Says whether all found a place.
    fn empty(&mut self, site: u32, trial: &mut Trial) -> bool {
        let entry = &self.sites[site as usize];
        if entry.flows == 0
            || entry.base > MilliRps::ZERO
            || entry.dwell.is_some()
            || self.budget == 0
        {
            return false;
        }
        for demand in 0..self.demands.len() {
            let weight = self.demands[demand].now.of(site);
            if weight > 0 && !self.settle_elsewhere(demand, site, weight, trial) {
                return false;
            }
        }
        self.sites[site as usize].flows == 0
    }

    /// Moves a part of a flow to the open site where it costs least, or makes room at one.
    fn settle_elsewhere(
        &mut self,
        demand: usize,
        from: u32,
        weight: u16,
        trial: &mut Trial,
    ) -> bool {
        let part = self.demands[demand].rate.part(Permille(weight));
        let mut best: Option<(i64, u32)> = None;
        for place in 0..self.pairs_of(demand).len() {
            if !self.spend() {
                return false;
            }
            let pair = self.pairs_of(demand)[place];
            if pair.site == from || !self.sites[pair.site as usize].is_open() {
                continue;
            }
            if let Some(joined) = self.price_of_joining(demand, pair.site, weight)
                && best.is_none_or(|best| joined < best.0)
            {
                best = Some((joined, pair.site));
            }
        }
        let to = match best {
            Some((_, to)) => to,
            None => match self.freed_elsewhere(demand, from, part, trial) {
                Some(to) => to,
                None => return false,
            },
        };
        let mut shares = self.demands[demand].now;
        shares.set(from, 0);
        if shares.of(to) == 0 && shares.is_full() {
            return false;
        }
        shares.set(to, shares.of(to) + weight);
        trial.assign(self, demand, shares);
        true
    }

    /// An open site that can make room for a part of a flow by moving one other along.
    fn freed_elsewhere(
        &mut self,
        demand: usize,
        from: u32,
        part: MilliRps,
        trial: &mut Trial,
    ) -> Option<u32> {
        for place in 0..self.pairs_of(demand).len() {
            let site = self.pairs_of(demand)[place].site;
            if site == from || !self.sites[site as usize].is_open() {
                continue;
            }
            let (len, change) = (trial.before.len(), trial.change);
            let mut visited = Vec::from([from, site]);
            if self.free(site, part, 2, &mut visited, trial) {
                return Some(site);
            }
            self.undo_since(len, change, trial);
        }
        None
    }

    /// Opens one site that does not pay by itself, fills it, and closes as many others as that allows.
    fn replace_sites(&mut self) -> bool {
        for site in 0..u32::try_from(self.sites.len()).expect("sites are counted by u32") {
            let entry = &self.sites[site as usize];
            if entry.flows > 0 || entry.max == MilliRps::ZERO {
                continue;
            }
            if self.budget == 0 {
                return false;
            }
            let mut trial = Trial::default();
            let mut neighbours = Vec::new();
            for demand in self.by_gain(site) {
                let now = self.demands[demand].now;
                if self.pull(demand, site, &mut trial) {
                    neighbours.extend(now.iter().map(|(from, _)| from));
                }
            }
            neighbours.sort_unstable();
            neighbours.dedup();
            for other in neighbours {
                let (len, change) = (trial.before.len(), trial.change);
                if !self.empty(other, &mut trial) || trial.change >= change {
                    self.undo_since(len, change, &mut trial);
                }
            }
            if trial.keep_if_better(self, self.least_gain) {
                return true;
            }
        }
        false
    }
}
