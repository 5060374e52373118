//! `whatif --emit`: what a Kubernetes cluster is given, to the byte. `./check` holds it to the published schema.

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

/// The study that is emitted.
const STUDY: [&str; 8] = [
    "whatif",
    "harbour.yaml",
    "--vary",
    "clusters[tier=edge].nodePools[0].nodes=1,3",
    "--seeds",
    "4",
    "--emit",
    "indexed-job",
];

fn emitted(place: &Place, more: &[&str]) -> String {
    place.periplus(&[&STUDY[..], more].concat())
}

/// What was emitted, with the scenario's text left out.
fn without_texts(told: &str) -> String {
    let indented: String = HARBOUR.lines().map(|line| format!("    {line}\n")).collect();
    let indented = indented.replace("    \n", "\n");
    assert!(told.contains(&indented), "{told}");
    told.replace(&indented, "    [the text of harbour.yaml]\n")
}

#[test]
fn a_study_is_emitted_as_an_indexed_job_for_an_object_store() {
    let place = Place::new();
    let store = ["--out", "s3://bucket/harbour", "--credentials", "store", "--shards", "3"];
    let more = ["--rows", "hour,cluster", "--fail-if", "cost > +5%", "--format", "json"];
    let args = [&store[..], &more].concat();
    let told = emitted(&place, &args);
    assert_snapshot!(without_texts(&told));
    assert_eq!(emitted(&place, &args), told);
}

#[test]
fn a_study_is_emitted_for_volumes_too() {
    let place = Place::new();
    let more = [
        ["--claim", "studies"],
        ["--out", "june/harbour"],
        ["--scenario-claim", "scenarios"],
        ["--service-account", "sweeper"],
        ["--image", "registry.example/periplus@sha256:0123"],
        ["--cpu", "500m"],
        ["--memory", "1Gi"],
        ["--shards", "12"],
        ["--set", "story=$(HOME) is $$"],
    ];
    assert_snapshot!(emitted(&place, more.as_flattened()));
}

#[test]
fn what_differs_in_anything_has_another_name() {
    let place = Place::new();
    let name = |more: &[&str]| {
        let told = emitted(&place, &[more, &["--out", "gs://bucket/harbour"]].concat());
        let name = told.lines().find_map(|line| line.strip_prefix("  name: ")).unwrap();
        name.to_owned()
    };
    let plain = name(&["--shards", "3"]);
    assert_eq!(name(&["--shards", "3"]), plain);
    assert_ne!(name(&["--shards", "4"]), plain);
    assert_ne!(name(&["--shards", "3", "--image", "other"]), plain);
    place.write("harbour.yaml", &HARBOUR.replace("duration: 3h", "duration: 4h"));
    assert_ne!(name(&["--shards", "3"]), plain);
}

#[test]
fn files_of_a_scenario_keep_their_places() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("days/june")).unwrap();
    let (scenario, rest) = HARBOUR.split_once("\n---\n").unwrap();
    place.write("fleet.yaml", rest);
    place.write("days/june/harbour.yaml", &format!("{scenario}\n  include: [../../fleet.yaml]\n"));
    let told = place.periplus(&[
        "whatif",
        "days/june/harbour.yaml",
        "--seeds",
        "2",
        "--out",
        "az://container/harbour",
        "--emit",
        "indexed-job",
        "--shards",
        "2",
    ]);
    assert!(told.contains("- /scenario/days/june/harbour.yaml\n"), "{told}");
    for item in ["fleet.yaml", "days/june/harbour.yaml"] {
        let key = item.replace('/', ".");
        assert!(told.contains(&format!("  {key}: |")), "{told}");
        assert!(told.contains(&format!("- key: {key}\n            path: {item}\n")), "{told}");
    }
}

#[test]
fn a_log_is_emitted_where_a_volume_has_it() {
    let place = Place::after_a_run();
    let study =
        ["whatif", "run/run.log", "--set", "demand.growth=2", "--from", "1h", "--seeds", "2"];
    let job = ["--emit", "indexed-job", "--shards", "4", "--out", "s3://bucket/what-if"];
    let ask = |more: &[&str]| place.periplus(&[&study[..], &job, more].concat());
    let told = ask(&["--scenario-claim", "logs"]);
    assert!(told.contains("- /scenario/run.log\n") && told.ends_with("exit 0\n"), "{told}");
    assert!(told.contains("- --from=1h\n") && !told.contains("ConfigMap"), "{told}");
    let mut told = ask(&[]);
    told += &ask(&["--scenario-claim", "logs", "--scenario", "harbour.yaml"]);
    assert_snapshot!(told);
}

#[test]
fn what_no_cluster_could_run_is_told() {
    let place = Place::new();
    let mut told = String::new();
    let store = ["--out", "s3://bucket/harbour"];
    for more in [
        &["--shards", "3"][..],
        &["--shards", "3", "--out", "study"],
        &["--shards", "3", "--out", "file:///study"],
        &["--shards", "3", "--out", "s3://bucket/harbour?token=hidden"],
        &["--shards", "3", "--out", "../study", "--claim", "studies"],
        &["--shards", "13", store[0], store[1]],
        &["--shards", "0", store[0], store[1]],
        &["--shards", "3", store[0], store[1], "--shard", "1/3"],
        &["--shards", "3", store[0], store[1], "--credentials", "The_Store"],
        &["--shards", "3", store[0], store[1], "--memory", "512MB"],
        &store,
    ] {
        told += &emitted(&place, more);
        told += "\n";
    }
    let large = format!("{HARBOUR}{}", "# and so on\n".repeat(100_000));
    place.write("harbour.yaml", &large);
    told += &emitted(&place, &["--shards", "3", store[0], store[1]]);
    assert_snapshot!(told);
    let elsewhere = ["--shards", "3", store[0], store[1], "--scenario-claim", "scenarios"];
    assert!(emitted(&place, &elsewhere).ends_with("exit 0\n"));
}
