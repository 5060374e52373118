//! Where apps go, and why: eligibility, prices, bursting, contraction, dwell.

mod support;

use periplus_core::capacity::Totals;
use periplus_core::decision::{Guard, ReasonCode, Subject, Verdict};
use periplus_core::event::Event;
use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::labels::*;
use periplus_core::units::*;
use periplus_core::{Outbox, State};
use support::*;

/// Two clusters at 5 and 10 ms, one app, one zone.
fn two_clusters() -> (Bench, u32) {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    bench.zone(&[5, 10]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    (bench, series)
}

#[test]
fn what_one_cluster_has_no_room_for_bursts_to_the_next_and_comes_back() {
    let (mut bench, series) = two_clusters();
    // Eight cores hold eight replicas: 80 requests a second.
    bench.demand(&[(series, 60)]);
    bench.run_for(Span(120_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.demand(&[(series, 100)]);
    bench.run_for(Span(120_000));
    assert_eq!(bench.routes_of(series), [(0, 800), (1, 200)]);
    bench.demand(&[(series, 50)]);
    bench.run_for(Span(3_600_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    assert_eq!(bench.berths_of(0), [0]);
    bench.verify();
}

#[test]
fn a_burst_contracts_before_its_first_cluster_shrinks() {
    let mut policy = plain_policy();
    policy.pace.scale_in_after = Span(60_000);
    let mut bench = Bench::new(policy);
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    bench.zone(&[5, 30]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 120)]);
    bench.run_for(Span(1_200_000));
    assert_eq!(bench.routes_of(series).len(), 2);
    bench.demand(&[(series, 60)]);
    bench.run_for(Span(90_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    let shrunk = bench.log.iter().flat_map(|record| &record.decisions).any(|decision| {
        let first = decision.subject == Subject::Berth(ClusterId(0));
        first && matches!(decision.verdict, Verdict::Scaled { from: 8, to } if to < 6)
    });
    assert!(!shrunk, "the first cluster never has less than it is about to need");
    bench.verify();
}

#[test]
fn who_is_served_by_nobody_from_the_start_is_told_why_once() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.zone(&[90]);
    let app = bench.app(|intent| intent.rules.max_rtt = Some(MicrosRtt(50_000)));
    let series = bench.series(app);
    for rate in [5, 6, 7] {
        bench.demand(&[(series, rate)]);
        bench.run_for(Span(1_200_000));
    }
    let decisions: Vec<_> = bench.log.iter().flat_map(|record| &record.decisions).collect();
    assert_eq!(decisions.len(), 1, "{decisions:?}");
    assert_eq!(decisions[0].verdict, Verdict::Unserved);
    assert_eq!(decisions[0].refusals, [(ReasonCode::TooFar, 1)]);
    bench.verify();
}

#[test]
fn an_app_that_was_kept_away_comes_once_the_other_has_gone() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { core_price: 30_000, ..Nodes::default() });
    bench.cluster(Nodes { core_price: 80_000, ..Nodes::default() });
    bench.zone(&[5, 5]);
    let first = bench.app(|_| {});
    let second = bench.app(|intent| intent.rules.avoid.push(first));
    let (one, other) = (bench.series(first), bench.series(second));
    bench.demand(&[(one, 20), (other, 20)]);
    bench.run_for(Span(1_200_000));
    assert_eq!((bench.berths_of(0), bench.berths_of(1)), (vec![0], vec![1]));
    bench.demand(&[(one, 0), (other, 20)]);
    bench.run_for(Span(1_800_000));
    assert_eq!((bench.berths_of(0), bench.berths_of(1)), (vec![], vec![0]));
    bench.verify();
}

#[test]
fn a_cheaper_cluster_within_the_latency_target_wins() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { core_price: 80_000, ..Nodes::default() });
    bench.cluster(Nodes { core_price: 30_000, ..Nodes::default() });
    bench.zone(&[2, 12]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 20)]);
    assert_eq!(bench.berths_of(0), [1]);
    let decision = bench.log.last().unwrap().decisions[0].clone();
    assert_eq!(decision.verdict, Verdict::Assigned);
    assert_eq!(decision.winner.unwrap().cluster, ClusterId(1));
    assert_eq!(decision.runner_up.unwrap().cluster, ClusterId(0));
    assert_eq!(decision.margin().unwrap(), MicroUsdPerHour(100_000));
}

#[test]
fn carbon_decides_between_equals() {
    let mut policy = plain_policy();
    policy.carbon_tonne = MicroUsd(100_000_000);
    let mut bench = Bench::new(policy);
    bench.cluster(Nodes { carbon: 900, ..Nodes::default() });
    bench.cluster(Nodes { carbon: 30, ..Nodes::default() });
    bench.zone(&[5, 6]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 20)]);
    assert_eq!(bench.berths_of(0), [1]);
}

#[test]
fn every_hard_rule_refuses_with_its_own_code() {
    let mut bench = Bench::new(plain_policy());
    let [tier, edge, gpu, yes] = ["tier", "edge", "gpu", "yes"].map(|text| bench.name(text));
    let labelled = |labels| Nodes { labels, ..Nodes::default() };
    bench.cluster(labelled(vec![(tier, edge)])); // 0 serves
    bench.cluster(labelled(vec![])); // 1 selector
    let taint = Taint { key: gpu, value: Some(yes), effect: TaintEffect::NoSchedule };
    bench.cluster(Nodes { taints: vec![taint], ..labelled(vec![(tier, edge)]) }); // 2 taint
    let cordoned = bench.cluster(labelled(vec![(tier, edge)])); // 3
    let draining = bench.cluster(labelled(vec![(tier, edge)])); // 4
    bench.cluster(Nodes { nodes: 1, cpu: 500, ..labelled(vec![(tier, edge)]) }); // 5 too small
    bench.cluster(labelled(vec![(tier, edge)])); // 6 too far
    bench.command(Command::Cordon(cordoned));
    bench.command(Command::Drain(draining));
    bench.zone(&[30, 1, 2, 3, 4, 5, 90]);
    let app = bench.app(|intent| {
        intent.rules.max_rtt = Some(MicrosRtt(50_000));
        intent.rules.selector.0.push(Requirement {
            key: tier,
            operator: Operator::In,
            values: vec![edge],
        });
    });
    let series = bench.series(app);
    bench.demand(&[(series, 5)]);
    assert_eq!(bench.berths_of(0), [0]);
    let refusals = bench.log.last().unwrap().decisions[0].refusals.clone();
    assert_eq!(
        refusals,
        [
            (ReasonCode::Cordoned, 1),
            (ReasonCode::Draining, 1),
            (ReasonCode::PodExceedsNode, 1),
            (ReasonCode::SelectorMismatch, 1),
            (ReasonCode::TaintNotTolerated, 1),
            (ReasonCode::TooFar, 1),
        ]
    );
}

#[test]
fn a_bill_is_explained_line_by_line_for_every_candidate() {
    let (bench, series) = two_clusters();
    let mut state = State::default();
    let mut out = Outbox::explaining();
    for record in &bench.log {
        state.verify(record, &mut out).unwrap();
    }
    let rates = vec![(SeriesId(series), MilliRps(15 * RPS))];
    let sight = Sight::Demand { source: SourceId(0), rates };
    let input = Input::Observation(Observation { as_of: Tick(0), sight });
    periplus_core::step(&mut state, Tick(0), &input, &mut out).unwrap();
    let explained = &out.explained.as_ref().unwrap()[0];
    assert_eq!(explained.candidates.len(), 2);
    let near = explained.candidates[0].outcome.unwrap();
    // Two replicas of one core at 40,000 µ$ and 256 MiB for nothing.
    assert_eq!(near.compute, MicroUsdPerHour(80_000));
    assert_eq!(near.fixed, MicroUsdPerHour(1_000));
    assert_eq!(near.latency, MicroUsdPerHour(0));
    // Starting costs 5,000 µ$, paid back in an hour; nobody moves.
    assert_eq!(near.moving, MicroUsdPerHour(5_000));
    assert_eq!(explained.candidates[0].choice(), out.decisions[0].winner);
    assert_eq!(explained.candidates[1].choice(), out.decisions[0].runner_up);
}

#[test]
fn a_price_that_flips_moves_the_app_once_its_dwell_is_over() {
    let (mut bench, series) = two_clusters();
    bench.demand(&[(series, 40)]);
    bench.run_for(Span(120_000));
    assert_eq!(bench.berths_of(0), [0]);
    let dear = periplus_core::fleet::Prices {
        core: MicroUsdPerHour(90_000),
        active: MicroUsdPerHour(1_000),
        ..Default::default()
    };
    bench.see(Sight::Prices(vec![(ClusterId(0), dear)]));
    bench.run_for(Span(60_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)], "held by dwell");
    let held = bench.log.iter().flat_map(|record| &record.decisions);
    let held: Vec<_> = held.filter_map(|decision| decision.held).collect();
    assert!(held.iter().any(|held| held.guard == Guard::Dwell), "{held:?}");
    bench.run_for(Span(1_200_000));
    assert_eq!(bench.routes_of(series), [(1, 1_000)]);
    assert_eq!(bench.berths_of(0), [1]);
    bench.verify();
}

#[test]
fn scaling_out_is_at_once_and_scaling_in_waits_for_its_window() {
    let (mut bench, series) = two_clusters();
    bench.demand(&[(series, 10)]);
    bench.run_for(Span(120_000));
    bench.demand(&[(series, 45)]);
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 5);
    bench.run_for(Span(120_000));
    bench.demand(&[(series, 10)]);
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 5);
    bench.run_for(Span(200_000));
    bench.demand(&[(series, 25)]);
    bench.run_for(Span(80_000));
    bench.demand(&[(series, 10)]);
    bench.run_for(Span(30_000));
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 3, "the window remembers its peak");
    bench.run_for(Span(400_000));
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 1);
    bench.verify();
}

#[test]
fn constant_inputs_change_nothing_once_settled() {
    let (mut bench, series) = two_clusters();
    for minute in 0..60 {
        bench.demand(&[(series, 95)]);
        bench.run_for(Span(60_000));
        if minute == 20 {
            bench.log.clear();
        }
    }
    let quiet = |event: &Event| {
        matches!(
            event,
            Event::DemandAccepted { .. }
                | Event::HeartbeatsAccepted
                | Event::Rang { .. }
                | Event::SilenceTimed { .. }
                | Event::BerthAdopted { .. }
                | Event::FlowAdopted { .. }
                | Event::AppStirred { .. }
                | Event::BerthUncapped { .. }
        )
    };
    let loud: Vec<_> = bench.events().filter(|(_, event)| !quiet(event)).collect();
    assert!(loud.is_empty(), "{loud:?}");
}

#[test]
fn a_tenants_quota_bounds_what_it_may_hold() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.zone(&[5]);
    let quota = Some(component(Symbol(0)).request).map(|mut quota| {
        quota.cpu = MilliCpu(3_000);
        quota.memory = MiB(100_000);
        quota
    });
    let name = bench.name("default");
    let spec = periplus_core::fleet::TenantSpec { name, clusters: Selector::default(), quota };
    bench.command(Command::DeclareTenant(TenantId(0), spec));
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 100)]);
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 3);
    let share = bench.state.series()[0].flow.unassigned();
    assert_eq!(share, Permille(700));
    assert_eq!(bench.state.clusters()[0].held.cpu, 3_000);
    assert_ne!(bench.state.clusters()[0].held, Totals::default());
}

#[test]
fn a_quota_bounds_all_clusters_of_one_plan_together() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { nodes: 1, ..Nodes::default() });
    bench.cluster(Nodes { nodes: 1, ..Nodes::default() });
    bench.zone(&[5, 10]);
    let quota = Some(component(Symbol(0)).request).map(|mut quota| {
        quota.cpu = MilliCpu(5_000);
        quota.memory = MiB(100_000);
        quota
    });
    let name = Symbol(0);
    let spec = periplus_core::fleet::TenantSpec { name, clusters: Selector::default(), quota };
    bench.command(Command::DeclareTenant(TenantId(0), spec));
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 500)]);
    let asked: u64 = bench.state.berths().map(|(_, berth)| berth.charged().cpu).sum();
    assert!(asked > 0 && asked <= 5_000, "{asked} of 5,000");
    bench.verify();
}

#[test]
fn one_plan_opens_no_more_clusters_than_a_group_may_be_in() {
    let mut bench = Bench::new(plain_policy());
    for _ in 0..3 {
        bench.cluster(Nodes { nodes: 1, ..Nodes::default() });
    }
    bench.zone(&[5, 10, 15]);
    let app = bench.app(|intent| intent.rules.max_clusters = Some(1));
    let series = bench.series(app);
    bench.demand(&[(series, 500)]);
    assert_eq!(bench.berths_of(0), [0]);
    bench.verify();
}

#[test]
fn an_older_price_that_comes_late_is_passed_over() {
    let (mut bench, _) = two_clusters();
    bench.run_for(Span(60_000));
    let price = |core: i64| periplus_core::fleet::Prices {
        core: MicroUsdPerHour(core),
        ..periplus_core::fleet::Prices::default()
    };
    let told = |as_of: u64, core: i64| {
        let sight = Sight::Prices(vec![(ClusterId(0), price(core))]);
        Input::Observation(Observation { as_of: Tick(as_of), sight })
    };
    bench.feed(&told(50_000, 7));
    bench.feed(&told(40_000, 9));
    assert_eq!(bench.state.cluster(ClusterId(0)).prices, price(7));
}
