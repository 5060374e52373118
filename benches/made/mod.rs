//! Made fleets: metros on a ring around the world, with as many sites and users as asked for.
//!
//! A scenario like any other, so that the machine alone and the simulated world run the same fleet. Every
//! hundred clusters are one metro: a cloud region and 99 sites on a grid of five kilometres, a zone of users
//! beside each. Half of a zone's series ask for apps of its metro, half for apps of the whole world. Only
//! integers and a mixing function: the same size and seed give the same fleet everywhere.

#![allow(dead_code, reason = "each benchmark uses its own part")]

pub(crate) mod drive;
mod intents;
mod places;

use std::sync::Arc;

use periplus_core::Input;
use periplus_core::fleet::{SeriesSpec, TenantSpec, ZoneSpec};
use periplus_core::ids::{AppId, ClusterId, SeriesId, Symbol, TenantId, ZoneId};
use periplus_core::input::{BATCH_MAX, Command, Observation, Sight};
use periplus_core::labels::{Labels, Selector};
use periplus_core::policy::Policy;
use periplus_core::units::{MicroUsd, MilliRps, Permille, Span, Tick};
use periplus_spec::scenario::{
    Delay, Demand, Fleet, Scenario, SeriesTruth, Shape, World, ZoneTruth,
};

/// How large a fleet is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) clusters: u32,
    /// Demand series; zones are as many as clusters.
    pub(crate) series: u32,
    pub(crate) apps: u32,
    pub(crate) duration: Span,
    pub(crate) seed: u64,
}

/// Rates stray from their daily curve by so much.
const NOISE: Permille = Permille(50);
const DAY: Span = Span(24 * Span::HOUR.0);
/// The daily curve has a value for every five minutes.
const CURVE_STEP: Span = Span(5 * Span::MINUTE.0);
/// Names that stand before those of clusters, zones and apps.
const WORDS: [&str; 6] = ["team", "pool", "front", "service", "store", "all"];

/// The fleet of this size.
pub(crate) fn scenario(size: &Size) -> Scenario {
    Scenario {
        name: "made".into(),
        story: String::new(),
        hash: 0,
        seed: size.seed,
        epoch_unix_ms: 0,
        duration: size.duration,
        setup: setup(size),
        fleet: fleet(size),
        world: world(),
        ensemble: Default::default(),
        delivery: Default::default(),
        timeline: Vec::new(),
        expectations: Vec::new(),
    }
}

/// The finalizer of `SplitMix64` over a number and the fleet's seed.
pub(crate) fn mix(number: u64, seed: u64) -> u64 {
    let mut mixed = number.wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn world() -> World {
    World {
        heartbeat_every: Span::MINUTE,
        capacity_every: Span(10 * Span::MINUTE.0),
        demand_every: Span::MINUTE,
        meter_every: Span(15 * Span::MINUTE.0),
        report_delay: delay(100, 5),
        commit_window: Span(5_000),
        push: delay(1_000, 10),
        dns_ttl: Span::MINUTE,
        stop: delay(5_000, 100),
    }
}

/// A delay from `least` milliseconds on, each further quantile `step` longer.
fn delay(least: u64, step: u64) -> Delay {
    Delay((0..256).map(|quantile| Span(least + quantile * step)).collect())
}

fn fleet(size: &Size) -> Fleet {
    let curves: Vec<Arc<Shape>> =
        (0..places::metros(size)).map(|metro| curve(metro, size)).collect();
    let series = series(size).into_iter().zip(0..).map(|(spec, number)| SeriesTruth {
        spec,
        demand: Demand {
            base: MilliRps(5_000 + mix(number, size.seed) % 45_000),
            shape: Arc::clone(&curves[places::metro(spec.zone.0) as usize]),
            noise: NOISE,
        },
    });
    Fleet {
        clusters: (0..size.clusters).map(|number| places::truth(number, size)).collect(),
        zones: (0..size.clusters)
            .map(|number| ZoneTruth { name: format!("zone-{number}"), location: None })
            .collect(),
        apps: (0..size.apps).map(intents::truth).collect(),
        tenants: vec![WORDS[0].into()],
        series: series.collect(),
        extended: Vec::new(),
        kinds: vec!["edge".into()],
    }
}

/// A day of users: from 300 ‰ at four in the morning to 1,000 ‰ at four in the afternoon, by local time.
fn curve(metro: u32, size: &Size) -> Arc<Shape> {
    let steps = DAY.0 / CURVE_STEP.0;
    let ahead = steps * u64::from(metro) / u64::from(places::metros(size));
    let value = |step: u64| {
        let from_low = (step + ahead + steps - steps / 6) % steps;
        let rising = from_low.min(steps - from_low);
        // A parabola on either side: flat at both ends, steep between.
        let half = steps / 2;
        let quarter = half / 2;
        let bent = if rising < quarter {
            2 * rising * rising
        } else {
            half * half - 2 * (half - rising) * (half - rising)
        };
        300 + u32::try_from(700 * bent / (half * half)).expect("at most the whole")
    };
    Arc::new(Shape { step: CURVE_STEP, values: (0..steps).map(value).collect() })
}

/// Each zone's series in a row.
fn series(size: &Size) -> Vec<SeriesSpec> {
    let (zones, series) = (u64::from(size.clusters), u64::from(size.series));
    let near = size.apps / 2;
    let far = size.apps - near;
    let mut specs = Vec::with_capacity(size.series as usize);
    for zone in 0..size.clusters {
        let from = u64::from(zone) * series / zones;
        let until = u64::from(zone + 1) * series / zones;
        let count = small(until - from);
        assert!(count.div_ceil(2) <= near, "a zone asks for an app once: more apps are needed");
        let width = count.max(near / places::metros(size));
        for number in 0..count {
            let step = number / 2;
            let app = if number % 2 == 0 {
                (places::metro(zone) * width + (zone * 3 + step) % width) % near
            } else {
                near + (zone * 7 + step) % far
            };
            specs.push(SeriesSpec::offered(AppId(app), ZoneId(zone)));
        }
    }
    specs
}

fn setup(size: &Size) -> Vec<Input> {
    let mut setup = Vec::new();
    let names =
        |what: &'static str, count| (0..count).map(move |number| format!("{what}-{number}"));
    let mut texts: Vec<String> = WORDS.iter().map(|word| (*word).into()).collect();
    texts.extend(names("cluster", size.clusters));
    texts.extend(names("zone", size.clusters));
    texts.extend(names("app", size.apps));
    for (place, texts) in texts.chunks(BATCH_MAX).enumerate() {
        let first = Symbol::from_index(place * BATCH_MAX);
        setup.push(Command::Name { first, texts: texts.to_vec() });
    }
    let first = small(WORDS.len() as u64);
    setup.push(Command::DeclarePolicy(Box::new(policy())));
    let tenant = TenantSpec { name: Symbol(0), clusters: Selector::default(), quota: None };
    setup.push(Command::DeclareTenant(TenantId(0), tenant));
    for number in 0..size.clusters {
        let spec = places::spec(Symbol(first + number), number, size);
        setup.push(Command::DeclareCluster(ClusterId(number), Box::new(spec)));
    }
    for number in 0..size.clusters {
        let name = Symbol(first + size.clusters + number);
        let spec = ZoneSpec { name, labels: Labels::default() };
        setup.push(Command::DeclareZone(ZoneId(number), spec));
    }
    let mut setup: Vec<Input> = setup.into_iter().map(Input::Command).collect();
    setup.extend((0..size.clusters).map(|zone| seen(places::reach(zone, size))));
    let components = intents::components();
    for number in 0..size.apps {
        let name = Symbol(first + 2 * size.clusters + number);
        let intent = Box::new(intents::intent(name, components.clone()));
        setup.push(Input::Command(Command::DeclareApp(AppId(number), intent)));
    }
    for (place, series) in series(size).chunks(BATCH_MAX).enumerate() {
        let first = SeriesId::from_index(place * BATCH_MAX);
        let series = series.to_vec();
        setup.push(Input::Command(Command::DeclareSeries { first, series }));
    }
    setup
}

fn policy() -> Policy {
    Policy { carbon_tonne: MicroUsd(100_000_000), ..Policy::default() }
}

fn seen(sight: Sight) -> Input {
    Input::Observation(Observation { as_of: Tick::ZERO, sight })
}

fn small(number: u64) -> u32 {
    u32::try_from(number).expect("made fleets are counted by u32")
}
