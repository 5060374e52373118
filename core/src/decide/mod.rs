//! The planning pipeline: eligible → priced → assigned → guarded → bound.
//!
//! Plans only what an input touched, starting from the present placement. Each stage is a file: `eligible`
//! says which clusters may serve and why not, `priced` what each would cost, `assigned` searches, `guarded`
//! bounds how much may change at once, and `bound` turns the answer into facts. `scope` says what is planned
//! together and `problem` is what the stages share. Must not change the state other than through `bound`.

mod assigned;
mod bound;
mod eligible;
mod explained;
mod guarded;
mod preempt;
mod priced;
mod problem;
mod quota;
mod scope;
mod staffed;
mod stated;

use alloc::vec::Vec;

pub(crate) use self::eligible::{Stance, live_berths, stance};
pub(crate) use self::scope::{Depth, REVIEW_FROM};
pub(crate) use self::staffed::{band, staffed_now};

use self::assigned::{GreedyThenLocal, Solver};
use self::problem::Problem;
use self::scope::{Request, collect};
use crate::capacity::PodCount;
use crate::decision::Trigger;
use crate::event::Event;
use crate::fleet::NodeCount;
use crate::ids::{AppId, BerthId, GroupId};
use crate::state::FlowId;
use crate::step::Step;
use crate::units::{Span, Tick};

/// How often a step plans again what its own planning has touched, before it leaves the rest to the next.
const ROUNDS_MAX: u32 = 8;

/// Room that planning uses and keeps from step to step.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    requests: Vec<Request>,
    plan: Plan,
    problem: Problem,
    pub(crate) pods: Vec<PodCount>,
    pub(crate) nodes: Vec<NodeCount>,
}

/// What of one app is planned, and what that touched.
#[derive(Debug, Default)]
struct Plan {
    /// Flows to be planned.
    flows: Vec<FlowId>,
    /// Berths to be staffed, or planned if that is not possible.
    berths: Vec<BerthId>,
    /// Berths whose load or calls have changed.
    touched: Vec<BerthId>,
    /// Flows of the group that is planned now.
    now: Vec<FlowId>,
    /// When a guard lets go of something that it held.
    again: Option<Tick>,
}

/// Plans everything that the step's work lists name.
pub(crate) fn decide(step: &mut Step<'_>, trigger: Trigger, scratch: &mut Scratch) {
    let mut requests = core::mem::take(&mut scratch.requests);
    for _ in 0..ROUNDS_MAX {
        if step.work.is_planned() {
            break;
        }
        collect(step, &mut requests);
        // A pause leaves everything as it is; resuming plans every app.
        let mut rest = if step.state.is_paused() { &[] } else { requests.as_slice() };
        while let Some((_, app, _)) = rest.first() {
            let (mine, others) = rest.split_at(rest.partition_point(|other| other.1 == *app));
            plan_app(step, *app, mine, trigger, scratch);
            rest = others;
        }
    }
    if !step.work.is_planned() {
        collect(step, &mut requests);
        for (_, app, _) in &requests {
            step.stir(*app, step.at.after(Span::SECOND));
        }
    }
    requests.clear();
    scratch.requests = requests;
}

fn plan_app(
    step: &mut Step<'_>,
    app: AppId,
    requests: &[Request],
    trigger: Trigger,
    scratch: &mut Scratch,
) {
    if step.state.app(app).withdrawn {
        return;
    }
    let mut plan = core::mem::take(&mut scratch.plan);
    let depth = plan.fill(step.state, app, requests);
    let mut short = false;
    let mut planned = false;
    // Callers stand before those they call, so what a group changes is planned with the later ones.
    for group in 0..step.state.intent(app).groups.len() {
        let group = GroupId::from_index(group);
        if depth == Depth::Local {
            staffed::rescale(step, group, &mut plan, trigger, scratch);
        }
        plan.narrow_to(step.state, app, group, depth);
        if depth == Depth::Local && plan.now.is_empty() {
            continue;
        }
        planned = true;
        short |= plan_group(step, app, group, depth, &mut plan, trigger, scratch);
    }
    if depth == Depth::Local && planned {
        // What was settled in haste is looked at again with every move there is.
        step.stir_for_demand(app);
    }
    step.note_short(app, short, depth);
    step.note_considered(app, depth, plan.again);
    scratch.plan = plan;
}

/// Plans the flows of one group. Says whether some are left to nobody.
fn plan_group(
    step: &mut Step<'_>,
    app: AppId,
    group: GroupId,
    depth: Depth,
    plan: &mut Plan,
    trigger: Trigger,
    scratch: &mut Scratch,
) -> bool {
    let mut problem = core::mem::take(&mut scratch.problem);
    problem.state_it(step.state, step.at, app, group, plan, depth);
    guarded::allow(step.state, step.at, app, &mut problem);
    let mut solver = GreedyThenLocal;
    solver.solve(&mut problem);
    let mut narrowed = false;
    while bound::narrow(step.state, &mut problem, scratch)
        || quota::narrow(step.state, &mut problem)
    {
        narrowed = true;
        solver.solve(&mut problem);
    }
    if narrowed {
        problem.stay_if_as_good(step.state);
    }
    if problem.has_unserved() {
        preempt::preempt(step.state, &mut problem, scratch);
    }
    let short = problem.has_unserved();
    bound::bind(step, &mut problem, trigger, plan, scratch);
    scratch.problem = problem;
    short
}

impl Step<'_> {
    /// Notes whether some of an app's users are served by nobody. Only a look at all of them can say that
    /// none are.
    fn note_short(&mut self, app: AppId, short: bool, depth: Depth) {
        let known = self.state.scalars.short.binary_search(&app).is_ok();
        if short != known && (short || depth == Depth::Whole) {
            self.emit(Event::AppShort { app, short });
        }
    }

    /// Notes which demand has been looked at, and sees to it that the rest, and what guards held, is looked at
    /// later.
    fn note_considered(&mut self, app: AppId, depth: Depth, again: Option<Tick>) {
        if self.state.app(app).series.len() < REVIEW_FROM {
            if let Some(again) = again {
                self.stir(app, again);
            }
            return;
        }
        let whole = depth == Depth::Whole;
        if depth != Depth::Local {
            self.emit(Event::AppConsidered { app, whole });
        }
        if depth == Depth::Drifted || again.is_some() {
            let review = self.at.after(self.state.policy().pace.review_after);
            self.stir(app, again.map_or(review, |again| again.max(review)));
        }
    }
}
