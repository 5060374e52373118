//! What of ours is out: commits that carry our number, also under and beside commits of others.
//!
//! All parents are walked and not only the first: who merges our branch into theirs puts ours second.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};

use git2::Oid;

use crate::commit::{Read, Trailers, identity};
use crate::fault::Fault;

/// A commit of ours that is out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// The commit.
    pub commit: Oid,
    /// Its first parent.
    pub parent: Option<Oid>,
    /// All its trailers.
    pub trailers: Trailers,
}

/// How far back is looked, in commits.
const COMMITS_MAX: usize = 10_000;

/// What of ours was found that was not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// What was seen before does not lead to the head: what is found is all that is known now.
    pub(crate) anew: bool,
    /// Who they are.
    pub(crate) ours: Vec<Trailers>,
}

/// The commits that lead to a head, as far as they are looked at.
#[derive(Debug, Default)]
pub(crate) struct History {
    head: Option<Oid>,
    newest: Option<Landed>,
    ours: BTreeMap<Trailers, Landed>,
    seen: BTreeSet<Oid>,
    /// What was seen, the oldest first, and who each is if it is ours.
    order: VecDeque<(Oid, Option<Trailers>)>,
}

impl History {
    /// Looks at what leads to `head` and was not seen yet.
    pub(crate) fn extend(
        &mut self,
        head: Option<Oid>,
        mut read: impl FnMut(Oid) -> Result<Read, Fault>,
    ) -> Result<News, Fault> {
        if head == self.head {
            return Ok(News::default());
        }
        let Some(to) = head else {
            *self = Self::default();
            return Ok(News { anew: true, ours: Vec::new() });
        };
        let (mut found, met) = self.walk(to, &mut read)?;
        let mut news = News { anew: !met, ours: Vec::new() };
        if !met {
            // What was seen does not lead to the head: somebody has rewritten the branch.
            *self = Self::default();
            found = self.walk(to, &mut read)?.0;
        }
        let newest = found.iter().find(|(one, _)| identity(&one.trailers).is_some());
        if let Some((one, _)) = newest {
            self.newest = Some(one.clone());
        }
        for (one, who) in found.into_iter().rev() {
            self.seen.insert(one.commit);
            self.order.push_back((one.commit, who.clone()));
            if let Some(who) = who
                && self.ours.insert(who.clone(), one).is_none()
            {
                news.ours.push(who);
            }
        }
        while self.order.len() > 2 * COMMITS_MAX {
            let Some((commit, who)) = self.order.pop_front() else { break };
            self.seen.remove(&commit);
            if let Some(who) =
                who.filter(|who| self.ours.get(who).is_some_and(|one| one.commit == commit))
            {
                self.ours.remove(&who);
            }
        }
        self.head = Some(to);
        Ok(news)
    }

    /// What leads to a commit and was not seen, the newest first; and whether it leads on to the head of before.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn walk(
        &self,
        to: Oid,
        read: &mut impl FnMut(Oid) -> Result<Read, Fault>,
    ) -> Result<(Vec<(Landed, Option<Trailers>)>, bool), Fault> {
        let mut met = self.head.is_none();
        let mut found = Vec::new();
        let mut known = BTreeSet::from([to]);
        let mut next: BinaryHeap<(i64, usize, Oid, Step)> = BinaryHeap::new();
        let first = read(to)?;
        next.push((first.time, usize::MAX, to, Step(first)));
        while let Some((_, _, commit, Step(Read { tree: _, parents, time: _, trailers }))) =
            next.pop()
        {
            let who = identity(&trailers);
            found.push((Landed { commit, parent: parents.first().copied(), trailers }, who));
            if found.len() >= COMMITS_MAX {
                break;
            }
            for parent in parents {
                met |= Some(parent) == self.head;
                if !self.seen.contains(&parent) && known.insert(parent) {
                    let step = read(parent)?;
                    next.push((step.time, usize::MAX - known.len(), parent, Step(step)));
                }
            }
        }
        Ok((found, met))
    }

    /// The newest of ours.
    pub(crate) fn newest(&self) -> Option<&Landed> {
        self.newest.as_ref()
    }

    /// The one of ours with these trailers.
    pub(crate) fn find(&self, trailers: &Trailers) -> Option<&Landed> {
        self.ours.get(&identity(trailers)?)
    }

    /// Commits that were seen last, the newest first.
    pub(crate) fn recent(&self, count: usize) -> Vec<Oid> {
        self.order.iter().rev().take(count).map(|(commit, _)| *commit).collect()
    }
}

/// A commit that waits for its turn. All are equal: times and turns order them.
struct Step(Read);

impl PartialEq for Step {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
impl Eq for Step {}
impl PartialOrd for Step {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Step {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> Oid {
        Oid::from_bytes(&[number; 20]).unwrap()
    }

    /// Commits by number: parents, and the number that they carry.
    fn reader(commits: &[(u8, &[u8], Option<u8>)]) -> impl FnMut(Oid) -> Result<Read, Fault> {
        let commits: BTreeMap<Oid, Read> = commits
            .iter()
            .map(|(number, parents, seq)| {
                let trailers = seq.map(|seq| ("Periplus-Seq".to_owned(), seq.to_string()));
                let read = Read {
                    tree: id(0),
                    parents: parents.iter().map(|parent| id(*parent)).collect(),
                    time: 7,
                    trailers: trailers.into_iter().collect(),
                };
                (id(*number), read)
            })
            .collect();
        move |commit| commits.get(&commit).cloned().ok_or(Fault::Object(commit))
    }

    fn seq(number: u8) -> Trailers {
        vec![("Periplus-Seq".to_owned(), number.to_string())]
    }

    #[test]
    fn ours_are_found_under_and_beside_commits_of_others() {
        let mut read = reader(&[
            (1, &[], None),
            (2, &[1], Some(1)),
            (3, &[2], Some(2)),
            (4, &[1], None),
            (5, &[4, 3], None),
            (6, &[5], None),
        ]);
        let mut history = History::default();
        history.extend(Some(id(2)), &mut read).unwrap();
        assert_eq!(history.newest().unwrap().commit, id(2));
        let news = history.extend(Some(id(6)), &mut read).unwrap();
        assert_eq!(news, News { anew: false, ours: vec![seq(2)] });
        assert_eq!(history.newest().unwrap().commit, id(3));
        assert_eq!(history.find(&seq(1)).unwrap().commit, id(2));
        assert_eq!(history.find(&seq(3)), None);
        assert_eq!(history.find(&vec![("Other".to_owned(), "1".to_owned())]), None);
    }

    #[test]
    fn what_was_rewritten_is_out_no_more() {
        let mut read = reader(&[(1, &[], None), (2, &[1], Some(1)), (3, &[1], None)]);
        let mut history = History::default();
        history.extend(Some(id(2)), &mut read).unwrap();
        assert!(history.extend(Some(id(3)), &mut read).unwrap().anew);
        assert_eq!((history.newest(), history.find(&seq(1))), (None, None));
        history.extend(None, &mut read).unwrap();
        assert!(history.recent(9).is_empty());
    }

    #[test]
    fn a_missing_commit_is_told() {
        let mut history = History::default();
        let fault = history.extend(Some(id(2)), reader(&[(2, &[1], None)]));
        assert_eq!(fault, Err(Fault::Object(id(1))));
    }
}
