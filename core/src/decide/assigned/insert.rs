//! Insertion: what is unassigned goes where it costs least, whole if it can, in parts if it must.

use alloc::collections::BinaryHeap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::decide::problem::Problem;
use crate::units::{MilliRps, Permille};

impl Problem {
    /// Assigns what is unassigned and worth serving, largest flows first.
    pub(super) fn insert_all(&mut self) {
        let short = |demand: &usize| self.demands[*demand].wants_more();
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
            if self.demands[demand].wants_more() {
                self.make_room_for(demand);
            }
        }
    }

    /// Opens the sites that pay best for the flows that nobody serves yet, best first: one flow alone may
    /// not be worth a new site, many together are.
    ///
    /// What a site gains shrinks as others take flows, so an old figure is a bound: only the best is worked
    /// out anew (Minoux's lazy greedy, 1978).
    fn open_for_many(&mut self) {
        let mut best_first = BinaryHeap::new();
        for site in self.site_ids() {
            if self.sites[site as usize].flows == 0 {
                let gain = self.gain_of_filling(site);
                if gain > 0 {
                    best_first.push((gain, Reverse(site)));
                }
            }
        }
        while let Some((_, Reverse(site))) = best_first.pop() {
            if !self.spend() {
                return;
            }
            let gain = self.gain_of_filling(site);
            let beaten = best_first.peek().is_some_and(|next| *next > (gain, Reverse(site)));
            if gain > 0 && beaten {
                best_first.push((gain, Reverse(site)));
            } else if gain > 0 {
                self.fill(site);
            }
        }
    }

    /// What assigning to a site all that is unassigned and finds room there would save.
    fn gain_of_filling(&mut self, site: u32) -> i64 {
        let room = self.limit(site).max.saturating_sub(self.sites[site as usize].load);
        if room == MilliRps::ZERO {
            return 0;
        }
        let mut wanted = MilliRps::ZERO;
        let mut saved = 0;
        let mut flows = 0;
        for (worth, demand) in self.wanting(site) {
            let part = self.unassigned(demand);
            if wanted + part <= room {
                wanted += part;
                saved += worth;
                flows += 1;
            }
        }
        let entry = &self.sites[site as usize];
        let paid = self.cost(site, entry.load + wanted, entry.flows + flows) - entry.paid;
        saved - paid
    }

    /// Assigns to a site all that is unassigned and finds room there, in the order of its worth.
    fn fill(&mut self, site: u32) {
        for (_, demand) in self.wanting(site) {
            let rest = 1_000 - self.demands[demand].now.weight();
            let part = self.unassigned(demand);
            let way = self.pair(demand, site).expect("it wants to go there").way;
            if self.has_room(site, part)
                && let Some(shares) = self.demands[demand].now.with(site, rest, way)
            {
                self.assign(demand, shares);
            }
        }
    }

    fn unassigned(&self, demand: usize) -> MilliRps {
        let demand = &self.demands[demand];
        demand.rate.part(Permille(1_000 - demand.now.weight()))
    }

    /// Flows with something unassigned that a site is worth to, most per request first if they compete for
    /// its room, and what they would save.
    fn wanting(&mut self, site: u32) -> Vec<(i64, usize)> {
        let room = self.limit(site).max.saturating_sub(self.sites[site as usize].load);
        let mut wanting = Vec::new();
        let mut sum = MilliRps::ZERO;
        for link in self.links_of(site) {
            let link = self.links[link];
            let demand = link.demand as usize;
            let entry = &self.demands[demand];
            let Some(way) = link.way.filter(|_| entry.wants_more()) else { continue };
            let rest = 1_000 - entry.now.weight();
            let saved = (entry.unserved - way) * i64::from(rest) / 1_000;
            if saved > 0 {
                sum += self.unassigned(demand);
                wanting.push((saved, demand));
            }
        }
        if sum > room {
            let per_request = |(saved, demand): &(i64, usize)| {
                let rate = i64::try_from(self.unassigned(*demand).0).unwrap_or(i64::MAX).max(1);
                (Reverse(saved.saturating_mul(1_000) / rate), *demand)
            };
            wanting.sort_by_cached_key(per_request);
        }
        wanting
    }

    /// Assigns the rest of a flow: to the site that takes all of it at least cost, or part by part.
    pub(super) fn insert(&mut self, demand: usize) {
        while self.demands[demand].wants_more() {
            let rest = 1_000 - self.demands[demand].now.weight();
            let Some(place) = self.cheapest_place(demand, rest) else { return };
            let worth = self.demands[demand].unserved * i64::from(place.weight) / 1_000;
            if place.price > worth {
                return;
            }
            let now = self.demands[demand].now;
            let Some(shares) = now.with(place.site, place.weight, place.way) else { return };
            self.assign(demand, shares);
        }
    }

    /// Assigns the rest of a flow to one site, as far as it finds room there and is worth it.
    pub(crate) fn insert_into(&mut self, demand: usize, site: u32) {
        if !self.demands[demand].wants_more() {
            return;
        }
        let Some(pair) = self.pair(demand, site) else { return };
        let rest = 1_000 - self.demands[demand].now.weight();
        let weight = self.weight_that_fits(demand, site, rest);
        let Some(shares) = self.demands[demand].now.with(site, weight, pair.way) else { return };
        let worth = self.demands[demand].unserved * i64::from(weight) / 1_000;
        if weight > 0 && self.price_of_joining(demand, site, weight, pair.way) <= worth {
            self.assign(demand, shares);
        }
    }

    /// The site that takes all of `rest` at least cost; if none can, the one that takes a part of it at
    /// least cost per part.
    fn cheapest_place(&mut self, demand: usize, rest: u16) -> Option<Place> {
        let mut whole: Option<Place> = None;
        let mut part: Option<Place> = None;
        for place in 0..self.pairs_of(demand).len() {
            if !self.spend() {
                break;
            }
            let pair = self.pairs_of(demand)[place];
            if !self.demands[demand].now.takes(pair.site) {
                continue;
            }
            // First what it would cost, then whether there is room: the first is cheaper to know.
            let price = self.price_of_joining(demand, pair.site, rest, pair.way);
            if whole.as_ref().is_some_and(|best| price >= best.price) {
                continue;
            }
            let weight = self.weight_that_fits(demand, pair.site, rest);
            let (site, way) = (pair.site, pair.way);
            if weight == rest {
                whole = Some(Place { site, weight, way, price });
            } else if weight > 0 {
                let price = self.price_of_joining(demand, site, weight, way);
                let cheaper =
                    |best: &Place| price * i64::from(best.weight) < best.price * i64::from(weight);
                if part.as_ref().is_none_or(cheaper) {
                    part = Some(Place { site, weight, way, price });
                }
            }
        }
        whole.or(part)
    }
}

/// Where a part of a flow may go, and what that costs.
struct Place {
    site: u32,
    weight: u16,
    way: i64,
    price: i64,
}
