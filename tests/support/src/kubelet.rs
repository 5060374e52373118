//! A stand-in for kubelets: nodes that a cluster believes in, and pods that run on them without running anything.
//!
//! What becomes of a pod is said by its annotation, by its image, or by a test while it runs; `Fate` tells how. It
//! speaks to the cluster as kubelets do, and knows nothing of what is tested.

mod nodes;
mod pods;
mod run;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Taint;
use kube::Client;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use run::Order;

/// Kubelets of any number of nodes of one cluster. They stop answering when this is let go.
pub struct Kubelet {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

/// How kubelets behave.
#[derive(Clone, Debug)]
pub struct Options {
    /// The nodes that there are from the start.
    pub nodes: Vec<Node>,
    /// From when a pod is bound to a node until its containers run.
    pub starts_after: Duration,
    /// From when the containers of a job run until they are done.
    pub job_takes: Duration,
    /// From when a pod is told to end until it has, unless it is given less time.
    pub ends_after: Duration,
    /// From a container's first crash until it is started again. It doubles each time, up to five minutes.
    pub restarts_after: Duration,
    /// How often a node says that it is there. Clusters of `real` give it twelve seconds.
    pub beats_every: Duration,
}

/// A machine that there is not.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Labels beside those that each kubelet sets itself: its name, system and architecture.
    pub labels: BTreeMap<String, String>,
    /// What keeps pods away.
    pub taints: Vec<Taint>,
    /// All that it has, by resource, as quantities of Kubernetes.
    pub capacity: BTreeMap<String, String>,
    /// What of it pods may have.
    pub allocatable: BTreeMap<String, String>,
}

/// What becomes of a container. `FATE` as an annotation of a pod says it for all of its containers; without one, what a
/// test said of the image; else the tag of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It runs and is ready. In a job, it is done after a while. Annotation `serves`; any tag without a meaning.
    #[default]
    Serves,
    /// Its image is not to be had: `ImagePullBackOff`. Annotation `pull-fails`; tag `missing`.
    PullFails,
    /// It ends as soon as it runs, again and again: `CrashLoopBackOff`. A pod that is never restarted has failed.
    /// Annotation `crashes`; tag `crashes`.
    Crashes,
    /// It runs and is not ready, ever. Annotation and tag `never-ready`.
    NeverReady,
}

/// The annotation of pods that says what becomes of them.
pub const FATE: &str = "kubelet.periplus.test/fate";

/// How many orders may wait.
const ORDERS_MAX: usize = 64;

impl Kubelet {
    /// Makes the nodes, which are ready when this returns, and takes care of pods from then on.
    ///
    /// # Errors
    ///
    /// If the cluster refuses a node.
    ///
    /// # Panics
    ///
    /// If a crashed container would be started again in no time.
    pub async fn start(client: Client, options: Options) -> Result<Self, kube::Error> {
        assert!(options.restarts_after > Duration::ZERO, "restarts_after is 0 s");
        let (orders, taken) = mpsc::channel(ORDERS_MAX);
        let nodes = options.nodes.clone();
        let task = tokio::spawn(run::run(client, options, taken));
        let kubelet = Self { orders, task };
        for node in nodes {
            kubelet.add(node).await?;
        }
        Ok(kubelet)
    }

    /// Adds a node, which is ready when this returns.
    ///
    /// # Errors
    ///
    /// If the cluster refuses it.
    pub async fn add(&self, node: Node) -> Result<(), kube::Error> {
        self.order(|done| Order::Add(node, done)).await
    }

    /// Takes a node away: the cluster forgets it at once, and its pods within a minute or so.
    ///
    /// # Errors
    ///
    /// If the cluster does not.
    pub async fn remove(&self, node: &str) -> Result<(), kube::Error> {
        self.order(|done| Order::Remove(node.to_owned(), done)).await
    }

    /// Cuts the wire of a node: it says and does nothing more. To the cluster it is there until it is missed.
    pub async fn cut(&self, node: &str) {
        self.order(|done| Order::Cut(node.to_owned(), done)).await;
    }

    /// Mends the wire of a node: it says what is there, and does what it has missed.
    pub async fn mend(&self, node: &str) {
        self.order(|done| Order::Mend(node.to_owned(), done)).await;
    }

    /// Says what becomes of all containers of this image, those that run as well.
    pub async fn image(&self, image: &str, fate: Fate) {
        self.order(|done| Order::Image(image.to_owned(), fate, done)).await;
    }

    async fn order<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> T {
        let (done, is_done) = oneshot::channel();
        let sent = self.orders.send(order(done)).await;
        assert!(sent.is_ok(), "the kubelets' task has ended");
        is_done.await.expect("every order is answered")
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Options {
    /// As many nodes as these, and times that tests can wait for.
    #[must_use]
    pub fn of(nodes: impl IntoIterator<Item = Node>) -> Self {
        Self {
            nodes: nodes.into_iter().collect(),
            starts_after: Duration::from_millis(300),
            job_takes: Duration::from_millis(500),
            ends_after: Duration::from_millis(100),
            restarts_after: Duration::from_secs(1),
            beats_every: Duration::from_secs(2),
        }
    }
}

impl Node {
    /// A small machine: four cores and 8 GiB, most of them for pods, of which it takes 110.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let resources = |cpu: &str, memory: &str| {
            [("cpu", cpu), ("memory", memory), ("pods", "110"), ("ephemeral-storage", "64Gi")]
                .map(|(resource, amount)| (resource.to_owned(), amount.to_owned()))
                .into()
        };
        Self {
            name: name.to_owned(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            capacity: resources("4", "8Gi"),
            allocatable: resources("3800m", "7Gi"),
        }
    }

    /// The same with a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with so much of a resource, all of it for pods.
    #[must_use]
    pub fn with(mut self, resource: &str, amount: &str) -> Self {
        self.capacity.insert(resource.to_owned(), amount.to_owned());
        self.allocatable.insert(resource.to_owned(), amount.to_owned());
        self
    }
}
