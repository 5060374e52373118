//! Fits: how long things took in a log, and the delays of a simulated world that takes as long.
//!
//! Each delay becomes the quantiles of what was seen, as they are: no shape is assumed. What was seen too seldom
//! stays as the scenario declares it. A sync agent is taken to look at its interval and to apply what it finds in a
//! constant time, so that what lies between a push and the objects is spread evenly between that time and that time
//! and an interval; both come from the 5 % and 95 % quantiles. Image sizes cannot be told from a log, in which pulls
//! wait for each other, and stay as they are declared.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_core::ids::{AppId, ClusterId, ComponentId};
use periplus_core::input::{Outcome, Seen};
use periplus_core::units::{Span, Tick};
use periplus_spec::border::delay::recorded;
use periplus_spec::scenario::{
    AgentTruth, AppTruth, ClusterTruth, Delay, Scenario, Schedule, World,
};

use super::content::{Content, Part};
use super::{Asked, News, Past};

/// What was seen less often says too little about how long it takes.
const SEEN_MIN: usize = 8;

/// How long something took, each time that it happened, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample(Vec<Span>);

/// How long things took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// From a prime or its removal to its being in git.
    pub written: Sample,
    /// From being in git to being applied in the cluster.
    pub applied: Sample,
    /// From a prime that brings more replicas to all of them being ready.
    pub ready: Sample,
    /// From a removal to nothing being left.
    pub gone: Sample,
    /// From a route to its being published.
    pub routed: Sample,
}

/// Delays by what they depend on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fits {
    push: Sample,
    lags: Sample,
    applied: BTreeMap<ClusterId, Vec<Span>>,
    /// From being applied to being ready, where the image was there before.
    started: BTreeMap<(AppId, ComponentId), Vec<Span>>,
}

/// What became of an effect that writes or removes a component.
struct Course {
    asked: Tick,
    landed: Option<Tick>,
    applied: Option<Tick>,
    ready: Option<Tick>,
    gone: Option<Tick>,
}

impl Sample {
    fn new(mut spans: Vec<Span>) -> Self {
        spans.sort_unstable();
        Self(spans)
    }

    /// How often it happened.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it never happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The span that this many thousandths of all are not above: the nearest rank.
    #[must_use]
    pub fn quantile(&self, permille: usize) -> Option<Span> {
        let rank = (self.0.len() * permille).div_ceil(1_000).max(1) - 1;
        self.0.get(rank).copied()
    }

    /// The largest difference between the parts of this sample and of `other` that are not above some span:
    /// nothing for equal samples, one where they do not overlap (Kolmogorov and Smirnov's statistic).
    #[must_use]
    pub fn distance(&self, other: &Self) -> Option<f64> {
        if self.is_empty() || other.is_empty() {
            return None;
        }
        let part = |sample: &Self, up_to: Span| {
            sample.0.partition_point(|span| *span <= up_to) as f64 / sample.len() as f64
        };
        let apart = self
            .0
            .iter()
            .chain(&other.0)
            .map(|span| (part(self, *span) - part(other, *span)).abs());
        Some(apart.fold(0.0, f64::max))
    }

    /// The sample as a delay that is drawn from; nothing if too little was seen.
    fn to_delay(&self) -> Option<Delay> {
        if self.len() < SEEN_MIN {
            return None;
        }
        Some(recorded(self.0.clone()))
    }
}

impl Past {
    /// How long things took.
    #[must_use]
    pub fn samples(&self) -> Samples {
        let (mut written, mut applied, mut ready) = (Vec::new(), Vec::new(), Vec::new());
        let (mut gone, mut routed) = (Vec::new(), Vec::new());
        let mut there: BTreeMap<Part, u16> = BTreeMap::new();
        for asked in &self.effects {
            let course = Course::of(asked);
            let since = |from: Tick, to: Option<Tick>| to.map(|to| to.since(from));
            match &asked.content {
                Content::Present { of, replicas, .. } => {
                    let before = there.insert(*of, replicas.0).unwrap_or(0);
                    written.extend(since(course.asked, course.landed));
                    applied.extend(course.landed.and_then(|landed| since(landed, course.applied)));
                    if replicas.0 > before {
                        // What was adopted was never applied.
                        let applied = course.applied.and(course.ready);
                        ready.extend(since(course.asked, applied));
                    }
                }
                Content::Absent(of) => {
                    there.remove(of);
                    written.extend(since(course.asked, course.landed));
                    gone.extend(since(course.asked, course.gone));
                }
                Content::Sent { .. } => routed.extend(since(course.asked, course.landed)),
                Content::Told => {}
            }
        }
        Samples {
            written: Sample::new(written),
            applied: Sample::new(applied),
            ready: Sample::new(ready),
            gone: Sample::new(gone),
            routed: Sample::new(routed),
        }
    }

    /// The delays of a world that takes as long as this log shows; commits are gathered for `window`.
    pub(crate) fn fits(&self, window: Span) -> Fits {
        let mut fits = Fits { lags: Sample::new(self.world.lags().to_vec()), ..Fits::default() };
        // What was pushed together, by when that was reported: when the first of it was asked for.
        let mut pushes: BTreeMap<Tick, Tick> = BTreeMap::new();
        let mut there: BTreeMap<Part, u16> = BTreeMap::new();
        for asked in &self.effects {
            let course = Course::of(asked);
            let Some(part) = asked.content.part() else { continue };
            if let Some(landed) = course.landed {
                let first = pushes.entry(landed).or_insert(course.asked);
                *first = (*first).min(course.asked);
            }
            let Content::Present { replicas, .. } = &asked.content else { continue };
            let known = there.insert(part, replicas.0);
            let (Some(landed), Some(applied)) = (course.landed, course.applied) else { continue };
            fits.applied.entry(part.cluster).or_default().push(applied.since(landed));
            if let (Some(before), Some(ready)) = (known, course.ready)
                && replicas.0 > before
            {
                let started = fits.started.entry((part.app, part.component)).or_default();
                started.push(ready.since(applied));
            }
        }
        let push =
            |(landed, first): (&Tick, &Tick)| Span(landed.since(*first).0.saturating_sub(window.0));
        fits.push = Sample::new(pushes.iter().map(push).collect());
        fits
    }

    /// The prices and carbon intensities of a cluster as they were reported, after those that `truth` begins with.
    pub(crate) fn tariffs(&self, cluster: ClusterId, truth: &mut ClusterTruth) {
        truth.prices = reported(&truth.prices, self.world.prices(cluster));
        truth.carbon = reported(&truth.carbon, self.world.carbon(cluster));
    }
}

/// A schedule that begins as it was declared and goes on as was reported.
fn reported<T: Copy>(declared: &Schedule<T>, reported: &[(Tick, T)]) -> Schedule<T> {
    let first = declared.0[0];
    let later = reported.iter().copied().filter(|(at, _)| *at > first.0);
    Schedule(std::iter::once(first).chain(later).collect())
}

impl Course {
    fn of(asked: &Asked) -> Self {
        let mut course =
            Self { asked: asked.attempts[0], landed: None, applied: None, ready: None, gone: None };
        let least = match &asked.content {
            Content::Present { replicas, .. } => replicas.0,
            Content::Absent(_) | Content::Sent { .. } | Content::Told => u16::MAX,
        };
        let readings = asked.consequences.iter().filter_map(|consequence| match consequence.news {
            News::Reading { as_of, seen, .. } => Some((as_of, seen)),
            News::Report(_) => None,
        });
        for (as_of, seen) in readings.clone() {
            match seen {
                Seen::Applied => course.applied = course.applied.or(Some(as_of)),
                Seen::Gone => course.gone = course.gone.or(Some(as_of)),
                Seen::Replicas(_) | Seen::Failed(_) => {}
            }
        }
        // Replicas that were there before are not what was waited for.
        let enough = |(as_of, seen): &(Tick, Seen)| {
            matches!(seen, Seen::Replicas(replicas) if *replicas >= least)
                && course.applied.is_some_and(|applied| *as_of >= applied)
        };
        course.ready = readings.clone().find(enough).map(|(as_of, _)| as_of);
        course.landed = asked.consequences.iter().find_map(|consequence| {
            let done = matches!(consequence.news, News::Report(Outcome::Done));
            done.then_some(consequence.at)
        });
        course
    }
}

impl Fits {
    /// Gives a world these delays, where `declared` has not changed them.
    pub(crate) fn fit_world(&self, world: &mut World, declared: &World) {
        if world.push == declared.push {
            world.push = self.push.to_delay().unwrap_or_else(|| declared.push.clone());
        }
        if world.report_delay == declared.report_delay {
            world.report_delay =
                self.lags.to_delay().unwrap_or_else(|| declared.report_delay.clone());
        }
    }

    /// Gives components the times that they took to start, where `declared` has not changed them.
    pub(crate) fn fit_app(&self, id: AppId, app: &mut AppTruth, declared: &AppTruth) {
        let known = declared.components.iter();
        for (place, (component, declared)) in app.components.iter_mut().zip(known).enumerate() {
            if component.start != declared.start {
                continue;
            }
            let seen = self.started.get(&(id, ComponentId::from_index(place)));
            let fitted = seen.and_then(|seen| Sample::new(seen.clone()).to_delay());
            component.start = fitted.unwrap_or_else(|| declared.start.clone());
        }
    }

    /// The agents of all clusters of `scenario`: those that are declared alike are fitted together.
    pub(crate) fn agents(&self, scenario: &Scenario) -> Vec<AgentTruth> {
        let clusters = &scenario.fleet.clusters;
        let mut alike: Vec<(AgentTruth, Vec<Span>)> = Vec::new();
        for (place, truth) in clusters.iter().enumerate() {
            let seen = self.applied.get(&ClusterId::from_index(place));
            let seen = seen.map_or(&[][..], Vec::as_slice);
            match alike.iter_mut().find(|known| known.0 == truth.agent) {
                Some(known) => known.1.extend(seen),
                None => alike.push((truth.agent, seen.to_vec())),
            }
        }
        let fitted: Vec<_> = alike
            .into_iter()
            .map(|(agent, seen)| (agent, fit_agent(agent, &Sample::new(seen))))
            .collect();
        let of = |truth: &ClusterTruth| {
            let found = fitted.iter().find(|known| known.0 == truth.agent);
            found.map_or(truth.agent, |known| known.1)
        };
        clusters.iter().map(of).collect()
    }
}

/// An agent that takes as long as was seen.
fn fit_agent(declared: AgentTruth, seen: &Sample) -> AgentTruth {
    let (Some(low), Some(middle), Some(high)) =
        (seen.quantile(50), seen.quantile(500), seen.quantile(950))
    else {
        return declared;
    };
    if seen.len() < SEEN_MIN {
        return declared;
    }
    if declared.webhook {
        return AgentTruth { apply: middle, ..declared };
    }
    // Between these two lie nine tenths of an interval.
    let interval = Span(((high.0 - low.0) * 10 / 9).max(1));
    AgentTruth { interval, apply: Span(low.0.saturating_sub(interval.0 / 20)), ..declared }
}

/// Rates that were measured, interval by interval, as a shape over a base of one request per second.
pub(crate) fn shape(step: Span, values: Vec<u32>) -> Arc<periplus_spec::scenario::Shape> {
    let values = if values.is_empty() { vec![0] } else { values };
    Arc::new(periplus_spec::scenario::Shape { step, values })
}
