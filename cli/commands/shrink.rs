//! `shrink`: the smallest scenario that still fails in the same way.

use std::io::IsTerminal;
use std::path::PathBuf;

use indicatif::ProgressBar;
use periplus_spec::Bundle;
use periplus_spec::scenario::Scenario;

use crate::args::ShrinkArgs;
use crate::bundles::{self, Existing};
use crate::failure::{Exit, Failure};
use crate::parallel;
use crate::render::{self, counted, strong};
use crate::shrink::same::{Condition, Failing, Played, Same, Unmet, play};
use crate::shrink::size::Size;
use crate::shrink::{Shrinking, Watch};
use crate::whatif::measures;
use crate::whatif::study;

pub(super) fn run(args: &ShrinkArgs) -> Result<Exit, Failure> {
    let name = bundles::name(&args.out)?;
    let existing = if args.force { Existing::WrittenOver } else { Existing::Kept };
    let there = bundles::make_room(&args.out, existing)?;
    let conditions = args.conditions.iter().map(|text| Condition::parse(text));
    let conditions: Vec<Condition> = conditions.collect::<Result<_, _>>()?;
    let cure = study::settings(&args.cured_by)?;
    let mut bundle = Bundle::read(&args.scenario).map_err(Failure::Files)?;
    let scenario = bundle.load().map_err(Failure::Files)?.scenario;
    let before = Size::of(&bundle);

    // Candidates that break are no news.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let shrunk = play(&scenario).and_then(|played| {
        let failure = wanted(args, conditions, &scenario, &played)?;
        if !cure.is_empty() {
            let cured = bundle.load_with(&cure).map_err(Failure::Files)?.scenario;
            require_cured(args, &failure, &play(&cured)?)?;
        }
        bundle.scenario.metadata.name = name;
        let same = Same { failure: keep_only(&mut bundle, failure), cure };
        let mut progress = Progress::new(args.out.clone(), there);
        progress.found(&bundle, 0)?;
        let mut shrinking = Shrinking::new(bundle, &same, parallel::jobs(args.jobs), &mut progress);
        shrinking.shrink()?;
        let (best, runs) = (shrinking.best.clone(), shrinking.runs);
        progress.bar.finish_and_clear();
        let scenario = best.load().map_err(Failure::Files)?.scenario;
        let played = play(&scenario)?;
        Ok((best, runs, scenario, played))
    });
    std::panic::set_hook(hook);
    let (best, runs, scenario, played) = shrunk?;

    render::line(&strong(&format!(
        "{}: as small as it gets after {}",
        scenario.name,
        counted(runs, "run")
    )));
    render::line(&format!("\n{}", before.beside(&Size::of(&best))));
    render::line(&format!("\n{}", told(args, &scenario, &played)));
    let out = args.out.display();
    render::line(&format!("\nnext: periplus sim {out} --story"));
    Ok(Exit::Held)
}

/// What must stay, from what was asked for and what came out at first.
fn wanted(
    args: &ShrinkArgs,
    conditions: Vec<Condition>,
    scenario: &Scenario,
    played: &Played,
) -> Result<Failing, Failure> {
    let (unmet, known) = match played {
        Played::Broken(message) => return Ok(Failing::Breaks(message.clone())),
        Played::Through { unmet, measures } => (unmet, measures),
    };
    let shown = args.scenario.display();
    if !conditions.is_empty() {
        for condition in &conditions {
            measures::require(&condition.measure, known)?;
            if !condition.holds(known) {
                return Err(Failure::Usage {
                    message: format!(
                        "`{}` is not so in {shown}: it is {}",
                        condition.text,
                        measures::told(&condition.measure, known[&*condition.measure])
                    ),
                    hint: "give a condition that holds there, and is to hold in what is left"
                        .into(),
                });
            }
        }
        return Ok(Failing::While(conditions));
    }
    let picked: Vec<Unmet> = match args.expectation {
        None => unmet.clone(),
        Some(number) => {
            let count = scenario.expectations.len();
            if number == 0 || number > count {
                return Err(Failure::Usage {
                    message: format!("{shown} has no expectation {number}"),
                    hint: format!("it has {}, counted from 1", counted(count, "expectation")),
                });
            }
            unmet.iter().filter(|one| one.place == number - 1).cloned().collect()
        }
    };
    if picked.is_empty() {
        let what = match args.expectation {
            Some(number) => format!("expectation {number} of {shown} is met"),
            None => format!("nothing fails in {shown}"),
        };
        return Err(Failure::Usage {
            message: format!("{what}: there is nothing to keep while it shrinks"),
            hint: "add an expectation that is not met, or say what is to stay, as in \
                   `--while 'slo < 99%'`"
                .into(),
        });
    }
    Ok(Failing::Unmet(picked))
}

/// Refuses a cure that does not help.
fn require_cured(args: &ShrinkArgs, failure: &Failing, played: &Played) -> Result<(), Failure> {
    if failure.is_cured(played) {
        return Ok(());
    }
    Err(Failure::Usage {
        message: format!(
            "{} fails with `{}` too",
            args.scenario.display(),
            args.cured_by.join("`, `")
        ),
        hint: "give settings with which it does not fail, or leave `--cured-by` out".into(),
    })
}

/// Leaves of all expectations those that are to stay unmet, and counts these anew.
fn keep_only(bundle: &mut Bundle, failure: Failing) -> Failing {
    let expect = &mut bundle.scenario.spec.expect;
    match failure {
        Failing::Unmet(mut unmet) => {
            unmet.sort_by_key(|one| one.place);
            *expect = unmet.iter().map(|one| expect[one.place].clone()).collect();
            for (place, one) in unmet.iter_mut().enumerate() {
                one.place = place;
            }
            Failing::Unmet(unmet)
        }
        Failing::While(_) | Failing::Breaks(_) => {
            expect.clear();
            failure
        }
    }
}

/// What still fails, for people.
fn told(args: &ShrinkArgs, scenario: &Scenario, played: &Played) -> String {
    match played {
        Played::Broken(message) => format!("it still breaks: {message}"),
        Played::Through { unmet, .. } if args.conditions.is_empty() => {
            let lines = unmet.iter().map(|one| {
                let expectation = &scenario.expectations[one.place];
                let when =
                    expectation.at.map_or_else(|| "at the end".into(), |at| format!("at {at}"));
                format!("still: {when}: expected {}, got {}", expectation.text, one.got)
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        Played::Through { measures, .. } => {
            let lines = args.conditions.iter().filter_map(|text| {
                let condition = Condition::parse(text).ok()?;
                let value = measures.get(&*condition.measure)?;
                Some(format!("still: {text}: it is {}", measures::told(&condition.measure, *value)))
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

/// Writes each smaller scenario, and shows how far it is on a terminal.
struct Progress {
    out: PathBuf,
    bar: ProgressBar,
    size: String,
    /// What was written last; at first, the tables of what is written over.
    files: Vec<PathBuf>,
}

impl Progress {
    fn new(out: PathBuf, files: Vec<PathBuf>) -> Self {
        let hidden = !std::io::stderr().is_terminal();
        let bar = if hidden { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        Self { out, bar, size: String::new(), files }
    }
}

impl Watch for Progress {
    fn found(&mut self, best: &Bundle, runs: usize) -> Result<(), Failure> {
        let files = bundles::write(best, &self.out)?;
        bundles::remove(&self.files, &files)?;
        self.files = files.into_iter().map(|(file, _)| file).collect();
        self.size = Size::of(best).brief();
        self.ran(runs);
        Ok(())
    }

    fn ran(&mut self, runs: usize) {
        self.bar.set_message(format!("{runs} runs: {}", self.size));
        self.bar.tick();
    }
}
