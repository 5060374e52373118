//! Improvement: local search over shifts of one flow, and over openings and closings of one site.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Trial;
use crate::decide::Depth;
use crate::decide::problem::{Demand, LocalShares, Part, Problem, Site};
use crate::decision::Guard;
use crate::units::{MilliRps, Permille};

impl Problem {
    /// Moves flows for as long as that saves more than it must. Only what changed since it was last tried is
    /// tried again (don't-look bits, Bentley 1992).
    pub(super) fn improve(&mut self) {
        loop {
            let mut improved = false;
            for demand in 0..self.demands.len() {
                // Without a wider look only what had to move anyway is moved to where it is best.
                let may = self.depth != Depth::Local || self.demands[demand].forced;
                if core::mem::take(&mut self.look_flow[demand]) && may {
                    improved |= self.shift(demand);
                }
            }
            if self.depth != Depth::Local && self.demands.len() > 1 {
                improved |= self.open_and_close();
                if !improved && self.depth == Depth::Whole {
                    improved = self.replace_sites();
                }
            }
            if !improved || self.budget == 0 {
                return;
            }
        }
    }

    fn open_and_close(&mut self) -> bool {
        let mut improved = false;
        let mut open: Vec<u32> = Vec::new();
        for site in self.site_ids() {
            if self.sites[site as usize].flows > 0 {
                open.push(site);
            } else if core::mem::take(&mut self.look_site[site as usize]) {
                improved |= self.open(site);
            }
        }
        open.sort_by_key(|site| Reverse(self.sites[*site as usize].opened));
        for site in open {
            if core::mem::take(&mut self.look_site[site as usize]) {
                improved |= self.close(site);
            }
        }
        improved
    }

    /// Moves one part of a flow to where it costs less. Says whether it did.
    fn shift(&mut self, demand: usize) -> bool {
        let Demand { rate, idling, forced, now, .. } = self.demands[demand];
        if rate == MilliRps::ZERO || idling {
            return false;
        }
        let mut parts = [Part::default(); crate::state::ASSIGNED_MAX];
        let parts = &mut parts[..now.parts().len()];
        parts.copy_from_slice(now.parts());
        // Bursts contract in reverse: what was opened last is left first.
        parts.sort_by_key(|part| (Reverse(self.sites[part.site as usize].opened), part.weight));
        for part in parts {
            let Some(shares) = self.best_shift(demand, *part) else { continue };
            let dwell = self.sites[part.site as usize].dwell;
            if dwell.is_some() && !forced {
                // Nor is what was opened before it left for its sake.
                self.hold(demand, Guard::Dwell, dwell);
                return false;
            }
            let mut trial = Trial::default();
            trial.assign(self, demand, shares);
            if trial.keep_if_better(self, self.least_gain) {
                return true;
            }
        }
        false
    }

    /// Where a part of a flow costs at least `least_gain` less than where it is, least of all.
    fn best_shift(&mut self, demand: usize, part: Part) -> Option<LocalShares> {
        let Part { site: from, weight, .. } = part;
        let Demand { now, rate, .. } = self.demands[demand];
        let without = now.without(from);
        let saved = part.price() + self.removed(from, rate.part(Permille(weight)));
        let mut best: Option<(i64, u32, u16, i64)> = None;
        for place in 0..self.pairs_of(demand).len() {
            if !self.spend() {
                break;
            }
            let pair = self.pairs_of(demand)[place];
            let beaten = best.map_or(saved - self.least_gain, |best| best.0);
            let entry = &self.sites[pair.site as usize];
            let least = pair.way * i64::from(weight) / 1_000 + entry.fixed.min(0);
            if pair.site == from || least >= beaten || !without.takes(pair.site) {
                continue;
            }
            // First what it would cost, then whether there is room: the first is cheaper to know.
            let joined = self.price_of_joining(demand, pair.site, weight, pair.way);
            if joined < beaten && self.weight_that_fits(demand, pair.site, weight) == weight {
                best = Some((joined, pair.site, weight, pair.way));
                continue;
            }
            let fits = self.weight_that_fits(demand, pair.site, weight);
            if fits == 0 || fits == weight {
                continue;
            }
            // A part that stays behind keeps costing what it did, in proportion.
            let stays = saved * i64::from(weight - fits) / i64::from(weight);
            let joined = stays + self.price_of_joining(demand, pair.site, fits, pair.way);
            if joined < beaten {
                best = Some((joined, pair.site, fits, pair.way));
            }
        }
        let (_, to, fits, way) = best?;
        let mut shares = now;
        shares.set(Part { weight: weight - fits, ..part });
        shares.with(to, fits, way)
    }

    /// Opens a site for all flows that it serves at less cost, if together they pay for it.
    fn open(&mut self, site: u32) -> bool {
        if self.sites[site as usize].flows > 0 || self.budget == 0 || self.is_hopeless(site) {
            return false;
        }
        let mut trial = Trial::default();
        for (_, demand, way) in self.by_gain(site) {
            let mark = trial.mark();
            let pulled = self.pull(demand, site, way, &mut trial);
            // All but the first must pay for themselves; the sum must pay for the opening.
            if pulled && mark.changes > 0 && trial.change >= mark.change {
                trial.back_to(mark, self);
            }
        }
        trial.keep_if_better(self, self.least_gain)
    }

    /// Whether a site cannot pay for its opening even if every flow left its present sites at their mean
    /// price per request, and came here at this one's best.
    fn is_hopeless(&mut self, site: u32) -> bool {
        let max = self.limit(site).max;
        let entry = &self.sites[site as usize];
        let best = self.resources(entry, max).saturating_mul(1_000) / signed(max).max(1);
        let mut saved = -(entry.fixed + entry.opening + self.least_gain);
        for link in self.links_of(site) {
            self.spend();
            let link = self.links[link];
            let demand = &self.demands[link.demand as usize];
            let Some(way) = link.way else { continue };
            let left = demand.now.parts().iter().map(|part| {
                let entry = &self.sites[part.site as usize];
                let load = signed(demand.rate.part(Permille(part.weight)));
                part.price() + entry.paid.saturating_mul(load) / signed(entry.load).max(1)
            });
            let left: i64 = left.sum();
            let joined = way + best.saturating_mul(signed(demand.rate)) / 1_000;
            saved += (left - joined).max(0);
            if saved > 0 {
                return false;
            }
        }
        true
    }

    /// Flows that a site could serve, those whose way gets cheapest first, with the way that they would pay.
    pub(super) fn by_gain(&mut self, site: u32) -> Vec<(i64, usize, i64)> {
        let mut gains: Vec<(i64, usize, i64)> = Vec::new();
        for link in self.links_of(site) {
            self.spend();
            let link = self.links[link];
            let demand = link.demand as usize;
            let Some(way) = link.way else { continue };
            if self.demands[demand].rate > MilliRps::ZERO && !self.is_locked(demand) {
                let pays: i64 = self.demands[demand].now.parts().iter().map(Part::price).sum();
                gains.push((way - pays, demand, way));
            }
        }
        gains.sort_unstable();
        gains
    }

    /// Moves all of a flow to a site, if it has room. Says whether it did.
    pub(super) fn pull(&mut self, demand: usize, site: u32, way: i64, trial: &mut Trial) -> bool {
        let Demand { rate, now, .. } = self.demands[demand];
        let here = now.of(site);
        if here == 1_000 || !self.has_room(site, rate - rate.part(Permille(here))) {
            return false;
        }
        trial.assign(self, demand, LocalShares::only(site, way));
        true
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

    /// Moves every flow of a site to others that are open. Says whether all found a place before it cost
    /// more than the site itself.
    pub(super) fn empty(&mut self, site: u32, trial: &mut Trial) -> bool {
        let entry = &self.sites[site as usize];
        let stays = entry.base > MilliRps::ZERO || entry.dwell.is_some();
        if entry.flows == 0 || stays || self.budget == 0 {
            return false;
        }
        let ceiling = trial.change + entry.paid;
        for link in self.links_of(site) {
            let demand = self.links[link].demand as usize;
            let weight = self.demands[demand].now.of(site);
            if weight == 0 {
                continue;
            }
            let idling = self.demands[demand].idling;
            if idling || !self.settle_elsewhere(demand, site, weight, trial) {
                return false;
            }
            if trial.change > ceiling {
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
        let without = self.demands[demand].now.without(from);
        let mut best: Option<(i64, u32, i64)> = None;
        for place in 0..self.pairs_of(demand).len() {
            if !self.spend() {
                return false;
            }
            let pair = self.pairs_of(demand)[place];
            let entry = &self.sites[pair.site as usize];
            if pair.site == from || !entry.is_open() || !without.takes(pair.site) {
                continue;
            }
            let beaten = best.map_or(i64::MAX, |best| best.0);
            if pair.way * i64::from(weight) / 1_000 + entry.fixed.min(0) >= beaten {
                continue;
            }
            let joined = self.price_of_joining(demand, pair.site, weight, pair.way);
            if joined < beaten && self.has_room(pair.site, part) {
                best = Some((joined, pair.site, pair.way));
            }
        }
        let Some((_, to, way)) = best else {
            return self.settle_by_chain(demand, Some(from), Site::is_open, trial);
        };
        let Some(shares) = without.with(to, weight, way) else { return false };
        trial.assign(self, demand, shares);
        true
    }
}

fn signed(rate: MilliRps) -> i64 {
    i64::try_from(rate.0).unwrap_or(i64::MAX)
}
