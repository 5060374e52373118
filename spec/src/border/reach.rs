//! Reach: which clusters each place reaches, and how long a round trip takes.
//!
//! Of a fleet of ten thousand, a place needs only the nearest few. Each place looks at every cluster once,
//! but at most of them only through the square of their chord, which bounds the round trip from below (an
//! arc is never shorter than its chord); the arcsine is paid for the few that may be among the nearest.

use periplus_core::ids::ClusterId;
use periplus_core::units::MicrosRtt;

use crate::border::rtt::RttModel;
use crate::border::sphere::{EARTH_RADIUS_METRES, Point, arc_metres};

/// A cluster, as ways lead to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Where it is.
    pub point: Option<Point>,
    /// Its part of a round trip.
    pub access: MicrosRtt,
    /// How far away a zone may be, in metres; the limit itself is near enough.
    pub coverage: Option<f64>,
    /// Whether every place reaches it, however many are nearer.
    pub always: bool,
}

/// Something that reaches clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Origin {
    /// Where it is.
    pub point: Option<Point>,
    /// Its part of a round trip.
    pub access: MicrosRtt,
    /// Whether coverage matters: it does for zones, not for clusters.
    pub covered: bool,
    /// The cluster that it is itself, which is reached in no time.
    pub itself: Option<ClusterId>,
}

/// All clusters, and how many of them a place reaches.
#[derive(Clone, Debug)]
pub struct Targets<'a> {
    targets: &'a [Target],
    model: RttModel,
    nearest: usize,
}

impl<'a> Targets<'a> {
    /// The clusters of a fleet by their ids.
    #[must_use]
    pub const fn new(targets: &'a [Target], model: RttModel, nearest: usize) -> Self {
        Self { targets, model, nearest }
    }

    /// The clusters that `origin` reaches, ascending by id: the nearest, and those that are always reached.
    /// Of equally near ones the lower ids. `measured` ways, ascending by id, win over the model and over
    /// coverage.
    #[must_use]
    pub fn from(
        &self,
        origin: &Origin,
        measured: &[(ClusterId, MicrosRtt)],
    ) -> Vec<(ClusterId, MicrosRtt)> {
        let mut near = Nearest {
            most: self.nearest,
            worst: None,
            near: Vec::with_capacity(self.nearest.saturating_mul(2).min(self.targets.len())),
            kept: Vec::new(),
        };
        for (cluster, rtt) in measured {
            if let Some(target) = self.targets.get(cluster.index()) {
                near.offer(*cluster, *rtt, target.always);
            }
        }
        if let Some(point) = origin.point {
            self.scan(origin, point, measured, &mut near);
        }
        near.prune();
        let Nearest { near, mut kept, .. } = near;
        kept.extend(near.into_iter().map(|(rtt, cluster)| (cluster, rtt)));
        if let Some(itself) = origin.itself {
            kept.retain(|way| way.0 != itself);
            kept.push((itself, MicrosRtt::ZERO));
        }
        kept.sort_unstable();
        kept
    }

    fn scan(
        &self,
        origin: &Origin,
        point: Point,
        measured: &[(ClusterId, MicrosRtt)],
        near: &mut Nearest,
    ) {
        let mut horizon = self.horizon(origin, near.worst);
        for (index, target) in self.targets.iter().enumerate() {
            let Some(there) = target.point else { continue };
            let chord = point.chord_squared(there);
            if !target.always && chord > horizon.chord_squared(target.access) {
                continue;
            }
            let cluster = ClusterId::from_index(index);
            let known = measured.binary_search_by_key(&cluster, |way| way.0).is_ok();
            if known || origin.itself == Some(cluster) {
                continue;
            }
            let metres = arc_metres(chord);
            let too_far = |coverage: f64| origin.covered && metres > coverage;
            if target.coverage.is_some_and(too_far) {
                continue;
            }
            let rtt = self.model.rtt(origin.access.saturating_add(target.access), metres);
            if near.offer(cluster, rtt, target.always) == Offered::Pruned {
                horizon = self.horizon(origin, near.worst);
            }
        }
    }

    /// How far a cluster may be to be among the nearest, when the last of those is `worst` away.
    fn horizon(&self, origin: &Origin, worst: Option<MicrosRtt>) -> Horizon {
        let micros_per_radius = self.model.micros(MicrosRtt::ZERO, EARTH_RADIUS_METRES);
        Horizon {
            // A microsecond more, because round trips are rounded.
            left: worst.map(|worst| f64::from(worst.0) - f64::from(origin.access.0) + 1.0),
            radii_per_micro: 1.0 / micros_per_radius,
        }
    }
}

struct Horizon {
    left: Option<f64>,
    radii_per_micro: f64,
}

impl Horizon {
    fn chord_squared(&self, access: MicrosRtt) -> f64 {
        let Some(left) = self.left else {
            return f64::INFINITY;
        };
        let radii = (left - f64::from(access.0)) * self.radii_per_micro;
        // Where access delays alone are too long, no chord is short enough; where ways take no time, any is.
        match radii {
            radii if radii.is_nan() => f64::INFINITY,
            radii if radii < 0.0 => -1.0,
            radii => radii * radii * (1.0 + 1e-9),
        }
    }
}

/// The nearest so far and some that are not: twice as many are gathered before the farther half goes. And
/// those that are kept besides.
struct Nearest {
    most: usize,
    /// How far the last of the nearest was when the farther half went last.
    worst: Option<MicrosRtt>,
    near: Vec<(MicrosRtt, ClusterId)>,
    kept: Vec<(ClusterId, MicrosRtt)>,
}

/// What came of an offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    Taken,
    /// It was taken, and the farther half went.
    Pruned,
}

impl Nearest {
    fn offer(&mut self, cluster: ClusterId, rtt: MicrosRtt, always: bool) -> Offered {
        if always {
            self.kept.push((cluster, rtt));
            return Offered::Taken;
        }
        self.near.push((rtt, cluster));
        if self.near.len() < self.most.saturating_mul(2) {
            return Offered::Taken;
        }
        self.prune();
        Offered::Pruned
    }

    fn prune(&mut self) {
        if self.near.len() > self.most && self.most > 0 {
            let (_, worst, _) = self.near.select_nth_unstable(self.most - 1);
            self.worst = Some(worst.0);
        }
        self.near.truncate(self.most);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::border::sphere::tests::at;
    use crate::values::Number;

    fn target(latitude: f64, longitude: f64, access: u32) -> Target {
        Target {
            point: Some(Point::new(at(latitude, longitude))),
            access: MicrosRtt(access),
            coverage: None,
            always: false,
        }
    }

    fn zone(latitude: f64, longitude: f64) -> Origin {
        Origin {
            point: Some(Point::new(at(latitude, longitude))),
            access: MicrosRtt(5_000),
            covered: true,
            itself: None,
        }
    }

    fn model() -> RttModel {
        RttModel::new(Number::thousandths(1_500))
    }

    #[test]
    fn coverage_includes_its_limit_and_does_not_bind_clusters() {
        let exactly = Point::new(at(0.0, 0.0)).metres(Point::new(at(0.0, 0.01)));
        let mut far = target(0.0, 0.01, 0);
        far.coverage = Some(exactly);
        let mut short = far;
        short.coverage = Some(exactly - 0.001);
        let targets = [far, short];
        let reach = Targets::new(&targets, model(), 8);
        let ids = |origin: &Origin| -> Vec<u32> {
            reach.from(origin, &[]).iter().map(|way| way.0.0).collect()
        };
        assert_eq!(ids(&zone(0.0, 0.0)), [0]);
        let cluster = Origin { covered: false, ..zone(0.0, 0.0) };
        assert_eq!(ids(&cluster), [0, 1]);
    }

    #[test]
    fn what_is_measured_wins_and_what_is_always_reached_stays() {
        let mut cloud = target(50.0, 100.0, 1_000);
        cloud.always = true;
        let targets = [target(0.0, 1.0, 0), target(0.0, 2.0, 0), cloud];
        let reach = Targets::new(&targets, model(), 1);
        let measured = [(ClusterId(1), MicrosRtt(700))];
        let found = reach.from(&zone(0.0, 0.0), &measured);
        assert_eq!(found[0], (ClusterId(1), MicrosRtt(700)));
        assert_eq!(found[1].0, ClusterId(2));
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_cluster_reaches_itself_in_no_time() {
        let targets = [target(0.0, 0.0, 1_000), target(0.0, 0.0, 1_000)];
        let origin = Origin {
            access: MicrosRtt(1_000),
            covered: false,
            itself: Some(ClusterId(0)),
            ..zone(0.0, 0.0)
        };
        let found = Targets::new(&targets, model(), 8).from(&origin, &[]);
        assert_eq!(found, [(ClusterId(0), MicrosRtt::ZERO), (ClusterId(1), MicrosRtt(2_000))]);
    }

    proptest! {
        #[test]
        fn skipping_by_the_chord_loses_nothing(
            places in prop::collection::vec((-60.0_f64..60.0, -170.0_f64..170.0, 0_u32..20_000), 1..60),
            here in (-60.0_f64..60.0, -170.0_f64..170.0),
            nearest in 1_usize..12,
            factor in 0_u32..3_000,
        ) {
            let model = RttModel::new(Number::thousandths(factor));
            let targets: Vec<_> = places.iter().map(|place| target(place.0, place.1, place.2)).collect();
            let origin = zone(here.0, here.1);
            let mut all: Vec<_> = (0_u32..)
                .zip(&targets)
                .map(|(index, target)| {
                    let metres = target.point.unwrap().metres(origin.point.unwrap());
                    (model.rtt(origin.access + target.access, metres), ClusterId(index))
                })
                .collect();
            all.sort_unstable();
            all.truncate(nearest);
            let mut wanted: Vec<_> = all.into_iter().map(|(rtt, cluster)| (cluster, rtt)).collect();
            wanted.sort_unstable();
            prop_assert_eq!(Targets::new(&targets, model, nearest).from(&origin, &[]), wanted);
        }
    }
}
