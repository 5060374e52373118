//! Staying: a detour that has not paid is not taken.
//!
//! Where a site turns out to take less than was thought, the search goes on from what it has found. What it
//! finds then may be no better than where everybody was.

use alloc::vec::Vec;

use super::Trial;
use crate::decide::problem::{Demand, Problem};
use crate::state::State;

impl Problem {
    /// Leaves every flow that may stay where it was, if all that moving them saves together is not enough.
    pub(crate) fn stay_if_as_good(&mut self, state: &State) {
        let found: Vec<usize> = self.site_ids().map(|site| self.wanted_at(site)).collect();
        let mut trial = Trial::default();
        for demand in 0..self.demands.len() {
            let Demand { before, now, .. } = self.demands[demand];
            let served = before.weight() == 1_000;
            let may = || before.parts().iter().all(|part| self.pair(demand, part.site).is_some());
            if served && now != before && may() {
                trial.assign(self, demand, before);
            }
        }
        let fits = self.site_ids().all(|site| {
            let entry = &self.sites[site as usize];
            let stands = entry.berth.filter(|_| entry.stands).map(|berth| state.berth(berth));
            let staffed =
                stands.filter(|berth| berth.replicas() > 0).map(|berth| berth.step as usize);
            let most = staffed.unwrap_or(0).max(found[site as usize]);
            entry.flows == 0 || self.wanted_at(site) <= most
        });
        if !fits || trial.change > self.least_gain {
            trial.take_back(self);
        }
    }

    /// The step that a site would be staffed for now.
    fn wanted_at(&self, site: u32) -> usize {
        let entry = &self.sites[site as usize];
        self.step_for(entry, entry.load)
    }
}
