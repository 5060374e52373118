//! Rows: the tables of a study, one row per run, per app of a run, or per part of a breakdown.

use periplus_sim::ensemble::Stratum;
use periplus_sim::{Breakdown, Dimension, Part, Spent};
use periplus_spec::scenario::Fleet;

use crate::failure::Failure;
use crate::whatif::runs::{Plan, Run};
use crate::whatif::store::Store;
use crate::whatif::tables::{Column, Table, TableWriter};

/// Writes a row for every run into `runs`, one for every app of every run into `apps`, and one for every part of
/// every run into a table for each breakdown.
///
/// # Errors
/// A file cannot be written, or a kept run not be read.
pub(crate) fn write(store: &dyn Store, plan: &Plan<'_>, runs: &[Run]) -> Result<(), Failure> {
    whole(runs).write(store, "runs")?;
    let of_apps = |run| {
        let mut apps: Vec<String> = apps_of(run).map(str::to_owned).collect();
        apps.dedup();
        apps.into_iter().map(move |app| (run, Some(app)))
    };
    let rows: Vec<_> = runs.iter().flat_map(of_apps).collect();
    of_runs(&rows).write(store, "apps")?;
    if plan.breakdowns.is_empty() {
        return Ok(());
    }
    let none = |breakdown| of_run(of_parts(&Fleet::default(), breakdown, &[]), None);
    let writers = plan.breakdowns.iter().map(|breakdown| {
        let name = breakdown.to_string();
        Ok((TableWriter::create(store, &name, &none(breakdown))?, name))
    });
    let mut writers = writers.collect::<Result<Vec<_>, Failure>>()?;
    for run in runs {
        let mut kept = plan.again(run)?;
        for (writer, name) in &mut writers {
            if let Some(parts) = kept.parts.remove(name.as_str()) {
                writer.append(&of_run(parts, Some(run)))?;
            }
        }
    }
    writers.into_iter().try_for_each(|(writer, _)| writer.finish())
}

/// A row for every run.
pub(crate) fn whole(runs: &[Run]) -> Table {
    let rows: Vec<(&Run, Option<String>)> = runs.iter().map(|run| (run, None)).collect();
    of_runs(&rows)
}

/// Says before each row which run it is of.
fn of_run(table: Table, run: Option<&Run>) -> Table {
    let seed = run.map_or(0, |run| run.seed.cast_signed());
    let seeds = Column::Whole(vec![seed; table.rows()]);
    let variant = run.map_or("", |run| run.variant.as_str());
    table.headed("seed", seeds).headed_text("variant", variant)
}

/// What the measures of an app begin with. No app has a dot in its name.
const APPS: &str = "apps.";

fn apps_of(run: &Run) -> impl Iterator<Item = &str> {
    run.measures.keys().filter_map(|path| Some(path.strip_prefix(APPS)?.split_once('.')?.0))
}

/// A table of runs, or of the part of each that one app has.
fn of_runs(rows: &[(&Run, Option<String>)]) -> Table {
    let texts = |text: fn(&Run) -> String| rows.iter().map(|(run, _)| text(run)).collect();
    let seeds = rows.iter().map(|(run, _)| run.seed.cast_signed()).collect();
    let mut table = Table::default()
        .with("variant", Column::Text(texts(|run| run.variant.clone())))
        .with("seed", Column::Whole(seeds))
        .with("digest", Column::Text(texts(|run| run.digest.clone())));
    if rows.iter().any(|(run, _)| run.stratum != Stratum::All) {
        let parts = rows.iter().map(|(run, _)| Some(run.part)).collect();
        table = table.with("part", Column::Number(parts));
    }
    let whole = rows.first().is_none_or(|(_, app)| app.is_none());
    let mut names: Vec<&str> = Vec::new();
    if whole {
        let all = rows.iter().flat_map(|(run, _)| run.measures.keys());
        names.extend(all.map(AsRef::as_ref).filter(|name| !name.starts_with(APPS)));
    } else {
        let apps = rows.iter().map(|(_, app)| app.clone().unwrap_or_default());
        table = table.with("app", Column::Text(apps.collect()));
        let all = rows.iter().flat_map(|(run, _)| run.measures.keys());
        names.extend(all.filter_map(|name| Some(name.strip_prefix(APPS)?.split_once('.')?.1)));
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        let values = rows.iter().map(|(run, app)| match app {
            Some(app) => run.measures.get(&*format!("{APPS}{app}.{name}")).copied(),
            None => run.measures.get(name).copied(),
        });
        table = table.with(name, Column::Number(values.collect()));
    }
    table
}

/// A table of the parts of a breakdown: its dimensions, then the numbers.
pub(crate) fn of_parts(fleet: &Fleet, breakdown: &Breakdown, parts: &[Part]) -> Table {
    let mut table = Table::default();
    for dimension in breakdown.dimensions() {
        table = table.with(dimension.name(), dimension_of(fleet, dimension, parts));
    }
    let numbers =
        |number: &dyn Fn(&Part) -> Option<f64>| Column::Number(parts.iter().map(number).collect());
    table = table
        .with("offered", numbers(&|part| Some(part.offered)))
        .with("served", numbers(&|part| Some(part.served)))
        .with("attained", numbers(&|part| Some(part.attained)))
        .with("meanMs", numbers(&|part| part.mean_ms))
        .with("p50Ms", numbers(&|part| part.p50_ms))
        .with("p95Ms", numbers(&|part| part.p95_ms))
        .with("p99Ms", numbers(&|part| part.p99_ms));
    if breakdown.has(Dimension::Zone) {
        return table;
    }
    let spent = |number: &dyn Fn(&Spent) -> f64| numbers(&|part| part.spent.as_ref().map(number));
    table
        .with("cost", spent(&|spent| spent.cost))
        .with("egressCost", spent(&|spent| spent.egress))
        .with("carbonGrams", spent(&|spent| spent.carbon_grams))
        .with("energyWh", spent(&|spent| spent.energy_wh))
        .with("coreHours", spent(&|spent| spent.core_hours))
        .with("coldStarts", spent(&|spent| spent.cold_starts as f64))
}

fn dimension_of<'f>(fleet: &'f Fleet, dimension: Dimension, parts: &[Part]) -> Column {
    let texts = |text: &dyn Fn(&Part) -> Option<&'f str>| {
        Column::Text(parts.iter().map(|part| text(part).unwrap_or_default().to_owned()).collect())
    };
    match dimension {
        Dimension::App => texts(&|part| Some(&fleet.apps[part.app?.index()].name)),
        Dimension::Zone => texts(&|part| Some(&fleet.zones[part.zone?.index()].name)),
        Dimension::Cluster => texts(&|part| Some(&fleet.clusters[part.cluster?.index()].name)),
        Dimension::Hour => {
            Column::Whole(parts.iter().map(|part| i64::from(part.hour.unwrap_or(0))).collect())
        }
    }
}

/// Reads the dimensions of a breakdown, as in `app,hour`.
pub(crate) fn breakdown(text: &str) -> Result<Breakdown, String> {
    let known = Dimension::ALL.map(Dimension::name);
    let dimension = |name: &str| {
        let place = known.iter().position(|known| *known == name.trim());
        place.map(|place| Dimension::ALL[place]).ok_or_else(|| {
            let near = periplus_spec::nearest(name.trim(), &known);
            let near = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            format!("`{name}` is none of {}{near}", known.join(", "))
        })
    };
    let dimensions: Vec<Dimension> = text.split(',').map(dimension).collect::<Result<_, _>>()?;
    Ok(Breakdown::new(dimensions).expect("a split text has at least one part"))
}
