//! Reports: what stands in the page, equal bytes, names that would break out, and when there is none.
//!
//! How pages look and are used is checked in a browser: `tests/report/`.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::place::Place;

const STUDY: [&str; 8] = [
    "whatif",
    "harbour.yaml",
    "--set",
    "clusters[tier=edge].nodePools[0].nodes=3",
    "--seeds",
    "2",
    "--report",
    "report.html",
];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    STUDY.iter().chain(more).copied().collect()
}

/// What the page is told.
fn data(page: &str) -> Value {
    let (_, behind) = page.split_once("id=\"data\">").unwrap();
    serde_json::from_str(behind.split_once("</script>").unwrap().0).unwrap()
}

/// The paths of a value with their types; of a list, those of all its items together.
fn shape(value: &Value, path: &str, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                shape(value, &format!("{path}.{name}"), lines);
            }
        }
        Value::Array(items) => {
            let path = format!("{path}[]");
            items.iter().for_each(|item| shape(item, &path, lines));
        }
        Value::Null => lines.push(format!("{path}: nothing")),
        Value::Bool(_) => lines.push(format!("{path}: yes or no")),
        Value::Number(_) => lines.push(format!("{path}: number")),
        Value::String(_) => lines.push(format!("{path}: text")),
    }
}

#[test]
fn the_page_is_told_what_its_scripts_read() {
    let place = Place::new();
    let told = place.periplus(&STUDY);
    assert!(told.contains("the report is in report.html") && told.ends_with("exit 0\n"), "{told}");
    let data = data(&place.read("report.html"));
    let mut lines = Vec::new();
    shape(&data, "", &mut lines);
    lines.sort();
    lines.dedup();
    assert_snapshot!(lines.join("\n"));
    assert_snapshot!("sentences", data["variants"][1]["sentence"].as_str().unwrap());
    assert_snapshot!(
        "a_decision",
        serde_json::to_string_pretty(&data["courses"][1]["partings"][0]).unwrap()
    );
}

#[test]
fn equal_studies_give_equal_pages() {
    let page = |more: &[&'static str]| {
        let place = Place::new();
        place.periplus(&with(more));
        place.read("report.html")
    };
    let first = page(&[]);
    // Kept or not, alone or beside others, answered for people or for programs.
    for more in [&["--jobs", "1"][..], &["--jobs", "3", "--out", "kept"], &["--format", "json"]] {
        assert!(page(more) == first, "{more:?}");
    }
    assert!(first.len() < 800_000, "{} bytes", first.len());
}

#[test]
fn a_command_in_a_page_explains_the_decision_that_it_stands_under() {
    let place = Place::new();
    place.periplus(&STUDY);
    let data = data(&place.read("report.html"));
    let decided = &data["courses"][1]["partings"][0]["sides"][0]["decided"];
    place.periplus(&["sim", "harbour.yaml", "--seed", "1", "--out", "RUN"]);
    let command = decided["why"].as_str().unwrap();
    let told = place.periplus(&command.split(' ').skip(1).collect::<Vec<_>>());
    assert!(told.contains(decided["verdict"].as_str().unwrap()), "{command}\n{told}");
}

#[test]
fn no_name_breaks_out_of_the_page() {
    let place = Place::new();
    let hostile = "</script><script>alert(1)</script><!-- <b> \" & \u{2028}";
    let setting = format!("story={}", serde_json::to_string(hostile).unwrap());
    let args = ["whatif", "harbour.yaml", "--set", &setting, "--report", "report.html"];
    place.periplus(&args);
    let page = place.read("report.html");
    assert!(!page.contains("alert(1)</script>") && !page.contains("<!--"));
    let names = data(&page);
    assert_eq!(names["variants"][1]["name"], setting);
    assert_eq!(names["variants"][1]["settings"][0], setting);
}

#[test]
fn a_page_of_candidates_begins_with_the_one_that_was_chosen() {
    let place = Place::new();
    let over = "clusters[tier=edge].nodePools[0].nodes=1..3";
    let args = ["plan", "harbour.yaml", "--goal", "p50 <= 26", "--over", over, "--seeds", "3"];
    place.periplus(&args.iter().chain(&["--report", "plan.html"]).copied().collect::<Vec<_>>());
    let data = data(&place.read("plan.html"));
    assert_eq!(data["plan"]["chosen"], 0);
    assert_eq!(data["variants"][0]["short"], "nodes=2");
    assert_eq!(data["plan"]["candidates"][0]["holds"], true);
    assert_eq!(data["variants"].as_array().unwrap().len(), 3);
    assert_eq!(data["courses"].as_array().unwrap().len(), 3);
}

#[test]
fn a_part_of_a_study_has_no_report() {
    let place = Place::new();
    assert_snapshot!(place.periplus(&with(&["--out", "study", "--shard", "1/2"])));
    assert!(!place.path("report.html").exists() && !place.path("study").exists());
}

#[test]
fn a_run_that_another_release_kept_is_not_mixed_in() {
    let place = Place::new();
    let study = with(&["--out", "study"]);
    place.periplus(&study);
    for entry in fs::read_dir(place.path("study/runs")).unwrap() {
        let path = entry.unwrap().path();
        let mut run: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        run["digest"] = "0".repeat(32).into();
        fs::write(&path, run.to_string()).unwrap();
    }
    let told = place.periplus(&study);
    assert!(told.contains("another release kept it") && told.ends_with("exit 4\n"), "{told}");
}

#[test]
fn a_page_that_cannot_be_written_is_a_fault_of_the_environment() {
    let place = Place::new();
    let told = place.periplus(&["whatif", "harbour.yaml", "--report", "nowhere/report.html"]);
    assert!(
        told.contains("cannot write nowhere/report.html") && told.ends_with("exit 4\n"),
        "{told}"
    );
}
