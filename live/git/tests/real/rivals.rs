//! Many who push to the same branch: nobody's commit is lost, and none is forced.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread;

use git2::Oid;
use periplus_git::{FleetOptions, Outcome, TargetId, Writer, Writers};

use crate::common::{Home, Hurry, done, failed, filed, git, git_tried, options, said, tried};
use crate::web::{PASSWORD, web_options, web_target};
use periplus_support::git::web;

const RIVALS: usize = 8;
const PUSHES_EACH: usize = 5;
const PULLS_MAX: usize = 400;
const OURS: usize = 12;

/// A person with git who pushes, and pulls until the push is taken.
fn rival(home: &Path, name: usize) -> Vec<String> {
    let clone = format!("rival-{name}");
    git(home, &["clone", "--quiet", "remote.git", &clone]);
    let clone = home.join(clone);
    let mut landed = Vec::new();
    for push in 0..PUSHES_EACH {
        fs::create_dir_all(clone.join("notes")).unwrap();
        fs::write(clone.join(format!("notes/{name}-{push}")), format!("{name} {push}\n")).unwrap();
        git(&clone, &["add", "notes"]);
        git(&clone, &["commit", "--quiet", "-m", &format!("note {push} of {name}")]);
        for pull in 0.. {
            assert!(pull < PULLS_MAX, "rival {name} never comes through");
            if git_tried(&clone, &["push", "--quiet", "origin", "HEAD:main"]).status.success() {
                break;
            }
            git(&clone, &["pull", "--quiet", "--rebase", "origin", "main"]);
        }
        landed.push(said(&git(&clone, &["rev-parse", "HEAD"])));
    }
    landed
}

fn race(home: &Home, open: impl FnOnce() -> Writer) {
    git(home.path(), &["clone", "--quiet", "remote.git", "first"]);
    let first = home.path().join("first");
    git(&first, &["commit", "--quiet", "--allow-empty", "-m", "begin"]);
    git(&first, &["push", "--quiet", "origin", "HEAD:main"]);
    let mut attempts_in_all = 0;
    let (ours, theirs) = thread::scope(|scope| {
        let rivals: Vec<_> =
            (0..RIVALS).map(|name| scope.spawn(move || rival(home.path(), name))).collect();
        let mut writer = open();
        let mut ours: Vec<Oid> = Vec::new();
        for number in (1..).take(OURS) {
            let (commit, attempts) = tried(&writer.write(&filed(number)));
            attempts_in_all += attempts;
            ours.push(commit);
        }
        let theirs: Vec<String> =
            rivals.into_iter().flat_map(|rival| rival.join().unwrap()).collect();
        (ours, theirs)
    });
    assert!(attempts_in_all >= u32::try_from(OURS).unwrap());
    assert_eq!(theirs.len(), RIVALS * PUSHES_EACH);
    for commit in ours.iter().map(Oid::to_string).chain(theirs) {
        git(&home.remote(), &["merge-base", "--is-ancestor", &commit, "main"]);
    }
    assert_eq!(home.numbers(), (1..).take(OURS).collect::<Vec<u64>>());
    let files = home.files("main");
    assert_eq!(
        files.keys().filter(|path| path.starts_with("notes/")).count(),
        RIVALS * PUSHES_EACH
    );
    assert_eq!(files.keys().filter(|path| path.starts_with("deploy/")).count(), OURS);
    // Without force, every move of the branch has the one before as an ancestor.
    let count = said(&git(&home.remote(), &["rev-list", "--count", "--first-parent", "main"]));
    assert_eq!(count, (1 + OURS + RIVALS * PUSHES_EACH).to_string());
    home.is_sound();
}

#[test]
fn eight_rivals_and_we_lose_nothing_in_a_folder() {
    let home = Home::new();
    race(&home, || home.writer());
}

#[test]
fn eight_rivals_and_we_lose_nothing_where_git_receives() {
    let home = Home::new().with_rules();
    race(&home, || home.writer());
}

#[test]
fn eight_rivals_and_we_lose_nothing_over_http() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let cache = home.path().join("cache");
    race(&home, || Writer::open(&cache, web_target(server.port()), web_options(&home)).unwrap());
}

#[test]
fn a_branch_that_is_always_taken_is_given_up_and_told() {
    let home = Home::new();
    done(&home.writer().write(&filed(1)));
    // A lock that nobody holds any more looks like a rival who is always quicker.
    fs::write(home.remote().join("refs/heads/main.lock"), "").unwrap();
    let options = periplus_git::Options { attempts_max: 3, ..options() };
    let mut writer = Writer::open(&home.path().join("cache"), home.target(), options).unwrap();
    let outcome = writer.write(&filed(2));
    let fault = failed(&outcome);
    let told = fault.to_string();
    assert!(told.contains("3 attempts") && told.contains("main.lock"), "{told}");
    fs::remove_file(home.remote().join("refs/heads/main.lock")).unwrap();
    done(&writer.write(&filed(2)));
}

#[test]
fn several_remotes_are_written_to_at_once_and_each_in_order() {
    let homes: Vec<Home> = (0..5).map(|_| Home::new()).collect();
    let pace = std::sync::Arc::new(Hurry);
    let mut writers = Writers::new(FleetOptions { at_once: 3, pace, ..FleetOptions::default() });
    let id = |place: usize| TargetId(format!("remote-{place}"));
    for (place, home) in homes.iter().enumerate() {
        writers.add(id(place), home.writer());
    }
    let mut commits: Vec<_> =
        (1..=4).flat_map(|number| (0..5).map(move |place| (id(place), filed(number)))).collect();
    commits.push((TargetId("nowhere".to_owned()), filed(1)));
    let outcomes = writers.write_all(commits);
    assert_eq!(outcomes.len(), 21);
    let mut by_id: BTreeMap<&TargetId, Vec<Oid>> = BTreeMap::new();
    for (id, outcome) in &outcomes[..20] {
        by_id.entry(id).or_default().push(done(outcome));
    }
    assert!(matches!(&outcomes[20].1, Outcome::Failed(_)));
    for (place, home) in homes.iter().enumerate() {
        assert_eq!(home.numbers(), [1, 2, 3, 4]);
        let log = said(&git(&home.remote(), &["rev-list", "--reverse", "main"]));
        let ours: Vec<String> = by_id[&id(place)].iter().map(Oid::to_string).collect();
        assert_eq!(log.lines().collect::<Vec<_>>(), ours);
    }
}
