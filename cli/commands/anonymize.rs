//! `anonymize`: a scenario in which nothing tells whose it is.

use std::path::Path;

use periplus_core::units::Tick;
use periplus_sim::Summary;
use periplus_spec::scenario::Scenario;
use periplus_spec::values::Name;
use periplus_spec::{Bundle, Hiding};

use crate::args::AnonymizeArgs;
use crate::bundles::{self, Existing};
use crate::failure::{Exit, Failure};
use crate::render::{self, counted, strong, table};
use crate::whatif::measures::{self, SHOWN, is_worth_telling};

pub(super) fn run(args: &AnonymizeArgs) -> Result<Exit, Failure> {
    let name = bundles::name(&args.out)?;
    let existing = if args.force { Existing::WrittenOver } else { Existing::Kept };
    let there = bundles::make_room(&args.out, existing)?;
    let bundle = Bundle::read(&args.scenario).map_err(Failure::Files)?;
    let before = bundle.load().map_err(Failure::Files)?.scenario;
    let hidden = without_names(&bundle, &args.scenario, &name, args.seed)?;
    let after = hidden.load().map_err(Failure::Files)?.scenario;
    let files = bundles::write(&hidden, &args.out)?;
    bundles::remove(&there, &files)?;

    let fleet = &after.fleet;
    render::line(&strong(&format!(
        "{}: {} without names: {}, {}, {}, {}",
        after.name,
        Tick(after.duration.0),
        counted(fleet.clusters.len(), "cluster"),
        counted(fleet.zones.len(), "zone"),
        counted(fleet.apps.len(), "app"),
        counted(after.timeline.len(), "moment"),
    )));
    render::line(&format!("\n{}", bundles::told(&files)));

    let was = measured(&before)?;
    let is = measured(&after)?;
    let worth = SHOWN.iter().filter(|shown| is_worth_telling(shown.path, &was));
    let rows = worth.filter_map(|shown| {
        let told = |of: &measures::Measures| Some(shown.form.told(*of.get(shown.path)?));
        Some(vec![shown.label.into(), told(&was)?, told(&is)?])
    });
    let head = ["", "before", "without names"];
    render::line(&format!("\n{}", table(&head, rows.collect()).trim_end()));
    render::line(&format!("\nnext: periplus test {} --bless", args.out.display()));
    Ok(Exit::Held)
}

/// The same under another name, with nothing in it that tells whose it is. `from` is where it comes from.
///
/// # Errors
/// Its places cannot be hidden.
pub(super) fn without_names(
    bundle: &Bundle,
    from: &Path,
    name: &Name,
    seed: u64,
) -> Result<Bundle, Failure> {
    match bundle.hiding() {
        Hiding::Anywhere => {}
        Hiding::ByHours => render::hint(
            "a demand goes by the sun: latitudes stay, and places move by whole hours only. Who has a map can find \
             them again; with a fixed `timezone` nobody can",
        ),
        Hiding::Nowhere => {
            return Err(Failure::Usage {
                message: format!(
                    "the places in {} cannot be hidden: a demand goes by the sun, and no turn of the earth fits all",
                    from.display()
                ),
                hint: "give that demand a fixed `timezone`, or every zone a `location`".into(),
            });
        }
    }
    bundle.anonymized(name, seed).map_err(Failure::Files)
}

fn measured(scenario: &Scenario) -> Result<measures::Measures, Failure> {
    let summary: Summary = periplus_sim::run(scenario, &mut (), &mut ())?.summary;
    Ok(measures::of_run(&summary, scenario))
}
