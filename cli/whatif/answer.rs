//! The answer of a study: what every variant differs from the base in, in numbers and hour by hour.

use std::sync::Arc;

use serde::Serialize;

use crate::whatif::closeness::Closeness;
use crate::whatif::compare::{CONFIDENCE, Difference};
use crate::whatif::draws::{Draws, Uncertainty};
use crate::whatif::measures::{INVESTED, Measures, is_worth_telling};
use crate::whatif::runs::{Run, sample};
use crate::whatif::study::Study;
use crate::whatif::tables::{Column, Table};

/// The version of the answer's shape.
const VERSION: u16 = 1;

/// What differs, as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    version: u16,
    pub(crate) scenario: String,
    pub(crate) seeds: Vec<u64>,
    #[serde(skip)]
    pub(crate) draws: Draws,
    confidence: f64,
    method: &'static str,
    pub(crate) uncertainty: Uncertainty,
    /// For a log: how close a simulated world comes to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) closeness: Option<Closeness>,
    pub(crate) base: Measures,
    pub(crate) base_hours: Hours,
    pub(crate) variants: Vec<Compared>,
}

/// A variant beside the base.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Compared {
    pub(crate) name: String,
    settings: Vec<String>,
    /// What differs; what is equal in every run is left out.
    differences: Vec<Row>,
    pub(crate) hours: Hours,
    #[serde(skip)]
    pub(crate) all: Vec<(String, Difference)>,
}

/// A measure that differs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    measure: String,
    base: f64,
    variant: f64,
    difference: f64,
    /// Half of the interval's width.
    margin: Option<f64>,
    relative: Option<f64>,
    sure: bool,
}

/// How the runs of a variant fared, hour by hour: the means over its seeds.
#[derive(Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Hours {
    pub(crate) offered: Vec<f64>,
    pub(crate) unserved: Vec<f64>,
    pub(crate) p95_ms: Vec<f64>,
    /// US dollars.
    pub(crate) cost: Vec<f64>,
    pub(crate) carbon_grams: Vec<f64>,
}

impl Answer {
    /// What the runs of a study, base and seeds first, say.
    pub(crate) fn new(study: &Study, runs: &[Run]) -> Self {
        let seeds = study.seeds.len();
        let base = &runs[..seeds];
        let names: Vec<&Arc<str>> = base[0].measures.keys().collect();
        let difference = |runs: &[Run], name: &str| {
            Some(Difference::between(&sample(base, name)?, &sample(runs, name)?))
        };
        let variants = study.variants.iter().zip(runs.chunks(seeds)).skip(1);
        let variants = variants.map(|(variant, runs)| {
            let all =
                names.iter().filter_map(|name| Some((name.to_string(), difference(runs, name)?)));
            let all: Vec<_> = all.collect();
            let differs = all.iter().filter(|(_, one)| {
                one.size() != 0.0 || one.margin.is_some_and(|margin| margin > 0.0)
            });
            Compared {
                name: variant.name.clone(),
                settings: variant.settings.iter().map(|one| one.text().to_owned()).collect(),
                differences: differs.map(|(name, one)| Row::new(name, one)).collect(),
                hours: Hours::of(runs),
                all,
            }
        });
        let means =
            names.iter().filter_map(|name| Some((Arc::clone(name), difference(base, name)?.base)));
        Self {
            version: VERSION,
            scenario: study.name(),
            seeds: study.seeds.clone(),
            draws: study.draws,
            confidence: CONFIDENCE,
            method: "paired t",
            uncertainty: study.uncertainty(),
            closeness: None,
            base: means.collect(),
            base_hours: Hours::of(base),
            variants: variants.collect(),
        }
    }

    /// Whether a number tells people anything.
    pub(crate) fn is_told(&self, path: &str) -> bool {
        let invested = |found: &Compared| {
            found.all.iter().any(|(name, one)| name == INVESTED && one.variant > 0.0)
        };
        is_worth_telling(path, &self.base) || self.variants.iter().any(invested)
    }

    /// One row per variant and measure.
    pub(crate) fn table(&self) -> Table {
        let rows: Vec<(&str, &str, &Difference)> = self
            .variants
            .iter()
            .flat_map(|variant| {
                let all = variant.all.iter();
                all.map(|(measure, one)| (variant.name.as_str(), measure.as_str(), one))
            })
            .collect();
        let texts =
            |text: fn(&(&str, &str, &Difference)) -> String| rows.iter().map(text).collect();
        let numbers = |number: fn(&Difference) -> Option<f64>| {
            Column::Number(rows.iter().map(|(.., one)| number(one)).collect())
        };
        let seeds = i64::try_from(self.seeds.len()).unwrap_or(i64::MAX);
        Table::default()
            .with("variant", Column::Text(texts(|row| row.0.to_owned())))
            .with("measure", Column::Text(texts(|row| row.1.to_owned())))
            .with("base", numbers(|one| Some(one.base)))
            .with("mean", numbers(|one| Some(one.variant)))
            .with("difference", numbers(|one| Some(one.size())))
            .with("low", numbers(|one| Some(one.size() - one.margin?)))
            .with("high", numbers(|one| Some(one.size() + one.margin?)))
            .with("seeds", Column::Whole(vec![seeds; rows.len()]))
    }
}

impl Row {
    fn new(measure: &str, one: &Difference) -> Self {
        Self {
            measure: measure.into(),
            base: one.base,
            variant: one.variant,
            difference: one.size(),
            margin: one.margin,
            relative: one.relative(),
            sure: one.is_sure(),
        }
    }
}

/// What is told hour by hour is made from these.
pub(crate) const HOURLY: [&str; 5] = ["offered", "served", "p95Ms", "cost", "carbonGrams"];

impl Hours {
    fn of(runs: &[Run]) -> Self {
        let mean = |name: &str| -> Vec<f64> {
            let columns = runs.iter().filter_map(|run| Some((run.part, run.hours.numbers(name)?)));
            let columns: Vec<(f64, &[Option<f64>])> = columns.collect();
            let hours = columns.iter().map(|(_, column)| column.len()).max().unwrap_or(0);
            let mean = |hour: usize| {
                let values = columns.iter();
                let values =
                    values.filter_map(|(part, column)| Some((*part, (*column.get(hour)?)?)));
                let (sum, parts) = values.fold((0.0, 0.0), |(sum, parts), (part, value)| {
                    (sum + part * value, parts + part)
                });
                if parts > 0.0 { sum / parts } else { 0.0 }
            };
            (0..hours).map(mean).collect()
        };
        let (offered, served) = (mean("offered"), mean("served"));
        let unserved = offered.iter().zip(&served).map(|(offered, served)| offered - served);
        Self {
            unserved: unserved.collect(),
            offered,
            p95_ms: mean("p95Ms"),
            cost: mean("cost"),
            carbon_grams: mean("carbonGrams"),
        }
    }
}
