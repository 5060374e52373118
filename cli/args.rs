//! The words of the command line.

#[cfg(feature = "live")]
mod client;
mod delivery;
mod kubernetes;
#[cfg(feature = "live")]
mod live;
mod log;

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use periplus_sim::Breakdown;

#[cfg(feature = "live")]
pub(crate) use self::client::{ClientArgs, GetArgs, IdentityArgs, OrderCommand, What};
pub(crate) use self::delivery::{AccessArgs, BootstrapArgs, FetchArgs, GitArgs, RenderArgs};
pub(crate) use self::kubernetes::{Emit, KubernetesArgs};
#[cfg(feature = "live")]
pub(crate) use self::live::{AdoptArgs, LiveArgs, LogLines, ReportArgs};
pub(crate) use self::log::{DiffArgs, LogCommand, LogShowArgs, ReplayArgs, UpgradeCheckArgs};
use crate::time::Moment;
use crate::whatif::draws::DrawsArgs;
use crate::whatif::rows;
use crate::whatif::shard::Shard;
use crate::whatif::target::Target;

/// Decide where apps run over many Kubernetes edge clusters, in a simulation first.
#[derive(Debug, Parser)]
#[command(name = "periplus", version, propagate_version = true, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  it held
  1  an expectation or an invariant failed
  2  wrong usage, or a wrong file
  3  a replay diverged
  4  the environment failed: a disk, an object store, a damaged log
  101  a bug; the message ends with the command that reproduces it";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and print what came out.
    Sim(SimArgs),
    /// Go through a log again and verify every record.
    Replay(ReplayArgs),
    /// Say what this version would have decided otherwise in the last hours of a log, before it decides.
    UpgradeCheck(UpgradeCheckArgs),
    /// Show what is in git at an instant, as files.
    Render(RenderArgs),
    /// Bring the manifests that apps have in git repositories into the folder `fetched` beside the files that name them.
    Fetch(FetchArgs),
    /// Print what must be installed once, so that a cluster pulls what is written for it.
    Bootstrap(BootstrapArgs),
    /// Run the service: decide for real clusters, and write what is decided into their repositories.
    #[cfg(feature = "live")]
    Live(LiveArgs),
    /// Begin a log, paused, with what the repositories of a fleet say that runs: for a service whose folder is lost.
    #[cfg(feature = "live")]
    Adopt(AdoptArgs),
    /// Watch a cluster that the service cannot reach, from inside of it, and report what is seen.
    #[cfg(feature = "live")]
    Report(ReportArgs),
    /// Print the kinds of declarations as custom resources, for `kubectl apply -f -`.
    #[cfg(feature = "live")]
    Crds,
    /// Ask a running service what it knows.
    #[cfg(feature = "live")]
    Get(GetArgs),
    /// Tell a running service what to do. It is answered once the command is in its log.
    #[cfg(feature = "live")]
    #[command(flatten)]
    Order(OrderCommand),
    /// Explain a decision: every candidate's bill, every refusal.
    Why(WhyArgs),
    /// Look into a log.
    #[command(subcommand)]
    Log(LogCommand),
    /// Compare two logs: the first difference, then the differences in placements.
    Diff(DiffArgs),
    /// Check files and print what is wrong with them.
    Check(CheckArgs),
    /// Print the JSON Schema of a kind, for editors, or the reference of all kinds.
    Schema(SchemaArgs),
    /// Run every scenario's expectations and goldens.
    Test(TestArgs),
    /// Run a scenario or a log under other settings, and print what differs.
    Whatif(Box<WhatifArgs>),
    /// Find the settings that hold a goal for least.
    Plan(PlanArgs),
    /// Make a scenario of a log, or of a part of it, in which the same happens.
    Record(RecordArgs),
    /// Write a scenario in which nothing tells whose it is, and everything is decided as before.
    Anonymize(AnonymizeArgs),
    /// Make the smallest scenario that still fails in the same way.
    Shrink(ShrinkArgs),
    /// Draw worlds from seeds, trouble them, and check what must always hold.
    Swarm(SwarmArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Write the manual pages.
    Man {
        /// The folder to write them to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// How to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// For programs: versioned JSON.
    Json,
}

/// How to answer, where the answer is a table as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum AnswerFormat {
    /// For people.
    #[default]
    Human,
    /// For programs: versioned JSON.
    Json,
    /// For spreadsheets: comma-separated values.
    Csv,
    /// For data frames: a Parquet file.
    Parquet,
}

impl AnswerFormat {
    /// The word for it, unless it is what is answered anyway.
    pub(crate) fn word(self) -> Option<String> {
        let asked = (self != Self::default()).then_some(self)?;
        Some(asked.to_possible_value()?.get_name().to_owned())
    }
}

/// Arguments of `sim`.
#[derive(Debug, Args)]
pub struct SimArgs {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// Another seed than the scenario's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Keep the run here: its log, summary and series. The folder must not hold a run yet.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print what happens as it happens, one line each.
    #[arg(long)]
    pub story: bool,
    /// Where to write the history of the run.
    #[command(flatten)]
    pub(crate) git: GitArgs,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct WhyArgs {
    /// The log's folder, or the address of a running service, such as `http://127.0.0.1:8080`.
    pub log: PathBuf,
    /// The app.
    #[arg(long)]
    pub app: String,
    /// The cluster.
    #[arg(long)]
    pub cluster: Option<String>,
    /// The zone, if only its users are meant.
    #[arg(long)]
    pub zone: Option<String>,
    /// The last decision up to this time: `18:30` or `1h30m` after the start, or a date and time in RFC 3339
    /// [default: the last one].
    #[arg(long, value_name = "TIME", conflicts_with = "seq")]
    pub at: Option<Moment>,
    /// The decision in this record.
    #[arg(long)]
    pub seq: Option<u64>,
    /// Who asks, if a service is asked.
    #[cfg(feature = "live")]
    #[command(flatten)]
    pub(crate) client: IdentityArgs,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Files of any kinds.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `schema`.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// The kind: Cluster, Zone, Application, Tenant, Policy, `InitialState` or Scenario.
    #[arg(required_unless_present = "reference")]
    pub kind: Option<String>,
    /// Print the reference of all kinds in Markdown.
    #[arg(long, conflicts_with = "kind")]
    pub reference: bool,
}

/// Arguments of `test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Scenarios, or folders that are searched for them.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Write the goldens anew instead of comparing with them.
    #[arg(long)]
    pub bless: bool,
    /// Write those goldens anew in which this measure is better than it was, or the same: `slo`, `cost`, `unserved`, or a
    /// count as `placements`. Where it is worse, as goldens show it, the scenario fails. No other measure is looked at.
    #[arg(long, value_name = "MEASURE", conflicts_with = "bless")]
    pub update_only_if_better: Option<String>,
    /// Also write the results as JUnit XML.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// How many scenarios run at once [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// Arguments of `whatif`.
#[derive(Debug, Args)]
#[command(after_help = WHATIF_HELP)]
pub struct WhatifArgs {
    /// The scenario's file, or the folder of a log: what would have been?
    #[arg(value_name = "SCENARIO|LOG")]
    pub subject: PathBuf,
    /// Set a field in every variant, as in `policy.pace.dwell=5m`. The base stays as it is. Behind an `@` stands the
    /// name of a file that has the value, as in `policy=@policy.yaml`.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Try these values of a field, as in `demand.growth=1.5,2` or `clusters[tier=edge].nodePools[0].nodes=1..4`.
    /// Several are combined in every way. Values may stand in files, as in `policy=@old.yaml,@new.yaml`.
    #[arg(long, value_name = "PATH=A,B,…")]
    pub vary: Vec<String>,
    /// With a log: from when on settings hold, as in `18:30` after the start or a date and time in RFC 3339
    /// [default: the start].
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,
    /// With a log that does not carry it: the scenario that it was made from.
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// How many runs there are of the base and of every variant.
    #[command(flatten)]
    pub draws: DrawsArgs,
    /// How many runs go on at once [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Keep every run here, and the tables of all of them: in a folder, or in an object store as in
    /// `s3://bucket/prefix`, `gs://…`, `az://…` or `file:///…`. A study that was interrupted goes on from what is kept.
    #[arg(long, value_name = "DIR|URL", value_parser = Target::parser())]
    pub out: Option<Target>,
    /// Run only this part of the study, as in `2/8`; without it, all runs are put together. In
    /// `env:JOB_COMPLETION_INDEX/8` the number is that of the variable, which counts from 0.
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    pub shard: Option<Shard>,
    /// Also keep a row for every app, zone, cluster or hour of every run, or for any of them together, as in
    /// `app,hour`. The folder then has a table called `app-hour`.
    #[arg(long, value_name = "DIMENSIONS", value_parser = rows::breakdown)]
    pub rows: Vec<Breakdown>,
    /// Write a page about the study here: it opens offline, and prints.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Fail with exit code 1 if this comes out of a variant, as in 'cost > +5%' or 'slo < 99.9%'.
    #[arg(long, value_name = "CONDITION")]
    pub fail_if: Vec<String>,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: AnswerFormat,
    /// How a cluster runs it.
    #[command(flatten)]
    pub kubernetes: KubernetesArgs,
}

const WHATIF_HELP: &str = "\
Paths begin with `clusters`, `zones`, `apps`, `tenants` or `policy`, brackets choose some of them by label or name;
all other paths are fields of the scenario. Behind a list, `[0]` is its first item, `[name=web]` those with that value,
and no bracket all of them.";

/// Arguments of `plan`.
#[derive(Debug, Args)]
#[command(after_help = WHATIF_HELP)]
pub struct PlanArgs {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// What must hold, as in 'slo >= 99.9%' or 'p95 <= 80'.
    #[arg(long, value_name = "CONDITION", required = true)]
    pub goal: Vec<String>,
    /// What is to be as small as it can be [default: `cost`; `annual`, the cost of a year with what is invested, where
    /// clusters have an `investment`].
    #[arg(long, value_name = "MEASURE")]
    pub minimize: Option<String>,
    /// What may be chosen, as in `clusters[tier=edge].nodePools[0].nodes=1..10`. Several are combined in every way.
    #[arg(long, value_name = "PATH=A,B,…", required = true)]
    pub over: Vec<String>,
    /// Size every site by itself: each of the clusters that `--over` selects gets the value that it needs, step by step, where
    /// a step helps most for what it costs. The values are those of `--over`, the least first.
    #[arg(long)]
    pub per_site: bool,
    /// Set a field in every candidate.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// How many runs there are of every candidate.
    #[command(flatten)]
    pub draws: DrawsArgs,
    /// How many runs go on at once [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Keep every run here, and the tables of all of them: in a folder or an object store, as for `whatif`.
    #[arg(long, value_name = "DIR|URL", value_parser = Target::parser())]
    pub out: Option<Target>,
    /// Write a page about the study here: it opens offline, and prints.
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// How to answer.
    #[arg(long, value_enum, default_value_t)]
    pub format: AnswerFormat,
}

/// Arguments of `record`.
#[derive(Debug, Args)]
pub struct RecordArgs {
    /// The log's folder.
    pub log: PathBuf,
    /// From when on: `18:30` or `1d 06:00` after the start, or a date and time in RFC 3339 [default: the start].
    #[arg(long, value_name = "TIME")]
    pub from: Option<Moment>,
    /// Until when [default: the log's end].
    #[arg(long, value_name = "TIME")]
    pub to: Option<Moment>,
    /// The scenario's file. Its tables go into a folder beside it, called like it.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// With a log that does not carry it: the scenario that it was made from.
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Write nothing that tells whose it is, as `periplus anonymize` does.
    #[arg(long)]
    pub anonymize: bool,
    /// What decides, together with the log, which way the earth is turned.
    #[arg(long, default_value_t = 0, requires = "anonymize")]
    pub seed: u64,
    /// Write over a scenario that is there already.
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `anonymize`.
#[derive(Debug, Args)]
pub struct AnonymizeArgs {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// The file of the other one. Its tables go into a folder beside it, called like it.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// What decides, together with the scenario, which way the earth is turned.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Write over a scenario that is there already.
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `shrink`.
#[derive(Debug, Args)]
pub struct ShrinkArgs {
    /// The scenario's file.
    pub scenario: PathBuf,
    /// The file of the smaller one: it is whole whenever this is stopped, and the smallest so far.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Keep this so, instead of what fails: a measure, `<` or `>`, and a number, as in 'slo < 99%'. Several hold
    /// together.
    #[arg(long = "while", value_name = "COND", conflicts_with = "expectation")]
    pub conditions: Vec<String>,
    /// Keep only this expectation failing, counted from 1 [default: all that fail].
    #[arg(long, value_name = "N")]
    pub expectation: Option<usize>,
    /// Keep what cures it the same as well: with this setting, as in `policy.pace.dwell=5m`, it must not fail. Several
    /// are set together.
    #[arg(long, value_name = "PATH=VALUE")]
    pub cured_by: Vec<String>,
    /// How many runs at once. What comes out does not depend on it [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
    /// Write over a scenario that is there already.
    #[arg(long)]
    pub force: bool,
}

/// Arguments of `swarm`.
#[derive(Debug, Args)]
pub struct SwarmArgs {
    /// How many seeds.
    #[arg(long, default_value_t = 50)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Print every seed's options and numbers, not only those that fail.
    #[arg(long)]
    pub verbose: bool,
    /// Keep the logs of seeds that fail here, each in a folder of its own.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How many seeds run at once [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<usize>,
}

/// The whole command line, for completions and manual pages.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}
