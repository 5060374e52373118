//! Whole runs against the real machine.

mod support;

use periplus_core::Record;
use periplus_sim::{Outcome, run};
use periplus_spec::scenario::Scenario;
use support::{Size, scenario};

fn recorded(scenario: &Scenario) -> (Outcome, Vec<Record>) {
    let mut records = Vec::new();
    let outcome = run(scenario, &mut records, &mut ()).unwrap();
    (outcome, records)
}

#[test]
fn a_quiet_day_is_served() {
    let (outcome, _) = recorded(&scenario(&Size::default()));
    println!("{}", serde_json::to_string_pretty(&outcome.summary).unwrap());
    for row in &outcome.rows {
        println!("{:?}", row);
    }
    assert!(outcome.summary.all.slo.attainment > 0.99);
}
