//! A folder of this machine as a remote, the quick way: libgit2 writes the objects, and git moves the reference, if it still
//! is where it was. Git's own way walks all trees of the branch for every push.
//!
//! Only where nothing of the remote would have a say: hooks, rules for what is received and other ways to store references
//! are for git itself, and then git is started.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use git2::{ErrorCode, Oid, Repository};

use super::program::Running;
use super::{Call, Sent, clean};
use crate::fault::Fault;
use crate::pack::{Bases, Item, pack};
use crate::protocol::push::{Command, Report};
use crate::secret::plain as plain_text;

/// As git does by default: fewer objects become files of their own.
const LOOSE_MAX: usize = 100;

/// One push in 64 lets git look whether there is something to tidy; the first byte of the commit's name says which.
const TIDY_BELOW: u8 = 4;
/// How long that may take.
const TIDY_DEADLINE: Duration = Duration::from_secs(600);

/// Opens a repository that nothing but git's own format has a say in.
pub(crate) fn plain(path: &Path) -> Option<Repository> {
    let repository = Repository::open_bare(path).ok()?;
    if has_hooks(&repository) || has_rules(&repository).unwrap_or(true) {
        return None;
    }
    Some(repository)
}

fn has_hooks(repository: &Repository) -> bool {
    let Ok(hooks) = fs::read_dir(repository.path().join("hooks")) else { return false };
    hooks.filter_map(Result::ok).any(|hook| {
        let sample = hook.path().extension().is_some_and(|end| end == "sample");
        let runs = fs::metadata(hook.path())
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0);
        runs && !sample
    })
}

fn has_rules(repository: &Repository) -> Result<bool, git2::Error> {
    let config = repository.config()?;
    for name in [
        "^receive\\.",
        "^transfer\\.",
        "^extensions\\.",
        "^core\\.hookspath$",
        "^core\\.sharedrepository$",
    ] {
        let mut entries = config.entries(Some(name))?;
        if entries.next().is_some() {
            return Ok(true);
        }
    }
    Ok(!repository.is_bare())
}

/// Where a reference is.
pub(crate) fn at(repository: &Repository, reference: &str) -> Result<Option<Oid>, git2::Error> {
    match repository.find_reference(reference) {
        Ok(found) => Ok(Some(found.peel_to_commit()?.id())),
        Err(fault) if fault.code() == ErrorCode::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Writes objects, and has git move a reference.
///
/// Git and not libgit2 in this process: were it killed while it holds the lock, the lock would stay.
pub(crate) fn push(
    repository: &Repository,
    command: &Command<'_>,
    items: &[Item],
    deadline: Duration,
) -> Call<Report> {
    let remote = repository.path().display().to_string();
    if let Err(why) = write(repository, items) {
        return Err((Sent::No, Fault::Unreachable { remote, why }));
    }
    let Command { old, new, reference } = command;
    let old = old.unwrap_or(Oid::ZERO_SHA1).to_string();
    let mut git = clean("git".as_ref());
    git.arg("--git-dir").arg(repository.path());
    git.args(["update-ref", "-m", "push", reference, &new.to_string(), &old]);
    let running = Running::start(&mut git, deadline).map_err(|fault| {
        (Sent::No, Fault::Program { program: "git".to_owned(), why: fault.to_string() })
    })?;
    let end = running.end();
    if end.late {
        let after_ms = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        return Err((Sent::Perhaps, Fault::Deadline { remote, after_ms }));
    }
    let moved = if end.well { Ok(()) } else { Err(plain_text(&end.said, &[])) };
    if new.as_bytes()[0] < TIDY_BELOW {
        tidy(repository);
    }
    Ok(Report { moved, told: Vec::new() })
}

/// Lets git put loose objects together, if it finds that there are many. Nobody waits for it.
fn tidy(repository: &Repository) {
    let mut git = clean("git".as_ref());
    git.arg("--git-dir").arg(repository.path()).args(["gc", "--auto", "--quiet"]);
    let _ = Running::start(&mut git, TIDY_DEADLINE);
}

fn write(repository: &Repository, items: &[Item]) -> Result<(), String> {
    let told = |fault: git2::Error| fault.message().to_owned();
    let odb = repository.odb().map_err(told)?;
    if items.len() < LOOSE_MAX {
        for item in items {
            odb.write(item.kind, &item.bytes).map_err(told)?;
        }
        return Ok(());
    }
    let bytes = pack(items.iter(), Bases::Within);
    let mut writer = odb.packwriter().map_err(told)?;
    writer.write_all(&bytes).map_err(|fault| fault.to_string())?;
    writer.commit().map_err(told)?;
    Ok(())
}
