//! Repair: what cannot stay where it is becomes unassigned.

use super::Trial;
use crate::decide::Depth;
use crate::decide::problem::{Demand, Part, Problem};
use crate::units::{MilliRps, Permille};

impl Problem {
    /// Takes away what a site has no room for, and what nobody pays enough to serve.
    pub(super) fn repair(&mut self) {
        for site in self.site_ids() {
            if self.sites[site as usize].flows == 0 {
                continue;
            }
            let max = self.limit(site).max;
            while self.sites[site as usize].load > max {
                if !self.shed_cheapest(site, max) {
                    break;
                }
            }
        }
        if self.depth == Depth::Whole {
            self.drop_worthless();
        }
    }

    /// Takes a part of the flow that finds the cheapest other place away from a site that is too full. Says
    /// whether there was one.
    fn shed_cheapest(&mut self, site: u32, max: MilliRps) -> bool {
        let over = self.sites[site as usize].load - max;
        let mut cheapest: Option<(i64, usize, i64)> = None;
        for link in self.links_of(site) {
            let link = self.links[link];
            let demand = link.demand as usize;
            let here = self.demands[demand].now.of(site);
            if here > 0 && self.demands[demand].rate > MilliRps::ZERO {
                let price = self.price_of_leaving(demand, site, link.way.unwrap_or(0));
                if cheapest.is_none_or(|best| price < best.0) {
                    cheapest = Some((price, demand, link.way.unwrap_or(0)));
                }
            }
        }
        let Some((_, demand, way)) = cheapest else { return false };
        let Demand { now, rate, .. } = self.demands[demand];
        let weight = now.of(site);
        let shed = if over >= rate.part(Permille(weight)) {
            weight
        } else {
            let needed = u16::try_from((over.0 * 1_000).div_ceil(rate.0)).unwrap_or(1_000);
            needed.next_multiple_of(self.burst_step).min(weight)
        };
        let mut shares = now;
        shares.set(Part { site, weight: weight - shed, way });
        self.force(demand);
        self.assign(demand, shares);
        true
    }

    /// A flow must move: whatever it moved before no longer counts as a move without need.
    fn force(&mut self, demand: usize) {
        let entry = &mut self.demands[demand];
        if !entry.forced && entry.now != entry.before {
            self.moved -= 1;
        }
        entry.forced = true;
    }

    /// Takes every flow away from a site that can hold none, also those that ask for nothing now.
    pub(crate) fn vacate(&mut self, site: u32) {
        for demand in 0..self.demands.len() {
            let now = self.demands[demand].now;
            if now.of(site) > 0 {
                self.force(demand);
                self.assign(demand, now.without(site));
            }
        }
    }

    /// What one mRPS of a flow costs more elsewhere than at `site`, in thousandths of a µ$.
    fn price_of_leaving(&mut self, demand: usize, site: u32, way: i64) -> i64 {
        let rate = i64::try_from(self.demands[demand].rate.0).unwrap_or(i64::MAX).max(1);
        let mut elsewhere = self.demands[demand].unserved;
        for place in 0..self.pairs_of(demand).len() {
            let pair = self.pairs_of(demand)[place];
            if pair.site != site && pair.way < elsewhere && self.has_room(pair.site, MilliRps(1)) {
                elsewhere = pair.way;
            }
        }
        (elsewhere - way).saturating_mul(1_000) / rate
    }

    /// Gives up flows that cost more than they are worth, site by site, as far as the breaker allows.
    fn drop_worthless(&mut self) {
        for site in self.site_ids() {
            let entry = &self.sites[site as usize];
            if entry.flows == 0 || entry.base > MilliRps::ZERO || entry.dwell.is_some() {
                continue;
            }
            let mut trial = Trial::default();
            for link in self.links_of(site) {
                let demand = self.links[link].demand as usize;
                let Some(entry) = self.demands.get(demand) else { continue };
                if entry.now.of(site) > 0 && entry.rate > MilliRps::ZERO {
                    let shares = entry.now.without(site);
                    trial.assign(self, demand, shares);
                }
            }
            let empty = self.sites[site as usize].flows == 0;
            let worthless = trial.change < -self.least_gain;
            let may = self.droppable >= self.bindings_per_berth && self.moved <= self.allowance;
            if empty && worthless && may {
                self.droppable -= self.bindings_per_berth;
            } else {
                trial.take_back(self);
            }
        }
    }
}
