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
