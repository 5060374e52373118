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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Resources;
    use crate::ids::{Symbol, TenantId};
    use crate::intent::*;
    use crate::labels::Selector;
    use crate::units::{Bytes, MicroUsd, MicrosRtt, MilliCpu, Span};
    use alloc::vec;

    fn component(cpu: u32, scaling: Scaling, table: &[u64]) -> Component {
        Component {
            name: Symbol(0),
            revision: 0,
            request: Resources { cpu: MilliCpu(cpu), ..Resources::default() },
            scaling,
            staffing: vec![(KindId(0), table.iter().map(|rate| MilliRps(*rate)).collect())],
            after: vec![],
        }
    }

    fn intent(components: Vec<Component>) -> Intent {
        let ids = (0..components.len()).map(ComponentId::from_index).collect();
        Intent {
            name: Symbol(0),
            tenant: TenantId(0),
            generation: 1,
            priority: 0,
            components,
            groups: vec![Group {
                name: Symbol(0),
                components: ids,
                selector: Selector::default(),
                stateful: false,
                standing: 0,
                pinned: None,
            }],
            calls: vec![],
            rules: Rules::default(),
            activation: Activation {
                above: MilliRps(0),
                dwell: Span(0),
                idle_below: MilliRps(0),
                idle_after: Span(0),
            },
            worth: Worth {
                latency_target: MicrosRtt(0),
                service_time: MicrosRtt(0),
                latency: MicroUsd(0),
                unserved: MicroUsd(0),
                response: Bytes(0),
            },
            rollout: RolloutRules::default(),
        }
    }

    #[test]
    fn each_step_raises_the_bottleneck_and_only_that() {
        let free = Scaling::Fixed { min: 1 };
        let intent =
            intent(vec![component(100, free, &[10, 20, 30]), component(300, free, &[25, 50])]);
        let staffing = Staffing::merge(&intent, GroupId::FRONT, KindId(0)).unwrap();
        let steps: Vec<_> =
            staffing.steps().iter().map(|step| (step.up_to.0, step.total.cpu)).collect();
        assert_eq!(steps, [(10, 400), (20, 500), (25, 600), (30, 900)]);
        assert_eq!(staffing.replicas(2), [3, 1]);
        assert_eq!(staffing.step_for(MilliRps(21)), Some(2));
        assert_eq!(staffing.step_for(MilliRps(31)), None);
        assert_eq!(staffing.limit(), MilliRps(30));
        assert_eq!(staffing.step_within(&[2, 5]), Some(1));
        assert_eq!(staffing.step_within(&[0, 5]), None);
    }

    #[test]
    fn bounds_of_an_autoscaler_bound_the_table() {
        let bounded = Scaling::Hpa { min: 2, max: 3 };
        let intent = intent(vec![component(100, bounded, &[10, 20, 30, 40])]);
        let staffing = Staffing::merge(&intent, GroupId::FRONT, KindId(0)).unwrap();
        let steps: Vec<_> = staffing.steps().iter().map(|step| step.up_to.0).collect();
        assert_eq!(steps, [20, 30]);
        let elsewhere = Staffing::merge(&intent, GroupId::FRONT, KindId(1));
        assert_eq!(elsewhere, Err(ComponentId(0)));
    }
}
