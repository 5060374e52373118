//! The one writer of a branch: what becomes of a change, whoever else pushes and whatever breaks.
//!
//! An attempt reads like this: where is the branch → have we all that leads there → is it still ours to write (`fence`) → is
//! the commit out already → what of the change is allowed there → the next tree → the commit → the remote moves the branch, if it still is where it was. Each
//! step that says no says why.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::time::Instant;

use git2::{ObjectType, Oid};
use periplus_emit::FilePath;

use crate::commit::{Commit, identity, with_signature};
use crate::fault::Fault;
use crate::fence::Watch;
use crate::grow::{Grown, object};
use crate::history::{History, Landed};
use crate::options::Options;
use crate::ownership::{self, Conflict, Ownership};
use crate::pace::pause_after;
use crate::pack::Item;
use crate::protocol::fetch::{Past, Question};
use crate::protocol::push::{Command, Report};
use crate::secret::plain;
use crate::spent::Spent;
use crate::store::Store;
use crate::target::Target;
use crate::wire::{Route, Sent, Service, Session};

/// Where a branch is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its commit; none where the branch is not made yet.
    pub commit: Option<Oid>,
    /// The tree of the commit.
    pub tree: Option<Oid>,
    /// The newest commit that carries a number of ours, at it or under it.
    pub newest: Option<Landed>,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is out.
    Done {
        /// It.
        commit: Oid,
        /// What it stands on.
        parent: Option<Oid>,
        /// How often it was tried: 0 if it was out already.
        attempts: u32,
        /// What was left alone, or restored.
        conflicts: Vec<Conflict>,
    },
    /// Nothing had to change.
    Unchanged {
        /// Where the branch is.
        head: Option<Oid>,
        /// What was left alone.
        conflicts: Vec<Conflict>,
    },
    /// It is surely not out.
    Failed(Fault),
    /// It may be out: the next [`Writer::refresh`] or [`Writer::write`] finds it if it is.
    Unknown(Fault),
}

/// The one writer of a branch.
pub struct Writer {
    target: Target,
    reference: String,
    options: Options,
    route: Route,
    store: Store,
    history: History,
    watch: Watch,
    head: Option<Oid>,
    spent: Spent,
}

/// How one attempt ended.
enum Step {
    End(Outcome),
    /// Somebody was quicker, as the remote or we noticed.
    Again(String),
}

/// How many commits we tell the remote that we have.
const HAVE_MAX: usize = 32;

impl Writer {
    /// Opens the writer of a branch, with its cache below a folder. The remote is not asked yet.
    ///
    /// # Errors
    /// The cache cannot be used, or another process writes to the branch.
    pub fn open(cache: &Path, target: Target, options: Options) -> Result<Self, Fault> {
        let store = Store::open(cache, &target, &*options.pace)?;
        let head = store.saved_head();
        let route = options.route(&target);
        let reference = target.reference();
        let (history, watch) = (History::default(), Watch::default());
        let spent = Spent::begin();
        Ok(Self { target, reference, options, route, store, history, watch, head, spent })
    }

    /// Where this writer writes to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Asks the remote where the branch is, and gets what leads there.
    ///
    /// # Errors
    /// The remote cannot be asked, or what it sends cannot be used.
    pub fn refresh(&mut self) -> Result<Head, Fault> {
        self.mended(Self::look)
    }

    /// The commit of ours that carries these trailers, as of the last look at the remote.
    #[must_use]
    pub fn landed(&self, commit: &Commit) -> Option<&Landed> {
        self.history.find(&self.marked(commit).trailers)
    }

    /// Commits a change to the branch.
    pub fn write(&mut self, commit: &Commit) -> Outcome {
        self.spent = Spent::begin();
        let outcome = self.try_to_write(commit);
        self.spent.ended = Instant::now();
        outcome
    }

    /// How long the last write took, and what for.
    #[must_use]
    pub fn spent(&self) -> Spent {
        self.spent
    }

    fn try_to_write(&mut self, commit: &Commit) -> Outcome {
        let commit = &*self.marked(commit);
        if let Some(fault) = commit.fault() {
            return Outcome::Failed(fault);
        }
        // A first fetch may be long, and would use up the time of the conversation in which we push.
        if self.head.is_none() {
            let refreshed = self.refresh();
            self.spent.fetching += self.spent.began.elapsed();
            if let Err(fault) = refreshed {
                return Outcome::Failed(fault);
            }
        }
        let mut why = "nothing was tried".to_owned();
        for attempt in 1..=self.options.attempts_max {
            if attempt > 1 {
                self.options.pace.pause(pause_after(attempt - 1));
            }
            match self.mended(|writer| writer.attempt(commit, attempt)) {
                Ok(Step::End(outcome)) => return outcome,
                Ok(Step::Again(told)) => why = told,
                Err(fault) => return Outcome::Failed(fault),
            }
        }
        Outcome::Failed(Fault::Contended {
            remote: self.target.remote.to_string(),
            reference: self.reference.clone(),
            attempts: self.options.attempts_max,
            why,
        })
    }

    /// What of a change would be left alone or restored, where the branch is now.
    ///
    /// # Errors
    /// As [`Writer::refresh`]; or a list of what is ours cannot be read.
    pub fn conflicts(&mut self, change: &periplus_emit::Change) -> Result<Vec<Conflict>, Fault> {
        let tree = self.refresh()?.tree;
        match self.options.ownership {
            Ownership::Off => Ok(Vec::new()),
            Ownership::Listed { owner, edited } => {
                Ok(ownership::allowed(&mut self.store, tree, change, owner, edited)?.1)
            }
        }
    }

    /// The files of the branch that its lists say are ours.
    ///
    /// # Errors
    /// As [`Writer::refresh`]; or a list of what is ours cannot be read.
    pub fn owned(&mut self) -> Result<BTreeSet<FilePath>, Fault> {
        match self.refresh()?.tree {
            Some(tree) => Ok(ownership::listed(&mut self.store, tree)?.into_keys().collect()),
            None => Ok(BTreeSet::new()),
        }
    }

    /// Compares all of the branch with the lists of what is ours.
    ///
    /// # Errors
    /// As [`Writer::refresh`]; or a list of what is ours cannot be read.
    pub fn verify(&mut self) -> Result<Vec<Conflict>, Fault> {
        match (self.refresh()?.tree, self.options.ownership) {
            (None, _) | (Some(_), Ownership::Off) => Ok(Vec::new()),
            (Some(tree), Ownership::Listed { owner, edited: _ }) => {
                ownership::verify(&mut self.store, tree, owner)
            }
        }
    }

    /// A commit as it goes out: with our epoch, where there is one.
    fn marked<'c>(&self, commit: &'c Commit) -> Cow<'c, Commit> {
        match &self.options.fence {
            Some(fence) => Cow::Owned(fence.marked(commit)),
            None => Cow::Borrowed(commit),
        }
    }

    /// Does something with the cache; if the cache is broken, makes it again and does it once more.
    fn mended<T>(
        &mut self,
        mut act: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match act(self) {
            Err(Fault::Object(_) | Fault::Cache { .. }) => {
                self.store.remake()?;
                self.forget();
                act(self)
            }
            other => other,
        }
    }

    fn look(&mut self) -> Result<Head, Fault> {
        let session = self.route.open(Service::Upload, &self.reference)?;
        self.follow(session)?;
        let tree = match self.head {
            Some(head) => Some(self.store.commit(head)?.tree),
            None => None,
        };
        Ok(Head { commit: self.head, tree, newest: self.history.newest().cloned() })
    }

    /// Gets what leads to where the branch is, and looks at it.
    fn follow(&mut self, session: Session) -> Result<(), Fault> {
        match session.advert.at {
            Some(at) if Some(at) != self.head => self.fetch(session, at)?,
            Some(at) => {
                session.leave();
                self.head = Some(at);
            }
            None => {
                session.leave();
                self.head = None;
                self.begin()?;
            }
        }
        self.see()
    }

    /// Looks at what leads to the head.
    fn see(&mut self) -> Result<(), Fault> {
        let Self { store, history, head, options, watch, .. } = self;
        let news = history.extend(*head, |id| store.commit(id))?;
        if let Some(fence) = &options.fence {
            watch.hear(fence, &news);
        }
        Ok(())
    }

    fn forget(&mut self) {
        self.head = None;
        self.history = History::default();
        self.watch.forget();
    }

    /// Why the branch is not ours to write.
    fn deposed(&self) -> Option<Fault> {
        let fence = self.options.fence.as_ref()?;
        let why = self.watch.why_over(fence)?;
        let (remote, reference) = (self.target.remote.to_string(), self.reference.clone());
        Some(Fault::Deposed { remote, reference, epoch: fence.epoch, why })
    }

    /// A branch that is not made yet begins where its base is now.
    fn begin(&mut self) -> Result<(), Fault> {
        let Some(base) = &self.options.base else { return Ok(()) };
        let reference = Target { branch: base.clone(), ..self.target.clone() }.reference();
        let session = self.route.open(Service::Upload, &reference)?;
        match session.advert.at {
            Some(at) if self.store.commit(at).is_err() => self.fetch(session, at)?,
            at => {
                session.leave();
                self.head = at;
            }
        }
        Ok(())
    }

    fn fetch(&mut self, session: Session, at: Oid) -> Result<(), Fault> {
        let mut have = self.history.recent(HAVE_MAX);
        if let Some(head) = self.head {
            self.store.flush(head)?;
            if !have.contains(&head) {
                have.insert(0, head);
            }
        }
        let question = Question { wants: &[at], have: &have, past: Past::Whole };
        self.store.take(|piece| session.fetch(&question, piece))?;
        let tree = self.store.commit(at)?.tree;
        self.store.tree(tree)?;
        self.store.flush(at)?;
        self.head = Some(at);
        Ok(())
    }

    fn attempt(&mut self, commit: &Commit, attempt: u32) -> Result<Step, Fault> {
        let began = Instant::now();
        let session = self.route.open(Service::Receive, &self.reference)?;
        let at = session.advert.at;
        if at.is_some() && at != self.head {
            let look = self.route.open(Service::Upload, &self.reference)?;
            self.follow(look)?;
            if self.head != at {
                session.leave();
                return Ok(Step::Again("it was moved while we looked".to_owned()));
            }
        } else {
            self.head = at;
            if at.is_none() {
                self.begin()?;
            }
            self.see()?;
        }
        if let Some(fault) = self.deposed() {
            session.leave();
            return Err(fault);
        }
        if let Some(Landed { commit, parent, trailers: _ }) = self.history.find(&commit.trailers) {
            let (commit, parent, conflicts) = (*commit, *parent, Vec::new());
            session.leave();
            return Ok(Step::End(Outcome::Done { commit, parent, attempts: 0, conflicts }));
        }
        self.spent.fetching += began.elapsed();
        let began = Instant::now();
        let made = self.make(commit);
        self.spent.making += began.elapsed();
        let (made, conflicts) = match made {
            Ok(made) => made,
            Err(fault) => {
                session.leave();
                return Err(fault);
            }
        };
        let Some((id, items)) = made else {
            session.leave();
            return Ok(Step::End(Outcome::Unchanged { head: at, conflicts }));
        };
        if let Some(fault) = self.deposed() {
            session.leave();
            return Err(fault);
        }
        self.watch.make(identity(&commit.trailers));
        let command = Command { old: at, new: id, reference: &self.reference };
        let parent = self.head;
        let began = Instant::now();
        let pushed = session.push(&command, &items);
        self.spent.pushing += began.elapsed();
        match pushed {
            Ok(Report { moved: Ok(()), told: _ }) => {
                self.landed_now(id, items);
                Ok(Step::End(Outcome::Done { commit: id, parent, attempts: attempt, conflicts }))
            }
            Ok(Report { moved: Err(reason), told }) => self.refused(at, &reason, &told),
            Err((Sent::Perhaps, fault)) => Ok(Step::End(Outcome::Unknown(fault))),
            Err((Sent::No, fault)) => Err(fault),
        }
    }

    /// The commit and all that is new with it; none where the tree stays as it is.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn make(
        &mut self,
        commit: &Commit,
    ) -> Result<(Option<(Oid, Vec<Item>)>, Vec<Conflict>), Fault> {
        let tree = match self.head {
            Some(head) => Some(self.store.commit(head)?.tree),
            None => None,
        };
        let (change, conflicts) = match self.options.ownership {
            Ownership::Off => (commit.change.clone(), Vec::new()),
            Ownership::Listed { owner, edited } => {
                ownership::allowed(&mut self.store, tree, &commit.change, owner, edited)?
            }
        };
        let Grown { root, mut items } = Grown::of(&mut self.store, tree, &change)?;
        let is_same = Some(root) == tree;
        let mut commit = Cow::Borrowed(commit);
        match &self.options.fence {
            Some(fence) if is_same && self.watch.must_announce(fence) => {
                commit.to_mut().message = fence.announcement();
            }
            Some(_) | None if is_same => return Ok((None, conflicts)),
            Some(_) | None => {}
        }
        if tree.is_none() && change.values().all(Option::is_none) {
            return Ok((None, conflicts));
        }
        let mut bytes = commit.bytes(root, self.head);
        if let Some(signer) = &self.options.signer {
            bytes = with_signature(&bytes, &signer.sign(bytes.as_bytes())?);
        }
        let item = object(ObjectType::Commit, bytes.into_bytes().into())?;
        let id = item.id;
        items.push(item);
        Ok((Some((id, items)), conflicts))
    }

    /// Takes in what has landed. It is out, whatever becomes of the cache: a cache that fails is made again.
    fn landed_now(&mut self, id: Oid, items: Vec<Item>) {
        self.head = Some(id);
        let kept = self.store.keep(items, id);
        if kept.and_then(|()| self.see()).is_err() {
            let _ = self.store.remake();
            self.forget();
        }
    }

    /// Tells a refusal from somebody who was quicker.
    fn refused(&mut self, at: Option<Oid>, reason: &str, told: &[u8]) -> Result<Step, Fault> {
        let told = plain(told, &[]);
        if is_race(reason) || told.contains("cannot lock ref") {
            return Ok(Step::Again(format!("{} {told}", reason.trim()).trim_end().to_owned()));
        }
        let session = self.route.open(Service::Upload, &self.reference)?;
        let now = session.advert.at;
        session.leave();
        if now != at {
            return Ok(Step::Again(reason.trim().to_owned()));
        }
        let told = if told.is_empty() { "nothing more".to_owned() } else { told };
        Err(Fault::Refused {
            remote: self.target.remote.to_string(),
            reference: self.reference.clone(),
            reason: reason.trim().to_owned(),
            told,
        })
    }
}

/// How servers say that a reference was not where we thought, or was held by somebody else.
fn is_race(reason: &str) -> bool {
    [
        "failed to update ref",
        "cannot lock ref",
        "failed to lock",
        "fetch first",
        "non-fast-forward",
        "incorrect old value",
        "stale info",
        "reference already exists",
    ]
    .iter()
    .any(|known| reason.contains(known))
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(head) = self.head {
            // What is not kept is fetched by who comes next.
            let _ = self.store.flush(head);
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, options, head, .. } = self;
        out.debug_struct("Writer")
            .field("target", target)
            .field("options", options)
            .field("head", head)
            .finish_non_exhaustive()
    }
}
