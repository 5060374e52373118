//! `plan`: candidates, what they hold, and which is chosen.

use insta::assert_snapshot;

use crate::place::Place;

const OVER: [&str; 6] = [
    "plan",
    "harbour.yaml",
    "--over",
    "clusters[tier=edge].nodePools[0].nodes=1..3",
    "--seeds",
    "3",
];

fn plan(place: &Place, more: &[&'static str]) -> String {
    let args: Vec<&str> = OVER.iter().chain(more).copied().collect();
    place.periplus(&args)
}

#[test]
fn the_cheapest_that_holds_is_chosen() {
    assert_snapshot!(plan(&Place::new(), &["--goal", "p50 <= 26"]));
}

#[test]
fn where_nothing_holds_that_is_said_and_fails() {
    assert_snapshot!(plan(&Place::new(), &["--goal", "slo >= 99.9%", "--goal", "p50 <= 26"]));
}

#[test]
fn what_is_minimized_is_chosen_by_name_and_kept_as_json() {
    let place = Place::new();
    let told = plan(
        &place,
        &["--goal", "slo >= 90%", "--minimize", "unserved", "--out", "kept", "--format", "json"],
    );
    let end = told.rfind('}').unwrap();
    let answer: serde_json::Value =
        serde_json::from_str(&told[told.find('{').unwrap()..=end]).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&place.read("kept/plan.json")).unwrap();
    assert_eq!(answer, kept);
    let price = |row: &serde_json::Value| row["price"].as_f64().unwrap();
    let rows = answer["candidates"].as_array().unwrap();
    let least = rows.iter().map(price).fold(f64::INFINITY, f64::min);
    let chosen = rows.iter().find(|row| row["name"] == answer["chosen"]).unwrap();
    assert_eq!((rows.len(), price(chosen)), (3, least));
    assert_eq!(place.read("kept/runs.csv").lines().count(), 1 + 9);
}

#[test]
fn a_goal_that_is_none_is_told() {
    let place = Place::new();
    let mut told = plan(&place, &["--goal", "slo > 99%"]);
    told += &plan(&place, &["--goal", "slo >= 99%", "--minimize", "costs"]);
    told += &place.periplus(&["plan", "harbour.yaml", "--goal", "slo >= 99%"]);
    assert_snapshot!(told);
}

/// Days that grow and fail, on sites that cost something to have.
const DAYS: [&str; 6] = [
    "--set",
    "ensemble={growth: {p50: 1.2, p95: 1.6}, leadTime: 84d, horizon: 365d, failures: [{clusters: [edge-island], perYear: 20, lasts: {delay: 2h}}]}",
    "--set",
    "clusters[tier=edge].investment={site: 300, node: 100, interest: 5%, upkeep: 10%}",
    "--days",
    "20",
];

fn over_days(place: &Place, more: &[&'static str]) -> String {
    let over = ["plan", "harbour.yaml", "--over", "clusters[tier=edge].nodePools[0].nodes=0..2"];
    let args: Vec<&str> = over.iter().chain(&DAYS).chain(more).copied().collect();
    place.periplus(&args)
}

#[test]
fn a_goal_holds_over_days_and_a_year_costs_what_was_invested_as_well() {
    assert_snapshot!(over_days(&Place::new(), &["--goal", "slo >= 94% in 50% of days"]));
}

#[test]
fn every_site_gets_what_helps_most() {
    let place = Place::new();
    let asked = ["--goal", "p50 <= 28", "--per-site", "--out", "kept"];
    assert_snapshot!(over_days(&place, &asked));
    assert_snapshot!("the_table_of_sites", place.read("kept/sites.csv"));
    let plan: serde_json::Value = serde_json::from_str(&place.read("kept/plan.json")).unwrap();
    assert_eq!(plan["sites"].as_object().unwrap().len(), 2);
    // What was kept is not run again, and comes to the same.
    assert_eq!(over_days(&place, &asked), over_days(&place, &asked));
}

#[test]
fn days_that_cannot_be_drawn_or_are_too_few_are_told() {
    let place = Place::new();
    let told = |args: &[&'static str]| {
        let over = ["plan", "harbour.yaml", "--over", "demand.growth=1,2", "--goal"];
        place.periplus(&over.iter().chain(args).copied().collect::<Vec<_>>())
    };
    assert_snapshot!("no_ensemble", told(&["slo >= 90%", "--days", "5"]));
    assert_snapshot!("too_few", told(&["slo >= 90% in 95% of runs", "--seeds", "20"]));
    assert_snapshot!("far_too_few", told(&["slo >= 90% in 99.99999% of runs"]));
    assert_snapshot!("no_percent", told(&["slo >= 99"]));
    let seeds_and_days = told(&["slo >= 90%", "--days", "5", "--seeds", "5"]);
    assert!(seeds_and_days.ends_with("exit 2\n"), "{seeds_and_days}");
    assert_snapshot!(
        "no_sites",
        place.periplus(&[
            "plan",
            "harbour.yaml",
            "--per-site",
            "--goal",
            "slo >= 90%",
            "--over",
            "demand.growth=1,2"
        ])
    );
}
