//! What the commands say of themselves.

use insta::assert_snapshot;

use crate::place::Place;

#[test]
fn periplus_says_what_it_does() {
    assert_snapshot!(Place::new().periplus(&["--help"]));
}

#[test]
fn the_version_is_the_packages() {
    let told = Place::new().periplus(&["--version"]);
    assert_eq!(
        told,
        format!("$ periplus --version\nperiplus {}\nexit 0\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_command_says_what_it_does() {
    let place = Place::new();
    let commands: [&[&str]; 19] = [
        &["sim"],
        &["replay"],
        &["why"],
        &["log"],
        &["log", "show"],
        &["log", "info"],
        &["log", "mend"],
        &["diff"],
        &["check"],
        &["schema"],
        &["test"],
        &["whatif"],
        &["plan"],
        &["record"],
        &["anonymize"],
        &["shrink"],
        &["swarm"],
        &["completions"],
        &["man"],
    ];
    for command in commands {
        let told = place.periplus(&[command, &["--help"]].concat());
        assert_snapshot!(command.join("_"), told);
    }
}

#[test]
fn wrong_usage_says_what_is_right() {
    let place = Place::new();
    let wrong: [&[&str]; 5] = [
        &[],
        &["smi", "harbour.yaml"],
        &["sim"],
        &["why", "run.log", "--app", "shop", "--at", "noon"],
        &["replay", "run.log", "--apply", "--redecide"],
    ];
    let told: Vec<String> = wrong.iter().map(|args| place.periplus(args)).collect();
    assert_snapshot!(told.join("\n"));
}
