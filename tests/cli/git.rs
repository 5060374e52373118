//! `sim --git`, `render` and `bootstrap`: what is written into repositories, and what it would be.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::place::{HARBOUR, Place};

/// What git answers in a repository.
fn git(place: &Place, repository: &str, words: &[&str]) -> String {
    let output = Command::new("git")
        .arg("-C")
        .arg(place.path(repository))
        .args(words)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The files of a commit by path, without the lists of what is ours.
fn files(place: &Place, repository: &str, commit: &str) -> BTreeMap<String, String> {
    let names = git(place, repository, &["ls-tree", "-r", "--name-only", commit]);
    let names = names.lines().filter(|name| !name.starts_with(".owned/"));
    let read = |name: &str| git(place, repository, &["show", &format!("{commit}:{name}")]);
    names.map(|name| (name.to_owned(), read(name))).collect()
}

/// The files below a folder by path.
fn below(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn the_log_of_a_repository_reads_as_the_story_of_the_day() {
    let place = Place::new();
    let told = place.periplus(&["sim", "harbour.yaml", "--git", "fleet.git"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let log = git(&place, "fleet.git", &["log", "--reverse", "--format=%H %an %aI%n%B"]);
    assert_snapshot!(log);
    assert_eq!(git(&place, "fleet.git", &["fsck", "--strict"]), "");
}

#[test]
fn the_same_seed_gives_the_same_commits_and_nothing_is_written_twice() {
    let place = Place::new();
    for repository in ["one.git", "two.git"] {
        place.periplus(&["sim", "harbour.yaml", "--git", repository]);
    }
    let heads = ["one.git", "two.git"].map(|it| git(&place, it, &["rev-parse", "main"]));
    assert_eq!(heads[0], heads[1]);
    let told = place.periplus(&["sim", "harbour.yaml", "--git", "one.git"]);
    assert!(told.contains("were there already"), "{told}");
    assert_eq!(git(&place, "one.git", &["rev-parse", "main"]), heads[0]);
}

#[test]
fn every_commit_is_what_rendering_its_instant_gives() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--git", "fleet.git", "--out", "run"]);
    let format = "--format=%H %(trailers:key=Periplus-At,valueonly,separator=%x20)";
    let log = git(&place, "fleet.git", &["log", format]);
    assert!(log.lines().count() > 3, "{log}");
    for (number, line) in log.lines().enumerate() {
        let (commit, at) = line.split_once(' ').unwrap();
        // Rendering runs the scenario each time, and reads the log only.
        let sources: &[&str] = match number % 8 {
            0 => &["harbour.yaml", "run", "run/run.log"],
            _ => &["run"],
        };
        for source in sources {
            let out = format!("{number}-{}", source.replace('/', "-"));
            let told = place.periplus(&["render", source, "--at", at, "--out", &out]);
            assert!(told.ends_with("exit 0\n"), "{told}");
            assert_eq!(below(&place.path(&out)), files(&place, "fleet.git", commit), "{line}");
        }
    }
}

#[test]
fn another_run_is_not_written_over_this_one() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--git", "fleet.git"]);
    let before = git(&place, "fleet.git", &["rev-parse", "main"]);
    let told = place.periplus(&["sim", "harbour.yaml", "--seed", "9", "--git", "fleet.git"]);
    assert!(told.contains("holds another run") && told.ends_with("exit 2\n"), "{told}");
    assert_eq!(git(&place, "fleet.git", &["rev-parse", "main"]), before);
    let asked = ["sim", "harbour.yaml", "--seed", "9", "--git", "fleet.git", "--branch", "nine"];
    assert!(place.periplus(&asked).ends_with("exit 0\n"));
}

#[test]
fn a_repository_that_cannot_be_is_told_without_its_password() {
    let place = Place::new();
    for url in ["https://me:hunter2@git.example.net/x", "ftp://git.example.net/x"] {
        let told = place.periplus(&["sim", "harbour.yaml", "--git", url]);
        let (_, told) = told.split_once('\n').unwrap();
        assert!(told.ends_with("exit 2\n") && !told.contains("hunter2"), "{told}");
    }
}

#[test]
fn rendering_prints_files_or_writes_all_of_them_or_none() {
    let place = Place::new();
    let told = place.periplus(&["render", "harbour.yaml", "--cluster", "edge-harbour"]);
    assert_snapshot!(told);
    std::fs::create_dir(place.path("there")).unwrap();
    place.write("there/file", "kept");
    let told = place.periplus(&["render", "harbour.yaml", "--out", "there"]);
    assert!(told.contains("there is there already") && told.ends_with("exit 2\n"), "{told}");
    assert_eq!(place.read("there/file"), "kept");
    let told = place.periplus(&["render", "harbour.yaml", "--cluster", "edge-harbor"]);
    assert!(told.contains("did you mean `edge-harbour`?"), "{told}");
}

#[test]
fn two_instants_are_compared_file_by_file() {
    let place = Place::new();
    let told = place.periplus(&["render", "harbour.yaml", "--at", "36m", "--diff", "34m"]);
    assert_snapshot!(told);
    let same = place.periplus(&["render", "harbour.yaml", "--at", "30m", "--diff", "30m"]);
    assert!(same.contains("nothing differs"), "{same}");
}

#[test]
fn what_must_be_installed_once_is_printed_for_either_agent() {
    let place = Place::new();
    let flux = place.periplus(&["bootstrap", "harbour.yaml", "--cluster", "edge-harbour"]);
    let text = HARBOUR.replacen("  kind: edge\n", "  kind: edge\n  agent: {type: argocd}\n", 1);
    place.write("argo.yaml", &text);
    let url = "https://git.example.net/fleet.git";
    let argocd = ["bootstrap", "argo.yaml", "--cluster", "edge-harbour", "--repository", url];
    assert_snapshot!(format!("{flux}\n{}", place.periplus(&argocd)));
}

#[test]
fn clusters_can_have_repositories_of_their_own() {
    let place = Place::new();
    let named = "${cluster.labels.tier}.git";
    let told = place.periplus(&["sim", "harbour.yaml", "--git", named]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let edge = files(&place, "edge.git", "main");
    assert!(edge.keys().any(|path| path.starts_with("deploy/edge-harbour/")), "{edge:?}");
    assert!(edge.keys().any(|path| path == "decisions/shop.json"));
    let cloud = files(&place, "cloud.git", "main");
    assert!(cloud.keys().all(|path| !path.contains("edge-")), "{:?}", cloud.keys());
    let count = git(&place, "cloud.git", &["rev-list", "--count", "main"]);
    assert_eq!(count.trim(), "1", "nobody is woken for others");
    let told = place.periplus(&["sim", "harbour.yaml", "--git", "${cluster.labels.none}.git"]);
    assert!(told.contains("it has no label `none`") && told.ends_with("exit 2\n"), "{told}");
}

#[test]
fn an_instant_is_compared_with_what_is_committed() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--git", "fleet.git"]);
    let same = place.periplus(&["render", "harbour.yaml", "--diff", "fleet.git@main"]);
    assert!(same.contains("nothing differs"), "{same}");
    let asked =
        ["render", "harbour.yaml", "--diff", "fleet.git@main~1", "--cluster", "edge-island"];
    let told = place.periplus(&asked);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let wrong = place.periplus(&["render", "harbour.yaml", "--diff", "fleet.git@nothing"]);
    assert!(
        wrong.contains("cannot read `nothing` of fleet.git") && wrong.ends_with("exit 2\n"),
        "{wrong}"
    );
}

#[test]
fn files_that_somebody_edited_are_kept_or_restored_and_told() {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--git", "fleet.git"]);
    // The same run up to its middle, and then somebody edits what it wrote.
    let log = git(&place, "fleet.git", &["rev-list", "--reverse", "main"]);
    let middle = log.lines().nth(5).unwrap();
    for (branch, what, kept) in [("keep", "keep", true), ("restore", "restore", false)] {
        git(&place, "fleet.git", &["branch", branch, middle]);
        let path = "deploy/edge-harbour/shop/web/50-deployment-web.yaml";
        let work = place.path(branch);
        let shell = format!(
            "git clone -q -b {branch} fleet.git {branch} && cd {branch} && echo edited > {path} && \
             git -c user.name=a -c user.email=a@b commit -qam edit && git push -q origin {branch}"
        );
        let done = Command::new("sh")
            .args(["-c", &shell])
            .current_dir(work.parent().unwrap())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status()
            .unwrap();
        assert!(done.success());
        let asked =
            ["sim", "harbour.yaml", "--git", "fleet.git", "--branch", branch, "--edited", what];
        let told = place.periplus(&asked);
        let now = git(&place, "fleet.git", &["show", &format!("{branch}:{path}")]);
        assert_eq!(now == "edited\n", kept, "{told}\n{now}");
        assert!(told.contains("somebody else changed it"), "{told}");
    }
}

#[test]
fn a_file_of_somebody_else_is_left_alone_and_told() {
    let place = Place::new();
    let path = "deploy/edge-harbour/shop/web/50-deployment-web.yaml";
    let shell = format!(
        "git init -q --bare -b main fleet.git && git clone -q fleet.git work 2>/dev/null && cd work && \
         mkdir -p $(dirname {path}) && echo theirs > {path} && git add . && \
         git -c user.name=a -c user.email=a@b commit -qm first && git push -q origin HEAD:main"
    );
    let done = Command::new("sh")
        .args(["-c", &shell])
        .current_dir(place.path("."))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .status()
        .unwrap();
    assert!(done.success());
    let told = place.periplus(&["sim", "harbour.yaml", "--git", "fleet.git"]);
    assert!(told.contains("was left alone: somebody else wrote it"), "{told}");
    assert_eq!(git(&place, "fleet.git", &["show", &format!("main:{path}")]), "theirs\n");
}
