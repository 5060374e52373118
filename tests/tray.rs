//! What effects ask for reaches every repository, whichever of them fail, answer late or not at all, and every effect is
//! answered.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use periplus_core::effect::{Effect, EffectKey};
use periplus_core::input::{EffectReport, Fault, Outcome};
use periplus_core::units::{Span, Tick};
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_emit::{Files, Follower, Renderer, Repository, apply};
use periplus_git::{Divider, TargetId, place};
use periplus_live::delivery::{Direct, Parcel, Part, Tray};
use periplus_sim::run;
use periplus_spec::scenario::Scenario;
use proptest::prelude::*;

/// Repositories that take what they are given, or do not, as dice fall.
struct Post {
    tray: Tray,
    trees: BTreeMap<TargetId, Files>,
    flying: Vec<Parcel>,
    asked: BTreeSet<EffectKey>,
    alerts: BTreeSet<EffectKey>,
    done: BTreeSet<EffectKey>,
    answered: BTreeSet<EffectKey>,
    dice: Dice,
    parcels: usize,
}

/// A small generator, so that a failing case is told by its seed alone.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

impl Post {
    fn new(scenario: &Scenario, seed: u64) -> Self {
        let renderer = Renderer::new(&scenario.delivery, &repository());
        let names = scenario.fleet.clusters.iter().enumerate();
        let of_cluster = names.map(|(place, cluster)| {
            (cluster.name.clone(), TargetId(if place % 2 == 0 { "even" } else { "odd" }.into()))
        });
        let mut tray =
            Tray::new(Follower::new(renderer), Divider::new(of_cluster.collect()), Span(5_000));
        tray.apply_to(direct(scenario));
        Self {
            tray,
            trees: BTreeMap::new(),
            flying: Vec::new(),
            asked: BTreeSet::new(),
            alerts: BTreeSet::new(),
            done: BTreeSet::new(),
            answered: BTreeSet::new(),
            dice: Dice(seed),
            parcels: 0,
        }
    }

    fn hear(&mut self, reports: Vec<EffectReport>) {
        for EffectReport { key, outcome } in reports {
            assert!(self.asked.contains(&key), "{key:?} was not asked for");
            assert!(self.answered.insert(key), "{key:?} is answered twice");
            if outcome == Outcome::Done {
                self.done.insert(key);
            }
        }
    }

    fn turn(&mut self, now: Tick, state: &State) {
        if self.tray.is_over(now) {
            let reports = self.tray.close(state, &[]).unwrap();
            self.hear(reports);
        }
        for parcel in self.tray.send(now) {
            let busy = self.flying.iter().any(|other| other.target == parcel.target);
            assert!(!busy && !parcel.draft.change.is_empty());
            self.parcels += 1;
            self.flying.push(parcel);
        }
    }

    /// A repository answers, well or not.
    fn answer(&mut self, parcel: &Parcel, outcome: Outcome, lands: Lands, now: Tick) {
        if lands == Lands::Yes {
            apply(self.trees.entry(parcel.target.clone()).or_default(), &parcel.draft.change);
        }
        let reports = self.tray.settle(&parcel.target, outcome, now);
        self.hear(reports);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lands {
    Yes,
    No,
}

impl Sink for Post {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        self.tray.note(record);
        for issued in record.effects {
            self.asked.insert(issued.key);
            // One that is asked for again is to be answered again.
            self.answered.remove(&issued.key);
            if matches!(issued.effect, Effect::Alert(_)) {
                self.alerts.insert(issued.key);
            }
        }
        self.turn(record.at, state);
        let flying = std::mem::take(&mut self.flying);
        for parcel in flying {
            let (outcome, lands) = match self.dice.roll(40) {
                0..20 => {
                    self.flying.push(parcel);
                    continue;
                }
                20..30 => (Outcome::Done, Lands::Yes),
                30..34 => (Outcome::Failed(Fault::Unreachable), Lands::No),
                34..37 => (Outcome::Unknown, Lands::No),
                _ => (Outcome::Unknown, Lands::Yes),
            };
            self.answer(&parcel, outcome, lands, record.at);
        }
        Ok(())
    }
}

/// The first cluster has no agent.
fn direct(scenario: &Scenario) -> Direct {
    Direct::new(
        scenario.fleet.clusters.iter().map(|cluster| cluster.name.clone()).take(1).collect(),
    )
}

fn repository() -> Repository {
    Repository { url: "ssh://git@git.example.net/fleet.git".into(), branch: "main".into() }
}

fn scenario(name: &str) -> Scenario {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    periplus_spec::load(&file).unwrap().scenario
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_effect_is_answered_and_every_repository_comes_to_what_was_decided(seed: u64) {
        for name in ["delivery/connected.yaml", "order/rollout-soak.yaml"] {
            let scenario = scenario(name);
            let mut post = Post::new(&scenario, seed);
            let state = run(&scenario, &mut post, &mut ()).unwrap().state;
            // From now on everything works.
            let mut now = Tick(scenario.duration.0);
            for _ in 0..100 {
                now = now.after(Span(600_000));
                post.turn(now, &state);
                for parcel in std::mem::take(&mut post.flying) {
                    post.answer(&parcel, Outcome::Done, Lands::Yes, now);
                }
            }
            prop_assert_eq!(post.tray.lengths(), (0, 0));
            prop_assert_eq!(&post.answered, &post.asked);
            prop_assert!(post.alerts.is_subset(&post.done));
            let tree = Renderer::new(&scenario.delivery, &repository()).tree(&state).unwrap();
            prop_assert!(!tree.is_empty() && post.parcels > 3);
            for (path, bytes) in &tree {
                let cluster = place(path).and_then(|name| {
                    scenario.fleet.clusters.iter().position(|cluster| cluster.name == name)
                });
                let targets = match cluster {
                    Some(place) => vec![if place % 2 == 0 { "even" } else { "odd" }],
                    // What is about the fleet is in every one, if later: nobody is woken for it.
                    None => continue,
                };
                for target in targets {
                    prop_assert_eq!(post.trees[&TargetId(target.into())].get(path), Some(bytes));
                }
            }
            // So is what is applied directly, app by app.
            let direct = direct(&scenario);
            for (path, bytes) in &tree {
                let part = Part::of_file(path).filter(|part| direct.has(&part.cluster));
                if let Some(part) = part {
                    prop_assert_eq!(post.trees[&part.target()].get(path), Some(bytes));
                }
            }
            for (target, files) in &post.trees {
                for path in files.keys().filter(|path| path.starts_with("deploy/")) {
                    prop_assert!(tree.contains_key(path), "{target} keeps {path}");
                }
            }
        }
    }
}
