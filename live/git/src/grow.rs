//! The next tree of one and a change, and all objects that are new with it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use git2::{ObjectType, Oid};
use periplus_emit::{Bytes, Change};

use crate::fault::Fault;
use crate::pack::{Delta, Item};
use crate::store::Store;
use crate::tree::{Edits, FILE, FOLDER, Run, Tree};

/// The next tree.
pub(crate) struct Grown {
    /// Its root.
    pub(crate) root: Oid,
    /// What is new.
    pub(crate) items: Vec<Item>,
}

/// What becomes of a name in a folder.
#[derive(Default)]
struct Node<'c> {
    file: Option<&'c Option<Bytes>>,
    inner: Nodes<'c>,
}

type Nodes<'c> = BTreeMap<&'c str, Node<'c>>;

/// A delta that copies less is not worth its name.
const COPIED_MIN: usize = 64;

/// An object as it is sent.
pub(crate) fn object(kind: ObjectType, bytes: Bytes) -> Result<Item, Fault> {
    let id = Oid::hash_object(kind, &bytes).map_err(|_| Fault::Commit {
        what: "an object".to_owned(),
        why: "libgit2 cannot name it",
    })?;
    Ok(Item { id, kind, bytes, delta: None, pressed: OnceLock::new() })
}

impl Grown {
    /// What becomes of a tree.
    pub(crate) fn of(store: &mut Store, old: Option<Oid>, change: &Change) -> Result<Self, Fault> {
        let mut nodes = Nodes::new();
        for (path, to) in change {
            let mut inner = &mut nodes;
            let mut parts = path.split('/').peekable();
            while let Some(part) = parts.next() {
                let node = inner.entry(part).or_default();
                if parts.peek().is_none() {
                    node.file = Some(to);
                    break;
                }
                inner = &mut node.inner;
            }
        }
        let mut grown = Self { root: Oid::ZERO_SHA1, items: Vec::new() };
        grown.root = match grown.folder(store, old, &nodes, "")? {
            Some(root) => root,
            // Git has a tree of nothing, though it keeps no empty folders.
            None => grown.add(object(ObjectType::Tree, Arc::from([]))?),
        };
        Ok(grown)
    }

    fn add(&mut self, item: Item) -> Oid {
        let id = item.id;
        self.items.push(item);
        id
    }

    /// What becomes of a folder; none where nothing is left in it.
    fn folder(
        &mut self,
        store: &mut Store,
        old: Option<Oid>,
        nodes: &Nodes<'_>,
        above: &str,
    ) -> Result<Option<Oid>, Fault> {
        let tree = match old {
            Some(old) => store.tree(old)?,
            None => Arc::new(Tree::new(Arc::from([]))),
        };
        let mut edits = Edits::new();
        for (name, node) in nodes {
            let before = tree.find(name.as_bytes()).map(|entry| (entry.mode, entry.id));
            let after = self.name(store, before, node, &format!("{above}{name}"))?;
            if after != before {
                edits.insert(name.as_bytes().to_vec(), after);
            }
        }
        if edits.is_empty() {
            return Ok(old);
        }
        let (bytes, runs) = tree.edited(&edits);
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut item = object(ObjectType::Tree, bytes.into())?;
        let copied: usize =
            runs.iter().map(|run| if let Run::Copy { len, .. } = run { *len } else { 0 }).sum();
        if let Some(base) = old.filter(|_| copied >= COPIED_MIN) {
            item.delta = Some(Delta { base, base_len: tree.bytes().len(), runs: runs.into() });
        }
        store.remember(item.id, Arc::clone(&item.bytes));
        Ok(Some(self.add(item)))
    }

    /// What becomes of a name.
    fn name(
        &mut self,
        store: &mut Store,
        before: Option<(u32, Oid)>,
        node: &Node<'_>,
        path: &str,
    ) -> Result<Option<(u32, Oid)>, Fault> {
        let clash = |why| Fault::Commit { what: format!("`{path}`"), why };
        let folder = before.and_then(|(mode, id)| (mode == FOLDER).then_some(id));
        let folder = if node.inner.is_empty() {
            folder
        } else {
            self.folder(store, folder, &node.inner, &format!("{path}/"))?
        };
        let stays = before.filter(|(mode, _)| *mode != FOLDER);
        match (node.file, folder) {
            (Some(Some(_)), Some(_)) => Err(clash("it is a folder, in which files stay")),
            (Some(Some(bytes)), None) => {
                let item = object(ObjectType::Blob, Arc::clone(bytes))?;
                let after = (FILE, item.id);
                if before != Some(after) {
                    self.items.push(item);
                }
                Ok(Some(after))
            }
            (None, Some(_)) if stays.is_some() => {
                Err(clash("a file of this name stands where the folder would be"))
            }
            (Some(None) | None, Some(folder)) => Ok(Some((FOLDER, folder))),
            (Some(None), None) => Ok(None),
            (None, None) => Ok(stays),
        }
    }
}
