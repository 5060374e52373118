//! Hours: where users were served, and what clusters did, hour by hour.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use periplus_core::units::Span;
use periplus_sim::{Breakdown, Dimension, Part};
use periplus_spec::scenario::{Fleet, Location, Scenario};

use crate::report::data::{HoursTold, PlaceTold};
use crate::report::short::Short;

/// A run has so many rows of ways, clusters and zones at most; hours are left out until it has.
const ROWS_MAX: usize = 60_000;

/// What must be known to draw the charts over time: hours, and clusters by the hour.
pub(crate) fn plain() -> [Breakdown; 2] {
    use Dimension::{Cluster, Hour};
    [along(&[Hour]), along(&[Cluster, Hour])]
}

/// What must be known besides to draw the map: ways, and zones by the hour.
pub(crate) fn closely() -> [Breakdown; 2] {
    use Dimension::{Cluster, Hour, Zone};
    [along(&[Zone, Cluster, Hour]), along(&[Zone, Hour])]
}

fn along(dimensions: &[Dimension]) -> Breakdown {
    Breakdown::new(dimensions.iter().copied()).expect("there are some")
}

/// Fleets with more demand series have no map: who is served by whom would not fit into memory, nor on a page.
const SERIES_MAX: usize = 20_000;

/// Whether a fleet is small enough for a map.
pub(crate) fn is_small(fleet: &Fleet) -> bool {
    fleet.series.len() <= SERIES_MAX
}

/// Whether anything has a place on a map.
pub(crate) fn is_located(fleet: &Fleet) -> bool {
    let clusters = fleet.clusters.iter().map(|cluster| cluster.location);
    clusters.chain(fleet.zones.iter().map(|zone| zone.location)).any(|place| place.is_some())
}

/// Names and places of clusters and zones, over all fleets of a study. Places are counted in these lists.
#[derive(Debug, Default)]
pub(crate) struct Atlas {
    pub(crate) clusters: Vec<PlaceTold>,
    pub(crate) zones: Vec<PlaceTold>,
    cluster_places: BTreeMap<String, usize>,
    zone_places: BTreeMap<String, usize>,
}

impl Atlas {
    pub(crate) fn add(&mut self, fleet: &Fleet) {
        let degrees = |at: Option<Location>| at.map(|at| [at.latitude, at.longitude]);
        for cluster in &fleet.clusters {
            let next = self.clusters.len();
            if let Entry::Vacant(free) = self.cluster_places.entry(cluster.name.clone()) {
                free.insert(next);
                let kind = fleet.kinds.get(cluster.kind.index()).cloned();
                let (name, at) = (cluster.name.clone(), degrees(cluster.location));
                self.clusters.push(PlaceTold { name, kind, at });
            }
        }
        for zone in &fleet.zones {
            let next = self.zones.len();
            if let Entry::Vacant(free) = self.zone_places.entry(zone.name.clone()) {
                free.insert(next);
                let (name, at) = (zone.name.clone(), degrees(zone.location));
                self.zones.push(PlaceTold { name, kind: None, at });
            }
        }
    }

    /// Where the clusters, and the zones, of a fleet stand.
    fn places(&self, fleet: &Fleet) -> (Vec<usize>, Vec<usize>) {
        let clusters = fleet.clusters.iter().map(|one| self.cluster_places[&one.name]);
        let zones = fleet.zones.iter().map(|one| self.zone_places[&one.name]);
        (clusters.collect(), zones.collect())
    }
}

/// What ways, clusters and zones were, by the hour.
pub(crate) fn hours(scenario: &Scenario, atlas: &Atlas, parts: [&[Part]; 3]) -> HoursTold {
    let all: usize = parts.iter().map(|parts| parts.len()).sum();
    let every = u32::try_from(all.div_ceil(ROWS_MAX).max(1)).unwrap_or(u32::MAX);
    let [ways, clusters, zones] = parts;
    let (cluster_places, zone_places) = atlas.places(&scenario.fleet);
    let shown = |part: &&Part| part.hour.is_some_and(|hour| hour % every == 0);
    let mut told = HoursTold::default();
    let seconds = |hour: u32| {
        let left = scenario.duration.0.saturating_sub(u64::from(hour) * Span::HOUR.0);
        left.clamp(1, Span::HOUR.0) as f64 / 1e3
    };
    let rate = |requests: f64, hour: u32| Short::drawn(requests / seconds(hour));
    for part in ways.iter().filter(shown).filter(|part| part.served > 0.0) {
        let (Some(hour), Some(zone), Some(cluster)) = (part.hour, part.zone, part.cluster) else {
            continue;
        };
        told.ways.hour.push(hour);
        told.ways.zone.push(zone_places[zone.index()]);
        told.ways.cluster.push(cluster_places[cluster.index()]);
        told.ways.served.push(rate(part.served, hour));
    }
    for part in clusters.iter().filter(shown) {
        let (Some(hour), Some(cluster)) = (part.hour, part.cluster) else { continue };
        let spent = part.spent.unwrap_or_default();
        told.clusters.hour.push(hour);
        told.clusters.cluster.push(cluster_places[cluster.index()]);
        told.clusters.served.push(rate(part.served, hour));
        told.clusters.cores.push(Short::drawn(spent.core_hours * 3_600.0 / seconds(hour)));
        told.clusters.cost.push(Short::drawn(spent.cost));
    }
    let mut hours = BTreeSet::new();
    for part in zones.iter().filter(shown) {
        let (Some(hour), Some(zone)) = (part.hour, part.zone) else { continue };
        hours.insert(hour);
        told.zones.hour.push(hour);
        told.zones.zone.push(zone_places[zone.index()]);
        told.zones.offered.push(rate(part.offered, hour));
        told.zones.served.push(rate(part.served, hour));
        let kept = if part.offered > 0.0 { part.attained / part.offered } else { 1.0 };
        told.zones.kept.push(Short::drawn(kept));
        told.zones.p95.push(part.p95_ms.map(Short::drawn));
    }
    told.shown = hours.into_iter().collect();
    told
}
