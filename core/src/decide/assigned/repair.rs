//! Repair: what cannot stay where it is becomes unassigned.

use crate::decide::problem::Problem;
use crate::units::{MilliRps, Permille};

impl Problem {
    /// Takes away what a site has no room for, and what nobody pays enough to serve.
    pub(super) fn repair(&mut self) {
        for site in 0..self.sites.len() {
            let site = u32::try_from(site).expect("sites are counted by u32");
            while self.sites[site as usize].load > self.sites[site as usize].max {
                if !self.shed_cheapest(site) {
                    break;
                }
            }
        }
        self.drop_worthless();
    }

    /// Takes a part of the flow that finds the cheapest other place away from a site that is too full. Says
    /// whether there was one.
    fn shed_cheapest(&mut self, site: u32) -> bool {
        let over = self.sites[site as usize].load - self.sites[site as usize].max;
        let takes =
            |demand: &usize| self.demands[*demand].now.of(site) > 0 && self.has_rate(*demand);
        let cheapest = (0..self.demands.len())
            .filter(takes)
            .min_by_key(|demand| (self.price_of_leaving(*demand, site), *demand));
        let Some(demand) = cheapest else { return false };
        let weight = self.demands[demand].now.of(site);
        let rate = self.demands[demand].rate;
        let part = rate.part(Permille(weight));
        let shed = if over >= part {
            weight
        } else {
            let needed = u16::try_from((over.0 * 1_000).div_ceil(rate.0)).unwrap_or(1_000);
            needed.next_multiple_of(self.burst_step).min(weight)
        };
        let mut shares = self.demands[demand].now;
        shares.set(site, weight - shed);
        self.demands[demand].forced = true;
        // Whatever moved before it was forced no longer counts as a move without need.
        self.recount();
        self.assign(demand, shares);
        true
    }

    /// What one mRPS of a flow costs more elsewhere than at `site`, in thousandths of a µ$.
    fn price_of_leaving(&self, demand: usize, site: u32) -> i64 {
        let rate = i64::try_from(self.demands[demand].rate.0).unwrap_or(i64::MAX).max(1);
        let here = self.pair(demand, site).map_or(0, |pair| pair.way);
        let others = self.pairs_of(demand).iter().filter(|pair| pair.site != site);
        let open = others.filter(|pair| {
            let other = &self.sites[pair.site as usize];
            other.load < other.max
        });
        let elsewhere = open.map(|pair| pair.way + pair.moving).min();
        let elsewhere = elsewhere.unwrap_or(self.demands[demand].unserved);
        (elsewhere - here).saturating_mul(1_000) / rate
    }

    fn has_rate(&self, demand: usize) -> bool {
        self.demands[demand].rate > MilliRps::ZERO
    }

    fn recount(&mut self) {
        let moved =
            self.demands.iter().filter(|demand| !demand.forced && demand.now != demand.before);
        self.moved = u32::try_from(moved.count()).unwrap_or(u32::MAX);
    }

    /// Gives up flows that cost more than they are worth, site by site, as far as the breaker allows.
    fn drop_worthless(&mut self) {
        if !self.whole {
            return;
        }
        for site in 0..self.sites.len() {
            let index = u32::try_from(site).expect("sites are counted by u32");
            let entry = &self.sites[site];
            if entry.flows == 0 || entry.base > MilliRps::ZERO || entry.dwell.is_some() {
                continue;
            }
            let mut trial = super::Trial::default();
            let bindings = self.bindings_per_berth;
            for demand in 0..self.demands.len() {
                if self.demands[demand].now.of(index) > 0 && self.has_rate(demand) {
                    let mut shares = self.demands[demand].now;
                    shares.set(index, 0);
                    trial.assign(self, demand, shares);
                }
            }
            let empty = self.sites[site].flows == 0;
            let worthless = trial.change < -self.least_gain;
            if empty && worthless && self.droppable >= bindings && self.moved <= self.allowance {
                self.droppable -= bindings;
            } else {
                trial.take_back(self);
            }
        }
    }
}
