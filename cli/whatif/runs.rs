//! Running a study: what is kept already is not run again, and a killed study goes on where it stopped.

use std::collections::BTreeMap;

use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_sim::{Breakdown, Dimension, Outcome};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::parallel;
use crate::whatif::measures::{self, Measures};
use crate::whatif::rows;
use crate::whatif::store::Store;
use crate::whatif::study::{Study, Variant};
use crate::whatif::tables::Table;

/// The version of the files that runs are kept in.
const VERSION: u16 = 2;

/// What came out of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    version: u16,
    /// What stands for the files and settings that it was made from.
    scenario: String,
    pub(crate) variant: String,
    pub(crate) seed: u64,
    pub(crate) digest: String,
    pub(crate) measures: Measures,
    /// How all apps together fared, hour by hour.
    pub(crate) hours: Table,
    /// What somebody wanted to know more closely, by breakdown. Kept, but not held in memory.
    #[serde(default)]
    pub(crate) parts: BTreeMap<String, Table>,
}

/// Which part of a study is run here: every `of`-th run from the `number`-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub(crate) number: usize,
    pub(crate) of: usize,
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

impl Shard {
    /// Everything.
    pub(crate) const WHOLE: Self = Self { number: 1, of: 1 };

    /// Reads `2/8`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').map(|(number, of)| (number.parse(), of.parse()));
        match parts {
            Some((Ok(number), Ok(of))) if (1..=of).contains(&number) => Ok(Self { number, of }),
            _ => Err("write a number and how many there are, as in `2/8`".into()),
        }
    }

    fn has(self, run: usize) -> bool {
        run % self.of == self.number - 1
    }
}

impl Plan<'_> {
    /// Runs what is not kept yet, as far as it is this shard's, and gives every run that is there, in order:
    /// nothing where another shard has not done its part.
    ///
    /// # Errors
    /// A run failed, or what came out could not be kept or read.
    pub(crate) fn run(&self, watch: &mut dyn Watch) -> Result<Vec<Option<Run>>, Failure> {
        let pairs: Vec<(usize, u64)> = self.study.runs().collect();
        let mine = (0..pairs.len()).filter(|run| self.shard.has(*run)).count();
        let mut runs = Vec::with_capacity(pairs.len());
        let mut failure = None;
        let mut done = 0;
        let work = |place: usize| self.one(place, pairs[place]);
        parallel::in_order(pairs.len(), self.jobs, work, |run| {
            done += usize::from(self.shard.has(runs.len()));
            watch.done(done, mine);
            match run {
                Ok(run) => runs.push(run),
                Err(found) => {
                    runs.push(None);
                    failure.get_or_insert(found);
                }
            }
        });
        failure.map_or(Ok(runs), Err)
    }

    fn one(&self, place: usize, (variant, seed): (usize, u64)) -> Result<Option<Run>, Failure> {
        let variant = &self.study.variants[variant];
        let kept = self.store.map(|store| kept(store, variant, seed)).transpose()?.flatten();
        let mut run = match kept.filter(|kept| self.is_enough(kept)) {
            Some(kept) => kept,
            None if !self.shard.has(place) => return Ok(None),
            None => {
                let run = self.run_one(variant, seed)?;
                if let Some(store) = self.store {
                    store.put(&name_of(variant, seed), &written(&run)?)?;
                }
                run
            }
        };
        run.parts.clear();
        Ok(Some(run))
    }

    fn run_one(&self, variant: &Variant, seed: u64) -> Result<Run, Failure> {
        let way = variant.world.with_seed(seed);
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
            scenario: variant.fingerprint.clone(),
            variant: variant.name.clone(),
            seed,
            digest: digest.to_string(),
            measures: measures::of(&summary),
            hours,
            parts: parts.collect(),
        })
    }

    fn is_enough(&self, kept: &Run) -> bool {
        self.breakdowns.iter().all(|breakdown| kept.parts.contains_key(&breakdown.to_string()))
    }

    /// The kept run of a variant with a seed, with everything that was kept of it.
    ///
    /// # Errors
    /// It cannot be read, or is not there any more.
    pub(crate) fn again(&self, run: &Run) -> Result<Run, Failure> {
        let variant = self.study.variants.iter().find(|variant| variant.name == run.variant);
        let found = match (self.store, variant) {
            (Some(store), Some(variant)) => kept(store, variant, run.seed)?,
            (None, _) | (_, None) => None,
        };
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
fn name_of(variant: &Variant, seed: u64) -> String {
    format!("{}-{seed}.json", variant.fingerprint)
}

/// A run that was kept. One of another version counts as none.
fn kept(store: &dyn Store, variant: &Variant, seed: u64) -> Result<Option<Run>, Failure> {
    let name = name_of(variant, seed);
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
    let same = run.scenario == variant.fingerprint && run.seed == seed;
    // A file that was copied together from another study may name the variant otherwise.
    Ok(same.then(|| Run { variant: variant.name.clone(), ..run }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_everything_and_nothing_twice() {
        for of in 1..=5 {
            let shards = (1..=of).map(|number| Shard { number, of });
            let shards: Vec<_> = shards.collect();
            for run in 0..20 {
                assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1);
            }
        }
        assert_eq!(Shard::parse("2/8"), Ok(Shard { number: 2, of: 8 }));
        for text in ["", "0/8", "9/8", "1", "a/b", "1/0"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
