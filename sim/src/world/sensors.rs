//! Sensors: what is seen of the world, by whom and when. See [`reports`](crate::reports) for the way it takes.

use periplus_core::State;
use periplus_core::fleet::Signal;
use periplus_core::ids::{ClusterId, SeriesId};
use periplus_core::input::{BATCH_MAX, Sight, SourceId};
use periplus_core::state::Health;
use periplus_core::units::{MilliRps, Span};

use super::World;
use crate::desks::DeskId;
use crate::happening::Happening;
use crate::luck::Purpose;
use crate::reports::Sender;
use crate::tariffs::Kind;

/// A sensor that shows the truth, in thousandths of it.
pub(super) const TRUE: u32 = 1_000;
/// A sensor that shows nothing.
pub(super) const MUTE: u32 = u32::MAX;

impl World<'_> {
    /// The demand of the interval that has ended is reported, and another interval begins.
    pub(super) fn measure_demand(&mut self, state: &State) {
        let measured = self.users.rates().len();
        match &mut self.playback {
            Some(playback) => playback.remember(self.now, self.users.rates()),
            None => {
                for first in (0..measured).step_by(BATCH_MAX) {
                    self.report_demand(first..measured.min(first + BATCH_MAX));
                }
            }
        }
        self.desks.unload_all(self.now);
        self.users.begin_interval(self.now, state.series().len(), &mut self.desks);
        self.pass_on_calls();
        let every = self.scenario.world.demand_every.max(Span(1));
        self.queue.push(self.now.after(every).0, Happening::Demand);
    }

    /// One collector reports its series. Collectors have [`BATCH_MAX`] series each, in the order of ids.
    fn report_demand(&mut self, series: std::ops::Range<usize>) {
        let number = u32::try_from(series.start / BATCH_MAX).expect("collectors are few");
        let mut rates = self.reports.batch();
        for place in series {
            let shows = self.sensors[place];
            if shows == MUTE {
                continue;
            }
            let mut rate = match self.signals[place] {
                Signal::Offered => self.users.rates()[place],
                Signal::Served => self.served_rate(SeriesId::from_index(place)),
            };
            if shows != TRUE {
                rate = rate * u64::from(shows) / 1_000;
            }
            rates.push((SeriesId::from_index(place), MilliRps(rate)));
        }
        if rates.is_empty() {
            return;
        }
        let source = SourceId(u16::try_from(number).expect("fewer than 2^16 collectors"));
        let sight = Sight::Demand { source, rates };
        self.reports.send(Sender::Collector(number), self.now, sight, &mut self.queue);
    }

    /// What is served of a series: what a sensor behind the desks sees.
    fn served_rate(&self, series: SeriesId) -> u64 {
        let offered = self.users.rate(series).0;
        let mix = self.users.whereabouts(series, self.now);
        let parts = mix.divide(offered);
        parts.map(|(desk, rate)| self.served_part(desk, rate)).sum()
    }

    /// What a desk serves of a rate that is part of what arrives there.
    fn served_part(&self, desk: DeskId, rate: u64) -> u64 {
        if desk == DeskId::NOBODY {
            return 0;
        }
        let (arriving, limit) = (self.desks.rate(desk), self.desks.limit(desk));
        if arriving <= limit {
            return rate;
        }
        let part = u128::from(rate) * u128::from(limit) / u128::from(arriving);
        u64::try_from(part).unwrap_or(rate)
    }

    /// Callers load the desks that they call, callers before those they call.
    fn pass_on_calls(&mut self) {
        let (every, ttl) = (self.scenario.world.demand_every, self.scenario.world.dns_ttl);
        let until = self.now.after(every);
        for app in self.intents.apps() {
            let Some(intent) = self.intents.get(app).filter(|intent| !intent.calls.is_empty())
            else {
                continue;
            };
            for group in 0..intent.groups.len() {
                for place in 0..self.desks.of_app(app).len() {
                    let desk = self.desks.of_app(app)[place];
                    // What a caller cannot serve makes no calls.
                    let rate = self.desks.rate(desk).min(self.desks.limit(desk));
                    if self.desks.get(desk).group.index() != group || rate == 0 {
                        continue;
                    }
                    for call in 0..self.desks.get(desk).calls.len() {
                        let (number, split) = &self.desks.get(desk).calls[call];
                        let asked = MilliRps(rate).part(intent.calls[*number].share);
                        let mix = split.mean(self.now, until, ttl);
                        for (to, part) in mix.divide(asked.0) {
                            self.desks.load(to, part);
                        }
                    }
                }
            }
        }
    }

    /// It is heard which clusters live, in batches.
    pub(super) fn listen(&mut self, state: &State) {
        let heard: Vec<ClusterId> = (0..self.clusters.len())
            .map(ClusterId::from_index)
            .filter(|cluster| self.is_heard(*cluster, state))
            .collect();
        let (late, timely): (Vec<_>, Vec<_>) =
            heard.into_iter().partition(|cluster| self.reports.is_late(*cluster));
        for (number, batch) in (0_u32..).zip(timely.chunks(BATCH_MAX)) {
            let sight = Sight::Heartbeats(batch.to_vec());
            self.reports.send(Sender::Listener(number), self.now, sight, &mut self.queue);
        }
        for cluster in late {
            self.greet(cluster);
        }
        let every = self.scenario.world.heartbeat_every.max(Span(1));
        self.queue.push(self.now.after(every).0, Happening::Heartbeats);
    }

    /// A cluster is heard of on its own.
    fn greet(&mut self, cluster: ClusterId) {
        let sight = Sight::Heartbeats(vec![cluster]);
        self.reports.send(Sender::Cluster(cluster), self.now, sight, &mut self.queue);
    }

    /// Whether a cluster is part of the fleet and can be heard.
    fn is_heard(&self, cluster: ClusterId, state: &State) -> bool {
        let joined = self.scenario.fleet.clusters[cluster.index()].joins <= self.now;
        let retired = state
            .clusters()
            .get(cluster.index())
            .is_some_and(|known| known.health == Health::Retired);
        joined && !retired && self.clusters[cluster.index()].is_connected()
    }

    /// A cluster reports its room, now and again at its own phase.
    pub(super) fn look_at_room(&mut self, cluster: ClusterId, state: &State) {
        if self.is_heard(cluster, state) {
            self.report_room(cluster);
        }
        let every = self.scenario.world.capacity_every.max(Span(1));
        let truth = &self.scenario.fleet.clusters[cluster.index()];
        let wait = if self.now == truth.joins {
            let mut phase = self.luck.stream(Purpose::Phase, &[cluster.0, 1]);
            Span(1 + phase.below(every.0))
        } else {
            every
        };
        self.queue.push(self.now.after(wait).0, Happening::Capacity(cluster));
    }

    fn report_room(&mut self, cluster: ClusterId) {
        let pools = self.clusters[cluster.index()].room();
        let sight = Sight::Capacity { cluster, pools };
        self.reports.send(Sender::Cluster(cluster), self.now, sight, &mut self.queue);
    }

    /// A cluster that can be heard again says everything that no log has.
    pub(super) fn hear_again(&mut self, cluster: ClusterId, act: u32, state: &State) {
        if self.is_heard(cluster, state) {
            if self.is_to_be_told(act) {
                self.greet(cluster);
                self.report_room(cluster);
            }
            self.in_cluster(cluster, |cluster, around| cluster.repeat_all(state, around));
        }
    }

    /// A cluster reports what changed in this tick, if it can be heard.
    pub(super) fn publish(&mut self, cluster: ClusterId) {
        let readings = self.clusters[cluster.index()].readings();
        if !self.clusters[cluster.index()].is_connected() {
            return;
        }
        for readings in readings.chunks(BATCH_MAX) {
            let sight = Sight::Readiness { cluster, readings: readings.to_vec() };
            self.reports.send(Sender::Cluster(cluster), self.now, sight, &mut self.queue);
        }
    }

    /// Schedules change prices and carbon intensities.
    pub(super) fn change_tariffs(&mut self) {
        let [prices, carbon] = self.tariffs.due(self.now);
        if prices.is_empty() && carbon.is_empty() {
            // The schedules have changed since this was put into the queue.
            return;
        }
        if self.playback.is_some() {
            self.refresh_tariffs(&prices);
            self.refresh_tariffs(&carbon);
        } else {
            self.announce(Kind::Prices, &prices);
            self.announce(Kind::Carbon, &carbon);
        }
        if let Some(at) = self.tariffs.next_change() {
            self.queue.push(at.0, Happening::Tariffs);
        }
    }

    /// Every cluster's tariffs are reported.
    pub(super) fn announce_all(&mut self) {
        let clusters = self.scenario.fleet.clusters.iter().enumerate();
        let joined = clusters.filter(|(_, truth)| truth.joins <= self.now);
        let joined: Vec<ClusterId> =
            joined.map(|(place, _)| ClusterId::from_index(place)).collect();
        self.announce(Kind::Prices, &joined);
        self.announce(Kind::Carbon, &joined);
    }

    /// Tariffs of clusters may have changed: they hold from now on.
    pub(super) fn refresh_tariffs(&mut self, clusters: &[ClusterId]) {
        for cluster in clusters {
            self.meter.bill_cluster(*cluster, self.now, &mut self.desks, &self.tariffs);
            self.tariffs.refresh(*cluster, self.now);
        }
    }

    /// Tariffs of clusters may have changed: they hold from now on, and are reported.
    pub(super) fn announce(&mut self, kind: Kind, clusters: &[ClusterId]) {
        self.refresh_tariffs(clusters);
        for batch in clusters.chunks(BATCH_MAX) {
            let tariffs = batch.iter().map(|cluster| (*cluster, self.tariffs.now(*cluster)));
            let sight = match kind {
                Kind::Prices => {
                    Sight::Prices(tariffs.map(|(cluster, now)| (cluster, now.prices)).collect())
                }
                Kind::Carbon => {
                    Sight::Carbon(tariffs.map(|(cluster, now)| (cluster, now.carbon)).collect())
                }
            };
            self.reports.send(Sender::Feed, self.now, sight, &mut self.queue);
        }
    }
}
