//! Staffing: how many replicas of each component of a group hold a rate.
//!
//! Merges the components' tables into one table per group and kind of cluster. Each step raises the
//! bottleneck, so the replicas of all components are known from one step number.

use alloc::vec::Vec;

use crate::capacity::Totals;
use crate::ids::{ComponentId, GroupId, KindId};
use crate::intent::Intent;
use crate::units::MilliRps;

/// The most steps that a merged table may have; what lies above is refused as `above-staffing-table`.
pub const STEPS_MAX: usize = 4_096;

/// The merged staffing table of one group on one kind of cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staffing {
    /// The highest rate of each step, by itself: it is searched far more often than the rest is read.
    rates: Vec<MilliRps>,
    steps: Vec<Step>,
    /// Replicas of each component at each step, step by step.
    replicas: Vec<u16>,
    components: usize,
}

/// One step of a staffing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The highest rate that it holds.
    pub up_to: MilliRps,
    /// What its replicas ask for together.
    pub total: Totals,
}

impl Staffing {
    /// The table of `group` on clusters of `kind`; the first component without a table of its own, if one
    /// has none.
    ///
    /// # Errors
    /// The component that cannot run on this kind of cluster.
    pub fn merge(intent: &Intent, group: GroupId, kind: KindId) -> Result<Self, ComponentId> {
        let ids = &intent.group(group).components;
        let tables = ids
            .iter()
            .map(|id| intent.component(*id).staffing_in(kind).ok_or(*id))
            .collect::<Result<Vec<_>, _>>()?;
        let scalings: Vec<_> = ids.iter().map(|id| intent.component(*id).scaling).collect();

        let mut counts: Vec<usize> = Vec::with_capacity(ids.len());
        for (table, scaling) in tables.iter().zip(&scalings) {
            counts.push(usize::from(scaling.min()).clamp(1, table.len()));
        }
        let mut merged = Self {
            rates: Vec::new(),
            steps: Vec::new(),
            replicas: Vec::new(),
            components: ids.len(),
        };
        loop {
            let held = |place: usize| tables[place][counts[place] - 1];
            let up_to = (0..ids.len()).map(held).min().unwrap_or(MilliRps::MAX);
            let mut total = Totals::default();
            for (id, count) in ids.iter().zip(&counts) {
                let count = u16::try_from(*count).unwrap_or(u16::MAX);
                merged.replicas.push(count);
                total += Totals::of(&intent.component(*id).request, u32::from(count));
            }
            merged.rates.push(up_to);
            merged.steps.push(Step { up_to, total });

            let limit = |place: usize| usize::from(scalings[place].max()).min(tables[place].len());
            let narrow: Vec<usize> = (0..ids.len()).filter(|place| held(*place) == up_to).collect();
            let can_grow = narrow.iter().all(|place| counts[*place] < limit(*place));
            if narrow.is_empty() || !can_grow || merged.steps.len() == STEPS_MAX {
                return Ok(merged);
            }
            narrow.iter().for_each(|place| counts[*place] += 1);
        }
    }

    /// The steps, ascending by rate.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The highest rate that the table holds.
    #[must_use]
    pub fn limit(&self) -> MilliRps {
        self.steps[self.steps.len() - 1].up_to
    }

    /// The first step that holds `rate`.
    #[must_use]
    #[inline]
    pub fn step_for(&self, rate: MilliRps) -> Option<usize> {
        let step = self.rates.partition_point(|up_to| *up_to < rate);
        (step < self.rates.len()).then_some(step)
    }

    /// The replicas of each of the group's components at `step`.
    #[must_use]
    pub fn replicas(&self, step: usize) -> &[u16] {
        &self.replicas[step * self.components..(step + 1) * self.components]
    }

    /// The highest step whose replicas are all within `counts`.
    #[must_use]
    pub fn step_within(&self, counts: &[u16]) -> Option<usize> {
        let within = |step: &usize| {
            self.replicas(*step).iter().zip(counts).all(|(wanted, there)| wanted <= there)
        };
        (0..self.steps.len()).rev().find(within)
    }
}
