//! Troubles: while they last nothing is lost, and once they are over beliefs meet the truth again.

mod support;

use std::collections::BTreeMap;

use periplus_core::ids::{BindingId, ClusterId, ComponentId, SeriesId};
use periplus_core::input::Fault;
use periplus_core::state::Phase;
use periplus_core::units::{Permille, Span, Tick};
use periplus_core::{Outbox, Record, State, step};
use periplus_sim::World;
use periplus_spec::scenario::{Act, Scenario};
use support::{Size, cluster, scenario, with};

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
        let mut believed: BTreeMap<BindingId, (ClusterId, u16)> = BTreeMap::new();
        for (id, berth) in self.state.berths() {
            for binding in &berth.bindings {
                if binding.phase != Phase::Waiting {
                    let key = BindingId { berth: id, component: binding.component };
                    believed.insert(key, (berth.cluster, binding.seen));
                }
            }
        }
        for (binding, (cluster, seen)) in &believed {
            let pods = self.world.pods(*cluster, *binding);
            if pods.ready != u32::from(*seen) {
                found.push(format!("{binding:?} in {cluster:?}: {seen} seen, {pods:?}"));
            }
        }
        for number in 0..clusters {
            for binding in self.world.bindings(cluster(number)) {
                if believed.get(&binding).map(|known| known.0) != Some(cluster(number)) {
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

fn minutes(minutes: u64) -> Span {
    Span(minutes * Span::MINUTE.0)
}

fn size() -> Size {
    Size { noise: 200, base: 60_000, duration: minutes(600), ..Size::default() }
}

fn lasting() -> Option<Span> {
    Some(minutes(45))
}

/// One of each kind of trouble, at its own time.
fn troubles() -> Vec<(Span, Act)> {
    let series = vec![SeriesId(0), SeriesId(5), SeriesId(7)];
    let app = periplus_core::ids::AppId(0);
    vec![
        (minutes(31), Act::Outage { clusters: vec![cluster(0), cluster(3)], lasts: lasting() }),
        (minutes(50), Act::Partition { clusters: vec![cluster(2)], lasts: lasting() }),
        (minutes(60), Act::NodeLoss { cluster: cluster(4), nodes: 2, lasts: lasting() }),
        (minutes(70), Act::GitOutage { lasts: Some(minutes(7)) }),
        (
            minutes(80),
            Act::Drift {
                clusters: vec![cluster(1), cluster(5)],
                used: Permille(700),
                lasts: lasting(),
            },
        ),
        (minutes(90), Act::Surge { series: series.clone(), factor: 4_000, lasts: lasting() }),
        (minutes(100), Act::Sensor { series: series.clone(), shows: None, lasts: lasting() }),
        (minutes(110), Act::Sensor { series, shows: Some(300), lasts: lasting() }),
        (
            minutes(120),
            Act::PodFailure {
                app,
                component: ComponentId(1),
                clusters: Vec::new(),
                fault: Fault::PodFailed,
                lasts: Some(minutes(4)),
            },
        ),
        (
            minutes(130),
            Act::LateReports {
                clusters: vec![cluster(0), cluster(1)],
                by: Span(45_000),
                lasts: lasting(),
            },
        ),
        (minutes(140), Act::Price { clusters: vec![cluster(1)], factor: 5_000, lasts: lasting() }),
        (
            minutes(150),
            Act::Carbon {
                clusters: vec![cluster(2)],
                to: periplus_core::units::GramsPerKwh(900),
                lasts: lasting(),
            },
        ),
        (minutes(200), Act::Outage { clusters: vec![cluster(1)], lasts: Some(Span(20_000)) }),
        (minutes(210), Act::Approve),
    ]
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
