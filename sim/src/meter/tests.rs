//! What the meters say of a few intervals, counted by hand.

use std::sync::Arc;

use super::*;
use crate::desks::Desks;
use crate::luck::Luck;
use crate::routes::Mix;
use periplus_core::fleet::{Power, Prices, SeriesSpec};
use periplus_core::ids::{ComponentId, GroupId, KindId, SeriesId, Symbol, TenantId};
use periplus_core::intent::{Activation, Group, GroupCall, Intent, RolloutRules, Rules, Worth};
use periplus_core::labels::Selector;
use periplus_core::units::{
    Bytes, GramsPerKwh, MicroUsd, MicroUsdPerHour, MicrosRtt, MilliRps, Permille,
};
use periplus_spec::scenario::{
    AgentTruth, AppTruth, ClusterTruth, ComponentTruth, Delay, Demand, Schedule, SeriesTruth,
    Shape, ZoneTruth,
};

const MINUTE: u64 = 60_000;

/// One app of two groups with one component each, one zone, two clusters ten milliseconds apart.
fn fleet(base: u64) -> Fleet {
    let component = |service| ComponentTruth {
        name: String::new(),
        image: String::new(),
        image_bytes: 0,
        start: Delay::always(Span::ZERO),
        visits: 1_000,
        concurrency: 1_000,
        service: vec![MicrosRtt(service)],
    };
    let prices = Prices { egress_gigabyte: MicroUsd(1_000_000), ..Prices::default() };
    let cluster = || ClusterTruth {
        name: String::new(),
        pools: Vec::new(),
        agent: AgentTruth { interval: Span::MINUTE, webhook: false, apply: Span::ZERO },
        pull_bytes_per_second: 1,
        joins: Tick::ZERO,
        power: Power::default(),
        prices: Schedule(vec![(Tick::ZERO, prices)]),
        carbon: Schedule(vec![(Tick::ZERO, GramsPerKwh(0))]),
        kind: KindId(0),
        location: None,
        upkeep: MicroUsd(0),
    };
    let shape = Arc::new(Shape { step: Span::HOUR, values: vec![1_000] });
    Fleet {
        clusters: vec![cluster(), cluster()],
        zones: vec![ZoneTruth { name: "zone".into(), location: None }],
        apps: vec![AppTruth {
            name: "app".into(),
            components: vec![component(20_000), component(30_000)],
            slo_latency: MicrosRtt(100_000),
            groups: Vec::new(),
        }],
        series: vec![SeriesTruth {
            spec: SeriesSpec::offered(AppId(0), ZoneId(0)),
            demand: Demand { base: MilliRps(base), shape, noise: Permille(0) },
        }],
        ..Fleet::default()
    }
}

fn intent() -> Intent {
    let group = |component| Group {
        name: Symbol(0),
        components: vec![ComponentId(component)],
        selector: Selector::default(),
        stateful: false,
        standing: 0,
        pinned: None,
    };
    Intent {
        name: Symbol(0),
        tenant: TenantId(0),
        generation: 1,
        priority: 0,
        components: Vec::new(),
        groups: vec![group(0), group(1)],
        calls: vec![GroupCall {
            from: GroupId(0),
            to: GroupId(1),
            share: Permille::WHOLE,
            round_trips: 2_000,
            bytes: Bytes(3_000),
        }],
        rules: Rules::default(),
        activation: Activation {
            above: MilliRps(500),
            dwell: Span::ZERO,
            idle_below: MilliRps(500),
            idle_after: Span::ZERO,
        },
        worth: Worth {
            latency_target: MicrosRtt(0),
            service_time: MicrosRtt(0),
            latency: MicroUsd(0),
            unserved: MicroUsd(0),
            response: Bytes(5_000),
        },
        rollout: RolloutRules::default(),
    }
}

/// Everything that the meter looks at, driven by hand.
struct Bench<'s> {
    fleet: &'s Fleet,
    users: Users<'s>,
    desks: Desks,
    intents: Intents,
    meter: Meter<'s>,
}

impl<'s> Bench<'s> {
    fn new(fleet: &'s Fleet) -> Self {
        let mut bench = Self {
            fleet,
            users: Users::new(&fleet.series, 1, Span::MINUTE, Span::ZERO, &Luck::new(1)),
            desks: Desks::new(1, 2),
            intents: Intents::of(vec![intent()]),
            meter: Meter::new(fleet),
        };
        for (group, cluster) in [(0, 0), (1, 0), (1, 1)] {
            let (id, cluster) = (ComponentId(group), ClusterId(cluster));
            let desk = bench.desks.open(AppId(0), GroupId(group), cluster, KindId(0), Tick::ZERO);
            let truth = &fleet.apps[0].components[usize::from(group)];
            let calls = (0..usize::from(group == 0)).map(|_| 0);
            bench.desks.reshape(desk, [(id, truth)].into_iter(), calls, Tick::ZERO);
            bench.desks.staff(desk, id, 1, Tick::ZERO);
        }
        bench
    }

    /// Sends all users to the front, five milliseconds away, and its calls to this cluster.
    fn route(&mut self, calls_to: u32) {
        let front = DeskId(0);
        let parts = [(front, MicrosRtt(5_000), 1_000)];
        self.users.route(SeriesId(0), &parts, Tick::ZERO, &mut self.desks);
        let back = DeskId(1 + calls_to);
        let split = &mut self.desks.get_mut(front).calls[0].1;
        split.publish(Mix::all_to(back), Tick::ZERO, Span::ZERO);
        self.desks.load(back, self.users.rates()[0].min(self.desks.limit(front)));
    }

    fn begin(&mut self) {
        self.users.begin_interval(Tick::ZERO, 1, &mut self.desks);
    }

    fn close(&mut self) -> &Book {
        let catalog = Catalog::new(&self.fleet.apps);
        let tariffs = Tariffs::new(&self.fleet.clusters);
        let rtt = |from, to| Some(if from == to { 0.0 } else { 10_000.0 });
        self.meter.close_interval(&mut Sights {
            now: Tick(15 * MINUTE),
            users: &mut self.users,
            desks: &mut self.desks,
            catalog: &catalog,
            tariffs: &tariffs,
            intents: &self.intents,
            ttl: Span::ZERO,
            rtt: &rtt,
        });
        &self.meter.apps()[0]
    }
}

fn close_to(value: f64, known: f64, part: f64) {
    assert!((value / known - 1.0).abs() < part, "{value} is not near {known}");
}

#[test]
fn a_request_takes_its_way_its_visits_and_its_calls() {
    let fleet = fleet(100_000);
    for (calls_to, crossing) in [(0, 0.0), (1, 20.0)] {
        let mut bench = Bench::new(&fleet);
        bench.begin();
        bench.route(calls_to);
        let book = bench.close();
        assert_eq!((book.offered, book.served), (90_000_000_000, 90_000_000_000));
        // 5 ms to the cluster, 20 and 30 ms of work, and two round trips to the other cluster.
        close_to(book.latency.mean() / 1e3, 55.0 + crossing, 0.02);
        let attained = book.attained as f64 / book.offered as f64;
        // Of work that is exponential twice, 20 and 30 ms: 1 − 3·e^(−t/30) + 2·e^(−t/20).
        let left = 95.0 - crossing;
        let known = 1.0 - 3.0 * libm::exp(-left / 30.0) + 2.0 * libm::exp(-left / 20.0);
        close_to(attained, known, 0.01);
        // 5 kB leave the front per request, and 3 kB more if the call crosses; one dollar per gigabyte.
        let bytes = if crossing > 0.0 { 8_000.0 } else { 5_000.0 };
        close_to(book.money.egress, 90_000.0 * bytes / 1e9, 1e-6);
    }
}

#[test]
fn what_one_group_cannot_serve_is_not_served_at_all() {
    let fleet = fleet(100_000_000);
    let mut bench = Bench::new(&fleet);
    bench.begin();
    bench.route(0);
    let book = bench.close();
    // Of 100,000 requests a second the front lets through 99 % of 1,000 servers ÷ 20 ms, and of those the
    // back serves 99 % of 1,000 ÷ 30 ms.
    close_to(book.served as f64 / book.offered as f64, 0.99 * 33_333.3 / 100_000.0, 0.001);
}

#[test]
fn nobody_to_serve_means_unserved_and_too_few_users_mean_dormant() {
    for (base, dormant) in [(400, true), (600, false)] {
        let fleet = fleet(base);
        let mut bench = Bench::new(&fleet);
        bench.begin();
        let book = bench.close();
        assert_eq!((book.offered, book.served), (base * 15 * MINUTE, 0));
        assert_eq!(book.dormant, if dormant { book.offered } else { 0 });
        assert!(book.latency.mean().abs() < f64::EPSILON);
    }
}

#[test]
fn an_interval_becomes_a_row_and_a_zone_keeps_its_own_book() {
    let fleet = fleet(100_000);
    let mut bench = Bench::new(&fleet);
    bench.begin();
    bench.route(0);
    bench.close();
    let row = bench.meter.rows()[0];
    close_to(row.offered, 90_000.0, 1e-9);
    close_to(row.p50_ms, bench.meter.apps()[0].quantile_ms(0.5), 1e-9);
    close_to(row.cost_per_hour, bench.meter.apps()[0].money.total() * 4.0, 1e-9);
    let zones: Vec<_> = bench.meter.zones().collect();
    assert_eq!((zones.len(), zones[0].1.offered), (1, 90_000_000_000));
}

#[test]
fn a_desk_pays_for_what_it_holds_at_the_tariff_of_the_time() {
    let mut fleet = fleet(0);
    let price = |core| Prices { core: MicroUsdPerHour(core), ..Prices::default() };
    fleet.clusters[0].prices =
        Schedule(vec![(Tick::ZERO, price(1_000_000)), (Tick(5 * MINUTE), price(4_000_000))]);
    let mut bench = Bench::new(&fleet);
    let core = periplus_core::fleet::Resources {
        cpu: periplus_core::units::MilliCpu(1_000),
        ..Default::default()
    };
    bench.desks.hold(DeskId(0), &core, Tick::ZERO);
    let mut tariffs = Tariffs::new(&fleet.clusters);
    let cluster = ClusterId(0);
    assert_eq!(tariffs.due(Tick(5 * MINUTE)), [vec![cluster], vec![]]);
    bench.meter.bill_cluster(cluster, Tick(5 * MINUTE), &mut bench.desks, &tariffs);
    tariffs.refresh(cluster, Tick(5 * MINUTE));
    bench.meter.bill_cluster(cluster, Tick(15 * MINUTE), &mut bench.desks, &tariffs);
    // Five minutes at one dollar an hour and ten at four.
    close_to(bench.close().money.compute, 1.0 / 12.0 + 4.0 / 6.0, 1e-9);
}
