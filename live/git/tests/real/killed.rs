//! A writer that is killed again and again loses nothing and writes nothing twice.
//!
//! This program starts itself once more as the one that is killed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use periplus_git::{Options, Outcome, Target, Wall, Writer};

use crate::common::{Home, filed, options};

/// Where the one that is killed writes to, and up to which number.
const VICTIM: &str = "PERIPLUS_GIT_VICTIM";
const UP_TO: &str = "PERIPLUS_GIT_UP_TO";
/// How often it is killed.
const KILLS: &str = "PERIPLUS_KILLS";
/// No life of it is longer.
const LIFE_MAX_US: u64 = 400_000;

/// What the one that is killed does; for everybody else, nothing.
#[test]
fn whoever_is_killed_goes_on_where_the_branch_says() {
    let Ok(home) = env::var(VICTIM) else { return };
    let up_to: u64 = env::var(UP_TO).unwrap().parse().unwrap();
    let home = Path::new(&home);
    let target = Target::new(home.join("remote.git").to_str().unwrap(), "main").unwrap();
    let options = Options { pace: Arc::new(Wall::default()), ..options() };
    let mut writer = Writer::open(&home.join("cache"), target, options).unwrap();
    let newest = writer.refresh().unwrap().newest;
    let number = |(name, value): &(String, String)| {
        (name == "Periplus-Seq").then(|| value.parse::<u64>().unwrap())
    };
    let out = newest.and_then(|newest| newest.trailers.iter().find_map(number)).unwrap_or(0);
    // The last one again: it may have been told to nobody.
    for number in out.max(1)..=up_to {
        let outcome = writer.write(&filed(number));
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }
}

fn victim(home: &Home, up_to: u64) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "killed::whoever_is_killed_goes_on_where_the_branch_says"])
        .env(VICTIM, home.path())
        .env(UP_TO, up_to.to_string())
        .stdin(Stdio::null())
        .stdout(fs::File::create(log(home)).unwrap())
        .spawn()
        .unwrap()
}

fn killed_again_and_again(home: &Home, seed: u64) {
    let kills: u64 = env::var(KILLS).map_or(20, |kills| kills.parse().unwrap());
    let mut luck = seed;
    for _ in 0..kills {
        luck = luck.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_micros((luck >> 33) % LIFE_MAX_US);
        let child = victim(home, u64::MAX);
        live_for(child, life, home);
    }
    let reached = home.numbers_or_zero();
    let mut last = victim(home, reached + 3);
    assert!(last.wait().unwrap().success(), "{}", fs::read_to_string(log(home)).unwrap());
    home.is_sound();
    assert_eq!(home.numbers(), (1..=reached + 3).collect::<Vec<_>>());
    let files = home.files("main").into_keys().filter(|path| path.starts_with("deploy/"));
    assert_eq!(files.count(), home.numbers().len());
}

/// What the one that is killed has said.
fn log(home: &Home) -> PathBuf {
    home.path().join("victim.log")
}

/// Lets a process live for so long; one that ends by itself has failed.
fn live_for(mut child: Child, life: Duration, home: &Home) {
    // Nobody ever sends: what is waited for is the end of its life.
    let (_nobody, nothing) = mpsc::channel::<()>();
    assert_eq!(nothing.recv_timeout(life), Err(RecvTimeoutError::Timeout));
    child.kill().unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, None, "{}", fs::read_to_string(log(home)).unwrap());
}

impl Home {
    fn numbers_or_zero(&self) -> u64 {
        let repository = git2::Repository::open_bare(self.remote()).unwrap();
        if repository.find_reference("refs/heads/main").is_err() {
            return 0;
        }
        self.numbers().last().copied().unwrap_or(0)
    }
}

#[test]
fn a_writer_that_is_killed_at_any_time_loses_nothing_and_repeats_nothing_in_a_folder() {
    killed_again_and_again(&Home::new(), 1);
}

#[test]
fn a_writer_that_is_killed_at_any_time_loses_nothing_and_repeats_nothing_where_git_receives() {
    killed_again_and_again(&Home::new().with_rules(), 2);
}
