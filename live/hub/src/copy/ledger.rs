//! How far each standby is, and what may show outside for it.
//!
//! Where effects wait for copies, every replica that may be listed in the lease must have a record before anything of it shows:
//! whoever takes the lease then has all that shows. A standby is listed only once it has all that showed before, and what
//! follows waits for it from the moment that it is about to be (`joining`). Who does not confirm for too long is taken off the
//! list first; only when the lease is known to say so is it waited for no more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::options::Confirm;
use crate::leader::{Board, Marks};

/// How far each standby is.
#[derive(Debug)]
pub struct Ledger {
    confirm: Confirm,
    alone_after: Duration,
    me: String,
    /// With how many records this leader began: any of them may have shown.
    floor: u64,
    board: Board,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Records that are on our disk.
    end: u64,
    /// What follows from so many of them may show.
    shows: u64,
    standbys: BTreeMap<String, Standby>,
    /// Waited for, and not yet listed.
    joining: BTreeSet<String>,
    /// Listed, or about to be, besides us.
    whole: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug)]
struct Standby {
    has: u64,
    heard: Instant,
    /// Since when it lacks something and has confirmed nothing.
    lacks_since: Option<Instant>,
}

/// How far a standby is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Which.
    pub replica: String,
    /// Whether it has asked a moment ago.
    pub connected: bool,
    /// How many records are on its disk.
    pub has: u64,
    /// How many it lacks.
    pub lacks: u64,
    /// Whether it may lead as it is, where effects wait for copies.
    pub listed: bool,
}

/// Who lacks no more than so many records is waited for, so that it can be listed.
const NEAR: u64 = 4_096;
/// Who has asked so long ago is connected no more. Questions are held for two seconds at most.
const CONNECTED: Duration = Duration::from_secs(6);
/// So many replicas are kept in mind.
const STANDBYS_MAX: usize = 16;
/// Who was silent for so long is not kept in mind.
const FORGOTTEN: Duration = Duration::from_mins(10);

impl Ledger {
    /// Nobody has asked yet, of a leader that began with so many records.
    #[must_use]
    pub fn new(confirm: Confirm, alone_after: Duration, me: &str, board: Board, end: u64) -> Self {
        let inner = Mutex::new(Inner { end, ..Inner::default() });
        Self { confirm, alone_after, me: me.to_owned(), floor: end, board, inner }
    }

    /// So many records are on our disk.
    pub fn grow(&self, end: u64, now: Instant) {
        let mut inner = self.lock();
        inner.end = end;
        for standby in inner.standbys.values_mut().filter(|one| one.has < end) {
            standby.lacks_since.get_or_insert(now);
        }
    }

    /// A standby has so many on its own, of those that are ours.
    pub fn hear(&self, replica: &str, has: u64, now: Instant) {
        let mut inner = self.lock();
        let end = inner.end;
        if has > end {
            return;
        }
        inner.standbys.retain(|_, one| now.duration_since(one.heard) < FORGOTTEN);
        let before = inner.standbys.get(replica).copied();
        if before.is_none() && inner.standbys.len() >= STANDBYS_MAX {
            return;
        }
        let grew = before.is_none_or(|before| before.has < has);
        let lacks_since = match before {
            _ if has == end => None,
            Some(before) if !grew => before.lacks_since.or(Some(now)),
            Some(_) | None => Some(now),
        };
        inner.standbys.insert(replica.to_owned(), Standby { has, heard: now, lacks_since });
        let is_near = has == end || (grew && has.saturating_add(NEAR) >= end);
        if self.waits() && is_near && !inner.whole.contains(replica) {
            inner.joining.insert(replica.to_owned());
        }
        self.settle(&mut inner, now);
    }

    /// What follows from how many records may show.
    pub fn shows(&self, now: Instant) -> u64 {
        let mut inner = self.lock();
        self.settle(&mut inner, now);
        inner.shows
    }

    /// Whether effects wait for copies, and no other replica has any.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        self.waits() && self.lock().whole.is_empty()
    }

    /// Whether anything may be held back.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.waits()
    }

    /// What waits for copies.
    #[must_use]
    pub fn confirm(&self) -> Confirm {
        self.confirm
    }

    /// How many records are on our disk, and how many of them may show.
    #[must_use]
    pub fn ends(&self) -> (u64, u64) {
        let inner = self.lock();
        (inner.end, inner.shows)
    }

    /// How far each standby is.
    #[must_use]
    pub fn known(&self, now: Instant) -> Vec<Known> {
        let inner = self.lock();
        let known = inner.standbys.iter().map(|(replica, one)| Known {
            replica: replica.clone(),
            connected: now.duration_since(one.heard) < CONNECTED,
            has: one.has,
            lacks: inner.end.saturating_sub(one.has),
            listed: inner.whole.contains(replica),
        });
        known.collect()
    }

    fn waits(&self) -> bool {
        match self.confirm {
            Confirm::Async => false,
            Confirm::Sync | Confirm::Strict => true,
        }
    }

    fn settle(&self, inner: &mut Inner, now: Instant) {
        if !self.waits() {
            inner.shows = inner.end;
            return;
        }
        self.drop_silent(inner, now);
        let least = inner.shows.max(self.floor);
        let has =
            |inner: &Inner, replica: &String| inner.standbys.get(replica).map_or(0, |one| one.has);
        let ready: Vec<String> =
            inner.joining.iter().filter(|one| has(inner, one) >= least).cloned().collect();
        for replica in ready {
            tracing::info!(replica, "has all of the log: effects wait for it from now on");
            inner.joining.remove(&replica);
            inner.whole.insert(replica);
        }
        let mut listed = inner.whole.clone();
        listed.insert(self.me.clone());
        self.board.want(Marks { whole: Some(listed), ..self.board.wanted() });
        let mut waited_for = self.board.maybe();
        waited_for.remove(&self.me);
        waited_for.extend(inner.joining.iter().chain(&inner.whole).cloned());
        let confirmed = match (waited_for.iter().map(|one| has(inner, one)).min(), self.confirm) {
            (Some(least), _) => least,
            (None, Confirm::Strict) => 0,
            (None, Confirm::Async | Confirm::Sync) => inner.end,
        };
        inner.shows = inner.shows.max(confirmed);
    }

    fn drop_silent(&self, inner: &mut Inner, now: Instant) {
        let is_late = |replica: &String| {
            let since = inner.standbys.get(replica).map(|one| one.lacks_since);
            since.is_none_or(|since| {
                since.is_some_and(|since| now.duration_since(since) >= self.alone_after)
            })
        };
        let late: Vec<String> =
            inner.joining.iter().chain(&inner.whole).filter(|one| is_late(one)).cloned().collect();
        for replica in late {
            inner.joining.remove(&replica);
            let is_last = inner.whole.len() == 1 && inner.whole.contains(&replica);
            match self.confirm {
                Confirm::Strict if is_last => continue,
                Confirm::Async | Confirm::Sync | Confirm::Strict => {}
            }
            if inner.whole.remove(&replica) {
                let within = self.alone_after;
                tracing::warn!(replica, ?within, "has confirmed nothing: it is waited for no more");
                if inner.whole.is_empty() {
                    tracing::warn!(
                        "no other replica has all of the log: only this one may lead again"
                    );
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    struct Scene {
        ledger: Ledger,
        board: Board,
        began: Instant,
    }

    impl Scene {
        fn new(confirm: Confirm, end: u64) -> Self {
            let board = Board::default();
            board.want(Marks { log: None, whole: Some(BTreeSet::from(["me".to_owned()])) });
            board.feign();
            let ledger = Ledger::new(confirm, PATIENCE, "me", board.clone(), end);
            Self { ledger, board, began: Instant::now() }
        }

        fn at(&self, second: u64) -> Instant {
            self.began + Duration::from_secs(second)
        }

        fn shows(&self, second: u64) -> u64 {
            self.ledger.shows(self.at(second))
        }

        fn listed(&self) -> Vec<String> {
            self.board.wanted().whole.unwrap().into_iter().collect()
        }
    }

    #[test]
    fn async_waits_for_nobody() {
        let scene = Scene::new(Confirm::Async, 5);
        scene.ledger.grow(9, scene.at(0));
        assert_eq!(scene.shows(0), 9);
        scene.ledger.hear("a", 3, scene.at(1));
        assert_eq!((scene.shows(1), scene.ledger.is_alone()), (9, false));
        let known = &scene.ledger.known(scene.at(2))[0];
        assert_eq!((known.has, known.lacks, known.connected), (3, 6, true));
        assert!(!scene.ledger.known(scene.at(9))[0].connected);
    }

    #[test]
    fn who_is_listed_is_waited_for_and_who_is_silent_is_taken_off_the_list_first() {
        let scene = Scene::new(Confirm::Sync, 5);
        assert_eq!((scene.shows(0), scene.ledger.is_alone()), (5, true));
        scene.ledger.hear("a", 5, scene.at(1));
        assert_eq!(
            (scene.listed(), scene.ledger.is_alone()),
            (vec!["a".into(), "me".into()], false)
        );
        scene.board.feign();
        scene.ledger.grow(8, scene.at(2));
        assert_eq!(scene.shows(2), 5);
        scene.ledger.hear("a", 7, scene.at(3));
        assert_eq!(scene.shows(3), 7);
        assert_eq!(scene.shows(12), 7);
        // Its time is over, but the lease does not say so yet.
        assert_eq!(scene.shows(13), 7);
        assert_eq!(scene.listed(), ["me"]);
        scene.board.feign();
        assert_eq!((scene.shows(13), scene.ledger.is_alone()), (8, true));
        // It comes back, and what follows waits for it before it is listed.
        scene.ledger.hear("a", 7, scene.at(14));
        assert_eq!(scene.listed(), ["me"]);
        scene.ledger.hear("a", 8, scene.at(15));
        assert_eq!(scene.listed(), ["a", "me"]);
    }

    #[test]
    fn a_standby_that_is_near_is_waited_for_until_it_has_what_shows() {
        let scene = Scene::new(Confirm::Sync, 100);
        scene.ledger.hear("a", 90, scene.at(0));
        assert_eq!(scene.listed(), ["me"], "it has not what may have shown");
        scene.ledger.grow(120, scene.at(1));
        assert!(scene.shows(1) <= 100, "nothing new shows meanwhile");
        scene.ledger.hear("a", 110, scene.at(2));
        assert_eq!((scene.listed(), scene.shows(2)), (vec!["a".into(), "me".into()], 110));
        // One that asks, and whose disk takes nothing, is not waited for again and again.
        scene.board.feign();
        for second in 3..13 {
            scene.ledger.hear("a", 110, scene.at(second));
        }
        scene.board.feign();
        assert_eq!(scene.shows(13), 120);
        scene.ledger.hear("a", 110, scene.at(14));
        scene.ledger.grow(121, scene.at(15));
        assert_eq!(scene.shows(15), 121);
    }

    #[test]
    fn a_list_that_may_stand_in_the_lease_is_waited_for() {
        let scene = Scene::new(Confirm::Sync, 5);
        scene.ledger.hear("a", 5, scene.at(0));
        // It was written, and nobody has heard so.
        scene.board.feign();
        scene.ledger.grow(6, scene.at(1));
        assert_eq!(scene.shows(20), 5);
        assert_eq!(scene.listed(), ["me"]);
        assert_eq!(scene.shows(60), 5);
        scene.board.feign();
        assert_eq!(scene.shows(60), 6);
    }

    #[test]
    fn strict_shows_nothing_alone() {
        let scene = Scene::new(Confirm::Strict, 5);
        assert_eq!((scene.shows(0), scene.ledger.is_alone()), (0, true));
        scene.ledger.hear("a", 5, scene.at(1));
        scene.board.feign();
        assert_eq!(scene.shows(1), 5);
        scene.ledger.grow(6, scene.at(2));
        assert_eq!((scene.shows(3_600), scene.listed()), (5, vec!["a".into(), "me".into()]));
        // Another one takes its place.
        scene.ledger.hear("b", 6, scene.at(3_601));
        assert_eq!((scene.shows(3_601), scene.listed()), (5, vec!["b".into(), "me".into()]));
        scene.board.feign();
        assert_eq!(scene.shows(3_602), 6);
    }

    #[test]
    fn all_who_are_listed_are_waited_for() {
        let scene = Scene::new(Confirm::Sync, 5);
        for name in ["a", "b"] {
            scene.ledger.hear(name, 5, scene.at(0));
        }
        scene.board.feign();
        scene.ledger.grow(9, scene.at(1));
        scene.ledger.hear("a", 9, scene.at(1));
        assert_eq!(scene.shows(1), 5);
        scene.ledger.hear("b", 8, scene.at(2));
        assert_eq!(scene.shows(2), 8);
        scene.ledger.hear("c", 99, scene.at(2));
        assert_eq!(scene.ledger.known(scene.at(2)).len(), 2, "nobody has more than there is");
    }
}
