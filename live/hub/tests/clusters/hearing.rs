//! What a test hears of clusters: it believes all that is told, and remembers what it must not have been told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use periplus_live::Feed;
use periplus_live::clusters::{Clusters, Options, Watched};
use periplus_live::feed::Arrival;
use periplus_live::sighting::{Pool, Sight, Sighting, Workload, WorkloadState};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long anything may take on a machine that has much else to do.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// Watches clusters and hears what is told of them.
pub(crate) struct Hearing {
    pub(crate) clusters: Arc<Clusters>,
    feed: Feed<()>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    believed: BTreeMap<String, Belief>,
}

/// What is believed of one cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Belief {
    /// How often it was told to be alive.
    pub(crate) alive: usize,
    /// How often its room was told.
    pub(crate) rooms: usize,
    pub(crate) pools: Vec<Pool>,
    /// By app and component, what was told last.
    pub(crate) workloads: BTreeMap<String, (Option<u64>, WorkloadState)>,
    /// All that was told of workloads, in order.
    pub(crate) told: Vec<Workload>,
}

impl Hearing {
    /// Watches these clusters.
    pub(crate) fn of(options: Options, watched: Vec<Watched>) -> Self {
        let clusters = Arc::new(Clusters::new(options));
        clusters.declare(watched);
        let feed: Feed<()> = Feed::default();
        let (stop, stopped) = oneshot::channel();
        let (running, told) = (Arc::clone(&clusters), feed.clone());
        let task = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            running.run(told, stopped).await;
        });
        Self { clusters, feed, stop: Some(stop), task, believed: BTreeMap::new() }
    }

    /// What is believed of a cluster now.
    pub(crate) fn of_cluster(&mut self, name: &str) -> &mut Belief {
        self.listen();
        self.believed.entry(name.to_owned()).or_default()
    }

    /// What was told last of a component.
    pub(crate) fn state(&mut self, cluster: &str, component: &str) -> Option<WorkloadState> {
        self.of_cluster(cluster).workloads.get(component).map(|(_, state)| *state)
    }

    /// All beliefs.
    pub(crate) fn all(&mut self) -> &BTreeMap<String, Belief> {
        self.listen();
        &self.believed
    }

    /// Stops watching. It must end soon.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(SOON, self.task).await.expect("it stops").expect("it does not panic");
    }

    fn listen(&mut self) {
        for arrival in self.feed.take(usize::MAX, Duration::ZERO) {
            let Arrival::Sighting(Sighting { sight, .. }) = arrival else { continue };
            match sight {
                Sight::Alive { cluster } => self.believed.entry(cluster).or_default().alive += 1,
                Sight::Room { cluster, pools } => {
                    let belief = self.believed.entry(cluster).or_default();
                    belief.rooms += 1;
                    belief.pools = pools;
                }
                Sight::Workloads { cluster, workloads } => {
                    let belief = self.believed.entry(cluster).or_default();
                    for one in workloads {
                        let key = format!("{}/{}", one.app, one.component);
                        belief.workloads.insert(key, (one.decision, one.state));
                        belief.told.push(one);
                    }
                }
                Sight::Demand { .. } | Sight::Carbon { .. } | Sight::Prices { .. } => {
                    unreachable!("nobody told so")
                }
            }
        }
    }
}

impl Belief {
    /// The free CPU of all nodes, in thousandths.
    pub(crate) fn cpu_milli(&self) -> u64 {
        self.pools.iter().flat_map(|pool| &pool.nodes).map(|node| node.cpu_milli).sum()
    }

    /// How often something was told to be gone.
    pub(crate) fn gone(&self) -> usize {
        self.told.iter().filter(|one| one.state == WorkloadState::Gone).count()
    }
}
