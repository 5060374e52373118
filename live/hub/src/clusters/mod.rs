//! Clusters: what watches Kubernetes clusters, and tells of room, of workloads, and that they are alive.
//!
//! Each cluster is followed by one task (`session`): nine watches of only those fields that are needed (`objects`),
//! out of which `site` keeps the room of nodes (`room`) and the state of what is ours (`workloads`). What cannot be
//! seen is never taken for gone, and nothing is told of a cluster that does not answer. What must not be in here: what
//! any of it means for placement.

mod access;
mod agent;
mod board;
mod heartbeat;
mod node;
mod objects;
mod pod;
mod quantity;
mod room;
mod session;
mod site;
mod watch;
mod work;
mod workloads;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::api::rbac::v1::PolicyRule;
use tokio::sync::{Semaphore, watch as signal};
use tokio::task::{AbortHandle, JoinSet};

use crate::Feed;
use crate::service::{Clock, Wall};
pub(crate) use access::Books;
pub use access::{Load, Source, contexts};
use board::Cluster;
pub use board::Status;
pub(crate) use heartbeat::{Beat, beat};
pub use node::Nodes;
pub(crate) use objects::hash as seed;
use site::List;
pub(crate) use watch::{backoff, full};

/// A cluster that is to be watched.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// Its name, as it was declared.
    pub name: String,
    /// How it is reached.
    pub source: Source,
}

/// How clusters are watched.
#[derive(Clone)]
pub struct Options {
    /// How often a cluster is asked whether it is alive.
    pub heartbeat: Duration,
    /// The shortest time between two reports of a cluster's room.
    pub room_every: Duration,
    /// How long a fault that often passes by itself must last until it is told: no node has room (an autoscaler may add
    /// one), an agent failed to apply (it tries again), pods are refused (what they need may come after them).
    pub patience: Duration,
    /// How nodes are looked at.
    pub nodes: Nodes,
    /// How many lists are read at the same time, of all clusters.
    pub lists_max: usize,
    /// How many objects a page of a list has.
    pub page: u32,
    /// Within which time all clusters are begun with.
    pub spread: Duration,
    /// How often kubeconfigs are looked at for changes.
    pub reload: Duration,
    /// How often kinds that a cluster does not have are looked for.
    pub look_again: Duration,
    /// Which components may be in a cluster.
    pub expected: Option<Expected>,
    /// What tells when something was so.
    pub clock: Arc<dyn Clock>,
}

/// Tells which components (app, component) may be in a cluster. Those that are not when all was read are told to be gone,
/// as they may have gone while nobody watched. Charts and overlays that an Argo CD in another cluster applies must not be
/// among them: that cluster may not have been read yet.
pub type Expected = Arc<dyn Fn(&str) -> Vec<(String, String)> + Send + Sync>;

/// All clusters that are watched.
#[derive(Debug)]
pub struct Clusters {
    shared: Arc<Shared>,
    wanted: signal::Sender<Vec<Watched>>,
}

/// What all tasks share.
#[derive(Debug)]
struct Shared {
    options: Options,
    gate: Arc<Semaphore>,
    books: Arc<Books>,
    clusters: Mutex<BTreeMap<String, Arc<Cluster>>>,
    rounds: AtomicU32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(10),
            room_every: Duration::from_secs(10),
            patience: Duration::from_mins(1),
            nodes: Nodes::default(),
            lists_max: 32,
            page: 500,
            spread: Duration::from_secs(30),
            reload: Duration::from_secs(30),
            look_again: Duration::from_mins(10),
            expected: None,
            clock: Arc::new(Wall),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            heartbeat,
            room_every,
            patience,
            nodes,
            lists_max,
            page,
            spread,
            reload,
            look_again,
            expected,
            clock,
        } = self;
        out.debug_struct("Options")
            .field("heartbeat", heartbeat)
            .field("room_every", room_every)
            .field("patience", patience)
            .field("nodes", nodes)
            .field("lists_max", lists_max)
            .field("page", page)
            .field("spread", spread)
            .field("reload", reload)
            .field("look_again", look_again)
            .field("expected", &expected.is_some())
            .field("clock", clock)
            .finish()
    }
}

impl Clusters {
    /// Watches none yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let shared = Shared {
            gate: Arc::new(Semaphore::new(options.lists_max.max(1))),
            options,
            books: Arc::default(),
            clusters: Mutex::default(),
            rounds: AtomicU32::new(1),
        };
        Self { shared: Arc::new(shared), wanted: signal::Sender::new(Vec::new()) }
    }

    /// Says which clusters are to be watched from now on. Those that are and stay are not disturbed.
    pub fn declare(&self, watched: Vec<Watched>) {
        self.wanted.send_if_modified(|wanted| {
            let changed = *wanted != watched;
            *wanted = watched;
            changed
        });
    }

    /// Watches, and tells the feed, until `stop` is done.
    pub async fn run<O>(&self, feed: Feed<O>, stop: impl Future<Output = ()>)
    where
        O: Send + 'static,
        Feed<O>: Clone,
    {
        let mut wanted = self.wanted.subscribe();
        wanted.mark_changed();
        let mut tasks = JoinSet::new();
        let mut followed: BTreeMap<String, (Source, AbortHandle)> = BTreeMap::new();
        let mut numbers = 0;
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                changed = wanted.changed() => if changed.is_err() { break },
            }
            let watched = wanted.borrow_and_update().clone();
            followed.retain(|name, (source, task)| {
                let stays = watched.iter().any(|one| one.name == *name && one.source == *source);
                if !stays {
                    task.abort();
                    self.shared.clusters().remove(name);
                }
                stays
            });
            let new: Vec<Watched> =
                watched.into_iter().filter(|one| !followed.contains_key(&one.name)).collect();
            let count = u32::try_from(new.len()).unwrap_or(u32::MAX).max(1);
            // Few clusters need no time between them.
            let spread = self.shared.options.spread.min(BETWEEN.saturating_mul(count));
            for (turn, Watched { name, source }) in (0_u32..).zip(new) {
                let cluster = Cluster::new(&name, numbers, self.shared.options.patience);
                numbers += 1;
                self.shared.clusters().insert(name.clone(), Arc::clone(&cluster));
                let shared = Arc::clone(&self.shared);
                let begins_after = spread / count * turn;
                let task =
                    session::follow(shared, cluster, source.clone(), feed.clone(), begins_after);
                followed.insert(name, (source, tasks.spawn(task)));
            }
            // Those that were ended above.
            while tasks.try_join_next().is_some() {}
        }
        tasks.shutdown().await;
    }

    /// How the watching of each cluster goes.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<String, Status> {
        let clusters = self.shared.clusters();
        clusters.iter().map(|(name, cluster)| (name.clone(), cluster.status().clone())).collect()
    }

    /// The components (app, component) that are in a cluster; `None` unless all was read and it answers.
    #[must_use]
    pub fn present(&self, cluster: &str) -> Option<Vec<(String, String)>> {
        let cluster = self.shared.find(cluster)?;
        if !cluster.status().connected {
            return None;
        }
        let site = cluster.site();
        Some(site.present().map(|name| (name.app.clone(), name.component.clone())).collect())
    }
}

/// How long passes between the beginnings of two clusters, unless there are too many.
const BETWEEN: Duration = Duration::from_millis(10);

/// What the account that watches a cluster must be allowed to do. Flux's and Argo CD's kinds may be left out where they
/// are not there.
///
/// A `FlowSchema` that puts the account into a priority level of its own (such as `workload-low`) keeps its lists from
/// standing in the way of others.
#[must_use]
pub fn rules() -> Vec<PolicyRule> {
    let reads = |group: &str| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(
            List::ALL
                .into_iter()
                .filter(|list| list.group() == group)
                .map(|list| list.plural().to_owned())
                .collect(),
        ),
        verbs: ["list", "watch"].map(str::to_owned).into(),
        ..PolicyRule::default()
    };
    let mut groups: Vec<&str> = List::ALL.into_iter().map(List::group).collect();
    groups.dedup();
    let mut rules: Vec<PolicyRule> = groups.into_iter().map(reads).collect();
    rules.push(PolicyRule {
        non_resource_urls: Some(vec![heartbeat::ASKED.to_owned()]),
        verbs: vec!["get".to_owned()],
        ..PolicyRule::default()
    });
    rules
}

impl Shared {
    fn clusters(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Cluster>>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, name: &str) -> Option<Arc<Cluster>> {
        self.clusters().get(name).cloned()
    }

    /// Now, in milliseconds since 1970.
    fn now_ms(&self) -> i64 {
        self.options.clock.now_unix_ms()
    }

    /// The number of a reading that no other has.
    fn round(&self) -> u32 {
        self.rounds.fetch_add(1, Ordering::Relaxed)
    }
}
