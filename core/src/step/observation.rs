//! Observations of clusters: heartbeats, room, prices, carbon and the ways between places.

use crate::capacity::Totals;
use crate::decide::{Depth, REVIEW_FROM};
use crate::decision::Trigger;
use crate::event::Event;
use crate::fleet::Place;
use crate::ids::{AppId, ClusterId, ZoneId};
use crate::input::{Observation, Sight};
use crate::state::{FlowId, Health, Timer};
use crate::step::Step;
use crate::units::{Span, Tick};

/// How soon an app that nobody serves in part is planned again once room came free: long enough to gather
/// the reports of many clusters, short enough not to matter beside a pod's start.
const SHORT_RETRY: Span = Span(10_000);

/// Over how many slots a change that touches every app is spread, so that no step plans the whole fleet.
pub(super) const STAGGER: u64 = 64;

impl Step<'_> {
    /// Takes an observation.
    pub(super) fn observe(&mut self, observation: &Observation) -> Trigger {
        let as_of = observation.as_of;
        match &observation.sight {
            Sight::Heartbeats(clusters) => self.see_heartbeats(as_of, clusters),
            Sight::Capacity { cluster, .. } => self.see_capacity(as_of, *cluster),
            Sight::Demand { source, rates } => self.see_demand(*source, as_of, rates),
            Sight::Readiness { cluster, readings } => self.see_readings(as_of, *cluster, readings),
            Sight::Prices(_) => {
                self.emit(Event::PricesAccepted);
                self.stir_every_app_soon();
                Trigger::Price
            }
            Sight::Carbon(_) => {
                self.emit(Event::CarbonAccepted);
                self.stir_every_app_soon();
                Trigger::Price
            }
            Sight::Reach { from, .. } => self.see_reach(*from),
        }
    }

    fn see_heartbeats(&mut self, as_of: Tick, clusters: &[ClusterId]) -> Trigger {
        self.emit(Event::HeartbeatsAccepted);
        // A heartbeat that took longer than the trust it buys proves nothing.
        if as_of.after(self.state.policy().trust.stale_after) >= self.at {
            for cluster in clusters {
                self.hear(*cluster);
            }
        }
        Trigger::Cluster
    }

    /// A sign of life that is fresh enough to trust the cluster again.
    fn hear(&mut self, cluster: ClusterId) {
        let Some(entry) = self.state.clusters.items().get(cluster.index()) else { return };
        let stable_at = match entry.health {
            Health::Fresh | Health::Retired => return,
            Health::Unknown { .. } => self.at,
            Health::Lost { .. } => self.at.after(self.state.policy().trust.failback_after),
        };
        self.emit(Event::ClusterReturned { cluster, stable_at });
        self.work.silence = true;
        self.settle_cluster(cluster);
    }

    /// Looks again at everything that waited for this cluster.
    pub(super) fn settle_cluster(&mut self, cluster: ClusterId) {
        for place in 0..self.state.cluster(cluster).berths.len() {
            let berth = self.state.cluster(cluster).berths[place];
            let app = self.state.berth(berth).app;
            self.work.gates.push(app);
            self.look_at_rollout(app);
            // Planned at once: what is wanted here again is not to be closed first.
            self.work.apps.push((app, Depth::Whole));
            self.look_at(berth);
        }
        self.stir_every_app();
        self.stir_short();
    }

    fn see_capacity(&mut self, as_of: Tick, cluster: ClusterId) -> Trigger {
        let Some(before) = self.state.clusters.items().get(cluster.index()) else {
            self.emit(Event::ObservationOutdated);
            return Trigger::NOTHING;
        };
        let never_seen = before.nodes.is_empty();
        if as_of < before.capacity_as_of && !never_seen {
            self.emit(Event::ObservationOutdated);
            return Trigger::NOTHING;
        }
        let room = before.room;
        self.emit(Event::CapacityAccepted);
        if as_of.after(self.state.policy().trust.stale_after) >= self.at {
            self.hear(cluster);
        }
        let entry = self.state.cluster(cluster);
        if entry.room.shortage(&entry.held).is_some() && self.is_overfull(cluster) {
            self.work.berths.extend(&self.state.cluster(cluster).berths);
        }
        if room.shortage(&self.state.cluster(cluster).room).is_some() {
            self.work.freed.push(cluster);
            self.stir_every_app();
        }
        Trigger::Capacity
    }

    /// Whether a cluster has no room for what is wanted in it. What is on its way out goes by itself.
    fn is_overfull(&self, cluster: ClusterId) -> bool {
        let entry = self.state.cluster(cluster);
        let berths = entry.berths.iter().map(|berth| self.state.berth(*berth));
        let mut wanted = Totals::default();
        for berth in berths.filter(|berth| berth.is_live()) {
            wanted += berth.wanted();
        }
        entry.room.shortage(&wanted).is_some()
    }

    fn see_reach(&mut self, from: Place) -> Trigger {
        match from {
            Place::Zone(zone) if zone.index() < self.state.zones.len() => {
                self.emit(Event::ReachAccepted);
                self.stir_zone(zone);
            }
            Place::Cluster(cluster) if cluster.index() < self.state.clusters.len() => {
                self.emit(Event::ReachAccepted);
                self.stir_every_app();
            }
            Place::Zone(_) | Place::Cluster(_) => self.emit(Event::ObservationOutdated),
        }
        Trigger::Cluster
    }

    /// Looks again at all who are served from or near a zone.
    pub(super) fn stir_zone(&mut self, zone: ZoneId) {
        for place in 0..self.state.zone(zone).series.len() {
            let id = self.state.zone(zone).series[place];
            let series = &self.state.series[id.index()];
            if series.wake.is_served() {
                self.work.flows.push(FlowId::Series(id));
            }
        }
    }

    /// Sees to it that the app is considered as a whole by `until` at the latest.
    pub(crate) fn stir(&mut self, app: AppId, until: Tick) {
        let entry = self.state.app(app);
        let large = entry.series.len() >= REVIEW_FROM;
        let timer = if large { Timer::Review(app) } else { Timer::Reconsider(app) };
        let armed = self.state.timers.deadline(timer);
        if entry.withdrawn || armed.is_some_and(|armed| armed <= until) {
            return;
        }
        self.emit(if large {
            Event::ReviewTimed { app, until }
        } else {
            Event::AppStirred { app, until }
        });
    }

    /// Every app will be considered as a whole before long.
    pub(crate) fn stir_every_app(&mut self) {
        let until = self.at.after(self.state.policy().pace.reconsider_after);
        for app in 0..self.state.apps.len() {
            self.stir(AppId::from_index(app), until);
        }
    }

    /// Every app will be considered as a whole in its own time: room comes free all day long.
    pub(crate) fn stir_every_app_for_room(&mut self) {
        for app in 0..self.state.apps.len() {
            self.stir_for_room(AppId::from_index(app));
        }
    }

    /// The app will be considered as a whole in its own time: room came free for it.
    pub(super) fn stir_for_room(&mut self, app: AppId) {
        let pace = self.state.policy().pace;
        let large = self.state.app(app).series.len() >= REVIEW_FROM;
        let wait = if large { pace.review_after } else { pace.reconsider_after };
        self.stir(app, self.at.after(wait));
    }

    /// Every app will be considered as a whole soon, not all at once.
    fn stir_every_app_soon(&mut self) {
        let slot = self.state.policy().pace.reconsider_after.0 / STAGGER;
        for app in 0..self.state.apps.len() {
            let wait = Span(app as u64 % STAGGER * slot);
            self.stir(AppId::from_index(app), self.at.after(wait));
        }
    }

    /// Apps that nobody serves in part will be planned again.
    pub(crate) fn stir_short(&mut self) {
        for place in 0..self.state.scalars.short.len() {
            let app = self.state.scalars.short[place];
            self.stir(app, self.at.after(SHORT_RETRY));
        }
    }

    pub(crate) fn plan_every_app(&mut self) {
        let apps = 0..self.state.apps.len();
        self.work.apps.extend(apps.map(|app| (AppId::from_index(app), Depth::Whole)));
    }
}
