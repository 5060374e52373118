//! The cache: a bare repository with what leads to the head, and what was made since in memory.
//!
//! Nothing in it is needed: it is made again from the remote. Objects that were just made stay in memory until there are
//! many, and then become one pack; a process that dies loses them here, and finds them in the remote.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use git2::{ObjectType, Oid, Repository, RepositoryInitOptions};
use sha2::{Digest, Sha256};

use crate::commit::{self, Read};
use crate::fault::Fault;
use crate::gather::put_together;
use crate::pace::Pace;
use crate::pack::{Bases, Item, pack};
use crate::protocol::Broken;
use crate::target::Target;
use crate::tree::{FOLDER, Tree};

/// How many bytes of objects stay in memory before they become a pack. That takes 60 ms for these, and a commit waits for it.
const FRESH_MAX: usize = 8 << 20;
/// How many objects do. Deltas among them become chains, which readers follow.
const FRESH_COUNT_MAX: usize = 20_000;
/// How many bytes of trees are kept for the next commit.
const TREES_MAX: usize = 128 << 20;
/// From so many packs on, small ones are put together.
const PACKS_MAX: usize = 40;
/// Larger packs are left as they are, in bytes.
const SMALL_PACK_MAX: u64 = 16 << 20;
/// The file that says which commit the cache leads to.
const HEAD_FILE: &str = "periplus-head";

/// The cache of one branch.
pub(crate) struct Store {
    dir: PathBuf,
    repository: Repository,
    trees: BTreeMap<Oid, Arc<Tree>>,
    trees_bytes: usize,
    fresh: BTreeMap<Oid, Item>,
    order: Vec<Oid>,
    fresh_bytes: usize,
    packs: usize,
    /// Held as long as this lives, and no longer than the process does: nobody else writes to this branch from here.
    lock: File,
}

impl Store {
    /// Opens or makes the cache of a branch below a folder.
    pub(crate) fn open(below: &Path, target: &Target, pace: &dyn Pace) -> Result<Self, Fault> {
        let name = name(target);
        let fault =
            |why: &dyn ToString| Fault::Cache { path: below.to_owned(), why: why.to_string() };
        fs::create_dir_all(below).map_err(|found| fault(&found))?;
        let path = below.join(format!("{name}.lock"));
        let lock =
            File::options().create(true).append(true).open(&path).map_err(|found| fault(&found))?;
        take(&lock, pace).map_err(|found| match found {
            TryLockError::WouldBlock => Fault::Taken { target: target.to_string(), lock: path },
            TryLockError::Error(found) => fault(&found),
        })?;
        let dir = below.join(format!("{name}.git"));
        tidy(&dir);
        let repository = match Repository::open_bare(&dir) {
            Ok(repository) => repository,
            Err(_) => make(&dir)?,
        };
        let packs = packs(&dir).len();
        Ok(Self {
            dir,
            repository,
            trees: BTreeMap::new(),
            trees_bytes: 0,
            fresh: BTreeMap::new(),
            order: Vec::new(),
            fresh_bytes: 0,
            packs,
            lock,
        })
    }

    /// Throws all of it away.
    pub(crate) fn remake(&mut self) -> Result<(), Fault> {
        self.repository = make(&self.dir)?;
        self.trees.clear();
        self.trees_bytes = 0;
        self.forget_fresh();
        self.packs = 0;
        Ok(())
    }

    fn fault(&self, why: &impl ToString) -> Fault {
        Fault::Cache { path: self.dir.clone(), why: why.to_string() }
    }

    /// The commit that the cache on disk leads to, if all is there.
    pub(crate) fn saved_head(&self) -> Option<Oid> {
        let text = fs::read_to_string(self.dir.join(HEAD_FILE)).ok()?;
        let head = Oid::from_str(text.trim()).ok()?;
        self.commit(head).ok().map(|_| head)
    }

    fn save_head(&self, head: Option<Oid>) -> Result<(), Fault> {
        let Some(head) = head else { return Ok(()) };
        let (draft, path) = (self.dir.join("periplus-head.draft"), self.dir.join(HEAD_FILE));
        let written =
            fs::write(&draft, format!("{head}\n")).and_then(|()| fs::rename(&draft, &path));
        written.map_err(|found| self.fault(&found))
    }

    /// The bytes of an object.
    pub(crate) fn read(&self, id: Oid, kind: ObjectType) -> Result<Arc<[u8]>, Fault> {
        if let Some(item) = self.fresh.get(&id) {
            return if item.kind == kind {
                Ok(Arc::clone(&item.bytes))
            } else {
                Err(Fault::Object(id))
            };
        }
        let odb = self.repository.odb().map_err(|found| self.fault(&found))?;
        let object = odb.read(id).map_err(|_| Fault::Object(id))?;
        if object.kind() == kind { Ok(object.data().into()) } else { Err(Fault::Object(id)) }
    }

    /// A tree.
    pub(crate) fn tree(&mut self, id: Oid) -> Result<Arc<Tree>, Fault> {
        if let Some(tree) = self.trees.get(&id) {
            return Ok(Arc::clone(tree));
        }
        let bytes = self.read(id, ObjectType::Tree)?;
        Ok(self.remember(id, bytes))
    }

    /// Keeps a tree for the next commit.
    pub(crate) fn remember(&mut self, id: Oid, bytes: Arc<[u8]>) -> Arc<Tree> {
        if self.trees_bytes > TREES_MAX {
            self.trees.clear();
            self.trees_bytes = 0;
        }
        self.trees_bytes += bytes.len();
        let tree = Arc::new(Tree::new(bytes));
        self.trees.insert(id, Arc::clone(&tree));
        tree
    }

    /// A commit.
    pub(crate) fn commit(&self, id: Oid) -> Result<Read, Fault> {
        commit::read(&self.read(id, ObjectType::Commit)?).ok_or(Fault::Object(id))
    }

    /// What stands at a path of a tree: its mode and its object.
    pub(crate) fn find(&mut self, root: Oid, path: &str) -> Result<Option<(u32, Oid)>, Fault> {
        let mut at = (FOLDER, root);
        for part in path.split('/') {
            if at.0 != FOLDER {
                return Ok(None);
            }
            match self.tree(at.1)?.find(part.as_bytes()) {
                Some(entry) => at = (entry.mode, entry.id),
                None => return Ok(None),
            }
        }
        Ok(Some(at))
    }

    /// Takes in what has landed.
    pub(crate) fn keep(&mut self, items: Vec<Item>, head: Oid) -> Result<(), Fault> {
        for item in items {
            if !self.fresh.contains_key(&item.id) {
                self.fresh_bytes += item.bytes.len();
                self.order.push(item.id);
                self.fresh.insert(item.id, item);
            }
        }
        if self.fresh_bytes > FRESH_MAX || self.order.len() > FRESH_COUNT_MAX {
            self.flush(head)
        } else {
            Ok(())
        }
    }

    /// Makes a pack of what is in memory, which leads to `head`.
    pub(crate) fn flush(&mut self, head: Oid) -> Result<(), Fault> {
        if !self.order.is_empty() {
            let bytes = pack(self.order.iter().map(|id| &self.fresh[id]), Bases::Within);
            let path = self.dir.clone();
            let fault = |broken: Broken| Fault::Cache { path, why: broken.to_string() };
            self.take(|piece| piece(&bytes).map_err(fault))?;
            self.forget_fresh();
        }
        self.save_head(Some(head))
    }

    fn forget_fresh(&mut self) {
        self.fresh.clear();
        self.order.clear();
        self.fresh_bytes = 0;
    }

    /// Takes in a pack, piece by piece.
    pub(crate) fn take(
        &mut self,
        feed: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<(), Broken>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let odb = self.repository.odb().map_err(|found| self.fault(&found))?;
        let mut writer = odb.packwriter().map_err(|found| self.fault(&found))?;
        let mut start = Vec::new();
        let mut failed = None;
        let fed = feed(&mut |piece| {
            start.extend_from_slice(&piece[..piece.len().min(PACK_HEADER - start.len())]);
            writer.write_all(piece).map_err(|found| {
                // libgit2 says more than the error of the stream does.
                let why = git2::Error::last_error(-1).message().to_owned();
                failed = Some(why.clone());
                Broken::Odd(format!("{found}: {why}"))
            })
        });
        if let Some(why) = failed {
            return Err(self.fault(&why));
        }
        fed?;
        // A pack of nothing comes where the remote went back to what we have. libgit2 takes none.
        if start.get(8..PACK_HEADER) == Some(&[0; 4]) {
            return Ok(());
        }
        writer.commit().map_err(|found| self.fault(&found))?;
        drop(writer);
        odb.refresh().map_err(|found| self.fault(&found))?;
        drop(odb);
        self.packs += 1;
        if self.packs > PACKS_MAX { self.gather() } else { Ok(()) }
    }

    /// Puts small packs together into one.
    fn gather(&mut self) -> Result<(), Fault> {
        let all = packs(&self.dir);
        let small: Vec<PathBuf> = all
            .iter()
            .filter(|path| fs::metadata(path).is_ok_and(|found| found.len() < SMALL_PACK_MAX))
            .cloned()
            .collect();
        let folder = self.dir.join("objects/pack");
        let made = put_together(&folder, &small).map_err(|why| self.fault(&why))?;
        for path in small.iter().filter(|path| Some(path.as_path()) != made.as_deref()) {
            let removed =
                fs::remove_file(path.with_extension("idx")).and_then(|()| fs::remove_file(path));
            removed.map_err(|found| self.fault(&found))?;
        }
        self.repository = Repository::open_bare(&self.dir).map_err(|found| self.fault(&found))?;
        // Large ones stay, and must not bring us here each time.
        self.packs = packs(&self.dir).len().min(PACKS_MAX / 2);
        Ok(())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Closing it is not enough: a program that is about to be started still holds it for a moment.
        let _ = self.lock.unlock();
    }
}

/// How often a lock is tried.
const LOCK_TRIES: u32 = 100;
/// How long we wait between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Takes the lock. What a killed process was about to start holds its lock for a moment longer.
fn take(lock: &File, pace: &dyn Pace) -> Result<(), TryLockError> {
    for _ in 1..LOCK_TRIES {
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => pace.pause(LOCK_PAUSE),
            taken => return taken,
        }
    }
    lock.try_lock()
}

/// How long the header of a pack is.
const PACK_HEADER: usize = 12;

/// A name for the folder of a branch's cache.
fn name(target: &Target) -> String {
    let Target { remote, branch } = target;
    let sum = Sha256::digest(format!("{remote}\0{branch}"));
    sum.iter().take(10).map(|byte| format!("{byte:02x}")).collect()
}

/// Removes what a process that was killed has left. Nobody else is here: we hold the lock.
fn tidy(dir: &Path) {
    let files = |dir: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
    };
    let ends = |path: &Path, end: &str| path.extension().is_some_and(|found| found == end);
    for path in files(dir).into_iter().filter(|path| ends(path, "lock") || ends(path, "draft")) {
        let _ = fs::remove_file(path);
    }
    for path in files(&dir.join("objects/pack")) {
        let other = if ends(&path, "pack") { "idx" } else { "pack" };
        let whole =
            (ends(&path, "pack") || ends(&path, "idx")) && path.with_extension(other).exists();
        if !whole {
            let _ = fs::remove_file(path);
        }
    }
}

/// Makes an empty repository in place of whatever is there.
fn make(dir: &Path) -> Result<Repository, Fault> {
    let fault = |why: &dyn ToString| Fault::Cache { path: dir.to_owned(), why: why.to_string() };
    let removed = match fs::symlink_metadata(dir) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(dir),
        Ok(_) => fs::remove_file(dir),
        Err(_) => Ok(()),
    };
    removed.map_err(|found| fault(&found))?;
    let mut options = RepositoryInitOptions::new();
    options.bare(true).external_template(false).no_reinit(true);
    Repository::init_opts(dir, &options).map_err(|found| fault(&found.message()))
}

fn packs(dir: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(dir.join("objects/pack")).into_iter().flatten().filter_map(Result::ok);
    let paths = entries.map(|entry| entry.path());
    let mut found: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "pack")).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;

    use super::*;

    struct Hurry;

    impl Pace for Hurry {
        fn now_ms(&self) -> u64 {
            0
        }
        fn pause(&self, _: Duration) {}
    }

    fn blob(text: &str) -> Item {
        let bytes: Arc<[u8]> = text.as_bytes().into();
        let id = Oid::hash_object(ObjectType::Blob, &bytes).unwrap();
        Item { id, kind: ObjectType::Blob, bytes, delta: None, pressed: OnceLock::new() }
    }

    fn target() -> Target {
        Target::new("/srv/fleet.git", "main").unwrap()
    }

    #[test]
    fn a_branch_has_one_writer() {
        let home = tempfile::tempdir().unwrap();
        let store = Store::open(home.path(), &target(), &Hurry).unwrap();
        assert!(matches!(Store::open(home.path(), &target(), &Hurry), Err(Fault::Taken { .. })));
        let other = Target::new("/srv/fleet.git", "other").unwrap();
        assert!(Store::open(home.path(), &other, &Hurry).is_ok());
        drop(store);
        assert!(Store::open(home.path(), &target(), &Hurry).is_ok());
    }

    #[test]
    fn packs_stay_few_and_lose_nothing() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(home.path(), &target(), &Hurry).unwrap();
        for number in 0..3 * PACKS_MAX {
            let item = blob(&format!("file {number}"));
            store.keep(vec![item.clone(), blob("same")], item.id).unwrap();
            store.flush(item.id).unwrap();
            assert!(packs(&store.dir).len() <= PACKS_MAX + 1);
        }
        for number in 0..3 * PACKS_MAX {
            let item = blob(&format!("file {number}"));
            assert_eq!(store.read(item.id, ObjectType::Blob).unwrap(), item.bytes);
        }
        assert!(store.read(Oid::ZERO_SHA1, ObjectType::Blob).is_err());
    }

    #[test]
    fn what_a_killed_process_left_is_in_nobodys_way() {
        let home = tempfile::tempdir().unwrap();
        drop(Store::open(home.path(), &target(), &Hurry).unwrap());
        let dir = home.path().join(format!("{}.git", name(&target())));
        let left = [
            "config.lock",
            "HEAD.lock",
            "periplus-head.draft",
            "objects/pack/pack_git2_x",
            "objects/pack/a.pack",
            "objects/pack/b.idx",
        ];
        for path in left {
            fs::write(dir.join(path), "x").unwrap();
        }
        let store = Store::open(home.path(), &target(), &Hurry).unwrap();
        assert!(left.iter().all(|path| !dir.join(path).exists()));
        assert_eq!(store.saved_head(), None);
        drop(store);
        fs::remove_dir_all(&dir).unwrap();
        fs::write(&dir, "not even a folder").unwrap();
        assert!(Store::open(home.path(), &target(), &Hurry).is_ok());
    }
}
