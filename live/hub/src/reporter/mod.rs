//! The reporter: runs in a cluster that the service cannot reach, watches it as the service would, and reports what it sees.
//!
//! It has no state on a disk. What it knows (`known`) goes to the service in signed reports (`post`), one after the other; what was
//! not answered is told again, and all of it when the service asks for it.

mod known;
mod post;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use self::known::{Known, View};
use self::post::{Lost, Post};
use crate::Feed;
use crate::clusters::{self, Clusters, Source, Watched, backoff};
use crate::feed::Arrival;
use crate::reports::keys;
use crate::reports::signature::{Mark, Stamp};
use crate::reports::wire::Report;
use crate::service::Clock;

/// What a reporter needs to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The cluster's name, as it was declared.
    pub cluster: String,
    /// How its API is reached.
    pub source: Source,
    /// Where the service's API is.
    pub hub: Url,
    /// The file with the key of this cluster. It is read anew for each report.
    pub key_file: PathBuf,
    /// The authorities that have signed the service's certificate, besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// How the cluster is watched.
    pub watch: clusters::Options,
}

/// How long news are gathered before they are reported together.
const GATHERS: Duration = Duration::from_millis(200);
/// How long it is waited for something to be seen, before it is looked whether to go on.
const PATIENCE: Duration = Duration::from_millis(500);
/// What comes more often than this has another cause than a service that was started again.
const SELDOM: Duration = Duration::from_mins(10);
/// How many sightings are taken in at once.
const TURN_MAX: usize = 4_096;

/// What is wrong with the file of a key, if anything is.
#[must_use]
pub fn key_fault(file: &Path) -> Option<String> {
    keys::fault(file)
}

/// Reports until `stop` is done.
pub async fn run(options: Options, stop: impl Future<Output = ()>) {
    let Options { cluster, source, hub, key_file, ca_file, watch: watching } = options;
    let clock = Arc::clone(&watching.clock);
    let clusters = Arc::new(Clusters::new(watching));
    clusters.declare(vec![Watched { name: cluster.clone(), source }]);
    let shared = Arc::new(Shared { known: Mutex::new(Known::new(&cluster)), news: Notify::new() });
    let feed: Feed<()> = Feed::default();
    let (stopping, mut stopped) = watch::channel(());

    let mut tasks = JoinSet::new();
    {
        let (clusters, feed) = (Arc::clone(&clusters), feed.clone());
        tasks.spawn(async move {
            let over = async {
                // The other end is gone when everything is to stop.
                let _ = stopped.changed().await;
            };
            clusters.run(feed, over).await;
        });
    }
    {
        let (shared, feed) = (Arc::clone(&shared), feed.clone());
        tasks.spawn_blocking(move || shared.hear(&feed));
    }
    tracing::info!(cluster, %hub, "the reporter starts");
    let began = u64::try_from(clock.now_unix_ms()).unwrap_or(0);
    let sender = Sender {
        post: Post::new(&hub, &cluster, key_file, ca_file),
        seed: clusters::seed(&(&cluster, began)),
        mark: Mark { epoch: began, number: 0 },
        failures: 0,
        behind_at: None,
        cluster,
        clusters,
        shared,
        clock,
    };
    tokio::select! {
        never = sender.run() => match never {},
        () = stop => {}
    }
    drop(stopping);
    feed.close();
    tasks.join_all().await;
}

/// What is known, for who hears and who tells.
#[derive(Debug)]
struct Shared {
    known: Mutex<Known>,
    news: Notify,
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what is seen until nothing more is.
    fn hear(&self, feed: &Feed<()>) {
        while !feed.is_over() {
            for arrival in feed.take(TURN_MAX, PATIENCE) {
                match arrival {
                    Arrival::Sighting(sighting) => self.known().hear(sighting),
                    Arrival::Order(()) => {}
                }
            }
            if self.known().has_news() {
                self.news.notify_one();
            }
        }
    }
}

/// Who tells the service.
struct Sender {
    post: Post,
    seed: u64,
    mark: Mark,
    /// How often in a row it was not answered.
    failures: u32,
    /// When the service had last taken what this reporter has not sent.
    behind_at: Option<Instant>,
    cluster: String,
    clusters: Arc<Clusters>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
}

/// What never is.
enum Never {}

impl Sender {
    async fn run(mut self) -> Never {
        loop {
            self.shared.news.notified().await;
            sleep(GATHERS).await;
            loop {
                let report = self.shared.known().next(self.view());
                let Some(report) = report else { break };
                self.tell(report).await;
            }
        }
    }

    /// What the watching of the cluster says.
    fn view(&self) -> View {
        let Some(present) = self.clusters.present(&self.cluster) else { return View::Blind };
        let statuses = self.clusters.statuses();
        let is_partial = statuses.get(&self.cluster).is_none_or(|status| status.partial);
        View::Clear { present: (!is_partial).then_some(present) }
    }

    /// Sends a report, and waits where it was not taken.
    async fn tell(&mut self, report: Report) {
        let now = self.clock.now_unix_ms();
        let stamp = Stamp { mark: self.mark, at_unix_ms: now };
        // A number is used once, whatever comes of it.
        self.mark.number = self.mark.number.saturating_add(1);
        match self.post.send(&report, stamp).await {
            Ok(answered) => {
                if self.failures > 0 {
                    tracing::info!("the service takes reports again");
                }
                self.failures = 0;
                let mut known = self.shared.known();
                known.taken();
                if answered.again {
                    known.again();
                }
            }
            Err(lost) => {
                self.shared.known().lost();
                self.give_way(&lost);
                sleep(backoff(self.failures, self.seed)).await;
                self.failures = self.failures.saturating_add(1);
            }
        }
    }

    fn give_way(&mut self, lost: &Lost) {
        match lost {
            Lost::Behind(taken) => {
                let began = u64::try_from(self.clock.now_unix_ms()).unwrap_or(0);
                let epoch = began.max(taken.epoch.saturating_add(1));
                self.mark = Mark { epoch, number: 0 };
                self.shared.known().again();
                // A service that was started again may say so once.
                match self.behind_at.replace(Instant::now()) {
                    Some(before) if before.elapsed() < SELDOM => {
                        tracing::warn!("{lost}, again: does another report with this key?");
                    }
                    Some(_) | None => tracing::info!("{lost}; a new epoch begins, {epoch}"),
                }
            }
            Lost::Refused(why) => tracing::error!("the service takes no report: {why}"),
            Lost::Unanswered(why) if self.failures == 0 => {
                tracing::warn!("the service does not answer: {why}; it is told again and again");
            }
            Lost::Unanswered(why) => tracing::debug!("the service does not answer: {why}"),
        }
    }
}
