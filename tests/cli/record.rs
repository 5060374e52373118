//! `record`: a log, or a part of it, becomes a scenario in which the same happens.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::place::Place;

#[test]
fn a_part_of_a_log_becomes_a_scenario_that_people_can_read() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--out", "run"]);
    let asked =
        ["record", "run/run.log", "--from", "00:30", "--to", "01:10", "--out", "crowd.yaml"];
    assert_snapshot!(place.periplus(&asked));
    assert_snapshot!("the_scenario", fs::read_to_string(place.path("crowd.yaml")).unwrap());
    let demand = fs::read_to_string(place.path("crowd/demand-shop.csv")).unwrap();
    let head: Vec<&str> = demand.lines().take(4).collect();
    assert_snapshot!("its_demand", head.join("\n"));
    let told = place.periplus(&["test", "crowd.yaml", "--bless"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let told = place.periplus(&["test", "crowd.yaml"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
}

#[test]
fn a_part_of_a_log_becomes_a_scenario_that_tells_nothing_of_whose_it_is() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--out", "run"]);
    let asked = ["record", "run/run.log", "--from", "00:30", "--to", "01:10", "--out"];
    let record = |more: &[&str]| place.periplus(&[&asked[..], more].concat());
    let told = record(&["open.yaml"]);
    let hidden = record(&["hidden.yaml", "--anonymize"]);
    assert!(hidden.ends_with("exit 0\n"), "{hidden}");
    let rows = |told: &str| {
        let from = told.find("asked for").unwrap();
        told[from..told.find("\n\nnext").unwrap()].to_owned()
    };
    assert_eq!(rows(&told), rows(&hidden));
    let files = ["hidden.yaml", "hidden"].map(|name| place.path(name));
    let tables = fs::read_dir(&files[1]).unwrap().map(|entry| entry.unwrap().path());
    for file in tables.chain([files[0].clone()]) {
        let text = fs::read_to_string(&file).unwrap() + file.to_str().unwrap();
        for name in ["shop", "cart", "harbour", "island", "voyage"] {
            assert!(!text.contains(name), "{name} in {}", file.display());
        }
    }
    assert!(record(&["other.yaml", "--seed", "3"]).contains("--anonymize"));
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--out", "run"]);
    let record = |more: &[&str]| {
        let asked = ["record", "run/run.log"].iter().chain(more).copied().collect::<Vec<_>>();
        place.periplus(&asked)
    };
    assert_snapshot!("no_name", record(&["--out", "Crowd 1.yml"]));
    assert_snapshot!("nothing_between", record(&["--from", "2h", "--to", "1h", "--out", "a.yaml"]));
    assert_snapshot!("there_already", record(&["--out", "harbour.yaml"]));
    assert!(!place.path("a.yaml").exists());
}

/// All scenarios of the repository, but for those that only others include.
fn scenarios() -> Vec<PathBuf> {
    scenarios_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"))
}

pub(crate) fn scenarios_in(root: &Path) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "yaml")
                && path.with_extension("golden.txt").exists()
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_scenario_can_be_recorded_from_its_log_whole_or_in_part() {
    let place = Place::new();
    let paths = scenarios();
    assert!(paths.len() > 40);
    for path in paths {
        let shown = path.display();
        let held = |asked: &[&str]| {
            let told = place.periplus(asked);
            assert!(told.ends_with("exit 0\n"), "{shown}: {told}");
        };
        held(&["sim", path.to_str().unwrap(), "--out", "run"]);
        // What was shrunk is over by then.
        let is_short = path.parent().is_some_and(|folder| folder.ends_with("regressions"));
        let part = if is_short {
            ["--from", "1m", "--to", "2m"]
        } else {
            ["--from", "20m", "--to", "50m"]
        };
        for part in [&[][..], &part] {
            held(&[&["record", "run/run.log", "--out", "recorded.yaml", "--force"], part].concat());
            held(&["check", "recorded.yaml"]);
        }
        fs::remove_dir_all(place.path("run")).unwrap();
    }
}
