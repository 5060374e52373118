//! What points of metrics say of demand.
//!
//! A gauge is a rate already; a sum that grows only, told as what was added (`delta`), is divided by the time in which it was
//! added. What was added since the beginning (`cumulative`) would have to be remembered for each series of each pod: a Collector does that.

use std::collections::BTreeMap;
use std::fmt::Write;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, DataPointFlags, Metric, NumberDataPoint,
};

use super::OtlpMetric;
use crate::api::demand::{AGE_MAX_MS, AHEAD_MAX_MS, milli};
use crate::api::problem::short;
use crate::sighting::{Measures, Rate};
use crate::signals::NamedBy;

/// What a request says of one source.
#[derive(Debug, PartialEq)]
pub(super) struct Looked {
    pub(super) source: String,
    pub(super) measures: Measures,
    /// Of when the newest point is.
    pub(super) as_of_unix_ms: i64,
    /// Ascending by app and zone.
    pub(super) rates: Vec<Rate>,
}

/// Points that cannot be used, and why some of them cannot.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rejected {
    count: usize,
    why: Vec<String>,
}

/// So many reasons are told.
const REASONS_MAX: usize = 5;

impl Rejected {
    pub(super) fn add(&mut self, count: usize, why: impl FnOnce() -> String) {
        self.count += count;
        if count > 0 && self.why.len() < REASONS_MAX {
            let why = why();
            if !self.why.contains(&why) {
                self.why.push(why);
            }
        }
    }

    /// How many there are, and why; nothing where there are none.
    pub(super) fn told(self) -> Option<(usize, String)> {
        (self.count > 0).then(|| (self.count, self.why.join("; ")))
    }
}

/// What is known of a source so far: when the newest point is, and each series' newest point.
type Series<'a> = BTreeMap<(&'a str, &'a str), (i64, f64)>;

/// Reads a request.
pub(super) fn read(
    said: &ExportMetricsServiceRequest,
    metrics: &[OtlpMetric],
    now: i64,
) -> (Vec<Looked>, Rejected) {
    let mut rejected = Rejected::default();
    let mut sources: BTreeMap<&str, (Measures, i64, Series<'_>)> = BTreeMap::new();
    for of in &said.resource_metrics {
        let resource = of.resource.as_ref().map_or(&[][..], |resource| &resource.attributes);
        for metric in of.scope_metrics.iter().flat_map(|scope| &scope.metrics) {
            let Some(declared) = metrics.iter().find(|one| one.metric == metric.name) else {
                let what = || format!("`{}` is not in `api.otlp`", short(&metric.name));
                rejected.add(count(metric), what);
                continue;
            };
            let points = match numbers(metric) {
                Ok(points) => points,
                Err(why) => {
                    let what = || format!("`{}` {why}", short(&metric.name));
                    rejected.add(count(metric), what);
                    continue;
                }
            };
            for (point, is_rate) in points {
                // It says that there is none.
                if point.flags & DataPointFlags::NoRecordedValueMask as u32 != 0 {
                    continue;
                }
                match read_one(point, is_rate, (declared, resource), now) {
                    Ok((app, zone, at, rps)) => {
                        let fresh = || (declared.measures, at, BTreeMap::new());
                        let (_, newest, series) =
                            sources.entry(&declared.source).or_insert_with(fresh);
                        *newest = at.max(*newest);
                        add(series, (app, zone), (at, rps));
                    }
                    Err(why) => {
                        rejected.add(1, || format!("`{}`: {why}", short(&metric.name)));
                    }
                }
            }
        }
    }
    let mut looked = Vec::with_capacity(sources.len());
    for (source, (measures, as_of_unix_ms, series)) in sources {
        let mut rates = Vec::with_capacity(series.len());
        for ((app, zone), (_, rps)) in series {
            match milli(rps) {
                Some(milli_rps) => {
                    rates.push(Rate { app: app.to_owned(), zone: zone.to_owned(), milli_rps });
                }
                None => rejected.add(1, || format!("{rps} of `{}` is not a rate", short(app))),
            }
        }
        looked.push(Looked { source: source.to_owned(), measures, as_of_unix_ms, rates });
    }
    looked.retain(|look| !look.rates.is_empty());
    (looked, rejected)
}

/// Points of one series at one time are parts of it; of others, the newest counts.
fn add<'a>(series: &mut Series<'a>, of: (&'a str, &'a str), (at, rps): (i64, f64)) {
    let (newest, sum) = series.entry(of).or_insert((at, 0.0));
    if at > *newest {
        (*newest, *sum) = (at, rps);
    } else if at == *newest {
        *sum += rps;
    }
}

/// The points of a metric, each with whether it is a rate as it stands.
fn numbers(metric: &Metric) -> Result<Vec<(&NumberDataPoint, bool)>, &'static str> {
    match &metric.data {
        Some(Data::Gauge(gauge)) => Ok(gauge.data_points.iter().map(|one| (one, true)).collect()),
        Some(Data::Sum(sum)) => match AggregationTemporality::try_from(sum.aggregation_temporality)
        {
            Ok(AggregationTemporality::Delta) if sum.is_monotonic => {
                Ok(sum.data_points.iter().map(|one| (one, false)).collect())
            }
            Ok(AggregationTemporality::Delta) => Err("may become less: it is no count of requests"),
            Ok(AggregationTemporality::Cumulative | AggregationTemporality::Unspecified)
            | Err(_) => {
                Err("is cumulative: let the Collector's `cumulativetodelta` read it before")
            }
        },
        Some(Data::Histogram(_) | Data::ExponentialHistogram(_) | Data::Summary(_)) | None => {
            Err("is neither a gauge nor a sum")
        }
    }
}

fn count(metric: &Metric) -> usize {
    match &metric.data {
        Some(Data::Gauge(one)) => one.data_points.len(),
        Some(Data::Sum(one)) => one.data_points.len(),
        Some(Data::Histogram(one)) => one.data_points.len(),
        Some(Data::ExponentialHistogram(one)) => one.data_points.len(),
        Some(Data::Summary(one)) => one.data_points.len(),
        None => 0,
    }
}

/// The app, the zone, the time and the rate of a point.
fn read_one<'a>(
    point: &'a NumberDataPoint,
    is_rate: bool,
    (declared, resource): (&'a OtlpMetric, &'a [KeyValue]),
    now: i64,
) -> Result<(&'a str, &'a str, i64, f64), String> {
    let named = |by: &'a NamedBy| match by {
        NamedBy::Always(name) => Ok(&**name),
        NamedBy::Label(key) => attribute(&point.attributes, key)
            .or_else(|| attribute(resource, key))
            .ok_or_else(|| format!("a point has no attribute `{key}`")),
    };
    let (app, zone) = (named(&declared.app)?, named(&declared.zone)?);
    let at = i64::try_from(point.time_unix_nano / 1_000_000).unwrap_or(i64::MAX);
    let age = now.saturating_sub(at);
    if !(-AHEAD_MAX_MS..=AGE_MAX_MS).contains(&age) {
        let mut why = String::from("a point is of ");
        // Writing to a text does not fail.
        let _ = match age < 0 {
            true => write!(why, "{} s to come: look at the clocks of both machines", -age / 1_000),
            false => write!(why, "{} s ago: old rates say nothing of now", age / 1_000),
        };
        return Err(why);
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of requests are far below 2^53")]
    let value = match point.value {
        Some(Number::AsDouble(value)) => value,
        Some(Number::AsInt(value)) => value as f64,
        None => return Err("a point has no value".to_owned()),
    };
    if is_rate {
        return Ok((app, zone, at.min(now), value / declared.per_seconds));
    }
    let span = point.time_unix_nano.saturating_sub(point.start_time_unix_nano);
    if point.start_time_unix_nano == 0 || span == 0 {
        return Err("a point does not say since when it counts".to_owned());
    }
    #[expect(clippy::cast_precision_loss, reason = "a nanosecond more or less is nothing")]
    let seconds = span as f64 / 1e9;
    Ok((app, zone, at.min(now), value / seconds))
}

fn attribute<'a>(of: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let value = of.iter().find(|one| one.key == key)?.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value { Some(text) } else { None }
}
