//! Shrinking: the smallest scenario that still fails in the same way.
//!
//! Parts of a [`Bundle`] are left out by delta debugging ([`ddmin`]), from whole documents inward (hierarchical delta
//! debugging: G. Misherghi and Z. Su, ICSE 2006), in between its time is cut ([`time`]) and its demand told in fewer points
//! ([`points`]), until nothing more can go. [`same`] says what must stay. Which candidates are tried, and which is taken,
//! does not depend on how many run at once.

mod ddmin;
mod points;
pub(crate) mod same;
pub(crate) mod size;
mod time;

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::sync::atomic::{AtomicUsize, Ordering};

use periplus_core::units::Span;
use periplus_spec::draft::Kind;
use periplus_spec::{Bundle, PARTS_DEPTH_MAX, Part, Sort};
use xxhash_rust::xxh3::Xxh3;

use self::same::Same;
use crate::failure::Failure;
use crate::parallel;

/// A scenario on its way to a smaller one.
pub(crate) struct Shrinking<'s> {
    /// The smallest so far.
    pub(crate) best: Bundle,
    /// How many runs that took.
    pub(crate) runs: usize,
    same: &'s Same,
    jobs: usize,
    /// What is known not to do the same, and the smallest itself.
    tried: BTreeSet<u128>,
    watch: &'s mut dyn Watch,
}

/// Who is told of progress.
pub(crate) trait Watch {
    /// A smaller one was found after so many runs.
    fn found(&mut self, best: &Bundle, runs: usize) -> Result<(), Failure>;

    /// So many runs were made.
    fn ran(&mut self, runs: usize);
}

/// What became of a candidate.
enum Tried {
    /// It is no scenario, or was tried before.
    Idle,
    /// It does something else.
    Other(u128),
    Same(Box<Bundle>, u128),
}

/// Documents, in the order in which they are left out.
const KINDS: [Kind; 6] =
    [Kind::Application, Kind::Zone, Kind::Cluster, Kind::InitialState, Kind::Tenant, Kind::Policy];
/// Times are cut to whole minutes.
const MINUTE: u64 = 60_000;
/// The parts of its time that a scenario is cut by, in sixteenths.
const CUTS: [u64; 6] = [8, 6, 4, 2, 1, 0];

impl<'s> Shrinking<'s> {
    pub(crate) fn new(best: Bundle, same: &'s Same, jobs: usize, watch: &'s mut dyn Watch) -> Self {
        let tried = [fingerprint(&best)].into();
        Self { best, runs: 0, same, jobs, tried, watch }
    }

    /// Shrinks until nothing more can go.
    pub(crate) fn shrink(&mut self) -> Result<(), Failure> {
        loop {
            let before = fingerprint(&self.best);
            self.cut()?;
            self.leave_out(Sort::Moments)?;
            for kind in KINDS {
                self.leave_out(Sort::Documents(kind))?;
            }
            for depth in 1..=PARTS_DEPTH_MAX {
                self.leave_out(Sort::Items(depth))?;
            }
            self.step()?;
            for depth in 1..=PARTS_DEPTH_MAX {
                self.leave_out(Sort::Fields(depth))?;
            }
            if fingerprint(&self.best) == before {
                return Ok(());
            }
        }
    }

    /// Leaves out what it can of a sort of parts.
    fn leave_out(&mut self, sort: Sort) -> Result<(), Failure> {
        let base = self.best.clone();
        let parts = base.parts(sort);
        ddmin::superfluous(parts, |sets: &[Vec<Part>]| {
            self.first(sets.len(), |place| base.without(&sets[place]))
        })?;
        Ok(())
    }

    /// Cuts the end, then the beginning, as long as that goes.
    fn cut(&mut self) -> Result<(), Failure> {
        loop {
            let base = self.best.clone();
            let lasts = base.scenario.spec.duration.0.0;
            let by = |sixteenths: u64| match sixteenths {
                0 => MINUTE,
                some => (lasts * some / 16).div_ceil(MINUTE) * MINUTE,
            };
            let fits = |sixteenths: &&u64| by(**sixteenths) < lasts;
            let cuts: Vec<u64> = CUTS.iter().filter(fits).map(|some| by(*some)).collect();
            let end = |place: usize| Some(time::until(&base, Span(lasts - cuts[place])));
            if self.first(cuts.len(), end)?.is_some() {
                continue;
            }
            let start = |place: usize| time::from(&base, Span(cuts[place]));
            if self.first(cuts.len(), start)?.is_none() {
                return Ok(());
            }
        }
    }

    /// Tells demand in steps, as few as can be.
    fn step(&mut self) -> Result<(), Failure> {
        if !points::is_said_otherwise(&self.best) {
            return Ok(());
        }
        let base = self.best.clone();
        let scenario = base.load().map_err(Failure::Files)?.scenario;
        let least = scenario.world.demand_every.0.max(1);
        let mut spans = vec![scenario.duration.0.max(least)];
        while let Some(last) = spans.last().filter(|last| **last > least) {
            spans.push((last / 2).div_ceil(least) * least);
        }
        let stepped = |place: usize| points::stepped(&base, &scenario, Span(spans[place]));
        self.first(spans.len(), stepped)?;
        Ok(())
    }

    /// The first of so many candidates that does the same: it is the smallest from now on.
    fn first(
        &mut self,
        count: usize,
        make: impl Fn(usize) -> Option<Bundle> + Sync,
    ) -> Result<Option<usize>, Failure> {
        let lowest = AtomicUsize::new(usize::MAX);
        let (tried, same) = (&self.tried, self.same);
        let work = |place: usize| -> Result<Tried, Failure> {
            // What comes after the first is not asked for.
            if place > lowest.load(Ordering::Relaxed) {
                return Ok(Tried::Idle);
            }
            let Some(bundle) = make(place) else { return Ok(Tried::Idle) };
            let mark = fingerprint(&bundle);
            if tried.contains(&mark) {
                return Ok(Tried::Idle);
            }
            Ok(match same.is_in(&bundle)? {
                None => Tried::Idle,
                Some(false) => Tried::Other(mark),
                Some(true) => {
                    lowest.fetch_min(place, Ordering::Relaxed);
                    Tried::Same(Box::new(bundle), mark)
                }
            })
        };
        let mut results = Vec::with_capacity(count);
        parallel::in_order(count, self.jobs, work, |result| results.push(result));
        for (place, result) in results.into_iter().enumerate() {
            match result? {
                Tried::Idle => {}
                Tried::Other(mark) => {
                    self.runs += 1;
                    self.tried.insert(mark);
                }
                Tried::Same(bundle, mark) => {
                    self.runs += 1;
                    self.tried.insert(mark);
                    self.best = *bundle;
                    self.watch.found(&self.best, self.runs)?;
                    return Ok(Some(place));
                }
            }
        }
        self.watch.ran(self.runs);
        Ok(None)
    }
}

/// What stands for a bundle.
fn fingerprint(bundle: &Bundle) -> u128 {
    let mut hash = Xxh3::new();
    for document in bundle.to_json() {
        hash.write(document.to_string().as_bytes());
    }
    for (file, text) in &bundle.tables {
        hash.write(file.as_bytes());
        hash.write(text.as_bytes());
    }
    hash.digest128()
}
