//! The fence: a writer whose epoch is over pushes no more.
//!
//! Every commit carries the epoch of who made it. A branch on which a higher one stands, or a commit of our run that we
//! neither found at the beginning nor made, is another's: what is known of that is kept here, and asked in every attempt
//! between the look at the branch and the push, which the remote refuses if the branch has moved since the look.
//! What must not be in here: how it is settled who leads.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::commit::{Commit, SEQ, Trailers};
use crate::history::News;
use crate::letter::RUN;

/// The trailer that says in whose time a commit was made.
pub const EPOCH: &str = "Periplus-Epoch";

/// Since when we are the one who writes, and until when.
#[derive(Clone)]
pub struct Fence {
    /// What tells our commits from those of others; the same for all who ever lead.
    pub run: String,
    /// Our epoch. Who leads after us has a higher one.
    pub epoch: u64,
    /// Whoever led in an epoch before this one may not know yet that it is over. A branch whose newest epoch is before it
    /// gets a commit of ours even if no file changes; 0 if nobody is to be kept out.
    pub announce_below: u64,
    /// Whether we still lead, as far as is known at this moment. It is asked right before every push.
    pub leads: Leads,
    /// Who is told of commits of earlier epochs that a branch holds when it is looked at first.
    pub found: Option<Found>,
}

/// Is told of a commit of ours: its epoch, and the record that it says.
pub type Found = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// Tells whether we still lead.
pub type Leads = Arc<dyn Fn() -> bool + Send + Sync>;

impl fmt::Debug for Fence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, epoch, announce_below, leads: _, found: _ } = self;
        out.debug_struct("Fence")
            .field("run", run)
            .field("epoch", epoch)
            .field("announce_below", announce_below)
            .finish_non_exhaustive()
    }
}

/// How many commits of ours are known by what they say. Only those that stand on the head of the branch can still land.
const MADE_MAX: usize = 256;

/// What is known of one branch.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Whether the branch was looked at.
    begun: bool,
    /// The highest epoch of our run on the branch; 0 where a commit says none.
    highest: Option<u64>,
    /// What we tried to push last.
    made: VecDeque<Trailers>,
    /// Why we may push no more. It stays, whatever becomes of the branch.
    over: Option<String>,
}

impl Fence {
    /// A commit that says our epoch.
    pub(crate) fn marked(&self, commit: &Commit) -> Commit {
        let mut marked = commit.clone();
        marked.trailers.retain(|(name, _)| name != EPOCH);
        marked.trailers.push((EPOCH.to_owned(), self.epoch.to_string()));
        marked
    }

    /// What a commit says that changes no file.
    pub(crate) fn announcement(&self) -> String {
        let Self { epoch, .. } = self;
        format!(
            "Epoch {epoch} begins\n\nNo file changes. Whoever led before may not know that another leads now; from here on the branch tells."
        )
    }
}

impl Watch {
    /// Takes in what the branch has that it had not when it was looked at last.
    pub(crate) fn hear(&mut self, fence: &Fence, news: &News) {
        // Somebody who rewrites a branch has seen what is on it, and those whom we keep out never do.
        let is_known = !self.begun || news.anew;
        self.begun = true;
        if news.anew {
            self.highest = None;
        }
        for trailers in &news.ours {
            if value(trailers, RUN) != Some(&fence.run) {
                continue;
            }
            let epoch = value(trailers, EPOCH).and_then(|epoch| epoch.parse().ok()).unwrap_or(0);
            self.highest = self.highest.max(Some(epoch));
            let record = value(trailers, SEQ).and_then(|record| record.parse().ok());
            if let (Some(found), Some(record), true) = (&fence.found, record, epoch < fence.epoch) {
                found(epoch, record);
            }
            if epoch > fence.epoch {
                self.over.get_or_insert_with(|| format!("a commit of epoch {epoch} is out"));
            } else if !is_known && !self.made.contains(trailers) {
                self.over.get_or_insert_with(|| {
                    format!("a commit of our run and of epoch {epoch} is out that we did not make")
                });
            }
        }
    }

    /// Why we may not push.
    pub(crate) fn why_over(&self, fence: &Fence) -> Option<String> {
        let expired = || (!(fence.leads)()).then(|| "another may lead by now".to_owned());
        self.over.clone().or_else(expired)
    }

    /// Whether a commit that changes nothing is needed, so that who led before is kept out.
    pub(crate) fn must_announce(&self, fence: &Fence) -> bool {
        self.highest.is_some_and(|highest| highest < fence.announce_below)
    }

    /// Remembers what is about to be pushed.
    pub(crate) fn make(&mut self, identity: Option<Trailers>) {
        self.made.extend(identity);
        if self.made.len() > MADE_MAX {
            self.made.pop_front();
        }
    }

    /// All that was seen is seen again.
    pub(crate) fn forget(&mut self) {
        (self.begun, self.highest) = (false, None);
    }
}

fn value<'t>(trailers: &'t Trailers, name: &str) -> Option<&'t String> {
    trailers.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence() -> Fence {
        let leads: Leads = Arc::new(|| true);
        Fence { run: "r".to_owned(), epoch: 3, announce_below: 3, leads, found: None }
    }

    fn commit(run: &str, epoch: &str) -> Trailers {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![pair(EPOCH, epoch), pair(RUN, run), pair("Periplus-Seq", "1")]
    }

    fn told(watch: &mut Watch, ours: &[Trailers]) -> Option<String> {
        watch.hear(&fence(), &News { anew: false, ours: ours.to_vec() });
        watch.why_over(&fence())
    }

    #[test]
    fn what_is_found_at_the_beginning_is_known_unless_it_is_newer() {
        let mut watch = Watch::default();
        assert_eq!(told(&mut watch, &[commit("r", "2"), commit("other", "9")]), None);
        assert!(watch.must_announce(&fence()));
        let mut late = Watch::default();
        assert!(told(&mut late, &[commit("r", "4")]).unwrap().contains("epoch 4"));
        late.forget();
        assert!(told(&mut late, &[]).is_some(), "it stays over");
    }

    #[test]
    fn what_comes_later_must_be_ours() {
        let mut watch = Watch::default();
        assert_eq!(told(&mut watch, &[]), None);
        assert!(!watch.must_announce(&fence()));
        watch.make(Some(commit("r", "3")));
        assert_eq!(told(&mut watch, &[commit("r", "3")]), None);
        assert!(!watch.must_announce(&fence()));
        assert_eq!(told(&mut watch, &[commit("other", "7")]), None);
        assert!(told(&mut watch, &[commit("r", "1")]).unwrap().contains("epoch 1"));
    }

    #[test]
    fn a_rewritten_branch_is_looked_at_anew() {
        let mut watch = Watch::default();
        assert_eq!(told(&mut watch, &[commit("r", "3")]), None);
        watch.hear(&fence(), &News { anew: true, ours: vec![commit("r", "2")] });
        assert_eq!(watch.why_over(&fence()), None);
        assert!(watch.must_announce(&fence()));
    }

    #[test]
    fn commits_of_earlier_epochs_are_told_with_their_records() {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let hears = Arc::clone(&told);
        let found: Found =
            Arc::new(move |epoch, record| hears.lock().unwrap().push((epoch, record)));
        let fence = Fence { found: Some(found), ..fence() };
        let ours = vec![commit("r", "2"), commit("other", "1"), commit("r", "3")];
        Watch::default().hear(&fence, &News { anew: false, ours });
        assert_eq!(*told.lock().unwrap(), [(2, 1)]);
    }

    #[test]
    fn who_does_not_lead_may_not_push() {
        let leads: Leads = Arc::new(|| false);
        let watch = Watch::default();
        assert!(watch.why_over(&Fence { leads, ..fence() }).is_some());
    }
}
