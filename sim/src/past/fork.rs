//! Forks: a scenario that begins as a log does, and from some time on goes another way.
//!
//! What stands in the log is not set up again: demand, tariffs and delays are those that it shows, silences are
//! put where it has them, and what its own scenario had happen to the world has left its traces in it. What is new
//! is *imposed*: it happens on top of all that.

use periplus_core::Input;
use periplus_core::ids::{AppId, ClusterId, SeriesId};
use periplus_core::input::Outcome;
use periplus_core::units::{MilliRps, Permille, Span, Tick};
use periplus_spec::scenario::{Act, ClusterTruth, Demand, Moment, Scenario, SeriesTruth};

use super::fit::{Fits, shape};
use super::{News, Past};
use crate::users::UNCHANGED;

/// A scenario that begins as a log does.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The world, its delays fitted to the log; its timeline has what is imposed, and what the log shows of the
    /// world without saying it.
    pub scenario: Scenario,
    /// Where each act of the timeline comes from.
    pub origins: Vec<Origin>,
    /// Acts that the log was made with and that were to be left out. Their traces are in the log all the same.
    pub kept: Vec<Moment>,
    /// Declarations of the log's own timeline that read otherwise, because names were numbered otherwise.
    pub(crate) renumbered: Vec<Renumbered>,
    /// Series whose demand is not as recorded.
    pub(crate) regrown: Vec<bool>,
    /// From when on anything differs.
    pub(crate) at: Tick,
}

/// Where an act comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It happened.
    Recorded,
    /// It is asked what would have been if it had.
    Imposed,
}

/// Inputs that stand in a log at some time, and what they are now.
#[derive(Clone, Debug)]
pub(crate) struct Renumbered {
    pub(crate) at: Tick,
    pub(crate) from: Vec<Input>,
    pub(crate) to: Vec<Input>,
}

impl Fork {
    /// The fork that `past` takes at `at`, if `before`, which it was made from, becomes `after`.
    #[must_use]
    pub fn new(past: &Past, before: &Scenario, after: &Scenario, at: Tick) -> Self {
        let fits = past.fits(before.world.commit_window);
        let mut fork = Self {
            scenario: Scenario { duration: duration(past, before), ..after.clone() },
            origins: Vec::new(),
            kept: Vec::new(),
            renumbered: Vec::new(),
            regrown: Vec::new(),
            at,
        };
        fork.fit(past, before, &fits);
        fork.regrow(past, before, after);
        fork.arrange(past, before, after, &fits);
        fork
    }

    /// Delays, agents and tariffs are those that the log shows.
    fn fit(&mut self, past: &Past, before: &Scenario, fits: &Fits) {
        fits.fit_world(&mut self.scenario.world, &before.world);
        let agents = fits.agents(before);
        let clusters = self.scenario.fleet.clusters.iter_mut().zip(&before.fleet.clusters);
        for (place, ((truth, declared), agent)) in clusters.zip(agents).enumerate() {
            fit_cluster(past, ClusterId::from_index(place), truth, declared, agent);
        }
        let apps = self.scenario.fleet.apps.iter_mut().zip(&before.fleet.apps).enumerate();
        for (place, (app, declared)) in apps {
            fits.fit_app(AppId::from_index(place), app, declared);
        }
    }

    /// Demand is what was measured; where it is said otherwise, that holds from the fork on.
    fn regrow(&mut self, past: &Past, before: &Scenario, after: &Scenario) {
        let step = past.world.demand_every();
        let first = usize::try_from(self.at.0.div_ceil(step.0)).unwrap_or(usize::MAX);
        let pairs = before.fleet.series.iter().zip(&after.fleet.series).enumerate();
        for (place, (before, after)) in pairs {
            let mut rates = past.world.rates(SeriesId::from_index(place));
            let regrown = before.demand != after.demand;
            if regrown {
                for (interval, rate) in rates.iter_mut().enumerate().skip(first) {
                    let begins = Tick(interval as u64 * step.0);
                    *rate = regrow(*rate, &before.demand, &after.demand, begins);
                }
            }
            self.regrown.push(regrown);
            self.scenario.fleet.series[place] = SeriesTruth {
                spec: after.spec,
                demand: Demand {
                    base: MilliRps(u64::from(UNCHANGED)),
                    shape: shape(step, rates),
                    noise: Permille(0),
                },
            };
        }
    }

    /// The timeline has what is imposed, what the world became without anybody being told, and silences.
    fn arrange(&mut self, past: &Past, before: &Scenario, after: &Scenario, fits: &Fits) {
        let agents = fits.agents(before);
        let mut known: Vec<&Moment> = before.timeline.iter().collect();
        let mut moments: Vec<(Moment, Origin)> = Vec::new();
        for moment in &after.timeline {
            let place = known.iter().position(|known| {
                known.at == moment.at
                    && (known.act == moment.act || are_told(&known.act, &moment.act))
            });
            let origin = if place.is_some() { Origin::Recorded } else { Origin::Imposed };
            let known = place.map(|place| known.remove(place));
            let mut moment = moment.clone();
            match (&mut moment.act, known.map(|known| &known.act)) {
                (Act::Inputs(to), Some(Act::Inputs(from))) => {
                    if from != to {
                        let (from, to) = (from.clone(), std::mem::take(to));
                        self.renumbered.push(Renumbered { at: moment.at, from, to });
                    }
                    continue;
                }
                (Act::ClusterChanged { cluster, truth }, _) => {
                    let declared = &before.fleet.clusters[cluster.index()];
                    let agent = agents[cluster.index()];
                    fit_cluster(past, *cluster, truth, declared, agent);
                }
                (Act::AppChanged { app, truth }, _) => {
                    fits.fit_app(*app, truth, &before.fleet.apps[app.index()]);
                }
                (_, Some(_)) => continue,
                (_, None) => {}
            }
            moments.push((moment, origin));
        }
        self.kept = known
            .into_iter()
            .filter(|moment| !matches!(moment.act, Act::Inputs(_)))
            .cloned()
            .collect();
        moments.extend(silences(past, before.fleet.clusters.len()));
        moments.extend(git_outages(past));
        moments.sort_by_key(|(moment, _)| moment.at);
        (self.scenario.timeline, self.origins) = moments.into_iter().unzip();
    }
}

/// How long the log goes on: to the end of its scenario if it stops less than a heartbeat before that.
fn duration(past: &Past, before: &Scenario) -> Span {
    let recorded = past.end().since(Tick::ZERO);
    let whole = recorded.saturating_add(before.world.heartbeat_every) >= before.duration;
    if whole { before.duration.max(recorded) } else { recorded }
}

/// Whether both are what the machine is told at one time: there is one such act at any time.
fn are_told(one: &Act, other: &Act) -> bool {
    matches!((one, other), (Act::Inputs(_), Act::Inputs(_)))
}

/// What a cluster really is: as declared, but for what the log knows better.
fn fit_cluster(
    past: &Past,
    id: ClusterId,
    truth: &mut ClusterTruth,
    declared: &ClusterTruth,
    agent: periplus_spec::scenario::AgentTruth,
) {
    if truth.agent == declared.agent {
        truth.agent = agent;
    }
    let mut shown = declared.clone();
    past.tariffs(id, &mut shown);
    if truth.prices == declared.prices {
        truth.prices = shown.prices;
    }
    if truth.carbon == declared.carbon {
        truth.carbon = shown.carbon;
    }
}

/// A rate that was measured, as it would be if demand were another: in proportion where only its size differs.
fn regrow(rate: u32, before: &Demand, after: &Demand, at: Tick) -> u32 {
    let alike = before.shape == after.shape && before.base.0 > 0;
    let (rate, of, among) = if alike {
        (u64::from(rate), after.base.0, before.base.0)
    } else {
        (after.base.0, u64::from(after.shape.at(at)), 1_000)
    };
    let regrown = u128::from(rate) * u128::from(of) / u128::from(among);
    u32::try_from(regrown).unwrap_or(u32::MAX)
}

/// Times in which nothing was heard of a cluster.
fn silences(past: &Past, clusters: usize) -> impl Iterator<Item = (Moment, Origin)> + '_ {
    (0..clusters).map(ClusterId::from_index).flat_map(|cluster| {
        past.world.silences(cluster).iter().map(move |silence| {
            let lasts = silence.until.map(|until| until.since(silence.from));
            let clusters = vec![cluster];
            let act = if silence.dead {
                Act::Outage { clusters, lasts }
            } else {
                Act::Partition { clusters, lasts }
            };
            (Moment { at: silence.from, act }, Origin::Recorded)
        })
    })
}

/// Times in which every push failed, more than once.
fn git_outages(past: &Past) -> Vec<(Moment, Origin)> {
    let mut pushes: Vec<(Tick, bool)> = Vec::new();
    for asked in past.effects.iter().filter(|asked| asked.content.part().is_some()) {
        for consequence in &asked.consequences {
            match consequence.news {
                News::Report(Outcome::Done) => pushes.push((consequence.at, true)),
                News::Report(Outcome::Failed(_)) => pushes.push((consequence.at, false)),
                News::Report(Outcome::Unknown) | News::Reading { .. } => {}
            }
        }
    }
    pushes.sort_unstable();
    let runs = pushes.chunk_by(|one, next| one.1 == next.1);
    let failed = runs.filter(|run| !run[0].1 && run[0].0 < run[run.len() - 1].0);
    let outage = |run: &[(Tick, bool)]| {
        let (from, until) = (run[0].0, run[run.len() - 1].0);
        let act = Act::GitOutage { lasts: Some(until.since(from).saturating_add(Span(1))) };
        (Moment { at: from, act }, Origin::Recorded)
    };
    failed.map(outage).collect()
}
