//! Direct apply: clusters without an agent get their objects from the service itself, by server-side apply.
//!
//! Each cluster has a task of its own (`worker`), so that one which does not answer keeps no other one waiting. What it was
//! told to hold is in its memory; what was applied is in the cluster (`inventory`). A `round` claims the inventory,
//! applies, deletes what is listed there and not wanted any more, and writes the inventory again. What must not be in here: what
//! belongs into a cluster, and whether it is ready there.

mod fault;
mod id;
mod inventory;
mod kinds;
mod round;
mod rules;
mod status;
mod way;
mod worker;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use periplus_git::{Fence, TargetId};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

pub use self::fault::Fault;
pub use self::inventory::{NAME as INVENTORY, NAMESPACE};
pub use self::rules::{Grant, grants, inventory_rules, rules};
pub use self::status::{Status, Statuses};
use self::worker::Worker;
use crate::clusters::{Books, Source};
use crate::delivery::{Parcel, Part};
use crate::hub::Found;
use crate::service::{Clock, Wall};

/// How clusters are applied to.
#[derive(Clone)]
pub struct Options {
    /// How each is reached.
    pub reach: Reach,
    /// What becomes of fields that somebody else manages.
    pub force: Force,
    /// How often everything is applied again, so that what was changed by hand becomes what it should be.
    pub every: Duration,
    /// How long an API server may take to answer.
    pub deadline: Duration,
    /// How many clusters are applied to at once.
    pub at_once: usize,
    /// What tells our inventories from those of others: the same over restarts.
    pub run: String,
    /// In whose time is applied, where there are several who may.
    pub fence: Option<Fence>,
    /// What becomes of the inventory of another.
    pub found: Found,
    /// Where it is told how it goes.
    pub statuses: Statuses,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where it runs.
    pub runtime: Handle,
}

/// Tells how a cluster is reached, or why it is not.
pub type Reach = Arc<dyn Fn(&str) -> Result<Source, String> + Send + Sync>;

/// What becomes of fields that somebody else manages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Force {
    /// They stay, and it is told.
    #[default]
    No,
    /// They become ours.
    Yes,
}

/// How often everything is applied again where nothing is said.
pub(crate) const EVERY: Duration = Duration::from_mins(10);
const DEADLINE: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 32;

/// All clusters that are applied to.
pub struct Applier {
    shared: Arc<Shared>,
    clusters: BTreeMap<String, (UnboundedSender<Vec<Parcel>>, AbortHandle)>,
    stop: watch::Sender<bool>,
    /// It is closed when no task runs any more.
    ended: (Sender<()>, Receiver<()>),
}

/// Hears how each target has answered.
type Answer = Box<dyn Fn(TargetId, Result<(), Fault>) + Send + Sync>;

/// What all tasks share.
struct Shared {
    options: Options,
    stop: watch::Receiver<bool>,
    gate: Semaphore,
    books: Arc<Books>,
    answer: Answer,
}

impl Options {
    /// The usual ones, for a log and clusters that are reached like this. It runs in the runtime of the caller.
    ///
    /// # Panics
    /// Panics outside of a runtime.
    #[must_use]
    pub fn new(run: String, reach: Reach) -> Self {
        Self {
            reach,
            force: Force::No,
            every: EVERY,
            deadline: DEADLINE,
            at_once: AT_ONCE,
            run,
            fence: None,
            found: Found::Refuse,
            statuses: Statuses::default(),
            clock: Arc::new(Wall),
            runtime: Handle::current(),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reach: _, force, every, deadline, at_once, run, fence, found, .. } = self;
        out.debug_struct("Options")
            .field("force", force)
            .field("every", every)
            .field("deadline", deadline)
            .field("at_once", at_once)
            .field("run", run)
            .field("fence", fence)
            .field("found", found)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Applier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Applier")
            .field("options", &self.shared.options)
            .field("clusters", &self.clusters.keys())
            .finish_non_exhaustive()
    }
}

impl Applier {
    /// Begins with no clusters. Every parcel is answered once, by `answer`.
    pub fn start(
        options: Options,
        answer: impl Fn(TargetId, Result<(), Fault>) + Send + Sync + 'static,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let gate = Semaphore::new(options.at_once.max(1));
        let (books, answer) = (Arc::default(), Box::new(answer));
        let shared = Arc::new(Shared { options, stop: stopped, gate, books, answer });
        Self { shared, clusters: BTreeMap::new(), stop, ended: channel() }
    }

    /// Hands parcels over, those of one cluster together. They are applied in order, those of different clusters at once.
    pub fn send(&mut self, parcels: Vec<Parcel>) {
        let mut by_cluster: BTreeMap<String, Vec<Parcel>> = BTreeMap::new();
        for parcel in parcels {
            if let Some(part) = Part::of(&parcel.target) {
                by_cluster.entry(part.cluster).or_default().push(parcel);
            }
        }
        for (cluster, parcels) in by_cluster {
            let (inbox, _) = self.clusters.entry(cluster.clone()).or_insert_with(|| {
                let (inbox, parcels) = unbounded_channel();
                let worker = Worker::new(cluster, Arc::clone(&self.shared));
                let ended = self.ended.0.clone();
                let task = self.shared.options.runtime.spawn(async move {
                    worker.run(parcels).await;
                    drop(ended);
                });
                (inbox, task.abort_handle())
            });
            // It ends only with this.
            let _ = inbox.send(parcels);
        }
    }

    /// Ends what is on its way as soon as may be, and waits until it has ended. It must not be called where tasks run.
    pub fn finish(mut self) {
        self.stop.send_replace(true);
        self.clusters.clear();
        let (held, ended) = std::mem::replace(&mut self.ended, channel());
        drop(held);
        // Nothing is ever sent: it is over when no task holds the other end.
        let _ = ended.recv();
    }
}

impl Drop for Applier {
    fn drop(&mut self) {
        for (_, task) in self.clusters.values() {
            task.abort();
        }
    }
}
