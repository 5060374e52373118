//! Trees of git as bytes: finding an entry, and making the next tree of one and what becomes of its entries.
//!
//! A tree of ten thousand entries is a third of a megabyte. It is never taken apart: what stays is copied in runs, and the
//! same runs are the delta that is sent instead of it.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use git2::Oid;

/// The mode of a folder.
pub(crate) const FOLDER: u32 = 0o40_000;
/// The mode of a plain file.
pub(crate) const FILE: u32 = 0o100_644;

/// A tree.
#[derive(Debug)]
pub(crate) struct Tree {
    bytes: Arc<[u8]>,
    /// Where each entry begins; found when it is first asked for.
    starts: OnceLock<Vec<usize>>,
}

/// An entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'t> {
    pub(crate) mode: u32,
    pub(crate) name: &'t [u8],
    pub(crate) id: Oid,
}

/// What becomes of entries, by name: a mode and an object, or nothing.
pub(crate) type Edits = BTreeMap<Vec<u8>, Option<(u32, Oid)>>;

/// How bytes are made of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Bytes of the old, from a place on.
    Copy { at: usize, len: usize },
    /// Bytes that are only in the new: the next so many there.
    Insert { len: usize },
}

impl Tree {
    pub(crate) fn new(bytes: Arc<[u8]>) -> Self {
        Self { bytes, starts: OnceLock::new() }
    }

    pub(crate) fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Its entries, up to the first that is broken.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (entry, end) = entry(&self.bytes, at)?;
            at = end;
            Some(entry)
        })
    }

    /// The entry of this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Entry<'_>> {
        let starts = self.starts.get_or_init(|| {
            let mut starts = Vec::with_capacity(self.bytes.len() / 32);
            let mut at = 0;
            while let Some((_, end)) = entry(&self.bytes, at) {
                starts.push(at);
                at = end;
            }
            starts
        });
        let at = |start: &usize| entry(&self.bytes, *start).map(|(entry, _)| entry);
        // A folder stands elsewhere than a file of its name.
        [FILE, FOLDER].into_iter().find_map(|mode| {
            let order = |start: &usize| match at(start) {
                Some(entry) => order(entry.name, entry.mode, name, mode),
                None => Ordering::Greater,
            };
            let place = starts.binary_search_by(order).ok()?;
            at(&starts[place]).filter(|entry| entry.name == name)
        })
    }

    /// The next tree, and how it is made of this one.
    pub(crate) fn edited(&self, edits: &Edits) -> (Vec<u8>, Vec<Run>) {
        let mut added: Vec<(&[u8], u32, Oid)> = edits
            .iter()
            .filter_map(|(name, to)| to.map(|(mode, id)| (&**name, mode, id)))
            .collect();
        added.sort_by(|one, other| order(one.0, one.1, other.0, other.1));
        let mut added = added.into_iter().peekable();
        let mut out = Made::new(&self.bytes, self.bytes.len() + added.len() * 64);
        let mut at = 0;
        while let Some((old, end)) = entry(&self.bytes, at) {
            while let Some((name, mode, id)) =
                added.next_if(|(name, mode, _)| order(name, *mode, old.name, old.mode).is_lt())
            {
                out.insert(name, mode, id);
            }
            if !edits.contains_key(old.name) {
                out.copy(at, end);
            }
            at = end;
        }
        for (name, mode, id) in added {
            out.insert(name, mode, id);
        }
        out.end()
    }
}

/// A tree as it is made: the bytes, and the runs that make it.
struct Made<'o> {
    old: &'o [u8],
    bytes: Vec<u8>,
    runs: Vec<Run>,
    /// What is to be copied, when it ends.
    open: Option<(usize, usize)>,
}

impl<'o> Made<'o> {
    fn new(old: &'o [u8], room: usize) -> Self {
        Self { old, bytes: Vec::with_capacity(room), runs: Vec::new(), open: None }
    }

    fn copy(&mut self, from: usize, to: usize) {
        match &mut self.open {
            Some((_, end)) if *end == from => *end = to,
            Some(_) | None => {
                self.close();
                self.open = Some((from, to));
            }
        }
    }

    fn close(&mut self) {
        if let Some((from, to)) = self.open.take() {
            self.bytes.extend_from_slice(&self.old[from..to]);
            self.runs.push(Run::Copy { at: from, len: to - from });
        }
    }

    fn insert(&mut self, name: &[u8], mode: u32, id: Oid) {
        self.close();
        let before = self.bytes.len();
        self.bytes.extend_from_slice(format!("{mode:o} ").as_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.bytes.extend_from_slice(id.as_bytes());
        let len = self.bytes.len() - before;
        match self.runs.last_mut() {
            Some(Run::Insert { len: sum }) => *sum += len,
            Some(Run::Copy { .. }) | None => self.runs.push(Run::Insert { len }),
        }
    }

    fn end(mut self) -> (Vec<u8>, Vec<Run>) {
        self.close();
        (self.bytes, self.runs)
    }
}

/// The entry that begins at a place, and where it ends.
fn entry(bytes: &[u8], at: usize) -> Option<(Entry<'_>, usize)> {
    let rest = bytes.get(at..)?;
    // A mode has five or six digits.
    let blank = rest.iter().take(8).position(|byte| *byte == b' ')?;
    let mode = rest[..blank].iter().try_fold(0, |mode, byte| match byte {
        b'0'..=b'7' => Some(mode * 8 + u32::from(byte - b'0')),
        _ => None,
    })?;
    let zero = blank + 1 + rest[blank + 1..].iter().position(|byte| *byte == 0)?;
    let id = Oid::from_bytes(rest.get(zero + 1..zero + 21)?).ok()?;
    Some((Entry { mode, name: &rest[blank + 1..zero], id }, at + zero + 21))
}

/// The order of git: by bytes, and a folder as if its name ended in a slash.
fn order(one: &[u8], mode: u32, other: &[u8], other_mode: u32) -> Ordering {
    let common = one.len().min(other.len());
    let next = |name: &[u8], mode| match name.get(common) {
        Some(byte) => Some(*byte),
        None => (mode == FOLDER).then_some(b'/'),
    };
    one[..common].cmp(&other[..common]).then_with(|| next(one, mode).cmp(&next(other, other_mode)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(entries: &BTreeMap<Vec<u8>, (u32, Oid)>) -> Tree {
        let edits: Edits = entries.iter().map(|(name, to)| (name.clone(), Some(*to))).collect();
        Tree::new(Tree::new(Arc::from([])).edited(&edits).0.into())
    }

    fn listed(tree: &Tree) -> BTreeMap<Vec<u8>, (u32, Oid)> {
        tree.entries().map(|entry| (entry.name.to_vec(), (entry.mode, entry.id))).collect()
    }

    fn entries() -> impl Strategy<Value = BTreeMap<Vec<u8>, (u32, Oid)>> {
        let to = (prop_oneof![Just(FILE), Just(FOLDER)], any::<[u8; 20]>())
            .prop_map(|(mode, id)| (mode, Oid::from_bytes(&id).unwrap()));
        prop::collection::btree_map(
            "[a-c./0-]{1,3}".prop_map(|name| name.replace('/', "_").into_bytes()),
            to,
            0..12,
        )
    }

    proptest! {
        #[test]
        fn a_tree_is_what_git_makes_of_the_same_entries(entries in entries()) {
            let home = tempfile::tempdir().unwrap();
            let repository = git2::Repository::init_bare(home.path()).unwrap();
            let odb = repository.odb().unwrap();
            let blob = odb.write(git2::ObjectType::Blob, b"x").unwrap();
            let folder = odb.write(git2::ObjectType::Tree, b"").unwrap();
            let entries: BTreeMap<_, _> = entries
                .into_iter()
                .filter(|(name, _)| name != b"." && name != b"..")
                .map(|(name, (mode, _))| (name, (mode, if mode == FOLDER { folder } else { blob })))
                .collect();
            let mut builder = repository.treebuilder(None).unwrap();
            for (name, (mode, id)) in &entries {
                builder.insert(std::str::from_utf8(name).unwrap(), *id, mode.cast_signed()).unwrap();
            }
            let id = Oid::hash_object(git2::ObjectType::Tree, tree(&entries).bytes()).unwrap();
            prop_assert_eq!(builder.write().unwrap(), id);
        }

        #[test]
        fn an_edited_tree_holds_what_stays_and_what_comes(
            before in entries(),
            written in entries(),
            gone in entries(),
        ) {
            let old = tree(&before);
            let mut edits: Edits = gone.into_keys().map(|name| (name, None)).collect();
            edits.extend(written.into_iter().map(|(name, to)| (name, Some(to))));
            let (bytes, runs) = old.edited(&edits);
            let mut after = before;
            for (name, to) in &edits {
                match to {
                    Some(to) => after.insert(name.clone(), *to),
                    None => after.remove(name),
                };
            }
            let new = Tree::new(bytes.into());
            prop_assert_eq!(listed(&new), after.clone());
            let anew = tree(&after);
            prop_assert_eq!(new.bytes(), anew.bytes());
            for (name, (mode, id)) in &after {
                prop_assert_eq!(new.find(name), Some(Entry { mode: *mode, name, id: *id }));
            }
            prop_assert_eq!(new.find(b"absent"), None);
            let mut made = Vec::new();
            for run in runs {
                match run {
                    Run::Copy { at, len } => made.extend_from_slice(&old.bytes()[at..at + len]),
                    Run::Insert { len } => made.extend_from_slice(&new.bytes()[made.len()..made.len() + len]),
                }
            }
            prop_assert_eq!(&made[..], &new.bytes()[..]);
        }

        #[test]
        fn broken_trees_end_where_they_break(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let tree = Tree::new(bytes.into());
            let _ = tree.find(b"x");
            prop_assert!(tree.entries().count() <= 10);
        }
    }
}
