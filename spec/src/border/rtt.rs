//! From distances to round-trip times.
//!
//! `rtt = access(from) + access(to) + km × factor × 10 µs`. Light in a fibre (refractive index 1.468) takes
//! 9.8 µs per kilometre for a round trip, taken as 10; the factor says how much longer real routes take, for
//! their detours and their equipment.
//!
//! # Calibration
//!
//! Straight lines through measured matrices of cloud regions: AWS (cloudping.co, one-year medians, 2025)
//! `rtt = 15.5 µs/km + 24.8 ms`, Azure (Microsoft Learn, 2026) `14.3 µs/km + 25.9 ms`. The slopes are the
//! default factor: 1.5. The intercepts are *not* access delays, and are not used. They stand for what long
//! routes share and short ones do not have: landing stations, detours round continents, one backbone after
//! the other. Within a region, where nothing of that is on the way, AWS measures 1.2 to 8.2 ms rather than
//! 25 to 50.
//!
//! So the defaults for short ways are those of a last mile: 5 ms for users (a fixed line; a mobile network
//! has 10 to 40) and 1 ms for a cluster, which also gives about 2 ms between two clusters of one town. For
//! ways between continents, give measured ones: they win over the model.

use periplus_core::units::MicrosRtt;

use crate::border::{float, rounded_u32};
use crate::values::Number;

/// A round trip of light in a fibre along one kilometre, in microseconds.
pub const FIBRE_MICROS_PER_KM: f64 = 10.0;

/// How distances become round trips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RttModel {
    /// Microseconds per metre of great circle.
    pub(super) micros_per_metre: f64,
}

impl RttModel {
    /// Routes that take `factor` times as long as light in a fibre along the great circle.
    #[must_use]
    pub fn new(factor: Number) -> Self {
        Self { micros_per_metre: factor.float() * FIBRE_MICROS_PER_KM / 1_000.0 }
    }

    /// The round-trip time over `metres` with these access delays at both ends together.
    #[must_use]
    pub fn rtt(&self, access: MicrosRtt, metres: f64) -> MicrosRtt {
        let way = rounded_u32(metres * self.micros_per_metre);
        access.saturating_add(MicrosRtt(way))
    }

    /// The same as a float and not rounded, for comparing.
    pub(super) fn micros(&self, access: MicrosRtt, metres: f64) -> f64 {
        float(u64::from(access.0)) + metres * self.micros_per_metre
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::sphere::{Point, tests::at};

    type Town = (f64, f64);

    /// Some pairs of AWS regions: coordinates of the towns and one-year medians in milliseconds
    /// (cloudping.co, October 2025).
    const MEASURED: [(Town, Town, f64); 6] = [
        // Frankfurt – Dublin, London – Paris, Virginia – Oregon.
        ((50.1109, 8.6821), (53.3498, -6.2603), 26.86),
        ((51.5074, -0.1278), (48.8566, 2.3522), 11.018),
        ((39.0458, -77.4874), (45.5152, -122.6784), 64.269),
        // Sydney – Melbourne, Virginia – Dublin, Tokyo – Oregon.
        ((-33.8688, 151.2093), (-37.8136, 144.9631), 13.27),
        ((39.0458, -77.4874), (53.3498, -6.2603), 69.558),
        ((35.6762, 139.6503), (45.5152, -122.6784), 98.46),
    ];

    #[test]
    fn the_published_fits_come_out() {
        let table = [(1_550, 24_800, 15_500), (1_430, 25_900, 14_300)];
        for (factor, intercept, per_thousand_km) in table {
            let model = RttModel::new(Number::thousandths(factor));
            for thousands in [0_u32, 1, 5, 16] {
                let rtt = model.rtt(MicrosRtt(intercept), f64::from(thousands) * 1_000_000.0);
                assert_eq!(rtt, MicrosRtt(intercept + thousands * per_thousand_km));
            }
        }
    }

    #[test]
    fn the_default_model_is_near_what_was_measured() {
        let model = RttModel::new(Number::thousandths(1_500));
        for (from, to, measured) in MEASURED {
            let metres = Point::new(at(from.0, from.1)).metres(Point::new(at(to.0, to.1)));
            let rtt = f64::from(model.rtt(MicrosRtt(2_000), metres).0) / 1_000.0;
            assert!(rtt < measured * 1.25 && rtt > measured * 0.6, "{rtt} {measured}");
        }
    }
}
