//! One watch: a list in pages, then what changes, for as long as the cluster can be reached.
//!
//! Lists of all clusters pass one gate, so that not all are read at once. After a failure it waits, longer each time and
//! each cluster for its own time. Objects are cut down to what is kept as soon as they are read.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::objects::{Kind, Object, hash};
use super::site::{Facts, List};

/// What a watch has to tell.
#[derive(Debug)]
pub(crate) enum News {
    /// A list begins.
    Begins,
    /// An object is there.
    There(Facts),
    /// An object is gone.
    Gone(Facts),
    /// A list is complete.
    Complete,
    /// The cluster has no such kind, or does not let us read it. It is tried again later.
    Absent(Why, String),
    /// It does not know us.
    Unauthorized(String),
    /// It could not be read. It is tried again soon.
    Failed(String),
}

/// Why a list cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// There is no such kind, and so no object of it.
    NoKind,
    /// We may not.
    Forbidden,
}

/// How a list is watched.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    pub(crate) list: List,
    /// What its waiting times are drawn from.
    pub(crate) seed: u64,
    pub(crate) labels: Option<String>,
    pub(crate) fields: Option<&'static str>,
    pub(crate) page: u32,
    /// When what is absent is looked for again.
    pub(crate) look_again: Duration,
}

/// The first time that is waited after a failure. It doubles.
const BACKOFF_MIN: Duration = Duration::from_millis(800);
/// The longest.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How long a server lets a watch run, at least; up to a third is added, so that not all end at once.
const WATCH_S: u64 = 220;

struct Reading<K: Kind> {
    events: BoxStream<'static, watcher::Result<Event<Object<K>>>>,
    gate: Arc<Semaphore>,
    /// Held while a list is read.
    pass: Option<OwnedSemaphorePermit>,
    manner: Manner,
    failures: u32,
    wait: Duration,
}

/// Watches all objects of a kind. `cut` says what is kept of one; what it is not interested in is not told.
pub(crate) fn watch<K: Kind>(
    client: Client,
    gate: Arc<Semaphore>,
    manner: Manner,
    cut: impl Fn(&Object<K>) -> Option<Facts> + Send + Sync + 'static,
) -> BoxStream<'static, (List, News)> {
    let timeout = WATCH_S + manner.seed % (WATCH_S / 3);
    let config = watcher::Config {
        label_selector: manner.labels.clone(),
        field_selector: manner.fields.map(str::to_owned),
        timeout: u32::try_from(timeout).ok(),
        page_size: Some(manner.page),
        ..watcher::Config::default()
    };
    let list = manner.list;
    let events = watcher::watcher(Api::<Object<K>>::all(client), config).boxed();
    let reading = Reading { events, gate, pass: None, manner, failures: 0, wait: Duration::ZERO };
    unfold((reading, cut), move |(mut reading, cut)| async move {
        loop {
            if let Some(news) = reading.next(&cut).await? {
                return Some(((list, news), (reading, cut)));
            }
        }
    })
    .boxed()
}

impl<K: Kind> Reading<K> {
    /// The next news; the inner `None` where there is nothing to tell, the outer one at the end.
    async fn next(&mut self, cut: &impl Fn(&Object<K>) -> Option<Facts>) -> Option<Option<News>> {
        if !self.wait.is_zero() {
            tokio::time::sleep(self.wait).await;
            self.wait = Duration::ZERO;
        }
        let event = match self.events.next().await? {
            Ok(event) => event,
            Err(error) => return Some(Some(self.fail(&error))),
        };
        Some(match event {
            Event::Init => {
                // The list is asked for when the next event is.
                self.pass = Arc::clone(&self.gate).acquire_owned().await.ok();
                Some(News::Begins)
            }
            Event::InitApply(object) => cut(&object).map(News::There),
            Event::InitDone => {
                self.pass = None;
                self.failures = 0;
                Some(News::Complete)
            }
            Event::Apply(object) => {
                self.failures = 0;
                cut(&object).map(News::There)
            }
            Event::Delete(object) => {
                self.failures = 0;
                cut(&object).map(News::Gone)
            }
        })
    }

    fn fail(&mut self, error: &watcher::Error) -> News {
        self.pass = None;
        let said = said(error);
        let text = format!("{}: {}", self.manner.list.plural(), full(error));
        if said.code == 401 {
            self.wait = BACKOFF_MAX;
            return News::Unauthorized(text);
        }
        if [403, 404].contains(&said.code) && !self.manner.list.is_needed() {
            self.wait = jittered(self.manner.look_again, self.manner.seed, self.failures);
            self.failures = self.failures.saturating_add(1);
            let why = if said.code == 404 { Why::NoKind } else { Why::Forbidden };
            return News::Absent(why, text);
        }
        let wait = backoff(self.failures, self.manner.seed);
        self.failures = self.failures.saturating_add(1);
        self.wait = wait.max(said.retry_after);
        News::Failed(text)
    }
}

/// How long is waited after so many failures in a row.
#[must_use]
pub(crate) fn backoff(failures: u32, seed: u64) -> Duration {
    let longest = BACKOFF_MIN.saturating_mul(1 << failures.min(8)).min(BACKOFF_MAX);
    jittered(longest, seed, failures)
}

/// A time between half of this and all of it.
fn jittered(longest: Duration, seed: u64, turn: u32) -> Duration {
    const PARTS: u32 = 1024;
    let part = u32::try_from(hash(&(seed, turn)) % u64::from(PARTS)).unwrap_or(0);
    longest / 2 + (longest / 2) * part / PARTS
}

/// What a server says with an error.
struct Said {
    /// The HTTP status; 0 where it said nothing.
    code: u16,
    retry_after: Duration,
}

fn said(error: &watcher::Error) -> Said {
    let status = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status,
        watcher::Error::InitialListFailed(_)
        | watcher::Error::WatchStartFailed(_)
        | watcher::Error::WatchFailed(_)
        | watcher::Error::NoResourceVersion => {
            return Said { code: 0, retry_after: Duration::ZERO };
        }
    };
    let after = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
    Said { code: status.code, retry_after: Duration::from_secs(u64::from(after)).min(BACKOFF_MAX) }
}

/// An error with what caused it.
#[must_use]
pub(crate) fn full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_times_grow_to_a_limit_and_differ() {
        for seed in [1, 2, 3] {
            assert!(backoff(0, seed) >= BACKOFF_MIN / 2 && backoff(0, seed) <= BACKOFF_MIN);
            assert!(backoff(40, seed) >= BACKOFF_MAX / 2 && backoff(40, seed) <= BACKOFF_MAX);
        }
        assert_ne!(backoff(3, 1), backoff(3, 2));
    }
}
