//! Scripts: effects that go as their twins in a log did, and what that makes of the world.

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::effect::{Effect, EffectKey, Generation, Issued};
use periplus_core::ids::{BindingId, ClusterId};
use periplus_core::input::{EffectReport, Outcome, Reading, Seen};
use periplus_core::units::Tick;
use periplus_core::{Input, State};

use super::World;
use super::effects::Routing;
use super::playback::{Due, Playback, Twins};
use crate::git::Manifest;
use crate::happening::Happening;
use crate::past::content::Content;
use crate::past::{Consequence, News};
use crate::slab::Slab;

/// Effects that go as their twins did.
#[derive(Default)]
pub(super) struct Scripts {
    /// Effects of the log that are somebody's twin.
    taken: BTreeSet<u32>,
    followed: BTreeMap<EffectKey, Followed>,
    /// What was written, and is not yet applied.
    pending: BTreeMap<EffectKey, Manifest>,
    /// When pushes of the log landed.
    pushes: BTreeSet<Tick>,
    /// What will happen.
    coming: Slab<Script>,
}

/// An effect that has a twin.
#[derive(Clone, Copy, Debug)]
struct Followed {
    twin: u32,
    /// How often it was asked for.
    attempts: usize,
    binding: Option<(BindingId, Generation)>,
}

/// Something that the log knows will really happen.
#[derive(Clone, Debug)]
enum Script {
    News { key: EffectKey, consequence: Consequence, shift: Shift },
    Published(Routing),
}

/// How much later an effect was asked for than its twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shift {
    from: Tick,
    to: Tick,
}

impl Shift {
    fn of(self, at: Tick) -> Tick {
        Tick((self.to.0 + at.0).saturating_sub(self.from.0))
    }
}

impl Scripts {
    /// Pushes of the log that landed so far.
    pub(super) fn pushes(&self, now: Tick) -> u64 {
        self.pushes.range(..=now).count() as u64
    }

    /// Takes what is written for a cluster and not yet applied.
    pub(super) fn take_pending(&mut self, cluster: ClusterId) -> Vec<Manifest> {
        let there = self.pending.iter().filter(|(_, one)| one.target.cluster == cluster);
        let keys: Vec<EffectKey> = there.map(|(key, _)| *key).collect();
        keys.iter().filter_map(|key| self.pending.remove(key)).collect()
    }
}

impl Playback<'_> {
    /// The effect of the log that this one is like, and which attempt at it this is.
    fn twin(&mut self, key: EffectKey, content: &Content, now: Tick) -> Option<(u32, usize)> {
        if let Some(followed) = self.scripts.followed.get_mut(&key) {
            followed.attempts += 1;
            let (twin, attempt) = (followed.twin, followed.attempts - 1);
            return (attempt < self.past.asked(twin).attempts.len()).then_some((twin, attempt));
        }
        if self.twins == Twins::Ignored {
            return None;
        }
        let whole = |number: u32| {
            // What was asked for shortly before the log ends has no end that could come at another time.
            let asked = self.past.asked(number);
            let readings = asked.consequences.iter();
            let read = readings.filter(|one| matches!(one.news, News::Reading { .. })).count();
            asked.attempts[0] == now
                || !asked.consequences.is_empty() && (read > 0 || content.part().is_none())
        };
        let free = |number| !self.scripts.taken.contains(&number) && whole(number);
        let twin = self.past.twin(content, now, free)?;
        self.scripts.taken.insert(twin);
        Some((twin, 0))
    }
}

impl World<'_> {
    /// Lets an effect go as its twin in the log did. Says whether it has one.
    pub(super) fn follow(&mut self, issued: &Issued, state: &State) -> bool {
        let Issued { key, effect } = issued;
        let content = Content::of(effect, state);
        let now = self.now;
        if self.playback.is_none() || content.part().is_some_and(|part| self.is_off(part)) {
            return false;
        }
        let playback = self.playback.as_mut().expect("looked at before");
        let Some((twin, attempt)) = playback.twin(*key, &content, now) else { return false };
        let past = playback.past;
        let asked = past.asked(twin);
        let shift = Shift { from: asked.attempts[attempt], to: now };
        let target = match effect {
            Effect::Prime { target, generation, .. } | Effect::Withdraw { target, generation } => {
                Some((target.binding, *generation))
            }
            Effect::Route { .. } | Effect::Alert(_) => None,
        };
        let followed = Followed { twin, attempts: attempt + 1, binding: target };
        playback.scripts.followed.insert(*key, followed);
        self.write(issued, state);
        self.expect(*key, shift);
        self.publish_as_recorded(issued, asked.consequences.iter(), shift, state);
        true
    }

    /// Lets what was adopted go on as it did in the log, if the log has it.
    pub(super) fn follow_adopted(
        &mut self,
        key: EffectKey,
        binding: (BindingId, Generation),
        cluster: ClusterId,
    ) {
        let Some(playback) = self.playback.as_mut() else { return };
        let Some(twin) = playback.past.number(key) else { return };
        if playback.twins == Twins::Ignored {
            return;
        }
        let followed = Followed { twin, attempts: 1, binding: Some(binding) };
        playback.scripts.followed.insert(key, followed);
        self.in_cluster(cluster, |cluster, around| cluster.follow_script(binding.0, around));
        self.expect(key, Shift { from: self.now, to: self.now });
    }

    /// What came of the last attempt at an effect's twin will come of it.
    fn expect(&mut self, key: EffectKey, shift: Shift) {
        let now = self.now;
        let playback = self.playback.as_mut().expect("a log is played");
        let Followed { twin, attempts, binding } = playback.scripts.followed[&key];
        let past = playback.past;
        let consequences = past.asked(twin).consequences.iter();
        for consequence in consequences.filter(|one| one.attempt + 1 == attempts) {
            match consequence.news {
                News::Report(outcome) => {
                    let at = shift.of(consequence.at);
                    let input = Input::Report(EffectReport { key, outcome });
                    playback.agenda.add((at, consequence.seq, 0), Due::Input(input));
                    if outcome == Outcome::Done && binding.is_some() {
                        playback.scripts.pushes.insert(at);
                    }
                }
                News::Reading { as_of, .. } => {
                    let script = Script::News { key, consequence: *consequence, shift };
                    let number = playback.scripts.coming.insert(script);
                    let at = shift.of(as_of).max(now);
                    self.queue.push(at.0, Happening::Script(number));
                }
            }
        }
    }

    /// What an effect writes waits for the log to say that it was applied.
    fn write(&mut self, issued: &Issued, state: &State) {
        let (target, generation, body) = match &issued.effect {
            Effect::Prime { target, generation, revision, scale } => {
                (*target, *generation, Some(self.body(target, *revision, *scale, state)))
            }
            Effect::Withdraw { target, generation } => (*target, *generation, None),
            Effect::Route { .. } | Effect::Alert(_) => return,
        };
        let manifest = Manifest { target, generation, cause: issued.key, body };
        self.git.know(&manifest);
        let playback = self.playback.as_mut().expect("a log is played");
        playback.scripts.pending.insert(issued.key, manifest);
    }

    /// Users are sent another way when the log says that it was done.
    fn publish_as_recorded<'c>(
        &mut self,
        issued: &Issued,
        mut consequences: impl Iterator<Item = &'c Consequence>,
        shift: Shift,
        state: &State,
    ) {
        let Some(routing) = self.routing(issued, state) else { return };
        let done = |one: &&Consequence| matches!(one.news, News::Report(Outcome::Done));
        let Some(done) = consequences.find(done) else { return };
        let playback = self.playback.as_mut().expect("a log is played");
        let number = playback.scripts.coming.insert(Script::Published(routing));
        self.queue.push(shift.of(done.at).max(self.now).0, Happening::Script(number));
    }

    /// Something happens of which the log knows.
    pub(super) fn play(&mut self, number: u32) {
        let playback = self.playback.as_mut().expect("a log is played");
        match playback.scripts.coming.remove(number) {
            None => {}
            Some(Script::Published(routing)) => {
                self.publish_unless_outdated(&routing);
            }
            Some(Script::News { key, consequence, shift }) => {
                self.realize_news(key, consequence, shift);
            }
        }
    }

    /// What the log says of a binding becomes so, and will be learned of.
    fn realize_news(&mut self, key: EffectKey, consequence: Consequence, shift: Shift) {
        let News::Reading { cluster, as_of, seen } = consequence.news else { return };
        let playback = self.playback.as_mut().expect("a log is played");
        let followed = playback.scripts.followed[&key];
        let Some((binding, generation)) = followed.binding else { return };
        let asked = playback.past.asked(followed.twin);
        let ends = |one: &Consequence| match one.news {
            News::Reading { as_of: then, seen: Seen::Applied | Seen::Gone, .. } => then <= as_of,
            News::Reading { .. } | News::Report(_) => false,
        };
        let was_pending = playback.scripts.pending.contains_key(&key);
        let applied = asked.consequences.iter().any(ends);
        let manifest = if applied { playback.scripts.pending.remove(&key) } else { None };
        if let Some(manifest) = manifest {
            self.in_cluster(cluster, |cluster, around| match &manifest.body {
                Some(_) => cluster.script_applied(manifest, around),
                None => cluster.script_gone(&manifest, around),
            });
        }
        let known = was_pending
            || seen == Seen::Gone
            || self.clusters[cluster.index()].follows_script(binding);
        if let Seen::Replicas(ready) = seen {
            self.in_cluster(cluster, |cluster, around| {
                cluster.script_ready(binding, ready, around)
            });
        }
        if known {
            let reading = Reading { binding, generation, cause: key, seen };
            let as_of = shift.of(as_of);
            let due = Due::Reading { cluster, as_of, reading };
            let learned = shift.of(consequence.at).after(self.reports.late(cluster)).max(self.now);
            let at = (learned, consequence.seq, consequence.place);
            let playback = self.playback.as_mut().expect("a log is played");
            playback.agenda.add(at, due);
        }
    }
}
