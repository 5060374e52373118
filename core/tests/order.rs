//! Who waits for whom: dependency gates, priorities, groups that call each other, traffic.

mod support;

use periplus_core::decision::{Closing, Verdict};
use periplus_core::effect::{Alert, Effect};
use periplus_core::event::Event;
use periplus_core::fleet::Place;
use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::intent::*;
use periplus_core::labels::*;
use periplus_core::state::Phase;
use periplus_core::units::*;
use support::*;

fn gate(component: u16, until: Milestone, scope: Scope) -> Gate {
    Gate {
        app: AppId(0),
        component: ComponentId(component),
        until,
        hold: Span(0),
        scope,
        deadline: None,
        otherwise: Otherwise::Hold,
    }
}

/// One app of two components: the second waits for the first as `gate` says.
fn gated(gate: Gate, zones: usize) -> (Bench, u32) {
    let mut bench = Bench::new(plain_policy());
    for _ in 0..3 {
        bench.cluster(Nodes { active_price: 0, ..Nodes::default() });
    }
    for from in 0..3 {
        let rtts: Vec<u32> = (0..3).map(|to| if from == to { 0 } else { 30 }).collect();
        bench.reach(Place::Cluster(ClusterId(from)), &rtts);
    }
    for zone in 0..zones {
        let rtts: Vec<u32> = (0..3).map(|to| if zone == to { 1 } else { 90 }).collect();
        bench.zone(&rtts);
    }
    let app = bench.app(|intent| {
        intent.worth.latency = MicroUsd(100);
        let mut second = component(intent.name);
        second.after.push(gate);
        intent.components.push(second);
        intent.groups = vec![group(intent.name, &[0, 1])];
    });
    let series = bench.series(app);
    (bench, series)
}

/// When each binding was primed, by cluster and component.
fn primed(bench: &Bench) -> Vec<(Tick, u32, u16)> {
    let effects =
        bench.log.iter().flat_map(|record| record.effects.iter().map(|one| (record.at, one)));
    effects
        .filter_map(|(at, issued)| {
            let Effect::Prime { target, .. } = &issued.effect else { return None };
            Some((at, target.cluster.0, target.component.0))
        })
        .collect()
}

#[test]
fn a_component_reaches_git_only_after_what_it_waits_for() {
    let table = [
        (Milestone::Deployed, Span(0), 22_000),
        (Milestone::Ready, Span(0), 62_000),
        (Milestone::Ready, Span(30_000), 92_000),
    ];
    for (until, hold, at) in table {
        let (mut bench, series) = gated(Gate { hold, ..gate(0, until, Scope::Same) }, 1);
        bench.demand(&[(series, 5)]);
        bench.run_for(Span(300_000));
        assert_eq!(primed(&bench), [(Tick(0), 0, 0), (Tick(at), 0, 1)], "{until:?} for {hold}");
        assert_eq!(bench.routes_of(series), [(0, 1_000)]);
        bench.verify();
    }
}

#[test]
fn scopes_say_where_the_condition_must_hold() {
    // The first zone comes up at once, the second 100 s later; its component waits as its scope says.
    let table = [(Scope::Same, 162_000), (Scope::Any, 100_000), (Scope::Every, 162_000)];
    for (scope, at) in table {
        let (mut bench, series) = gated(gate(0, Milestone::Ready, scope), 2);
        bench.demand(&[(series, 5)]);
        bench.run_for(Span(100_000));
        bench.demand(&[(series, 5), (series + 1, 5)]);
        bench.run_for(Span(300_000));
        let second = primed(&bench).into_iter().find(|one| (one.1, one.2) == (1, 1));
        assert_eq!(second, Some((Tick(at), 1, 1)), "{scope:?}");
        bench.verify();
    }
}

#[test]
fn nearest_waits_for_the_nearest_that_has_it() {
    let (mut bench, series) = gated(gate(0, Milestone::Ready, Scope::Nearest), 2);
    bench.demand(&[(series, 5)]);
    bench.run_for(Span(100_000));
    bench.demand(&[(series, 5), (series + 1, 5)]);
    bench.run_for(Span(300_000));
    let second = primed(&bench).into_iter().find(|one| (one.1, one.2) == (1, 1));
    assert_eq!(second, Some((Tick(162_000), 1, 1)), "the nearest is its own cluster's");
}

#[test]
fn a_deadline_holds_aborts_or_proceeds() {
    for otherwise in [Otherwise::Hold, Otherwise::Abort, Otherwise::Proceed] {
        let deadline = Some(Span(30_000));
        let gate = Gate { deadline, otherwise, ..gate(0, Milestone::Ready, Scope::Same) };
        let (mut bench, series) = gated(gate, 1);
        bench.delays.start = Span(3_600_000); // never ready in time
        bench.demand(&[(series, 5)]);
        bench.run_for(Span(120_000));
        let overdue = bench.log.iter().flat_map(|record| &record.effects);
        let overdue = overdue
            .filter(|one| matches!(one.effect, Effect::Alert(Alert::GateOverdue { .. })))
            .count();
        match otherwise {
            Otherwise::Hold => {
                assert_eq!((primed(&bench).len(), overdue), (1, 1));
                assert_eq!(bench.berths_of(0), [0]);
            }
            Otherwise::Abort => {
                assert!(overdue >= 1);
                assert!(!bench.berths_of(0).contains(&0), "cluster 0 was given up");
            }
            Otherwise::Proceed => {
                assert_eq!(overdue, 1);
                assert_eq!(primed(&bench), [(Tick(0), 0, 0), (Tick(30_000), 0, 1)]);
            }
        }
        bench.verify();
    }
}

#[test]
fn removal_runs_in_reverse() {
    let (mut bench, series) = gated(gate(0, Milestone::Ready, Scope::Same), 1);
    bench.demand(&[(series, 5)]);
    bench.run_for(Span(900_000));
    bench.demand(&[(series, 0)]);
    bench.run_for(Span(900_000));
    let removed: Vec<u16> = bench
        .events()
        .filter_map(|(_, event)| {
            if let Event::BindingRemoved { binding } = event {
                Some(binding.component.0)
            } else {
                None
            }
        })
        .collect();
    assert_eq!(removed, [1, 0]);
    bench.verify();
}

#[test]
fn a_higher_priority_takes_room_and_waits_until_it_is_free() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { nodes: 1, cpu: 4_000, ..Nodes::default() });
    bench.zone(&[5]);
    let low = bench.app(|_| {});
    let low = bench.series(low);
    let high = bench.app(|intent| intent.priority = 100);
    let high = bench.series(high);
    bench.demand(&[(low, 30)]);
    bench.run_for(Span(300_000));
    assert_eq!(bench.routes_of(low), [(0, 1_000)]);
    bench.demand(&[(high, 40)]);
    assert_eq!(bench.phases_in(1, 0), [Phase::Waiting]);
    let preempted = Verdict::Closed(Closing::Preempted);
    let reasons = &bench.log.last().unwrap().decisions;
    assert!(reasons.iter().any(|decision| decision.verdict == preempted), "{reasons:?}");
    bench.run_for(Span(60_000));
    assert_eq!(bench.phases_in(1, 0), [Phase::Waiting], "the room is not free yet");
    bench.run_for(Span(300_000));
    assert_eq!(bench.routes_of(high), [(0, 1_000)]);
    assert_eq!(bench.routes_of(low), []);
    bench.verify();
}

#[test]
fn equal_priorities_do_not_displace_each_other() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { nodes: 1, cpu: 4_000, ..Nodes::default() });
    bench.zone(&[5]);
    let first = bench.app(|_| {});
    let first = bench.series(first);
    let second = bench.app(|_| {});
    let second = bench.series(second);
    bench.demand(&[(first, 40)]);
    bench.run_for(Span(300_000));
    bench.demand(&[(second, 40)]);
    bench.run_for(Span(300_000));
    assert_eq!(bench.routes_of(first), [(0, 1_000)]);
    assert_eq!(bench.routes_of(second), []);
    bench.demand(&[(first, 0)]);
    bench.run_for(Span(1_200_000));
    assert_eq!(bench.routes_of(second), [(0, 1_000)], "it comes up once there is room");
    bench.verify();
}

#[test]
fn an_edge_front_calls_its_data_in_a_region() {
    let mut bench = Bench::new(plain_policy());
    let [tier, edge, region] = ["tier", "edge", "region"].map(|text| bench.name(text));
    for _ in 0..2 {
        bench.cluster(Nodes { labels: vec![(tier, edge)], ..Nodes::default() });
    }
    bench.cluster(Nodes { labels: vec![(tier, region)], ..Nodes::default() });
    bench.reach(Place::Cluster(ClusterId(0)), &[0, 2, 12]);
    bench.reach(Place::Cluster(ClusterId(1)), &[2, 0, 12]);
    bench.zone(&[2, 30, 30]);
    bench.zone(&[30, 2, 30]);
    let only = |value| {
        Selector(vec![Requirement { key: tier, operator: Operator::In, values: vec![value] }])
    };
    let app = bench.app(|intent| {
        intent.worth.latency = MicroUsd(50);
        intent.components.push(component(intent.name));
        let front = Group { selector: only(edge), ..group(intent.name, &[0]) };
        let data = Group {
            selector: only(region),
            stateful: true,
            standing: 1,
            ..group(intent.name, &[1])
        };
        intent.groups = vec![front, data];
        intent.calls = vec![GroupCall {
            from: GroupId(0),
            to: GroupId(1),
            share: Permille(1_000),
            round_trips: 1_000,
            bytes: Bytes(1_000),
        }];
    });
    assert_eq!(bench.berths_of(0), [2], "the data stands before anybody asks");
    let series = bench.series(app);
    bench.demand(&[(series, 15), (series + 1, 25)]);
    bench.run_for(Span(600_000));
    assert_eq!(bench.berths_of(0), [0, 1, 2]);
    let (_, data) = bench.state.berths().find(|(_, berth)| berth.cluster == ClusterId(2)).unwrap();
    assert_eq!(data.load, MilliRps(40 * RPS));
    assert_eq!(data.replicas(), 4);
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.demand(&[(series, 0), (series + 1, 0)]);
    bench.run_for(Span(3_600_000));
    assert_eq!(bench.berths_of(0), [2], "the data stays");
    bench.verify();
}

#[test]
fn traffic_moves_in_steps() {
    let mut policy = plain_policy();
    policy.traffic.step = Permille(250);
    policy.traffic.step_every = Span(30_000);
    let mut bench = Bench::new(policy);
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    bench.zone(&[5, 6]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 20)]);
    bench.run_for(Span(900_000));
    bench.command(Command::Drain(ClusterId(0)));
    let mut weights = Vec::new();
    for _ in 0..60 {
        bench.run_for(Span(5_000));
        let routes = bench.routes_of(series);
        if weights.last() != Some(&routes) {
            weights.push(routes);
        }
    }
    assert_eq!(
        weights,
        [
            vec![(0, 1_000)],
            vec![(0, 750), (1, 250)],
            vec![(0, 500), (1, 500)],
            vec![(0, 250), (1, 750)],
            vec![(1, 1_000)],
        ]
    );
    bench.verify();
}

#[test]
fn an_autoscaled_component_gets_bounds_once_and_room_as_planned() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.zone(&[5]);
    let app = bench.app(|intent| intent.components[0].scaling = Scaling::Hpa { min: 1, max: 6 });
    let series = bench.series(app);
    bench.demand(&[(series, 30)]);
    bench.run_for(Span(300_000));
    assert_eq!(bench.state.cluster(ClusterId(0)).held.cpu, 3_000);
    bench.demand(&[(series, 100)]);
    bench.run_for(Span(300_000));
    assert_eq!(bench.state.cluster(ClusterId(0)).held.cpu, 6_000);
    assert_eq!(primed(&bench).len(), 1, "the bounds do not change");
    assert_eq!(bench.state.series()[0].flow.unassigned(), Permille(400));
    bench.verify();
}

#[test]
fn an_autoscalers_least_is_written_only_where_it_fits() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.zone(&[5]);
    let app = bench.app(|intent| {
        // Its table ends before that many.
        intent.components[0].staffing = vec![(KindId(0), vec![MilliRps(10 * RPS)])];
        intent.components[0].scaling = Scaling::Hpa { min: 10, max: 10 };
    });
    let series = bench.series(app);
    bench.demand(&[(series, 5)]);
    bench.run_for(Span(300_000));
    assert_eq!(primed(&bench), [], "ten do not fit a cluster of eight");
    bench.capacity(ClusterId(0), 3, 4_000);
    bench.run_for(Span(300_000));
    assert_eq!(primed(&bench).len(), 1);
    bench.verify();
}
