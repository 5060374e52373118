//! New content comes to clusters a few at a time, and what fails fails in one of them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use periplus_core::decision::{Guard, Verdict};
use periplus_core::effect::{Alert, Effect, Scale};
use periplus_core::event::{Event, RolloutFact};
use periplus_core::fleet::Place;
use periplus_core::ids::*;
use periplus_core::input::*;
use periplus_core::intent::*;
use periplus_core::state::{Content, Phase};
use periplus_core::units::*;
use support::*;

const APP: AppId = AppId(0);

/// An app in as many clusters as zones have these rates: each zone beside a cluster of its own.
fn spread(rates: &[u64]) -> Bench {
    let mut bench = Bench::new(plain_policy());
    let clusters = u32::try_from(rates.len()).unwrap();
    for _ in 0..clusters {
        bench.cluster(Nodes::default());
    }
    for zone in 0..clusters {
        let rtts: Vec<u32> = (0..clusters).map(|to| 2 + zone.abs_diff(to) * 60).collect();
        bench.zone(&rtts);
    }
    bench.app(|_| {});
    bench.series(APP);
    let rates: Vec<(u32, u64)> = (0..).zip(rates).map(|(zone, rate)| (zone, *rate)).collect();
    bench.demand(&rates);
    bench.run_for(Span(600_000));
    assert_eq!(bench.berths_of(0).len(), rates.len());
    bench
}

fn declare(bench: &mut Bench, change: impl FnOnce(&mut Intent)) {
    let mut intent = bench.state.intent(APP).clone();
    intent.generation += 1;
    change(&mut intent);
    bench.command(Command::DeclareApp(APP, Box::new(intent)));
}

fn rolled(bench: &mut Bench, revision: u64, rules: RolloutRules) {
    declare(bench, |intent| {
        intent.components[0].revision = revision;
        intent.rollout = rules;
    });
}

/// The revision that git has in each cluster.
fn revisions(bench: &Bench) -> Vec<u64> {
    let mut found: Vec<(ClusterId, u64)> = bench
        .state
        .berths()
        .filter(|(_, berth)| berth.is_live())
        .map(|(_, berth)| (berth.cluster, berth.bindings[0].revision))
        .collect();
    found.sort_unstable();
    found.into_iter().map(|found| found.1).collect()
}

/// When each cluster's turn began, in order.
fn turns(bench: &Bench) -> Vec<(u64, u32)> {
    let turn = |(at, event): (Tick, &Event)| {
        let Event::Rollout { fact: RolloutFact::Advanced(cluster), .. } = event else {
            return None;
        };
        Some((at.0, cluster.0))
    };
    bench.events().filter_map(turn).collect()
}

fn guards(bench: &Bench) -> Vec<Guard> {
    let decisions = bench.log.iter().flat_map(|record| &record.decisions);
    let held = decisions.filter(|decision| decision.verdict == Verdict::Held);
    held.filter_map(|decision| Some(decision.held?.guard)).collect()
}

/// A cluster says that what was written last has failed.
fn fail(bench: &mut Bench, cluster: ClusterId) {
    let berths = bench.state.berths().filter(|(_, berth)| berth.cluster == cluster);
    let (id, berth) = berths.into_iter().next().unwrap();
    let binding = &berth.bindings[0];
    let reading = Reading {
        binding: BindingId { berth: id, component: ComponentId(0) },
        generation: binding.generation,
        cause: binding.cause.unwrap(),
        seen: Seen::Failed(Fault::PodFailed),
    };
    bench.see(Sight::Readiness { cluster, readings: vec![reading] });
}

#[test]
fn clusters_get_new_content_one_after_the_other_and_who_serves_least_goes_first() {
    let mut bench = spread(&[30, 10, 20, 20]);
    rolled(&mut bench, 2, RolloutRules::default());
    assert_eq!(revisions(&bench), [1, 2, 1, 1]);
    assert_eq!(guards(&bench), [Guard::Rollout; 3]);
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [2; 4]);
    let order: Vec<u32> = turns(&bench).iter().map(|turn| turn.1).collect();
    assert_eq!(order, [1, 2, 3, 0]);
    let began: Vec<u64> = turns(&bench).iter().map(|turn| turn.0).collect();
    assert!(began.windows(2).all(|two| two[1] - two[0] >= 62_000), "{began:?}");
    assert!(bench.state.app(APP).rollout.is_none());
    bench.verify();
}

#[test]
fn as_many_as_may_be_unavailable_go_together() {
    let mut bench = spread(&[30, 10, 20, 20]);
    rolled(&mut bench, 2, RolloutRules { max_unavailable: 3, ..RolloutRules::default() });
    assert_eq!(revisions(&bench), [1, 2, 2, 2]);
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [2; 4]);
}

#[test]
fn a_cluster_soaks_before_the_next_begins_and_soaks_anew_if_it_loses_replicas() {
    let mut bench = spread(&[10, 20]);
    let soak = Span(300_000);
    rolled(&mut bench, 2, RolloutRules { soak, ..RolloutRules::default() });
    bench.run_for(Span(200_000));
    assert_eq!(revisions(&bench), [2, 1]);
    let (id, berth) = bench.state.berths().next().unwrap();
    let (generation, cause) = (berth.bindings[0].generation, berth.bindings[0].cause.unwrap());
    let binding = BindingId { berth: id, component: ComponentId(0) };
    let lost = bench.now;
    for seen in [0, 1] {
        let reading = Reading { binding, generation, cause, seen: Seen::Replicas(seen) };
        bench.see(Sight::Readiness { cluster: ClusterId(0), readings: vec![reading] });
    }
    bench.run_for(Span(600_000));
    assert_eq!(turns(&bench)[1], (lost.0 + soak.0, 1));
    bench.verify();
}

#[test]
fn a_failed_cluster_stops_the_rollout_and_the_former_version_heals_it_at_once() {
    let mut bench = spread(&[10, 20, 20]);
    bench.broken.push(ClusterId(0));
    rolled(&mut bench, 2, RolloutRules::default());
    bench.run_for(Span(30_000));
    fail(&mut bench, ClusterId(0));
    let alerts = bench.state.outstanding();
    let failed = |effect: &Effect| matches!(effect, Effect::Alert(Alert::BindingFailed { .. }));
    assert!(alerts.into_iter().any(|issued| failed(&issued.effect)));
    bench.run_for(Span(400_000));
    assert_eq!(turns(&bench).len(), 1, "nobody else is touched");
    assert!(guards(&bench).contains(&Guard::RolloutFailed));
    bench.broken.clear();
    rolled(&mut bench, 1, RolloutRules::default());
    bench.run_for(Span(400_000));
    assert_eq!(revisions(&bench), [1; 3]);
    assert_eq!(turns(&bench).len(), 1, "no turn is needed to go back");
    assert_eq!(bench.routes_of(0), [(0, 1_000)], "users are back where they were");
    bench.verify();
}

#[test]
fn who_is_not_ready_in_time_in_its_turn_has_failed() {
    let mut bench = spread(&[10, 20]);
    bench.broken.push(ClusterId(0));
    rolled(&mut bench, 2, RolloutRules::default());
    bench.run_for(Span(3_600_000));
    assert_eq!(turns(&bench).len(), 1);
    let stopped = bench.events().any(|(_, event)| {
        matches!(event, Event::Rollout { fact: RolloutFact::Stopped(ClusterId(0)), .. })
    });
    assert!(stopped);
}

#[test]
fn after_the_first_a_person_is_asked_and_a_newer_declaration_drops_the_question() {
    let mut bench = spread(&[10, 20, 20]);
    let asking = RolloutRules {
        approval: Approval::AfterFirst,
        max_unavailable: 2,
        ..RolloutRules::default()
    };
    rolled(&mut bench, 2, asking);
    bench.run_for(Span(3_600_000));
    assert_eq!(revisions(&bench), [2, 1, 1]);
    assert!(guards(&bench).contains(&Guard::RolloutHeld(HoldId(0))));
    rolled(&mut bench, 3, asking);
    assert_eq!(bench.state.holds().count(), 0);
    bench.run_for(Span(3_600_000));
    assert_eq!(revisions(&bench), [3, 1, 1]);
    let hold = bench.state.holds().next().unwrap().0;
    bench.command(Command::Approve(hold));
    assert_eq!(revisions(&bench), [3, 3, 3]);
    bench.run_for(Span(600_000));
    assert!(bench.state.app(APP).rollout.is_none());
    assert_eq!(bench.state.holds().count(), 0);
    bench.verify();
}

#[test]
fn while_paused_nothing_is_rewritten_and_replicas_still_follow_demand() {
    let mut bench = spread(&[10, 20]);
    let paused = RolloutRules { paused: true, ..RolloutRules::default() };
    rolled(&mut bench, 2, paused);
    assert_eq!(guards(&bench), [Guard::RolloutPaused; 2]);
    bench.demand(&[(0, 40)]);
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [1, 1]);
    let binding = &bench.state.berths().next().unwrap().1.bindings[0];
    assert_eq!((binding.primed, binding.seen, binding.phase), (4, 4, Phase::Ready));
    let rescaled = bench.log.iter().flat_map(|record| &record.effects).any(|issued| {
        matches!(issued.effect, Effect::Prime { revision: 1, scale: Scale::Replicas(4), .. })
    });
    assert!(rescaled, "what is written anew is the former content with more replicas");
    rolled(&mut bench, 2, RolloutRules::default());
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [2, 2]);
    bench.verify();
}

#[test]
fn an_app_that_opens_during_a_rollout_has_the_newest_content_at_once() {
    let mut bench = spread(&[10, 20]);
    let cluster = bench.cluster(Nodes::default());
    bench.reach(Place::Zone(ZoneId(0)), &[2, 62, 8]);
    rolled(&mut bench, 2, RolloutRules { paused: true, ..RolloutRules::default() });
    bench.command(Command::Pin { app: APP, group: GroupId(0), cluster });
    bench.run_for(Span(60_000));
    let revision = bench.state.berths().find(|(_, berth)| berth.cluster == cluster);
    assert_eq!(revision.unwrap().1.bindings[0].revision, 2);
}

#[test]
fn a_silent_cluster_is_passed_over_until_it_is_heard_of_again() {
    let mut bench = spread(&[10, 20, 20]);
    bench.silent.push(ClusterId(0));
    bench.run_for(Span(200_000));
    rolled(&mut bench, 2, RolloutRules::default());
    bench.run_for(Span(200_000));
    assert_eq!(revisions(&bench), [1, 2, 2]);
    bench.silent.clear();
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [2, 2, 2]);
    assert!(bench.state.app(APP).rollout.is_none());
    bench.verify();
}

#[test]
fn a_cluster_that_falls_silent_in_its_turn_holds_the_others_up_until_it_counts_as_lost() {
    let mut bench = spread(&[10, 20, 20]);
    bench.silent.push(ClusterId(0));
    rolled(&mut bench, 2, RolloutRules::default());
    let trust = bench.state.policy().trust;
    bench.run_for(Span(trust.lost_after.0 / 2));
    assert_eq!(turns(&bench).len(), 1);
    bench.run_for(Span(trust.lost_after.0 + 1_200_000));
    assert_eq!(turns(&bench).len(), 3);
}

#[test]
fn a_component_that_is_new_comes_with_the_clusters_turn() {
    let mut bench = spread(&[10, 20]);
    declare(&mut bench, |intent| {
        let second = Component { revision: 7, ..component(intent.name) };
        intent.components.push(second);
        intent.groups[0].components.push(ComponentId(1));
    });
    let bindings = |bench: &Bench| -> Vec<usize> {
        bench.state.berths().map(|(_, berth)| berth.bindings.len()).collect()
    };
    assert_eq!(bindings(&bench), [2, 1]);
    bench.run_for(Span(600_000));
    assert_eq!(bindings(&bench), [2, 2]);
    let all = bench.state.berths().flat_map(|(_, berth)| &berth.bindings);
    assert!(all.into_iter().all(|one| one.replicas > 0 && one.phase == Phase::Ready));
    declare(&mut bench, |intent| intent.groups[0].components.truncate(1));
    let leaving = |bench: &Bench| {
        let all = bench.state.berths().flat_map(|(_, berth)| berth.bindings.clone());
        all.filter(|one| one.content == Content::Leaving).count()
    };
    assert_eq!(leaving(&bench), 1);
    bench.run_for(Span(600_000));
    assert_eq!(bindings(&bench), [1, 1]);
    bench.verify();
}

#[test]
fn who_does_not_serve_has_nothing_to_lose_and_waits_for_nobody() {
    let mut bench = spread(&[10, 20, 30]);
    for cluster in [0, 1] {
        bench.broken.push(ClusterId(cluster));
    }
    // Three versions in a row: each cluster that was written and is not ready is written again at once.
    rolled(&mut bench, 2, RolloutRules { max_unavailable: 2, ..RolloutRules::default() });
    bench.run_for(Span(30_000));
    rolled(&mut bench, 3, RolloutRules { max_unavailable: 2, ..RolloutRules::default() });
    assert_eq!(revisions(&bench), [3, 3, 1], "they keep their turns, and nobody joins them");
    bench.verify();
}

#[test]
fn where_fewer_may_be_unavailable_who_is_not_ready_keeps_its_turn_and_the_others_wait_for_it() {
    let mut bench = spread(&[10, 20, 30]);
    let two = RolloutRules { max_unavailable: 2, ..RolloutRules::default() };
    rolled(&mut bench, 2, two);
    bench.run_for(Span(22_000));
    bench.broken.push(ClusterId(1));
    rolled(&mut bench, 3, RolloutRules::default());
    assert_eq!(revisions(&bench), [3, 3, 1], "both have lost already what a turn costs");
    bench.run_for(Span(300_000));
    assert_eq!(revisions(&bench), [3, 3, 1], "one is not ready, and no more may be so");
    bench.broken.clear();
    rolled(&mut bench, 4, RolloutRules::default());
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [4; 3]);
    bench.verify();
}

#[test]
fn where_fewer_may_be_unavailable_who_is_ready_waits_with_what_it_has_come_to() {
    let mut bench = spread(&[10, 20, 30]);
    let soak = Span(300_000);
    rolled(&mut bench, 2, RolloutRules { soak, max_unavailable: 2, ..RolloutRules::default() });
    bench.run_for(Span(100_000));
    assert_eq!(revisions(&bench), [2, 2, 1]);
    rolled(&mut bench, 3, RolloutRules::default());
    assert_eq!(revisions(&bench), [3, 2, 1]);
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [3; 3]);
    bench.verify();
}

#[test]
fn an_app_that_is_wanted_again_keeps_to_its_limit_from_the_first_step() {
    let mut bench = spread(&[10, 20]);
    let two = RolloutRules { max_unavailable: 2, ..RolloutRules::default() };
    bench.command(Command::WithdrawApp(APP));
    rolled(&mut bench, 2, two);
    rolled(&mut bench, 1, RolloutRules::default());
    bench.run_for(Span(600_000));
    assert_eq!(revisions(&bench), [1, 1]);
    bench.verify();
}

#[test]
fn who_does_not_serve_and_has_no_room_takes_a_turn_if_it_serves_by_then() {
    let mut bench = Bench::new(plain_policy());
    for _ in 0..3 {
        bench.cluster(Nodes::default());
    }
    for zone in 0..2_u32 {
        let rtts: Vec<u32> = (0..3).map(|to| 2 + zone.abs_diff(to) * 60).collect();
        bench.zone(&rtts);
    }
    bench.app(|intent| intent.components[0].request.cpu = MilliCpu(500));
    let other = bench.app(|_| {});
    let (mine, others) = (bench.series(APP), bench.series(other));
    bench.demand(&[(others, 70), (others + 1, 70)]);
    bench.run_for(Span(300_000));
    bench.demand(&[(mine, 20), (mine + 1, 20)]);
    assert_eq!(bench.berths_of(0), [0, 1]);
    let larger = |bench: &Bench| -> usize {
        let berths = bench.state.berths().filter(|(_, one)| one.app == APP && one.cluster.0 < 2);
        berths.filter(|(_, one)| one.bindings[0].request.cpu == MilliCpu(1_000)).count()
    };
    declare(&mut bench, |intent| intent.components[0].request.cpu = MilliCpu(1_000));
    assert_eq!(larger(&bench), 0, "two of them do not fit beside the other app's seven");
    bench.command(Command::Pause);
    bench.run_for(Span(100_000));
    bench.command(Command::Resume);
    assert_eq!((larger(&bench), turns(&bench).len()), (1, 1), "by now they serve");
    bench.run_for(Span(600_000));
    assert_eq!(larger(&bench), 2);
    bench.verify();
}

#[test]
fn a_turn_beyond_the_limit_that_found_no_room_is_given_back_once_the_cluster_is_ready() {
    let mut bench = Bench::new(plain_policy());
    for _ in 0..3 {
        bench.cluster(Nodes::default());
    }
    for zone in 0..2_u32 {
        let rtts: Vec<u32> = (0..3).map(|to| 2 + zone.abs_diff(to) * 60).collect();
        bench.zone(&rtts);
    }
    bench.app(|_| {});
    let other = bench.app(|_| {});
    let (mine, others) = (bench.series(APP), bench.series(other));
    bench.demand(&[(mine, 20), (mine + 1, 20), (others, 60), (others + 1, 60)]);
    bench.run_for(Span(600_000));
    assert_eq!(bench.berths_of(0), [0, 1]);
    let requests = |bench: &Bench| -> Vec<u32> {
        let berths = bench.state.berths().filter(|(_, one)| one.app == APP && one.cluster.0 < 2);
        berths.map(|(_, one)| one.bindings[0].request.cpu.0).collect()
    };
    declare(&mut bench, |intent| {
        intent.components[0].request.cpu = MilliCpu(500);
        intent.rollout.max_unavailable = 2;
    });
    bench.run_for(Span(5_000));
    declare(&mut bench, |intent| {
        intent.components[0].request.cpu = MilliCpu(1_500);
        intent.rollout.max_unavailable = 1;
    });
    bench.run_for(Span(100_000));
    assert_eq!(requests(&bench), [500, 500], "there is no room for more");
    let yielded = bench
        .events()
        .filter(|(_, event)| matches!(event, Event::Rollout { fact: RolloutFact::Yielded(_), .. }));
    assert_eq!(yielded.count(), 1);
    // Room comes to both at once.
    bench.demand(&[(others, 10), (others + 1, 10)]);
    bench.run_for(Span(1_800_000));
    assert_eq!(requests(&bench), [1_500, 1_500]);
    bench.verify();
}
