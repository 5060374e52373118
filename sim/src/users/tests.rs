//! Demand, and how requests follow a new route.

use super::*;
use periplus_core::fleet::SeriesSpec;
use periplus_core::ids::{ClusterId, GroupId, KindId, ZoneId};
use periplus_core::units::Permille;
use periplus_spec::scenario::Demand;

const MINUTE: u64 = 60_000;
const TTL: Span = Span(60_000);

fn truth(base: u64, noise: u16, shape: &Arc<Shape>) -> SeriesTruth {
    SeriesTruth {
        spec: SeriesSpec::offered(AppId(0), ZoneId(0)),
        demand: Demand { base: MilliRps(base), shape: Arc::clone(shape), noise: Permille(noise) },
    }
}

fn flat() -> Arc<Shape> {
    Arc::new(Shape { step: Span::HOUR, values: vec![1_000] })
}

fn desks() -> Desks {
    let mut desks = Desks::new(1, 3);
    for cluster in 0..3 {
        desks.open(AppId(0), GroupId(0), ClusterId(cluster), KindId(0), Tick::ZERO);
    }
    desks
}

/// One interval after the other up to `end`, as the world drives it.
fn pass(users: &mut Users<'_>, desks: &mut Desks, from: u64, end: u64) {
    for minute in from / MINUTE..end / MINUTE {
        desks.unload_all(Tick(minute * MINUTE));
        users.begin_interval(Tick(minute * MINUTE), usize::MAX, desks);
    }
}

fn claims(users: &mut Users<'_>) -> Vec<(u32, u64)> {
    let mut by_desk = BTreeMap::new();
    users.take_claims(|claim, _| *by_desk.entry(claim.desk.0).or_insert(0) += claim.amount);
    by_desk.into_iter().filter(|claim| claim.1 > 0).collect()
}

const fn at(milliseconds: u32) -> MicrosRtt {
    MicrosRtt(milliseconds * 1_000)
}

#[test]
fn demand_follows_its_shape_its_surges_and_its_app() {
    let shape = Arc::new(Shape { step: Span::MINUTE, values: vec![500, 2_000] });
    let truths = [truth(10_000, 0, &shape), truth(4_000, 0, &flat())];
    let mut users = Users::new(&truths, 1, Span::MINUTE, TTL, &Luck::new(1));
    let mut desks = desks();
    pass(&mut users, &mut desks, 0, MINUTE);
    assert_eq!(users.rates(), [5_000, 4_000]);
    users.set_surge(SeriesId(1), 2_500);
    pass(&mut users, &mut desks, MINUTE, 2 * MINUTE);
    assert_eq!(users.rates(), [20_000, 10_000]);
    users.set_wanted(AppId(0), false);
    pass(&mut users, &mut desks, 2 * MINUTE, 3 * MINUTE);
    assert_eq!(users.rates(), [0, 0]);
}

#[test]
fn noise_stays_within_its_bounds_and_is_each_series_own() {
    let shape = flat();
    let truths: Vec<_> = (0..50).map(|_| truth(100_000, 200, &shape)).collect();
    let mut users = Users::new(&truths, 1, Span::MINUTE, TTL, &Luck::new(7));
    let mut few = Users::new(&truths[..10], 1, Span::MINUTE, TTL, &Luck::new(7));
    let mut desks = desks();
    let mut seen = Vec::new();
    for minute in 0..200 {
        pass(&mut users, &mut desks, minute * MINUTE, (minute + 1) * MINUTE);
        pass(&mut few, &mut desks, minute * MINUTE, (minute + 1) * MINUTE);
        assert_eq!(users.rates()[..10], *few.rates(), "more series do not change the others");
        seen.extend_from_slice(users.rates());
    }
    assert_eq!(seen.iter().min(), Some(&80_000));
    assert_eq!(seen.iter().max(), Some(&120_000));
    let mean = seen.iter().sum::<u64>() / seen.len() as u64;
    assert!(mean.abs_diff(100_000) < 500, "{mean}");
}

#[test]
fn requests_move_to_a_new_desk_over_one_ttl_and_none_is_lost() {
    let truths = [truth(6_000, 0, &flat())];
    let mut users = Users::new(&truths, 1, Span::MINUTE, TTL, &Luck::new(1));
    let mut desks = desks();
    pass(&mut users, &mut desks, 0, MINUTE);
    let series = SeriesId(0);
    users.route(series, &[(DeskId(1), at(5), 1_000)], Tick(30_000), &mut desks);
    pass(&mut users, &mut desks, MINUTE, 4 * MINUTE);
    users.count(Tick(4 * MINUTE));
    // 6 requests a second: nobody has them for 30 s, then half of them on average for another minute.
    let rate = 6_000;
    let nobody = rate * 30_000 + rate * 30_000;
    let served = rate * 4 * MINUTE - nobody;
    assert_eq!(claims(&mut users), [(1, served), (DeskId::NOBODY.0, nobody)]);
    assert_eq!(desks.rate(DeskId(1)), rate);
    assert_eq!(users.whereabouts(series, Tick(5 * MINUTE)), Mix::all_to(DeskId(1)));
}

#[test]
fn a_burst_splits_a_flow_and_a_weight_below_the_whole_leaves_some_unserved() {
    let truths = [truth(10_000, 0, &flat())];
    let mut users = Users::new(&truths, 1, Span::MINUTE, Span::ZERO, &Luck::new(1));
    let mut desks = desks();
    pass(&mut users, &mut desks, 0, MINUTE);
    let parts = [(DeskId(0), at(1), 500), (DeskId(2), at(9), 300)];
    users.route(SeriesId(0), &parts, Tick(0), &mut desks);
    assert_eq!((desks.rate(DeskId(0)), desks.rate(DeskId(2))), (5_000, 3_000));
    pass(&mut users, &mut desks, MINUTE, 2 * MINUTE);
    assert_eq!((desks.rate(DeskId(0)), desks.rate(DeskId(2))), (5_000, 3_000));
    users.count(Tick(2 * MINUTE));
    let parts = [(0, 600_000_000), (2, 360_000_000), (DeskId::NOBODY.0, 240_000_000)];
    assert_eq!(claims(&mut users), parts);
}

#[test]
fn the_books_can_be_taken_at_any_time() {
    let truths = [truth(9_999, 300, &flat())];
    let mut users = Users::new(&truths, 1, Span::MINUTE, TTL, &Luck::new(3));
    let mut desks = desks();
    let mut taken = 0;
    let mut offered = 0;
    for minute in 0..20_u64 {
        pass(&mut users, &mut desks, minute * MINUTE, (minute + 1) * MINUTE);
        offered += users.rates()[0] * MINUTE;
        let desk = DeskId(u32::try_from(minute % 3).unwrap());
        users.route(SeriesId(0), &[(desk, at(1), 1_000)], Tick(minute * MINUTE + 777), &mut desks);
        users.count(Tick(minute * MINUTE + 20_000));
        taken += claims(&mut users).iter().map(|claim| claim.1).sum::<u64>();
    }
    users.count(Tick(20 * MINUTE));
    taken += claims(&mut users).iter().map(|claim| claim.1).sum::<u64>();
    assert_eq!(taken, offered);
}
