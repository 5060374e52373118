//! `whatif`: the same scenario under other settings, and what differs.

use std::path::Path;

use serde::Serialize;

use crate::args::{Format, WhatifArgs};
use crate::failure::{Exit, Failure};
use crate::parallel;
use crate::render::{self, strong, table};
use crate::whatif::bar::Bar;
use crate::whatif::compare::{CONFIDENCE, Difference};
use crate::whatif::guard::Guard;
use crate::whatif::measures::{Measures, SHOWN, require};
use crate::whatif::runs::{Run, Shard, run_all, write_tables};
use crate::whatif::study::{Base, Study};
use crate::whatif::tables::{Column, Table};

pub(super) fn run(args: &WhatifArgs) -> Result<Exit, Failure> {
    if args.shard.is_some() && args.out.is_none() {
        return Err(Failure::Usage {
            message: "a shard's runs are kept nowhere".into(),
            hint: "name a folder with `--out`, the same one for all shards or one for each".into(),
        });
    }
    let guards = args.fail_if.iter().map(|text| Guard::parse(text));
    let guards: Vec<Guard> = guards.collect::<Result<_, _>>()?;
    let study = Study::new(&args.scenario, &args.set, &args.vary, args.seeds, Base::First)?;
    let shard = args.shard.unwrap_or(Shard::WHOLE);
    let mut bar = Bar::new();
    let out = args.out.as_deref();
    let runs = run_all(&study, out, shard, parallel::jobs(args.jobs), &mut bar)?;
    bar.finish();
    let missing = runs.iter().filter(|run| run.is_none()).count();
    if missing > 0 {
        let done = runs.len() - missing;
        render::note(&format!(
            "{done} of {} runs are here; the others are those of other shards. Once all are in one folder, the \
             same command without `--shard` answers",
            runs.len()
        ));
        return Ok(Exit::Held);
    }
    let runs: Vec<Run> = runs.into_iter().flatten().collect();
    let answer = Answer::new(&study, &runs);
    for guard in &guards {
        require(&guard.measure, &runs[0].measures)?;
    }
    if let Some(out) = out {
        write(out, &study, &runs, &answer)?;
    }
    match args.format {
        Format::Human => answer.tell(),
        Format::Json => render::json(&answer)?,
    }
    let mut exit = Exit::Held;
    for variant in &answer.variants {
        let found =
            |guard: &Guard| guard.broken(&variant.all.iter().find(|one| one.0 == guard.measure)?.1);
        for broken in guards.iter().filter_map(found) {
            render::error(&format!("{}: {broken}", variant.name));
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// The version of the answer's shape.
const VERSION: u16 = 1;

/// What differs, as programs get it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    version: u16,
    scenario: String,
    seeds: Vec<u64>,
    confidence: f64,
    method: &'static str,
    base: Measures,
    variants: Vec<Compared>,
}

/// A variant beside the base.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared {
    name: String,
    settings: Vec<String>,
    /// What differs; what is equal in every run is left out.
    differences: Vec<Row>,
    #[serde(skip)]
    all: Vec<(String, Difference)>,
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

impl Answer {
    fn new(study: &Study, runs: &[Run]) -> Self {
        let seeds = study.seeds.len();
        let base = &runs[..seeds];
        let names: Vec<&String> = base[0].measures.keys().collect();
        let sample = |runs: &[Run], name: &str| -> Option<Vec<f64>> {
            runs.iter().map(|run| run.measures.get(name).copied()).collect()
        };
        let difference = |runs: &[Run], name: &str| {
            Some(Difference::between(&sample(base, name)?, &sample(runs, name)?))
        };
        let variants = study.variants.iter().zip(runs.chunks(seeds)).skip(1);
        let variants = variants.map(|(variant, runs)| {
            let all =
                names.iter().filter_map(|name| Some(((*name).clone(), difference(runs, name)?)));
            let all: Vec<_> = all.collect();
            let differs = all.iter().filter(|(_, one)| {
                one.size() != 0.0 || one.margin.is_some_and(|margin| margin > 0.0)
            });
            Compared {
                name: variant.name.clone(),
                settings: variant.settings.iter().map(|one| one.text().to_owned()).collect(),
                differences: differs.map(|(name, one)| Row::new(name, one)).collect(),
                all,
            }
        });
        let means =
            names.iter().filter_map(|name| Some(((*name).clone(), difference(base, name)?.base)));
        Self {
            version: VERSION,
            scenario: study.variants[0].scenario.name.clone(),
            seeds: study.seeds.clone(),
            confidence: CONFIDENCE,
            method: "paired t",
            base: means.collect(),
            variants: variants.collect(),
        }
    }

    fn tell(&self) {
        let seeds = self.seeds.len();
        let title = format!(
            "{}: the base and {} over {}",
            self.scenario,
            counted(self.variants.len(), "variant"),
            counted(seeds, "seed")
        );
        render::line(&strong(&title));
        if self.variants.is_empty() {
            let base = |path: &str| self.base.get(path).copied();
            let rows = SHOWN.iter().filter_map(|shown| {
                Some(vec![shown.label.into(), shown.form.told(base(shown.path)?)])
            });
            render::line(&format!("\n{}", table(&[], rows.collect()).trim_end()));
        }
        for variant in &self.variants {
            let found = |path: &str| variant.all.iter().find(|one| one.0 == path).map(|one| &one.1);
            let rows = SHOWN.iter().filter_map(|shown| {
                let one = found(shown.path)?;
                let mut row = vec![shown.label.to_owned()];
                row.extend([one.base, one.variant].map(|value| shown.form.told(value)));
                row.push(told_difference(shown.form, one));
                Some(row)
            });
            let head = ["", "base", "variant", "difference"];
            let told = table(&head, rows.collect());
            render::line(&format!("\n{}\n{}", strong(&variant.name), told.trim_end()));
        }
        if seeds > 1 && !self.variants.is_empty() {
            let percent = (CONFIDENCE * 100.0).round();
            render::line(&format!(
                "\n± is the {percent} % interval of the paired t-test over {seeds} seeds, for each line by itself; a \
                 difference that it does not tell from nothing stands in brackets"
            ));
        }
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

fn told_difference(form: crate::whatif::measures::Form, one: &Difference) -> String {
    if one.size() == 0.0 && one.margin.is_none_or(|margin| margin == 0.0) {
        return "none".into();
    }
    let mut text = form.told_difference(one.size(), one.margin);
    if let Some(relative) = one.relative().filter(|_| form != crate::whatif::measures::Form::Share)
    {
        text += &format!(" ({:+.1} %)", relative * 1e2).replace('-', "−");
    }
    if one.margin.is_some() && !one.is_sure() { format!("[{text}]") } else { text }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Writes the tables of runs, apps and differences, and the answer.
fn write(out: &Path, study: &Study, runs: &[Run], answer: &Answer) -> Result<(), Failure> {
    write_tables(out, runs)?;

    let rows: Vec<(&str, &str, &Difference)> = answer
        .variants
        .iter()
        .flat_map(|variant| {
            variant.all.iter().map(|(measure, one)| (variant.name.as_str(), measure.as_str(), one))
        })
        .collect();
    let texts = |text: fn(&(&str, &str, &Difference)) -> String| rows.iter().map(text).collect();
    let numbers = |number: fn(&Difference) -> Option<f64>| {
        Column::Number(rows.iter().map(|(.., one)| number(one)).collect())
    };
    let seeds = i64::try_from(study.seeds.len()).unwrap_or(i64::MAX);
    Table::default()
        .with("variant", Column::Text(texts(|row| row.0.to_owned())))
        .with("measure", Column::Text(texts(|row| row.1.to_owned())))
        .with("base", numbers(|one| Some(one.base)))
        .with("mean", numbers(|one| Some(one.variant)))
        .with("difference", numbers(|one| Some(one.size())))
        .with("low", numbers(|one| Some(one.size() - one.margin?)))
        .with("high", numbers(|one| Some(one.size() + one.margin?)))
        .with("seeds", Column::Whole(vec![seeds; rows.len()]))
        .write(&out.join("differences"))?;

    let path = out.join("answer.json");
    let failed = |error: std::io::Error| Failure::io("write", &path, &error);
    let text = serde_json::to_string_pretty(answer).map_err(|error| failed(error.into()))?;
    std::fs::write(&path, text + "\n").map_err(failed)
}
