//! The planning pipeline: eligible → priced → assigned → guarded → bound.
//!
//! Plans only what an input touched, starting from the present placement. Each stage is a file: `eligible`
//! says which clusters may serve and why not, `priced` what each would cost, `assigned` searches, `guarded`
//! bounds how much may change at once, and `bound` turns the answer into facts. `problem` is what they
//! share. Must not change the state other than through `bound`.

mod assigned;
mod bound;
mod eligible;
mod explained;
mod guarded;
mod preempt;
mod priced;
mod problem;

use alloc::vec::Vec;

pub(crate) use self::eligible::{Stance, live_berths, stance};

use self::assigned::{GreedyThenLocal, Solver};
use self::problem::Problem;
use crate::capacity::PodCount;
use crate::decision::Trigger;
use crate::event::Event;
use crate::fleet::NodeCount;
use crate::ids::{AppId, BerthId, ClusterId, GroupId};
use crate::state::{FlowId, State};
use crate::step::Step;
use crate::units::Span;
use core::cmp::Reverse;

/// How often a step plans again what its own planning has touched, before it leaves the rest to the next.
const ROUNDS_MAX: u32 = 8;

/// Room that planning uses and keeps from step to step.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    requests: Vec<Request>,
    flows: Vec<FlowId>,
    berths: Vec<BerthId>,
    problem: Problem,
    pub(crate) pods: Vec<PodCount>,
    pub(crate) nodes: Vec<NodeCount>,
}

/// What to plan, in the order in which it is planned: apps of higher priority first.
type Request = (Reverse<i32>, AppId, Item);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Whole,
    Berth(BerthId),
    Flow(FlowId),
}

/// Plans everything that the step's work lists name.
pub(crate) fn decide(step: &mut Step<'_>, trigger: Trigger, scratch: &mut Scratch) {
    for _ in 0..ROUNDS_MAX {
        let mut requests = core::mem::take(&mut scratch.requests);
        collect(step, &mut requests);
        // A pause leaves everything as it is; resuming plans every app.
        if !step.state.is_paused() {
            let mut rest = requests.as_slice();
            while let Some((_, app, _)) = rest.first() {
                let (mine, others) = rest.split_at(rest.partition_point(|other| other.1 == *app));
                plan_app(step, *app, mine, trigger, scratch);
                rest = others;
            }
        }
        scratch.requests = requests;
        if step.work.is_planned() {
            return;
        }
    }
    let mut requests = core::mem::take(&mut scratch.requests);
    collect(step, &mut requests);
    for (_, app, _) in &requests {
        step.stir(*app, step.at.after(Span::SECOND));
    }
    scratch.requests = requests;
}

/// Moves the work lists into requests, ordered and each once.
fn collect(step: &mut Step<'_>, requests: &mut Vec<Request>) {
    requests.clear();
    let state = &*step.state;
    let rank = |app: AppId| Reverse(state.intent(app).priority);
    requests.extend(step.work.apps.drain(..).map(|app| (rank(app), app, Item::Whole)));
    requests.extend(step.work.berths.drain(..).filter_map(|berth| {
        let app = state.try_berth(berth)?.app;
        Some((rank(app), app, Item::Berth(berth)))
    }));
    requests.extend(step.work.flows.drain(..).filter_map(|flow| {
        state.flow(flow)?;
        let (_, app, _) = state.endpoints(flow);
        Some((rank(app), app, Item::Flow(flow)))
    }));
    requests.sort_unstable();
    requests.dedup();
}

fn plan_app(
    step: &mut Step<'_>,
    app: AppId,
    items: &[Request],
    trigger: Trigger,
    scratch: &mut Scratch,
) {
    let whole = items.first().is_some_and(|(_, _, item)| *item == Item::Whole);
    if step.state.app(app).withdrawn {
        return;
    }
    let mut flows = core::mem::take(&mut scratch.flows);
    let mut berths = core::mem::take(&mut scratch.berths);
    flows.clear();
    berths.clear();
    for (_, _, item) in items {
        match item {
            Item::Whole => {}
            Item::Berth(berth) => berths.push(*berth),
            Item::Flow(flow) => flows.push(*flow),
        }
    }
    // Callers stand before those they call, so what a group changes is planned with the later ones.
    for group in 0..step.state.intent(app).groups.len() {
        let group = GroupId::from_index(group);
        scope(step.state, app, group, whole, &mut flows, &mut berths);
        plan_group(step, app, group, whole, &flows, &mut berths, trigger, scratch);
    }
    scratch.flows = flows;
    scratch.berths = berths;
    step.note_short(app);
}

/// Fills `flows` with the flows of `group` that are to be planned, ascending and each once.
fn scope(
    state: &State,
    app: AppId,
    group: GroupId,
    whole: bool,
    flows: &mut Vec<FlowId>,
    berths: &mut Vec<BerthId>,
) {
    let held = &state.app(app).berths;
    if whole {
        berths.extend(held[group.index()].iter().map(|held| held.1));
        if group == GroupId::FRONT {
            flows.extend(state.app(app).series.iter().map(|series| FlowId::Series(*series)));
        }
    }
    for berth in berths.iter().map(|berth| state.berth(*berth)) {
        if berth.group == group {
            flows.extend(&berth.sources);
        }
    }
    // Calls into this group from berths that are touched, or from all of them.
    for (_, caller) in held.iter().flatten() {
        if whole || berths.contains(caller) {
            let calls = &state.berth(*caller).calls;
            flows.extend(calls.iter().map(|(call, _)| FlowId::Call(*caller, *call)));
        }
    }
    flows.sort_unstable();
    flows.dedup();
}

#[expect(clippy::too_many_arguments, reason = "one call site; a struct would only rename them")]
fn plan_group(
    step: &mut Step<'_>,
    app: AppId,
    group: GroupId,
    whole: bool,
    flows: &[FlowId],
    berths: &mut Vec<BerthId>,
    trigger: Trigger,
    scratch: &mut Scratch,
) {
    let mut problem = core::mem::take(&mut scratch.problem);
    problem.state_it(step.state, step.at, app, group, flows, berths, whole);
    guarded::allow(step.state, step.at, app, &mut problem);
    let mut solver = GreedyThenLocal;
    loop {
        solver.solve(&mut problem);
        if !bound::narrow(step.state, &mut problem, scratch) {
            break;
        }
    }
    if problem.has_unserved() {
        preempt::preempt(step.state, &mut problem, &mut solver, scratch);
    }
    bound::bind(step, &mut problem, trigger, berths);
    scratch.problem = problem;
}

impl Step<'_> {
    /// Notes whether some of an app's users are served by nobody.
    fn note_short(&mut self, app: AppId) {
        let entry = self.state.app(app);
        let series = entry.series.iter().map(|series| &self.state.series[series.index()]);
        let short = series
            .filter(|series| series.wake.is_served() && series.flow.rate.0 > 0)
            .any(|series| series.flow.unassigned().0 > 0)
            || self.is_short_inside(app);
        let known = self.state.scalars.short.binary_search(&app).is_ok();
        if short != known {
            self.emit(Event::AppShort { app, short });
        }
    }

    fn is_short_inside(&self, app: AppId) -> bool {
        let held = self.state.app(app).berths.iter().flatten();
        let calls = held.flat_map(|(_, berth)| &self.state.berth(*berth).calls);
        calls.into_iter().any(|(_, flow)| flow.rate.0 > 0 && flow.unassigned().0 > 0)
    }

    /// Room came free in a cluster: whoever waits for it may go on.
    pub(crate) fn offer_room(&mut self, cluster: ClusterId) {
        for place in 0..self.state.cluster(cluster).berths.len() {
            let berth = self.state.cluster(cluster).berths[place];
            self.work.gates.push(self.state.berth(berth).app);
            self.work.contents.push(berth);
        }
        self.stir_short();
    }
}
