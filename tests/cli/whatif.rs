//! `whatif`: variants beside the base, kept runs, shards and guards.

use std::fs;

use insta::assert_snapshot;

use crate::place::Place;
use crate::study::{STUDY, tables, with};

#[test]
fn people_see_what_differs() {
    let place = Place::new();
    assert_snapshot!(place.periplus(&[
        "whatif",
        "harbour.yaml",
        "--vary",
        "demand.growth=1,2",
        "--set",
        "policy.pace.dwell=1m",
        "--seeds",
        "3",
    ]));
}

#[test]
fn one_seed_gives_differences_without_intervals_and_no_variant_the_base() {
    let place = Place::new();
    assert_snapshot!(place.periplus(&[
        "whatif",
        "harbour.yaml",
        "--set",
        "clusters[edge-island].nodePools[0].nodes=4"
    ]));
    assert_snapshot!("the_base_alone", place.periplus(&["whatif", "harbour.yaml"]));
}

#[test]
fn programs_get_what_differs_as_json() {
    let place = Place::new();
    let told =
        place.periplus(&["whatif", "harbour.yaml", "--set", "timeline=[]", "--format", "json"]);
    let start = told.find('{').unwrap();
    let end = told.rfind('}').unwrap();
    let answer: serde_json::Value = serde_json::from_str(&told[start..=end]).unwrap();
    assert_eq!(answer["version"], 1);
    assert_eq!(answer["variants"][0]["settings"][0], "timeline=[]");
    let rows = answer["variants"][0]["differences"].as_array().unwrap();
    let cost = rows.iter().find(|row| row["measure"] == "cost.total").unwrap();
    let difference = cost["variant"].as_f64().unwrap() - cost["base"].as_f64().unwrap();
    assert!((difference - cost["difference"].as_f64().unwrap()).abs() < 1e-9);
}

#[test]
fn answers_come_as_tables_too() {
    let place = Place::new();
    let asked = |format| {
        place.periplus(&["whatif", "harbour.yaml", "--set", "timeline=[]", "--format", format])
    };
    let told = asked("csv");
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines[1], "variant,measure,base,mean,difference,low,high,seeds");
    assert!(lines.iter().any(|line| line.starts_with("timeline=[],cost.total,")), "{told}");
}

#[test]
fn rows_are_kept_as_finely_as_they_are_asked_for() {
    let place = Place::new();
    let study = ["whatif", "harbour.yaml", "--seeds", "2", "--out", "study"];
    place.periplus(&study);
    let kept = || {
        let kept = fs::read_dir(place.path("study/runs")).unwrap().map(Result::unwrap);
        kept.map(|entry| (entry.path(), fs::read(entry.path()).unwrap())).collect::<Vec<_>>()
    };
    let coarse = kept();
    // What was kept does not say enough, and is run again.
    let finely: Vec<&str> = study.into_iter().chain(["--rows", "zone", "--rows", "hour"]).collect();
    place.periplus(&finely);
    assert!(kept().iter().zip(&coarse).all(|(now, before)| now.0 == before.0 && now.1 != before.1));
    let zones = place.read("study/zone.csv");
    let head = "variant,seed,zone,offered,served,attained,meanMs,p50Ms,p95Ms,p99Ms";
    assert_eq!(zones.lines().next(), Some(head));
    assert_eq!(zones.lines().count(), 1 + 2 * 2);
    assert_eq!(place.read("study/hour.csv").lines().count(), 1 + 2 * 3);
    // More than enough is enough.
    let fine = kept();
    place.periplus(&study);
    assert!(kept() == fine);
    assert_snapshot!(place.periplus(&["whatif", "harbour.yaml", "--rows", "zones"]));
    assert_snapshot!(
        "rows_that_nobody_keeps",
        place.periplus(&["whatif", "harbour.yaml", "--rows", "zone"])
    );
}

#[test]
fn a_study_goes_on_from_what_is_kept() {
    let place = Place::new();
    let told = place.periplus(&STUDY);
    let first = tables(&place);
    let kept: Vec<_> =
        fs::read_dir(place.path("study/runs")).unwrap().map(Result::unwrap).collect();
    assert_eq!(kept.len(), 6);
    // What a study that was killed has not done, and half of a run that it was about to keep.
    fs::remove_file(kept[0].path()).unwrap();
    fs::write(kept[1].path().with_extension("7.part"), "{\"version\":").unwrap();
    let untouched = fs::metadata(kept[2].path()).unwrap().modified().unwrap();
    assert_eq!(place.periplus(&STUDY), told);
    assert!(tables(&place) == first, "the tables differ");
    assert_eq!(fs::metadata(kept[2].path()).unwrap().modified().unwrap(), untouched);
}

#[test]
fn a_study_that_is_killed_comes_to_what_one_that_is_not_comes_to() {
    let study = ["whatif", "harbour.yaml", "--set", "demand.growth=2", "--seeds", "30"];
    let study: Vec<&str> =
        study.into_iter().chain(["--out", "study", "--rows", "hour,cluster"]).collect();
    let quiet = Place::new();
    let told = quiet.periplus(&study);
    let killed = Place::new();
    let mut process = killed.start(&study);
    let kept = || fs::read_dir(killed.path("study/runs")).map_or(0, Iterator::count);
    while kept() < 5 && process.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(kept() >= 5, "{} runs are kept", kept());
    assert_eq!(killed.periplus(&study), told);
    assert!(tables(&killed) == tables(&quiet), "the tables differ");
}

#[test]
fn jobs_change_nothing() {
    let alone = Place::new();
    alone.periplus(&with(&["--jobs", "1"]));
    let crowd = Place::new();
    crowd.periplus(&with(&["--jobs", "5"]));
    assert!(tables(&alone) == tables(&crowd), "the tables differ");
}

#[test]
fn guards_fail_the_command() {
    let place = Place::new();
    let guarded = |guard: &'static str| place.periplus(&with(&["--fail-if", guard]));
    let broken = guarded("p50 < -5%");
    assert!(broken.contains("`p50 < -5%` came out") && broken.ends_with("exit 1\n"), "{broken}");
    assert!(guarded("cost > +1000%").ends_with("exit 0\n"));
    assert_snapshot!(guarded("csot > 5"));
    assert_snapshot!("guard_without_a_limit", guarded("cost"));
}

#[test]
fn what_cannot_be_set_is_told() {
    let place = Place::new();
    let mut told = String::new();
    for setting in [
        "clusters[tier=egde].nodePools[0].nodes=1",
        "clusters.nodePools[4].nodes=1",
        "demand.growht=2",
        "demand.growth=much",
        "policy.pace.dwell=-1m",
        "demand",
    ] {
        told += &place.periplus(&["whatif", "harbour.yaml", "--set", setting]);
        told += "\n";
    }
    told += &place.periplus(&["whatif", "harbour.yaml", "--vary", "demand.growth=4..2"]);
    told += &place.periplus(&["whatif", ".", "--set", "demand.growth=2"]);
    told += &place.periplus(&["whatif", "harbour.yaml", "--shard", "1/2"]);
    told += &place.periplus(&["whatif", "harbour.yaml", "--shard", "3/2"]);
    assert_snapshot!(told);
}

#[test]
fn a_policy_that_stands_in_a_file_holds_in_a_variant() {
    let place = Place::after_a_run();
    let policy = |pace: &str| {
        format!(
            "apiVersion: periplus.dev/v1alpha1\nkind: Policy\nmetadata: {{name: ours}}\nspec: {pace}\n"
        )
    };
    place.write("slow.yaml", &policy("{pace: {dwell: 40m}}"));
    place.write("dear.yaml", &policy("{carbonPrice: 9000, pace: {dwell: 1m}}"));
    let differences = |subject: &str, settings: [&str; 2]| {
        let [one, other] = settings;
        let args = ["whatif", subject, "--vary", &format!("{one},{other}"), "--format", "json"];
        let answer = place.periplus(&args);
        let (_, answer) = answer.split_once('\n').unwrap();
        let end = answer.rfind('}').unwrap();
        let answer: serde_json::Value = serde_json::from_str(&answer[..=end]).unwrap();
        let variants = answer["variants"].as_array().unwrap();
        variants.iter().map(|variant| variant["differences"].clone()).collect::<Vec<_>>()
    };
    for subject in ["harbour.yaml", "run/run.log"] {
        let files = ["policy=@slow.yaml", "@dear.yaml"];
        let here = ["policy={pace: {dwell: 40m}}", "{carbonPrice: 9000, pace: {dwell: 1m}}"];
        let found = differences(subject, files);
        assert_eq!(found.len(), 2);
        assert_eq!(found, differences(subject, here));
    }
    let mut told = String::new();
    place.write("slip.yaml", &policy("{trust: {lostAftr: 3m}}"));
    place.write("spce.yaml", &policy("{}").replace("spec:", "spce:"));
    let wrong = ["policy=@none.yaml", "policy=@harbour.yaml", "clusters=@slow.yaml", "policy=3"];
    for setting in wrong.into_iter().chain(["policy=@slip.yaml", "policy=@spce.yaml"]) {
        told += &place.periplus(&["whatif", "harbour.yaml", "--set", setting]);
        told += "\n";
    }
    let emit = ["whatif", "harbour.yaml", "--set", "policy=@slow.yaml", "--emit", "indexed-job"];
    told +=
        &place.periplus(&[&emit[..], &["--shards", "1", "--out", "gs://bucket/harbour"]].concat());
    assert_snapshot!(told);
}

#[test]
fn a_damaged_run_is_named() {
    let place = Place::new();
    place.periplus(&STUDY);
    let mut kept: Vec<_> = fs::read_dir(place.path("study/runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    kept.sort();
    fs::write(&kept[0], "{}").unwrap();
    let told = place.periplus(&STUDY);
    assert!(told.contains("is not a run that was kept") && told.ends_with("exit 4\n"), "{told}");
}

#[test]
fn a_log_is_asked_what_would_have_been() {
    let place = Place::after_a_run();
    let asked = ["whatif", "run/run.log", "--set", "demand.growth=2", "--from", "1h"];
    assert_snapshot!(place.periplus(&asked));
    // Half of the day stays as it was, whoever decides; the seeds differ in what the log does not know.
    let study: Vec<&str> = asked.into_iter().chain(["--seeds", "3", "--out", "study"]).collect();
    let told = place.periplus(&study);
    let first = fs::read(place.path("study/runs.csv")).unwrap();
    assert_eq!(fs::read_dir(place.path("study/runs")).unwrap().count(), 6);
    assert_eq!(place.periplus(&study), told);
    assert_eq!(fs::read(place.path("study/runs.csv")).unwrap(), first);
}

#[test]
fn an_outage_can_be_imposed_and_what_happened_cannot_be_undone() {
    let place = Place::after_a_run();
    let imposed = "timeline=[{at: 2h, outage: edge-island, for: 20m}]";
    assert_snapshot!(place.periplus(&["whatif", "run/run.log", "--set", imposed]));
}

#[test]
fn nothing_changed_is_what_was_recorded() {
    let place = Place::after_a_run();
    let told = place.periplus(&["whatif", "run/run.log", "--format", "json"]);
    let answer: serde_json::Value =
        serde_json::from_str(&told[told.find('{').unwrap()..=told.rfind('}').unwrap()]).unwrap();
    let close = &answer["closeness"];
    assert_eq!(close["records"], close["same"]);
    let rows = close["measures"].as_array().unwrap();
    let apart = |row: &serde_json::Value| {
        let (recorded, played) =
            (row["recorded"].as_f64().unwrap(), row["played"].as_f64().unwrap());
        (recorded - played).abs() / recorded.abs()
    };
    assert_eq!(rows.len(), 6);
    // When a cluster really fell silent is known to half a heartbeat only.
    assert!(rows.iter().all(|row| apart(row) < 0.03), "{rows:#?}");
}

#[test]
fn what_a_log_cannot_be_asked_is_told() {
    let place = Place::after_a_run();
    let ask = |more: &[&str]| {
        let args: Vec<&str> = ["whatif", "run/run.log"].iter().chain(more).copied().collect();
        place.periplus(&args)
    };
    let mut told = ask(&["--set", "reach.nearest=1"]);
    told += &ask(&["--from", "9h"]);
    told += &place.periplus(&["whatif", "harbour.yaml", "--from", "1h"]);
    told += &place.periplus(&["whatif", "run"]);
    fs::remove_dir_all(place.path("run/run.log/sources")).unwrap();
    told += &ask(&[]);
    assert!(ask(&["--scenario", "harbour.yaml"]).ends_with("exit 0\n"));
    let changed = place.read("harbour.yaml").replace("duration: 3h", "duration: 4h");
    place.write("harbour.yaml", &changed);
    told += &ask(&["--scenario", "harbour.yaml"]);
    assert_snapshot!(told);
}
