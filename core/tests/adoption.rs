//! What runs already is taken over as it is, and then goes the way of everything that was bound.

mod support;

use periplus_core::adoption::{Adopted, Adoption, Sender, Sent};
use periplus_core::effect::Effect;
use periplus_core::event::{Event, Refusal};
use periplus_core::fleet::Place;
use periplus_core::ids::*;
use periplus_core::input::Command;
use periplus_core::state::Phase;
use periplus_core::units::*;
use support::*;

/// Two clusters, a zone near the first, and an app that nobody has bound.
fn bench() -> (Bench, u32) {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    bench.zone(&[5, 60]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    (bench, series)
}

fn berth(cluster: u32, replicas: u16) -> Adopted {
    let (app, group) = (AppId(0), GroupId(0));
    Adopted { app, group, cluster: ClusterId(cluster), replicas: vec![replicas] }
}

fn users(series: u32, to: &[(u32, u16)]) -> Sent {
    let to = to.iter().map(|(cluster, weight)| (ClusterId(*cluster), Permille(*weight)));
    Sent { from: Sender::Users(SeriesId(series)), to: to.collect() }
}

fn adopt(bench: &mut Bench, berths: Vec<Adopted>, flows: Vec<Sent>) {
    bench.command(Command::Adopt(Box::new(Adoption { berths, flows })));
}

#[test]
fn what_runs_where_it_should_stays_and_nothing_is_done_to_it() {
    let (mut bench, series) = bench();
    adopt(&mut bench, vec![berth(0, 2)], vec![users(series, &[(0, 1_000)])]);
    assert_eq!(bench.phases_in(0, 0), [Phase::Ready]);
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.demand(&[(series, 15)]);
    bench.run_for(Span(7_200_000));
    assert_eq!(bench.berths_of(0), [0]);
    let effects = bench.log.iter().flat_map(|record| &record.effects);
    assert_eq!(effects.count(), 0);
    bench.verify();
}

#[test]
fn what_runs_where_it_should_not_moves_and_is_removed() {
    let (mut bench, series) = bench();
    adopt(&mut bench, vec![berth(1, 2)], vec![users(series, &[(1, 1_000)])]);
    bench.demand(&[(series, 15)]);
    bench.run_for(Span(7_200_000));
    assert_eq!(bench.berths_of(0), [0]);
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    let withdrawn = bench.log.iter().flat_map(|record| &record.effects).filter_map(|issued| {
        let Effect::Withdraw { target, generation } = &issued.effect else { return None };
        Some((target.cluster, generation.0))
    });
    assert_eq!(withdrawn.collect::<Vec<_>>(), [(ClusterId(1), 2)], "newer than what ran");
    bench.verify();
}

#[test]
fn too_little_is_scaled_and_users_who_left_are_drained() {
    let (mut bench, series) = bench();
    adopt(&mut bench, vec![berth(0, 1)], vec![users(series, &[(0, 1_000)])]);
    bench.demand(&[(series, 30)]);
    bench.run_for(Span(600_000));
    assert!(bench.state.berth(BerthId(0)).replicas() > 1);
    bench.demand(&[(series, 0)]);
    bench.run_for(Span(7_200_000));
    assert_eq!(bench.state.bindings(), 0);
    bench.verify();
}

#[test]
fn groups_and_their_calls_are_taken_over_together() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    for from in 0..2 {
        bench.reach(Place::Cluster(ClusterId(from)), &[from * 10, (1 - from) * 10]);
    }
    bench.zone(&[5, 60]);
    let name = bench.name("data");
    let app = bench.app(|intent| {
        intent.components.push(component(name));
        intent.groups.push(group(name, &[1]));
        intent.calls.push(periplus_core::intent::GroupCall {
            from: GroupId(0),
            to: GroupId(1),
            share: Permille::WHOLE,
            round_trips: 1_000,
            bytes: Bytes(1_000),
        });
    });
    let series = bench.series(app);
    let data = Adopted { group: GroupId(1), ..berth(1, 2) };
    let call = Sender::Group { app, cluster: ClusterId(0), call: 0 };
    let calls = Sent { from: call, to: vec![(ClusterId(1), Permille::WHOLE)] };
    adopt(&mut bench, vec![berth(0, 2), data], vec![users(series, &[(0, 1_000)]), calls]);
    bench.demand(&[(series, 10)]);
    let loads: Vec<u64> = bench.state.berths().map(|(_, berth)| berth.load.0).collect();
    assert_eq!(loads, [10 * RPS, 10 * RPS]);
    bench.run_for(Span(3_600_000));
    bench.verify();
}

#[test]
fn what_cannot_be_is_refused_as_a_whole() {
    let (mut bench, series) = bench();
    let right = || (vec![berth(0, 2)], vec![users(series, &[(0, 1_000)])]);
    let wrong: [(&str, Vec<Adopted>, Vec<Sent>); 9] = [
        ("twice", vec![berth(0, 2), berth(0, 2)], vec![]),
        ("an unknown cluster", vec![berth(9, 2)], vec![]),
        ("nobody", vec![berth(0, 0)], vec![]),
        ("too many components", vec![Adopted { replicas: vec![1, 1], ..berth(0, 1) }], vec![]),
        ("more than fits", vec![berth(0, 500)], vec![]),
        ("users without a berth", vec![berth(0, 2)], vec![users(series, &[(1, 1_000)])]),
        ("more than all users", vec![berth(0, 2)], vec![users(series, &[(0, 1_001)])]),
        ("unknown users", vec![berth(0, 2)], vec![users(7, &[(0, 1_000)])]),
        (
            "users twice",
            vec![berth(0, 2)],
            vec![users(series, &[(0, 500)]), users(series, &[(0, 500)])],
        ),
    ];
    for (what, berths, flows) in wrong {
        adopt(&mut bench, berths, flows);
        let last = bench.log.last().expect("just made");
        let refused = [Event::CommandRefused { refusal: Refusal::Malformed }];
        assert_eq!(last.events, refused, "{what}");
    }
    let (berths, flows) = right();
    adopt(&mut bench, berths.clone(), flows.clone());
    assert_eq!(bench.berths_of(0), [0]);
    adopt(&mut bench, berths, flows);
    let last = bench.log.last().expect("just made");
    assert_eq!(last.events, [Event::CommandRefused { refusal: Refusal::Malformed }], "again");
}

#[test]
fn what_one_machine_runs_another_takes_over() {
    let (mut bench, series) = bench();
    adopt(&mut bench, vec![berth(1, 2)], vec![users(series, &[(1, 1_000)])]);
    bench.demand(&[(series, 15)]);
    bench.run_for(Span(7_200_000));
    let running = bench.state.running();
    assert_eq!(running.berths, [berth(0, 2)]);
    assert_eq!(running.flows, [users(series, &[(0, 1_000)])]);
    let (mut other, _) = self::bench();
    // Users may also be told of after what serves them.
    adopt(&mut other, running.berths.clone(), Vec::new());
    adopt(&mut other, Vec::new(), running.flows.clone());
    assert_eq!(other.state.running(), running);
    other.verify();
}
