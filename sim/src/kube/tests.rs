//! One cluster, driven by hand: what it does with its folder, and what it says of that.

use std::sync::Arc;

use periplus_core::State;
use periplus_core::effect::{Scale, Target};
use periplus_core::fleet::{Power, Prices, Resources, Room};
use periplus_core::ids::{BerthId, GroupId, KindId, Seq};
use periplus_core::input::Seen;
use periplus_core::units::{GramsPerKwh, MiB, MicroUsd, MicrosRtt, MilliCpu, MilliRps, Permille};
use periplus_spec::scenario::{
    AgentTruth, AppTruth, AutoscalerTruth, ComponentTruth, PoolTruth, Schedule,
};

use super::*;
use crate::desks::DeskId;
use crate::git::{Body, Manifest};

const APP: AppId = AppId(0);
const WEB: ComponentId = ComponentId(0);
/// From the change of the folder to its having been applied.
const APPLY: u64 = 1_000;
/// 100 MB at 10 MB a second.
const PULL: u64 = 10_000;
const START: u64 = 3_000;
const STOP: u64 = 2_000;

/// A cluster with all that is around it.
struct Hand<'a> {
    cluster: Cluster,
    queue: Queue<Happening>,
    desks: Desks,
    catalog: &'a Catalog<'a>,
    luck: Luck,
    stop: Delay,
    desk: DeskId,
    now: Tick,
    said: Vec<(u64, Seen)>,
}

fn app() -> AppTruth {
    AppTruth {
        name: "app".into(),
        components: vec![ComponentTruth {
            name: "web".into(),
            image: "web".into(),
            image_bytes: 100_000_000,
            start: Delay::always(Span(START)),
            visits: 1_000,
            concurrency: 1,
            service: vec![MicrosRtt(1_000)],
        }],
        slo_latency: MicrosRtt(100_000),
        groups: vec!["all".into()],
    }
}

fn truth(nodes: u32, autoscaler: Option<AutoscalerTruth>) -> ClusterTruth {
    let free = Resources { cpu: MilliCpu(1_000), memory: MiB(1_000), extended: [0; 4] };
    ClusterTruth {
        name: "edge".into(),
        pools: vec![PoolTruth {
            name: "pool".into(),
            nodes,
            room: Room { free, pods: 10 },
            autoscaler,
        }],
        agent: AgentTruth { interval: Span::MINUTE, webhook: true, apply: Span(APPLY) },
        pull_bytes_per_second: 10_000_000,
        joins: Tick::ZERO,
        power: Power::default(),
        prices: Schedule(vec![(Tick::ZERO, Prices::default())]),
        carbon: Schedule(vec![(Tick::ZERO, GramsPerKwh(0))]),
        kind: KindId(0),
        location: None,
        upkeep: MicroUsd(0),
    }
}

fn manifest(generation: u32, scale: Scale, cpu: u32) -> Manifest {
    let binding = BindingId { berth: BerthId(7), component: WEB };
    Manifest {
        target: Target { binding, app: APP, component: WEB, cluster: ClusterId(0) },
        generation: Generation(generation),
        cause: EffectKey { seq: Seq(u64::from(generation)), ordinal: 0 },
        body: Some(Body {
            desk: DeskId(0),
            scale,
            request: Resources { cpu: MilliCpu(cpu), memory: MiB(10), extended: [0; 4] },
            revision: 1,
            priority: 0,
            held: Arc::from([100, 200, 300, 400].map(MilliRps)),
        }),
    }
}

fn replicas(generation: u32, count: u16) -> Manifest {
    manifest(generation, Scale::Replicas(count), 400)
}

impl<'a> Hand<'a> {
    fn new(truth: &ClusterTruth, catalog: &'a Catalog<'a>) -> Self {
        let luck = Luck::new(1);
        let mut desks = Desks::new(1, 1);
        let desk = desks.open(APP, GroupId(0), ClusterId(0), KindId(0), Tick::ZERO);
        let web = [(WEB, catalog.part(APP, WEB).truth)];
        desks.reshape(desk, web.into_iter(), std::iter::empty(), Tick::ZERO);
        Self {
            cluster: Cluster::new(ClusterId(0), truth, &luck, |_| Symbol(0)),
            queue: Queue::new(),
            desks,
            catalog,
            luck,
            stop: Delay::always(Span(STOP)),
            desk,
            now: Tick::ZERO,
            said: Vec::new(),
        }
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Cluster, &mut Around<'_>) -> R) -> R {
        let mut around = Around {
            now: self.now,
            queue: &mut self.queue,
            desks: &mut self.desks,
            catalog: self.catalog,
            luck: &self.luck,
            stop: &self.stop,
        };
        act(&mut self.cluster, &mut around)
    }

    fn write(&mut self, manifest: Manifest) {
        self.act(|cluster, around| cluster.folder_changed(manifest, around));
    }

    /// Lets everything happen up to `until` milliseconds.
    fn pass(&mut self, until: u64) {
        while let Some((at, Happening::In(_, turn))) = self.queue.pop_before(until + 1) {
            self.now = Tick(at);
            if turn == Turn::Publish {
                for reading in self.cluster.readings() {
                    self.said.push((at, reading.seen));
                }
            } else {
                self.act(|cluster, around| cluster.turn(turn, around));
            }
        }
        self.now = Tick(until);
    }

    fn counts(&self) -> PodCounts {
        self.cluster.pods_of(BindingId { berth: BerthId(7), component: WEB })
    }

    /// What was said since this was asked last, without repetitions.
    fn said(&mut self) -> Vec<(u64, Seen)> {
        let mut said = std::mem::take(&mut self.said);
        said.dedup();
        said
    }
}

#[test]
fn what_is_in_the_folder_is_applied_pulled_started_and_ready() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 3));
    hand.pass(60_000);
    // Two nodes pull one after the other; the third pod finds its image on the first node.
    let first = APPLY + PULL + START;
    let second = first + PULL;
    assert_eq!(
        hand.said(),
        [
            (APPLY, Seen::Replicas(0)),
            (APPLY, Seen::Applied),
            (first, Seen::Replicas(2)),
            (first, Seen::Applied),
            (second, Seen::Replicas(3)),
            (second, Seen::Applied),
        ]
    );
    assert_eq!(hand.counts(), PodCounts { ready: 3, bound: 3, pending: 0 });
    assert_eq!(hand.desks.get(hand.desk).cold_starts, 3);
}

#[test]
fn more_replicas_start_at_once_and_fewer_stop_the_youngest() {
    let (apps, truth) = ([app()], truth(3, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    hand.write(replicas(2, 4));
    hand.pass(60_000 + APPLY);
    assert_eq!(hand.counts(), PodCounts { ready: 2, bound: 4, pending: 0 });
    hand.pass(100_000);
    assert_eq!(hand.counts().ready, 4);
    hand.write(replicas(3, 1));
    hand.pass(100_000 + APPLY);
    assert_eq!(hand.counts(), PodCounts { ready: 1, bound: 4, pending: 0 });
    hand.pass(100_000 + APPLY + STOP);
    assert_eq!(hand.counts(), PodCounts { ready: 1, bound: 1, pending: 0 });
}

#[test]
fn a_new_content_is_ready_before_the_old_one_stops() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 1));
    hand.pass(60_000);
    hand.said();
    hand.write(manifest(2, Scale::Replicas(1), 500));
    let mut least = u32::MAX;
    for step in 0..60 {
        hand.pass(60_000 + step * 500);
        least = least.min(hand.counts().ready);
    }
    assert_eq!(least, 1, "somebody is always there");
    let said = hand.said();
    assert_eq!(said[0].1, Seen::Replicas(0), "the old pod is not one of the new content");
    assert_eq!(said[said.len() - 2].1, Seen::Replicas(1));
    assert_eq!(hand.counts(), PodCounts { ready: 1, bound: 1, pending: 0 });
}

#[test]
fn a_rolling_update_of_two_that_may_miss_none_comes_to_its_end() {
    let (apps, truth) = ([app()], truth(3, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    // Another request makes both pods stale. The first new one has to pull on the free node.
    hand.write(manifest(2, Scale::Replicas(2), 300));
    hand.pass(200_000);
    assert_eq!(hand.said().last(), Some(&(60_000 + APPLY + PULL + 2 * START, Seen::Applied)));
    assert_eq!(hand.counts(), PodCounts { ready: 2, bound: 2, pending: 0 });
}

#[test]
fn what_leaves_the_folder_is_gone_once_its_last_pod_has_stopped() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    hand.said();
    hand.write(Manifest { body: None, ..replicas(2, 0) });
    hand.pass(90_000);
    assert_eq!(hand.said(), [(60_000 + APPLY + STOP, Seen::Gone)]);
    assert!(hand.cluster.bindings().is_empty());
    assert_eq!(hand.desks.get(hand.desk).usage.now, crate::desks::Holding::default());
    hand.write(Manifest { body: None, ..replicas(3, 0) });
    hand.pass(120_000);
    assert_eq!(hand.said(), [(90_000 + APPLY, Seen::Gone)], "what is not there is gone");
}

#[test]
fn a_pod_without_room_is_reported_after_a_minute_and_starts_when_there_is_some() {
    let (apps, truth) = ([app()], truth(1, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 3));
    hand.pass(APPLY + 59_000);
    assert_eq!(hand.counts(), PodCounts { ready: 2, bound: 2, pending: 1 });
    hand.said();
    hand.pass(APPLY + 60_000);
    let fault = Seen::Failed(Fault::Unschedulable);
    assert_eq!(hand.said().last(), Some(&(APPLY + 60_000, fault)));
    hand.write(replicas(2, 3));
    hand.pass(100_000);
    assert!(hand.said().iter().all(|said| said.1 != fault), "new content, new patience");
    hand.pass(130_000);
    assert_eq!(hand.said().last().map(|said| said.1), Some(fault));
    hand.write(replicas(3, 2));
    hand.pass(200_000);
    assert_eq!(hand.counts(), PodCounts { ready: 2, bound: 2, pending: 0 });
}

#[test]
fn a_pool_grows_for_pods_without_room_and_shrinks_when_they_are_gone() {
    let autoscaler = AutoscalerTruth { max: 4, delay: Span(90_000), idle_after: Span(120_000) };
    let (apps, truth) = ([app()], truth(1, Some(autoscaler)));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    let nodes = |hand: &Hand<'_>| hand.cluster.nodes.pools[0].present;
    hand.write(replicas(1, 5));
    hand.pass(APPLY + 89_999);
    assert_eq!((nodes(&hand), hand.counts().pending), (1, 3));
    hand.pass(APPLY + 90_000);
    assert_eq!((nodes(&hand), hand.counts().pending), (3, 0), "two nodes hold the other three");
    hand.pass(200_000);
    assert!(hand.said().iter().all(|said| !matches!(said.1, Seen::Failed(_))));
    hand.write(replicas(2, 1));
    hand.pass(200_000 + APPLY + STOP + 119_999);
    assert_eq!(nodes(&hand), 3);
    hand.pass(200_000 + APPLY + STOP + 120_000);
    assert_eq!(nodes(&hand), 1);
}

#[test]
fn pods_of_a_lost_node_are_missed_after_forty_seconds_and_replaced_after_five_more_minutes() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    hand.said();
    hand.act(|cluster, around| cluster.lose_nodes(1, around));
    assert_eq!(hand.counts().ready, 1);
    hand.pass(99_999);
    assert_eq!(hand.said(), []);
    hand.pass(100_000);
    assert_eq!(hand.said()[0], (100_000, Seen::Replicas(1)));
    hand.pass(60_000 + 340_000 + START);
    assert_eq!(hand.counts(), PodCounts { ready: 2, bound: 2, pending: 0 });
    hand.act(|cluster, around| cluster.restore_nodes(1, around));
    hand.pass(500_000);
    assert_eq!(hand.counts().bound, 2);
}

#[test]
fn after_an_outage_pods_start_again_where_they_were_without_a_pull() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    hand.act(Cluster::go_down);
    assert_eq!(hand.counts(), PodCounts { ready: 0, bound: 2, pending: 0 });
    hand.write(replicas(2, 3));
    hand.pass(200_000);
    assert_eq!(hand.counts().bound, 2, "a dead cluster applies nothing");
    hand.act(Cluster::come_up);
    hand.pass(200_000 + START);
    assert_eq!(hand.counts().ready, 2);
    hand.pass(300_000);
    assert_eq!(hand.counts().ready, 3);
}

#[test]
fn an_outage_in_the_middle_of_a_start_does_not_let_the_start_go_on() {
    let (apps, truth) = ([app()], truth(1, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 1));
    hand.pass(APPLY + PULL + 1);
    hand.act(Cluster::go_down);
    hand.pass(60_000);
    assert_eq!(hand.counts().ready, 0);
    hand.act(Cluster::come_up);
    hand.pass(60_000 + START);
    assert_eq!(hand.counts().ready, 1);
}

#[test]
fn a_cluster_that_is_cut_off_goes_on_serving_and_applies_what_it_missed_later() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 1));
    hand.pass(60_000);
    hand.act(|cluster, _| cluster.cut());
    hand.write(replicas(2, 3));
    hand.pass(150_000);
    assert_eq!(hand.counts(), PodCounts { ready: 1, bound: 1, pending: 0 });
    hand.act(Cluster::mend);
    hand.pass(300_000);
    assert_eq!(hand.counts().ready, 3);
}

#[test]
fn pods_that_fail_are_reported_and_recover() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    hand.said();
    hand.act(|cluster, around| cluster.fail(APP, WEB, Fault::PodFailed, around));
    hand.pass(61_000);
    let failed = Seen::Failed(Fault::PodFailed);
    let said: Vec<_> = hand.said().into_iter().map(|said| said.1).collect();
    assert_eq!(said, [Seen::Replicas(0), Seen::Applied, failed]);
    hand.act(|cluster, around| cluster.mend_component(APP, WEB, Fault::PodFailed, around));
    hand.pass(70_000);
    let said: Vec<_> = hand.said().into_iter().map(|said| said.1).collect();
    assert_eq!(said, [Seen::Replicas(2), Seen::Applied]);
}

#[test]
fn a_missing_image_hurts_only_pods_that_start() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 1));
    hand.pass(60_000);
    hand.act(|cluster, around| cluster.fail(APP, WEB, Fault::ImagePull, around));
    hand.write(replicas(2, 2));
    hand.pass(90_000);
    assert_eq!(hand.counts(), PodCounts { ready: 1, bound: 2, pending: 0 });
    assert_eq!(hand.said().last().unwrap().1, Seen::Failed(Fault::ImagePull));
}

#[test]
fn objects_that_cannot_be_applied_are_reported_once_and_tried_again() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.act(|cluster, around| cluster.fail(APP, WEB, Fault::ApplyFailed, around));
    hand.write(replicas(1, 1));
    hand.pass(300_000);
    let refused = Seen::Failed(Fault::ApplyFailed);
    assert_eq!(hand.said(), [(APPLY, Seen::Replicas(0)), (APPLY, refused)]);
    hand.act(|cluster, around| cluster.mend_component(APP, WEB, Fault::ApplyFailed, around));
    hand.pass(400_000);
    assert_eq!(hand.counts().ready, 1);
}

#[test]
fn what_others_use_keeps_pods_from_being_bound() {
    let (apps, truth) = ([app()], truth(1, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.act(|cluster, around| cluster.change_drift(Permille(300), true, around));
    hand.write(replicas(1, 2));
    hand.pass(30_000);
    assert_eq!(hand.counts(), PodCounts { ready: 1, bound: 1, pending: 1 });
    hand.act(|cluster, around| cluster.change_drift(Permille(300), false, around));
    hand.pass(60_000);
    assert_eq!(hand.counts().ready, 2);
}

#[test]
fn the_pod_autoscaler_follows_the_rate_within_its_bounds() {
    let (apps, truth) = ([app()], truth(4, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(manifest(1, Scale::Bounds { min: 1, max: 4 }, 100));
    hand.pass(60_000);
    assert_eq!(hand.counts().bound, 1);
    hand.desks.load(hand.desk, 290);
    hand.pass(120_000);
    assert_eq!(hand.counts().bound, 3);
    hand.desks.load(hand.desk, 5_000);
    hand.pass(150_000);
    assert_eq!(hand.counts().bound, 4);
    hand.desks.unload(hand.desk, 5_290);
    hand.pass(400_000);
    assert_eq!(hand.counts().bound, 4, "it waits for five quiet minutes");
    hand.pass(480_000);
    assert_eq!(hand.counts().bound, 1);
}

#[test]
fn a_cluster_that_changes_replaces_the_pods_of_nodes_that_go() {
    let (apps, truth) = ([app()], truth(3, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 3));
    hand.pass(60_000);
    let mut smaller = self::truth(2, None);
    smaller.pools.push(PoolTruth { name: "large".into(), ..smaller.pools[0].clone() });
    smaller.pools[1].room.free.cpu = MilliCpu(4_000);
    let symbol = |name: &str| Symbol(u32::from(name == "large"));
    hand.act(|cluster, around| cluster.change(&smaller, symbol, around));
    assert_eq!(hand.counts(), PodCounts { ready: 2, bound: 3, pending: 0 });
    hand.pass(100_000);
    assert_eq!(hand.counts(), PodCounts { ready: 3, bound: 3, pending: 0 });
    let report = hand.cluster.room();
    let nodes: Vec<_> = report.iter().map(|pool| pool.nodes[0].nodes).collect();
    assert_eq!(nodes, [2, 2]);
    smaller.pools.remove(0);
    hand.act(|cluster, around| cluster.change(&smaller, symbol, around));
    hand.pass(200_000);
    assert_eq!(hand.counts(), PodCounts { ready: 3, bound: 3, pending: 0 });
    assert_eq!(hand.cluster.room()[0].nodes[0].nodes, 0);
}

#[test]
fn a_hub_that_asks_again_is_told_everything() {
    let (apps, truth) = ([app()], truth(2, None));
    let catalog = Catalog::new(&apps);
    let mut hand = Hand::new(&truth, &catalog);
    hand.write(replicas(1, 2));
    hand.pass(60_000);
    hand.said();
    hand.act(|cluster, around| cluster.repeat_all(&State::default(), around));
    hand.pass(60_000);
    assert_eq!(hand.said(), [(60_000, Seen::Replicas(2)), (60_000, Seen::Applied)]);
}
