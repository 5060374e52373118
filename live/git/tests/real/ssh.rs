//! Over OpenSSH, to a server of its own.

use std::fs;
use std::path::Path;

use periplus_git::{Fault, Options, Outcome, Ssh, Target, Writer};

use crate::common::{Home, done, failed, filed, git, options};
use periplus_support::git::{Sshd, keygen, sshd};

pub(crate) fn ssh_options(sshd: &Sshd) -> Options {
    let ssh = Ssh {
        key: Some(sshd.key.clone()),
        known_hosts: Some(sshd.known_hosts.clone()),
        ..Ssh::default()
    };
    Options { ssh, ..options() }
}

pub(crate) fn ssh_target(sshd: &Sshd, remote: &Path) -> Target {
    Target::new(&sshd.url(remote), "main").unwrap()
}

#[test]
fn commits_are_pushed_and_fetched_over_ssh() {
    let home = Home::new();
    let sshd = sshd(home.path());
    let cache = home.path().join("cache");
    let open =
        || Writer::open(&cache, ssh_target(&sshd, &home.remote()), ssh_options(&sshd)).unwrap();
    let mut writer = open();
    done(&writer.write(&filed(1)));
    git(home.path(), &["clone", "--quiet", "remote.git", "rival"]);
    let rival = home.path().join("rival");
    git(&rival, &["commit", "--quiet", "--allow-empty", "-m", "note"]);
    git(&rival, &["push", "--quiet"]);
    done(&writer.write(&filed(2)));
    drop(writer);
    fs::remove_dir_all(&cache).unwrap();
    let mut writer = open();
    assert_eq!(writer.refresh().unwrap().newest.unwrap().trailers, filed(2).trailers);
    done(&writer.write(&filed(3)));
    assert_eq!(home.numbers(), [1, 2, 3]);
    home.is_sound();
}

#[test]
fn a_host_that_is_another_or_unknown_is_not_spoken_to() {
    let home = Home::new();
    let sshd = sshd(home.path());
    let mut writer = Writer::open(
        &home.path().join("cache"),
        ssh_target(&sshd, &home.remote()),
        ssh_options(&sshd),
    )
    .unwrap();
    let other = home.path().join("other-host");
    keygen(&other);
    let other = fs::read_to_string(other.with_extension("pub")).unwrap();
    for known in [format!("[127.0.0.1]:{} {other}", sshd.port()), String::new()] {
        fs::write(&sshd.known_hosts, known).unwrap();
        let outcome = writer.write(&filed(1));
        let fault = failed(&outcome);
        assert!(matches!(fault, Fault::HostKey { .. }), "{fault}");
        assert!(fault.to_string().contains("known_hosts"), "{fault}");
    }
}

#[test]
fn whom_ssh_does_not_let_in_and_what_it_does_not_find_is_told() {
    let home = Home::new();
    let sshd = sshd(home.path());
    let cache = home.path().join("cache");
    let missing = home.path().join("it's none.git");
    let target = Target::new(&sshd.url(&missing).replace(' ', "-"), "main");
    let mut writer = Writer::open(&cache, target.unwrap(), ssh_options(&sshd)).unwrap();
    assert!(matches!(writer.refresh(), Err(Fault::Missing { .. })), "{:?}", writer.refresh());
    fs::write(home.path().join("authorized"), "").unwrap();
    let mut writer =
        Writer::open(&cache, ssh_target(&sshd, &home.remote()), ssh_options(&sshd)).unwrap();
    assert!(matches!(writer.write(&filed(1)), Outcome::Failed(Fault::Denied { .. })));
}
