//! The loop of the stand-in: hears of pods, orders and time, and says to the cluster what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::future::join_all;
use futures::stream::{self, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::jiff::Timestamp;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::pods::{self, Life};
use super::{Fate, Node, Options, nodes};

/// What a test asks for; each is answered when it is done.
pub(super) enum Order {
    Add(Node, oneshot::Sender<Result<(), kube::Error>>),
    Remove(String, oneshot::Sender<Result<(), kube::Error>>),
    Cut(String, oneshot::Sender<()>),
    Mend(String, oneshot::Sender<()>),
    Image(String, Fate, oneshot::Sender<()>),
}

/// Plays until nobody can give orders any more.
pub(super) async fn run(client: Client, options: Options, mut orders: mpsc::Receiver<Order>) {
    let bound = watcher::Config::default().fields("spec.nodeName!=");
    let mut heard = pin!(watcher(Api::<Pod>::all(client.clone()), bound).default_backoff());
    let mut beats = interval(options.beats_every);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stage = Stage::new(client, options);
    loop {
        let due = stage.due();
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => stage.obey(order).await,
                None => return,
            },
            // What fails is tried again by the watcher, with pauses.
            Some(event) = heard.next() => if let Ok(event) = event { stage.hear(event) },
            _ = beats.tick() => stage.beat().await,
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
        stage.act().await;
    }
}

/// All that is played.
struct Stage {
    client: Client,
    options: Options,
    nodes: BTreeMap<String, Wired>,
    images: BTreeMap<String, Fate>,
    /// By uid.
    pods: BTreeMap<String, Played>,
    /// The pods of a list that is being read: what is not in it is gone.
    listed: BTreeSet<String>,
    beats: u32,
    addresses: u32,
}

struct Wired {
    node: Node,
    ready_since: Timestamp,
    is_cut: bool,
}

struct Played {
    pod: Pod,
    began: Instant,
    began_at: Timestamp,
    address: String,
    fates: Result<Vec<Fate>, String>,
    /// The last that the cluster was told.
    said: Option<Value>,
    /// When it was told to end.
    told_to_end: Option<Instant>,
    /// When something is to be done; `None` if it waits for others.
    due: Option<Instant>,
}

/// What is to be done with a pod.
enum Act {
    Say(Value),
    End,
}

/// What the cluster did not take is said again after this time.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// So many pods are spoken of at a time.
const AT_ONCE_MAX: usize = 8;
/// Every so many beats a node also says how it is, in case that the cluster believes something else.
const BEATS_PER_REPORT: u32 = 5;
/// How long a pod may take to end if it does not say.
const GRACE_S: i64 = 30;

impl Stage {
    fn new(client: Client, options: Options) -> Self {
        Self {
            client,
            options,
            nodes: BTreeMap::new(),
            images: BTreeMap::new(),
            pods: BTreeMap::new(),
            listed: BTreeSet::new(),
            beats: 0,
            addresses: 0,
        }
    }

    /// When the next pod has something to say. Those of cut nodes wait until the wire is mended.
    fn due(&self) -> Option<Instant> {
        self.pods.values().filter(|played| self.hears(played)).filter_map(|played| played.due).min()
    }

    fn hears(&self, played: &Played) -> bool {
        self.nodes.get(node_of(&played.pod)).is_some_and(|wired| !wired.is_cut)
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Add(node, done) => {
                let registered = nodes::register(&self.client, &node).await;
                if registered.is_ok() {
                    let ready_since = Timestamp::now();
                    let wired = Wired { node: node.clone(), ready_since, is_cut: false };
                    self.nodes.insert(node.name, wired);
                }
                let _ = done.send(registered);
            }
            Order::Remove(node, done) => {
                self.nodes.remove(&node);
                self.pods.retain(|_, played| node_of(&played.pod) != node);
                let _ = done.send(nodes::forget(&self.client, &node).await);
            }
            Order::Cut(node, done) => {
                self.wired(&node).is_cut = true;
                let _ = done.send(());
            }
            Order::Mend(node, done) => {
                let wired = self.wired(&node);
                wired.is_cut = false;
                wired.ready_since = Timestamp::now();
                self.say_of(&node).await;
                for played in self.pods.values_mut().filter(|played| node_of(&played.pod) == node) {
                    played.said = None;
                    played.due = Some(Instant::now());
                }
                let _ = done.send(());
            }
            Order::Image(image, fate, done) => {
                self.images.insert(image, fate);
                for played in self.pods.values_mut() {
                    played.due = Some(Instant::now());
                }
                let _ = done.send(());
            }
        }
    }

    fn wired(&mut self, node: &str) -> &mut Wired {
        self.nodes.get_mut(node).unwrap_or_else(|| panic!("there is no node {node}"))
    }

    fn hear(&mut self, event: Event<Pod>) {
        match event {
            Event::Apply(pod) => self.take(pod),
            Event::Delete(pod) => {
                self.pods.remove(&uid_of(&pod));
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(pod) => {
                self.listed.insert(uid_of(&pod));
                self.take(pod);
            }
            Event::InitDone => self.pods.retain(|uid, _| self.listed.contains(uid)),
        }
    }

    /// Learns of a pod, or what is new of it. A node's pods may be heard of before it is known that there is the node.
    fn take(&mut self, pod: Pod) {
        let now = Instant::now();
        let addresses = &mut self.addresses;
        let starts_after = self.options.starts_after;
        let fates = pods::fates(&pod, &self.images);
        let played = self.pods.entry(uid_of(&pod)).or_insert_with(|| {
            *addresses += 1;
            let [_, a, b, c] = addresses.to_be_bytes();
            // Kubelets before this one may have started it.
            let age = if phase(&pod) == "Running" { starts_after } else { Duration::ZERO };
            let (began, began_at) = ago(now, age);
            Played {
                pod: pod.clone(),
                began,
                began_at,
                address: format!("10.{}.{b}.{c}", 64 + a),
                fates,
                said: None,
                told_to_end: None,
                due: None,
            }
        });
        if pod.metadata.deletion_timestamp.is_some() {
            played.told_to_end.get_or_insert(now);
        }
        played.pod = pod;
        played.due = Some(now);
    }

    /// Does all that is due, for several pods at a time.
    async fn act(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .pods
            .iter()
            .filter(|(_, played)| played.due.is_some_and(|due| due <= now) && self.hears(played))
            .map(|(uid, _)| uid.clone())
            .collect();
        let mut acts = Vec::new();
        for uid in due {
            let Some(played) = self.pods.get_mut(&uid) else { continue };
            if let Some(act) = played.act(now, &self.images, &self.options) {
                acts.push(perform(&self.client, uid, played.pod.clone(), act));
            }
        }
        let done: Vec<_> = stream::iter(acts).buffer_unordered(AT_ONCE_MAX).collect().await;
        for (uid, done) in done {
            let Some(played) = self.pods.get_mut(&uid) else { continue };
            match done {
                Ok(()) => {}
                // It is gone, and that will be heard.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(_) => {
                    played.said = None;
                    played.due = Some(Instant::now() + AGAIN_AFTER);
                }
            }
        }
    }

    /// Says of all nodes that they are there. What fails is said at the next beat.
    async fn beat(&mut self) {
        self.beats = self.beats.wrapping_add(1);
        let reports = self.beats.is_multiple_of(BEATS_PER_REPORT);
        let answer = self.nodes.values().filter(|wired| !wired.is_cut).map(async |wired| {
            let _ = nodes::beat(&self.client, &wired.node.name).await;
            if reports {
                let _ = nodes::report(&self.client, &wired.node, wired.ready_since).await;
            }
        });
        join_all(answer).await;
    }

    async fn say_of(&self, node: &str) {
        if let Some(wired) = self.nodes.get(node) {
            let _ = nodes::beat(&self.client, node).await;
            let _ = nodes::report(&self.client, &wired.node, wired.ready_since).await;
        }
    }
}

impl Played {
    /// What is to be done now, as far as it is not done; and when there will be something again.
    fn act(
        &mut self,
        now: Instant,
        images: &BTreeMap<String, Fate>,
        options: &Options,
    ) -> Option<Act> {
        if let Some(told) = self.told_to_end {
            let grace = self.pod.metadata.deletion_grace_period_seconds.unwrap_or(GRACE_S);
            let grace = Duration::from_secs(grace.try_into().unwrap_or_default());
            let ends = told + grace.min(options.ends_after);
            self.due = (now < ends).then_some(ends);
            return (now >= ends).then_some(Act::End);
        }
        if matches!(phase(&self.pod), "Succeeded" | "Failed") {
            self.due = None;
            return None;
        }
        let fates = pods::fates(&self.pod, images);
        if fates != self.fates {
            // What has another fate starts again, with its image at hand.
            self.fates = fates;
            let age = options.starts_after.min(now - self.began);
            (self.began, self.began_at) = ago(now, age);
        }
        let life =
            Life { began: self.began_at, age: now - self.began, address: self.address.clone() };
        let said = pods::said(&self.pod, &self.fates, &life, options);
        self.due = said.next.map(|after| self.began + after);
        // Others write too: what finds a node silent says of its pods that they are not ready.
        if self.said.as_ref() == Some(&said.status) && is_ready(&self.pod) == said.ready {
            return None;
        }
        self.said = Some(said.status.clone());
        Some(Act::Say(said.status))
    }
}

async fn perform(
    client: &Client,
    uid: String,
    pod: Pod,
    act: Act,
) -> (String, Result<(), kube::Error>) {
    let namespace = pod.namespace().unwrap_or_default();
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let name = pod.name_any();
    let done = match act {
        Act::Say(status) => {
            // With the uid, another pod of the same name is not meant.
            let patch = json!({ "metadata": { "uid": uid }, "status": status });
            let said =
                pods.patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch)).await;
            said.map(|_| ())
        }
        Act::End => {
            let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
            let ended = DeleteParams::default().grace_period(0).preconditions(preconditions);
            pods.delete(&name, &ended).await.map(|_| ())
        }
    };
    (uid, done)
}

/// A moment ago, by both clocks.
fn ago(now: Instant, age: Duration) -> (Instant, Timestamp) {
    match (now.checked_sub(age), Timestamp::now().saturating_sub(age)) {
        (Some(began), Ok(began_at)) => (began, began_at),
        (None, _) | (_, Err(_)) => (now, Timestamp::now()),
    }
}

fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn node_of(pod: &Pod) -> &str {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()).unwrap_or_default()
}

fn uid_of(pod: &Pod) -> String {
    pod.uid().unwrap_or_default()
}
