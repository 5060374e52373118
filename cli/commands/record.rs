//! `record`: a part of a log as a scenario.

use periplus_core::units::{Span, Tick};
use periplus_sim::{Row, Twins};

use super::anonymize::without_names;
use crate::args::RecordArgs;
use crate::bundles::{self, Existing};
use crate::failure::{Exit, Failure};
use crate::record::{Part, Read};
use crate::recorded::Recorded;
use crate::render::{self, counted, strong, table};
use crate::whatif::measures::Form;

pub(super) fn run(args: &RecordArgs) -> Result<Exit, Failure> {
    let name = bundles::name(&args.out)?;
    let existing = if args.force { Existing::WrittenOver } else { Existing::Kept };
    let there = bundles::make_room(&args.out, existing)?;
    let recorded = Recorded::open(&args.log, args.scenario.as_deref(), args.from)?;
    let (from, to) = bounds(args, &recorded)?;
    let read = Read::new(&recorded.reader, from, to)?;
    let (fork, _) = recorded.fork(&[])?;
    let part = Part { path: &recorded.path, scenario: &recorded.before, fork: &fork, from, to };
    let mut bundle = part.scenario(name.clone(), &read)?;
    if args.anonymize {
        bundle = without_names(&bundle, &args.log, &name, args.seed)?;
    }
    let loaded = bundle.load().map_err(Failure::Files)?;
    let files = bundles::write(&bundle, &args.out)?;
    bundles::remove(&there, &files)?;

    let scenario = &loaded.scenario;
    let fleet = &scenario.fleet;
    let lasts = to.since(from);
    render::line(&strong(&format!(
        "{}: {lasts} of {} from {from} on: {}, {}, {}",
        scenario.name,
        recorded.name(),
        counted(fleet.clusters.len(), "cluster"),
        counted(fleet.zones.len(), "zone"),
        counted(fleet.apps.len(), "app"),
    )));
    render::line(&format!("\n{}", bundles::told(&files)));

    let mut columns = Vec::new();
    // A log is metered by playing it from where everything began.
    if recorded.begins == Tick::ZERO {
        let played = recorded.run(&fork, Twins::Followed, &mut (), &mut ())?;
        let was = Sums::of(&played.rows, from, to, fork.scenario.world.meter_every);
        columns.push(("in the log", was));
    }
    let again = periplus_sim::run(scenario, &mut (), &mut ())?;
    let is = Sums::of(&again.rows, Tick::ZERO, Tick::ZERO.after(lasts), scenario.world.meter_every);
    columns.push(("in the scenario", is));
    let row = |label: &str, told: fn(&Sums) -> String| {
        std::iter::once(label.into()).chain(columns.iter().map(|(_, sums)| told(sums))).collect()
    };
    let rows = vec![
        row("asked for", |sums| Form::Count.told(sums.offered)),
        row("unserved", |sums| Form::Count.told(sums.unserved)),
        row("cost", |sums| Form::Dollars.told(sums.cost)),
        row("CO2e", |sums| Form::Kilograms.told(sums.carbon / 1e3)),
    ];
    let head: Vec<&str> = std::iter::once("").chain(columns.iter().map(|one| one.0)).collect();
    render::line(&format!("\n{}", table(&head, rows).trim_end()));
    render::line(&format!("\nnext: periplus test {} --bless", args.out.display()));
    Ok(Exit::Held)
}

/// The part of the log that is asked for, in whole intervals of demand.
fn bounds(args: &RecordArgs, recorded: &Recorded) -> Result<(Tick, Tick), Failure> {
    let step = recorded.before.world.demand_every.0.max(1);
    let end = recorded.past.end();
    let epoch = recorded.reader.header().epoch_unix_ms;
    let whole = Tick(recorded.begins.0.div_ceil(step) * step);
    let from = Tick(recorded.from.0 / step * step).max(whole);
    let to = args.to.map_or(end, |to| to.tick(epoch).min(end));
    let to = Tick(to.0.div_ceil(step) * step);
    if from >= to {
        return Err(Failure::Usage {
            message: format!("nothing lies between {from} and {to}"),
            hint: format!("the log goes from {} to {end}", recorded.begins),
        });
    }
    Ok((from, to))
}

/// How all apps fared together.
#[derive(Default)]
struct Sums {
    offered: f64,
    unserved: f64,
    cost: f64,
    carbon: f64,
}

impl Sums {
    /// From the rows of intervals that ended between two times.
    fn of(rows: &[Row], from: Tick, to: Tick, every: Span) -> Self {
        let hours = every.0 as f64 / Span::HOUR.0 as f64;
        let mut sums = Self::default();
        for row in rows.iter().filter(|row| row.at > from && row.at <= to) {
            sums.offered += row.offered;
            sums.unserved += row.unserved;
            sums.cost += row.cost_per_hour * hours;
            sums.carbon += row.carbon_per_hour * hours;
        }
        sums
    }
}
