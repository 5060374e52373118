//! What the machine gets to know, and when: the world's sensors and the way of their reports.

mod support;

use std::sync::Arc;

use periplus_core::fleet::Signal;
use periplus_core::ids::{ClusterId, SeriesId};
use periplus_core::input::{Command, Observation, Sight};
use periplus_core::units::{GramsPerKwh, MicroUsdPerHour, MilliRps, Span, Tick};
use periplus_core::{Input, Record};
use periplus_sim::run;
use periplus_spec::scenario::{Act, Delay, Scenario, Schedule, Shape};
use support::{Size, cluster, scenario, with};

/// A scenario whose demand is flat and whose reports take one second.
fn flat() -> Scenario {
    let mut made = scenario(&Size { noise: 0, ..Size::default() });
    let shape = Arc::new(Shape { step: Span::HOUR, values: vec![1_000] });
    for series in &mut made.fleet.series {
        series.demand.shape = Arc::clone(&shape);
        series.demand.base = MilliRps(50_000);
    }
    made.world.report_delay = Delay::always(Span::SECOND);
    made
}

fn minutes(minutes: u64) -> Span {
    Span(minutes * Span::MINUTE.0)
}

fn at(time: Span) -> Tick {
    Tick::ZERO.after(time)
}

fn records(scenario: &Scenario) -> Vec<Record> {
    let mut records = Vec::new();
    run(scenario, &mut records, &mut ()).expect("nothing can fail");
    records
}

/// What was seen of something, when it was true and when it was learned.
fn seen<T>(records: &[Record], pick: impl Fn(&Sight) -> Option<T>) -> Vec<(Tick, Tick, T)> {
    let observations = records.iter().filter_map(|record| {
        let Input::Observation(Observation { as_of, sight }) = &record.input else { return None };
        Some((*as_of, record.at, pick(sight)?))
    });
    observations.collect()
}

fn rate_of(series: u32) -> impl Fn(&Sight) -> Option<u64> {
    move |sight| {
        let Sight::Demand { rates, .. } = sight else { return None };
        let place = rates.binary_search_by_key(&SeriesId(series), |rate| rate.0).ok()?;
        Some(rates[place].1.0)
    }
}

fn heard(cluster: ClusterId) -> impl Fn(&Sight) -> Option<()> {
    move |sight| {
        let Sight::Heartbeats(clusters) = sight else { return None };
        clusters.contains(&cluster).then_some(())
    }
}

#[test]
fn demand_is_reported_for_the_interval_that_has_ended() {
    let surge = Act::Surge { series: vec![SeriesId(3)], factor: 2_000, lasts: Some(minutes(2)) };
    let made = with(flat(), vec![(Span(150_000), surge)]);
    let seen = seen(&records(&made), rate_of(3));
    let first: Vec<_> = seen.iter().take(6).copied().collect();
    let report =
        |minute, rate| (at(minutes(minute)), at(minutes(minute)).after(Span::SECOND), rate);
    // The surge of 2:30 holds from 3:00 on, is measured until 4:00, and over at 5:00.
    let expected = [(1, 50_000), (2, 50_000), (3, 50_000), (4, 100_000), (5, 100_000), (6, 50_000)];
    assert_eq!(first, expected.map(|(minute, rate)| report(minute, rate)));
}

#[test]
fn surges_multiply_and_the_last_word_on_a_sensor_holds() {
    let series = vec![SeriesId(0)];
    let surge = |factor| Act::Surge { series: series.clone(), factor, lasts: Some(minutes(10)) };
    let sensor = |shows| Act::Sensor { series: series.clone(), shows, lasts: Some(minutes(10)) };
    let made = with(
        flat(),
        vec![
            (minutes(5), surge(2_000)),
            (minutes(10), surge(3_000)),
            (minutes(30), sensor(Some(500))),
            (minutes(35), sensor(None)),
        ],
    );
    let seen = seen(&records(&made), rate_of(0));
    let rate = |minute| seen.iter().find(|seen| seen.0 == at(minutes(minute))).map(|seen| seen.2);
    assert_eq!(rate(8), Some(100_000));
    assert_eq!(rate(13), Some(300_000));
    assert_eq!(rate(18), Some(150_000));
    assert_eq!(rate(25), Some(50_000));
    assert_eq!(rate(33), Some(25_000));
    assert_eq!(rate(40), None, "a mute sensor says nothing");
    assert_eq!(rate(50), Some(50_000));
}

#[test]
fn a_signal_behind_the_desks_shows_only_what_is_served() {
    let mut made = flat();
    for series in &mut made.fleet.series {
        series.spec.signal = Signal::Served;
    }
    let seen = seen(&records(&made), rate_of(0));
    assert!(seen.iter().all(|seen| seen.2 == 0), "nobody is served, so nobody seems to ask");
}

#[test]
fn a_cluster_that_is_cut_off_says_nothing_and_then_everything() {
    let cut = Act::Partition { clusters: vec![cluster(1)], lasts: Some(minutes(10)) };
    let made = with(flat(), vec![(minutes(30), cut)]);
    let records = records(&made);
    let within = |as_of: Tick| as_of > at(minutes(30)) && as_of < at(minutes(40));
    let heartbeats = seen(&records, heard(cluster(1)));
    assert!(!heartbeats.iter().any(|heard| within(heard.0)));
    let about = |sight: &Sight| match sight {
        Sight::Capacity { cluster: of, .. } | Sight::Readiness { cluster: of, .. } => {
            (*of == cluster(1)).then_some(matches!(sight, Sight::Capacity { .. }))
        }
        Sight::Heartbeats(_)
        | Sight::Demand { .. }
        | Sight::Prices(_)
        | Sight::Carbon(_)
        | Sight::Reach { .. } => None,
    };
    let said = seen(&records, about);
    assert!(!said.iter().any(|said| within(said.0)));
    assert!(said.contains(&(at(minutes(40)), at(minutes(40)).after(Span::SECOND), true)));
    assert!(heartbeats.iter().any(|heard| heard.0 == at(minutes(40))));
}

#[test]
fn late_reports_tell_when_they_were_true() {
    let late =
        Act::LateReports { clusters: vec![cluster(2)], by: Span(70_000), lasts: Some(minutes(10)) };
    let made = with(flat(), vec![(minutes(30), late)]);
    for (as_of, learned, ()) in seen(&records(&made), heard(cluster(2))) {
        let slow = as_of >= at(minutes(30)) && as_of < at(minutes(40));
        let expected = if slow { Span(71_000) } else { Span::SECOND };
        assert_eq!(learned.since(as_of), expected, "{as_of}");
    }
}

#[test]
fn tariffs_are_told_when_they_change() {
    let mut made = flat();
    let grid = |minute, grams| (at(minutes(minute)), GramsPerKwh(grams));
    made.fleet.clusters[4].carbon = Schedule(vec![grid(0, 400), grid(60, 150), grid(120, 500)]);
    let storm = Act::Carbon {
        clusters: vec![cluster(4), cluster(5)],
        to: GramsPerKwh(900),
        lasts: Some(minutes(30)),
    };
    let dear = Act::Price { clusters: vec![cluster(0)], factor: 3_000, lasts: Some(minutes(5)) };
    let made = with(made, vec![(minutes(45), storm), (minutes(200), dear)]);
    let records = records(&made);
    let carbon = seen(&records, |sight| {
        let Sight::Carbon(carbon) = sight else { return None };
        Some(carbon.clone())
    });
    let carbon: Vec<_> = carbon.into_iter().map(|seen| (seen.0, seen.2)).collect();
    let both =
        |fourth, fifth| vec![(cluster(4), GramsPerKwh(fourth)), (cluster(5), GramsPerKwh(fifth))];
    let one = |grams| vec![(cluster(4), GramsPerKwh(grams))];
    assert_eq!(
        carbon,
        [
            (at(minutes(45)), both(900, 900)),
            // The schedule changes, but the storm still holds.
            (at(minutes(60)), one(900)),
            (at(minutes(75)), both(150, 400)),
            (at(minutes(120)), one(500)),
        ]
    );
    let prices = seen(&records, |sight| {
        let Sight::Prices(prices) = sight else { return None };
        Some(prices[0].1.core.0)
    });
    let base = made.fleet.clusters[0].prices.at(Tick::ZERO).core.0;
    let prices: Vec<_> = prices.into_iter().map(|seen| (seen.0, seen.2)).collect();
    assert_eq!(prices, [(at(minutes(200)), 3 * base), (at(minutes(205)), base)]);
}

#[test]
fn what_really_changes_is_so_before_anybody_is_told() {
    let mut made = flat();
    let change = at(minutes(60));
    let mut truth = made.fleet.clusters[2].clone();
    truth.prices.0[0].1.core = MicroUsdPerHour(77_000);
    truth.pools[0].nodes = 9;
    let join = made.setup.iter().find(|input| {
        matches!(input, Input::Command(Command::DeclareCluster(id, _)) if *id == cluster(2))
    });
    let told = vec![join.expect("it is declared").clone()];
    let truth = Box::new(truth);
    let changed = Act::ClusterChanged { cluster: cluster(2), truth };
    made = with(made, vec![(minutes(60), Act::Inputs(told)), (minutes(60), changed)]);
    let records = records(&made);
    let room = seen(&records, |sight| {
        let Sight::Capacity { cluster: of, pools } = sight else { return None };
        (*of == cluster(2)).then(|| pools[0].nodes[0].nodes)
    });
    let learned = change.after(Span::SECOND);
    assert!(room.contains(&(change, learned, 9)));
    assert!(room.iter().all(|(as_of, _, nodes)| (*as_of >= change) == (*nodes == 9)));
    let prices = seen(&records, |sight| {
        let Sight::Prices(prices) = sight else { return None };
        Some((prices[0].0, prices[0].1.core.0))
    });
    assert_eq!(prices, [(change, learned, (cluster(2), 77_000))]);
}
