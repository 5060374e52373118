//! Troubles: while they last nothing is lost, and once they are over beliefs meet the truth again.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::ids::{AppId, BindingId, ClusterId, ComponentId, SeriesId};
use periplus_core::input::Fault;
use periplus_core::state::Phase;
use periplus_core::units::{Permille, Span, Tick};
use periplus_core::{Outbox, Record, State, step};
use periplus_sim::World;
use periplus_spec::scenario::{Act, Scenario};
use proptest::prelude::*;
use support::{Size, cluster, minutes, scenario, troubles, with};

/// A machine and its world, driven record by record.
struct Drive<'s> {
    world: World<'s>,
    state: State,
    out: Outbox,
    log: Vec<Record>,
}

impl<'s> Drive<'s> {
    fn new(scenario: &'s Scenario) -> Self {
        Self {
            world: World::new(scenario),
            state: State::default(),
            out: Outbox::default(),
            log: Vec::new(),
        }
    }

    /// Goes on up to `until`; gives how many records that took.
    fn pass(&mut self, until: Tick) -> usize {
        let before = self.log.len();
        while let Some((at, input)) = self.world.next_input_until(&self.state, until) {
            step(&mut self.state, at, &input, &mut self.out).expect("time goes forward");
            self.log.push(self.out.record(&input).to_record());
            self.world.carry_out(at, &self.out.effects, &self.state);
        }
        self.log.len() - before
    }

    /// The hub dies and forgets the last records, whose effects had not been done yet; another takes over.
    fn restart(&mut self, forgotten: usize) {
        let kept = self.log.len() - forgotten;
        let done = self.log[kept..].iter().all(|record| record.effects.is_empty());
        assert!(done, "what is carried out has been written before");
        self.log.truncate(kept);
        self.state = State::default();
        self.log.iter().for_each(|record| self.state.fold(record));
        self.world.restart_hub(&self.state);
        let outstanding: Vec<_> = self.state.outstanding().collect();
        let now = self.world.now();
        self.world.carry_out(now, &outstanding, &self.state);
    }

    /// What is not as the machine believes.
    fn misbeliefs(&self, clusters: u32) -> Vec<String> {
        let mut found = Vec::new();
        let mut believed: BTreeMap<BindingId, ClusterId> = BTreeMap::new();
        for (id, berth) in self.state.berths() {
            for binding in &berth.bindings {
                let key = BindingId { berth: id, component: binding.component };
                let pods = self.world.pods(berth.cluster, key);
                believed.insert(key, berth.cluster);
                // Whatever is on its way is seen later; what is ready is as it seems.
                if binding.phase == Phase::Ready && pods.ready != u32::from(binding.seen) {
                    found.push(format!("{key:?}: {} seen, {pods:?}", binding.seen));
                }
            }
        }
        for number in 0..clusters {
            for binding in self.world.bindings(cluster(number)) {
                if believed.get(&binding) != Some(&cluster(number)) {
                    found.push(format!("{binding:?} was left behind in cluster {number}"));
                }
            }
        }
        found
    }

    /// Parts of series by the cluster that they reach.
    fn users(&self) -> BTreeMap<ClusterId, u32> {
        let mut users = BTreeMap::new();
        for series in (0..self.state.series().len()).map(SeriesId::from_index) {
            for part in self.world.whereabouts(series) {
                let reached = part.cluster.into_iter();
                reached.for_each(|cluster| *users.entry(cluster).or_insert(0) += part.parts);
            }
        }
        users
    }

    fn busiest(&self) -> ClusterId {
        let users = self.users();
        *users.iter().max_by_key(|(_, parts)| **parts).expect("somebody is served").0
    }

    /// The part of all users that nobody serves, in parts per million each.
    fn unserved(&self) -> u32 {
        let series = (0..self.state.series().len()).map(SeriesId::from_index);
        let nobody = series.map(|series| {
            let parts = self.world.whereabouts(series);
            parts.iter().filter(|part| part.cluster.is_none()).map(|part| part.parts).sum::<u32>()
        });
        nobody.max().unwrap_or(0)
    }
}

fn size() -> Size {
    Size { noise: 200, base: 60_000, duration: minutes(600), ..Size::default() }
}

#[test]
fn each_trouble_alone_is_overcome() {
    for (number, trouble) in troubles().into_iter().enumerate() {
        let name = format!("trouble {number}: {trouble:?}");
        let made = with(scenario(&size()), vec![trouble]);
        let mut drive = Drive::new(&made);
        drive.pass(drive.world.end());
        assert!(drive.world.is_healed());
        assert_eq!(drive.misbeliefs(6), Vec::<String>::new(), "{name}");
        assert_eq!(drive.unserved(), 0, "{name}");
    }
}

#[test]
fn all_troubles_together_are_overcome() {
    let made = with(scenario(&size()), troubles());
    let mut drive = Drive::new(&made);
    drive.pass(drive.world.end());
    assert_eq!(drive.misbeliefs(6), Vec::<String>::new());
    assert_eq!(drive.unserved(), 0);
}

#[test]
fn a_hub_that_dies_again_and_again_loses_nothing() {
    let made = with(scenario(&size()), troubles());
    let mut drive = Drive::new(&made);
    let mut at = Tick::ZERO;
    while at < Tick::ZERO.after(minutes(240)) {
        at = at.after(Span(97_531));
        drive.pass(at);
        let quiet = drive.log.iter().rev().take_while(|record| record.effects.is_empty());
        // The setup must not be forgotten: nobody would say it again.
        let forgotten = quiet.take_while(|record| record.at > Tick::ZERO).count().min(5);
        drive.restart(forgotten);
    }
    drive.pass(drive.world.end());
    assert_eq!(drive.misbeliefs(6), Vec::<String>::new());
    assert_eq!(drive.unserved(), 0);
}

#[test]
fn what_a_lost_cluster_held_is_served_elsewhere() {
    let calm = scenario(&size());
    let at = Tick::ZERO.after(minutes(60));
    let mut before = Drive::new(&calm);
    before.pass(at);
    let busiest = before.busiest();
    let outage = Act::Outage { clusters: vec![busiest], lasts: None };
    let made = with(scenario(&size()), vec![(minutes(60), outage)]);
    let mut drive = Drive::new(&made);
    drive.pass(at.after(minutes(30)));
    assert!(!drive.world.is_connected(busiest));
    assert_ne!(drive.busiest(), busiest);
    assert_eq!(drive.unserved(), 0, "users have been sent elsewhere");
    assert!(drive.users().iter().all(|(cluster, _)| *cluster != busiest));
}

/// Runs of ten hours with random troubles.
const CASES: u32 = 8;

/// Any trouble of the made fleet, over by 5:30.
fn any_trouble() -> impl Strategy<Value = (Span, Act)> {
    let clusters = || prop::collection::btree_set(0_u32..6, 1..4);
    let ids = |numbers: BTreeSet<u32>| numbers.into_iter().map(ClusterId).collect::<Vec<_>>();
    let series = || {
        let numbers = prop::collection::btree_set(0_u32..24, 1..24);
        numbers.prop_map(|numbers| numbers.into_iter().map(SeriesId).collect::<Vec<_>>())
    };
    let lasts = || (1_000_u64..5_400_000).prop_map(|span| Some(Span(span)));
    let fault = prop_oneof![
        Just(Fault::PodFailed),
        Just(Fault::ImagePull),
        Just(Fault::ApplyFailed),
        Just(Fault::TimedOut)
    ];
    let act = prop_oneof![
        (clusters(), lasts())
            .prop_map(move |(some, lasts)| Act::Outage { clusters: ids(some), lasts }),
        (clusters(), lasts())
            .prop_map(move |(some, lasts)| Act::Partition { clusters: ids(some), lasts }),
        (0_u32..6, 1_u32..4, lasts()).prop_map(|(one, nodes, lasts)| Act::NodeLoss {
            cluster: ClusterId(one),
            nodes,
            lasts
        }),
        (clusters(), 100_u16..1_000, lasts()).prop_map(move |(some, used, lasts)| Act::Drift {
            clusters: ids(some),
            used: Permille(used),
            lasts
        }),
        (series(), 0_u32..6_000, lasts()).prop_map(|(series, factor, lasts)| Act::Surge {
            series,
            factor,
            lasts
        }),
        (series(), prop::option::of(0_u32..3_000), lasts())
            .prop_map(|(series, shows, lasts)| Act::Sensor { series, shows, lasts }),
        lasts().prop_map(|lasts| Act::GitOutage { lasts }),
        (0_u32..2, 0_u16..2, fault, lasts()).prop_map(|(app, component, fault, lasts)| {
            let (app, component) = (AppId(app), ComponentId(component));
            Act::PodFailure { app, component, clusters: Vec::new(), fault, lasts }
        }),
        (clusters(), 1_u64..600_000, lasts()).prop_map(move |(some, by, lasts)| {
            Act::LateReports { clusters: ids(some), by: Span(by), lasts }
        }),
    ];
    ((0_u64..14_400_000).prop_map(Span), act)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn after_any_troubles_beliefs_meet_the_truth(
        mut acts in prop::collection::vec(any_trouble(), 1..12),
        seed in any::<u64>(),
    ) {
        // Whatever was held back for a person is let go twice after the last trouble.
        acts.push((minutes(331), Act::Approve));
        acts.push((minutes(332), Act::Approve));
        let made = with(scenario(&Size { seed, ..size() }), acts);
        let mut drive = Drive::new(&made);
        drive.pass(drive.world.end());
        prop_assert!(drive.world.is_healed());
        prop_assert_eq!(drive.misbeliefs(6), Vec::<String>::new());
    }
}
