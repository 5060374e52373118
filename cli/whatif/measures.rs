//! The numbers of a run, by the names that they have in its summary.

use std::collections::BTreeMap;
use std::sync::Arc;

use periplus_sim::Summary;
use periplus_spec::border::growth::YEAR;
use periplus_spec::scenario::Scenario;
use serde_json::Value;

use crate::failure::Failure;
use crate::render::{grouped, percent, whole};
use crate::whatif::compare::Difference;

/// Numbers by the paths of the summary's JSON, as in `cost.total` or `apps.shop.slo.attainment`.
pub(crate) type Measures = BTreeMap<Arc<str>, f64>;

/// How a number is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Count,
    Dollars,
    Kilograms,
    Milliseconds,
    Share,
}

/// A number that people are shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) path: &'static str,
    /// A shorter name that may stand for the path.
    pub(crate) alias: &'static str,
    pub(crate) label: &'static str,
    pub(crate) form: Form,
}

/// The cost of a year like the run, with what was invested.
pub(crate) const ANNUAL: &str = "cost.annual";
/// What of it is invested.
pub(crate) const INVESTED: &str = "cost.invested";

/// Whether a measure tells people anything: a year is so many times the run where nothing is invested.
pub(crate) fn is_worth_telling(path: &str, known: &Measures) -> bool {
    path != ANNUAL || known.get(INVESTED).is_some_and(|invested| *invested > 0.0)
}

/// What people are shown of a run.
pub(crate) const SHOWN: [Shown; 11] = [
    Shown { path: "slo.attainment", alias: "slo", label: "promise kept", form: Form::Share },
    Shown { path: "latency.p50Ms", alias: "p50", label: "latency, p50", form: Form::Milliseconds },
    Shown { path: "latency.p95Ms", alias: "p95", label: "latency, p95", form: Form::Milliseconds },
    Shown { path: "latency.p99Ms", alias: "p99", label: "latency, p99", form: Form::Milliseconds },
    Shown { path: "requests.unserved", alias: "unserved", label: "unserved", form: Form::Count },
    Shown { path: "cost.total", alias: "cost", label: "cost", form: Form::Dollars },
    Shown { path: ANNUAL, alias: "annual", label: "cost of a year", form: Form::Dollars },
    Shown { path: "carbon.kg", alias: "carbon", label: "CO2e", form: Form::Kilograms },
    Shown { path: "placements", alias: "placements", label: "placements", form: Form::Count },
    Shown { path: "moves", alias: "moves", label: "moves", form: Form::Count },
    Shown { path: "bursts", alias: "bursts", label: "bursts", form: Form::Count },
];

/// All numbers of a run, those of a year like it among them.
pub(crate) fn of_run(summary: &Summary, scenario: &Scenario) -> Measures {
    let mut measures = of(summary);
    let clusters = scenario.fleet.clusters.iter();
    let invested = clusters.map(|cluster| cluster.upkeep.0 as f64 / 1e6).sum::<f64>();
    let times = YEAR.0 as f64 / scenario.duration.0.max(1) as f64;
    measures.insert(INVESTED.into(), invested);
    measures.insert(ANNUAL.into(), summary.all.cost.total * times + invested);
    measures
}

/// All numbers of a summary but those that say only which run it was.
pub(crate) fn of(summary: &Summary) -> Measures {
    in_json(&serde_json::to_value(summary).expect("a summary is JSON"))
}

/// The same of a summary that was kept as JSON.
pub(crate) fn in_json(summary: &Value) -> Measures {
    let mut measures = Measures::new();
    gather(summary, "", &mut measures);
    for told in ["version", "seed", "hours"] {
        measures.remove(told);
    }
    measures
}

/// The same measures, with names that are in memory already.
pub(crate) fn sharing_names(measures: Measures, of: &Measures) -> Measures {
    let shared = |name: Arc<str>| of.get_key_value(&name).map_or(name, |(known, _)| known.clone());
    measures.into_iter().map(|(name, value)| (shared(name), value)).collect()
}

fn gather(value: &Value, path: &str, measures: &mut Measures) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                gather(value, &format!("{path}{dot}{name}"), measures);
            }
        }
        Value::Number(number) => {
            measures.extend(number.as_f64().map(|number| (path.into(), number)));
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) => {}
    }
}

/// The path of a measure that is asked for by it or by its alias.
pub(crate) fn path_of(name: &str) -> String {
    let shown = SHOWN.iter().find(|shown| shown.alias == name);
    shown.map_or(name, |shown| shown.path).to_owned()
}

/// Refuses a path that no run has.
pub(crate) fn require(path: &str, known: &Measures) -> Result<(), Failure> {
    if known.contains_key(path) {
        return Ok(());
    }
    let aliases = SHOWN.iter().map(|shown| shown.alias);
    let names: Vec<&str> = aliases.chain(known.keys().map(AsRef::as_ref)).collect();
    Err(Failure::no_such("measure", path, &names))
}

/// What people call a measure.
pub(crate) fn label(path: &str) -> String {
    let shown = SHOWN.iter().find(|shown| shown.path == path);
    shown.map_or(path, |shown| shown.label).to_owned()
}

/// How a measure is told, if that is known.
pub(crate) fn form(path: &str) -> Option<Form> {
    SHOWN.iter().find(|shown| path.ends_with(shown.path)).map(|shown| shown.form)
}

/// A measure as people read it, whichever it is.
pub(crate) fn told(path: &str, value: f64) -> String {
    form(path).map_or_else(|| format!("{value:.2}"), |form| form.told(value))
}

/// A difference as people read it, without what part of the base it is.
pub(crate) fn told_difference(path: &str, one: &Difference) -> String {
    if one.is_nothing() {
        return "none".into();
    }
    form(path).unwrap_or(Form::Count).told_difference(one.size(), one.margin)
}

impl Form {
    /// The number as people read it.
    pub(crate) fn told(self, value: f64) -> String {
        match self {
            Self::Count if value.fract() != 0.0 && value < 100.0 => format!("{value:.1}"),
            Self::Count => grouped(whole(value)),
            Self::Dollars if value >= 10_000.0 => format!("${}", grouped(whole(value))),
            Self::Dollars => format!("${value:.2}"),
            Self::Kilograms => format!("{value:.2} kg"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Share => percent(value),
        }
    }

    /// A difference and half of its interval as people read them, with as many decimals as the first needs to be told
    /// from nothing, unless the second is far larger.
    pub(crate) fn told_difference(self, value: f64, margin: Option<f64>) -> String {
        let (before, scale, usual, unit) = match self {
            Self::Count => ("", 1.0, 0, ""),
            Self::Dollars => ("$", 1.0, 2, ""),
            Self::Kilograms => ("", 1.0, 2, " kg"),
            Self::Milliseconds => ("", 1.0, 1, " ms"),
            Self::Share => ("", 1e2, 2, " pp"),
        };
        let size = value.abs() * scale;
        let telling = margin.map_or(size, |margin| size.max(margin * scale / 10.0));
        let is_seen = |decimals: &usize| telling * 10_f64.powf(*decimals as f64) >= 1.0;
        let decimals = (usual..=DECIMALS_MAX).find(is_seen).unwrap_or(usual);
        let told = |size: f64| match decimals {
            0 => grouped(whole(size)),
            decimals => format!("{size:.decimals$}"),
        };
        let sign = if value < 0.0 { "−" } else { "+" };
        let margin = margin.map_or(String::new(), |margin| format!(" ± {}", told(margin * scale)));
        format!("{sign}{before}{}{margin}{unit}", told(size))
    }
}

/// Differences are told with at most so many decimals; what they do not show is as good as nothing.
const DECIMALS_MAX: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_told_with_the_decimals_that_they_need() {
        let told = |form: Form, value, margin| form.told_difference(value, margin);
        assert_eq!(told(Form::Dollars, 12.345, None), "+$12.35");
        assert_eq!(told(Form::Dollars, -0.001_2, Some(0.000_4)), "−$0.001 ± 0.000");
        assert_eq!(told(Form::Count, 1_234.4, Some(20.0)), "+1,234 ± 20");
        assert_eq!(told(Form::Count, 0.4, Some(0.55)), "+0.4 ± 0.6");
        assert_eq!(told(Form::Milliseconds, -0.000_007, Some(0.026_8)), "−0.000 ± 0.027 ms");
        assert_eq!(told(Form::Share, -2e-10, Some(3e-10)), "−0.00 ± 0.00 pp");
        assert_eq!(told(Form::Share, -0.002_5, None), "−0.25 pp");
        assert_eq!(told(Form::Kilograms, 0.0, Some(0.5)), "+0.00 ± 0.50 kg");
    }
}
