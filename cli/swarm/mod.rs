//! The swarm: worlds drawn from seeds, troubled, healed, and checked against what must always hold.
//!
//! A seed draws a scenario and sails it record by record. After every record the safety part of what must
//! hold is checked, by code that shares nothing with the planner; then the troubles end, and convergence is
//! demanded. A seed and a commit are a bug report: equal seeds give equal voyages, on any number of threads.
//!
//! | file | what it owns |
//! |---|---|
//! | `dice`, `draw` | a seed becomes a scenario and its troubles |
//! | `keep` | the log of a voyage, in memory or by the journal, and what a crash leaves of it |
//! | `voyage` | the loop between machine and world, with echoes, lost answers and hubs that die |
//! | `played` | the log of a voyage, played again |
//! | `invariants` | what must hold after every record |
//! | `converged` | what must hold once all troubles are over |
//! | `reference` | rules and formulas, worked out a second time |

mod converged;
mod dice;
mod draw;
mod invariants;
mod keep;
mod played;
mod voyage;

pub mod reference;

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use periplus_core::ids::Seq;
use periplus_core::units::Tick;

use self::keep::Keep;
use self::voyage::Voyage;
use crate::failure::Failure;
use crate::parallel;

/// What must hold and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// At which record.
    pub seq: Seq,
    /// When.
    pub at: Tick,
    /// What must hold, in words.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
}

/// The numbers of one voyage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Records in the log.
    pub records: u64,
    /// Hubs that died.
    pub restarts: u32,
    /// Records that were lost with them.
    pub forgotten: u64,
    /// Groups that were opened in a cluster.
    pub opened: u32,
    /// Groups that left one.
    pub left: u32,
    /// Groups that yielded to others.
    pub preempted: u32,
    /// Most bindings at once.
    pub bindings: u32,
    /// Whether a scheduler found no place for what packs, long after all troubles. Convergence is then not
    /// demanded.
    pub cramped: bool,
    /// Series that were served in the end.
    pub served: u32,
    /// Series that nobody is worth, or able, to serve in the end.
    pub unserved: u32,
}

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Sailed {
    /// The seed.
    pub seed: u64,
    /// What it drew, in short.
    pub options: String,
    /// Its numbers, as far as it came.
    pub numbers: Numbers,
    /// What broke, if something did.
    pub breach: Option<Breach>,
}

/// Sails all seeds, on as many threads as `jobs`, and hands over what came of each in the order of seeds.
///
/// # Errors
/// The log of a failed seed could not be kept under `out`.
///
/// # Panics
/// Panics if `tell` does.
pub fn sail(
    seeds: Range<u64>,
    jobs: usize,
    out: Option<&Path>,
    tell: &mut (dyn FnMut(&Sailed) + Send),
) -> Result<(), Failure> {
    let count = usize::try_from(seeds.end.saturating_sub(seeds.start)).unwrap_or(usize::MAX);
    let mut failure = None;
    let sail = |place| sail_one(seeds.start + place as u64, out);
    parallel::in_order(count, jobs, sail, |sailed| match sailed {
        Ok(sailed) => tell(&sailed),
        Err(found) => failure = Some(found),
    });
    failure.map_or(Ok(()), Err)
}

/// Sails one seed. Keeps its log under `out` if something broke.
fn sail_one(seed: u64, out: Option<&Path>) -> Result<Sailed, Failure> {
    let drawn = match draw::draw(seed) {
        Ok(drawn) => drawn,
        Err(complaints) => {
            let found = complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let breach =
                Breach { seq: Seq(0), at: Tick::ZERO, rule: "a drawn scenario is valid", found };
            let (options, numbers) = (String::new(), Numbers::default());
            return Ok(Sailed { seed, options, numbers, breach: Some(breach) });
        }
    };
    let mut keep = Keep::new(seed, &drawn.scenario, drawn.options.journal)?;
    let mut numbers = Numbers::default();
    let voyage =
        || Voyage::new(seed, &drawn, &mut keep, &mut numbers).and_then(|mut voyage| voyage.sail());
    let breach = match catch_unwind(AssertUnwindSafe(voyage)) {
        Ok(Ok(())) => None,
        Ok(Err(breach)) => Some(breach),
        Err(panic) => Some(keep.panicked(panic.as_ref())),
    };
    if let (Some(out), Some(_)) = (out, &breach) {
        keep.write(&out.join(format!("seed-{seed}.log")))?;
    }
    Ok(Sailed { seed, options: drawn.options.to_string(), numbers, breach })
}

impl fmt::Display for Breach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, at, rule, found } = self;
        write!(out, "record {} at {at}: {rule}, but {found}", seq.0)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            records,
            restarts,
            forgotten,
            opened,
            left,
            preempted,
            cramped,
            bindings,
            served,
            unserved,
        } = self;
        write!(
            out,
            "{records} records, {restarts} restarts ({forgotten} records lost), {opened} opened, \
             {left} left, {preempted} preempted, at most {bindings} bindings, {served} series \
             served, {unserved} not{}",
            if *cramped { ", cramped" } else { "" }
        )
    }
}
