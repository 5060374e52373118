//! Distances on the earth, taken as a sphere of mean radius.
//!
//! A place is kept as a unit vector. The great-circle distance follows from the chord between two of them,
//! `d = 2 R asin(chord / 2)`: the haversine formula, with its two sines and cosines paid once per place
//! instead of once per pair.

use crate::draft::LocationDraft;

/// The mean radius of the earth in metres (IUGG, 1980).
pub const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

/// A place on the earth, as a unit vector from its centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: f64,
}

impl Point {
    /// The place with these coordinates.
    #[must_use]
    pub fn new(location: LocationDraft) -> Self {
        let latitude = location.latitude.degrees().to_radians();
        let longitude = location.longitude.degrees().to_radians();
        let (up, out) = (libm::sin(latitude), libm::cos(latitude));
        Self { x: out * libm::cos(longitude), y: out * libm::sin(longitude), z: up }
    }

    /// The square of the straight distance through the unit sphere: 0 to 4.
    #[must_use]
    pub fn chord_squared(self, other: Self) -> f64 {
        let (x, y, z) = (self.x - other.x, self.y - other.y, self.z - other.z);
        x * x + y * y + z * z
    }

    /// The great-circle distance in metres.
    #[must_use]
    pub fn metres(self, other: Self) -> f64 {
        arc_metres(self.chord_squared(other))
    }
}

/// The great-circle distance over a chord.
pub(super) fn arc_metres(chord_squared: f64) -> f64 {
    let half = libm::sqrt(chord_squared) / 2.0;
    2.0 * EARTH_RADIUS_METRES * libm::asin(half.min(1.0))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::values::{Latitude, Longitude};

    pub(crate) fn at(latitude: f64, longitude: f64) -> LocationDraft {
        LocationDraft { latitude: Latitude::new(latitude), longitude: Longitude::new(longitude) }
    }

    /// The haversine formula as it stands in the books.
    fn haversine(from: LocationDraft, to: LocationDraft) -> f64 {
        let radians = |location: LocationDraft| {
            (location.latitude.degrees().to_radians(), location.longitude.degrees().to_radians())
        };
        let ((lat1, lon1), (lat2, lon2)) = (radians(from), radians(to));
        let half = |delta: f64| libm::pow(libm::sin(delta / 2.0), 2.0);
        let h = half(lat2 - lat1) + libm::cos(lat1) * libm::cos(lat2) * half(lon2 - lon1);
        2.0 * EARTH_RADIUS_METRES * libm::asin(libm::sqrt(h).min(1.0))
    }

    #[test]
    fn well_known_distances_come_out() {
        // A degree of latitude, a quarter and a half of the way round.
        let metres = |from, to| Point::new(from).metres(Point::new(to));
        assert!((metres(at(0.0, 0.0), at(1.0, 0.0)) - 111_195.08).abs() < 0.01);
        assert!((metres(at(0.0, 0.0), at(90.0, 0.0)) - 10_007_557.2).abs() < 0.1);
        assert!((metres(at(0.0, 0.0), at(0.0, 180.0)) - 20_015_114.4).abs() < 0.1);
        assert!(metres(at(-37.8, 144.9), at(-37.8, 144.9)) < 1e-6);
    }

    proptest! {
        #[test]
        fn the_chord_says_what_haversine_says(
            from in (-90.0_f64..90.0, -180.0_f64..180.0),
            to in (-90.0_f64..90.0, -180.0_f64..180.0),
        ) {
            let (from, to) = (at(from.0, from.1), at(to.0, to.1));
            let difference = Point::new(from).metres(Point::new(to)) - haversine(from, to);
            prop_assert!(difference.abs() < 0.2, "{difference}");
        }

        #[test]
        fn near_places_are_told_apart_by_the_millimetre(
            from in (-80.0_f64..80.0, -179.0_f64..179.0),
            step in (-0.01_f64..0.01, -0.01_f64..0.01),
        ) {
            let (from, to) = (at(from.0, from.1), at(from.0 + step.0, from.1 + step.1));
            let difference = Point::new(from).metres(Point::new(to)) - haversine(from, to);
            prop_assert!(difference.abs() < 0.001, "{difference}");
        }
    }
}
