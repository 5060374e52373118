//! Signatures: git itself accepts them.

use std::fs;
use std::process::Command;

use periplus_git::{Options, Signer, Writer};

use crate::common::{Home, done, failed, filed, git, git_tried, options, tried};

fn key(home: &Home, name: &str, passphrase: &str) -> std::path::PathBuf {
    let path = home.path().join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-C", "hub@example", "-N", passphrase, "-f"])
        .arg(&path)
        .status();
    assert!(made.unwrap().success());
    path
}

fn writer(home: &Home, signer: Signer) -> Writer {
    let options = Options { signer: Some(signer), ..options() };
    Writer::open(&home.path().join("cache"), home.target(), options).unwrap()
}

#[test]
fn git_accepts_our_signatures() {
    let home = Home::new();
    let path = key(&home, "key", "");
    let mut signing = writer(&home, Signer::new(&path));
    let commits = [done(&signing.write(&filed(1))), done(&signing.write(&filed(2)))];
    let public = fs::read_to_string(path.with_extension("pub")).unwrap();
    let signers = home.path().join("signers");
    fs::write(&signers, format!("hub@example namespaces=\"git\" {public}")).unwrap();
    let allowed = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    for commit in commits {
        git(&home.remote(), &["-c", &allowed, "verify-commit", &commit.to_string()]);
    }
    fs::write(&signers, "").unwrap();
    let output = git_tried(&home.remote(), &["-c", &allowed, "verify-commit", "main"]);
    assert!(!output.status.success());
    home.is_sound();
    drop(signing);
    // The number of a signed commit is read as that of any other.
    assert_eq!(tried(&home.writer().write(&filed(2))).1, 0);
}

#[test]
fn a_key_that_asks_for_a_passphrase_fails_and_asks_nobody() {
    let home = Home::new();
    let path = key(&home, "key", "hunter2-hunter2");
    let outcome = writer(&home, Signer::new(&path)).write(&filed(1));
    let told = failed(&outcome).to_string();

    assert!(told.contains("passphrase") && !told.contains("hunter2"), "{told}");
    assert!(home.numbers_or_none().is_empty());
}

impl Home {
    fn numbers_or_none(&self) -> Vec<u64> {
        let there = git_tried(&self.remote(), &["rev-parse", "--verify", "--quiet", "main"]);
        if there.status.success() { self.numbers() } else { Vec::new() }
    }
}
