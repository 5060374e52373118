//! Whether a run came out as its scenario expects.

use std::collections::BTreeMap;

use periplus_core::event::{Event, Refusal};
use periplus_core::ids::{AppId, ClusterId, ComponentId};
use periplus_core::state::Phase;
use periplus_core::units::{Permille, Tick};
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_sim::Summary;
use periplus_spec::scenario::{Check, Expectation, Scenario};
use serde_json::Value;

use crate::names::Names;
use crate::wording::{self, events};

/// What a run leaves behind that expectations ask for.
#[derive(Clone, Debug)]
pub struct Traces {
    /// From when on nothing may be opened, closed, moved or scaled.
    quiet_from: Tick,
    /// When something last was after that, and what.
    last_change: Option<(Tick, String)>,
    /// When each binding first reached git.
    primed: BTreeMap<(AppId, ComponentId, ClusterId), Tick>,
    /// Refused commands, and how that is told.
    refusals: Vec<(Refusal, String)>,
}

impl Traces {
    /// What is to be kept for the expectations of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let quiet = scenario.expectations.iter().filter_map(|one| match one.check {
            Check::QuietFrom(from) => Some(from),
            Check::Metric { .. }
            | Check::Clusters { .. }
            | Check::Binding { .. }
            | Check::ServedBy { .. }
            | Check::Holds(_)
            | Check::Before { .. }
            | Check::Refused(_) => None,
        });
        Self {
            quiet_from: quiet.min().unwrap_or(Tick(u64::MAX)),
            last_change: None,
            primed: BTreeMap::new(),
            refusals: Vec::new(),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "expectations ask for these few facts only")]
impl Sink for Traces {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        let mut changes = false;
        for event in record.events {
            match event {
                Event::BerthOpened { .. }
                | Event::BerthReopened { .. }
                | Event::BerthClosing { .. }
                | Event::BerthLeaving { .. }
                | Event::Assigned { .. }
                | Event::Staffed { .. } => changes = true,
                Event::BindingPrimed { binding } => {
                    let target = state.target(*binding);
                    let key = (target.app, target.component, target.cluster);
                    self.primed.entry(key).or_insert(record.at);
                }
                Event::CommandRefused { refusal } => {
                    self.refusals.push((*refusal, wording::refusal(state, refusal)));
                }
                _ => {}
            }
        }
        if changes && record.at >= self.quiet_from {
            self.last_change = Some((record.at, story(record, state)));
        }
        Ok(())
    }
}

/// What happened in a record, in words.
fn story(record: &RecordRef<'_>, state: &State) -> String {
    let mut lines = Vec::new();
    events::tell(record, state, &mut lines);
    if lines.is_empty() { events::kind(record.input) } else { lines.join("; ") }
}

/// The points in time at which expectations look, ascending.
#[must_use]
pub fn moments(scenario: &Scenario) -> Vec<Tick> {
    let mut moments: Vec<Tick> = scenario.expectations.iter().filter_map(|one| one.at).collect();
    moments.sort_unstable();
    moments.dedup();
    moments
}

/// What is not as expected at `at`; the expectations of the end if it is `None`.
#[must_use]
pub fn unmet_at(scenario: &Scenario, at: Option<Tick>, state: &State) -> Vec<String> {
    let found = found_at(scenario, at, state).into_iter();
    found.map(|(place, got)| failed(&scenario.expectations[place], at, &got)).collect()
}

/// The same as places of expectations, and what is so instead.
pub(crate) fn found_at(
    scenario: &Scenario,
    at: Option<Tick>,
    state: &State,
) -> Vec<(usize, String)> {
    let due = scenario.expectations.iter().enumerate().filter(|(_, one)| one.at == at);
    due.filter_map(|(place, one)| Some((place, unmet(&one.check, state)?))).collect()
}

/// What is not as expected of the whole run.
#[must_use]
pub fn unmet_after(scenario: &Scenario, summary: &Summary, traces: &Traces) -> Vec<String> {
    let found = found_after(scenario, summary, traces).into_iter();
    let expectations = &scenario.expectations;
    found.map(|(place, got)| failed(&expectations[place], expectations[place].at, &got)).collect()
}

/// The same as places of expectations, and what is so instead.
pub(crate) fn found_after(
    scenario: &Scenario,
    summary: &Summary,
    traces: &Traces,
) -> Vec<(usize, String)> {
    let summary = serde_json::to_value(summary).unwrap_or(Value::Null);
    let expectations = scenario.expectations.iter().enumerate();
    expectations
        .filter_map(|(place, one)| Some((place, unmet_in(&one.check, &summary, traces)?)))
        .collect()
}

fn failed(expectation: &Expectation, at: Option<Tick>, got: &str) -> String {
    let when = at.map_or_else(|| "at the end".into(), |at| format!("at {at}"));
    format!("{when}: expected {}, got {got}", expectation.text)
}

/// What is so instead, if a check of the state does not hold.
fn unmet(check: &Check, state: &State) -> Option<String> {
    let names = Names(state);
    match check {
        Check::Clusters { app, group, clusters } => {
            let held = &state.app(*app).berths[group.index()];
            let live = held.iter().filter(|(_, berth)| state.berth(*berth).is_live());
            let live: Vec<ClusterId> = live.map(|(cluster, _)| *cluster).collect();
            (live != sorted(clusters)).then(|| listed(names, &live))
        }
        Check::Binding { app, component, cluster, phase, replicas } => {
            let binding = state.apps().get(app.index()).and_then(|entry| {
                let group = entry.intent.group_of(*component);
                let berth = entry.berth_in(group, *cluster)?;
                state.berth(berth).binding(*component)
            });
            let found = binding.map(|binding| binding.phase);
            let count = binding.map(|binding| binding.replicas);
            let holds = found == *phase && (replicas.is_none() || count == *replicas);
            let told =
                |phase: Option<Phase>| phase.map_or("absent".into(), |phase| format!("{phase:?}"));
            (!holds).then(|| match count {
                Some(count) => format!("{} with {count} replicas", told(found).to_lowercase()),
                None => told(found),
            })
        }
        Check::ServedBy { app, zone, clusters } => {
            let mut series = state.app(*app).series.iter();
            let series = series.find(|series| state.series()[series.index()].spec.zone == *zone);
            let shares = series.map(|series| state.series()[series.index()].flow.shares);
            let shares = shares.unwrap_or_default();
            let routed = shares.iter().filter(|share| share.routed > Permille::ZERO);
            let routed: Vec<_> = routed.map(|share| state.berth(share.berth).cluster).collect();
            (sorted(&routed) != sorted(clusters)).then(|| listed(names, &routed))
        }
        Check::Holds(count) => {
            let held = state.holds().filter(|(_, hold)| !hold.approved).count();
            (held != *count as usize).then(|| held.to_string())
        }
        Check::Metric { .. } | Check::QuietFrom(_) | Check::Before { .. } | Check::Refused(_) => {
            None
        }
    }
}

/// What is so instead, if a check of the whole run does not hold.
fn unmet_in(check: &Check, summary: &Value, traces: &Traces) -> Option<String> {
    match check {
        Check::Metric { path, least, most } => {
            let found = path.split('.').try_fold(summary, |value, key| value.get(key));
            let Some(number) = found.and_then(Value::as_f64) else {
                return Some(format!("no number called `{path}` in the summary"));
            };
            let low = least.is_some_and(|least| number < least);
            let high = most.is_some_and(|most| number > most);
            (low || high).then(|| number.to_string())
        }
        Check::QuietFrom(from) => {
            let (at, what) = traces.last_change.as_ref()?;
            (at >= from).then(|| format!("at {at}: {what}"))
        }
        Check::Before { first, then } => {
            let (first, then) = (traces.primed.get(first), traces.primed.get(then));
            let holds = first.zip(then).is_some_and(|(first, then)| first < then);
            let told = |at: Option<&Tick>| at.map_or("never".into(), |at| format!("at {at}"));
            (!holds).then(|| format!("it {}, the other {}", told(first), told(then)))
        }
        Check::Refused(refusal) => {
            let met = traces.refusals.iter().any(|(refused, _)| refused == refusal);
            let told: Vec<&str> = traces.refusals.iter().map(|(_, told)| told.as_str()).collect();
            (!met).then(|| if told.is_empty() { "none".into() } else { told.join("; ") })
        }
        Check::Clusters { .. }
        | Check::Binding { .. }
        | Check::ServedBy { .. }
        | Check::Holds(_) => None,
    }
}

fn sorted(clusters: &[ClusterId]) -> Vec<ClusterId> {
    let mut clusters = clusters.to_vec();
    clusters.sort_unstable();
    clusters.dedup();
    clusters
}

fn listed(names: Names<'_>, clusters: &[ClusterId]) -> String {
    let names: Vec<&str> = clusters.iter().map(|cluster| names.cluster(*cluster)).collect();
    if names.is_empty() { "nowhere".into() } else { names.join(", ") }
}
