//! The tray: what effects ask for, on its way to repositories and to clusters that are applied to directly.
//!
//! Effects open a window. At its end all that changed is rendered and divided, one parcel for each repository that has
//! something to take and is not busy with an earlier one. Clusters that are applied to directly are further targets of the same
//! files, and what is said here of repositories holds for them too. What a repository did not take stays and goes with its next
//! parcel. An effect is reported once every repository that it concerns has answered, and at once where there is nothing
//! to write.

use std::collections::{BTreeMap, BTreeSet};

use periplus_core::digest::Digest;
use periplus_core::effect::{Effect, EffectKey};
use periplus_core::ids::{AppId, ClusterId, Seq};
use periplus_core::input::{EffectReport, Outcome};
use periplus_core::units::{Span, Tick};
use periplus_core::{RecordRef, State};
use periplus_emit::{Draft, Follower, Problem, Renderer};
use periplus_git::{Divider, Line, TargetId};

use super::direct::{Direct, Part};

/// What one repository is to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// The repository.
    pub target: TargetId,
    /// What to commit.
    pub draft: Draft,
    /// Whether all of ours in it is said.
    pub scope: Scope,
    /// What happened, for the commit's message.
    pub lines: Vec<Line>,
}

/// How much of a repository a parcel speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Files that change.
    Changes,
    /// Every file of ours: what else is ours there is to go.
    Whole,
}

/// What effects ask for, on its way to repositories.
#[derive(Debug)]
pub struct Tray {
    follower: Follower,
    divider: Divider,
    direct: Direct,
    window: Span,
    /// When the open window ends.
    due: Option<Tick>,
    scope: Scope,
    /// Effects of the open window.
    asked: Vec<(EffectKey, Reach)>,
    decisions: Vec<Seq>,
    digest: Option<(Seq, Digest)>,
    last: (Tick, Seq),
    /// What each repository has not taken yet, and effects that wait for it.
    waiting: BTreeMap<TargetId, Load>,
    /// What each repository is busy with.
    flying: BTreeMap<TargetId, Load>,
    /// How many repositories have still to answer for an effect.
    open: BTreeMap<EffectKey, usize>,
}

/// Whose repositories an effect concerns.
#[derive(Clone, Copy, Debug)]
enum Reach {
    Cluster(ClusterId, AppId),
    App(AppId),
    /// It is told to people, not to repositories.
    Nobody,
}

/// Whose repositories an effect concerns.
fn reach(effect: &Effect) -> Reach {
    match effect {
        Effect::Prime { target, .. } | Effect::Withdraw { target, .. } => {
            Reach::Cluster(target.cluster, target.app)
        }
        Effect::Route { app, .. } => Reach::App(*app),
        Effect::Alert(_) => Reach::Nobody,
    }
}

#[derive(Clone, Debug)]
struct Load {
    draft: Draft,
    scope: Scope,
    lines: Vec<Line>,
    effects: Vec<EffectKey>,
    /// How often the repository did not take it.
    failures: u32,
    /// It is not sent before this, unless an effect waits for it: for those, the machine says when to try again.
    not_before: Tick,
}

/// How long nothing is sent after a first failure.
const PAUSE: Span = Span(5_000);
/// It is doubled so often, after more failures.
const PAUSE_DOUBLINGS_MAX: u32 = 6;

impl Tray {
    /// Gathers what a follower finds for at least as long as `window`.
    #[must_use]
    pub fn new(follower: Follower, divider: Divider, window: Span) -> Self {
        Self {
            follower,
            divider,
            direct: Direct::default(),
            window,
            due: None,
            scope: Scope::Changes,
            asked: Vec::new(),
            decisions: Vec::new(),
            digest: None,
            last: (Tick::ZERO, Seq(0)),
            waiting: BTreeMap::new(),
            flying: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// These clusters are applied to directly as well.
    pub fn apply_to(&mut self, direct: Direct) {
        self.direct = direct;
    }

    /// Something else was declared: it is rendered by another renderer from now on.
    pub fn renew(&mut self, renderer: Renderer, divider: Divider) {
        self.follower.renew(renderer);
        self.divider.renew(divider);
    }

    /// Begins where a service stopped. What is out is not known, so all of it goes out again, and so do effects that nobody
    /// has answered.
    pub fn resume(&mut self, state: &State, now: Tick) {
        self.follower.stir(state);
        self.scope = Scope::Whole;
        self.due = Some(now);
        self.last = (now, state.seq());
        // The last record may have asked for them: they are noted already.
        self.asked =
            state.outstanding().map(|issued| (issued.key, reach(&issued.effect))).collect();
    }

    /// Takes a record.
    pub fn note(&mut self, record: &RecordRef<'_>) {
        self.follower.note(record);
        self.last = (record.at, record.seq);
        if !record.effects.is_empty() {
            self.decisions.push(record.seq);
        }
        if let Some(digest) = record.digest {
            self.digest = Some((record.seq, digest));
        }
        for issued in record.effects {
            self.asked.push((issued.key, reach(&issued.effect)));
        }
        if !self.asked.is_empty() || self.follower.is_stirred() {
            self.due.get_or_insert(record.at.after(self.window));
        }
    }

    /// When there is something to do next: the open window ends, or a parcel may be tried again.
    #[must_use]
    pub fn due(&self) -> Option<Tick> {
        let idle = self.waiting.iter().filter(|(target, _)| !self.flying.contains_key(*target));
        let again = idle.map(|(_, load)| load.not_before).min();
        self.due.into_iter().chain(again).min()
    }

    /// Whether the open window is over.
    #[must_use]
    pub fn is_over(&self, now: Tick) -> bool {
        self.due.is_some_and(|due| due <= now)
    }

    /// Ends the window. Gives reports of effects for which nothing is to be written.
    ///
    /// # Errors
    /// Something cannot be rendered; the window stays open.
    pub fn close(&mut self, state: &State, lines: &[Line]) -> Result<Vec<EffectReport>, Problem> {
        let change = self.follower.take(state)?;
        self.due = None;
        let decisions = std::mem::take(&mut self.decisions);
        let scope = std::mem::replace(&mut self.scope, Scope::Changes);
        let mut parts = self.divider.divide(&change);
        parts.extend(self.direct.divide(&change));
        if scope == Scope::Whole {
            let declared =
                self.direct.clusters().filter(|name| self.divider.target(name).is_some());
            let wholes = declared.filter_map(|name| self.direct.whole(name));
            for target in self.divider.targets().into_iter().chain(wholes) {
                parts.entry(target).or_default();
            }
        }
        for (target, change) in parts {
            let (at, seq) = self.last;
            let digest = self.digest;
            let draft = Draft { at, seq, digest, decisions: decisions.clone(), change };
            let lines = lines.to_vec();
            self.put(target, Load { scope, lines, ..Load::new(draft, at) });
        }
        let mut reports = Vec::new();
        for (key, reach) in std::mem::take(&mut self.asked) {
            let mut answers = 0;
            for target in self.targets(state, reach) {
                let load = match self.waiting.get_mut(&target) {
                    Some(load) => load,
                    // It may be what is on its way.
                    None => match self.flying.get_mut(&target) {
                        Some(load) => load,
                        None => continue,
                    },
                };
                load.effects.push(key);
                answers += 1;
            }
            if answers == 0 {
                reports.push(EffectReport { key, outcome: Outcome::Done });
            } else {
                self.open.insert(key, answers);
            }
        }
        Ok(reports)
    }

    /// What is to be sent now: each repository takes one parcel at a time.
    pub fn send(&mut self, now: Tick) -> Vec<Parcel> {
        let ready = self.waiting.iter().filter(|(target, load)| {
            let may = load.not_before <= now || !load.effects.is_empty();
            may && !self.flying.contains_key(*target)
        });
        let ready: Vec<TargetId> = ready.map(|(target, _)| target.clone()).collect();
        let mut parcels = Vec::with_capacity(ready.len());
        for target in ready {
            let Some(load) = self.waiting.remove(&target) else { continue };
            let Load { draft, scope, lines, .. } = load.clone();
            parcels.push(Parcel { target: target.clone(), draft, scope, lines });
            self.flying.insert(target, load);
        }
        parcels
    }

    /// A repository has answered. Gives the reports that follow from it.
    pub fn settle(&mut self, target: &TargetId, outcome: Outcome, now: Tick) -> Vec<EffectReport> {
        let Some(load) = self.flying.remove(target) else { return Vec::new() };
        let Load { draft, scope, lines, effects, failures, not_before: _ } = load;
        match outcome {
            Outcome::Done => {}
            // It goes with the next parcel. Where it landed after all, that changes nothing.
            Outcome::Failed(_) | Outcome::Unknown => {
                let newer = self.waiting.remove(target);
                let pause = Span(PAUSE.0 << failures.min(PAUSE_DOUBLINGS_MAX));
                let mut left = Load::new(draft, now.after(pause));
                left.failures = failures + 1;
                (left.scope, left.lines) = (scope, lines);
                self.waiting.insert(target.clone(), left);
                if let Some(newer) = newer {
                    self.put(target.clone(), newer);
                }
            }
        }
        let mut reports = Vec::new();
        for key in effects {
            let Some(left) = self.open.get_mut(&key) else { continue };
            *left -= 1;
            let is_last = *left == 0;
            if is_last || outcome != Outcome::Done {
                // Whoever answers after a failure changes nothing: the machine asks again for all of it.
                self.open.remove(&key);
                reports.push(EffectReport { key, outcome });
            }
        }
        reports
    }

    /// How many parcels are on their way, and how many repositories have something to take after them.
    #[must_use]
    pub fn lengths(&self) -> (usize, usize) {
        (self.flying.len(), self.waiting.len())
    }

    /// The same of those only that are parts of clusters which are applied to directly.
    #[must_use]
    pub fn lengths_applied(&self) -> (usize, usize) {
        let applied = |loads: &BTreeMap<TargetId, Load>| {
            loads.keys().filter(|target| Part::of(target).is_some()).count()
        };
        (applied(&self.flying), applied(&self.waiting))
    }

    /// The digest that stood in the log last since the desk was opened, and after which record.
    #[must_use]
    pub fn digest(&self) -> Option<(Seq, Digest)> {
        self.digest
    }

    /// The files of now, whether they are out or not.
    #[must_use]
    pub fn follower(&self) -> &Follower {
        &self.follower
    }

    fn put(&mut self, target: TargetId, newer: Load) {
        match self.waiting.get_mut(&target) {
            None => {
                self.waiting.insert(target, newer);
            }
            Some(load) => {
                let Draft { at, seq, digest, decisions, change } = newer.draft;
                let draft = &mut load.draft;
                (draft.at, draft.seq, draft.digest) = (at, seq, digest);
                draft.decisions.extend(decisions);
                draft.change.extend(change);
                load.effects.extend(newer.effects);
                load.scope = load.scope.max(newer.scope);
                load.lines.extend(newer.lines);
            }
        }
    }

    fn targets(&self, state: &State, reach: Reach) -> BTreeSet<TargetId> {
        let name = |cluster| state.name(state.cluster(cluster).spec.name);
        let targets = |cluster, app| {
            let app = state.name(state.intent(app).name);
            let cluster = name(cluster);
            let repository = self.divider.target(cluster).cloned();
            repository.into_iter().chain(self.direct.targets(cluster, app))
        };
        match reach {
            Reach::Cluster(cluster, app) => targets(cluster, app).collect(),
            Reach::App(app) => {
                let berths = state.app(app).berths.iter().flatten();
                berths.flat_map(|(cluster, _)| targets(*cluster, app)).collect()
            }
            Reach::Nobody => BTreeSet::new(),
        }
    }
}

impl Load {
    fn new(draft: Draft, not_before: Tick) -> Self {
        let (lines, effects) = (Vec::new(), Vec::new());
        Self { draft, scope: Scope::Changes, lines, effects, failures: 0, not_before }
    }
}
