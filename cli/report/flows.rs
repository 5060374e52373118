//! Who serves whom: the flows of a run, looked at again and again, and the decisions about them.

use std::collections::BTreeMap;

use periplus_core::decision::{Decision, Subject, Verdict};
use periplus_core::fleet::Place;
use periplus_core::ids::{AppId, ClusterId, GroupId, Seq};
use periplus_core::state::{Flow, FlowId, Wake};
use periplus_core::units::{MicroUsdPerHour, MilliRps, Permille, Span, Tick};
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_spec::scenario::Scenario;

use crate::names::Names;
use crate::wording::{events, reasons};

/// Flows are looked at so often at most, over all flows; more would not fit beside a dozen other runs.
const LOOKS_MAX: u64 = 2_000_000;
/// And so often over a run: every minute of a day.
const LOOKS_OF_A_RUN_MAX: u64 = 1_440;
/// And not more often than this.
const LOOK_EVERY_LEAST: Span = Span::MINUTE;

/// A flow by names, so that it is found in another run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowName {
    /// The app, with the group behind it if it has several.
    pub(crate) app: String,
    pub(crate) place: String,
    /// Whether the place is a zone, not a cluster whose group calls.
    pub(crate) zone: bool,
    caller: Option<String>,
}

#[cfg(test)]
impl FlowName {
    pub(crate) fn of_zone(app: &str, zone: &str) -> Self {
        Self { app: app.into(), place: zone.into(), zone: true, caller: None }
    }
}

/// Who takes a flow, each with its part; what is missing to the whole is taken by nobody.
pub(crate) type Takers = Vec<(String, Permille)>;

/// All flows of a run.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    /// How long it is from one look to the next.
    pub(crate) every: Span,
    pub(crate) takers: Vec<Takers>,
    pub(crate) by_name: BTreeMap<FlowName, Track>,
}

/// One flow of a run.
#[derive(Debug, Default)]
pub(crate) struct Track {
    /// What was seen at each look; nothing where nobody asked.
    pub(crate) looks: Vec<Option<Look>>,
    pub(crate) made: Vec<Made>,
    /// When a guard held a change back, and which.
    pub(crate) held: Vec<(Tick, String)>,
    /// US dollars for a request that nobody serves.
    pub(crate) unserved: f64,
}

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) rate: MilliRps,
    /// A place in the list of takers.
    pub(crate) takers: usize,
}

/// A decision that said who takes a flow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Made {
    pub(crate) at: Tick,
    pub(crate) seq: Seq,
    /// Its place in the record.
    pub(crate) decision: usize,
    pub(crate) total: Option<Total>,
    /// The requests that it is for.
    pub(crate) rate: MilliRps,
}

/// What a decision says of its price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Total {
    /// The winner's bill.
    Winner(MicroUsdPerHour),
    /// No cluster that was chosen can take all of the flow: the bill of the cheapest that could.
    AtMost(MicroUsdPerHour),
}

/// When flows of a scenario are looked at.
pub(crate) fn looks(scenario: &Scenario) -> (Span, Vec<Tick>) {
    let flows = scenario.fleet.series.len() + scenario.fleet.clusters.len();
    let most = (LOOKS_MAX / (flows.max(1) as u64)).clamp(24, LOOKS_OF_A_RUN_MAX);
    let every = Span(scenario.duration.0.div_ceil(most).max(LOOK_EVERY_LEAST.0));
    let ticks = (1..).map(|look| Tick(look * every.0));
    (every, ticks.take_while(|at| at.0 <= scenario.duration.0).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    app: AppId,
    group: GroupId,
    place: Place,
    caller: Option<GroupId>,
}

/// Looks at all flows.
#[derive(Debug, Default)]
pub(crate) struct Lookout {
    count: usize,
    looks: BTreeMap<Key, Vec<Option<Look>>>,
    known: BTreeMap<Vec<(ClusterId, Permille)>, usize>,
}

impl Lookout {
    pub(crate) fn look(&mut self, state: &State) {
        for series in state.series() {
            if matches!(series.wake, Wake::Awake | Wake::Idling { .. }) {
                let (place, app) = (Place::Zone(series.spec.zone), series.spec.app);
                let key = Key { app, group: GroupId::FRONT, place, caller: None };
                self.note(key, &series.flow, state);
            }
        }
        for (id, berth) in state.berths() {
            for (call, flow) in &berth.calls {
                let (place, app, group) = state.endpoints(FlowId::Call(id, *call));
                self.note(Key { app, group, place, caller: Some(berth.group) }, flow, state);
            }
        }
        self.count += 1;
    }

    fn note(&mut self, key: Key, flow: &Flow, state: &State) {
        if flow.rate == MilliRps::ZERO {
            return;
        }
        let shares = flow.shares.iter().filter(|share| share.assigned > Permille::ZERO);
        let mut takers: Vec<(ClusterId, Permille)> =
            shares.map(|share| (state.berth(share.berth).cluster, share.assigned)).collect();
        takers.sort_unstable();
        let next = self.known.len();
        let takers = *self.known.entry(takers).or_insert(next);
        let looks = self.looks.entry(key).or_default();
        looks.resize(self.count, None);
        looks.push(Some(Look { rate: flow.rate, takers }));
    }
}

/// Notes the decisions about flows.
#[derive(Debug, Default)]
pub(crate) struct Decisions {
    made: BTreeMap<(AppId, GroupId, Place), Vec<Made>>,
    held: BTreeMap<(AppId, GroupId, Place), Vec<(Tick, String)>>,
}

impl Sink for Decisions {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        for (place, decision) in record.decisions.iter().enumerate() {
            let Subject::Flow(from) = decision.subject else { continue };
            let key = (decision.app, decision.group, from);
            match decision.verdict {
                Verdict::Assigned | Verdict::Split { .. } | Verdict::Unserved => {
                    let flow = events::flow_of(state, from, decision);
                    let rate = flow.and_then(|flow| state.flow(flow)).map(|flow| flow.rate);
                    self.made.entry(key).or_default().push(Made {
                        at: record.at,
                        seq: record.seq,
                        decision: place,
                        total: total(decision),
                        rate: rate.unwrap_or_default(),
                    });
                }
                Verdict::Held => {
                    let held = decision.held.as_ref().map(reasons::guard);
                    let held = held.map(|guard| (record.at, guard));
                    self.held.entry(key).or_default().extend(held);
                }
                Verdict::Closed(_) | Verdict::Scaled { .. } => {}
            }
        }
        Ok(())
    }
}

fn total(decision: &Decision) -> Option<Total> {
    let winner = decision.winner.map(|winner| Total::Winner(winner.total));
    winner.or_else(|| decision.runner_up.map(|next| Total::AtMost(next.total)))
}

impl Flows {
    /// What was seen and decided, by names.
    pub(crate) fn new(every: Span, seen: Lookout, decided: &Decisions, state: &State) -> Self {
        let names = Names(state);
        let mut takers: Vec<(usize, Takers)> = seen
            .known
            .into_iter()
            .map(|(takers, place)| {
                let named = |(cluster, part)| (names.cluster(cluster).to_owned(), part);
                (place, takers.into_iter().map(named).collect())
            })
            .collect();
        takers.sort_unstable_by_key(|(place, _)| *place);
        let track = |(key, looks): (Key, _)| {
            let Key { app, group, place, caller } = key;
            let name = FlowName {
                app: names.group(app, group),
                place: names.place(place).to_owned(),
                zone: matches!(place, Place::Zone(_)),
                caller: caller.map(|caller| names.group(app, caller)),
            };
            let key = (app, group, place);
            let thousand = state.intent(app).worth.unserved.0 as f64 / 1e6;
            let track = Track {
                looks,
                made: decided.made.get(&key).cloned().unwrap_or_default(),
                held: decided.held.get(&key).cloned().unwrap_or_default(),
                unserved: thousand / 1e3,
            };
            (name, track)
        };
        Self {
            every,
            takers: takers.into_iter().map(|(_, takers)| takers).collect(),
            by_name: seen.looks.into_iter().map(track).collect(),
        }
    }
}
