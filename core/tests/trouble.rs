//! What goes wrong: silence, loss and return, drains, failures, the breakers.

mod support;

use periplus_core::decision::{Closing, Verdict};
use periplus_core::effect::{Alert, Effect};
use periplus_core::event::Event;
use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::state::{Health, Phase};
use periplus_core::units::*;
use support::*;

/// Four clusters, the first the nearest, one app served from it.
fn served_from_the_first() -> (Bench, u32) {
    let mut bench = Bench::new(plain_policy());
    for _ in 0..4 {
        bench.cluster(Nodes::default());
    }
    bench.zone(&[5, 40, 50, 60]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 30)]);
    bench.run_for(Span(900_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    (bench, series)
}

fn alerts(bench: &Bench) -> Vec<Alert> {
    let effects = bench.log.iter().flat_map(|record| &record.effects);
    effects
        .filter_map(
            |issued| {
                if let Effect::Alert(alert) = &issued.effect { Some(*alert) } else { None }
            },
        )
        .collect()
}

#[test]
fn a_silent_cluster_is_kept_then_replaced_then_returned_to() {
    let (mut bench, series) = served_from_the_first();
    bench.silent.push(ClusterId(0));
    bench.run_for(Span(150_000));
    assert!(matches!(bench.state.cluster(ClusterId(0)).health, Health::Unknown { .. }));
    assert_eq!(bench.routes_of(series), [(0, 1_000)], "unknown: keep all");
    bench.run_for(Span(400_000));
    assert!(matches!(bench.state.cluster(ClusterId(0)).health, Health::Lost { .. }));
    assert_eq!(bench.routes_of(series), [(1, 1_000)], "lost: replaced");
    assert_eq!(bench.berths_of(0), [0, 1], "still charged until seen removed");
    bench.run_for(Span(1_200_000));
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 3, "nor scaled in unseen");

    bench.silent.clear();
    bench.run_for(Span(600_000));
    assert_eq!(bench.state.cluster(ClusterId(0)).health, Health::Fresh);
    assert_eq!(bench.routes_of(series), [(1, 1_000)], "not before it has been stable");
    bench.run_for(Span(2_400_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)], "back");
    assert_eq!(bench.berths_of(0), [0]);
    bench.verify();
}

#[test]
fn when_too_many_fall_silent_at_once_we_are_blind_and_hold() {
    let (mut bench, series) = served_from_the_first();
    bench.silent = (0..4).map(ClusterId).collect();
    bench.run_for(Span(3_600_000));
    assert!(matches!(alerts(&bench)[..], [Alert::Blind { silent: 4, clusters: 4, .. }]));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    assert!(bench.state.clusters().iter().all(|cluster| !cluster.is_gone()));
    bench.silent.clear();
    bench.run_for(Span(60_000));
    assert_eq!(bench.state.holds().count(), 0);
    assert!(bench.state.clusters().iter().all(periplus_core::state::Cluster::is_fresh));
    bench.verify();
}

#[test]
fn who_is_heard_of_last_after_blindness_is_not_lost_for_it() {
    let (mut bench, series) = served_from_the_first();
    bench.silent = (0..3).map(ClusterId).collect();
    bench.run_for(Span(1_800_000));
    assert_eq!(bench.state.holds().count(), 1);
    // The others are heard of first; the first cluster comes a minute later.
    bench.silent = vec![ClusterId(0)];
    bench.run_for(Span(60_000));
    assert_eq!(bench.state.holds().count(), 0);
    bench.silent.clear();
    bench.run_for(Span(60_000));
    assert!(bench.state.clusters().iter().all(periplus_core::state::Cluster::is_fresh));
    assert!(!bench.events().any(|(_, event)| matches!(event, Event::ClusterLost { .. })));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    // Who stays silent is lost in the end.
    bench.silent = vec![ClusterId(0)];
    bench.run_for(Span(400_000));
    assert!(bench.state.cluster(ClusterId(0)).is_gone());
    bench.verify();
}

#[test]
fn a_returned_cluster_that_is_wanted_again_is_not_closed_first() {
    let (mut bench, series) = served_from_the_first();
    bench.silent.push(ClusterId(0));
    bench.run_for(Span(600_000));
    bench.silent.clear();
    bench.run_for(Span(3_000_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    assert!(!bench.events().any(|(_, event)| matches!(event, Event::BerthReopened { .. })));
    bench.verify();
}

#[test]
fn users_come_home_once_the_cluster_near_them_has_room() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { nodes: 1, ..Nodes::default() });
    bench.cluster(Nodes::default());
    bench.zone(&[5, 40]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.demand(&[(series, 60)]);
    bench.run_for(Span(1_800_000));
    assert_ne!(bench.routes_of(series), [(0, 1_000)]);
    bench.capacity(ClusterId(0), 2, 4_000);
    bench.run_for(Span(1_200_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.verify();
}

#[test]
fn an_app_that_has_yielded_does_not_yield_again_while_its_pods_are_going() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes { nodes: 1, ..Nodes::default() });
    bench.zone(&[5]);
    let low = bench.app(|_| {});
    let high = bench.app(|intent| intent.priority = 10);
    let (photos, calls) = (bench.series(low), bench.series(high));
    bench.demand(&[(photos, 40)]);
    bench.run_for(Span(900_000));
    bench.demand(&[(photos, 40), (calls, 20)]);
    bench.run_for(Span(2_000));
    bench.capacity(ClusterId(0), 1, 4_000);
    bench.run_for(Span(900_000));
    let yields = bench.log.iter().flat_map(|record| &record.decisions);
    let yields = yields.filter(|one| one.verdict == Verdict::Closed(Closing::Preempted)).count();
    assert_eq!(yields, 1);
    assert_eq!(bench.routes_of(calls), [(0, 1_000)]);
    assert_eq!(bench.routes_of(photos), [(0, 500)]);
    bench.verify();
}

#[test]
fn a_drained_cluster_empties_after_its_users_have_gone_elsewhere() {
    let (mut bench, series) = served_from_the_first();
    bench.command(Command::Drain(ClusterId(0)));
    bench.run_for(Span(30_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)], "not before the new one is ready");
    bench.run_for(Span(60_000));
    assert_eq!(bench.routes_of(series), [(1, 1_000)]);
    bench.run_for(Span(600_000));
    assert_eq!(bench.berths_of(0), [1]);
    assert_eq!(bench.state.cluster(ClusterId(0)).held.cpu, 0);
    bench.command(Command::Undrain(ClusterId(0)));
    bench.run_for(Span(3_600_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.verify();
}

#[test]
fn a_cordoned_cluster_keeps_what_it_has() {
    let (mut bench, series) = served_from_the_first();
    bench.command(Command::Cordon(ClusterId(0)));
    bench.run_for(Span(1_200_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.demand(&[(series, 60)]);
    bench.run_for(Span(300_000));
    let routes = bench.routes_of(series);
    assert_eq!(routes.len(), 2, "growth goes elsewhere: {routes:?}");
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 3);
    bench.verify();
}

#[test]
fn a_cluster_that_never_gets_ready_is_given_up_for_a_while() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.cluster(Nodes::default());
    bench.zone(&[5, 40]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.broken.push(ClusterId(0));
    bench.demand(&[(series, 30)]);
    bench.run_for(Span(600_000));
    assert_eq!(bench.berths_of(0), [0]);
    bench.run_for(Span(600_000));
    assert_eq!(bench.routes_of(series), [(1, 1_000)]);
    bench.broken.clear();
    bench.run_for(Span(3_600_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)], "tried again");
    bench.verify();
}

#[test]
fn a_retired_cluster_takes_everything_with_it() {
    let (mut bench, series) = served_from_the_first();
    bench.command(Command::RetireCluster(ClusterId(0)));
    assert_eq!(bench.routes_of(series), []);
    bench.run_for(Span(120_000));
    assert_eq!(bench.routes_of(series), [(1, 1_000)]);
    assert_eq!(bench.state.cluster(ClusterId(0)).held.cpu, 0);
    bench.verify();
}

/// Thirty zones with an app of their own cluster each.
fn wide_fleet() -> Bench {
    let mut policy = plain_policy();
    policy.breaker.floor = 2;
    let mut bench = Bench::new(policy);
    for _ in 0..30 {
        bench.cluster(Nodes::default());
    }
    for zone in 0..30 {
        let rtts: Vec<u32> = (0..30).map(|cluster| if cluster == zone { 1 } else { 90 }).collect();
        bench.zone(&rtts);
    }
    let app = bench.app(|intent| intent.worth.latency = MicroUsd(50));
    bench.series(app);
    let all: Vec<(u32, u64)> = (0..30).map(|series| (series, 10)).collect();
    bench.demand(&all);
    bench.run_for(Span(900_000));
    assert_eq!(bench.berths_of(0).len(), 30);
    bench
}

#[test]
fn a_sensor_that_shows_nothing_does_not_drain_the_fleet() {
    let mut bench = wide_fleet();
    let none: Vec<(u32, u64)> = (0..30).map(|series| (series, 0)).collect();
    bench.demand(&none);
    bench.run_for(Span(1_800_000));
    assert_eq!(bench.berths_of(0).len(), 30, "held");
    assert!(matches!(alerts(&bench)[..], [Alert::MassDrain { removals: 30, bindings: 30, .. }]));
    let (hold, _) = bench.state.holds().next().unwrap();

    let all: Vec<(u32, u64)> = (0..30).map(|series| (series, 10)).collect();
    bench.demand(&all);
    bench.run_for(Span(60_000));
    assert_eq!(bench.state.holds().count(), 0, "lifted when demand returns");

    bench.demand(&none);
    bench.run_for(Span(120_000));
    let (next, _) = bench.state.holds().next().unwrap();
    assert!(next > hold);
    bench.command(Command::Approve(next));
    bench.run_for(Span(1_800_000));
    assert_eq!(bench.berths_of(0).len(), 0, "approved");
    bench.verify();
}

#[test]
fn an_intent_that_vanishes_with_its_folder_is_held_too() {
    let mut bench = wide_fleet();
    bench.command(Command::WithdrawApp(AppId(0)));
    bench.run_for(Span(600_000));
    assert_eq!(bench.berths_of(0).len(), 30);
    let (hold, _) = bench.state.holds().next().unwrap();
    bench.command(Command::Approve(hold));
    bench.run_for(Span(600_000));
    assert_eq!(bench.state.berths().count(), 0);
    assert_eq!(bench.state.holds().count(), 0);
    let closed = bench.log.iter().flat_map(|record| &record.decisions);
    let withdrawn =
        closed.filter(|decision| decision.verdict == Verdict::Closed(Closing::Withdrawn));
    assert_eq!(withdrawn.count(), 30);
    bench.verify();
}

#[test]
fn what_is_wanted_again_before_it_was_gone_comes_back_even_if_its_app_is_held() {
    let mut policy = plain_policy();
    policy.breaker.floor = 1;
    let mut bench = Bench::new(policy);
    bench.cluster(Nodes::default());
    bench.zone(&[5]);
    let app = bench.app(|intent| {
        intent.components.push(component(intent.name));
        intent.groups[0].components.push(ComponentId(1));
    });
    let series = bench.series(app);
    bench.demand(&[(series, 30)]);
    bench.run_for(Span(300_000));
    let cluster = ClusterId(0);
    for listed in [1, 2] {
        let mut intent = bench.state.intent(app).clone();
        intent.generation += 1;
        intent.groups[0].components = (0..listed).map(ComponentId).collect();
        bench.command(Command::DeclareApp(app, Box::new(intent)));
    }
    bench.command(Command::WithdrawApp(app));
    assert_eq!(bench.state.holds().count(), 1);
    bench.run_for(Span(300_000));
    let added = bench.events().any(|(_, event)| matches!(event, Event::BindingAdded { .. }));
    assert!(added, "the second component was gone for a while");
    assert_eq!(bench.phases_in(0, 0), [Phase::Ready; 2]);
    let seen: Vec<u16> =
        bench.state.berth(BerthId(0)).bindings.iter().map(|one| one.seen).collect();
    assert_eq!((seen, bench.state.cluster(cluster).held.cpu), (vec![3, 3], 6_000));
    bench.verify();
}

#[test]
fn a_reading_from_before_a_binding_is_not_about_it() {
    let (mut bench, series) = served_from_the_first();
    let of_three = bench.log.iter().map(|record| record.input.clone()).find(|input| {
        matches!(input, Input::Observation(Observation { sight: Sight::Readiness { readings, .. }, .. })
            if readings[0].seen == Seen::Replicas(3))
    });
    bench.demand(&[(series, 0)]);
    bench.run_for(Span(1_800_000));
    assert_eq!(bench.state.berths().count(), 0);
    bench.demand(&[(series, 10)]);
    assert_eq!(bench.berths_of(0), [0]);
    // The new binding has the former one's id: this comes again, or late.
    bench.feed(&of_three.expect("its three replicas were seen"));
    assert_eq!(
        bench.log.last().map(|record| &*record.events),
        Some(&[Event::ObservationOutdated][..])
    );
    assert_eq!(bench.state.cluster(ClusterId(0)).held.cpu, 1_000);
    bench.run_for(Span(300_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    bench.verify();
}

#[test]
fn an_effect_that_fails_is_tried_again_until_it_is_done() {
    let mut bench = Bench::new(plain_policy());
    bench.cluster(Nodes::default());
    bench.zone(&[5]);
    let app = bench.app(|_| {});
    let series = bench.series(app);
    bench.delays.git = Span(3_600_000); // nobody reports by itself
    bench.demand(&[(series, 10)]);
    let key = bench.log.last().unwrap().effects[0].key;
    for outcome in [Outcome::Failed(Fault::GitRejected), Outcome::Unknown] {
        bench.feed(&Input::Report(EffectReport { key, outcome }));
        bench.run_for(Span(25_000));
        let repeated = bench.log.iter().rev().find(|record| !record.effects.is_empty()).unwrap();
        assert_eq!(repeated.effects[0].key, key, "the same effect under the same key");
    }
    bench.feed(&Input::Report(EffectReport { key, outcome: Outcome::Done }));
    assert_eq!(bench.phases_in(0, 0), [Phase::Primed]);
    let ignored = bench.log.len();
    bench.feed(&Input::Report(EffectReport { key, outcome: Outcome::Done }));
    assert_eq!(bench.log[ignored].events, [Event::ReportIgnored], "twice is harmless");
    bench.verify();
}

#[test]
fn a_pause_stops_all_changes_and_a_resume_makes_up_for_them() {
    let (mut bench, series) = served_from_the_first();
    bench.command(Command::Pause);
    bench.command(Command::Drain(ClusterId(0)));
    bench.demand(&[(series, 70)]);
    bench.run_for(Span(600_000));
    assert_eq!(bench.routes_of(series), [(0, 1_000)]);
    assert_eq!(bench.state.berth(BerthId(0)).replicas(), 3);
    bench.command(Command::Resume);
    bench.run_for(Span(600_000));
    assert_eq!(bench.routes_of(series), [(1, 1_000)]);
    bench.verify();
}
