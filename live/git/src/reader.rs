//! Reading files of a branch, a tag or a commit of a remote.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use git2::{ObjectType, Oid};

use crate::fault::Fault;
use crate::options::Options;
use crate::protocol::fetch::{Past, Question};
use crate::store::Store;
use crate::target::Target;
use crate::tree::{FILE, FOLDER};
use crate::wire::{Route, Service, Session};

/// What was read of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The commit that it is.
    pub commit: Oid,
    /// The files, by their paths from the root.
    pub files: BTreeMap<String, Arc<[u8]>>,
}

/// The mode of a file that may be run.
const PROGRAM: u32 = 0o100_755;
/// The longest file that is taken.
const FILE_BYTES_MAX: usize = 16 << 20;
/// The most that all files of a revision may have together.
const ALL_BYTES_MAX: usize = 256 << 20;
/// How many folders may lie in each other.
const FOLDERS_DEEP_MAX: usize = 64;
/// How many tags may lead to each other.
const TAGS_MAX: usize = 8;

/// Reads files of the revision `target.branch`: a branch, a tag, or a commit by its full name. The past of the commit is
/// not fetched where the remote can leave it out. The cache below `cache` saves the way to a commit that was read before.
///
/// # Errors
/// The remote cannot be asked, or has no such revision or file.
pub fn read(
    cache: &Path,
    target: &Target,
    options: &Options,
    paths: &BTreeSet<String>,
) -> Result<Read, Fault> {
    let (mut store, commit) = at(cache, target, options)?;
    let absent = |what: String| Fault::Absent { remote: target.remote.to_string(), what };
    let found = store.commit(commit)?;
    let mut files = BTreeMap::new();
    for path in paths {
        let id = match store.find(found.tree, path)? {
            Some((FILE | PROGRAM, id)) => id,
            Some(_) => return Err(absent(format!("plain file `{path}` in commit {commit}"))),
            None => return Err(absent(format!("file `{path}` in commit {commit}"))),
        };
        let bytes = store.read(id, ObjectType::Blob)?;
        if bytes.len() > FILE_BYTES_MAX {
            let (remote, limit) = (target.remote.to_string(), FILE_BYTES_MAX as u64);
            return Err(Fault::Limit { remote, what: "the size of a file", limit });
        }
        files.insert(path.clone(), bytes);
    }
    Ok(Read { commit, files })
}

/// Reads all plain files of the revision `target.branch`; `None` where it is the commit `known`. What is no plain file
/// (a link, a module) is left out, and so are single files that are too long to be read.
///
/// # Errors
/// The remote cannot be asked, or has no such revision, or its files are too much together.
pub fn read_all(
    cache: &Path,
    target: &Target,
    options: &Options,
    known: Option<Oid>,
) -> Result<Option<Read>, Fault> {
    let (mut store, commit) = at(cache, target, options)?;
    if known == Some(commit) {
        return Ok(None);
    }
    let root = store.commit(commit)?.tree;
    let mut found = Vec::new();
    list(&mut store, root, "", 0, &mut found)?;
    let (mut files, mut all) = (BTreeMap::new(), 0);
    for (path, id) in found {
        let bytes = store.read(id, ObjectType::Blob)?;
        if bytes.len() > FILE_BYTES_MAX {
            continue;
        }
        all += bytes.len();
        if all > ALL_BYTES_MAX {
            let (remote, limit) = (target.remote.to_string(), ALL_BYTES_MAX as u64);
            return Err(Fault::Limit { remote, what: "the size of all files", limit });
        }
        files.insert(path, bytes);
    }
    Ok(Some(Read { commit, files }))
}

/// The plain files of a tree, in the order of git. What is no text is no path of ours.
fn list(
    store: &mut Store,
    tree: Oid,
    above: &str,
    depth: usize,
    found: &mut Vec<(String, Oid)>,
) -> Result<(), Fault> {
    if depth > FOLDERS_DEEP_MAX {
        return Ok(());
    }
    let tree = store.tree(tree)?;
    for entry in tree.entries() {
        let Ok(name) = std::str::from_utf8(entry.name) else { continue };
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        match entry.mode {
            FILE | PROGRAM => found.push((path, entry.id)),
            FOLDER => list(store, entry.id, &path, depth + 1, found)?,
            // A link, or a module of another repository.
            _ => {}
        }
    }
    Ok(())
}

/// Opens the cache, and gets the commit that the revision is there.
fn at(cache: &Path, target: &Target, options: &Options) -> Result<(Store, Oid), Fault> {
    let route = options.route(target);
    let mut store = Store::open(cache, target, &*options.pace)?;
    let commit = match named(&target.branch) {
        Some(commit) => {
            if store.commit(commit).is_err() {
                bring(&route, &mut store, commit)?;
            }
            commit
        }
        None => follow(&route, &mut store, &target.branch)?,
    };
    if store.commit(commit).is_err() {
        let what = format!("commit {commit}");
        return Err(Fault::Absent { remote: target.remote.to_string(), what });
    }
    Ok((store, commit))
}

/// The commit that a revision names in full.
fn named(revision: &str) -> Option<Oid> {
    (revision.len() == 40).then(|| Oid::from_str(revision).ok()).flatten()
}

/// Gets a commit by its name. Not every remote gives what no branch or tag leads to directly; then all that they lead to
/// is fetched.
fn bring(route: &Route, store: &mut Store, commit: Oid) -> Result<(), Fault> {
    let session = route.open(Service::Upload, "HEAD")?;
    let tips = session.advert.tips.clone();
    if tips.contains(&commit) || session.advert.can("allow-reachable-sha1-in-want") {
        fetch(session, store, &[commit], Past::None)
    } else {
        fetch(session, store, &tips, Past::Whole)
    }
}

/// Gets the commit that a branch or a tag is now.
fn follow(route: &Route, store: &mut Store, revision: &str) -> Result<Oid, Fault> {
    for folder in ["heads", "tags"] {
        let session = route.open(Service::Upload, &format!("refs/{folder}/{revision}"))?;
        let Some(at) = session.advert.at else {
            session.leave();
            continue;
        };
        if peeled(store, at).is_none() {
            fetch(session, store, &[at], Past::None)?;
        } else {
            session.leave();
        }
        return peeled(store, at).ok_or(Fault::Object(at));
    }
    let what = format!("branch or tag `{revision}`");
    Err(Fault::Absent { remote: route.remote.to_string(), what })
}

fn fetch(session: Session, store: &mut Store, wants: &[Oid], past: Past) -> Result<(), Fault> {
    if wants.is_empty() {
        session.leave();
        return Ok(());
    }
    store.take(|piece| session.fetch(&Question { wants, have: &[], past }, piece))
}

/// The commit that an object is, or that a tag leads to.
fn peeled(store: &Store, mut id: Oid) -> Option<Oid> {
    for _ in 0..TAGS_MAX {
        if store.commit(id).is_ok() {
            return Some(id);
        }
        let tag = store.read(id, ObjectType::Tag).ok()?;
        let line = tag.split(|byte| *byte == b'\n').next()?;
        let object = line.strip_prefix(b"object ")?;
        id = Oid::from_str(std::str::from_utf8(object).ok()?).ok()?;
    }
    None
}
