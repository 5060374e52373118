//! What was seen of clusters, prices and demand.

use crate::capacity::Totals;
use crate::fleet::{NodeCount, Place};
use crate::ids::{ClusterId, SeriesId};
use crate::input::{Input, Observation, Sight};
use crate::state::{Health, Reach, State, Timer, Wake};
use crate::units::Tick;

impl State {
    /// Takes over what the observation in `input` says of clusters and ways to them.
    ///
    /// Entries about clusters that were never declared are passed over.
    pub(super) fn see(&mut self, at: Tick, input: &Input) {
        let Input::Observation(Observation { as_of, sight }) = input else {
            panic!("only an observation is seen")
        };
        let known = self.clusters.len();
        match sight {
            Sight::Heartbeats(clusters) => {
                for cluster in clusters.iter().filter(|cluster| cluster.index() < known) {
                    self.hear_of(*cluster, (*as_of).min(at));
                }
            }
            Sight::Capacity { cluster, pools } => {
                self.hear_of(*cluster, (*as_of).min(at));
                let entry = self.clusters.edit(cluster.index());
                entry.capacity_as_of = *as_of;
                entry.nodes.clear();
                for pool in pools {
                    entry.nodes.extend(pool.nodes.iter().filter(|node| node.nodes > 0));
                }
                entry.nodes.sort_unstable_by_key(|NodeCount { room, nodes }| {
                    core::cmp::Reverse((*room, *nodes))
                });
                entry.room = Totals::of_nodes(&entry.nodes);
            }
            Sight::Prices(prices) => {
                for (cluster, prices) in prices.iter().filter(|entry| entry.0.index() < known) {
                    // Feeds overtake each other: what is older than what is known is passed over.
                    if self.cluster(*cluster).prices_as_of <= *as_of {
                        let entry = self.clusters.edit(cluster.index());
                        (entry.prices, entry.prices_as_of) = (*prices, *as_of);
                        self.derive_price(*cluster);
                    }
                }
            }
            Sight::Carbon(intensities) => {
                for (cluster, carbon) in intensities.iter().filter(|entry| entry.0.index() < known)
                {
                    if self.cluster(*cluster).carbon_as_of <= *as_of {
                        let entry = self.clusters.edit(cluster.index());
                        (entry.carbon, entry.carbon_as_of) = (*carbon, *as_of);
                        self.derive_price(*cluster);
                    }
                }
            }
            Sight::Reach { from, rtts } => {
                let reach = Reach::new(rtts.iter().filter(|entry| entry.0.index() < known));
                match from {
                    Place::Cluster(cluster) => self.clusters.edit(cluster.index()).reach = reach,
                    Place::Zone(zone) => self.zones.edit(zone.index()).reach = reach,
                }
            }
            Sight::Demand { .. } | Sight::Readiness { .. } => {
                panic!("demand and readiness have events of their own")
            }
        }
    }

    fn hear_of(&mut self, cluster: ClusterId, when: Tick) {
        let seen = self.cluster(cluster).last_seen.max(when);
        self.clusters.beat(cluster.index(), seen.0);
    }

    pub(super) fn distrust(&mut self, cluster: ClusterId, at: Tick) {
        self.clusters.edit(cluster.index()).health = Health::Unknown { since: at };
    }

    pub(super) fn lose(&mut self, cluster: ClusterId, at: Tick) {
        self.clusters.edit(cluster.index()).health = Health::Lost { since: at };
        self.timers.disarm(Timer::Stable(cluster));
    }

    pub(super) fn welcome(&mut self, cluster: ClusterId, stable_at: Tick) {
        let entry = self.clusters.edit(cluster.index());
        entry.health = Health::Fresh;
        entry.stable_at = entry.stable_at.max(stable_at);
        if entry.stable_at > self.scalars.at {
            self.timers.arm(Timer::Stable(cluster), entry.stable_at);
        }
    }

    pub(super) fn rise(&mut self, series: SeriesId, until: Tick) {
        self.series.edit(series.index()).wake = Wake::Rising { until };
        self.timers.arm(Timer::Wake(series), until);
    }

    pub(super) fn idle(&mut self, series: SeriesId, until: Tick) {
        self.series.edit(series.index()).wake = Wake::Idling { until };
        self.timers.arm(Timer::Wake(series), until);
    }

    pub(super) fn wake(&mut self, series: SeriesId) {
        self.series.edit(series.index()).wake = Wake::Awake;
        self.let_go(series);
        self.timers.disarm(Timer::Wake(series));
    }

    pub(super) fn sleep(&mut self, series: SeriesId) {
        self.series.edit(series.index()).wake = Wake::Asleep;
        self.let_go(series);
        self.timers.disarm(Timer::Wake(series));
    }

    pub(super) fn time_silence(&mut self, until: Tick) {
        self.timers.arm(Timer::Silence, until);
    }
}
