//! A scenario as the simulator runs it.

use periplus_core::Record;
use periplus_sim::run;
use periplus_spec::scenario::Scenario;

/// The records of a run.
pub(crate) fn records(scenario: &Scenario) -> Vec<Record> {
    let mut records = Vec::new();
    run(scenario, &mut records, &mut ()).unwrap();
    records
}
