//! Over HTTP, to git's own program behind Debian's lighttpd.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use periplus_git::{Auth, Fault, Options, Outcome, Target, Writer};

use crate::common::{Home, done, failed, filed, git, options};
use crate::http::Plain;
use periplus_support::git::web;

pub(crate) const PASSWORD: &str = "hunter2-hunter2";

pub(crate) fn web_options(home: &Home) -> Options {
    let token = home.path().join("token");
    fs::write(&token, format!("{PASSWORD}\n")).unwrap();
    Options {
        auth: Auth::Basic { user: "hub".to_owned(), token },
        http: Some(Arc::new(Plain)),
        ..options()
    }
}

pub(crate) fn web_target(port: u16) -> Target {
    Target::new(&format!("http://127.0.0.1:{port}/git/remote.git"), "main").unwrap()
}

#[test]
fn commits_are_pushed_and_fetched_over_http() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let cache = home.path().join("cache");
    let open = || Writer::open(&cache, web_target(server.port()), web_options(&home)).unwrap();
    let mut writer = open();
    assert_eq!(writer.refresh().unwrap().commit, None);
    for number in 1..=3 {
        done(&writer.write(&filed(number)));
    }
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    let rival = home.path().join("rival");
    fs::write(rival.join("note"), "x".repeat(200_000)).unwrap();
    git(&rival, &["add", "note"]);
    git(&rival, &["commit", "--quiet", "-m", "note"]);
    git(&rival, &["push", "--quiet"]);
    done(&writer.write(&filed(4)));
    drop(writer);
    fs::remove_dir_all(&cache).unwrap();
    let mut writer = open();
    assert_eq!(writer.refresh().unwrap().newest.unwrap().trailers, filed(4).trailers);
    done(&writer.write(&filed(5)));
    assert_eq!(home.numbers(), [1, 2, 3, 4, 5]);
    assert!(home.files("main").contains_key("note"));
    home.is_sound();
}

#[test]
fn a_new_token_is_taken_up_and_an_old_one_told_without_showing_it() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let options = web_options(&home);
    let mut writer =
        Writer::open(&home.path().join("cache"), web_target(server.port()), options).unwrap();
    fs::write(home.path().join("token"), "an-older-hunter2").unwrap();
    let outcome = writer.write(&filed(1));
    let fault = failed(&outcome);
    assert!(matches!(fault, Fault::Denied { .. }), "{fault}");
    assert!(!format!("{fault} {fault:?}").contains("hunter2"), "{fault}");
    fs::write(home.path().join("token"), PASSWORD).unwrap();
    done(&writer.write(&filed(1)));
    assert!(!format!("{writer:?}").contains("hunter2"));
}

#[test]
fn what_is_no_repository_or_no_git_is_told() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let open = |path: &str| {
        let target =
            Target::new(&format!("http://127.0.0.1:{}/{path}", server.port()), "main").unwrap();
        Writer::open(&home.path().join("cache"), target, web_options(&home)).unwrap()
    };
    assert!(matches!(open("git/none.git").refresh(), Err(Fault::Missing { .. })));
    fs::create_dir_all(home.path().join("page/info")).unwrap();
    let page = home.path().join("page/info/refs");
    fs::write(&page, "#!/bin/sh\nprintf 'Content-Type: text/html\\r\\n\\r\\n<html>'\n").unwrap();
    fs::set_permissions(&page, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(open("page").refresh(), Err(Fault::Protocol { .. })));
    let port = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port() };
    let mut nobody =
        Writer::open(&home.path().join("cache"), web_target(port), web_options(&home)).unwrap();
    assert!(matches!(nobody.write(&filed(1)), Outcome::Failed(Fault::Unreachable { .. })));
    let none = Options { http: None, ..web_options(&home) };
    let mut none =
        Writer::open(&home.path().join("other"), web_target(server.port()), none).unwrap();
    assert!(matches!(none.refresh(), Err(Fault::Program { .. })));
}
