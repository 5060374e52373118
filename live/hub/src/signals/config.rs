//! What live.yaml says about signals, as it is written. [`read`](super::checked::read) makes of it what cannot be wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use periplus_spec::values::{Duration, Name, Rate};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::sighting::Measures;

/// One entry of `signals`. Exactly one of `prometheus`, `csv`, `carbon` and `prices` is there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Draft {
    /// Who measures: the source of what is told.
    pub name: Name,
    /// How often to look.
    pub every: Duration,
    /// Whether it shows what users ask for, or what was served. For demand, and only there.
    pub measures: Option<Measures>,
    /// How old a sample may be to say how it is now.
    pub stale_after: Duration,
    /// What holds for series that are older.
    #[serde(default)]
    pub fallback: Fallback,
    /// Asks a Prometheus, or what speaks like one.
    pub prometheus: Option<Prometheus>,
    /// Follows a file.
    pub csv: Option<Csv>,
    /// Reads how dirty grids are.
    pub carbon: Option<Carbon>,
    /// Reads what clusters cost.
    pub prices: Option<Prices>,
}

/// What holds for a series whose last sample is older than `staleAfter`. Silence is never a rate of zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Fallback {
    /// Its last rate, told again and again.
    #[default]
    Hold,
    /// Its last rate, halved in each half-life, and never quite zero.
    #[serde(rename_all = "camelCase")]
    Decay {
        /// In which time it halves.
        half_life: Duration,
    },
    /// Its last rate, and at least so much.
    Floor(Rate),
    /// Nothing is told, so that what the machine itself foresees goes on.
    Forecast,
}

/// A question to a Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prometheus {
    /// Where it is, without `/api/v1`.
    pub url: String,
    /// The question, in its own language.
    pub query: String,
    /// Asks for what was, and not only for what is.
    pub range: Option<Range>,
    /// Which labels name the app and the zone.
    #[serde(default)]
    pub labels: Labels,
    /// The app of all series, where no label names it.
    pub app: Option<Name>,
    /// The zone of all series, where no label names it.
    pub zone: Option<Name>,
    /// What the values count.
    #[serde(default)]
    pub unit: Unit,
    /// Over which time `unit: count` counts.
    pub window: Option<Duration>,
    /// How long one answer may take.
    pub timeout: Option<Duration>,
    /// A file that holds a bearer token; read at every look.
    pub token_file: Option<PathBuf>,
    /// Certificates, as PEM, of whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// A question about a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Range {
    /// How far points are apart.
    pub step: Duration,
    /// How far to look back after a gap. What was told already is not asked for again.
    pub over: Duration,
}

/// Which labels name what.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Labels {
    /// The label that names the app.
    pub app: Option<String>,
    /// The label that names the zone.
    pub zone: Option<String>,
}

/// What the values of a series count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Requests per second, as `rate(…)` says them.
    #[default]
    PerSecond,
    /// Requests per minute.
    PerMinute,
    /// Requests within `window`, as `increase(…[1m])` says them.
    Count,
}

impl Unit {
    /// By what a value is divided to be a rate per second; or what is wrong with the window that it counts over, and what to do.
    pub(crate) fn per_seconds(
        self,
        window: Option<Duration>,
    ) -> Result<f64, (&'static str, &'static str)> {
        match (self, window) {
            (Self::PerSecond, None) => Ok(1.0),
            (Self::PerMinute, None) => Ok(60.0),
            (Self::Count, Some(window)) if window.0.0 > 0 => Ok(window.0.0 as f64 / 1_000.0),
            (Self::Count, None | Some(_)) => Err((
                "`unit: count` counts over no time",
                "write over which time it counts: `1m` for `increase(…[1m])`",
            )),
            (Self::PerSecond | Self::PerMinute, Some(_)) => Err((
                "rates per second and per minute have no window",
                "leave it out, or write `unit: count`",
            )),
        }
    }
}

/// A file of rates, with the columns `time,app,zone,rps`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Csv {
    /// Where it is. It may grow, be cut off, and be replaced.
    pub file: PathBuf,
}

/// How dirty the grids are, from one of two services or from a file that holds what they answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Carbon {
    /// In the form of `WattTime`'s version 3.
    pub watt_time: Option<Place>,
    /// In the form of Electricity Maps' version 3.
    pub electricity_maps: Option<Place>,
    /// Which clusters are in which of the service's zones (`region`, `zone`).
    pub clusters: BTreeMap<String, Vec<Name>>,
}

/// What clusters cost now; what is not told of a cluster is as it is declared. Exactly one of `prometheus`, `file` and `url` is
/// there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prices {
    /// A Prometheus that knows, such as that of `OpenCost`.
    pub prometheus: Option<PricesAsked>,
    /// A JSON file that somebody renews: `{"clusters": {"edge": {"coreHour": 0.041}}}`.
    pub file: Option<PathBuf>,
    /// An endpoint that answers with the same.
    pub url: Option<String>,
    /// A file that holds the token for the endpoint; read at every look.
    pub token_file: Option<PathBuf>,
    /// Certificates, as PEM, of whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// Questions to a Prometheus, each of which gives dollars by cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PricesAsked {
    /// Where it is, without `/api/v1`.
    pub url: String,
    /// The label that names the cluster.
    pub cluster: String,
    /// Per requested core and hour.
    pub core_hour: Option<String>,
    /// Per requested GiB of memory and hour.
    pub gib_hour: Option<String>,
    /// Per hour in which a group is active, whatever its size.
    pub active_hour: Option<String>,
    /// Per gigabyte (10⁹ bytes) that leaves the cluster.
    #[serde(rename = "egressGB")]
    pub egress_gb: Option<String>,
    /// A file that holds a bearer token; read at every look.
    pub token_file: Option<PathBuf>,
    /// Certificates, as PEM, of whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

/// Where a document is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Place {
    /// A file that somebody renews: one answer, or a list of answers.
    pub file: Option<PathBuf>,
    /// An endpoint that is asked zone by zone.
    pub url: Option<String>,
    /// A file that holds the token; read at every look.
    pub token_file: Option<PathBuf>,
    /// Certificates, as PEM, of whom to trust besides those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use periplus_core::units::{MilliRps, Span};

    use periplus_spec::Sheet;

    use super::*;

    fn read(text: &str) -> Result<Draft, String> {
        let told = |wrong: &periplus_spec::diagnostic::Diagnostic| {
            format!("{wrong}; {}", wrong.help.as_deref().unwrap_or_default())
        };
        let read = Sheet::of_text("live.yaml", text);
        read.map(|sheet| sheet.says).map_err(|wrong| wrong.iter().map(told).collect())
    }

    #[test]
    fn what_people_write_is_read() {
        let draft = read(
            "name: edge-rps\nevery: 15s\nmeasures: offered\nstaleAfter: 2m\n\
             fallback: {decay: {halfLife: 10m}}\n\
             prometheus:\n  url: http://prometheus:9090\n  query: sum by (app, pop) (rate(requests_total[1m]))\n  \
             range: {step: 15s, over: 10m}\n  labels: {app: app, zone: pop}\n  unit: perMinute\n",
        );
        let draft = draft.unwrap();
        assert_eq!(draft.every, Duration(Span(15_000)));
        assert_eq!(draft.fallback, Fallback::Decay { half_life: Duration(Span(600_000)) });
        let asked = draft.prometheus.unwrap();
        assert_eq!((asked.unit, asked.labels.zone.as_deref()), (Unit::PerMinute, Some("pop")));
    }

    #[test]
    fn every_fallback_can_be_written() {
        let fallback = |text: &str| {
            let text = format!(
                "{{name: a, every: 1s, staleAfter: 5s, fallback: {text}, csv: {{file: a.csv}}}}"
            );
            read(&text).map(|draft| draft.fallback)
        };
        let floor = |milli| Ok(Fallback::Floor(Rate(MilliRps(milli))));
        assert_eq!(fallback("hold"), Ok(Fallback::Hold));
        assert_eq!(fallback("forecast"), Ok(Fallback::Forecast));
        assert_eq!(fallback("{floor: 5}"), floor(5_000));
        assert_eq!(fallback("{floor: 0.5}"), floor(500));
        assert_eq!(fallback("{floor: 2k}"), floor(2_000_000));
        assert!(fallback("{floor: -5}").is_err());
        assert!(fallback("zero").unwrap_err().contains("hold"));
        assert!(fallback("{decay: {}}").unwrap_err().contains("halfLife"));
    }

    #[test]
    fn a_misspelt_word_is_named() {
        let fault = read("{name: a, every: 1s, staleafter: 5s, csv: {file: a.csv}}").unwrap_err();
        assert!(fault.contains("staleafter") && fault.contains("staleAfter"), "{fault}");
    }
}
