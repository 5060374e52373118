//! Shards: what each leaves, and that together they are the study.

use std::fs;
use std::path::Path;

use insta::assert_snapshot;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use crate::place::Place;
use crate::study::{STUDY, tables, with};

/// The columns of a Parquet file, and its rows in order, as texts.
fn rows_of(file: &Path) -> (String, Vec<String>) {
    let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
    let columns = format!("{:?}", reader.metadata().file_metadata().schema().get_fields());
    let rows = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string());
    (columns, rows.collect())
}

/// The parts that are in a folder, by name.
fn parts_in(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("parts")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".parquet")).collect();
    names.sort();
    names
}

#[test]
fn shards_come_to_what_one_machine_comes_to() {
    let whole = Place::new();
    let told = whole.periplus(&STUDY);
    let parts = Place::new();
    let first = parts.periplus(&with(&["--shard", "1/2"]));
    assert_snapshot!(first);
    // The same shard again is nothing new.
    let left = fs::read(parts.path("study/parts/runs-0001-of-0002.parquet")).unwrap();
    assert_eq!(parts.periplus(&with(&["--shard", "1/2"])), first);
    assert!(fs::read(parts.path("study/parts/runs-0001-of-0002.parquet")).unwrap() == left);
    parts.periplus(&with(&["--shard", "2/2"]));
    assert_eq!(parts.periplus(&STUDY), told);
    assert!(tables(&parts) == tables(&whole), "the tables differ");
}

#[test]
fn parts_of_all_shards_are_the_table_of_runs() {
    let place = Place::new();
    for shard in ["3/4", "1/4", "2/4", "1/4", "4/4"] {
        place.periplus(&with(&["--shard", shard]));
    }
    let alone = Place::new();
    alone.periplus(&STUDY);
    let (columns, mut wanted) = rows_of(&alone.path("study/runs.parquet"));
    let names = parts_in(&place.path("study"));
    let expected: Vec<String> = (1..=4).map(|n| format!("runs-{n:04}-of-0004.parquet")).collect();
    assert_eq!(names, expected);
    let mut found = Vec::new();
    for name in names {
        let (here, rows) = rows_of(&place.path("study/parts").join(name));
        assert_eq!(here, columns);
        found.extend(rows);
    }
    wanted.sort();
    found.sort();
    assert_eq!(found.len(), 6);
    assert_eq!(found, wanted);
}

#[test]
fn machines_that_have_a_log_in_other_places_share_a_study_of_it() {
    let place = Place::after_a_run();
    fs::create_dir(place.path("copy")).unwrap();
    fs::rename(place.path("run/run.log"), place.path("copy/day.log")).unwrap();
    let study = |log: &'static str, out, more: &[&'static str]| {
        let study = ["whatif", log, "--set", "demand.growth=2", "--from", "1h", "--seeds", "3"];
        place.periplus(&[&study[..], &["--out", out], more].concat())
    };
    let alone = study("copy/day.log", "alone", &[]);
    study("copy/day.log", "shared", &["--shard", "1/2"]);
    fs::rename(place.path("copy"), place.path("else")).unwrap();
    study("else/day.log", "shared", &["--shard", "2/2"]);
    assert_eq!(fs::read_dir(place.path("shared/runs")).unwrap().count(), 6);
    let merged = study("else/day.log", "shared", &[]);
    assert_eq!(merged.replace("else/", "copy/").replace("shared", "alone"), alone);
    assert_eq!(fs::read_dir(place.path("shared/runs")).unwrap().count(), 6);
}

#[test]
fn a_shard_finds_its_number_in_a_variable_that_counts_from_zero() {
    let place = Place::new();
    let shard = with(&["--shard", "env:JOB_COMPLETION_INDEX/3"]);
    let told = place.periplus_with(&[("JOB_COMPLETION_INDEX", "2")], &shard);
    assert!(told.contains("shard 3 of 3 is done"), "{told}");
    assert_eq!(parts_in(&place.path("study")), ["runs-0003-of-0003.parquet"]);
    let mut told = place.periplus(&shard);
    for wrong in ["3", "-1", "one", ""] {
        told += &place.periplus_with(&[("JOB_COMPLETION_INDEX", wrong)], &shard);
    }
    assert_snapshot!(told);
}

#[test]
fn parts_of_two_splits_never_lie_together() {
    let place = Place::new();
    place.periplus(&with(&["--shard", "1/2"]));
    let mut told = place.periplus(&with(&["--shard", "1/3"]));
    told += &place.periplus(&with(&["--shard", "1/2", "--set", "demand.growth=2"]));
    told += &place.periplus(&with(&["--shard", "7/7"]));
    assert_snapshot!(told);
    assert_eq!(parts_in(&place.path("study")), ["runs-0001-of-0002.parquet"]);
}
