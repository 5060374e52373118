//! Whose a file is: what stands in a list of ours is ours, and nothing else is ever overwritten or deleted.
//!
//! The lists are files of the same branch, `.owned/<cluster>.json`, a path and the SHA-256 of what we wrote to it; they
//! change in the same commit. Only lists of touched clusters are read, and only touched files are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use git2::{ObjectType, Oid};
use periplus_emit::{Bytes, Change, FilePath};
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::store::Store;
use crate::tree::{FILE, FOLDER};

/// Which list a file stands in; none if it has no place in this repository.
pub type Owner = fn(&FilePath) -> Option<&str>;

/// Whether it is kept in lists what is ours.
#[derive(Clone, Copy, Debug)]
pub enum Ownership {
    /// It is not: all of the branch is ours.
    Off,
    /// It is.
    Listed {
        /// In which list.
        owner: Owner,
        /// What becomes of files of ours that somebody has edited.
        edited: Edited,
    },
}

/// What becomes of files of ours that somebody has edited, when we would change them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edited {
    /// They stay as they are.
    Keep,
    /// They become what we want.
    Restore,
}

/// A file that is not as we left it. Nothing was done to it, except to edited ones under [`Edited::Restore`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conflict {
    /// It is somebody else's.
    Foreign {
        /// Where.
        path: FilePath,
    },
    /// It was ours, and somebody has edited or deleted it.
    Edited {
        /// Where.
        path: FilePath,
    },
}

/// Which list a file stands in, in the layout that the rest of this project writes: one for each cluster, and one for
/// what is about the fleet.
#[must_use]
pub fn place(path: &FilePath) -> Option<&str> {
    let (folder, rest) = path.split_once('/')?;
    match folder {
        "deploy" | "clusters" | "argocd" => rest.split_once('/').map(|(cluster, _)| cluster),
        "decisions" | "placements" => Some("fleet"),
        _ => None,
    }
}

/// The folder of the lists.
const LISTS: &str = ".owned";

/// A list: paths and sums.
type List = BTreeMap<String, String>;

/// The paths that a branch's lists say are ours, of all of its files.
///
/// # Errors
/// A list cannot be read.
pub fn owned_among<B: AsRef<[u8]>>(
    files: &BTreeMap<String, B>,
) -> Result<BTreeSet<String>, String> {
    let mut owned = BTreeSet::new();
    let lists = files.iter().filter(|(path, _)| {
        path.strip_prefix(LISTS)
            .is_some_and(|rest| rest.starts_with('/') && rest.ends_with(".json"))
    });
    for (path, bytes) in lists {
        let list: List =
            serde_json::from_slice(bytes.as_ref()).map_err(|error| format!("`{path}`: {error}"))?;
        owned.extend(list.into_keys());
    }
    Ok(owned)
}

fn list_path(name: &str) -> Result<FilePath, Fault> {
    let bad = |why| Fault::Commit { what: format!("the list of `{name}`"), why };
    if name.contains('/') || name.starts_with('.') {
        return Err(bad("its name must be one part of a path"));
    }
    FilePath::new(format!("{LISTS}/{name}.json")).map_err(|fault| bad(fault.why))
}

/// What may become of a change at a tree, lists included, and what stands in its way.
pub(crate) fn allowed(
    store: &mut Store,
    root: Option<Oid>,
    change: &Change,
    owner: Owner,
    edited: Edited,
) -> Result<(Change, Vec<Conflict>), Fault> {
    let mut by_list: BTreeMap<&str, Vec<(&FilePath, Option<&Bytes>)>> = BTreeMap::new();
    for (path, to) in change {
        let name =
            owner(path).filter(|_| !path.starts_with(LISTS)).ok_or_else(|| Fault::Commit {
                what: format!("`{path}`"),
                why: "it has no place in the layout of this repository",
            })?;
        by_list.entry(name).or_default().push((path, to.as_ref()));
    }
    let (mut out, mut conflicts) = (Change::new(), Vec::new());
    for (name, files) in by_list {
        let path = list_path(name)?;
        let before = read_list(store, root, &path)?;
        let mut list = before.clone();
        for (path, to) in files {
            let found = File::find(store, root, path)?;
            match verdict(list.get(&**path), found.as_ref(), to, edited) {
                Verdict::Do => {}
                Verdict::Skip(conflict) => {
                    conflicts.push(conflict.of(path));
                    continue;
                }
                Verdict::Force => conflicts.push(Wrong::Edited.of(path)),
            }
            match to {
                Some(bytes) => list.insert(path.to_string(), sum(bytes)),
                None => list.remove(&**path),
            };
            out.insert(path.clone(), to.cloned());
        }
        if list != before {
            out.insert(path, written(&list));
        }
    }
    conflicts.sort();
    Ok((out, conflicts))
}

/// A file in a tree.
struct File {
    plain: Option<String>,
}

impl File {
    fn find(store: &mut Store, root: Option<Oid>, path: &str) -> Result<Option<Self>, Fault> {
        let Some(root) = root else { return Ok(None) };
        match store.find(root, path)? {
            None | Some((FOLDER, _)) => Ok(None),
            Some((FILE, id)) => {
                Ok(Some(Self { plain: Some(sum(&store.read(id, ObjectType::Blob)?)) }))
            }
            // A link or a program is nothing that we would have written.
            Some(_) => Ok(Some(Self { plain: None })),
        }
    }
}

enum Wrong {
    Foreign,
    Edited,
}

impl Wrong {
    fn of(self, path: &FilePath) -> Conflict {
        let path = path.clone();
        match self {
            Self::Foreign => Conflict::Foreign { path },
            Self::Edited => Conflict::Edited { path },
        }
    }
}

enum Verdict {
    Do,
    Skip(Wrong),
    Force,
}

fn verdict(
    listed: Option<&String>,
    found: Option<&File>,
    to: Option<&Bytes>,
    edited: Edited,
) -> Verdict {
    let is = found.and_then(|file| file.plain.as_ref());
    let Some(listed) = listed else {
        return if found.is_some() { Verdict::Skip(Wrong::Foreign) } else { Verdict::Do };
    };
    let as_left = is == Some(listed);
    let as_wanted = match to {
        Some(bytes) => is == Some(&sum(bytes)),
        None => found.is_none(),
    };
    if as_left || as_wanted {
        return Verdict::Do;
    }
    match edited {
        Edited::Keep => Verdict::Skip(Wrong::Edited),
        Edited::Restore => Verdict::Force,
    }
}

fn sum(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn read_list(store: &mut Store, root: Option<Oid>, path: &FilePath) -> Result<List, Fault> {
    let fault = |why: &str| Fault::Manifest { path: path.to_string(), why: why.to_owned() };
    let found = match root {
        Some(root) => store.find(root, path)?,
        None => None,
    };
    match found {
        None => Ok(List::new()),
        Some((FILE, id)) => {
            let bytes = store.read(id, ObjectType::Blob)?;
            let list: List =
                serde_json::from_slice(&bytes).map_err(|found| fault(&found.to_string()))?;
            let is_sum =
                |sum: &String| sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            if list.values().all(is_sum) {
                Ok(list)
            } else {
                Err(fault("not every path in it has a SHA-256"))
            }
        }
        Some(_) => Err(fault("it is no plain file")),
    }
}

/// The bytes of a list, a line for each path; none for an empty one.
fn written(list: &List) -> Option<Bytes> {
    if list.is_empty() {
        return None;
    }
    // A map of texts is always JSON.
    let mut text = serde_json::to_string_pretty(list).unwrap_or_default();
    text.push('\n');
    Some(Arc::from(text.into_bytes()))
}

/// All files that a tree's lists say are ours, with their sums.
pub(crate) fn listed(store: &mut Store, root: Oid) -> Result<BTreeMap<FilePath, String>, Fault> {
    let mut listed = BTreeMap::new();
    let lists = match store.find(root, LISTS)? {
        Some((FOLDER, id)) => Some(store.tree(id)?),
        Some(_) | None => None,
    };
    for entry in lists.iter().flat_map(|tree| tree.entries()) {
        let name = String::from_utf8_lossy(entry.name);
        let Ok(path) = FilePath::new(format!("{LISTS}/{name}")) else { continue };
        for (path, sum) in read_list(store, Some(root), &path)? {
            let bad = |why| Fault::Manifest { path: format!("{LISTS}/{name}"), why };
            listed.insert(FilePath::new(path).map_err(|found| bad(found.to_string()))?, sum);
        }
    }
    Ok(listed)
}

/// Compares all of a tree with its lists.
pub(crate) fn verify(store: &mut Store, root: Oid, owner: Owner) -> Result<Vec<Conflict>, Fault> {
    let mut conflicts = Vec::new();
    let listed = listed(store, root)?;
    for (path, sum) in &listed {
        let found = File::find(store, Some(root), path)?;
        if found.and_then(|file| file.plain).as_ref() != Some(sum) {
            conflicts.push(Conflict::Edited { path: path.clone() });
        }
    }
    let mut folders = vec![(String::new(), root)];
    while let Some((above, id)) = folders.pop() {
        for entry in store.tree(id)?.entries() {
            let path = format!("{above}{}", String::from_utf8_lossy(entry.name));
            if entry.mode == FOLDER {
                folders.push((format!("{path}/"), entry.id));
            } else if let Ok(path) = FilePath::new(path)
                && owner(&path).is_some()
                && !listed.contains_key(&path)
            {
                conflicts.push(Conflict::Foreign { path });
            }
        }
    }
    conflicts.sort();
    Ok(conflicts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_layout_has_its_list() {
        for (path, list) in [
            ("deploy/edge-1/shop/50-deployment-web.yaml", Some("edge-1")),
            ("deploy/edge-1/_net/x.yaml", Some("edge-1")),
            ("clusters/edge-1/apps.yaml", Some("edge-1")),
            ("argocd/edge-1/a.yaml", Some("edge-1")),
            ("decisions/shop.json", Some("fleet")),
            ("placements/shop.json", Some("fleet")),
            ("deploy/README.md", None),
            ("argocd/edge-1.yaml", None),
            ("README.md", None),
            (".owned/edge-1.json", None),
        ] {
            assert_eq!(place(&FilePath::new(path).unwrap()), list, "{path}");
        }
    }

    #[test]
    fn a_list_has_one_form() {
        let list = List::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())]);
        assert_eq!(&*written(&list).unwrap(), b"{\n  \"a\": \"1\",\n  \"b\": \"2\"\n}\n");
        assert_eq!(written(&List::new()), None);
    }

    #[test]
    fn what_is_not_as_we_left_it_is_left_alone() {
        let bytes: Bytes = Arc::from(&b"new"[..]);
        let old = sum(b"old");
        let file = |text: &[u8]| Some(File { plain: Some(sum(text)) });
        let shown = |listed: Option<&String>, found: Option<File>, to: Option<&Bytes>, edited| {
            match verdict(listed, found.as_ref(), to, edited) {
                Verdict::Do => "do",
                Verdict::Skip(Wrong::Foreign) => "foreign",
                Verdict::Skip(Wrong::Edited) => "keep",
                Verdict::Force => "restore",
            }
        };
        let link = || Some(File { plain: None });
        for (listed, found, to, kept, restored) in [
            (None, None, Some(&bytes), "do", "do"),
            (None, file(b"x"), Some(&bytes), "foreign", "foreign"),
            (None, file(b"new"), Some(&bytes), "foreign", "foreign"),
            (None, file(b"x"), None, "foreign", "foreign"),
            (None, link(), None, "foreign", "foreign"),
            (Some(&old), file(b"old"), Some(&bytes), "do", "do"),
            (Some(&old), file(b"old"), None, "do", "do"),
            (Some(&old), file(b"x"), Some(&bytes), "keep", "restore"),
            (Some(&old), file(b"x"), None, "keep", "restore"),
            (Some(&old), link(), None, "keep", "restore"),
            (Some(&old), None, Some(&bytes), "keep", "restore"),
            (Some(&old), None, None, "do", "do"),
            (Some(&old), file(b"new"), Some(&bytes), "do", "do"),
        ] {
            let again = found.as_ref().map(|file| File { plain: file.plain.clone() });
            assert_eq!(shown(listed, found, to, Edited::Keep), kept);
            assert_eq!(shown(listed, again, to, Edited::Restore), restored);
        }
    }
}
