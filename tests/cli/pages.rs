//! What editors, shells and `man` are given.

use std::fs;

use insta::assert_snapshot;

use crate::place::Place;

#[test]
fn every_kind_has_a_schema() {
    let place = Place::new();
    for kind in ["Application", "Cluster", "Policy", "Scenario", "Tenant", "Zone"] {
        let told = place.periplus(&["schema", kind]);
        let (_, schema) = told.split_once('\n').unwrap();
        let schema = schema.strip_suffix("exit 0\n").unwrap();
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{kind}");
        assert_eq!(schema["properties"]["kind"]["const"], kind);
    }
}

#[test]
fn a_kind_that_does_not_exist_is_told_with_the_one_that_was_meant() {
    assert_snapshot!(Place::new().periplus(&["schema", "Aplication"]));
}

#[test]
fn every_shell_gets_a_script_that_knows_every_command() {
    let place = Place::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let told = place.periplus(&["completions", shell]);
        assert!(told.ends_with("exit 0\n"), "{shell}");
        for command in ["sim", "replay", "why", "log", "diff", "check", "schema", "test", "swarm"] {
            assert!(told.contains(command), "{shell} does not know {command}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let place = Place::new();
    let told = place.periplus(&["man", "--out", "man"]);
    let mut pages: Vec<String> = fs::read_dir(place.path("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    assert_snapshot!(format!("{told}{}", pages.join("\n")));
}
