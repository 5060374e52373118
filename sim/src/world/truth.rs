//! The truth, for those who check what the machine believes.

use periplus_core::SinkFault;
use periplus_core::fleet::Prices;
use periplus_core::ids::{BindingId, ClusterId, SeriesId};
use periplus_core::units::{GramsPerKwh, MilliRps};

use super::World;
use crate::desks::DeskId;
use crate::kube::PodCounts;
use crate::meter::Meter;

/// A part of a series' users, and where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The cluster that they reach; none, if nobody serves them.
    pub cluster: Option<ClusterId>,
    /// How many, in parts per million.
    pub parts: u32,
}

impl<'s> World<'s> {
    /// How many pods of a binding a cluster really has.
    #[must_use]
    pub fn pods(&self, cluster: ClusterId, binding: BindingId) -> PodCounts {
        self.clusters[cluster.index()].pods_of(binding)
    }

    /// The bindings of which a cluster really has objects, ascending.
    #[must_use]
    pub fn bindings(&self, cluster: ClusterId) -> Vec<BindingId> {
        self.clusters[cluster.index()].bindings()
    }

    /// Where the users of a series really are.
    #[must_use]
    pub fn whereabouts(&self, series: SeriesId) -> Vec<Whereabouts> {
        let mix = self.users.whereabouts(series, self.now);
        let parts = mix.parts().iter().map(|(desk, parts)| Whereabouts {
            cluster: (*desk != DeskId::NOBODY).then(|| self.desks.get(*desk).cluster),
            parts: *parts,
        });
        parts.collect()
    }

    /// What the users of a series really ask for.
    #[must_use]
    pub fn demand(&self, series: SeriesId) -> MilliRps {
        self.users.rate(series)
    }

    /// What a cluster really costs, and how dirty its grid is.
    #[must_use]
    pub fn tariff(&self, cluster: ClusterId) -> (Prices, GramsPerKwh) {
        let now = self.tariffs.now(cluster);
        (now.prices, now.carbon)
    }

    /// Whether a cluster runs and can be heard.
    #[must_use]
    pub fn is_connected(&self, cluster: ClusterId) -> bool {
        self.clusters[cluster.index()].is_connected()
    }

    /// How many commits were pushed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        let played = self.playback.as_ref().map_or(0, |playback| playback.scripts.pushes(self.now));
        self.git.commits() + played
    }

    /// Whether no act of the timeline lasts any more and none is to come.
    #[must_use]
    pub fn is_healed(&self) -> bool {
        let last = self.scenario.timeline.last();
        self.lasting.is_empty() && last.is_none_or(|last| last.at <= self.now)
    }

    /// What went wrong with the tape of a log that is played.
    pub(crate) fn take_fault(&mut self) -> Option<SinkFault> {
        self.playback.as_mut()?.fault.take()
    }

    pub(crate) fn meter(&self) -> &Meter<'s> {
        &self.meter
    }

    pub(crate) fn meter_mut(&mut self) -> &mut Meter<'s> {
        &mut self.meter
    }
}
