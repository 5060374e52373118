//! Which clusters are declared now, and which of our components may be in each, for those who watch them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Feed;
use crate::clusters::{Clusters, Watched};
use crate::config::Reached;
use crate::desk::Desk;
use crate::reports::Reports;
use crate::service::Order;

/// How often it is looked which clusters there are.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Which components may be in each cluster, as of a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present(Arc<Mutex<BTreeMap<String, Components>>>);

/// Components, each with its app before it.
type Components = Vec<(String, String)>;

impl Present {
    pub(crate) fn renew(&self, desk: &Desk) {
        let state = desk.state();
        let mut present: BTreeMap<String, Components> = BTreeMap::new();
        for (_, berth) in state.berths() {
            let cluster = state.name(state.cluster(berth.cluster).spec.name);
            let intent = state.intent(berth.app);
            let app = state.name(intent.name);
            let there = present.entry(cluster.to_owned()).or_default();
            there.extend(berth.bindings.iter().map(|binding| {
                let component = state.name(intent.component(binding.component).name);
                (app.to_owned(), component.to_owned())
            }));
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = present;
    }

    pub(crate) fn of(&self, cluster: &str) -> Components {
        let present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        present.get(cluster).cloned().unwrap_or_default()
    }
}

/// Looks again and again which clusters are declared and how they are reached, and has them watched.
pub(crate) async fn watch_clusters(
    reached: Reached,
    reports: Arc<Reports>,
    clusters: Arc<Clusters>,
    present: Present,
    feed: Feed<Order>,
) {
    let mut unreached = Vec::new();
    let mut last_fault = None;
    loop {
        let (reply, answer) = oneshot::channel();
        let present = present.clone();
        let look = move |desk: &Desk| {
            present.renew(desk);
            let declared = &desk.intents().scenario().fleet.clusters;
            // Who asked may be gone.
            let _ = reply.send(declared.iter().map(|one| one.name.clone()).collect::<Vec<_>>());
        };
        feed.ask(Order::Ask(Box::new(look))).await;
        let Ok(names) = answer.await else { return };
        let asked = {
            let reached = reached.clone();
            tokio::task::spawn_blocking(move || reached.contexts()).await
        };
        let Ok(contexts) = asked else { return };
        let fault = contexts.as_ref().err().cloned();
        if let Some(fault) = fault.as_ref().filter(|fault| last_fault.as_ref() != Some(*fault)) {
            tracing::warn!("the kubeconfig cannot be read; clusters stay as they are: {fault}");
        }
        last_fault = fault;
        if let Ok(contexts) = contexts {
            let source = |name: &String| reached.source(name, &contexts);
            let is_missed = |name: &&String| source(name).is_none() && !reports.may_speak(name);
            let missing: Vec<String> = names.iter().filter(is_missed).cloned().collect();
            for cluster in missing.iter().filter(|name| !unreached.contains(*name)) {
                tracing::warn!(cluster, "nothing says how it is reached; it is not watched");
            }
            unreached = missing;
            let watched = names
                .iter()
                .filter_map(|name| Some(Watched { name: name.clone(), source: source(name)? }));
            clusters.declare(watched.collect());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
