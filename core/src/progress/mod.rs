//! Progress: moves on whatever can move, after planning.
//!
//! Routes users, closes and removes what nobody needs, rolls out, opens gates and writes content. Each file owns one of
//! these. Nothing here chooses a cluster: that is `decide`.

mod closing;
mod contents;
mod gates;
mod release;
mod rollouts;
mod routes;

use alloc::vec::Vec;

use crate::decide::Scratch;
use crate::step::{Step, take_sorted};

/// How often progress in one place may allow progress in another within one step.
const ROUNDS_MAX: u32 = 10_000;

/// Moves on until nothing moves any more.
pub(crate) fn progress(step: &mut Step<'_>, scratch: &mut Scratch) {
    let mut routes = Vec::new();
    let mut closings = Vec::new();
    let mut leavings = Vec::new();
    let mut contents = Vec::new();
    let mut gates = Vec::new();
    let mut freed = Vec::new();
    let mut rollouts = Vec::new();
    for _ in 0..ROUNDS_MAX {
        if !step.work.has_progress() {
            return;
        }
        take_sorted(&mut step.work.routes, &mut routes);
        routes.drain(..).for_each(|flow| step.route(flow));
        take_sorted(&mut step.work.closings, &mut closings);
        closings.drain(..).for_each(|(berth, cause)| step.close(berth, cause));
        take_sorted(&mut step.work.leavings, &mut leavings);
        leavings.drain(..).for_each(|berth| step.clear_out(berth));
        take_sorted(&mut step.work.freed, &mut freed);
        freed.drain(..).for_each(|cluster| step.offer_room(cluster));
        take_sorted(&mut step.work.rollouts, &mut rollouts);
        rollouts.drain(..).for_each(|app| step.roll(app, scratch));
        take_sorted(&mut step.work.kept_back, &mut rollouts);
        rollouts.drain(..).for_each(|app| step.tell_kept_back(app));
        take_sorted(&mut step.work.gates, &mut gates);
        gates.drain(..).for_each(|app| step.open_gates(app, scratch));
        take_sorted(&mut step.work.contents, &mut contents);
        contents.drain(..).for_each(|berth| step.write(berth, scratch));
    }
    panic!("progress never ends: two parts of it undo each other");
}
