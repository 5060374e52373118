//! A term: the lease is renewed until it is released or lost. Whether we lead is a question of the clock, not of a task.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use periplus_git::Leads;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::elector::Held;
use super::lease::{Way, Written};
use super::marks::{Board, Marks};
use super::steady;
use super::view::{Began, holder};

/// Why a term is over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Somebody else holds the lease.
    #[error("{0} holds the lease now")]
    Taken(String),
    /// The lease is held by nobody, or is not there: somebody has changed it by hand.
    #[error("somebody has taken the lease away")]
    Gone,
    /// It could not be renewed.
    #[error("the lease could not be renewed within {within:?}: {why}")]
    Silence {
        /// How long.
        within: Duration,
        /// What failed last.
        why: String,
    },
}

/// That we lead, until it is lost. If it is let go, the lease is renewed no more, and expires.
pub struct Leadership {
    epoch: u64,
    began: Began,
    until: Until,
    lost: watch::Receiver<Option<Lost>>,
    release: Option<oneshot::Sender<oneshot::Sender<()>>>,
    task: AbortHandle,
}

/// Until when we lead, by the steady clock, in milliseconds: 0 once it is over.
#[derive(Clone, Debug)]
struct Until(Arc<AtomicU64>);

/// How long a release is waited for. If it fails, the lease expires.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

impl Leadership {
    pub(super) fn begin(way: Way, held: Held) -> Self {
        let Held { lease, began, epoch, asked } = held;
        tracing::info!(election = %way.election, identity = way.identity, epoch, ?began, "this one leads");
        let until = Until(Arc::default());
        until.put(asked + way.election.spans.renew);
        let (told, lost) = watch::channel(None);
        let (release, asked_to) = oneshot::channel();
        let term = Term { way, lease, until: until.clone() };
        let task = tokio::spawn(async move { term.run(asked_to, &told).await }).abort_handle();
        Self { epoch, began, until, lost, release: Some(release), task }
    }

    /// The number of this term: higher than that of any before, and never 0.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// How it began.
    #[must_use]
    pub fn began(&self) -> Began {
        self.began
    }

    /// Tells whether we lead at the moment of asking. It needs no task and no lock, and stays false once it was.
    #[must_use]
    pub fn leads(&self) -> Leads {
        let until = self.until.clone();
        Arc::new(move || until.is_on())
    }

    /// Is done when we lead no more.
    pub async fn lost(&mut self) -> Lost {
        match self.lost.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(lost)) => lost.clone(),
            // Nobody renews it.
            Ok(None) | Err(_) => Lost::Gone,
        }
    }

    /// Lets others lead at once. What a leader does must be done before.
    pub async fn release(mut self) {
        let (done, released) = oneshot::channel();
        let asked = self.release.take().is_some_and(|release| release.send(done).is_ok());
        if asked && timeout(RELEASED_WITHIN, released).await.is_err() {
            tracing::warn!("the lease could not be released; it expires by itself");
        }
    }
}

impl Drop for Leadership {
    fn drop(&mut self) {
        self.until.end();
        self.task.abort();
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Leadership")
            .field("epoch", &self.epoch)
            .field("began", &self.began)
            .finish_non_exhaustive()
    }
}

impl Until {
    fn left(&self) -> Duration {
        let until = Duration::from_millis(self.0.load(Ordering::SeqCst));
        until.saturating_sub(steady::now())
    }

    /// Once over, it stays so, whatever is written to the lease later.
    fn is_on(&self) -> bool {
        if self.left().is_zero() {
            self.end();
            return false;
        }
        true
    }

    fn put(&self, until: Duration) {
        self.0.store(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Leads on until then; `false` if it was over already.
    fn extend(&self, until: Duration) -> bool {
        let new = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        let is_on =
            |old: u64| (old != 0 && Duration::from_millis(old) > steady::now()).then_some(new);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, is_on).is_ok()
    }

    fn end(&self) {
        self.0.store(0, Ordering::SeqCst);
    }
}

struct Term {
    way: Way,
    /// As it was written or read last.
    lease: Lease,
    until: Until,
}

/// How a renewal ended.
enum Renewal {
    Renewed,
    Lost(Lost),
}

impl Term {
    async fn run(
        mut self,
        mut asked_to_release: oneshot::Receiver<oneshot::Sender<()>>,
        told: &watch::Sender<Option<Lost>>,
    ) {
        let spans = self.way.election.spans;
        let mut why = "nothing has failed".to_owned();
        let mut pause = spans.retry;
        let mut wanted = self.way.board.as_ref().map(Board::changes);
        loop {
            tokio::select! {
                asked = &mut asked_to_release => {
                    if let Ok(done) = asked {
                        self.release(done).await;
                    }
                    return;
                }
                () = sleep(pause.min(self.until.left())) => {}
                // What is to stand in the lease is waited for.
                () = changed(wanted.as_mut()) => {}
            }
            let left = self.until.left();
            if left.is_zero() {
                let lost = Lost::Silence { within: spans.renew, why };
                return self.lose(lost, told);
            }
            // One who does not answer must not keep us from asking once more.
            let patience = left.min((spans.renew / 2).max(spans.retry));
            match timeout(patience, self.renew()).await {
                Ok(Ok(Renewal::Renewed)) => pause = spans.retry,
                Ok(Ok(Renewal::Lost(lost))) => return self.lose(lost, told),
                Ok(Err(failed)) => (why, pause) = (self.failed(failed), spans.retry),
                // So much was waited for already.
                Err(_) => {
                    why = self.failed(format!("no answer within {patience:?}"));
                    pause = Duration::ZERO;
                }
            }
        }
    }

    async fn renew(&mut self) -> Result<Renewal, String> {
        let asked = steady::now();
        if let Written::Done(lease) = self.way.renew(self.lease.clone()).await? {
            self.lease = *lease;
            let until = asked + self.way.election.spans.renew;
            return Ok(if self.until.extend(until) {
                Renewal::Renewed
            } else {
                let why = "the answer came too late".to_owned();
                Renewal::Lost(Lost::Silence { within: self.way.election.spans.renew, why })
            });
        }
        // Somebody has written to it. That it is still ours is seen; that we still lead is only known after the next renewal.
        match self.way.read().await? {
            Some(lease) if self.way.is_ours(&lease) => {
                self.lease = lease;
                Err("somebody else wrote to the lease".to_owned())
            }
            Some(lease) => Ok(Renewal::Lost(match holder(&lease) {
                Some(holder) => Lost::Taken(holder.to_owned()),
                None => Lost::Gone,
            })),
            None => Ok(Renewal::Lost(Lost::Gone)),
        }
    }

    async fn release(&mut self, done: oneshot::Sender<()>) {
        if !self.until.is_on() {
            return;
        }
        self.until.end();
        // It may have been written to since: then it is tried once more with what is there.
        for _ in 0..2 {
            match self.way.release(self.lease.clone()).await {
                Ok(Written::Done(_)) => {
                    tracing::info!(election = %self.way.election, "the lease is released");
                    // Who asked may be gone.
                    let _ = done.send(());
                    return;
                }
                Ok(Written::Raced) => match self.way.read().await {
                    Ok(Some(lease)) if self.way.is_ours(&lease) => self.lease = lease,
                    Ok(_) | Err(_) => return,
                },
                Err(why) => {
                    tracing::warn!("the lease could not be released: {why}");
                    return;
                }
            }
        }
    }

    fn failed(&mut self, why: String) -> String {
        self.way.give_up();
        tracing::warn!(left = ?self.until.left(), "the lease could not be renewed: {why}");
        why
    }

    fn lose(&self, lost: Lost, told: &watch::Sender<Option<Lost>>) {
        self.until.end();
        tracing::error!(election = %self.way.election, "this one leads no more: {lost}");
        told.send_replace(Some(lost));
    }
}

/// Is done when something else is to stand in the lease; never where nothing is.
async fn changed(wanted: Option<&mut watch::Receiver<Marks>>) {
    let is_changed = match wanted {
        Some(wanted) => wanted.changed().await.is_ok(),
        None => false,
    };
    if !is_changed {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_stays_over() {
        let until = Until(Arc::default());
        assert!(!until.is_on());
        until.put(steady::now() + Duration::from_secs(60));
        assert!(until.is_on());
        assert!(until.extend(steady::now() + Duration::from_secs(90)));
        until.end();
        assert!(!until.extend(steady::now() + Duration::from_secs(90)));
        assert!(!until.is_on());
    }
}
