//! What all of these tests need: remotes, commits, and git itself as a witness.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use periplus_emit::{Bytes, Change, FilePath};
use periplus_git::{Author, Commit, Fault, Options, Outcome, Pace, Target, Writer};
use tempfile::TempDir;

/// Waits for nothing.
pub(crate) struct Hurry;

impl Pace for Hurry {
    fn now_ms(&self) -> u64 {
        0
    }
    fn pause(&self, _: Duration) {
        std::thread::yield_now();
    }
}

/// A folder that is removed, with an empty bare repository in it.
pub(crate) struct Home {
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Self { folder };
        git(home.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"]);
        home
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn remote(&self) -> PathBuf {
        self.path().join("remote.git")
    }

    pub(crate) fn target(&self) -> Target {
        Target::new(self.remote().to_str().unwrap(), "main").unwrap()
    }

    /// Makes git itself take what is pushed, as for every remote that is not a folder.
    pub(crate) fn with_rules(self) -> Self {
        git(&self.remote(), &["config", "receive.fsckObjects", "true"]);
        self
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(&self.path().join("cache"), self.target(), options()).unwrap()
    }

    /// Installs a hook.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.remote().join("hooks").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The files at a revision.
    pub(crate) fn files(&self, revision: &str) -> BTreeMap<String, Vec<u8>> {
        let repository = git2::Repository::open_bare(self.remote()).unwrap();
        let tree = repository.revparse_single(revision).unwrap().peel_to_tree().unwrap();
        let mut files = BTreeMap::new();
        tree.walk(git2::TreeWalkMode::PreOrder, |above, entry| {
            if entry.kind() == Some(git2::ObjectType::Blob) {
                let blob = repository.find_blob(entry.id()).unwrap();
                files.insert(format!("{above}{}", entry.name().unwrap()), blob.content().to_vec());
            }
            git2::TreeWalkResult::Ok
        })
        .unwrap();
        files
    }

    /// The numbers of our commits, the oldest first.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        let format = "--format=%(trailers:key=Periplus-Seq,valueonly,separator=%x2C)";
        let log = said(&git(&self.remote(), &["log", "--topo-order", "--reverse", format, "main"]));
        log.lines().filter(|line| !line.is_empty()).map(|line| line.parse().unwrap()).collect()
    }

    /// Git finds nothing wrong with the remote.
    pub(crate) fn is_sound(&self) {
        git(&self.remote(), &["fsck", "--strict", "--full", "--no-progress", "--no-dangling"]);
    }
}

/// The options of tests.
pub(crate) fn options() -> Options {
    Options { pace: Arc::new(Hurry), attempts_max: 500, ..Options::default() }
}

/// Runs git, away from anybody's configuration; it must succeed.
pub(crate) fn git(folder: &Path, args: &[&str]) -> Output {
    let output = git_tried(folder, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "git {args:?}: {told}{}", said(&output));
    output
}

pub(crate) fn git_tried(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Rival", "-c", "user.email=rival@example", "-c", "gc.auto=0"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    command.current_dir(folder).args(args).output().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Arc::from(text.as_bytes())
}

/// What becomes of files; one goes where there is no text.
pub(crate) fn change(said: &[(&str, Option<&str>)]) -> Change {
    said.iter().map(|(path, text)| (FilePath::new(*path).unwrap(), text.map(bytes))).collect()
}

/// A commit with a number.
pub(crate) fn numbered(number: u64, change: Change) -> Commit {
    Commit {
        change,
        message: format!("shop: the change number {number}"),
        trailers: vec![
            ("Periplus-Seq".to_owned(), number.to_string()),
            ("Periplus-Decision".to_owned(), format!("d{number}")),
            (
                "Periplus-Digest".to_owned(),
                format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            ),
        ],
        author: Author { name: "Periplus".to_owned(), email: "hub@example".to_owned() },
        time: 1_700_000_000 + number,
    }
}

/// A commit with a number, of a file of that number.
pub(crate) fn filed(number: u64) -> Commit {
    let path = format!("deploy/edge-{}/shop/{number:04}-configmap-x.yaml", number % 7);
    numbered(number, change(&[(&path, Some(&format!("number: {number}\n")))]))
}

/// The commit that is out.
pub(crate) fn done(outcome: &Outcome) -> git2::Oid {
    tried(outcome).0
}

/// The commit that is out, and how often it was tried.
pub(crate) fn tried(outcome: &Outcome) -> (git2::Oid, u32) {
    let Outcome::Done { commit, attempts, .. } = outcome else { unreachable!("{outcome:?}") };
    (*commit, *attempts)
}

/// Why the commit is surely not out.
pub(crate) fn failed(outcome: &Outcome) -> &Fault {
    let Outcome::Failed(fault) = outcome else { unreachable!("{outcome:?}") };
    fault
}
