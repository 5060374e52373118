//! Running a study: what is kept already is not run again, and a killed study goes on where it stopped.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_sim::ensemble::Stratum;
use periplus_sim::{Breakdown, Dimension, Outcome};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::parallel;
use crate::whatif::answer::HOURLY;
use crate::whatif::measures::{self, Measures};
use crate::whatif::rows;
use crate::whatif::shard::Shard;
use crate::whatif::store::Store;
use crate::whatif::study::{Study, Variant, stratum_of};
use crate::whatif::tables::Table;
use crate::whatif::weighed::Weighed;

/// The version of the files that runs are kept in.
const VERSION: u16 = 3;

/// What came out of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    version: u16,
    /// What stands for the files, settings and seed that it was made from.
    made_from: String,
    pub(crate) variant: String,
    pub(crate) seed: u64,
    /// The part of all that it counts for, and the days that it is from.
    #[serde(skip)]
    pub(crate) part: f64,
    #[serde(skip, default = "all")]
    pub(crate) stratum: Stratum,
    pub(crate) digest: String,
    pub(crate) measures: Measures,
    /// How all apps together fared, hour by hour.
    pub(crate) hours: Table,
    /// What somebody wanted to know more closely, by breakdown. Kept, but not held in memory.
    #[serde(default)]
    pub(crate) parts: BTreeMap<String, Table>,
}

/// A measure of all runs.
pub(crate) fn sample(runs: &[Run], measure: &str) -> Option<Vec<Weighed>> {
    let one = |run: &Run| {
        let (part, stratum) = (run.part, stratum_of(run.stratum));
        Some(Weighed { part, stratum, value: *run.measures.get(measure)? })
    };
    runs.iter().map(one).collect()
}

/// How a study is run.
pub(crate) struct Plan<'a> {
    pub(crate) study: &'a Study,
    /// Where runs are kept, if anywhere.
    pub(crate) store: Option<&'a dyn Store>,
    pub(crate) shard: Shard,
    /// How many runs go on at once.
    pub(crate) jobs: usize,
    /// What is kept of each run besides its measures.
    pub(crate) breakdowns: &'a [Breakdown],
}

/// Who looks on while a study runs.
pub(crate) trait Watch: Send {
    /// So many runs are done of those that this shard has.
    fn done(&mut self, runs: usize, of: usize);
}

impl Plan<'_> {
    /// Runs what is not kept yet of this shard's, and gives all runs of this shard in order. After a failure
    /// nothing new is begun.
    ///
    /// # Errors
    /// A run failed, or what came out could not be kept or read.
    pub(crate) fn run(&self, watch: &mut dyn Watch) -> Result<Vec<Run>, Failure> {
        let pairs = self.study.runs().enumerate().filter(|(place, _)| self.shard.has(*place));
        let pairs: Vec<(usize, usize)> = pairs.map(|(_, pair)| pair).collect();
        let broken = AtomicBool::new(false);
        let work = |place: usize| {
            if broken.load(Ordering::Relaxed) {
                return None;
            }
            let run = self.one(pairs[place]);
            broken.fetch_or(run.is_err(), Ordering::Relaxed);
            Some(run)
        };
        let mut runs: Vec<Run> = Vec::with_capacity(pairs.len());
        let mut failure = None;
        parallel::in_order(pairs.len(), self.jobs, work, |run| match run {
            Some(Ok(mut run)) => {
                if let Some(Run { measures, .. }) = runs.first() {
                    run.measures = measures::sharing_names(run.measures, measures);
                }
                runs.push(run);
                watch.done(runs.len(), pairs.len());
            }
            Some(Err(found)) => failure = failure.take().or(Some(found)),
            None => {}
        });
        failure.map_or(Ok(runs), Err)
    }

    fn one(&self, (variant, place): (usize, usize)) -> Result<Run, Failure> {
        let variant = &self.study.variants[variant];
        let kept = self.store.map(|store| self.kept(store, variant, place)).transpose()?.flatten();
        let mut run = match kept.filter(|kept| self.is_enough(kept)) {
            Some(kept) => kept,
            None => {
                let run = self.run_one(variant, place)?;
                if let Some(store) = self.store {
                    store.put(&name_of(&run.made_from), &written(&run)?)?;
                }
                run
            }
        };
        // With many runs, what nobody asks for is what would fill the memory.
        run.parts.clear();
        run.hours.keep(&HOURLY);
        Ok(run)
    }

    fn run_one(&self, variant: &Variant, place: usize) -> Result<Run, Failure> {
        let way = self.study.world(variant, place);
        let mut looking = Nowhere(self.breakdowns);
        let outcome = self.study.run(&way, &mut Nowhere(&[]), &mut looking)?;
        let Outcome { summary, parts, digest, .. } = outcome;
        let fleet = &way.scenario().fleet;
        let mut parts = parts.iter().map(|(breakdown, parts)| {
            (breakdown.to_string(), rows::of_parts(fleet, breakdown, parts))
        });
        let (_, hours) = parts.next().expect("hours come first");
        Ok(Run {
            version: VERSION,
            made_from: self.study.fingerprint(variant, place),
            variant: variant.name.clone(),
            seed: self.study.seeds[place],
            part: self.study.part(variant, place),
            stratum: self.study.strata[place],
            digest: digest.to_string(),
            measures: measures::of_run(&summary, way.scenario()),
            hours,
            parts: parts.collect(),
        })
    }

    fn is_enough(&self, kept: &Run) -> bool {
        self.breakdowns.iter().all(|breakdown| kept.parts.contains_key(&breakdown.to_string()))
    }

    /// The run that was kept, as it counts in this study.
    fn kept(
        &self,
        store: &dyn Store,
        variant: &Variant,
        place: usize,
    ) -> Result<Option<Run>, Failure> {
        let found = kept(store, &self.study.fingerprint(variant, place))?;
        Ok(found.map(|run| Run {
            // A file that was copied together from another study may name the variant otherwise.
            variant: variant.name.clone(),
            part: self.study.part(variant, place),
            stratum: self.study.strata[place],
            ..run
        }))
    }

    /// A run, with everything that was kept of it.
    ///
    /// # Errors
    /// It cannot be read, or is not there any more.
    pub(crate) fn again(&self, run: &Run) -> Result<Run, Failure> {
        let found = self.store.map(|store| kept(store, &run.made_from)).transpose()?.flatten();
        found.ok_or_else(|| Failure::Environment {
            message: format!("the run of `{}` with seed {} is gone", run.variant, run.seed),
            hint: Some("somebody removed it; give the same command again".into()),
        })
    }
}

/// Nobody keeps the records; sums are taken apart.
struct Nowhere<'a>(&'a [Breakdown]);

impl Sink for Nowhere<'_> {
    fn accept(&mut self, _: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        Ok(())
    }
}

impl periplus_sim::Watch for Nowhere<'_> {
    fn breakdowns(&self) -> Vec<Breakdown> {
        Breakdown::new([Dimension::Hour]).into_iter().chain(self.0.iter().cloned()).collect()
    }
}

/// Under which name a run is kept: two runs of different files, settings or seeds never share one.
fn name_of(made_from: &str) -> String {
    format!("runs/{made_from}.json")
}

/// A run that was kept. One of another version counts as none.
fn kept(store: &dyn Store, made_from: &str) -> Result<Option<Run>, Failure> {
    let name = name_of(made_from);
    let Some(bytes) = store.get(&name)? else { return Ok(None) };
    let damaged = |error: serde_json::Error| Failure::Environment {
        message: format!("{} is not a run that was kept: {error}", store.told(&name)),
        hint: Some("remove the file; the run is then made again".into()),
    };
    let Versioned { version } = serde_json::from_slice(&bytes).map_err(damaged)?;
    if version != VERSION {
        return Ok(None);
    }
    let run: Run = serde_json::from_slice(&bytes).map_err(damaged)?;
    Ok((run.made_from == made_from).then_some(run))
}

const fn all() -> Stratum {
    Stratum::All
}

/// All that files of every version have.
#[derive(Deserialize)]
struct Versioned {
    version: u16,
}

fn written(run: &Run) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(run).map_err(|error| Failure::Environment {
        message: format!("a run cannot be written as JSON: {error}"),
        hint: None,
    })
}
