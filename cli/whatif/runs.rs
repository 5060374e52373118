//! Running a study: what is kept already is not run again, and a killed study goes on where it stopped.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_sim::run as simulate;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::parallel;
use crate::whatif::measures::{self, Measures};
use crate::whatif::study::{Study, Variant};
use crate::whatif::tables::{Column, Table};

/// The version of the files that runs are kept in.
const VERSION: u16 = 1;

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
}

/// Which part of a study is run here: every `of`-th run from the `number`-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub(crate) number: usize,
    pub(crate) of: usize,
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

/// Runs what is not kept yet, as far as it is this shard's, and gives every run that is there, in order: nothing
/// where another shard has not done its part.
///
/// # Errors
/// A run failed, or what came out could not be kept or read.
pub(crate) fn run_all(
    study: &Study,
    out: Option<&Path>,
    shard: Shard,
    jobs: usize,
    watch: &mut dyn Watch,
) -> Result<Vec<Option<Run>>, Failure> {
    let dir = out.map(|out| out.join("runs"));
    if let Some(dir) = &dir {
        std::fs::create_dir_all(dir).map_err(|error| Failure::io("make", dir, &error))?;
    }
    let pairs: Vec<(usize, u64)> = study.runs().collect();
    let mine = (0..pairs.len()).filter(|run| shard.has(*run)).count();
    let mut runs = Vec::with_capacity(pairs.len());
    let mut failure = None;
    let mut done = 0;
    let work = |place: usize| -> Result<Option<Run>, Failure> {
        let (variant, seed) = pairs[place];
        let variant = &study.variants[variant];
        let path = dir.as_ref().map(|dir| path_of(dir, variant, seed));
        if let Some(kept) =
            path.as_ref().map(|path| kept(path, variant, seed)).transpose()?.flatten()
        {
            return Ok(Some(kept));
        }
        if !shard.has(place) {
            return Ok(None);
        }
        let run = run_one(variant, seed)?;
        if let Some(path) = &path {
            keep(path, &run)?;
        }
        Ok(Some(run))
    };
    parallel::in_order(pairs.len(), jobs, work, |run| {
        done += usize::from(shard.has(runs.len()));
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

/// Nobody keeps the records.
struct Nowhere;

impl Sink for Nowhere {
    fn accept(&mut self, _: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        Ok(())
    }
}

fn run_one(variant: &Variant, seed: u64) -> Result<Run, Failure> {
    let mut scenario = variant.scenario.clone();
    scenario.seed = seed;
    let outcome = simulate(&scenario, &mut Nowhere, &mut ())?;
    Ok(Run {
        version: VERSION,
        scenario: fingerprint(variant),
        variant: variant.name.clone(),
        seed,
        digest: outcome.digest.to_string(),
        measures: measures::of(&outcome.summary),
    })
}

fn fingerprint(variant: &Variant) -> String {
    format!("{:032x}", variant.scenario.hash)
}

/// Where a run is kept: two runs of different files, settings or seeds never share a place.
fn path_of(dir: &Path, variant: &Variant, seed: u64) -> PathBuf {
    dir.join(format!("{}-{seed}.json", fingerprint(variant)))
}

/// A run that was kept. One of another version counts as none.
fn kept(path: &Path, variant: &Variant, seed: u64) -> Result<Option<Run>, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::io("read", path, &error)),
    };
    let run: Run = serde_json::from_slice(&bytes).map_err(|error| Failure::Environment {
        message: format!("{} is not a run that was kept: {error}", path.display()),
        hint: Some("remove the file; the run is then made again".into()),
    })?;
    let same = run.version == VERSION && run.scenario == fingerprint(variant) && run.seed == seed;
    // A file that was copied together from another study may name the variant otherwise.
    Ok(same.then(|| Run { variant: variant.name.clone(), ..run }))
}

/// Keeps a run whole or not at all: a study that is killed leaves no half of one.
fn keep(path: &Path, run: &Run) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io("write", path, &error);
    let text = serde_json::to_vec_pretty(run).map_err(|error| failed(error.into()))?;
    let staged = path.with_extension(format!("{}.part", std::process::id()));
    let written = File::create(&staged).and_then(|mut file| {
        file.write_all(&text)?;
        file.sync_all()
    });
    written.and_then(|()| std::fs::rename(&staged, path)).map_err(failed)
}

/// Writes a row for every run into `runs`, and one for every app of every run into `apps`.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn write_tables(out: &Path, runs: &[Run]) -> Result<(), Failure> {
    let rows: Vec<(&Run, Option<String>)> = runs.iter().map(|run| (run, None)).collect();
    table_of(&rows).write(&out.join("runs"))?;
    let of_apps = |run| {
        let mut apps: Vec<String> = apps_of(run).map(str::to_owned).collect();
        apps.dedup();
        apps.into_iter().map(move |app| (run, Some(app)))
    };
    let rows: Vec<_> = runs.iter().flat_map(of_apps).collect();
    table_of(&rows).write(&out.join("apps"))
}

/// What the measures of an app begin with. No app has a dot in its name.
const APPS: &str = "apps.";

fn apps_of(run: &Run) -> impl Iterator<Item = &str> {
    run.measures.keys().filter_map(|path| Some(path.strip_prefix(APPS)?.split_once('.')?.0))
}

/// A table of runs, or of the part of each that one app has.
fn table_of(rows: &[(&Run, Option<String>)]) -> Table {
    let texts = |text: fn(&Run) -> String| rows.iter().map(|(run, _)| text(run)).collect();
    let seeds = rows.iter().map(|(run, _)| run.seed.cast_signed()).collect();
    let mut table = Table::default()
        .with("variant", Column::Text(texts(|run| run.variant.clone())))
        .with("seed", Column::Whole(seeds))
        .with("digest", Column::Text(texts(|run| run.digest.clone())));
    let whole = rows.first().is_none_or(|(_, app)| app.is_none());
    let mut names: Vec<&str> = Vec::new();
    if whole {
        let all = rows.iter().flat_map(|(run, _)| run.measures.keys());
        names.extend(all.map(String::as_str).filter(|name| !name.starts_with(APPS)));
    } else {
        let apps = rows.iter().map(|(_, app)| app.clone().unwrap_or_default());
        table = table.with("app", Column::Text(apps.collect()));
        let all = rows.iter().flat_map(|(run, _)| run.measures.keys());
        names.extend(all.filter_map(|name| Some(name.strip_prefix(APPS)?.split_once('.')?.1)));
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        let values = rows.iter().map(|(run, app)| match app {
            Some(app) => run.measures.get(&format!("{APPS}{app}.{name}")).copied(),
            None => run.measures.get(name).copied(),
        });
        table = table.with(name, Column::Number(values.collect()));
    }
    table
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
