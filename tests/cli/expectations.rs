//! Expectations of every kind, met and not met.

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

/// The harbour with other expectations.
fn expecting(expectations: &[&str]) -> String {
    let (before, rest) = HARBOUR.split_once("  expect:\n").unwrap();
    let (_, after) = rest.split_once("---\n").unwrap();
    let list: String = expectations.iter().map(|one| format!("  - {one}\n")).collect();
    format!("{before}  expect:\n{list}---\n{after}")
}

/// What the run of a scenario with these expectations complains of, and how it ends.
fn complaints(expectations: &[&str]) -> String {
    let place = Place::new();
    place.write("expecting.yaml", &expecting(expectations));
    let told = place.periplus(&["sim", "expecting.yaml"]);
    let wanted = |line: &&str| line.starts_with("error") || line.starts_with("exit");
    told.lines().filter(wanted).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_comes_out_as_expected_is_not_talked_about() {
    let told = complaints(&[
        "{metric: cost.total, atLeast: 1, atMost: 10}",
        "{at: 25m, app: shop, on: [edge-harbour, edge-island]}",
        "{at: 25m, app: shop, component: web, cluster: edge-harbour, is: ready, replicas: 2}",
        "{at: 25m, app: shop, component: web, cluster: cloud, is: absent}",
        "{at: 25m, zone: harbour, app: shop, servedBy: [edge-harbour]}",
        "{holds: 0}",
        "{quietFrom: 2h45m}",
        "{app: shop, component: cart, cluster: cloud, before: {component: web}}",
    ]);
    assert_snapshot!(told);
}

#[test]
fn what_comes_out_otherwise_is_told_with_what_came_out() {
    let told = complaints(&[
        "{metric: cost.total, atLeast: 10}",
        "{metric: cost.total, atMost: 1}",
        "{at: 25m, app: shop, on: [cloud]}",
        "{at: 25m, app: shop, component: web, cluster: edge-harbour, is: absent}",
        "{at: 25m, app: shop, component: web, cluster: edge-harbour, is: ready, replicas: 9}",
        "{at: 25m, app: shop, component: web, cluster: cloud, is: ready}",
        "{at: 25m, zone: harbour, app: shop, servedBy: [cloud]}",
        "{holds: 1}",
        "{quietFrom: 2h}",
        "{app: shop, component: web, cluster: edge-harbour, before: {component: cart}}",
        "{app: shop, refused: withdrawn}",
    ]);
    assert_snapshot!(told);
}

#[test]
fn a_number_that_is_not_in_the_summary_is_told() {
    assert_snapshot!(complaints(&["{metric: slo.happiness, atLeast: 1}"]));
}
