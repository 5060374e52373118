//! One scenario run as a test: its expectations, and the golden beside it.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use periplus_core::State;
use periplus_core::units::Tick;
use periplus_sim::summary::Requests;
use periplus_sim::{Summary, Watch, World, run};
use periplus_spec::scenario::Scenario;
use similar::TextDiff;

use crate::expect::{self, Traces};
use crate::failure::Failure;
use crate::held::Held;
use crate::render::{grouped, whole};
use crate::story::Story;
use crate::wording::acts;

/// How many lines a golden has at the most: it is to be read.
const GOLDEN_LINES_MAX: usize = 60;

/// How a scenario came out.
#[derive(Debug)]
pub struct CaseResult {
    /// The scenario's file.
    pub file: PathBuf,
    /// What was not as expected; nothing if all was.
    pub failures: Vec<String>,
    /// Why the golden was written anew, if that was not asked for anyway.
    pub news: Option<String>,
    /// The transcript.
    pub transcript: String,
    /// How long it took.
    pub took: Duration,
}

/// What becomes of a golden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Golden {
    /// It is compared with.
    Compared,
    /// It is written anew.
    Written,
    /// It is written anew if a measure is not worse than in it.
    Improved(Held),
}

/// Runs the scenario in `file`. Compares with its golden, or writes that anew.
///
/// # Errors
/// [`Failure`] if the file is wrong or the environment fails.
pub fn run_case(file: &Path, kept: Golden) -> Result<CaseResult, Failure> {
    let started = Instant::now();
    let loaded = periplus_spec::load(file).map_err(Failure::Files)?;
    let (transcript, mut failures) = play(&loaded.scenario)?;
    let golden = golden_of(file);
    let write = || {
        std::fs::write(&golden, &transcript).map_err(|error| Failure::io("write", &golden, &error))
    };
    let mut news = None;
    match kept {
        Golden::Compared => failures.extend(differs_from(&golden, &transcript)?),
        Golden::Written => write()?,
        Golden::Improved(held) => match improved(held, &golden, &transcript)? {
            Ok(better) => {
                // What is not as expected is nothing to hold on to.
                news = better.filter(|_| failures.is_empty());
                news.iter().try_for_each(|_| write())?;
            }
            Err(worse) => failures.push(worse),
        },
    }
    let took = started.elapsed();
    Ok(CaseResult { file: file.to_owned(), failures, news, transcript, took })
}

/// How much better a measure is than in a golden, or how much worse; nothing if the transcript is the golden.
fn improved(
    held: Held,
    golden: &Path,
    transcript: &str,
) -> Result<Result<Option<String>, String>, Failure> {
    let old = match std::fs::read_to_string(golden) {
        Ok(old) if old == transcript => return Ok(Ok(None)),
        Ok(old) => held.read(&old),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Failure::io("read", golden, &error)),
    };
    let (Some(was), Some(is)) = (old, held.read(transcript)) else {
        let (name, golden) = (held.name(), golden.display());
        let why = format!("there is no {name} in {golden} to compare with: write it with --bless");
        return Ok(Err(why));
    };
    Ok(match held.compare(was, is) {
        Ordering::Less => Err(held.told("worse", was, is)),
        Ordering::Equal => Ok(Some(held.told("the same", was, is))),
        Ordering::Greater => Ok(Some(held.told("better", was, is))),
    })
}

/// The scenarios among `paths`, and in folders among them: files with a document of kind `Scenario`.
///
/// # Errors
/// [`Failure`] if a path cannot be read or holds no scenario.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        search(path, &mut found, true)?;
        if found.len() == before {
            return Err(Failure::Usage {
                message: format!("{} holds no scenario", path.display()),
                hint: "name a file with a document of kind `Scenario`, or a folder of them".into(),
            });
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Looks for scenarios in a path. A file is taken if it holds one; of a folder's files, those that expect
/// something or have a golden: others are only included, or made for benches.
fn search(path: &Path, found: &mut Vec<PathBuf>, named: bool) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::io("read", path, &error);
    if path.is_dir() {
        for entry in std::fs::read_dir(path).map_err(failed)? {
            search(&entry.map_err(failed)?.path(), found, false)?;
        }
        return Ok(());
    }
    if path.extension().is_some_and(|ending| ending == "yaml") {
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let holds = |line: &str| text.lines().any(|other| other.trim_end() == line);
        let tests = named || holds("  expect:") || golden_of(path).exists();
        if holds("kind: Scenario") && tests {
            found.push(path.to_owned());
        }
    }
    Ok(())
}

/// The golden beside a scenario.
#[must_use]
pub fn golden_of(file: &Path) -> PathBuf {
    file.with_extension("golden.txt")
}

/// Runs a scenario; gives its transcript and what was not as expected.
fn play(scenario: &Scenario) -> Result<(String, Vec<String>), Failure> {
    let mut sinks = (Story::default(), Traces::new(scenario));
    let mut looker = Looker { scenario, failures: Vec::new() };
    let outcome = run(scenario, &mut sinks, &mut looker)?;
    let (mut story, traces) = sinks;
    let mut failures = looker.failures;
    failures.extend(expect::unmet_at(scenario, None, &outcome.state));
    failures.extend(expect::unmet_after(scenario, &outcome.summary, &traces));
    for moment in &scenario.timeline {
        if let Some(line) = acts::act(&moment.act, scenario) {
            story.interject(moment.at, format!("-- {line}"));
        }
    }
    Ok((transcript(scenario, &story, &outcome.summary), failures))
}

fn transcript(scenario: &Scenario, story: &Story, summary: &Summary) -> String {
    let mut text = format!("{}\n\n{}\n", scenario.name, story.text(GOLDEN_LINES_MAX));
    let Summary { all, placements, removals, moves, bursts, preemptions, commits, alerts, .. } =
        summary;
    let attained = 100.0 * all.slo.attainment;
    let Requests { offered, unserved, dormant, .. } = all.requests;
    let counted = |count: f64| grouped(whole(count));
    let idle = match whole(dormant) {
        0 => String::new(),
        _ => format!(" ({} of them from zones that were asleep)", counted(dormant)),
    };
    writeln!(
        text,
        "{} requests, {} unserved{idle}; promise kept {attained:.2} %, cost ${:.2}\n\
         placements {placements}, removals {removals}, moves {moves}, bursts {bursts}, preemptions \
         {preemptions}, commits {commits}, alerts {alerts}",
        counted(offered),
        counted(unserved),
        all.cost.total
    )
    .expect("a string takes every character");
    text
}

/// Looks at the state whenever an expectation is due.
struct Looker<'a> {
    scenario: &'a Scenario,
    failures: Vec<String>,
}

impl Watch for Looker<'_> {
    fn probes(&self) -> Vec<Tick> {
        expect::moments(self.scenario)
    }

    fn probe(&mut self, at: Tick, state: &State, _: &World<'_>) {
        self.failures.extend(expect::unmet_at(self.scenario, Some(at), state));
    }
}

/// How the transcript differs from the golden, if it does.
fn differs_from(golden: &Path, transcript: &str) -> Result<Option<String>, Failure> {
    let told = match std::fs::read_to_string(golden) {
        Ok(told) => told,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some(format!(
                "there is no golden {}: write it with --bless",
                golden.display()
            )));
        }
        Err(error) => return Err(Failure::io("read", golden, &error)),
    };
    if told == transcript {
        return Ok(None);
    }
    let changes = TextDiff::from_lines(told.as_str(), transcript);
    let diff = changes.unified_diff().context_radius(2).header("golden", "now").to_string();
    Ok(Some(format!("differs from {}\n{}", golden.display(), diff.trim_end())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a golden with this text beside a run with that transcript.
    fn said(golden: &str, transcript: &str) -> Option<String> {
        let folder = tempfile::tempdir().expect("room");
        let file = folder.path().join("a.golden.txt");
        std::fs::write(&file, golden).expect("room");
        let said = differs_from(&file, transcript).expect("it can be read");
        said.map(|said| said.replace(&format!("{}/", folder.path().display()), ""))
    }

    #[test]
    fn a_golden_that_is_as_the_transcript_is_not_talked_about() {
        assert_eq!(said("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn what_differs_is_shown_with_what_stands_around_it() {
        let told =
            "differs from a.golden.txt\n--- golden\n+++ now\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c";
        assert_eq!(said("a\nb\nc\n", "a\nx\nc\n").as_deref(), Some(told));
    }

    #[test]
    fn a_golden_stands_beside_its_scenario() {
        assert_eq!(golden_of(Path::new("x/a.yaml")), Path::new("x/a.golden.txt"));
    }
}
