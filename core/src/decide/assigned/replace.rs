//! Replacement: a site that does not pay by itself is opened, filled, and others are closed for it.
//!
//! The dearest move of the search, tried only when nothing simpler helps, and only so often.

use alloc::vec::Vec;

use super::Trial;
use crate::decide::problem::Problem;

impl Problem {
    /// Opens one site that does not pay by itself, fills it, and closes as many others as that allows. Says
    /// whether that saved enough.
    pub(super) fn replace_sites(&mut self) -> bool {
        for site in self.most_promising() {
            if self.budget == 0 || self.replacements == 0 {
                return false;
            }
            self.replacements -= 1;
            if self.replace_with(site) {
                return true;
            }
        }
        false
    }

    /// Sites that nobody uses, those first whose filling costs least by itself.
    fn most_promising(&mut self) -> Vec<u32> {
        if self.replacements == 0 {
            return Vec::new();
        }
        let mut order: Vec<(i64, u32)> = Vec::new();
        for site in self.site_ids() {
            if self.sites[site as usize].flows == 0 && self.limit(site).max.0 > 0 {
                let gains = self.by_gain(site);
                let entry = &self.sites[site as usize];
                let sum: i64 = gains.iter().map(|(gain, ..)| *gain.min(&0)).sum();
                order.push((entry.fixed + entry.opening + sum, site));
            }
        }
        order.sort_unstable();
        order.into_iter().map(|(_, site)| site).collect()
    }

    fn replace_with(&mut self, site: u32) -> bool {
        let mut trial = Trial::default();
        let mut neighbours = Vec::new();
        for (_, demand, way) in self.by_gain(site) {
            let now = self.demands[demand].now;
            if self.pull(demand, site, way, &mut trial) {
                neighbours.extend(now.parts().iter().map(|part| part.site));
            }
        }
        neighbours.sort_unstable();
        neighbours.dedup();
        for other in neighbours {
            let mark = trial.mark();
            if !self.empty(other, &mut trial) || trial.change >= mark.change {
                trial.back_to(mark, self);
            }
        }
        trial.keep_if_better(self, self.least_gain)
    }
}
