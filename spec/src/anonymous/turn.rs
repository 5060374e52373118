//! Where places and clocks go.
//!
//! Places are turned with the whole earth, so that all distances stay. Which way is drawn from the scenario and a seed
//! together: who has only what came out cannot turn it back. The turns are spread evenly, after K. Shoemake, "Uniform
//! random rotations", Graphics Gems III (1992). Where a demand goes by the sun, the earth is turned round its own axis
//! only, by whole hours, and clocks with it: who knows that can find them again. Scenarios begin in one week, on the day of the week and at the time that they began at.

use serde_json::{Map, Number, Value as Json};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::border::float;
use crate::bundle::Bundle;
use crate::draft::{Document, LocationDraft, ScenarioDraft};
use crate::values::{Duration, TimeZone, Timestamp};

/// Where places and clocks go.
#[derive(Debug)]
pub(super) struct Turn {
    earth: Earth,
    /// How much later clocks are, in minutes.
    later: i32,
}

#[derive(Debug)]
enum Earth {
    /// A rotation, as a matrix.
    Any([[f64; 3]; 3]),
    /// Eastward by so many hours of the sun, of 15 degrees each.
    Axis(i32),
}

/// How far a scenario's places can be hidden by turning the earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hiding {
    /// They can be anywhere.
    Anywhere,
    /// A demand goes by the sun: they stay at their latitudes, and move by whole hours of the sun.
    ByHours,
    /// A demand goes by the sun, and no hour fits all: they stay where they are.
    Nowhere,
}

/// The farthest that clocks may be from UTC, in minutes.
const CLOCK_MAX: i32 = 14 * 60;
/// The decimals of degrees that are kept: a hundredth of a millimetre.
const DECIMALS: f64 = 1e10;
const WEEK_MS: i64 = 7 * 86_400_000;

impl Turn {
    pub(super) fn new(bundle: &Bundle, seed: u64) -> Self {
        let text: String = bundle.to_json().iter().map(Json::to_string).collect();
        let mut number = 0;
        let mut draw = || {
            number += 1;
            let drawn = xxh3_64_with_seed(text.as_bytes(), seed.wrapping_mul(4) ^ number);
            float(drawn >> 11) / float(1 << 53)
        };
        if let Some(free) = hours(bundle) {
            let last = free.len().saturating_sub(1);
            let hours = free.get(rounded(draw() * last as f64)).copied().unwrap_or(0);
            return Self { earth: Earth::Axis(hours), later: 60 * hours };
        }
        let clocks = clocks(bundle);
        // A clock that is not UTC's would tell where it is.
        let later = clocks.first().map_or(0, |clock| -clock);
        let later = if fit(&clocks, later) { later } else { 0 };
        Self { earth: Earth::Any(rotation([draw(), draw(), draw()])), later }
    }

    /// Turns a place.
    pub(super) fn place(&self, place: &mut Map<String, Json>) {
        let degrees = |key: &str| {
            let text = place.get(key).map(|value| value.to_string().replace('"', ""));
            text.and_then(|text| text.parse::<f64>().ok()).expect("a place that was read")
        };
        let (latitude, longitude) = self.turned(degrees("latitude"), degrees("longitude"));
        for (key, degrees) in [("latitude", latitude), ("longitude", longitude)] {
            let rounded = libm::round(degrees * DECIMALS) / DECIMALS;
            let number = Number::from_f64(rounded).expect("degrees are a number");
            place.insert(key.into(), Json::Number(number));
        }
    }

    fn turned(&self, latitude: f64, longitude: f64) -> (f64, f64) {
        let rows = match &self.earth {
            Earth::Axis(hours) => return (latitude, longitude + f64::from(15 * hours)),
            Earth::Any(rows) => rows,
        };
        let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
        let out = libm::cos(latitude);
        let point = [out * libm::cos(longitude), out * libm::sin(longitude), libm::sin(latitude)];
        let [x, y, z] = rows.map(|row| row[0] * point[0] + row[1] * point[1] + row[2] * point[2]);
        // The arctangent is exact near the poles, where the arcsine is not.
        let latitude = libm::atan2(z, libm::sqrt(x * x + y * y));
        (latitude.to_degrees(), libm::atan2(y, x).to_degrees())
    }

    /// Sets the calendar and all clocks.
    pub(super) fn clocks(&self, scenario: &mut ScenarioDraft) {
        for demand in &mut scenario.demand {
            if let Some(minutes) = minutes(demand.timezone) {
                demand.timezone = match minutes + self.later {
                    0 => TimeZone::Utc,
                    minutes => TimeZone::Minutes(minutes),
                };
            }
        }
        let Timestamp(monday) = ScenarioDraft::new("", Duration::default()).start;
        let start = scenario.start.0 - i64::from(self.later) * 60_000;
        scenario.start = Timestamp(monday + (start - monday).rem_euclid(WEEK_MS));
    }
}

/// How far the places of a bundle can be hidden.
pub(super) fn hiding(bundle: &Bundle) -> Hiding {
    match hours(bundle).as_deref() {
        None => Hiding::Anywhere,
        Some([]) => Hiding::Nowhere,
        Some(_) => Hiding::ByHours,
    }
}

/// By how many hours of the sun everything can be turned, where a demand goes by it.
fn hours(bundle: &Bundle) -> Option<Vec<i32>> {
    let demand = &bundle.scenario.spec.demand;
    demand.iter().find(|one| one.timezone == TimeZone::Solar)?;
    let (clocks, longitudes) = (clocks(bundle), longitudes(bundle));
    // The sun stands still over zones of which it is not said where they are.
    let stays = |longitude: &Option<f64>, hours: i32| {
        longitude.is_some_and(|degrees| (degrees + f64::from(15 * hours)).abs() <= 180.0)
    };
    let fits = |hours: &i32| {
        *hours != 0
            && fit(&clocks, 60 * hours)
            && longitudes.iter().all(|longitude| stays(longitude, *hours))
    };
    Some((-11..=12).filter(fits).collect())
}

/// The clocks that do not go by the sun, in minutes from UTC.
fn clocks(bundle: &Bundle) -> Vec<i32> {
    bundle.scenario.spec.demand.iter().filter_map(|one| minutes(one.timezone)).collect()
}

/// Whether clocks can be so much later.
fn fit(clocks: &[i32], later: i32) -> bool {
    clocks.iter().all(|clock| (clock + later).abs() <= CLOCK_MAX)
}

/// A clock that does not go by the sun.
const fn minutes(clock: TimeZone) -> Option<i32> {
    match clock {
        TimeZone::Utc => Some(0),
        TimeZone::Minutes(minutes) => Some(minutes),
        TimeZone::Solar => None,
    }
}

/// The whole number next to one.
fn rounded(number: f64) -> usize {
    usize::try_from(crate::border::rounded(number)).expect("a small number")
}

/// How far east everything is, where that is said.
fn longitudes(bundle: &Bundle) -> Vec<Option<f64>> {
    let declared = bundle.scenario.spec.timeline.iter().filter_map(|one| one.declare.as_ref());
    let documents = bundle.documents.iter().chain(declared.flatten());
    let east = |place: LocationDraft| place.longitude.degrees();
    let places = documents.filter_map(|document| match document {
        Document::Cluster(object) => object.spec.location.map(east).map(Some),
        Document::Zone(object) => Some(object.spec.location.map(east)),
        Document::Application(_)
        | Document::InitialState(_)
        | Document::Policy(_)
        | Document::Scenario(_)
        | Document::Tenant(_) => None,
    });
    places.collect()
}

/// The rotation that three numbers between 0 and 1 stand for.
fn rotation([first, second, third]: [f64; 3]) -> [[f64; 3]; 3] {
    use std::f64::consts::TAU;
    let (out, up) = (libm::sqrt(1.0 - first), libm::sqrt(first));
    let (x, y) = (out * libm::sin(TAU * second), out * libm::cos(TAU * second));
    let (z, w) = (up * libm::sin(TAU * third), up * libm::cos(TAU * third));
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
        [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
        [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::border::sphere::Point;
    use crate::values::{Latitude, Longitude};

    fn point(latitude: f64, longitude: f64) -> Point {
        let (latitude, longitude) = (Latitude::new(latitude), Longitude::new(longitude));
        Point::new(LocationDraft { latitude, longitude })
    }

    proptest! {
        #[test]
        fn distances_stay_and_places_stay_on_the_earth(
            drawn in prop::array::uniform3(0.0_f64..1.0),
            from in (-90.0_f64..=90.0, -180.0_f64..=180.0),
            to in (-90.0_f64..=90.0, -180.0_f64..=180.0),
        ) {
            let turn = Turn { earth: Earth::Any(rotation(drawn)), later: 0 };
            let before = point(from.0, from.1).metres(point(to.0, to.1));
            let turned = [from, to].map(|(latitude, longitude)| {
                let mut place = Map::new();
                place.insert("latitude".into(), json!(latitude));
                place.insert("longitude".into(), json!(longitude.to_string()));
                turn.place(&mut place);
                let degrees = |key: &str| place[key].as_f64().unwrap();
                (degrees("latitude"), degrees("longitude"))
            });
            for (latitude, longitude) in turned {
                prop_assert!(latitude.abs() <= 90.0 && longitude.abs() <= 180.0);
            }
            let [from, to] = turned;
            let after = point(from.0, from.1).metres(point(to.0, to.1));
            // Near the antipodes the arcsine of a chord is coarse.
            let tolerance = if before > 19_000_000.0 { 1.0 } else { 0.001 };
            prop_assert!((before - after).abs() < tolerance, "{before} {after}");
        }
    }
}
