//! Tariffs: what clusters really cost and how dirty their grids really are, by time.

use std::collections::VecDeque;

use periplus_core::fleet::{Power, Prices};
use periplus_core::ids::ClusterId;
use periplus_core::units::{GramsPerKwh, MicroUsd, MicroUsdPerHour, Tick};
use periplus_spec::scenario::ClusterTruth;

/// What a cluster costs now, draws, and how dirty its grid is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tariff {
    pub(crate) prices: Prices,
    pub(crate) power: Power,
    pub(crate) carbon: GramsPerKwh,
}

/// What of a tariff changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Prices,
    Carbon,
}

/// The tariffs of all clusters.
#[derive(Clone, Debug)]
pub(crate) struct Tariffs<'s> {
    truths: Vec<&'s ClusterTruth>,
    now: Vec<Tariff>,
    /// Changes that the schedules hold, ascending.
    coming: VecDeque<(Tick, Kind, ClusterId)>,
    /// By cluster, price factors that hold now, in thousandths.
    factors: Vec<Vec<u32>>,
    /// By cluster, carbon intensities that hold whatever its schedule says; the last one counts.
    overrides: Vec<Vec<GramsPerKwh>>,
}

impl<'s> Tariffs<'s> {
    pub(crate) fn new(truths: &'s [ClusterTruth]) -> Self {
        let mut coming = Vec::new();
        for (place, truth) in truths.iter().enumerate() {
            coming.extend(changes(ClusterId::from_index(place), truth, Tick::ZERO));
        }
        coming.sort_unstable();
        let tariff = |truth: &ClusterTruth| Tariff {
            prices: truth.prices.at(Tick::ZERO),
            power: truth.power,
            carbon: truth.carbon.at(Tick::ZERO),
        };
        Self {
            truths: truths.iter().collect(),
            now: truths.iter().map(tariff).collect(),
            coming: coming.into(),
            factors: vec![Vec::new(); truths.len()],
            overrides: vec![Vec::new(); truths.len()],
        }
    }

    /// A cluster has other prices, draws and schedules from now on, once it is [refreshed](Self::refresh).
    pub(crate) fn change(&mut self, cluster: ClusterId, truth: &'s ClusterTruth, now: Tick) {
        self.truths[cluster.index()] = truth;
        self.coming.retain(|change| change.2 != cluster);
        self.coming.extend(changes(cluster, truth, now));
        self.coming.make_contiguous().sort_unstable();
    }

    /// What a cluster costs and emits now.
    pub(crate) fn now(&self, cluster: ClusterId) -> Tariff {
        self.now[cluster.index()]
    }

    /// When a schedule changes next.
    pub(crate) fn next_change(&self) -> Option<Tick> {
        self.coming.front().map(|change| change.0)
    }

    /// The clusters whose schedules change now, by what changes, ascending.
    pub(crate) fn due(&mut self, now: Tick) -> [Vec<ClusterId>; 2] {
        let mut due = [Vec::new(), Vec::new()];
        while let Some((_, kind, cluster)) = self.coming.pop_front_if(|change| change.0 <= now) {
            due[kind as usize].push(cluster);
        }
        due
    }

    /// Prices are multiplied by `factor` thousandths, or no longer.
    pub(crate) fn scale_prices(&mut self, cluster: ClusterId, factor: u32, lasts: bool) {
        change(&mut self.factors[cluster.index()], factor, lasts);
    }

    /// The grid has this intensity whatever the schedule says, or no longer.
    pub(crate) fn override_carbon(&mut self, cluster: ClusterId, to: GramsPerKwh, lasts: bool) {
        change(&mut self.overrides[cluster.index()], to, lasts);
    }

    /// Makes the tariff of a cluster what it is now.
    pub(crate) fn refresh(&mut self, cluster: ClusterId, now: Tick) {
        let truth = self.truths[cluster.index()];
        let mut prices = truth.prices.at(now);
        for factor in &self.factors[cluster.index()] {
            prices = scaled(&prices, *factor);
        }
        let overridden = self.overrides[cluster.index()].last();
        let entry = &mut self.now[cluster.index()];
        entry.prices = prices;
        entry.power = truth.power;
        entry.carbon = overridden.copied().unwrap_or_else(|| truth.carbon.at(now));
    }
}

/// When the schedules of a cluster change after `now`.
fn changes(
    cluster: ClusterId,
    truth: &ClusterTruth,
    now: Tick,
) -> impl Iterator<Item = (Tick, Kind, ClusterId)> + '_ {
    let prices = truth.prices.0.iter().map(move |change| (change.0, Kind::Prices, cluster));
    let carbon = truth.carbon.0.iter().map(move |change| (change.0, Kind::Carbon, cluster));
    prices.chain(carbon).filter(move |change| change.0 > now)
}

fn change<T: PartialEq>(list: &mut Vec<T>, entry: T, lasts: bool) {
    if lasts {
        list.push(entry);
    } else if let Some(place) = list.iter().position(|known| *known == entry) {
        list.remove(place);
    }
}

fn scaled(prices: &Prices, factor: u32) -> Prices {
    let scale = |price: i64| price * i64::from(factor) / 1_000;
    let Prices { core, gib, extended, active, egress_gigabyte } = *prices;
    Prices {
        core: MicroUsdPerHour(scale(core.0)),
        gib: MicroUsdPerHour(scale(gib.0)),
        extended: extended.map(|price| MicroUsdPerHour(scale(price.0))),
        active: MicroUsdPerHour(scale(active.0)),
        egress_gigabyte: MicroUsd(scale(egress_gigabyte.0)),
    }
}
