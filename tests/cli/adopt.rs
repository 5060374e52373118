//! `adopt`: a service whose folder is lost goes on with what runs.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Instant;

use insta::assert_snapshot;

use crate::live::{SOON, ask, commits, configured, start};
use crate::place::Place;

/// A repository in which a run was written, and the configuration of a service that knows nothing of it.
fn orphaned() -> (Place, String) {
    let (place, address) = configured("act");
    fs::remove_dir_all(place.path("fleet.git")).unwrap();
    let told = place.periplus(&["sim", "intents/harbour.yaml", "--git", "fleet.git"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    (place, address)
}

/// The names of the files that the last commit changed, each with how.
fn changed(place: &Place) -> Vec<String> {
    let mut git = Command::new("git");
    git.arg("-C").arg(place.path("fleet.git"));
    let told = git.args(["diff", "--name-status", "main~1", "main"]).output().unwrap();
    String::from_utf8(told.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn what_runs_is_taken_over_and_nothing_is_written_before_it_is_resumed() {
    let (place, address) = orphaned();
    let before = commits(&place, "main");
    assert_snapshot!("looked", place.periplus(&["adopt", "--check"]));
    assert!(!place.path("state/live.log").exists());
    assert_snapshot!("adopted", place.periplus(&["adopt"]));
    assert_snapshot!("again", place.periplus(&["adopt"]));

    let running = start(&place, &address);
    let told = ask(&place, &address, &["get", "apps"]);
    assert_snapshot!("apps", told.split_once('\n').unwrap().1);
    assert_eq!(commits(&place, "main"), before);
    let told = ask(&place, &address, &["resume"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let begun = Instant::now();
    while commits(&place, "main") == before {
        assert!(begun.elapsed() < SOON, "nothing is written");
        thread::yield_now();
    }
    // All that is new is which record decided it.
    let files = changed(&place);
    assert!(files.iter().all(|file| file.starts_with("M\t")), "{files:?}");
    drop(running);
    let told = place.periplus(&["replay", "state/live.log"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let told = place.periplus(&["render", "state/live.log", "--diff", "fleet.git@main"]);
    assert!(told.contains("nothing differs"), "{told}");
}

#[test]
fn what_is_not_declared_any_more_is_told_and_would_go() {
    let (place, _) = orphaned();
    let harbour = place.read("intents/harbour.yaml");
    assert!(harbour.contains("name: shop"));
    place.write("intents/harbour.yaml", &harbour.replace("name: edge-island", "name: edge-isle"));
    let told = place.periplus(&["adopt", "--check"]);
    assert_snapshot!(told);
}

#[test]
fn what_does_not_fit_what_is_declared_is_not_adopted() {
    let (place, _) = orphaned();
    let harbour = place.read("intents/harbour.yaml");
    let more = "    serviceTime: 20ms\n    scaling: {hpa: {min: 5, max: 9}}";
    place.write("intents/harbour.yaml", &harbour.replacen("    serviceTime: 20ms", more, 1));
    assert_snapshot!(place.periplus(&["adopt"]));
    assert!(!place.path("state/live.log").exists());
}

#[test]
fn an_empty_repository_has_nothing_to_adopt() {
    let (place, _) = configured("act");
    assert_snapshot!(place.periplus(&["adopt"]));
    assert!(!place.path("state/live.log").exists());
}
