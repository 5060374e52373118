//! Closeness: how close a simulated world comes to a log.

use periplus_core::units::Tick;
use periplus_core::{Record, RecordRef, Sink, SinkFault, State};
use periplus_journal::Records;
use periplus_sim::past::{Sample, Samples};
use periplus_sim::{Past, Twins};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::recorded::Recorded;
use crate::render::grouped;
use crate::whatif::measures::{self, Measures};

/// How close a simulated world comes to a log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Closeness {
    /// From when on variants may differ from the log.
    #[serde(skip)]
    pub(crate) from: Tick,
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
            from: self.from,
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

/// What the columns of a told comparison are.
pub(crate) const HEAD: [&str; 5] = ["how close", "recorded", "played", "fitted", "distance"];

/// What its columns mean.
pub(crate) const LEGEND: &str = "played: the log as it is metered here; fitted: a world that is asked for everything. \
    Variants ask it only for what the log does not know";

impl Closeness {
    /// Whether the log comes out of the log.
    pub(crate) fn verdict(&self) -> String {
        let Self { records, same, .. } = self;
        if same == records {
            let records = grouped(*records);
            return format!("with nothing changed, all {records} records come out as recorded");
        }
        format!(
            "with nothing changed, {} of {} records come out as recorded: this release decides otherwise from record \
             {same} on",
            grouped(*same),
            grouped(*records)
        )
    }

    /// All that is compared, as people read it.
    pub(crate) fn told(&self) -> Vec<[String; 5]> {
        let missing = || "·".to_owned();
        let mut rows = Vec::new();
        for row in &self.durations {
            for (name, of) in
                [("p50", Quantiles::p50 as fn(&Quantiles) -> _), ("p95", Quantiles::p95)]
            {
                let told = |one| of(one).map_or_else(missing, |seconds| format!("{seconds:.1} s"));
                let distance = row.distance.filter(|_| name == "p50");
                rows.push([
                    format!("{}, {name}", row.what),
                    told(&row.recorded),
                    missing(),
                    told(&row.fitted),
                    distance.map_or_else(String::new, |distance| format!("{distance:.2}")),
                ]);
            }
        }
        for row in &self.measures {
            let told = |value| measures::told(&row.measure, value);
            rows.push([
                measures::label(&row.measure),
                row.recorded.map_or_else(missing, told),
                told(row.played),
                told(row.fitted),
                String::new(),
            ]);
        }
        rows
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

    fn p50(&self) -> Option<f64> {
        self.p50
    }

    fn p95(&self) -> Option<f64> {
        self.p95
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
