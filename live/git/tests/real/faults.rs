//! Remotes that refuse, hang, break off, or land a push and do not say so.

use std::fs;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use periplus_git::{Fault, Options, Outcome, Writer};

use crate::common::{Home, done, failed, filed, git, git_tried, options, said, tried};
use crate::proxy::{Proxy, Trouble};
use crate::ssh::{ssh_options, ssh_target};
use crate::web::{PASSWORD, web_options, web_target};
use periplus_support::git::{sshd, web};

const SHORT: Duration = Duration::from_millis(1_500);

#[test]
fn a_hook_that_refuses_is_told_in_its_own_words() {
    let home = Home::new();
    home.hook("pre-receive", "echo 'no deploys on fridays' >&2; exit 1");
    let mut writer = home.writer();
    for _ in 0..2 {
        let outcome = writer.write(&filed(1));
        let fault = failed(&outcome);
        assert!(matches!(fault, Fault::Refused { .. }), "{fault}");
        let told = fault.to_string();
        assert!(told.contains("no deploys on fridays") && told.contains("hook declined"), "{told}");
    }
    fs::remove_file(home.remote().join("hooks/pre-receive")).unwrap();
    done(&writer.write(&filed(1)));
    assert_eq!(home.numbers(), [1]);
}

#[test]
fn a_hook_that_refuses_over_http_is_told_without_the_token_that_it_repeats() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    home.hook("update", &format!("echo 'not with {PASSWORD}' >&2; exit 1"));
    let mut writer =
        Writer::open(&home.path().join("cache"), web_target(server.port()), web_options(&home))
            .unwrap();
    let outcome = writer.write(&filed(1));
    let fault = failed(&outcome);
    assert!(matches!(fault, Fault::Refused { .. }), "{fault}");
    let told = format!("{fault} {fault:?}");
    assert!(told.contains("not with <secret>") && !told.contains(PASSWORD), "{told}");
}

#[test]
fn a_remote_that_hangs_is_given_up_at_the_deadline() {
    let home = Home::new();
    let fifo = home.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    home.hook("pre-receive", &format!("read line < {}", fifo.display()));
    let options = Options { deadline: SHORT, ..options() };
    let mut writer = Writer::open(&home.path().join("cache"), home.target(), options).unwrap();
    let outcome = writer.write(&filed(1));
    assert!(matches!(outcome, Outcome::Unknown(Fault::Deadline { .. })), "{outcome:?}");
    // What was started here was killed with all that it started: nothing comes after.
    fs::remove_file(home.remote().join("hooks/pre-receive")).unwrap();
    assert_eq!(writer.refresh().unwrap().commit, None);
    done(&writer.write(&filed(1)));
    assert_eq!(home.numbers(), [1]);
}

#[test]
fn a_push_that_lands_after_we_gave_up_is_found_and_not_repeated() {
    let home = Home::new();
    let sshd = sshd(home.path());
    let fifo = home.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    home.hook("pre-receive", &format!("read line < {}", fifo.display()));
    let open = |options| {
        let cache = home.path().join("cache");
        Writer::open(&cache, ssh_target(&sshd, &home.remote()), options).unwrap()
    };
    let mut writer = open(Options { deadline: SHORT, ..ssh_options(&sshd) });
    // On a busy machine not even the handshake may be done in time; then nothing was sent.
    let mut outcome = writer.write(&filed(1));
    while matches!(outcome, Outcome::Failed(Fault::Deadline { .. })) {
        outcome = writer.write(&filed(1));
    }
    assert!(matches!(outcome, Outcome::Unknown(Fault::Deadline { .. })), "{outcome:?}");
    drop(writer);
    let mut writer = open(ssh_options(&sshd));
    assert_eq!(writer.refresh().unwrap().commit, None);
    // The server was not told that we are gone. Its hook goes on, and the push lands.
    fs::write(&fifo, "go on\n").unwrap();
    while !git_tried(&home.remote(), &["rev-parse", "--verify", "--quiet", "main"]).status.success()
    {
        thread::yield_now();
    }
    fs::remove_file(home.remote().join("hooks/pre-receive")).unwrap();
    let (commit, attempts) = tried(&writer.write(&filed(1)));
    assert_eq!(attempts, 0);
    assert_eq!(commit.to_string(), said(&git(&home.remote(), &["rev-parse", "main"])));
    done(&writer.write(&filed(2)));
    assert_eq!(home.numbers(), [1, 2]);
    home.is_sound();
}

#[test]
fn a_connection_that_breaks_anywhere_loses_nothing_and_repeats_nothing() {
    let home = Home::new();
    let server = web(home.path(), "hub", PASSWORD);
    let proxy = Proxy::new(server.port());
    let options = Options { deadline: SHORT, ..web_options(&home) };
    let mut writer =
        Writer::open(&home.path().join("cache"), web_target(proxy.port), options).unwrap();
    done(&writer.write(&filed(1)));
    let troubles = [
        Trouble::SwallowsAnswer,
        Trouble::Hangs,
        Trouble::CutsRequestAfter(0),
        Trouble::CutsRequestAfter(200),
        Trouble::CutsRequestAfter(500),
        Trouble::CutsAnswerAfter(10),
        Trouble::CutsAnswerAfter(200),
        Trouble::CutsAnswerAfter(280),
    ];
    for (number, trouble) in (2..).zip(troubles) {
        proxy.does(trouble);
        let outcome = writer.write(&filed(number));
        assert!(matches!(outcome, Outcome::Unknown(_)), "{trouble:?}: {outcome:?}");
        proxy.does(Trouble::None);
        let landed = home.numbers().contains(&number);
        let expected = match trouble {
            Trouble::SwallowsAnswer | Trouble::CutsAnswerAfter(_) => true,
            Trouble::None | Trouble::Hangs | Trouble::CutsRequestAfter(_) => false,
        };
        assert_eq!(landed, expected, "{trouble:?}");
        let newest = writer.refresh().unwrap().newest.unwrap();
        assert_eq!(newest.trailers == filed(number).trailers, landed, "{trouble:?}");
        let (_, attempts) = tried(&writer.write(&filed(number)));
        assert_eq!(attempts == 0, landed, "{trouble:?}");
    }
    assert_eq!(proxy.troubled.load(Ordering::SeqCst), 8);
    assert_eq!(home.numbers(), (1..10).collect::<Vec<_>>());
    home.is_sound();
}
