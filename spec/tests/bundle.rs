//! Scenarios in one piece say what their files said.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::{Path, PathBuf};

use periplus_spec::scenario::Scenario;
use periplus_spec::{Bundle, load};

/// All scenarios that stand in the repository.
fn scenarios() -> Vec<PathBuf> {
    let mut found = vec!["tests/valid/everything.yaml".into()];
    let mut folders = vec![PathBuf::from("../scenarios"), PathBuf::from("../docs/guide/voyage")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml")
                && std::fs::read_to_string(&path).unwrap().contains("\nkind: Scenario\n")
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn loaded(path: &Path) -> Scenario {
    load(path).unwrap_or_else(|wrong| panic!("{}: {wrong:#?}", path.display())).scenario
}

/// All of a scenario but its fingerprint, which differs between equal ones from other files, and the words of its
/// expectations, which are those of the file.
fn debug(scenario: Scenario) -> String {
    let mut scenario = Scenario { hash: 0, ..scenario };
    scenario.expectations.iter_mut().for_each(|one| one.text.clear());
    format!("{scenario:?}")
}

/// Two texts differ from here on.
#[track_caller]
fn assert_same(one: &str, other: &str, what: &str) {
    let same = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let around =
        |text: &str| -> String { text.chars().skip(same.saturating_sub(120)).take(240).collect() };
    assert!(one == other, "{what}\n{}\n{}", around(one), around(other));
}

#[test]
fn every_scenario_in_one_piece_says_the_same() {
    let place = tempfile::TempDir::new().unwrap();
    let paths = scenarios();
    assert!(paths.len() > 40, "{}", paths.len());
    for (number, path) in paths.iter().enumerate() {
        let path_shown = path.display();
        let before = debug(loaded(path));
        let bundle = Bundle::read(path).unwrap_or_else(|wrong| panic!("{path_shown}: {wrong:#?}"));
        let held = bundle.load().unwrap_or_else(|wrong| panic!("{path_shown}: {wrong:#?}"));
        let held = debug(held.scenario);
        assert_same(&before, &held, &format!("{path_shown} in memory"));
        let name = format!("{number}/one.yaml");
        for (file, text) in bundle.files(&name) {
            let file = place.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let written = debug(loaded(&place.path().join(&name)));
        assert_same(&before, &written, &format!("{path_shown} written"));
        let again = Bundle::from_json(&bundle.to_json(), bundle.tables.clone()).unwrap();
        assert!(again == bundle, "{path_shown} as JSON");
    }
}

#[test]
fn files_in_memory_say_what_a_folder_says_and_lead_nowhere() {
    let place = tempfile::TempDir::new().unwrap();
    let app = "\napiVersion: periplus.dev/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {components: [{name: b, image: b}]}\n";
    let cluster = "\"apiVersion\": \"periplus.dev/v1alpha1\"\nkind: Cluster\nmetadata: {name: c}\nspec:\n  nodePools: [{capacity: {cpu: 4, memory: 8Gi}}]\n  power: {carbon: {trace: {file: ../tables/t.csv, column: x, step: 1h}}}\n";
    let mut held = std::collections::BTreeMap::new();
    for (path, text) in [
        ("in/app.yaml", app),
        ("in/deeper/cluster.yaml", &cluster.replace("../tables", "../../tables")),
        ("in/.hidden/app.yaml", "apiVersion: periplus.dev/v1alpha1\n"),
        ("in/other.yaml", "apiVersion: v1\nkind: ConfigMap\n"),
        ("tables/t.csv", "x\n1\n2\n"),
    ] {
        let file = place.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
        held.insert(path.to_owned(), text.as_bytes().into());
    }
    let folder = Bundle::read_folder(&place.path().join("in")).unwrap();
    assert_eq!(Bundle::read_held(&held, "in").unwrap(), folder);
    assert_eq!(folder.documents.len(), 2);

    // A file that is there, but not in memory.
    let there = std::env::current_dir().unwrap().join("Cargo.toml");
    assert!(there.is_file());
    for path in ["Cargo.toml", "../Cargo.toml", there.to_str().unwrap()] {
        let text = cluster.replace("../tables/t.csv", path);
        held.insert("in/deeper/cluster.yaml".to_owned(), text.as_bytes().into());
        let wrong = Bundle::read_held(&held, "in").unwrap_err();
        let code = wrong[0].code.slug();
        assert!(["unreadable-file", "include-escapes"].contains(&code), "{path}: {wrong:?}");
    }
}
