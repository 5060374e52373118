//! One cluster: connects, watches all that is to be watched, and tells what it learns. When it is cut off it connects
//! again, and then all is read and told anew.
//!
//! What is true only while the cluster can be reached is told only then. Nothing is taken for gone because it cannot be
//! seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, SelectAll, select_all};
use kube::Client;
use periplus_emit::OURS;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::access::Source;
use super::agent::AgentFacts;
use super::board::Cluster;
use super::heartbeat::{Beat, beat, beats};
use super::node::NodeFacts;
use super::objects::hash;
use super::pod::{PodFacts, PodKind};
use super::site::{Change, Facts, List, Seen};
use super::watch::{Manner, News, Why, backoff, watch};
use super::work::{DaemonSetKind, DeploymentKind, JobKind, StatefulSetKind, WorkFacts};
use super::workloads::Name;
use super::{Shared, agent, node};
use crate::Feed;
use crate::sighting::{Sight, Sighting, Workload, WorkloadState};

/// How often in a row the API may fail to answer before all is begun anew.
const FAILED_BEATS_MAX: u32 = 2;
/// How long news of what is ours are gathered before they are told together.
const GATHERS: Duration = Duration::from_millis(100);
/// The most workloads that one sighting tells of.
const WORKLOADS_MAX: usize = 1_024;
/// How long a connection may take to be made.
const CONNECTS_WITHIN: Duration = Duration::from_secs(60);
/// Failures of one list without which nobody says that it cannot be read.
const BLIND_AFTER: u32 = 4;
/// A list that has not failed for so long can be read.
const SEES_AFTER: Duration = Duration::from_secs(75);

/// Why a connection is given up.
enum End {
    /// What it was made of has changed.
    Changed,
    /// The cluster cannot be reached, or does not know us.
    Fault(String),
}

/// Follows a cluster for ever.
pub(super) async fn follow<O: Send + 'static>(
    shared: Arc<Shared>,
    cluster: Arc<Cluster>,
    source: Source,
    feed: Feed<O>,
    begins_after: Duration,
) {
    sleep(begins_after).await;
    let seed = hash(&cluster.name);
    let mut failures = 0;
    loop {
        let mut session = Session::new(&shared, &cluster, &feed, seed);
        let end = session.run(&source).await;
        if session.was_complete {
            failures = 0;
        }
        cluster.status().connected = false;
        match end {
            End::Changed => {}
            End::Fault(text) => {
                cluster.complain(shared.now_ms(), text);
                sleep(backoff(failures, seed)).await;
                failures += 1;
            }
        }
    }
}

struct Session<'s, O> {
    shared: &'s Arc<Shared>,
    cluster: &'s Arc<Cluster>,
    feed: &'s Feed<O>,
    seed: u64,
    mark: u64,
    /// How often each list has begun.
    rounds: BTreeMap<List, u32>,
    /// Lists that were read to their end, or that there are none of.
    settled: BTreeSet<List>,
    was_complete: bool,
    /// Whether there may be objects of ours that we are not let see.
    is_partial: bool,
    /// Whether it was asked what should be here.
    asked: bool,
    /// Whether a list was read: who is not known may be answered, but not with a list.
    is_known: bool,
    failed_beats: u32,
    /// Lists that fail, how often, and when last.
    failing: BTreeMap<List, (u32, Instant)>,
    /// Clusters that `Application`s here are about and nobody watches.
    missed: BTreeSet<String>,
    tell_at: Option<Instant>,
    room_at: Instant,
    looked_at: Instant,
}

/// What a session waits for.
enum Heard {
    News(List, News),
    Beat(Beat),
}

impl<'s, O: Send + 'static> Session<'s, O> {
    fn new(
        shared: &'s Arc<Shared>,
        cluster: &'s Arc<Cluster>,
        feed: &'s Feed<O>,
        seed: u64,
    ) -> Self {
        Self {
            shared,
            cluster,
            feed,
            seed,
            mark: 0,
            rounds: BTreeMap::new(),
            settled: BTreeSet::new(),
            was_complete: false,
            is_known: false,
            failed_beats: 0,
            failing: BTreeMap::new(),
            asked: false,
            is_partial: false,
            missed: BTreeSet::new(),
            tell_at: None,
            room_at: Instant::now(),
            looked_at: Instant::now(),
        }
    }

    async fn run(&mut self, source: &Source) -> End {
        let connecting = timeout(CONNECTS_WITHIN, source.connect(&self.shared.books)).await;
        let client = match connecting {
            Ok(Ok((client, mark))) => {
                self.mark = mark;
                client
            }
            Ok(Err(text)) => return End::Fault(text),
            Err(_) => return End::Fault(format!("not connected within {CONNECTS_WITHIN:?}")),
        };
        {
            let mut status = self.cluster.status();
            status.connects += 1;
            status.partial = false;
        }
        // Nine watches of a cluster that does not answer would fail nine times.
        match beat(&client).await {
            Beat::Alive => {}
            Beat::Unauthorized(text) | Beat::Failed(text) => return End::Fault(text),
        }
        let mut heard = self.watches(&client);
        loop {
            let tell_at = self.tell_at.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            let end = tokio::select! {
                heard = heard.next() => match heard {
                    Some(Heard::News(list, news)) => self.hear(list, news).await,
                    Some(Heard::Beat(beat)) => self.feel(beat, source).await,
                    None => Some(End::Fault("all watches have ended".to_owned())),
                },
                () = self.cluster.stirred.notified() => {
                    self.plan();
                    None
                }
                () = sleep_until(tell_at), if self.tell_at.is_some() => {
                    self.tell().await;
                    None
                }
            };
            if let Some(end) = end {
                return end;
            }
        }
    }

    fn watches(&self, client: &Client) -> SelectAll<BoxStream<'static, Heard>> {
        let nodes = self.shared.options.nodes.clone();
        let all = List::ALL.into_iter().map(|list| self.watch(list, client, &nodes));
        let news = all.map(|news| news.map(|(list, news)| Heard::News(list, news)).boxed());
        let every = self.shared.options.heartbeat;
        let beats = beats(client.clone(), every, self.seed).map(Heard::Beat).boxed();
        select_all(news.chain([beats]))
    }

    fn watch(
        &self,
        list: List,
        client: &Client,
        nodes: &node::Nodes,
    ) -> BoxStream<'static, (List, News)> {
        let ours = format!("{}={},periplus.dev/app", OURS.0, OURS.1);
        let here = format!("{ours},periplus.dev/cluster={}", self.cluster.name);
        let labels = match list {
            List::Nodes | List::Pods => None,
            // They may be about other clusters.
            List::Applications => Some(ours),
            List::Deployments
            | List::StatefulSets
            | List::DaemonSets
            | List::Jobs
            | List::Kustomizations
            | List::HelmReleases => Some(here),
        };
        let manner = Manner {
            list,
            seed: hash(&(self.seed, list as u8)),
            labels,
            fields: (list == List::Pods).then_some("status.phase!=Succeeded,status.phase!=Failed"),
            page: self.shared.options.page,
            look_again: self.shared.options.look_again,
        };
        let (client, gate) = (client.clone(), Arc::clone(&self.shared.gate));
        match list {
            List::Nodes => {
                let nodes = nodes.clone();
                watch(client, gate, manner, move |object| {
                    Some(Facts::Node(NodeFacts::of(object, &nodes)))
                })
            }
            List::Pods => watch::<PodKind>(client, gate, manner, |object| {
                Some(Facts::Pod(PodFacts::of(object)))
            }),
            List::Deployments => watch::<DeploymentKind>(client, gate, manner, |object| {
                WorkFacts::of(object).map(Facts::Work)
            }),
            List::StatefulSets => watch::<StatefulSetKind>(client, gate, manner, |object| {
                WorkFacts::of(object).map(Facts::Work)
            }),
            List::DaemonSets => watch::<DaemonSetKind>(client, gate, manner, |object| {
                WorkFacts::of(object).map(Facts::Work)
            }),
            List::Jobs => watch::<JobKind>(client, gate, manner, |object| {
                WorkFacts::of(object).map(Facts::Work)
            }),
            List::Kustomizations => {
                watch::<agent::KustomizationKind>(client, gate, manner, |object| {
                    AgentFacts::of_kustomization(object).map(Facts::Agent)
                })
            }
            List::HelmReleases => watch::<agent::HelmReleaseKind>(client, gate, manner, |object| {
                AgentFacts::of_release(object).map(Facts::Agent)
            }),
            List::Applications => watch::<agent::ApplicationKind>(client, gate, manner, |object| {
                AgentFacts::of_application(object).map(Facts::Agent)
            }),
        }
    }

    async fn hear(&mut self, list: List, news: News) -> Option<End> {
        match news {
            News::Begins => {
                self.rounds.insert(list, self.shared.round());
                self.cluster.status().relists += 1;
            }
            News::There(facts) => self.pass(list, Change::There(facts)),
            News::Gone(facts) => self.pass(list, Change::Gone(facts)),
            News::Complete => {
                self.failing.remove(&list);
                self.pass(list, Change::Over);
                if list.is_ours() {
                    self.cluster.site().workloads_again();
                }
                self.cluster.status().absent.remove(list.plural());
                if !std::mem::replace(&mut self.is_known, true) {
                    self.alive().await;
                }
                self.settle(list);
            }
            News::Absent(Why::Forbidden, text) => {
                self.is_partial = true;
                self.cluster.status().partial = true;
                self.lack(list, text);
            }
            News::Absent(Why::NoKind, text) => self.lack(list, text),
            News::Unauthorized(text) => return Some(End::Fault(text)),
            News::Failed(text) => {
                self.cluster.complain(self.shared.now_ms(), text);
                let failing = self.failing.entry(list).or_insert((0, Instant::now()));
                *failing = (failing.0 + 1, Instant::now());
            }
        }
        self.plan();
        None
    }

    /// There is no such list here.
    fn lack(&mut self, list: List, text: String) {
        self.cluster.complain(self.shared.now_ms(), text);
        self.cluster.status().absent.insert(list.plural());
        self.settle(list);
    }

    /// Passes on what was seen to the cluster that it is about.
    fn pass(&mut self, list: List, change: Change) {
        let round = self.rounds.get(&list).copied().unwrap_or(0);
        let seen = Seen { list, seen_in: self.cluster.number, round, at_ms: self.shared.now_ms() };
        let about = match &change {
            Change::There(Facts::Agent(facts)) | Change::Gone(Facts::Agent(facts)) => {
                facts.cluster.as_str()
            }
            Change::There(Facts::Node(_) | Facts::Pod(_) | Facts::Work(_))
            | Change::Gone(Facts::Node(_) | Facts::Pod(_) | Facts::Work(_))
            | Change::Over => "",
        };
        if about.is_empty() || about == self.cluster.name {
            if list == List::Applications && matches!(change, Change::Over) {
                self.close(seen);
            }
            self.cluster.site().take(seen, change);
            return;
        }
        let Some(other) = self.shared.find(about) else {
            self.missed.insert(about.to_owned());
            return;
        };
        self.cluster.reached().insert(other.name.clone());
        other.site().take(seen, change);
        other.stirred.notify_one();
    }

    /// A list of `Application`s is over, for all clusters that any were ever about.
    fn close(&mut self, seen: Seen) {
        let reached = self.cluster.reached().clone();
        for other in reached.iter().filter_map(|name| self.shared.find(name)) {
            other.site().take(seen, Change::Over);
            other.stirred.notify_one();
        }
    }

    /// A list was read, or there is none. When all are, all is told.
    fn settle(&mut self, list: List) {
        self.settled.insert(list);
        if !self.was_complete && self.settled.len() == List::ALL.len() {
            self.was_complete = true;
            self.cluster.site().again();
            self.cluster.status().connected = true;
        }
    }

    async fn feel(&mut self, beat: Beat, source: &Source) -> Option<End> {
        match beat {
            Beat::Alive => {
                self.failed_beats = 0;
                if self.is_known && !self.is_blind() {
                    self.alive().await;
                }
            }
            Beat::Unauthorized(text) => return Some(End::Fault(text)),
            Beat::Failed(text) => {
                self.failed_beats += 1;
                if self.failed_beats >= FAILED_BEATS_MAX {
                    return Some(End::Fault(text));
                }
                self.cluster.complain(self.shared.now_ms(), text);
            }
        }
        self.cluster.measure();
        if self.missed.iter().any(|name| self.shared.find(name).is_some()) {
            return Some(End::Changed);
        }
        // Troubles that wait may have become old enough.
        self.tell_at.get_or_insert_with(Instant::now);
        if self.looked_at.elapsed() >= self.shared.options.reload {
            self.looked_at = Instant::now();
            match source.mark(&self.shared.books).await {
                Ok(mark) if mark != self.mark => return Some(End::Changed),
                Ok(_) => {}
                // The file is being written. What was read of it before holds as long as it works.
                Err(text) => self.cluster.complain(self.shared.now_ms(), text),
            }
        }
        None
    }

    /// Whether a list that must be read has failed again and again.
    fn is_blind(&self) -> bool {
        self.failing.iter().any(|(list, (times, last))| {
            list.is_needed() && *times >= BLIND_AFTER && last.elapsed() < SEES_AFTER
        })
    }

    async fn alive(&self) {
        let now = self.shared.now_ms();
        self.cluster.status().last_heard_unix_ms = Some(now);
        let sight = Sight::Alive { cluster: self.cluster.name.clone() };
        self.feed.tell(Sighting { as_of_unix_ms: now, sight }).await;
    }

    /// Sets when to tell what is new.
    fn plan(&mut self) {
        if !self.was_complete {
            return;
        }
        let (workloads, room) = self.cluster.site().is_stirred();
        let soon = Instant::now() + GATHERS;
        let at = match (workloads, room) {
            (true, _) => soon,
            (false, true) => self.room_at.max(soon),
            (false, false) => return,
        };
        self.tell_at = Some(self.tell_at.map_or(at, |before| before.min(at)));
    }

    async fn tell(&mut self) {
        self.tell_at = None;
        if !self.was_complete || self.failed_beats > 0 {
            return;
        }
        let now = self.shared.now_ms();
        let cluster = || self.cluster.name.clone();
        let mut workloads = self.cluster.site().workloads(now);
        workloads.extend(self.expected());
        for some in workloads.chunks(WORKLOADS_MAX) {
            let sight = Sight::Workloads { cluster: cluster(), workloads: some.to_vec() };
            self.feed.tell(Sighting { as_of_unix_ms: now, sight }).await;
        }
        if self.room_at <= Instant::now() {
            let pools = self.cluster.site().room();
            if let Some(pools) = pools {
                self.room_at = Instant::now() + self.shared.options.room_every;
                let sight = Sight::Room { cluster: cluster(), pools };
                self.feed.tell(Sighting { as_of_unix_ms: now, sight }).await;
            }
        }
        self.plan();
    }

    /// What should be here and is not, once all was read: it may have gone while nobody watched.
    fn expected(&mut self) -> Vec<Workload> {
        let Some(expected) = &self.shared.options.expected else { return Vec::new() };
        if self.is_partial || std::mem::replace(&mut self.asked, true) {
            return Vec::new();
        }
        let mut expected: BTreeSet<(String, String)> =
            expected(&self.cluster.name).into_iter().collect();
        let site = self.cluster.site();
        for Name { app, component } in site.present() {
            expected.remove(&(app.clone(), component.clone()));
        }
        let gone = |(app, component)| Workload {
            app,
            component,
            decision: None,
            state: WorkloadState::Gone,
        };
        expected.into_iter().map(gone).collect()
    }
}
