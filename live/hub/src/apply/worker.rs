//! One cluster: what it is to hold, and a round whenever that changes or enough time has passed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kube::Client;
use periplus_emit::FilePath;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::Shared;
use super::fault::Fault;
use super::id::{Id, Wanted};
use super::inventory::Inventory;
use super::kinds::Kinds;
use super::way::Way;
use crate::clusters::Source;
use crate::delivery::{Parcel, Part, Scope};

/// What one cluster is to hold, and what is known of it.
pub(super) struct Worker {
    pub(super) cluster: String,
    pub(super) shared: Arc<Shared>,
    connected: Option<Connected>,
    pub(super) kinds: Kinds,
    /// As it was read or written last; none if it must be read again.
    pub(super) inventory: Option<Inventory>,
    /// All that the cluster is to hold, as far as it was told.
    pub(super) wanted: BTreeMap<FilePath, Wanted>,
    /// Objects that this process has written into the inventory.
    pub(super) mine: BTreeSet<Id>,
    pub(super) told: Told,
    /// The last record that was told of.
    pub(super) record: u64,
    again_at: Instant,
    last_fault: Option<String>,
}

/// Whether all that the cluster is to hold was ever told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// What the inventory has from before is not known to be unwanted.
    Changes,
    /// What was not told of is not wanted.
    Whole,
}

/// Why the apps of a cluster did not get what was to be applied; without a name, what belongs to the cluster.
pub(super) type Failures = BTreeMap<Option<String>, Fault>;

struct Connected {
    source: Source,
    mark: u64,
    client: Client,
}

impl Worker {
    pub(super) fn new(cluster: String, shared: Arc<Shared>) -> Self {
        let again_at = Instant::now() + shared.options.every;
        Self {
            cluster,
            shared,
            connected: None,
            kinds: Kinds::default(),
            inventory: None,
            wanted: BTreeMap::new(),
            mine: BTreeSet::new(),
            told: Told::Changes,
            record: 0,
            again_at,
            last_fault: None,
        }
    }

    /// Applies what comes, until nobody is left who could send anything.
    pub(super) async fn run(mut self, mut inbox: UnboundedReceiver<Vec<Parcel>>) {
        loop {
            let parcels = tokio::select! {
                biased;
                parcels = inbox.recv() => match parcels {
                    Some(parcels) => parcels,
                    None => return,
                },
                () = sleep_until(self.again_at), if !self.wanted.is_empty() => Vec::new(),
            };
            let again = parcels.is_empty() || parcels.iter().any(|one| one.scope == Scope::Whole);
            let (paths, mut failures) = self.take(&parcels);
            let paths = if again { self.wanted.keys().cloned().collect() } else { paths };
            let ended = self.round(paths).await;
            if again {
                self.again_at = Instant::now() + self.shared.options.every;
            }
            let fault = ended.map(|more| failures.extend(more)).err();
            self.note(fault.as_ref(), &failures);
            for parcel in parcels {
                let app = Part::of(&parcel.target).and_then(|part| part.app);
                let fault = fault.as_ref().or_else(|| failures.get(&app));
                (self.shared.answer)(parcel.target, fault.cloned().map_or(Ok(()), Err));
            }
        }
    }

    /// Takes in what is told. Gives the files that have changed.
    fn take(&mut self, parcels: &[Parcel]) -> (BTreeSet<FilePath>, Failures) {
        let (mut paths, mut failures) = (BTreeSet::new(), Failures::new());
        for Parcel { target, draft, scope, lines: _ } in parcels {
            let app = Part::of(target).and_then(|part| part.app);
            self.record = self.record.max(draft.seq.0);
            for (path, bytes) in &draft.change {
                let Some(bytes) = bytes else {
                    self.wanted.remove(path);
                    continue;
                };
                match Wanted::read(path, app.clone(), bytes) {
                    Ok(wanted) => {
                        self.wanted.insert(path.clone(), wanted);
                        paths.insert(path.clone());
                    }
                    Err(fault) => {
                        failures.entry(app.clone()).or_insert(fault);
                    }
                }
            }
            // Each app has a parcel of its own, and they come together. The cluster's says that all of them are there.
            if *scope == Scope::Whole && app.is_none() {
                self.told = Told::Whole;
            }
        }
        (paths, failures)
    }

    async fn round(&mut self, paths: BTreeSet<FilePath>) -> Result<Failures, Fault> {
        let shared = Arc::clone(&self.shared);
        let cluster = self.cluster.clone();
        let stopped = || Fault::Stopped { cluster: cluster.clone() };
        // It is never closed.
        let _turn = shared.gate.acquire().await.map_err(|_| stopped())?;
        let mut stop = shared.stop.clone();
        let client = tokio::select! {
            client = self.client() => client,
            _ = stop.wait_for(|stop| *stop) => Err(stopped()),
        };
        let client = client.inspect_err(|_| self.connected = None)?;
        let way = Way { cluster: &cluster, client, shared: &shared };
        let ended = self.apply(&way, paths).await;
        if ended.is_err() {
            // What was written last may stand there or not, and the connection may lead nowhere.
            self.inventory = None;
            self.connected = None;
        }
        ended
    }

    /// A client, made anew where what it was made of has changed.
    async fn client(&mut self) -> Result<Client, Fault> {
        let shared = Arc::clone(&self.shared);
        let cluster = self.cluster.clone();
        let unreached = |why| Fault::Unreached { cluster: cluster.clone(), why };
        let (reach, name) = (Arc::clone(&shared.options.reach), cluster.clone());
        // A kubeconfig is read here.
        let source = tokio::task::spawn_blocking(move || reach(&name)).await;
        let source = source.map_err(|_| Fault::Stopped { cluster: cluster.clone() })?;
        let source = source.map_err(unreached)?;
        let within = shared.options.deadline;
        let deadline = |_| Fault::Deadline { cluster: cluster.clone(), within };
        if let Some(known) = self.connected.as_ref().filter(|known| known.source == source) {
            let mark = tokio::time::timeout(within, source.mark(&shared.books));
            if mark.await.map_err(deadline)?.map_err(unreached)? == known.mark {
                return Ok(known.client.clone());
            }
        }
        let connecting = tokio::time::timeout(within, source.connect(&shared.books));
        let (client, mark) = connecting.await.map_err(deadline)?.map_err(unreached)?;
        // It may be another cluster now.
        (self.inventory, self.kinds) = (None, Kinds::default());
        self.connected = Some(Connected { source, mark, client: client.clone() });
        Ok(client)
    }

    /// Tells how it went: each fault once, for as long as it lasts.
    fn note(&mut self, fault: Option<&Fault>, failures: &Failures) {
        let now = self.shared.options.clock.now_unix_ms();
        let cluster = &self.cluster;
        let all: Vec<String> =
            fault.into_iter().chain(failures.values()).map(Fault::to_string).collect();
        let refused = u64::try_from(failures.len()).unwrap_or(u64::MAX);
        self.shared.options.statuses.note(cluster, |status| {
            status.refused = status.refused.saturating_add(refused);
            status.complete = all.is_empty();
            match all.first() {
                None => status.last_applied_unix_ms = Some(now),
                Some(first) => status.last_error = Some((now, first.clone())),
            }
        });
        let text = Some(all.join("\n")).filter(|text| !text.is_empty());
        if text != self.last_fault {
            for fault in &all {
                tracing::warn!(cluster, "not everything was applied: {fault}");
            }
            if text.is_none() {
                tracing::info!(cluster, "everything is applied again");
            }
        }
        self.last_fault = text;
    }
}
