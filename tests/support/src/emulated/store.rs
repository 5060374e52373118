//! What one emulated cluster holds: objects by kind and key, one counter of versions, and a ring of the last changes,
//! from which watches are fed and earlier states are read. It knows nothing of HTTP nor of what may be written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::object::{self, Stored};

/// Objects of one kind by `namespace/name`, or `name` outside of namespaces.
pub(super) type Table = BTreeMap<Box<str>, Arc<Stored>>;

/// The state of one cluster.
#[derive(Debug)]
pub(super) struct Store {
    /// Shared between clusters until one gets a kind of its own. An index into it is also one into `tables`.
    pub(super) kinds: Arc<Vec<Arc<Kind>>>,
    tables: Vec<Table>,
    version: u64,
    /// Changes `floor + 1 ..= version`, one each.
    ring: VecDeque<Change>,
    floor: u64,
    history: usize,
    cluster: usize,
    objects_made: u64,
}

/// One change. What it was before is kept too: a selector may have matched only that.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// Index of the kind.
    pub(super) table: usize,
    /// `namespace/name` or `name`.
    pub(super) key: Box<str>,
    /// The object before.
    pub(super) before: Option<Arc<Stored>>,
    /// The object after. A deleted one has the version of its deletion.
    pub(super) after: Arc<Stored>,
    /// Whether it is gone.
    pub(super) gone: bool,
}

impl Store {
    /// An empty cluster; `cluster` goes into uids.
    pub(super) fn new(kinds: Arc<Vec<Arc<Kind>>>, cluster: usize, history: usize) -> Self {
        let tables = kinds.iter().map(|_| Table::new()).collect();
        let ring = VecDeque::new();
        Self { kinds, tables, version: 1, ring, floor: 1, history, cluster, objects_made: 0 }
    }

    /// The newest version.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The oldest version from which a watch can still start.
    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    /// Serves one more kind, or another version of one.
    pub(super) fn register(&mut self, kind: Kind) {
        let kinds = Arc::make_mut(&mut self.kinds);
        let same = |known: &Arc<Kind>| known.group == kind.group && known.plural == kind.plural;
        match kinds.iter().position(same) {
            Some(at) => kinds[at] = Arc::new(kind),
            None => {
                kinds.push(Arc::new(kind));
                self.tables.push(Table::new());
            }
        }
    }

    /// The index of the kind that is served there.
    pub(super) fn serves(&self, group: &str, version: &str, plural: &str) -> Option<usize> {
        self.kinds.iter().position(|kind| kind.is_at(group, version, plural))
    }

    /// Whether anything is served of a group's version.
    pub(super) fn has_group(&self, group: &str, version: &str) -> bool {
        self.kinds.iter().any(|kind| kind.is_at(group, version, &kind.plural))
    }

    /// The index of a kind by its plural, whatever its group.
    pub(super) fn plural(&self, plural: &str) -> Option<usize> {
        self.kinds.iter().position(|kind| kind.plural == plural)
    }

    /// The index of the kind that an object says it is.
    pub(super) fn kind_of(&self, object: &Value) -> Option<usize> {
        let (api, kind) = (object::text(object, "/apiVersion"), object::text(object, "/kind"));
        self.kinds.iter().position(|known| known.is_of(api, kind))
    }

    /// All of a kind.
    pub(super) fn table(&self, table: usize) -> &Table {
        &self.tables[table]
    }

    /// One object.
    pub(super) fn stored(&self, table: usize, key: &str) -> Option<&Arc<Stored>> {
        self.tables[table].get(key)
    }

    /// One object as a tree, in the preferred version of its kind.
    pub(super) fn value(&self, table: usize, key: &str) -> Option<Value> {
        let kind = &self.kinds[table];
        self.stored(table, key).map(|stored| stored.value(&kind.api_version(), &kind.kind))
    }

    /// Whether a namespace is there, and whether it is going.
    pub(super) fn namespace(&self, name: &str) -> Option<Namespace> {
        let table = self.serves("", "v1", "namespaces")?;
        let object = self.value(table, name)?;
        let going = object.pointer("/metadata/deletionTimestamp").is_some();
        Some(if going { Namespace::Going } else { Namespace::Open })
    }

    /// Puts an object where it belongs and returns it with its new version.
    pub(super) fn write(&mut self, table: usize, key: &str, mut object: Value) -> Value {
        let version = self.next();
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let answer = object.clone();
        let after = Arc::new(Stored::new(object, version));
        let before = self.tables[table].insert(key.into(), Arc::clone(&after));
        self.remember(Change { table, key: key.into(), before, after, gone: false });
        answer
    }

    /// Takes an object away; `last` is what its watchers get to see of it.
    pub(super) fn erase(&mut self, table: usize, key: &str, last: Value) {
        let before = self.tables[table].remove(key);
        assert!(before.is_some(), "only what is there can be erased: {key}");
        let version = self.next();
        let after = Arc::new(Stored::new(last, version));
        self.remember(Change { table, key: key.into(), before, after, gone: true });
    }

    /// The changes after a version, oldest first; `None` if they are no longer known.
    pub(super) fn since(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        let skipped = version.checked_sub(self.floor)?;
        Some(self.ring.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)))
    }

    /// All of a kind as of an earlier version; `None` if that is no longer known.
    pub(super) fn at(&self, table: usize, version: u64) -> Option<Table> {
        let mut then = self.tables[table].clone();
        let later: Vec<&Change> = self.since(version)?.collect();
        for change in later.into_iter().rev().filter(|change| change.table == table) {
            match &change.before {
                Some(before) => then.insert(change.key.clone(), Arc::clone(before)),
                None => then.remove(&change.key),
            };
        }
        Some(then)
    }

    /// Forgets all changes so far.
    pub(super) fn compact(&mut self) {
        self.ring.clear();
        self.floor = self.version;
    }

    /// A number no object of this cluster had yet, and a uid made of it.
    pub(super) fn uid(&mut self) -> (u64, String) {
        self.objects_made += 1;
        let (cluster, made) = (self.cluster, self.objects_made);
        (made, format!("{cluster:08x}-0000-4000-8000-{made:012x}"))
    }

    /// Bytes that the objects and the ring take, about.
    pub(super) fn weight(&self) -> usize {
        // A map's entry with its share of a node, and the counters of an `Arc`.
        const ENTRY: usize = 64;
        let objects = self.tables.iter().flatten();
        let held: usize = objects.map(|(key, stored)| key.len() + stored.weight() + ENTRY).sum();
        let ring: usize = self
            .ring
            .iter()
            .map(|change| {
                let current = self.tables[change.table].get(&change.key);
                let shared = current.is_some_and(|now| Arc::ptr_eq(now, &change.after));
                let own = if shared { 0 } else { change.after.weight() };
                size_of::<Change>() + change.key.len() + own
            })
            .sum();
        held + ring
    }

    fn next(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    fn remember(&mut self, change: Change) {
        self.ring.push_back(change);
        if self.ring.len() > self.history {
            self.ring.pop_front();
            self.floor += 1;
        }
        assert_eq!(self.floor + self.ring.len() as u64, self.version, "a version is one change");
    }
}

/// How a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Namespace {
    /// Objects may be made in it.
    Open,
    /// It is being deleted.
    Going,
}

/// Where an object lies in its table.
pub(super) fn key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}

/// The namespace and the name of a key.
pub(super) fn parts(key: &str) -> (&str, &str) {
    key.split_once('/').unwrap_or(("", key))
}
