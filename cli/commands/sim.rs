//! `sim`: run a scenario and print what came out.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use periplus_core::units::Tick;
use periplus_core::{RecordRef, Sink, SinkFault, State};
use periplus_emit::Renderer;
use periplus_git::Conflict;
use periplus_journal::{Fsync, Header, Options, Writer};
use periplus_sim::{Outcome, Row, Watch, World, run as simulate};
use periplus_spec::Loaded;
use periplus_spec::scenario::Scenario;
use serde::Serialize;

use super::summary::{self, Clocked};
use crate::args::{Format, SimArgs};
use crate::delivery::history::{History, Written};
use crate::delivery::remote::Remotes;
use crate::delivery::written;
use crate::expect::{self, Traces};
use crate::failure::{Exit, Failure};
use crate::names::Names;
use crate::opened::LOG;
use crate::render::{self, whole};
use crate::sources;
use crate::story::Story;

pub(super) fn run(args: &SimArgs) -> Result<Exit, Failure> {
    let mut loaded = periplus_spec::load(&args.scenario).map_err(Failure::Files)?;
    render::diagnostics(&loaded.warnings);
    if let Some(seed) = args.seed {
        loaded.scenario.seed = seed;
    }
    let scenario = &loaded.scenario;
    let journal = args.out.as_ref().map(|out| open(out, &args.scenario, &loaded)).transpose()?;
    if args.git.git.is_none() && args.git.access.is_given() {
        return Err(Failure::Usage {
            message: "nothing is written to git, so it needs no token, key or cache".into(),
            hint: "name the repository with `--git`".into(),
        });
    }
    let repository = args.git.repository.repository(args.git.git.as_deref());
    let renderer = Renderer::new(&scenario.delivery, &repository);
    if args.git.git.is_some() {
        written::refuse_unfit(&scenario.delivery)?;
    }
    let opened = args.git.git.as_ref();
    let opened = opened.map(|named| Remotes::open(named, &args.git, &scenario.delivery));
    let history = opened.transpose()?.map(|remotes| History::new(scenario, renderer, remotes));
    let history = history.transpose()?;
    let mut sinks = Sinks {
        journal,
        history,
        traces: Traces::new(scenario),
        story: args.story.then(Story::default),
    };
    let mut watcher = Watcher::new(scenario);
    let started = Instant::now();
    let outcome = simulate(scenario, &mut sinks, &mut watcher)?;
    let took = started.elapsed();
    watcher.bar.finish_and_clear();

    let mut failures = watcher.failures;
    failures.extend(expect::unmet_at(scenario, None, &outcome.state));
    failures.extend(expect::unmet_after(scenario, &outcome.summary, &sinks.traces));
    if let Some(history) = &mut sinks.history {
        history.finish(&outcome.state)?;
        told(&history.written);
    }
    if let (Some(journal), Some(out)) = (sinks.journal, &args.out) {
        journal.finish(&outcome.state)?;
        keep(out, &outcome)?;
    }
    answer(args, scenario, &outcome, took)?;
    for failure in &failures {
        render::error(failure);
    }
    Ok(if failures.is_empty() { Exit::Held } else { Exit::Failed })
}

/// Says what became of the run's history.
fn told(written: &Written) {
    let Written { commits, known, files, conflicts } = written;
    let mut text = format!(
        "{} of {} were made",
        render::counted(usize::try_from(*commits).unwrap_or(usize::MAX), "commit"),
        render::counted(usize::try_from(*files).unwrap_or(usize::MAX), "changed file")
    );
    if *known > 0 {
        text.push_str(&format!(", {known} were there already"));
    }
    render::note(&text);
    for conflict in conflicts {
        render::note(&match conflict {
            Conflict::Foreign { path } => format!("{path} was left alone: somebody else wrote it"),
            Conflict::Edited { path } => format!("{path} was left alone: somebody else changed it"),
        });
    }
}

/// Opens the log of a new run, which carries what it is made from.
fn open(out: &Path, path: &Path, loaded: &Loaded) -> Result<Writer, Failure> {
    let scenario = &loaded.scenario;
    let header = Header::new(scenario.hash, scenario.epoch_unix_ms, &maker());
    // A run can be repeated: what a crash takes of it is not lost.
    let options = Options { fsync: Fsync::OnSeal, ..Options::default() };
    let log = out.join(LOG);
    std::fs::create_dir_all(&log).map_err(|error| Failure::io("make", &log, &error))?;
    let writer = Writer::create(&log, header, options)?;
    sources::keep(&log, path, loaded)?;
    Ok(writer)
}

fn maker() -> String {
    format!("periplus {}", env!("CARGO_PKG_VERSION"))
}

/// Writes a run's numbers beside its log.
fn keep(out: &Path, outcome: &Outcome) -> Result<(), Failure> {
    let path = out.join("summary.json");
    let failed = |error: std::io::Error| Failure::io("write", &path, &error);
    let mut file = BufWriter::new(File::create(&path).map_err(failed)?);
    let clocked = summary::Answer::new(outcome, None);
    serde_json::to_writer_pretty(&mut file, &clocked).map_err(|error| failed(error.into()))?;
    writeln!(file).and_then(|()| file.flush()).map_err(failed)?;

    let path = out.join("series.csv");
    let failed = |error: std::io::Error| Failure::io("write", &path, &error);
    let mut file = csv::Writer::from_writer(File::create(&path).map_err(failed)?);
    for row in &outcome.rows {
        let line = Line::new(row, Names(&outcome.state));
        file.serialize(line).map_err(|error| failed(std::io::Error::other(error)))?;
    }
    file.flush().map_err(failed)
}

/// A line of `series.csv`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    minute: u64,
    app: &'a str,
    offered: u64,
    served: u64,
    unserved: u64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    cost_per_hour: f64,
    grams_per_hour: f64,
    replicas: u32,
    clusters: u32,
}

impl<'a> Line<'a> {
    fn new(row: &Row, names: Names<'a>) -> Self {
        let thousandths = |value: f64| (value * 1_000.0).round() / 1_000.0;
        Self {
            minute: row.at.0 / 60_000,
            app: names.app(row.app),
            offered: whole(row.offered),
            served: whole(row.served),
            unserved: whole(row.unserved),
            p50_ms: thousandths(row.p50_ms),
            p95_ms: thousandths(row.p95_ms),
            p99_ms: thousandths(row.p99_ms),
            cost_per_hour: thousandths(row.cost_per_hour),
            grams_per_hour: thousandths(row.carbon_per_hour),
            replicas: row.replicas,
            clusters: row.clusters,
        }
    }
}

fn answer(
    args: &SimArgs,
    scenario: &Scenario,
    outcome: &Outcome,
    took: Duration,
) -> Result<(), Failure> {
    let clocked = Clocked::new(took, outcome.summary.machine.inputs);
    match args.format {
        Format::Json => render::json(&summary::Answer::new(outcome, Some(clocked)))?,
        Format::Human => {
            render::line(&summary::page(scenario, outcome, &clocked));
            if let Some(out) = &args.out {
                render::note(&format!("the run is kept in {}", out.display()));
            }
        }
    }
    Ok(())
}

/// What takes the records of a run.
struct Sinks {
    journal: Option<Writer>,
    history: Option<History>,
    traces: Traces,
    story: Option<Story>,
}

impl Sink for Sinks {
    fn accept(&mut self, record: &RecordRef<'_>, state: &State) -> Result<(), SinkFault> {
        self.traces.accept(record, state)?;
        if let Some(journal) = &mut self.journal {
            journal.accept(record, state)?;
        }
        if let Some(history) = &mut self.history {
            history.accept(record, state)?;
        }
        if let Some(story) = &mut self.story {
            story.accept(record, state)?;
            story.take(|at, line| render::line(&format!("{at:<12}  {line}", at = at.to_string())));
        }
        Ok(())
    }
}

/// Shows progress, and looks at the state whenever an expectation is due.
struct Watcher<'a> {
    scenario: &'a Scenario,
    bar: ProgressBar,
    failures: Vec<String>,
}

impl<'a> Watcher<'a> {
    fn new(scenario: &'a Scenario) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new(scenario.duration.0)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{msg:>12} {wide_bar} {percent:>3} %  {eta} left");
        bar.set_style(style.expect("the template is right").progress_chars("━╸─"));
        Self { scenario, bar, failures: Vec::new() }
    }
}

impl Watch for Watcher<'_> {
    fn progress(&mut self, at: Tick, _: u64) {
        self.bar.set_position(at.0);
        self.bar.set_message(at.to_string());
    }

    fn probes(&self) -> Vec<Tick> {
        expect::moments(self.scenario)
    }

    fn probe(&mut self, at: Tick, state: &State, _: &World<'_>) {
        self.failures.extend(expect::unmet_at(self.scenario, Some(at), state));
    }
}
