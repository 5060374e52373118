//! Waiting to lead: the lease is looked at again and again, and taken once it is free.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::{sleep, timeout};

use super::lease::{Way, Written};
use super::marks::{Board, Marks, May};
use super::term::Leadership;
use super::view::{Began, Choice, View};
use super::{Election, steady};
use crate::service::Clock;

/// Tells the highest epoch that is known from elsewhere: the lease may have been deleted, and counts from 0 then.
pub type Floor = Arc<dyn Fn() -> u64 + Send + Sync>;

/// One of those who may lead.
pub struct Elector {
    way: Way,
    view: View,
    floor: Floor,
    /// Whether we may lead by what stands in the lease.
    may: Option<May>,
    /// How what we tried to take was to begin: an answer may be lost.
    tried: Option<Began>,
    /// What was told last, so that it is not told again.
    told: Option<String>,
}

/// A lease that is ours.
pub(super) struct Held {
    pub(super) lease: Lease,
    pub(super) began: Began,
    pub(super) epoch: u64,
    /// When we asked for it.
    pub(super) asked: Duration,
}

impl fmt::Debug for Elector {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Elector").field("identity", &self.identity()).finish_non_exhaustive()
    }
}

impl Elector {
    /// One that has not looked yet. The clock is for people who look at the lease.
    #[must_use]
    pub fn new(election: Election, floor: Floor, clock: Arc<dyn Clock>) -> Self {
        let unique = RandomState::new().hash_one(std::process::id());
        let identity = format!("{}_{unique:016x}", election.identity);
        let view = View::new(&identity, election.spans.lease);
        let way = Way::new(election, identity, clock);
        Self { way, view, floor, may: None, tried: None, told: None }
    }

    /// It leads only by what stands in the lease, and writes there what is on the board from then on.
    #[must_use]
    pub fn marked(mut self, board: Board, may: May) -> Self {
        self.way.board = Some(board);
        self.may = Some(may);
        self
    }

    /// Who we are: nobody else was ever called so.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.way.identity
    }

    /// Waits until we lead. What stands in the way is told in the service's own log; it may pass.
    pub async fn run(mut self) -> Leadership {
        let spans = self.way.election.spans;
        loop {
            // The first answer may need a connection, and a program that fetches credentials.
            let pause = match timeout(spans.renew, self.look()).await {
                Ok(Ok(Ok(held))) => return Leadership::begin(self.way, held),
                Ok(Ok(Err(pause))) => pause,
                Ok(Err(why)) => self.failed(&why),
                Err(_) => self.failed(&format!("no answer within {:?}", spans.renew)),
            };
            sleep(pause.min(spans.retry)).await;
        }
    }

    /// Looks once. Gives what is ours now, or for how long nothing can change.
    async fn look(&mut self) -> Result<Result<Held, Duration>, String> {
        let retry = self.way.election.spans.retry;
        let lease = self.way.read().await?;
        let choice = self.view.look(lease.as_ref(), steady::now());
        let (began, transitions) = match choice {
            Choice::Wait { holder, left } => {
                self.tell(format!("{holder} leads"));
                return Ok(Err(left));
            }
            Choice::Resume => (self.tried.unwrap_or(Began::Expired), transitions(lease.as_ref())),
            Choice::Take(began) => {
                if let (Some(may), Some(board)) = (&self.may, &self.way.board) {
                    match may(&lease.as_ref().map(Marks::of).unwrap_or_default()) {
                        Ok(marks) => board.want(marks),
                        Err(why) => {
                            self.refused(&why);
                            return Ok(Err(retry));
                        }
                    }
                }
                let before = transitions(lease.as_ref());
                let next = before.map_or(0, |before| before.saturating_add(1));
                (began, Some(next.max((self.floor)())))
            }
        };
        let transitions = transitions.unwrap_or(0);
        let number = i32::try_from(transitions)
            .map_err(|_| format!("{}: it cannot count beyond {transitions}", self.way.election))?;
        self.tried = Some(began);
        let asked = steady::now();
        match self.way.take(lease.as_ref(), number).await? {
            Written::Done(lease) => {
                Ok(Ok(Held { lease: *lease, began, epoch: transitions + 1, asked }))
            }
            Written::Raced => Ok(Err(retry)),
        }
    }

    fn failed(&mut self, why: &str) -> Duration {
        self.way.give_up();
        if self.told.as_deref() != Some(why) {
            tracing::warn!("who leads is not known: {why}");
            self.told = Some(why.to_owned());
        }
        self.way.election.spans.retry
    }

    /// Nobody leads, and we may not.
    fn refused(&mut self, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!(election = %self.way.election, "nobody leads, and this one may not: {why}");
            self.told = Some(why.to_owned());
        }
    }

    fn tell(&mut self, news: String) {
        if self.told.as_ref() != Some(&news) {
            tracing::info!(election = %self.way.election, "waiting to lead: {news}");
            self.told = Some(news);
        }
    }
}

/// How often its holder has changed; none where there is no lease.
fn transitions(lease: Option<&Lease>) -> Option<u64> {
    let said = lease?.spec.as_ref().and_then(|spec| spec.lease_transitions);
    Some(said.and_then(|said| u64::try_from(said).ok()).unwrap_or(0))
}
