//! Faults and other acts of the timeline: each begins, and most end again.
//!
//! Acts of one kind may overlap: outages and partitions count, factors multiply, the last override holds.

use periplus_core::Input;
use periplus_core::State;
use periplus_core::ids::{AppId, ClusterId, SeriesId};
use periplus_core::input::Command;
use periplus_core::units::Span;
use periplus_spec::scenario::{Act, AppTruth, ClusterTruth};

use super::sensors::{MUTE, TRUE};
use super::{World, symbol};
use crate::happening::Happening;
use crate::tariffs::Kind;
use crate::users::UNCHANGED;

impl<'s> World<'s> {
    /// An act of the timeline begins.
    pub(super) fn begin_act(&mut self, number: u32, state: &State) {
        let scenario = self.scenario;
        self.impose(number);
        match &scenario.timeline[number as usize].act {
            Act::Command(command) => self.tray.push_back(Input::Command(command.clone())),
            Act::Approve => {
                let oldest = state.holds().find(|(_, hold)| !hold.approved);
                let approve = oldest.map(|(hold, _)| Input::Command(Command::Approve(hold)));
                self.tray.extend(approve);
            }
            Act::Inputs(inputs) => self.tray.extend(inputs.iter().cloned()),
            Act::AppChanged { app, truth } => self.change_app(*app, truth),
            Act::ClusterChanged { cluster, truth } => {
                self.change_cluster(number, *cluster, truth, state);
            }
            Act::Outage { lasts, .. }
            | Act::Partition { lasts, .. }
            | Act::NodeLoss { lasts, .. }
            | Act::Drift { lasts, .. }
            | Act::Price { lasts, .. }
            | Act::Carbon { lasts, .. }
            | Act::Surge { lasts, .. }
            | Act::Sensor { lasts, .. }
            | Act::GitOutage { lasts }
            | Act::PodFailure { lasts, .. }
            | Act::LateReports { lasts, .. } => self.begin_lasting(number, *lasts, state),
        }
    }

    fn change_app(&mut self, app: AppId, truth: &'s AppTruth) {
        self.catalog.change(app, truth);
        for place in 0..self.desks.of_app(app).len() {
            let desk = self.desks.of_app(app)[place];
            self.reshape(desk);
        }
    }

    /// What the machine believes of prices and carbon becomes what was declared, so the truth is told again.
    fn change_cluster(
        &mut self,
        act: u32,
        cluster: ClusterId,
        truth: &'s ClusterTruth,
        state: &State,
    ) {
        let names = std::mem::take(&mut self.names);
        self.in_cluster(cluster, |cluster, around| {
            cluster.change(truth, |text| symbol(&names, text), around);
        });
        self.names = names;
        self.tariffs.change(cluster, truth, self.now);
        if self.is_to_be_told(act) {
            self.announce(Kind::Prices, &[cluster]);
            self.announce(Kind::Carbon, &[cluster]);
        } else {
            self.refresh_tariffs(&[cluster]);
        }
        if let Some(at) = self.tariffs.next_change() {
            self.queue.push(at.0, Happening::Tariffs);
        }
        self.hear_again(cluster, act, state);
    }

    fn begin_lasting(&mut self, number: u32, lasts: Option<Span>, state: &State) {
        self.lasting.push(number);
        self.turn_act(number, true, state);
        if let Some(span) = lasts {
            self.queue.push(self.now.after(span).0, Happening::ActEnds(number));
        }
    }

    /// An act of the timeline is over.
    pub(super) fn end_act(&mut self, number: u32, state: &State) {
        self.lasting.retain(|lasting| *lasting != number);
        self.lift(number);
        self.turn_act(number, false, state);
    }

    /// Lets an act hold from now on, or no longer.
    fn turn_act(&mut self, number: u32, on: bool, state: &State) {
        let scenario = self.scenario;
        match &scenario.timeline[number as usize].act {
            Act::Command(_)
            | Act::Approve
            | Act::Inputs(_)
            | Act::AppChanged { .. }
            | Act::ClusterChanged { .. } => {}
            Act::Outage { clusters, .. } => self.turn_outage(number, clusters, on, state),
            Act::Partition { clusters, .. } => self.turn_partition(number, clusters, on, state),
            Act::NodeLoss { cluster, nodes, .. } => {
                self.in_cluster(*cluster, |cluster, around| {
                    if on {
                        cluster.lose_nodes(*nodes, around);
                    } else {
                        cluster.restore_nodes(*nodes, around);
                    }
                });
            }
            Act::Drift { clusters, used, .. } => {
                for cluster in clusters {
                    self.in_cluster(*cluster, |cluster, around| {
                        cluster.change_drift(*used, on, around);
                    });
                }
            }
            Act::Price { clusters, factor, .. } => {
                for cluster in clusters {
                    self.tariffs.scale_prices(*cluster, *factor, on);
                }
                self.announce(Kind::Prices, clusters);
            }
            Act::Carbon { clusters, to, .. } => {
                for cluster in clusters {
                    self.tariffs.override_carbon(*cluster, *to, on);
                }
                self.announce(Kind::Carbon, clusters);
            }
            Act::Surge { series, .. } => self.refresh_surges(series),
            Act::Sensor { series, .. } => self.refresh_sensors(series),
            Act::GitOutage { .. } => self.git.set_outage(on),
            Act::PodFailure { app, component, clusters, fault, .. } => {
                let everywhere: Vec<ClusterId>;
                let clusters = if clusters.is_empty() {
                    everywhere = (0..self.clusters.len()).map(ClusterId::from_index).collect();
                    &everywhere
                } else {
                    clusters
                };
                for cluster in clusters {
                    self.in_cluster(*cluster, |cluster, around| {
                        if on {
                            cluster.fail(*app, *component, *fault, around);
                        } else {
                            cluster.mend_component(*app, *component, *fault, around);
                        }
                    });
                }
            }
            Act::LateReports { clusters, by, .. } => {
                for cluster in clusters {
                    self.reports.delay_cluster(*cluster, *by, on);
                }
            }
        }
    }

    fn turn_outage(&mut self, act: u32, clusters: &[ClusterId], on: bool, state: &State) {
        for cluster in clusters {
            self.in_cluster(*cluster, |cluster, around| {
                if on {
                    cluster.go_down(around);
                } else {
                    cluster.come_up(around);
                }
            });
            if !on {
                self.hear_again(*cluster, act, state);
            }
        }
    }

    fn turn_partition(&mut self, act: u32, clusters: &[ClusterId], on: bool, state: &State) {
        for cluster in clusters {
            self.in_cluster(*cluster, |cluster, around| {
                if on {
                    cluster.cut();
                } else {
                    cluster.mend(around);
                }
            });
            if !on {
                self.hear_again(*cluster, act, state);
            }
        }
    }

    /// The product of all surges of a series holds.
    fn refresh_surges(&mut self, affected: &[SeriesId]) {
        let whole = u64::from(UNCHANGED);
        let mut factors = self.marked(affected, whole);
        for number in &self.lasting {
            let Act::Surge { series, factor, .. } = self.act(*number) else { continue };
            for one in series {
                if let Some(product) = &mut factors[one.index()] {
                    *product = product.saturating_mul(u64::from(*factor)) / whole;
                }
            }
        }
        for one in affected {
            let product = factors[one.index()].unwrap_or(whole);
            self.users.set_surge(*one, u32::try_from(product).unwrap_or(u32::MAX));
        }
    }

    /// The last act on the sensor of a series holds.
    fn refresh_sensors(&mut self, affected: &[SeriesId]) {
        let mut shown = self.marked(affected, TRUE);
        for number in &self.lasting {
            let Act::Sensor { series, shows, .. } = self.act(*number) else { continue };
            for one in series {
                if let Some(shown) = &mut shown[one.index()] {
                    *shown = shows.unwrap_or(MUTE);
                }
            }
        }
        for one in affected {
            self.sensors[one.index()] = shown[one.index()].unwrap_or(TRUE);
        }
    }

    /// By series: `value` for those that are affected.
    fn marked<T: Copy>(&self, affected: &[SeriesId], value: T) -> Vec<Option<T>> {
        let mut marked = vec![None; self.sensors.len()];
        affected.iter().for_each(|one| marked[one.index()] = Some(value));
        marked
    }

    fn act(&self, number: u32) -> &Act {
        &self.scenario.timeline[number as usize].act
    }
}
