//! The chronicle: what the machine's decisions came to, counted from its records.

use std::collections::BTreeMap;

use periplus_core::decision::{Closing, Decision, Verdict};
use periplus_core::event::Event;
use periplus_core::ids::{BerthId, SeriesId};
use periplus_core::state::FlowId;
use periplus_core::units::{Permille, Span, Tick};
use periplus_core::{RecordRef, State};

/// What the machine's decisions came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chronicle {
    pub(crate) records: u64,
    pub(crate) inputs: u64,
    pub(crate) events: u64,
    pub(crate) effects: u64,
    pub(crate) decisions: u64,
    /// Groups that were opened in a cluster.
    pub(crate) placements: u64,
    /// Groups that left a cluster.
    pub(crate) removals: u64,
    /// Flows that left a cluster for another.
    pub(crate) moves: u64,
    /// Flows that one cluster took and several do now.
    pub(crate) bursts: u64,
    /// Groups that yielded to others.
    pub(crate) preemptions: u64,
    pub(crate) alerts: u64,
    /// From demand to the first published route, in the order in which they ended.
    pub(crate) waits: Vec<Span>,
    /// Series that wait for their first route, and since when.
    waiting: BTreeMap<SeriesId, Tick>,
    /// Who takes each flow that anybody takes.
    takers: BTreeMap<FlowId, Vec<BerthId>>,
}

impl Chronicle {
    /// Takes one record; `state` is what it led to.
    pub(crate) fn read(&mut self, record: &RecordRef<'_>, state: &State) {
        self.records += 1;
        self.inputs += record.input.weight();
        self.events += record.events.len() as u64;
        self.effects += record.effects.len() as u64;
        self.decisions += record.decisions.len() as u64;
        for event in record.events {
            self.note(event, record.at, state);
        }
        let preempted =
            |decision: &&Decision| matches!(decision.verdict, Verdict::Closed(Closing::Preempted));
        self.preemptions += record.decisions.iter().filter(preempted).count() as u64;
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a few kinds of events are counted; the others are of no interest here"
    )]
    fn note(&mut self, event: &Event, at: Tick, state: &State) {
        match event {
            Event::BerthOpened { .. } => self.placements += 1,
            Event::BerthLeaving { .. } => self.removals += 1,
            Event::Assigned { flow, shares } => self.note_takers(*flow, shares),
            Event::AlertIssued { .. } => self.alerts += 1,
            Event::SeriesRising { series, .. } | Event::SeriesAwoke { series }
                if !is_routed(state, *series) =>
            {
                self.waiting.entry(*series).or_insert(at);
            }
            Event::SeriesSlept { series } => {
                self.waiting.remove(series);
            }
            Event::RouteDone { flow: FlowId::Series(series) } if is_routed(state, *series) => {
                if let Some(since) = self.waiting.remove(series) {
                    self.waits.push(at.since(since));
                }
            }
            _ => {}
        }
    }

    fn note_takers(&mut self, flow: FlowId, shares: &[(BerthId, Permille)]) {
        let now: Vec<BerthId> = shares.iter().map(|share| share.0).collect();
        let before = self.takers.remove(&flow).unwrap_or_default();
        let left = before.iter().any(|berth| !now.contains(berth));
        let joined = now.iter().any(|berth| !before.contains(berth));
        self.moves += u64::from(!before.is_empty() && left && joined);
        self.bursts += u64::from(before.len() == 1 && now.len() > 1);
        if !now.is_empty() {
            self.takers.insert(flow, now);
        }
    }
}

/// Whether the users of a series were sent to anybody.
fn is_routed(state: &State, series: SeriesId) -> bool {
    let shares = &state.series()[series.index()].flow.shares;
    shares.iter().any(|share| share.routed > Permille::ZERO)
}
