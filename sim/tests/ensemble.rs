//! Days that are drawn from an ensemble: what differs between them, and what does not.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::ids::ClusterId;
use periplus_core::units::{Span, Tick};
use periplus_sim::ensemble::{Day, Stratum, draw, failing_days};
use periplus_spec::border::growth::{self, YEAR};
use periplus_spec::scenario::{Act, Blocks, Delay, Failure, Scenario, Shape};
use support::{Size, minutes, scenario};

const DAY: Span = Span(24 * Span::HOUR.0);

/// A scenario of a day whose demand is recorded for four, with values that tell where they are from.
fn recorded() -> Scenario {
    let mut scenario = scenario(&Size { duration: DAY, ..Size::default() });
    let values: Vec<u32> = (0..4 * 24).map(|hour| 100 + hour).collect();
    let shape = Arc::new(Shape { step: Span::HOUR, values });
    for series in &mut scenario.fleet.series {
        series.demand.shape = Arc::clone(&shape);
    }
    scenario.ensemble.demand = Some(Blocks { block: Span(3 * Span::HOUR.0), season: DAY });
    scenario
}

#[test]
fn nothing_is_drawn_where_nothing_is_said() {
    let scenario = scenario(&Size::default());
    let day = draw(&scenario, Day::any(7));
    assert_eq!(format!("{day:?}"), format!("{:?}", Scenario { seed: 7, ..scenario }));
}

#[test]
fn demand_is_put_together_from_blocks_that_come_at_their_time_of_the_day() {
    let scenario = recorded();
    let mut from: BTreeMap<u32, u32> = BTreeMap::new();
    for seed in 0..200 {
        let day = draw(&scenario, Day::any(seed));
        let shape = &day.fleet.series[0].demand.shape;
        assert_eq!(shape.values.len(), 24);
        for (block, values) in (0..).zip(shape.values.chunks(3)) {
            let season = (values[0] - 100) / 24;
            let expected: Vec<u32> =
                (0..3).map(|hour| 100 + season * 24 + block * 3 + hour).collect();
            assert_eq!(values, expected, "seed {seed}");
            *from.entry(season).or_default() += 1;
        }
        let alike = |other: &Shape| other.values == shape.values;
        assert!(day.fleet.series.iter().all(|series| alike(&series.demand.shape)));
        assert_eq!(
            draw(&scenario, Day::any(seed)).fleet.series[0].demand,
            day.fleet.series[0].demand
        );
    }
    // 1,600 blocks from four days: 400 of each, within four standard deviations.
    assert_eq!(from.len(), 4);
    assert!(from.values().all(|count| count.abs_diff(400) < 70), "{from:?}");
}

#[test]
fn demand_grows_as_it_was_said_to() {
    let mut scenario = scenario(&Size::default());
    scenario.ensemble.growth = Some(growth::quantiles(1.2, 1.5));
    let base = scenario.fleet.series[0].demand.base.0 as f64;
    let factors = |scenario: &Scenario| {
        let factor =
            |seed| draw(scenario, Day::any(seed)).fleet.series[0].demand.base.0 as f64 / base;
        let mut factors: Vec<f64> = (0..1_000).map(factor).collect();
        factors.sort_by(f64::total_cmp);
        factors
    };
    // Everything is ordered today and here in a year, and no day is planned for but that one.
    (scenario.ensemble.lead, scenario.ensemble.horizon) = (YEAR, Span(0));
    let in_a_year = factors(&scenario);
    assert!((in_a_year[500] - 1.2).abs() < 0.02, "{}", in_a_year[500]);
    assert!((in_a_year[950] - 1.5).abs() < 0.05, "{}", in_a_year[950]);
    // A few days that follow each other are spread like many.
    for first in 0..100 {
        let factor =
            |seed| draw(&scenario, Day::any(seed)).fleet.series[0].demand.base.0 as f64 / base;
        let above = (first..first + 20).filter(|seed| factor(*seed) > 1.2).count();
        assert!((9..=11).contains(&above), "{above} of 20 from {first}");
    }
    // Days lie evenly in the year before that.
    (scenario.ensemble.lead, scenario.ensemble.horizon) = (Span(0), YEAR);
    let until_then = factors(&scenario);
    assert!((until_then[500] - 1.07).abs() < 0.02, "{}", until_then[500]);
    assert!(until_then[0] >= 0.75 && until_then[999] < 1.8);
}

fn outages(day: &Scenario) -> Vec<(ClusterId, Tick, Option<Span>)> {
    let acts = day.timeline.iter().filter_map(|moment| {
        let Act::Outage { clusters, lasts } = &moment.act else { return None };
        Some((clusters[0], moment.at, *lasts))
    });
    acts.collect()
}

#[test]
fn clusters_fail_as_often_as_was_said_and_each_by_itself() {
    let mut scenario = scenario(&Size { duration: DAY, ..Size::default() });
    let units = |clusters: u32| (0..clusters).map(|cluster| vec![ClusterId(cluster)]).collect();
    let lasts = Delay::always(minutes(90));
    // As often as once in ten days.
    let failure = Failure { units: units(2), per_millennium: 36_525, lasts };
    scenario.ensemble.failures = vec![failure];
    let days: Vec<_> = (0..2_000).map(|seed| outages(&draw(&scenario, Day::any(seed)))).collect();
    let began = |day: &Vec<(ClusterId, Tick, Option<Span>)>| {
        day.iter().filter(|outage| outage.1 > Tick::ZERO).count()
    };
    let all: usize = days.iter().map(began).sum();
    assert!(all.abs_diff(400) < 80, "{all} of 400");
    // What began before the day and is still out was out for at most as long as it lasts.
    let earlier: Vec<_> = days.iter().flatten().filter(|outage| outage.1 == Tick::ZERO).collect();
    assert!(earlier.len().abs_diff(25) < 20, "{}", earlier.len());
    assert!(earlier.iter().all(|outage| outage.2 < Some(minutes(90))));
    // One more cluster that can fail changes nothing for the others.
    scenario.ensemble.failures[0].units = units(3);
    for (seed, day) in (0..).zip(&days).take(200) {
        let mut more = outages(&draw(&scenario, Day::any(seed)));
        more.retain(|outage| outage.0 != ClusterId(2));
        assert_eq!(more, *day, "seed {seed}");
    }
}

#[test]
fn one_of_those_that_are_to_spare_is_out_all_day() {
    let mut scenario = scenario(&Size::default());
    scenario.ensemble.spare = (0..3).map(|cluster| vec![ClusterId(cluster)]).collect();
    let mut out: BTreeMap<ClusterId, u32> = BTreeMap::new();
    for seed in 0..300 {
        let [(cluster, Tick(0), None)] = outages(&draw(&scenario, Day::any(seed)))[..] else {
            panic!("just one, from the start");
        };
        *out.entry(cluster).or_default() += 1;
    }
    assert!(out.len() == 3 && out.values().all(|count| count.abs_diff(100) < 35), "{out:?}");
}

#[test]
fn strata_together_say_what_days_at_random_do() {
    let mut scenario = scenario(&Size { duration: DAY, ..Size::default() });
    let units: Vec<Vec<ClusterId>> = (0..3).map(|cluster| vec![ClusterId(cluster)]).collect();
    let lasts = Delay::always(minutes(90));
    assert_eq!(failing_days(&scenario), None);
    // Something that is seldom, and something that happens nearly every day.
    let seldom = Failure { units: units.clone(), per_millennium: 20_000, lasts: lasts.clone() };
    let often = Failure { units, per_millennium: 400_000, lasts };
    scenario.ensemble.failures = vec![seldom.clone(), often];
    let likely = failing_days(&scenario).expect("something is seldom");
    let out = |stratum, count: u64| {
        let days = (0..count).map(|seed| outages(&draw(&scenario, Day::of(stratum, seed))).len());
        days.collect::<Vec<usize>>()
    };
    let mean = |days: &[usize]| days.iter().sum::<usize>() as f64 / days.len() as f64;
    let (all, calm, failing) =
        (out(Stratum::All, 4_000), out(Stratum::Calm, 2_000), out(Stratum::Failing, 2_000));
    let together = (1.0 - likely) * mean(&calm) + likely * mean(&failing);
    assert!((together - mean(&all)).abs() < 0.1, "{together} and {}", mean(&all));
    // Alone, what is seldom is there on just those days that it is likely on.
    scenario.ensemble.failures = vec![seldom];
    let alone = (0..4_000).filter(|seed| !outages(&draw(&scenario, Day::any(*seed))).is_empty());
    assert!((alone.count() as f64 / 4_000.0 - likely).abs() < 0.02, "{likely}");
    for seed in 0..100 {
        assert!(outages(&draw(&scenario, Day::of(Stratum::Calm, seed))).is_empty());
        assert!(!outages(&draw(&scenario, Day::of(Stratum::Failing, seed))).is_empty());
    }
}
