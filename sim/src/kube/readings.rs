//! What a cluster can report: the state of our objects, and its room.
//!
//! Levels, not edges: whatever changed about a binding, all of its state is said again, so that a report
//! that is lost or overtaken is made up for by the next.

use periplus_core::State;
use periplus_core::fleet::PoolReport;
use periplus_core::input::{Reading, Seen};

use super::deployment::Deployment;
use super::{Around, Cluster};

impl Cluster {
    /// The room of its node pools without our objects.
    pub(crate) fn room(&self) -> Vec<PoolReport> {
        self.nodes.report()
    }

    /// What changed since it was last said, ascending by binding.
    pub(crate) fn readings(&mut self) -> Vec<Reading> {
        self.publishing = false;
        let mut readings = Vec::new();
        for gone in self.gone.iter_mut().filter(|gone| gone.changed) {
            gone.changed = false;
            let (binding, generation, cause) = (gone.binding, gone.generation, gone.cause);
            readings.push(Reading { binding, generation, cause, seen: Seen::Gone });
        }
        let changed = self.deployments.iter().filter(|(_, deployment)| deployment.changed);
        let numbers: Vec<u32> = changed.map(|(number, _)| number).collect();
        for number in numbers {
            self.deployments[number].changed = false;
            if self.deployments[number].script.is_some() {
                // A log tells what is said of it.
                continue;
            }
            let ready = self.census(number).fresh_ready;
            say(&self.deployments[number], ready, &mut readings);
        }
        readings.sort_by_key(|reading| reading.binding);
        readings
    }

    /// Everything will be said again; of what is gone only what the hub still waits for.
    pub(crate) fn repeat_all(&mut self, state: &State, around: &mut Around<'_>) {
        let here = self.id;
        let mut any = self.deployments.iter().next().is_some();
        for gone in &mut self.gone {
            // What this hub has heard of is kept all the same: it may die, and another one know less.
            let waits = state.binding(gone.binding).is_some_and(|binding| {
                binding.generation == gone.generation
                    && state.berth(gone.binding.berth).cluster == here
            });
            gone.changed = waits && !gone.scripted;
            any |= gone.changed;
        }
        self.deployments.iter_mut().for_each(|(_, deployment)| deployment.changed = true);
        if any {
            self.publish_soon(around);
        }
    }
}

/// Says the state of a deployment. Its replicas come before its having been applied: whoever reads them in
/// order never takes the replicas of the content before for those of the new one.
fn say(deployment: &Deployment, ready: u32, readings: &mut Vec<Reading>) {
    if deployment.leaving {
        return;
    }
    let reading = |seen| Reading {
        binding: deployment.target.binding,
        generation: deployment.generation,
        cause: deployment.cause,
        seen,
    };
    let ready = u16::try_from(ready).unwrap_or(u16::MAX);
    readings.push(reading(Seen::Replicas(ready)));
    if deployment.fault != Some(periplus_core::input::Fault::ApplyFailed) {
        readings.push(reading(Seen::Applied));
    }
    readings.extend(deployment.fault.map(|fault| reading(Seen::Failed(fault))));
}
