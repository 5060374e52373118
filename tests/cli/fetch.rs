//! `fetch`: manifests from git repositories, kept at the commits that they were.

use std::process::Command;

use crate::place::{HARBOUR, Place};

const PATH: &[(&str, &str)] = &[("PATH", "/usr/local/bin:/usr/bin:/bin")];

/// What git answers in the repository of the developers.
fn git(place: &Place, words: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@shop.example"])
        .args(words)
        .current_dir(place.path("shop"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn manifest(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers: [{{name: web, image: {image}}}]
"
    )
}

fn commit(place: &Place, image: &str) -> String {
    place.write("shop/deploy/web.yaml", &manifest(image));
    git(place, &["add", "."]);
    git(place, &["commit", "-q", "-m", image]);
    git(place, &["rev-parse", "HEAD"])
}

/// A folder with a repository of the app's developers, and a harbour whose app comes from a revision of it.
fn with_a_shop(revision: &str) -> (Place, String) {
    let place = Place::new();
    std::fs::create_dir_all(place.path("shop/deploy")).unwrap();
    git(&place, &["init", "-q", "-b", "main"]);
    let first = commit(&place, "shop.example/web:1");
    let revision = if revision == "first" { &first } else { revision };
    write(&place, revision, "deploy/web.yaml");
    (place, first)
}

fn write(place: &Place, revision: &str, path: &str) {
    let source = format!(
        "- name: web\n    source: {{files: {{git: {{repository: 'file://{}', revision: '{revision}'}}, paths: [{path}]}}}}\n",
        place.path("shop").display()
    );
    let text = HARBOUR.replacen("- name: web\n", &source, 1);
    assert_ne!(text, HARBOUR);
    place.write("harbour.yaml", &text);
}

fn rendered(place: &Place) -> String {
    let told = place.periplus(&["render", "harbour.yaml", "--at", "2h"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    told
}

#[test]
fn a_branch_stays_the_commit_that_it_was_until_it_is_asked_for_again() {
    let (place, first) = with_a_shop("main");
    let told = place.periplus(&["check", "harbour.yaml"]);
    assert!(told.contains("revision `main` of") && told.contains("run `periplus fetch`"), "{told}");
    let told = place.periplus_with(PATH, &["fetch", "harbour.yaml"]);
    assert!(told.contains(&format!("main ({first}): 1 file")), "{told}");
    assert!(rendered(&place).contains("image: shop.example/web:1"));

    let second = commit(&place, "shop.example/web:2");
    let told = place.periplus(&["fetch", "harbour.yaml"]);
    assert!(told.contains(&format!("main ({first}): it is here already")), "{told}");
    // A file that was lost comes back as it was, not as it is now.
    std::fs::remove_file(place.path(&format!("fetched/{first}/deploy/web.yaml"))).unwrap();
    let told = place.periplus_with(PATH, &["fetch", "harbour.yaml"]);
    assert!(told.contains(&format!("main ({first}): 1 file")), "{told}");
    assert!(rendered(&place).contains("image: shop.example/web:1"));

    let told = place.periplus_with(PATH, &["fetch", "harbour.yaml", "--update"]);
    assert!(told.contains(&format!("main ({second}): 1 file")), "{told}");
    assert!(rendered(&place).contains("image: shop.example/web:2"));
    assert!(!place.path(&format!("fetched/{first}")).exists());
    assert!(place.read("fetched/lock.yaml").contains(&second));
}

#[test]
fn tags_and_commits_are_fetched_and_a_run_of_them_needs_no_repository() {
    for revision in ["v1", "first"] {
        let (place, first) = with_a_shop(revision);
        git(&place, &["tag", "-a", "v1", "-m", "the first"]);
        commit(&place, "shop.example/web:2");
        let told = place.periplus_with(PATH, &["fetch", "harbour.yaml"]);
        assert!(told.contains(&first), "{told}");
        std::fs::remove_dir_all(place.path("shop")).unwrap();
        assert!(rendered(&place).contains("image: shop.example/web:1"));
        // What is recorded holds the manifests themselves.
        let told = place.periplus(&["sim", "harbour.yaml", "--out", "run"]);
        assert!(told.ends_with("exit 0\n"), "{told}");
        let told = place.periplus(&["record", "run/run.log", "--out", "again.yaml"]);
        assert!(told.ends_with("exit 0\n"), "{told}");
        std::fs::remove_dir_all(place.path("fetched")).unwrap();
        std::fs::rename(place.path("again.yaml"), place.path("harbour.yaml")).unwrap();
        assert!(rendered(&place).contains("image: shop.example/web:1"));
    }
}

#[test]
fn what_is_not_there_is_told_and_nothing_is_left_half_done() {
    let (place, _) = with_a_shop("main");
    let told = place.periplus_with(PATH, &["fetch", "harbour.yaml"]);
    assert!(told.ends_with("exit 0\n"), "{told}");
    let lock = place.read("fetched/lock.yaml");
    for (revision, path, says) in [
        ("nowhere", "deploy/web.yaml", "has no branch or tag `nowhere`"),
        (&"1".repeat(40), "deploy/web.yaml", "has no commit 1111"),
        ("main", "deploy/wed.yaml", "has no file `deploy/wed.yaml` in commit"),
        ("main", "deploy", "has no plain file `deploy` in commit"),
    ] {
        write(&place, revision, path);
        let told = place.periplus_with(PATH, &["fetch", "harbour.yaml"]);
        assert!(told.contains(says) && told.ends_with("exit 4\n"), "{told}");
        assert_eq!(place.read("fetched/lock.yaml"), lock);
    }
    write(&place, "main", "../../etc/passwd");
    let told = place.periplus_with(PATH, &["fetch", "harbour.yaml"]);
    assert!(told.contains("not a path from the root of a repository"), "{told}");
    assert!(told.ends_with("exit 2\n"), "{told}");
    write(&place, "main", "deploy/web.yaml");
    place.write("fetched/lock.yaml", "- {repository: x, revision: y, commit: ../../etc}\n");
    let told = place.periplus(&["check", "harbour.yaml"]);
    assert!(told.contains("`../../etc` is no commit"), "{told}");
}
