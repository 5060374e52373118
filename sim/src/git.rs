//! Git: effects are gathered, committed and pushed; what is pushed is what clusters can see.
//!
//! One writer and one branch. The first effect opens a window; at its end everything gathered becomes one
//! commit, or none if nothing changed. While a push is on its way the next window waits for it. A push is
//! done, refused in an outage, or has an unknown outcome: it may have landed or not, and nobody says.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::effect::{EffectKey, Generation, Scale, Target};
use periplus_core::fleet::Resources;
use periplus_core::ids::BindingId;
use periplus_core::input::{Fault, Outcome};
use periplus_core::units::{MilliRps, Span, Tick};
use periplus_spec::scenario::Delay;

use crate::desks::DeskId;
use crate::luck::{Luck, Purpose, Ratio, Stream};

/// How often nobody knows whether a push has landed: a connection that breaks in the last round trip.
pub const PUSH_UNKNOWN: Ratio = Ratio { of: 1, among: 1_000 };
/// How often a push of which nobody knows has landed.
pub const UNKNOWN_LANDED: Ratio = Ratio { of: 1, among: 2 };

/// One version of what a folder holds of a binding.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) target: Target,
    pub(crate) generation: Generation,
    /// The effect that asked for it.
    pub(crate) cause: EffectKey,
    /// Nothing, if it is removed.
    pub(crate) body: Option<Body>,
}

/// What stands in a binding's files.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Body {
    pub(crate) desk: DeskId,
    pub(crate) scale: Scale,
    pub(crate) request: Resources,
    pub(crate) revision: u64,
    pub(crate) priority: i32,
    /// The rate that 1, 2, 3 … replicas hold: what an autoscaler's target is worked out from.
    pub(crate) held: Arc<[MilliRps]>,
}

/// The repository and its one writer.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    window: Span,
    push_takes: Delay,
    /// Effects that wait for the end of their window, in the order in which they came.
    gathered: Vec<(EffectKey, Manifest)>,
    /// When the oldest of them came.
    since: Tick,
    /// Whether the end of a window is on its way.
    closing: bool,
    push: Option<Push>,
    head: BTreeMap<BindingId, (Generation, Option<Body>)>,
    commits: u64,
    outages: u16,
    durations: Stream,
    outcomes: Stream,
}

/// A commit on its way.
#[derive(Clone, Debug)]
struct Push {
    effects: Vec<EffectKey>,
    manifests: Vec<Manifest>,
}

/// What became of effects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// How each effect went.
    pub(crate) answers: Vec<(EffectKey, Outcome)>,
    /// What clusters can see now.
    pub(crate) visible: Vec<Manifest>,
    /// When the push that has begun is over.
    pub(crate) pushed_at: Option<Tick>,
    /// When the next window ends.
    pub(crate) commit_at: Option<Tick>,
}

impl Git {
    pub(crate) fn new(window: Span, push_takes: Delay, luck: &Luck) -> Self {
        Self {
            window,
            push_takes,
            gathered: Vec::new(),
            since: Tick::ZERO,
            closing: false,
            push: None,
            head: BTreeMap::new(),
            commits: 0,
            outages: 0,
            durations: luck.stream(Purpose::Push, &[]),
            outcomes: luck.stream(Purpose::PushOutcome, &[]),
        }
    }

    /// Commits that were pushed.
    pub(crate) fn commits(&self) -> u64 {
        self.commits
    }

    /// A log knows that this was pushed.
    pub(crate) fn know(&mut self, manifest: &Manifest) {
        let content = (manifest.generation, manifest.body.clone());
        self.head.insert(manifest.target.binding, content);
    }

    /// Pushes are refused from now on, or no longer.
    pub(crate) fn set_outage(&mut self, lasts: bool) {
        self.outages = if lasts { self.outages + 1 } else { self.outages - 1 };
    }

    /// Takes an effect. Gives the end of its window if that is to be waited for.
    pub(crate) fn gather(&mut self, now: Tick, manifest: Manifest) -> Option<Tick> {
        if self.gathered.is_empty() {
            self.since = now;
        }
        self.gathered.push((manifest.cause, manifest));
        self.close_window(now)
    }

    fn close_window(&mut self, now: Tick) -> Option<Tick> {
        if self.closing || self.push.is_some() || self.gathered.is_empty() {
            return None;
        }
        self.closing = true;
        Some(self.since.after(self.window).max(now))
    }

    /// The window is over: what changed becomes a commit.
    pub(crate) fn commit(&mut self, now: Tick) -> Settled {
        self.closing = false;
        let mut settled = Settled::default();
        let mut push = Push { effects: Vec::new(), manifests: Vec::new() };
        let mut places: BTreeMap<BindingId, usize> = BTreeMap::new();
        for (key, manifest) in std::mem::take(&mut self.gathered) {
            let binding = manifest.target.binding;
            let place = places.get(&binding).copied();
            let here = place.map(|place| &push.manifests[place]);
            let known = here.map_or_else(
                || self.head.get(&binding).map(|head| (head.0, head.1.as_ref())),
                |manifest| Some((manifest.generation, manifest.body.as_ref())),
            );
            if known.is_some_and(|(newest, _)| manifest.generation < newest) {
                settled.answers.push((key, Outcome::Failed(Fault::GitRejected)));
            } else if known == Some((manifest.generation, manifest.body.as_ref())) {
                match place {
                    // What is in this commit shares its fate.
                    Some(_) => push.effects.push(key),
                    None => settled.answers.push((key, Outcome::Done)),
                }
            } else if manifest.body.is_none() && known.is_none() {
                // Nothing is removed in git; the cluster will say that nothing is there.
                self.head.insert(binding, (manifest.generation, None));
                settled.answers.push((key, Outcome::Done));
                settled.visible.push(manifest);
            } else {
                push.effects.push(key);
                match place {
                    Some(place) => push.manifests[place] = manifest,
                    None => {
                        places.insert(binding, push.manifests.len());
                        push.manifests.push(manifest);
                    }
                }
            }
        }
        if !push.manifests.is_empty() {
            settled.pushed_at = Some(now.after(self.durations.span(&self.push_takes)));
            self.push = Some(push);
        }
        settled
    }

    /// The push is over.
    pub(crate) fn pushed(&mut self, now: Tick) -> Settled {
        let mut settled = Settled::default();
        if let Some(Push { effects, manifests }) = self.push.take() {
            let outcome = self.outcome();
            let landed = match outcome {
                Outcome::Done => true,
                Outcome::Failed(_) => false,
                Outcome::Unknown => self.outcomes.happens(UNKNOWN_LANDED),
            };
            settled.answers.extend(effects.into_iter().map(|key| (key, outcome)));
            if landed {
                self.commits += 1;
                for manifest in &manifests {
                    let content = (manifest.generation, manifest.body.clone());
                    self.head.insert(manifest.target.binding, content);
                }
                settled.visible = manifests;
            }
        }
        settled.commit_at = self.close_window(now);
        settled
    }

    fn outcome(&mut self) -> Outcome {
        if self.outages > 0 {
            Outcome::Failed(Fault::GitRejected)
        } else if self.outcomes.happens(PUSH_UNKNOWN) {
            Outcome::Unknown
        } else {
            Outcome::Done
        }
    }

    /// The hub has died: what it gathered is forgotten, and nobody hears how the push on its way went.
    pub(crate) fn forget_hub(&mut self) {
        self.gathered.clear();
        if let Some(push) = &mut self.push {
            push.effects.clear();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use periplus_core::ids::{AppId, BerthId, ClusterId, ComponentId, Seq};

    /// A version of the only component of a berth.
    pub(crate) fn manifest(berth: u32, generation: u32) -> Manifest {
        let component = ComponentId(0);
        let binding = BindingId { berth: BerthId(berth), component };
        Manifest {
            target: Target { binding, app: AppId(0), component, cluster: ClusterId(0) },
            generation: Generation(generation),
            cause: EffectKey { seq: Seq(u64::from(berth)), ordinal: generation },
            body: Some(Body {
                desk: DeskId(0),
                scale: Scale::Replicas(2),
                request: Resources::default(),
                revision: 0,
                priority: 0,
                held: Arc::from([MilliRps(1_000)]),
            }),
        }
    }

    fn removal(berth: u32, generation: u32) -> Manifest {
        Manifest { body: None, ..manifest(berth, generation) }
    }

    fn git() -> Git {
        Git::new(Span(2_000), Delay::always(Span(500)), &Luck::new(1))
    }

    fn outcomes(settled: &Settled) -> Vec<Outcome> {
        settled.answers.iter().map(|answer| answer.1).collect()
    }

    #[test]
    fn what_comes_in_one_window_becomes_one_commit() {
        let mut git = git();
        assert_eq!(git.gather(Tick(100), manifest(1, 1)), Some(Tick(2_100)));
        assert_eq!(git.gather(Tick(900), manifest(2, 1)), None);
        let committed = git.commit(Tick(2_100));
        assert_eq!(committed.pushed_at, Some(Tick(2_600)));
        assert_eq!(git.gather(Tick(2_200), manifest(3, 1)), None, "the next waits for the push");
        let pushed = git.pushed(Tick(2_600));
        assert_eq!(outcomes(&pushed), [Outcome::Done, Outcome::Done]);
        assert_eq!((pushed.visible.len(), git.commits()), (2, 1));
        assert_eq!(pushed.commit_at, Some(Tick(4_200)));
    }

    #[test]
    fn nothing_new_means_no_commit_but_an_answer() {
        let mut git = git();
        git.gather(Tick(0), manifest(1, 1));
        git.commit(Tick(0));
        git.pushed(Tick(0));
        git.gather(Tick(10), manifest(1, 1));
        let again = git.commit(Tick(10));
        assert_eq!((outcomes(&again), again.pushed_at), (vec![Outcome::Done], None));
        assert_eq!(git.commits(), 1);
    }

    #[test]
    fn an_old_version_is_refused_and_the_newest_of_a_window_counts() {
        let mut git = git();
        for generation in [2, 3, 1] {
            git.gather(Tick(0), manifest(1, generation));
        }
        let refused = git.commit(Tick(0));
        assert_eq!(outcomes(&refused), [Outcome::Failed(Fault::GitRejected)]);
        let pushed = git.pushed(Tick(0));
        assert_eq!(outcomes(&pushed), [Outcome::Done, Outcome::Done]);
        assert_eq!(pushed.visible, [manifest(1, 3)]);
        git.gather(Tick(1), manifest(1, 2));
        assert_eq!(outcomes(&git.commit(Tick(1))), [Outcome::Failed(Fault::GitRejected)]);
    }

    #[test]
    fn an_outage_refuses_and_leaves_everything_as_it_was() {
        let mut git = git();
        git.set_outage(true);
        git.gather(Tick(0), manifest(1, 1));
        git.commit(Tick(0));
        let refused = git.pushed(Tick(0));
        assert_eq!(outcomes(&refused), [Outcome::Failed(Fault::GitRejected)]);
        assert!(refused.visible.is_empty());
        git.set_outage(false);
        git.gather(Tick(1), manifest(1, 1));
        assert!(git.commit(Tick(1)).pushed_at.is_some());
    }

    #[test]
    fn the_removal_of_what_was_never_there_reaches_the_cluster_all_the_same() {
        let mut git = git();
        git.gather(Tick(0), removal(1, 4));
        let settled = git.commit(Tick(0));
        assert_eq!(settled.visible, [removal(1, 4)]);
        assert_eq!((outcomes(&settled), settled.pushed_at), (vec![Outcome::Done], None));
        git.gather(Tick(0), manifest(1, 3));
        assert_eq!(outcomes(&git.commit(Tick(0))), [Outcome::Failed(Fault::GitRejected)]);
    }

    #[test]
    fn every_effect_is_answered_once_whatever_happens() {
        let mut git = git();
        let mut answers = 0;
        for round in 0..3_000_u32 {
            git.gather(Tick(0), manifest(round % 7, round));
            git.gather(Tick(0), manifest(round % 5, round));
            answers += git.commit(Tick(0)).answers.len();
            let pushed = git.pushed(Tick(0));
            answers += pushed.answers.len();
            assert!(
                pushed.visible.is_empty()
                    || outcomes(&pushed)[0] != Outcome::Failed(Fault::GitRejected)
            );
        }
        assert_eq!(answers, 6_000);
        assert!(git.commits() < 3_000, "some pushes had an unknown outcome and did not land");
    }
}
