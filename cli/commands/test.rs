//! `test`: every scenario's expectations and goldens.

use std::path::PathBuf;
use std::time::Instant;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::args::TestArgs;
use crate::case::{CaseResult, Golden, find, run_case};
use crate::failure::{Exit, Failure};
use crate::held::Held;
use crate::{parallel, render};

pub(super) fn run(args: &TestArgs) -> Result<Exit, Failure> {
    let golden = match (&args.update_only_if_better, args.bless) {
        (Some(measure), _) => Golden::Improved(Held::parse(measure)?),
        (None, true) => Golden::Written,
        (None, false) => Golden::Compared,
    };
    let files = find(&args.paths)?;
    let started = Instant::now();
    let results = run_all(&files, args, golden);
    let mut failed = 0;
    for (file, result) in files.iter().zip(&results) {
        match result {
            Ok(CaseResult { failures, news, took, .. }) if failures.is_empty() => {
                render::line(&format!("ok    {:>7.2} s  {}", took.as_secs_f64(), file.display()));
                if let Some(news) = news {
                    render::line(&indented(&format!("golden written anew: {news}")));
                }
            }
            Ok(CaseResult { failures, took, .. }) => {
                failed += 1;
                render::line(&format!("FAIL  {:>7.2} s  {}", took.as_secs_f64(), file.display()));
                for failure in failures {
                    render::line(&indented(failure));
                }
            }
            Err(failure) => {
                failed += 1;
                render::line(&format!("FAIL             {}", file.display()));
                render::line(&indented(&failure.brief()));
            }
        }
    }
    render::line(&format!("{} passed, {failed} failed", files.len() - failed));
    if failed > 0 && golden == Golden::Compared {
        render::hint("goldens that are right as they are now: `periplus test --bless`");
    }
    if let Some(junit) = &args.junit {
        write_junit(junit, &files, &results, started)?;
    }
    Ok(if failed == 0 { Exit::Held } else { Exit::Failed })
}

type Results = Vec<Result<CaseResult, Failure>>;

/// Runs all scenarios, several at once, and gives their results in order.
fn run_all(files: &[PathBuf], args: &TestArgs, golden: Golden) -> Results {
    let mut results = Vec::with_capacity(files.len());
    let case = |place: usize| run_case(&files[place], golden);
    parallel::in_order(files.len(), parallel::jobs(args.jobs), case, |result| results.push(result));
    results
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}

fn write_junit(
    path: &std::path::Path,
    files: &[PathBuf],
    results: &Results,
    started: Instant,
) -> Result<(), Failure> {
    let mut suite = TestSuite::new("scenarios");
    for (file, result) in files.iter().zip(results) {
        let problem = match result {
            Ok(result) if result.failures.is_empty() => None,
            Ok(result) => Some((NonSuccessKind::Failure, result.failures.join("\n"))),
            Err(failure) => Some((NonSuccessKind::Error, failure.brief())),
        };
        let status = match problem {
            None => TestCaseStatus::success(),
            Some((kind, text)) => {
                let mut status = TestCaseStatus::non_success(kind);
                status.set_message(text);
                status
            }
        };
        let mut case = TestCase::new(file.display().to_string(), status);
        if let Ok(result) = result {
            case.set_time(result.took);
        }
        suite.add_test_case(case);
    }
    let mut report = Report::new("periplus");
    report.set_time(started.elapsed());
    report.add_test_suite(suite);
    let failed = |error: String| Failure::Environment {
        message: format!("cannot write {}: {error}", path.display()),
        hint: None,
    };
    let text = report.to_string().map_err(|error| failed(error.to_string()))?;
    std::fs::write(path, text).map_err(|error| failed(error.to_string()))
}
