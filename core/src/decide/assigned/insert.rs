//! Insertion: what is unassigned goes where it costs least, whole if it can, in parts if it must.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::Trial;
use crate::decide::problem::Problem;
use crate::units::{MilliRps, Permille};

impl Problem {
    /// Assigns what is unassigned and worth serving, largest flows first.
    pub(super) fn insert_all(&mut self) {
        let short = |demand: &usize| self.wants_more(*demand);
        let mut order: Vec<usize> = (0..self.demands.len()).filter(short).collect();
        if order.is_empty() {
            return;
        }
        order.sort_by_key(|demand| (Reverse(self.demands[*demand].rate), *demand));
        if order.len() > 1 {
            self.open_for_many();
        }
        for demand in &order {
            self.insert(*demand);
        }
        for demand in order {
            if self.wants_more(demand) {
                self.make_room_for(demand);
            }
        }
    }

    fn wants_more(&self, demand: usize) -> bool {
        let demand = &self.demands[demand];
        demand.rate > MilliRps::ZERO && demand.now.weight() < 1_000
    }

    /// Opens the sites that pay best for the flows that nobody serves yet, best first: one flow alone may
    /// not be worth a new site, many together are.
    fn open_for_many(&mut self) {
        loop {
            let sites = 0..u32::try_from(self.sites.len()).expect("sites are counted by u32");
            let mut best: Option<(i64, u32)> = None;
            for site in sites {
                if !self.spend() {
                    return;
                }
                let entry = &self.sites[site as usize];
                if entry.max == MilliRps::ZERO || entry.flows > 0 {
                    continue;
                }
                let trial = self.try_to_fill(site);
                let change = trial.change;
                trial.take_back(self);
                if change < 0 && best.is_none_or(|best| change < best.0) {
                    best = Some((change, site));
                }
            }
            let Some((_, site)) = best else { return };
            self.try_to_fill(site);
        }
    }

    /// Assigns to a site whatever is unassigned and finds room there, dearest to leave first.
    fn try_to_fill(&mut self, site: u32) -> Trial {
        let mut wanting: Vec<(i64, usize, u16)> = Vec::new();
        for demand in 0..self.demands.len() {
            let rest = 1_000 - self.demands[demand].now.weight();
            if self.wants_more(demand)
                && let Some(pair) = self.pair(demand, site)
            {
                let saved =
                    (self.demands[demand].unserved - pair.way - pair.moving) * i64::from(rest);
                if saved > 0 {
                    wanting.push((-saved, demand, rest));
                }
            }
        }
        wanting.sort_unstable();
        let mut trial = Trial::default();
        for (_, demand, rest) in wanting {
            let weight = self.weight_that_fits(demand, site, rest);
            if weight == rest
                && let Some(shares) = self.shares_with(demand, site, weight)
            {
                trial.assign(self, demand, shares);
            }
        }
        trial
    }

    /// Assigns the rest of a flow: to the site that takes all of it at least cost, or part by part.
    pub(super) fn insert(&mut self, demand: usize) {
        while self.wants_more(demand) {
            let rest = 1_000 - self.demands[demand].now.weight();
            let Some((site, weight, change)) = self.cheapest_place(demand, rest) else { return };
            let worth = self.demands[demand].unserved * i64::from(weight) / 1_000;
            if change > worth {
                return;
            }
            let held = self.demands[demand].now.of(site);
            let Some(shares) = self.shares_with(demand, site, held + weight) else { return };
            self.assign(demand, shares);
        }
    }

    /// Assigns the rest of a flow to one site, as far as it finds room there and is worth it.
    pub(crate) fn insert_into(&mut self, demand: usize, site: u32) {
        if !self.wants_more(demand) || self.pair(demand, site).is_none() {
            return;
        }
        let rest = 1_000 - self.demands[demand].now.weight();
        let held = self.demands[demand].now.of(site);
        let weight = self.weight_that_fits(demand, site, rest);
        let Some(shares) = self.shares_with(demand, site, held + weight) else { return };
        let worth = self.demands[demand].unserved * i64::from(weight) / 1_000;
        let change = self.price_of_joining(demand, site, weight);
        if weight > 0 && change.is_some_and(|change| change <= worth) {
            self.assign(demand, shares);
        }
    }

    /// The site that takes all of `rest` at least cost; if none can, the one that takes a part of it at
    /// least cost per part.
    fn cheapest_place(&mut self, demand: usize, rest: u16) -> Option<(u32, u16, i64)> {
        let mut whole: Option<(u32, u16, i64)> = None;
        let mut part: Option<(u32, u16, i64)> = None;
        for place in 0..self.pairs_of(demand).len() {
            if !self.spend() {
                break;
            }
            let pair = self.pairs_of(demand)[place];
            if self.shares_with(demand, pair.site, 1).is_none() {
                continue;
            }
            let weight = self.weight_that_fits(demand, pair.site, rest);
            if weight == 0 {
                continue;
            }
            let Some(change) = self.price_of_joining(demand, pair.site, weight) else { continue };
            if weight == rest {
                if whole.is_none_or(|(_, _, best)| change < best) {
                    whole = Some((pair.site, weight, change));
                }
            } else if part.is_none_or(|(_, best_weight, best)| {
                change * i64::from(best_weight) < best * i64::from(weight)
            }) {
                part = Some((pair.site, weight, change));
            }
        }
        whole.or(part)
    }

    /// What a site costs more with a part of a flow, its way included.
    pub(crate) fn price_of_joining(&self, demand: usize, site: u32, weight: u16) -> Option<i64> {
        let part = self.demands[demand].rate.part(Permille(weight));
        Some(self.added(site, part)? + self.way(demand, site, weight))
    }
}
