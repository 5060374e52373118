//! Reading revisions: from folders, over HTTP and over SSH, and from servers that give only what they advertise.

use std::collections::BTreeSet;

use periplus_git::{Fault, Options, Target, read, read_all};

use crate::common::{Home, git, options};
use crate::ssh::{ssh_options, ssh_target};
use crate::web::{PASSWORD, web_options, web_target};
use periplus_support::git::{sshd, web};

/// A repository with a tag `v1` at the second of three commits. Gives the ids of all three.
fn with_a_past() -> (Home, Vec<String>) {
    let home = Home::new();
    git(home.path(), &["clone", "--quiet", "remote.git", "work"]);
    let work = home.path().join("work");
    let mut ids = Vec::new();
    for number in 1..=3 {
        std::fs::create_dir_all(work.join("deploy")).unwrap();
        std::fs::write(work.join("deploy/app.yaml"), format!("number: {number}\n")).unwrap();
        git(&work, &["add", "."]);
        git(&work, &["commit", "--quiet", "-m", "next"]);
        let head = git(&work, &["rev-parse", "HEAD"]);
        ids.push(String::from_utf8(head.stdout).unwrap().trim().to_owned());
        if number == 2 {
            git(&work, &["tag", "-a", "v1", "-m", "the second"]);
        }
    }
    git(&work, &["push", "--quiet", "origin", "HEAD:main", "v1"]);
    (home, ids)
}

fn holds(home: &Home, target: &Target, options: &Options, revision: &str, number: usize, id: &str) {
    let target = Target { branch: revision.to_owned(), ..target.clone() };
    let wanted = BTreeSet::from(["deploy/app.yaml".to_owned()]);
    let cache = home.path().join("read");
    for _ in 0..2 {
        let found = read(&cache, &target, options, &wanted).unwrap();
        assert_eq!(found.commit.to_string(), id, "{target}");
        assert_eq!(*found.files["deploy/app.yaml"], *format!("number: {number}\n").as_bytes());
    }
}

fn all_hold(home: &Home, ids: &[String], target: &Target, options: &Options) {
    holds(home, target, options, "main", 3, &ids[2]);
    holds(home, target, options, "v1", 2, &ids[1]);
    for (place, id) in ids.iter().enumerate() {
        holds(home, target, options, id, place + 1, id);
    }
}

#[test]
fn branches_tags_and_commits_are_read_from_a_folder() {
    let (home, ids) = with_a_past();
    all_hold(&home, &ids, &home.target(), &options());
}

#[test]
fn branches_tags_and_commits_are_read_over_http() {
    let (home, ids) = with_a_past();
    let server = web(home.path(), "hub", PASSWORD);
    all_hold(&home, &ids, &web_target(server.port()), &web_options(&home));
}

#[test]
fn branches_tags_and_commits_are_read_over_ssh() {
    let (home, ids) = with_a_past();
    let sshd = sshd(home.path());
    all_hold(&home, &ids, &ssh_target(&sshd, &home.remote()), &ssh_options(&sshd));
}

#[test]
fn a_server_that_gives_any_commit_is_asked_for_no_more_than_it() {
    let (home, ids) = with_a_past();
    git(&home.remote(), &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    holds(&home, &home.target(), &options(), &ids[0], 1, &ids[0]);
    let cache = std::fs::read_dir(home.path().join("read")).unwrap();
    let cache = cache.map(|entry| entry.unwrap().path()).find(|path| path.is_dir()).unwrap();
    let repository = git2::Repository::open_bare(cache).unwrap();
    let has = |id: &String| repository.find_commit(git2::Oid::from_str(id).unwrap()).is_ok();
    assert!(has(&ids[0]) && !has(&ids[1]) && !has(&ids[2]));
}

#[test]
fn what_is_not_there_is_told() {
    let (home, _) = with_a_past();
    for (revision, path, says) in [
        ("v2", "deploy/app.yaml", "no branch or tag `v2`"),
        (&*"1".repeat(40), "deploy/app.yaml", "no commit 1111"),
        ("main", "deploy/ape.yaml", "no file `deploy/ape.yaml`"),
        ("main", "deploy", "no plain file `deploy`"),
    ] {
        let target = Target { branch: revision.to_owned(), ..home.target() };
        let wanted = BTreeSet::from([path.to_owned()]);
        let fault = read(&home.path().join("read"), &target, &options(), &wanted).unwrap_err();
        assert!(matches!(fault, Fault::Absent { .. }), "{fault}");
        assert!(fault.to_string().contains(says), "{fault}");
    }
}

#[test]
fn all_files_of_a_branch_are_read_once_for_each_commit() {
    let (home, ids) = with_a_past();
    let work = home.path().join("work");
    std::fs::write(work.join("top.csv"), "a,b\n").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", work.join("deploy/out.yaml")).unwrap();
    let cache = home.path().join("read");
    let all = |known| read_all(&cache, &home.target(), &options(), known).unwrap();
    let first = all(None).unwrap();
    assert_eq!(first.commit.to_string(), ids[2]);
    assert_eq!(all(Some(first.commit)), None);
    git(&work, &["add", "."]);
    git(&work, &["commit", "--quiet", "-m", "more"]);
    git(&work, &["push", "--quiet", "origin", "HEAD:main"]);
    let second = all(Some(first.commit)).unwrap();
    let paths: Vec<&String> = second.files.keys().collect();
    assert_eq!(paths, ["deploy/app.yaml", "top.csv"], "a link leads nowhere");
    // Who goes back goes back.
    git(&work, &["push", "--quiet", "--force", "origin", &format!("{}:main", ids[0])]);
    let third = all(Some(second.commit)).unwrap();
    assert_eq!(third.commit.to_string(), ids[0]);
    assert_eq!(*third.files["deploy/app.yaml"], *b"number: 1\n");
}
