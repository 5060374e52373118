//! `sim --git` to real servers: a web server with a password, and sshd with a key.

use std::process::Command;

use periplus_support::git::{sshd, web};

use crate::place::Place;

fn git(place: &Place, words: &[&str]) -> String {
    let output = Command::new("git").args(words).current_dir(place.path(".")).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with an empty repository, and the head that a run comes to in it.
fn with_a_remote() -> (Place, String) {
    let place = Place::new();
    place.periplus(&["sim", "harbour.yaml", "--git", "alone.git"]);
    git(&place, &["init", "-q", "--bare", "-b", "main", "fleet.git"]);
    git(&place, &["-C", "fleet.git", "config", "http.receivepack", "true"]);
    let head = git(&place, &["-C", "alone.git", "rev-parse", "main"]);
    (place, head)
}

#[test]
fn a_web_server_with_a_password_takes_a_run_and_the_token_is_told_nowhere() {
    let (place, head) = with_a_remote();
    let server = web(&place.path("."), "hub", "hunter2");
    place.write("token", "hunter2\n");
    place.write("wrong", "hunter3\n");
    let url = format!("http://127.0.0.1:{}/git/fleet.git", server.port());
    let asked = |token| {
        ["sim", "harbour.yaml", "--git", &url, "--git-user", "hub", "--git-token", token]
            .map(str::to_owned)
    };
    let run = |token| {
        let asked = asked(token);
        place.periplus(&asked.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let told = run("wrong");
    assert!(told.ends_with("exit 4\n") && !told.contains("hunter"), "{told}");
    let told = run("token");
    assert!(told.ends_with("exit 0\n") && !told.contains("hunter"), "{told}");
    assert_eq!(git(&place, &["-C", "fleet.git", "rev-parse", "main"]), head);
    assert_eq!(git(&place, &["-C", "fleet.git", "fsck", "--strict"]), "");
    let again = run("token");
    assert!(again.contains("were there already"), "{again}");
}

#[test]
fn sshd_takes_a_run_and_an_unknown_host_does_not() {
    let (place, head) = with_a_remote();
    let sshd = sshd(&place.path("."));
    let repository = place.path("fleet.git");
    let url = sshd.url(&repository);
    let key = sshd.key.to_str().unwrap();
    let run = |hosts: &str| {
        let asked =
            ["sim", "harbour.yaml", "--git", &url, "--ssh-key", key, "--known-hosts", hosts];
        place.periplus_with(&[("PATH", "/usr/bin:/bin")], &asked)
    };
    place.write("nobody", "");
    let told = run("nobody");
    assert!(told.ends_with("exit 4\n"), "{told}");
    let told = run(sshd.known_hosts.to_str().unwrap());
    assert!(told.ends_with("exit 0\n"), "{told}");
    assert_eq!(git(&place, &["-C", "fleet.git", "rev-parse", "main"]), head);
}
