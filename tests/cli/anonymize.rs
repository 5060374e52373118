//! `anonymize`: nothing tells whose a scenario is, and everything is decided as before.

use std::collections::BTreeSet;
use std::path::Path;

use insta::assert_snapshot;
use periplus_sim::Summary;
use periplus_spec::Bundle;
use periplus_spec::scenario::Scenario;
use serde_json::Value;

use crate::place::{HARBOUR, Place};

#[test]
fn the_harbour_without_names_is_told_beside_what_it_was() {
    let place = Place::new();
    let asked = ["anonymize", "harbour.yaml", "--out", "hidden.yaml", "--seed", "4"];
    assert_snapshot!(place.periplus(&asked));
    let hidden = place.read("hidden.yaml");
    assert_snapshot!("the_scenario", hidden);
    place.periplus(&[
        "anonymize",
        "harbour.yaml",
        "--out",
        "hidden.yaml",
        "--seed",
        "4",
        "--force",
    ]);
    assert_eq!(place.read("hidden.yaml"), hidden);
    let told = place.periplus(&["anonymize", "harbour.yaml", "--out", "hidden.yaml"]);
    assert!(told.ends_with("exit 2\n"), "{told}");
    let told = place.periplus(&["test", "hidden.yaml", "--bless"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
}

#[test]
fn places_that_go_by_the_sun_are_hidden_as_far_as_can_be_and_that_is_told() {
    let place = Place::new();
    let (scenario, rest) = HARBOUR.split_once("\n---\n").unwrap();
    let solar = scenario.replacen("- app: shop\n", "- app: shop\n    timezone: solar\n", 1);
    assert_ne!(solar, scenario);
    place.write("solar.yaml", &format!("{solar}\n---\n{rest}"));
    let told = place.periplus(&["anonymize", "solar.yaml", "--out", "hidden.yaml"]);
    assert!(
        told.contains("hint: a demand goes by the sun") && told.ends_with("exit 0\n"),
        "{told}"
    );
    // West and east of the date line at once: no hour fits both.
    let place_of = |longitude: &str| {
        let zone = format!("kind: Zone\nmetadata: {{name: far-{longitude}}}");
        let spec = format!("spec: {{location: {{latitude: 1, longitude: {longitude}}}}}");
        format!("\n---\napiVersion: periplus.dev/v1alpha1\n{zone}\n{spec}\n")
            .replace("far--", "far-west-")
    };
    let far = format!("{solar}\n---\n{rest}{}{}", place_of("-179"), place_of("179"));
    place.write("far.yaml", &far);
    let told = place.periplus(&["anonymize", "far.yaml", "--out", "nowhere.yaml"]);
    assert!(told.contains("error: the places in far.yaml cannot be hidden"), "{told}");
    assert!(!place.path("nowhere.yaml").exists());
}

#[test]
fn nothing_is_lost_that_lies_beside_and_no_name_stays_there() {
    let place = Place::after_a_run();
    place.periplus(&["record", "run/run.log", "--out", "day.yaml"]);
    assert!(place.path("day/demand-shop.csv").exists());
    std::fs::create_dir(place.path("hidden")).unwrap();
    place.write("hidden/table-1.csv", "mine\n");
    let told = place.periplus(&["anonymize", "day.yaml", "--out", "hidden.yaml"]);
    assert!(
        told.contains("error: hidden is there already") && told.ends_with("exit 2\n"),
        "{told}"
    );
    assert_eq!(place.read("hidden/table-1.csv"), "mine\n");
    let told = place.periplus(&["anonymize", "day.yaml", "--out", "day.yaml", "--force"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let tables = std::fs::read_dir(place.path("day")).unwrap();
    let tables: Vec<String> =
        tables.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(tables, ["table-1.csv"]);
}

/// What came out, with apps by their places instead of their names. What is not a number is left out: which scenario it
/// was, and which zones.
fn numbers(scenario: &Scenario, summary: &Summary) -> Vec<String> {
    let mut summary = serde_json::to_value(summary).unwrap();
    let apps = summary["apps"].take();
    for name in ["scenario", "worstZones"] {
        summary.as_object_mut().unwrap().remove(name);
    }
    let apps = scenario.fleet.apps.iter().map(|app| apps[&app.name].to_string());
    std::iter::once(summary.to_string()).chain(apps).collect()
}

fn run(scenario: &Scenario) -> Vec<String> {
    numbers(scenario, &periplus_sim::run(scenario, &mut (), &mut ()).unwrap().summary)
}

/// Everything that a scenario's people have called something: names, labels, texts.
fn called(bundle: &Bundle) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    bundle.to_json().iter().for_each(|document| gather(document, "", &mut names));
    // Words that Kubernetes, the schema or everybody uses.
    for word in ["default", "main", "cloud", "core", "edge", "metro", "region", "true", "false"] {
        names.remove(word);
    }
    names
}

fn gather(value: &Value, field: &str, names: &mut BTreeSet<String>) {
    let telling = ["name", "image", "env", "command", "args", "content", "column", "file", "story"];
    match value {
        Value::Object(entries) => {
            let named = ["labels", "matchLabels", "env", "extended"].contains(&field);
            for (key, value) in entries {
                let well_known = ["tier", "region", "zone", "site", "provider", "arch", "os"];
                if named && !well_known.contains(&key.as_str()) {
                    names.insert(key.clone());
                }
                gather(value, if named { "name" } else { key }, names);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, field, names)),
        Value::String(text) if telling.contains(&field) && text.len() > 1 => {
            names.insert(text.clone());
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The words of a text, as names can be.
fn words(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !letter.is_alphanumeric() && !"-_./:".contains(letter)).collect()
}

#[test]
fn every_scenario_comes_out_the_same_without_any_of_its_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let paths = crate::record::scenarios_in(&root);
    assert!(paths.len() > 40);
    let schema = schema_words();
    for path in paths {
        let shown = path.display();
        let bundle = Bundle::read(&path).unwrap();
        let hidden = bundle.anonymized(&"hidden".parse().unwrap(), 3).unwrap();
        let (was, is) = (bundle.load().unwrap().scenario, hidden.load().unwrap().scenario);
        assert_eq!(run(&was), run(&is), "{shown}");
        if path.parent().is_some_and(|folder| folder.ends_with("regressions")) {
            // These have no names of their own any more.
            continue;
        }
        let files = hidden.files("hidden.yaml");
        for (file, text) in &files {
            let words = words(text);
            for name in called(&bundle).difference(&schema) {
                assert!(!words.contains(name.as_str()), "{shown}: {name} in {file}");
            }
        }
    }
}

/// Words of the schema: some things are called so too.
fn schema_words() -> BTreeSet<String> {
    fn gather(value: &Value, words: &mut BTreeSet<String>) {
        match value {
            Value::Object(entries) => {
                words.extend(entries.keys().cloned());
                entries.values().for_each(|value| gather(value, words));
            }
            Value::Array(items) => items.iter().for_each(|item| gather(item, words)),
            Value::String(word) => drop(words.insert(word.clone())),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut words = BTreeSet::new();
    for kind in periplus_spec::draft::Kind::ALL {
        gather(&periplus_spec::schema::schema(kind), &mut words);
    }
    words
}
