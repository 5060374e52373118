//! What is imposed on a log: the inputs that it changes, and the clusters that it takes off their scripts.

use periplus_core::Input;
use periplus_core::ids::{AppId, ClusterId, ComponentId, Seq, SeriesId};
use periplus_core::input::{Observation, Sight};
use periplus_core::units::{MilliRps, Tick};
use periplus_spec::scenario::{Act, ComponentTruth};

use super::World;
use super::playback::{Due, Playback};
use super::sensors::{MUTE, TRUE};
use crate::kube::Cluster;
use crate::past::content::Part;
use crate::past::{Fork, Origin};

/// What keeps a log from being played as it is.
pub(super) struct Imposed {
    /// By cluster, how many acts keep it from going as the log has it.
    off: Vec<u32>,
    /// By cluster, when an act silenced it.
    silenced: Vec<Vec<(Tick, Option<Tick>)>>,
    /// Components that are really something else from now on.
    remade: Vec<(AppId, ComponentId)>,
    /// Series that some act troubles, now or at another time.
    troubled: Vec<bool>,
    /// By cluster, from when on its tariffs are not the log's.
    retariffed: Vec<Option<Tick>>,
}

impl Imposed {
    pub(super) fn new(fork: &Fork) -> Self {
        let clusters = fork.scenario.fleet.clusters.len();
        let mut imposed = Self {
            off: vec![0; clusters],
            silenced: vec![Vec::new(); clusters],
            remade: Vec::new(),
            troubled: vec![false; fork.scenario.fleet.series.len()],
            retariffed: vec![None; clusters],
        };
        let acts = fork.scenario.timeline.iter().zip(&fork.origins);
        for (moment, _) in acts.filter(|(_, origin)| **origin == Origin::Imposed) {
            if let Act::Surge { series, .. } | Act::Sensor { series, .. } = &moment.act {
                series.iter().for_each(|series| imposed.troubled[series.index()] = true);
            }
            if let Act::ClusterChanged { cluster, .. } = &moment.act {
                imposed.retariffed[cluster.index()].get_or_insert(moment.at);
            }
            if let Act::Price { clusters, .. } | Act::Carbon { clusters, .. } = &moment.act {
                for cluster in clusters {
                    imposed.retariffed[cluster.index()].get_or_insert(moment.at);
                }
            }
        }
        imposed
    }

    /// Whether what a cluster said at `as_of` was never heard.
    fn is_silenced(&self, cluster: ClusterId, as_of: Tick) -> bool {
        let mut silences = self.silenced[cluster.index()].iter();
        silences.any(|(from, until)| *from <= as_of && until.is_none_or(|until| as_of < until))
    }
}

impl World<'_> {
    /// An input of the log as it is under what is imposed; nothing if nobody hears it.
    pub(super) fn as_imposed(&self, input: Input) -> Option<Input> {
        let playback = self.playback.as_ref().expect("a log is played");
        let Input::Observation(Observation { as_of, sight }) = input else { return Some(input) };
        let sight = match sight {
            Sight::Heartbeats(mut clusters) => {
                clusters.retain(|cluster| !playback.imposed.is_silenced(*cluster, as_of));
                if clusters.is_empty() {
                    return None;
                }
                Sight::Heartbeats(clusters)
            }
            Sight::Capacity { cluster, .. } if playback.imposed.is_silenced(cluster, as_of) => {
                return None;
            }
            Sight::Capacity { cluster, .. } if playback.imposed.off[cluster.index()] > 0 => {
                Sight::Capacity { cluster, pools: self.clusters[cluster.index()].room() }
            }
            Sight::Capacity { cluster, mut pools } => {
                for pool in &mut pools {
                    pool.pool = *playback.symbols.get(&pool.pool).unwrap_or(&pool.pool);
                }
                Sight::Capacity { cluster, pools }
            }
            Sight::Demand { source, mut rates } => {
                rates.retain_mut(|(series, rate)| {
                    let shown = self.shown(*series, as_of, *rate);
                    *rate = shown.unwrap_or(*rate);
                    shown.is_some()
                });
                if rates.is_empty() {
                    return None;
                }
                Sight::Demand { source, rates }
            }
            Sight::Prices(mut prices) => {
                for (cluster, prices) in &mut prices {
                    if self.has_imposed_tariff(*cluster) {
                        *prices = self.tariffs.now(*cluster).prices;
                    }
                }
                Sight::Prices(prices)
            }
            Sight::Carbon(mut carbon) => {
                for (cluster, carbon) in &mut carbon {
                    if self.has_imposed_tariff(*cluster) {
                        *carbon = self.tariffs.now(*cluster).carbon;
                    }
                }
                Sight::Carbon(carbon)
            }
            sight @ (Sight::Readiness { .. } | Sight::Reach { .. }) => sight,
        };
        Some(Input::Observation(Observation { as_of, sight }))
    }

    /// An input of the log without what comes later now, because its cluster's reports take longer.
    pub(super) fn as_late(&mut self, input: Input, seq: Seq) -> Option<Input> {
        let Input::Observation(Observation { as_of, sight }) = &input else { return Some(input) };
        let as_of = *as_of;
        let late: Vec<ClusterId> = match sight {
            Sight::Heartbeats(clusters) => clusters.clone(),
            Sight::Capacity { cluster, .. } => vec![*cluster],
            Sight::Demand { .. }
            | Sight::Readiness { .. }
            | Sight::Prices(_)
            | Sight::Carbon(_)
            | Sight::Reach { .. } => Vec::new(),
        };
        let late: Vec<ClusterId> =
            late.into_iter().filter(|cluster| self.reports.is_late(*cluster)).collect();
        if late.is_empty() {
            return Some(input);
        }
        let playback = self.playback.as_mut().expect("a log is played");
        let mut delay = |cluster: ClusterId, sight| {
            let at = (self.now.after(self.reports.late(cluster)), seq, cluster.0);
            let input = Input::Observation(Observation { as_of, sight });
            playback.agenda.add(at, Due::Input(input));
        };
        let Input::Observation(Observation { sight, .. }) = input else { return None };
        let Sight::Heartbeats(mut timely) = sight else {
            delay(late[0], sight);
            return None;
        };
        timely.retain(|cluster| !late.contains(cluster));
        late.into_iter().for_each(|cluster| delay(cluster, Sight::Heartbeats(vec![cluster])));
        let sight = Sight::Heartbeats(timely);
        Some(Input::Observation(Observation { as_of, sight }))
    }

    /// What a sensor shows of a series under what is imposed; nothing if it is mute.
    fn shown(&self, series: SeriesId, as_of: Tick, recorded: MilliRps) -> Option<MilliRps> {
        let playback = self.playback.as_ref().expect("a log is played");
        let fork = playback.fork;
        let regrown = fork.regrown[series.index()] && as_of > fork.at;
        let touched = playback.imposed.troubled[series.index()] || regrown;
        if !touched {
            return Some(recorded);
        }
        let truth = playback.measured(series, as_of).unwrap_or(recorded.0);
        match self.sensors[series.index()] {
            MUTE => None,
            shows => Some(MilliRps(truth * u64::from(shows) / u64::from(TRUE))),
        }
    }

    fn has_imposed_tariff(&self, cluster: ClusterId) -> bool {
        let playback = self.playback.as_ref().expect("a log is played");
        playback.imposed.retariffed[cluster.index()].is_some_and(|from| from <= self.now)
    }

    /// An imposed act begins: the clusters that it touches go their own way.
    pub(super) fn impose(&mut self, number: u32) {
        if !self.is_imposed(number) {
            return;
        }
        let scenario = self.scenario;
        let act = &scenario.timeline[number as usize].act;
        if let Act::AppChanged { app, truth } = act {
            let before = &scenario.fleet.apps[app.index()].components;
            let pairs = before.iter().zip(&truth.components).enumerate();
            let same = |one: &ComponentTruth, other: &ComponentTruth| {
                (&one.image, one.image_bytes, &one.start)
                    == (&other.image, other.image_bytes, &other.start)
            };
            let remade = pairs.filter(|(_, (one, other))| !same(one, other));
            let remade = remade.map(|(place, _)| (*app, ComponentId::from_index(place)));
            let playback = self.playback.as_mut().expect("a log is played");
            playback.imposed.remade.extend(remade);
        }
        let silent = matches!(act, Act::Outage { .. } | Act::Partition { .. });
        let now = self.now;
        for cluster in self.taken_off(act) {
            let playback = self.playback.as_mut().expect("a log is played");
            playback.imposed.off[cluster.index()] += 1;
            if silent {
                playback.imposed.silenced[cluster.index()].push((now, None));
            }
            self.derail(cluster);
        }
    }

    /// An imposed act is over.
    pub(super) fn lift(&mut self, number: u32) {
        if !self.is_imposed(number) {
            return;
        }
        let scenario = self.scenario;
        let act = &scenario.timeline[number as usize].act;
        let now = self.now;
        for cluster in self.taken_off(act) {
            let playback = self.playback.as_mut().expect("a log is played");
            playback.imposed.off[cluster.index()] -= 1;
            let open =
                playback.imposed.silenced[cluster.index()].iter_mut().find(|one| one.1.is_none());
            if let Some(open) = open {
                open.1 = Some(now);
            }
        }
    }

    /// The clusters that no longer go as the log has them while an act lasts.
    fn taken_off(&self, act: &Act) -> Vec<ClusterId> {
        match act {
            Act::PodFailure { clusters, .. } if clusters.is_empty() => {
                (0..self.clusters.len()).map(ClusterId::from_index).collect()
            }
            Act::Outage { clusters, .. }
            | Act::Partition { clusters, .. }
            | Act::Drift { clusters, .. }
            | Act::PodFailure { clusters, .. } => clusters.clone(),
            Act::NodeLoss { cluster, .. } => vec![*cluster],
            Act::ClusterChanged { cluster, truth } => {
                let before = &self.scenario.fleet.clusters[cluster.index()];
                let same = truth.pools == before.pools
                    && truth.agent == before.agent
                    && truth.pull_bytes_per_second == before.pull_bytes_per_second;
                if same { Vec::new() } else { vec![*cluster] }
            }
            Act::Command(_)
            | Act::Approve
            | Act::Inputs(_)
            | Act::AppChanged { .. }
            | Act::Price { .. }
            | Act::Carbon { .. }
            | Act::Surge { .. }
            | Act::Sensor { .. }
            | Act::GitOutage { .. }
            | Act::LateReports { .. } => Vec::new(),
        }
    }

    /// What is in a cluster goes its own way, and what was pushed for it is found by its agent.
    fn derail(&mut self, cluster: ClusterId) {
        self.in_cluster(cluster, Cluster::derail);
        let playback = self.playback.as_mut().expect("a log is played");
        for manifest in playback.scripts.take_pending(cluster) {
            self.in_cluster(cluster, |cluster, around| cluster.folder_changed(manifest, around));
        }
    }

    /// Whether what happens is imposed on a log.
    fn is_imposed(&self, number: u32) -> bool {
        let playback = self.playback.as_ref();
        playback.is_some_and(|playback| playback.fork.origins[number as usize] == Origin::Imposed)
    }

    /// Whether the machine is to hear of an act, rather than to hear of it from a log.
    pub(super) fn is_to_be_told(&self, number: u32) -> bool {
        self.playback.is_none() || self.is_imposed(number)
    }

    /// Whether something keeps a component in a cluster from going as the log has it.
    pub(super) fn is_off(&self, part: Part) -> bool {
        let Some(Playback { imposed, .. }) = &self.playback else { return false };
        let fails = |act: &Act| {
            matches!(act, Act::GitOutage { .. })
                || matches!(act, Act::PodFailure { app, component, .. }
                    if (*app, *component) == (part.app, part.component))
        };
        imposed.off[part.cluster.index()] > 0
            || imposed.remade.contains(&(part.app, part.component))
            || self.lasting_imposed().any(fails)
    }

    fn lasting_imposed(&self) -> impl Iterator<Item = &Act> {
        let lasting = self.lasting.iter().filter(|number| self.is_imposed(**number));
        lasting.map(|number| &self.scenario.timeline[*number as usize].act)
    }
}
