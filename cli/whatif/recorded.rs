//! What was recorded: a log that variants begin as, and how close a simulated world comes to it.

use std::path::{Path, PathBuf};

use periplus_core::units::Tick;
use periplus_core::{Record, RecordRef, Sink, SinkFault, State};
use periplus_journal::{Reader, Records};
use periplus_sim::past::{Sample, Samples};
use periplus_sim::{Fork, Outcome, Past, Tape, Twins, Watch, rerun};
use periplus_spec::scenario::Scenario;
use periplus_spec::{Forked, Setting};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::opened;
use crate::sources;
use crate::time::Moment;
use crate::whatif::measures::{self, Measures};

/// A log, and what it says.
pub(crate) struct Recorded {
    log: PathBuf,
    reader: Reader,
    past: Past,
    /// The file that it was made from, and what that says.
    path: PathBuf,
    before: Scenario,
    /// From when on variants go another way.
    from: Tick,
    /// What stands for all of its records.
    digest: String,
}

/// How close a simulated world comes to a log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Closeness {
    /// Records of the log.
    pub(crate) records: u64,
    /// Those of them that come out the same if nothing is changed, up to the first that does not.
    pub(crate) same: u64,
    /// Numbers that the run was metered with, if it was; those of the log as it is metered here; and those of a
    /// world that is asked for everything.
    pub(crate) measures: Vec<Compared>,
    pub(crate) durations: Vec<Durations>,
}

/// A number of the recorded and of the fitted world.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compared {
    pub(crate) measure: String,
    pub(crate) recorded: Option<f64>,
    pub(crate) played: f64,
    pub(crate) fitted: f64,
}

/// How long something took in the recorded and in the fitted world, in seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Durations {
    pub(crate) what: &'static str,
    pub(crate) recorded: Quantiles,
    pub(crate) fitted: Quantiles,
    /// The largest difference between the parts that took no longer than anything: 0 where both are alike.
    pub(crate) distance: Option<f64>,
}

/// Seconds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quantiles {
    pub(crate) count: usize,
    pub(crate) p50: Option<f64>,
    pub(crate) p95: Option<f64>,
}

impl Recorded {
    /// Reads a log, and the scenario that it was made from: the one that it carries, unless another file is named.
    ///
    /// # Errors
    /// The log cannot be read, or was not made from that scenario.
    pub(crate) fn open(
        log: &Path,
        scenario: Option<&Path>,
        from: Option<Moment>,
    ) -> Result<Self, Failure> {
        let reader = opened::log(log)?;
        let (path, seed) = match scenario {
            Some(path) => (path.to_owned(), None),
            None => sources::of(log).map(|sources| (sources.scenario, Some(sources.seed)))?,
        };
        let mut before = periplus_spec::load(&path).map_err(Failure::Files)?.scenario;
        sources::require(log, reader.header().scenario, &path, &before)?;
        before.seed = seed.unwrap_or(before.seed);
        let mut past = Past::new(&before);
        let mut state = State::default();
        for (place, record) in reader.records().enumerate() {
            let record = record?;
            if before.setup.get(place).is_some_and(|told| *told != record.input) {
                return Err(Failure::Usage {
                    message: format!(
                        "{} begins otherwise than {} says, at record {place}",
                        log.display(),
                        path.display()
                    ),
                    hint: "it was written by another release; take the release that wrote it"
                        .into(),
                });
            }
            state.fold(&record);
            past.read(&record.as_ref(), &state);
        }
        past.finish();
        let from = from.map_or(Tick::ZERO, |from| from.tick(reader.header().epoch_unix_ms));
        if from > past.end() {
            return Err(Failure::Usage {
                message: format!("{} ends at {}, before {from}", log.display(), past.end()),
                hint: "name an earlier time with `--from`".into(),
            });
        }
        let digest = state.digest().to_string();
        Ok(Self { log: log.to_owned(), reader, past, path, before, from, digest })
    }

    /// What the log becomes if settings take effect at the time that was named, and what stands for that.
    ///
    /// # Errors
    /// A setting is wrong, or says what holds before anything is recorded.
    pub(crate) fn fork(&self, settings: &[Setting]) -> Result<(Fork, String), Failure> {
        let forked = periplus_spec::load_forked(&self.path, settings, self.from);
        let Forked { mut after, .. } = forked.map_err(Failure::Files)?;
        if after.scenario.setup != self.before.setup {
            return Err(Failure::Usage {
                message: format!(
                    "{} changes how a log begins, which cannot be otherwise any more",
                    settings.iter().map(Setting::text).collect::<Vec<_>>().join(", ")
                ),
                hint: "set it for the scenario instead of for the log".into(),
            });
        }
        after.scenario.seed = self.before.seed;
        let fork = Fork::new(&self.past, &self.before, &after.scenario, self.from);
        Ok((fork, format!("{:032x}.{}", after.scenario.hash, self.digest)))
    }

    /// Runs what a log becomes.
    ///
    /// # Errors
    /// The log cannot be read any more.
    pub(crate) fn run<S: Sink + ?Sized>(
        &self,
        fork: &Fork,
        twins: Twins,
        sink: &mut S,
        watcher: &mut dyn Watch,
    ) -> Result<Outcome, Failure> {
        Ok(rerun(fork, &self.past, self.tape(), twins, sink, watcher)?)
    }

    fn tape(&self) -> Tape<'_> {
        let records = self.reader.records();
        Box::new(records.map(|record| record.map_err(|fault| SinkFault(Box::new(fault)))))
    }

    /// The log's name for people.
    pub(crate) fn name(&self) -> String {
        self.log.display().to_string()
    }

    /// How close a world that is asked for everything comes to this log.
    ///
    /// # Errors
    /// The log cannot be read any more.
    pub(crate) fn closeness(&self) -> Result<Closeness, Failure> {
        let (fork, _) = self.fork(&[])?;
        let mut same = Same { log: self.reader.records(), same: 0, other: false };
        let played = self.run(&fork, Twins::Followed, &mut same, &mut ())?;
        let mut past = Past::new(&fork.scenario);
        let fitted = self.run(&fork, Twins::Ignored, &mut past, &mut ())?;
        past.finish();
        let metered = self.metered();
        let (played, fitted) = (measures::of(&played.summary), measures::of(&fitted.summary));
        let compared = COMPARED.iter().filter_map(|path| {
            Some(Compared {
                measure: (*path).to_owned(),
                recorded: metered.as_ref().and_then(|metered| metered.get(*path).copied()),
                played: *played.get(*path)?,
                fitted: *fitted.get(*path)?,
            })
        });
        Ok(Closeness {
            records: self.past.records(),
            same: same.same,
            measures: compared.collect(),
            durations: durations(&self.past.samples(), &past.samples()),
        })
    }

    /// What the run was metered with, if its summary lies beside its log.
    fn metered(&self) -> Option<Measures> {
        let summary = std::fs::read(self.log.parent()?.join("summary.json")).ok()?;
        let value: Value = serde_json::from_slice(&summary).ok()?;
        Some(measures::in_json(&value))
    }
}

/// What of a log is compared with a fitted world.
const COMPARED: [&str; 6] = [
    "slo.attainment",
    "latency.p50Ms",
    "latency.p95Ms",
    "latency.p99Ms",
    "requests.unserved",
    "cost.total",
];

fn durations(recorded: &Samples, fitted: &Samples) -> Vec<Durations> {
    let pairs = [
        ("asked for to in git", &recorded.written, &fitted.written),
        ("in git to applied", &recorded.applied, &fitted.applied),
        ("asked for to ready", &recorded.ready, &fitted.ready),
        ("withdrawn to gone", &recorded.gone, &fitted.gone),
        ("asked for to routed", &recorded.routed, &fitted.routed),
    ];
    let row = |(what, recorded, fitted): (&'static str, &Sample, &Sample)| Durations {
        what,
        recorded: Quantiles::of(recorded),
        fitted: Quantiles::of(fitted),
        distance: recorded.distance(fitted),
    };
    pairs.into_iter().map(row).filter(|row| row.recorded.count > 0).collect()
}

impl Quantiles {
    fn of(sample: &Sample) -> Self {
        let seconds = |permille| sample.quantile(permille).map(|span| span.0 as f64 / 1e3);
        Self { count: sample.len(), p50: seconds(500), p95: seconds(950) }
    }
}

/// Compares records with those of a log, up to the first that differs.
struct Same {
    log: Records,
    same: u64,
    other: bool,
}

impl Sink for Same {
    fn accept(&mut self, record: &RecordRef<'_>, _: &State) -> Result<(), SinkFault> {
        if self.other {
            return Ok(());
        }
        let recorded: Option<Record> =
            self.log.next().transpose().map_err(|fault| SinkFault(Box::new(fault)))?;
        self.other = recorded.is_none_or(|recorded| recorded.as_ref() != *record);
        self.same += u64::from(!self.other);
        Ok(())
    }
}
