//! Guarded: how much may change at once.
//!
//! Guards bound the search itself, so that what it finds can be done as found. Dwell stands with the sites;
//! the scale-in window and the mass-drain breaker stand in `bound` and `progress::release`.

use crate::decide::problem::Problem;
use crate::decision::{Guard, Held};
use crate::ids::AppId;
use crate::state::{Moves, State};
use crate::units::Tick;

/// Sets how many flows of the app may move without need, and how many bindings may be given up.
pub(super) fn allow(state: &State, at: Tick, app: AppId, problem: &mut Problem) {
    let pace = &state.policy().pace;
    let window = current_window(state, at, app);
    let in_window = pace.moves_per_window.saturating_sub(window.count);
    let at_once = pace.moves_at_once.saturating_sub(state.app(app).moving);
    problem.allowance = in_window.min(at_once);
    let held = if in_window <= at_once {
        Held { guard: Guard::MovesPerWindow, until: Some(window.since.after(pace.window)) }
    } else {
        Held { guard: Guard::MovesAtOnce, until: None }
    };
    problem.allowance_guard = Some(held);
    problem.droppable = state.removals_left(at);
    problem.droppable_before = problem.droppable;
}

/// The app's window of moves at `at`: a new one if the last has passed.
pub(super) fn current_window(state: &State, at: Tick, app: AppId) -> Moves {
    let moves = state.app(app).moves;
    let over = moves.since.after(state.policy().pace.window) <= at;
    if over { Moves { since: at, count: 0 } } else { moves }
}

impl State {
    /// How many more bindings may be given up in the breaker's window without asking a person.
    pub(crate) fn removals_left(&self, at: Tick) -> u32 {
        let breaker = &self.policy().breaker;
        let recent =
            self.scalars.removals.iter().filter(|(then, _)| then.after(breaker.window) > at);
        let recent: u32 = recent.map(|(_, bindings)| *bindings).sum();
        // The window's removals still counted when it began.
        let bindings = u64::from(self.scalars.bindings.saturating_add(recent));
        let share = bindings * u64::from(breaker.max_removal.0) / 1_000;
        let limit = u32::try_from(share).unwrap_or(u32::MAX).max(breaker.floor);
        limit.saturating_sub(recent)
    }
}
