//! The simulated world behind emulated Kubernetes APIs: nodes, `Deployment`s and pods are as its reports say, when they say
//! so, and Flux is played: what it applies was read from the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use periplus_core::State;
use periplus_core::effect::{Effect, Issued, Scale, Target};
use periplus_core::fleet::{PoolReport, Room};
use periplus_core::ids::ClusterId;
use periplus_core::input::{Fault, Reading, Seen};
use periplus_git::files;
use periplus_live::clusters::{Source, Watched};
use periplus_support::emulated::{Cluster, Emulator};
use serde_json::{Value, json};

/// All clusters of a fleet.
pub(crate) struct Kubernetes {
    emulator: Emulator,
    repository: PathBuf,
    /// Names of extended resources.
    extended: Vec<String>,
    /// What Flux has read of each component in each cluster, by the record that decided it.
    read: BTreeMap<(String, u64), Value>,
    /// What each cluster shows.
    nodes: BTreeMap<String, usize>,
    rooms: BTreeMap<String, Vec<PoolReport>>,
    /// By component and cluster, the record that decided what is there, and how many pods are ready.
    shown: BTreeMap<String, (u64, u16)>,
    /// Components of which a pod does not start.
    failing: BTreeSet<String>,
    cut: BTreeMap<String, bool>,
}

impl Kubernetes {
    /// Clusters that are empty, and take what stands in a repository.
    pub(crate) fn new(repository: PathBuf, extended: &[String]) -> Self {
        Self {
            extended: extended.to_vec(),
            emulator: Emulator::start(),
            repository,
            read: BTreeMap::new(),
            nodes: BTreeMap::new(),
            rooms: BTreeMap::new(),
            shown: BTreeMap::new(),
            failing: BTreeSet::new(),
            cut: BTreeMap::new(),
        }
    }

    /// How a cluster is reached.
    pub(crate) fn watched(&self, name: &str) -> Watched {
        let cluster = self.emulator.cluster(name);
        let load = move || Ok(cluster.config());
        Watched { name: name.to_owned(), source: Source::Loaded(std::sync::Arc::new(load)) }
    }

    /// A cluster can be reached, or not.
    pub(crate) fn reach(&mut self, name: &str, connected: bool) {
        let cut = self.cut.entry(name.to_owned()).or_default();
        match (*cut, connected) {
            (false, false) => self.emulator.cluster(name).cut(),
            (true, true) => self.emulator.cluster(name).heal(),
            (false, true) | (true, false) => {}
        }
        *cut = !connected;
    }

    /// Flux reads what the repository holds of what effects ask for. Says what is missing.
    pub(crate) fn pull(&mut self, effects: &[Issued], state: &State) -> Result<(), String> {
        if effects.iter().all(|issued| issued.effect.binding().is_none()) {
            return Ok(());
        }
        let tree = files(&self.repository, "main")?;
        for issued in effects {
            let decision = issued.key.seq.0;
            match &issued.effect {
                Effect::Prime { target, scale, .. } => {
                    let place = place(target, state);
                    let there =
                        tree.iter().filter(|(path, _)| path.to_string().starts_with(&place));
                    let objects =
                        there.filter_map(|(_, text)| serde_saphyr::from_slice::<Value>(text).ok());
                    let object = objects.into_iter().find(|object| object["kind"] == "Deployment");
                    let object = object.ok_or_else(|| format!("{place} holds no Deployment"))?;
                    let said = &object["metadata"]["annotations"]["periplus.dev/decision"];
                    if said.as_str() != Some(decision.to_string().as_str()) {
                        return Err(format!("{place} is as {said} decided, not {decision}"));
                    }
                    if let Scale::Replicas(replicas) = scale
                        && object["spec"]["replicas"] != *replicas
                    {
                        return Err(format!("{place} has other replicas than {replicas}"));
                    }
                    self.read.insert((place, decision), object);
                }
                Effect::Withdraw { target, .. } => {
                    let place = place(target, state);
                    if tree.keys().any(|path| path.to_string().starts_with(&place)) {
                        return Err(format!("{place} is still there"));
                    }
                }
                Effect::Route { .. } | Effect::Alert(_) => {}
            }
        }
        Ok(())
    }

    /// A cluster has these nodes. Whether that is new.
    pub(crate) fn show_room(
        &mut self,
        cluster: ClusterId,
        pools: &[PoolReport],
        state: &State,
    ) -> bool {
        let name = state.name(state.cluster(cluster).spec.name);
        if self.rooms.get(name).is_some_and(|known| known == pools) {
            return false;
        }
        let emulated = self.emulator.cluster(name);
        let nodes = pools.iter().flat_map(|pool| {
            let rooms = pool.nodes.iter().flat_map(|one| vec![one.room; one.nodes as usize]);
            rooms.map(|room| (state.name(pool.pool), room))
        });
        let nodes: Vec<(&str, Room)> = nodes.collect();
        for (number, (pool, Room { free, pods })) in nodes.iter().enumerate() {
            let mut allocatable = json!({
                "cpu": format!("{}m", free.cpu.0),
                "memory": format!("{}Mi", free.memory.0),
                "pods": pods.to_string(),
            });
            for (resource, count) in self.extended.iter().zip(free.extended) {
                allocatable[resource] = json!(count.to_string());
            }
            emulated.put(json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {
                    "name": format!("node-{number}"), "labels": { "periplus.dev/pool": pool },
                },
                "status": {
                    "allocatable": allocatable,
                    "conditions": [{ "type": "Ready", "status": "True" }],
                },
            }));
        }
        let before = self.nodes.insert(name.to_owned(), nodes.len()).unwrap_or(0);
        for gone in nodes.len()..before {
            emulated.delete("nodes", "", &format!("node-{gone}"));
        }
        self.rooms.insert(name.to_owned(), pools.to_vec());
        true
    }

    /// Components are as readings say. Gives those that are news.
    ///
    /// # Errors
    /// It cannot be so.
    pub(crate) fn show<'r>(
        &mut self,
        cluster: ClusterId,
        readings: &'r [Reading],
        state: &State,
    ) -> Result<Vec<&'r Reading>, String> {
        let emulated = self.emulator.cluster(state.name(state.cluster(cluster).spec.name));
        let mut news = Vec::new();
        for reading in readings {
            let binding = reading.binding;
            let Some(berth) = state.try_berth(binding.berth) else { continue };
            let (app, component) = (berth.app, binding.component);
            let place = place(&Target { binding, app, component, cluster }, state);
            let decided = (place.clone(), reading.cause.seq.0);
            let is_news = match reading.seen {
                Seen::Replicas(ready) => {
                    let object = self.read.get(&decided);
                    let object = object.ok_or_else(|| format!("{place} was never written so"))?;
                    self.pods(&emulated, &place, object, ready);
                    let is_failing = |one: &Reading| {
                        one.binding == binding && matches!(one.seen, Seen::Failed(_))
                    };
                    if !readings.iter().any(is_failing) && self.failing.remove(&place) {
                        emulated.delete("pods", text(object, "namespace"), &failing(object));
                    }
                    emulated.put(deployment(object, ready));
                    let now = (decided.1, ready);
                    self.shown.insert(place, now) != Some(now)
                }
                Seen::Failed(fault) => {
                    let reason = match fault {
                        Fault::PodFailed => "CrashLoopBackOff",
                        Fault::ImagePull => "ImagePullBackOff",
                        Fault::ApplyFailed
                        | Fault::GitRejected
                        | Fault::TimedOut
                        | Fault::Unreachable
                        | Fault::Unschedulable => return Err(format!("{place}: {fault:?}")),
                    };
                    let mut broken = pod(&self.read[&decided], &failing(&self.read[&decided]));
                    let waits = json!({ "waiting": { "reason": reason } });
                    broken["status"] = json!({ "containerStatuses": [{ "state": waits }] });
                    emulated.put(broken);
                    self.failing.insert(place)
                }
                Seen::Gone => self.shown.remove(&place).is_some_and(|(decision, ready)| {
                    let object = &self.read[&(place.clone(), decision)];
                    for number in 0..ready {
                        emulated.delete(
                            "pods",
                            text(object, "namespace"),
                            &numbered(object, number),
                        );
                    }
                    if self.failing.remove(&place) {
                        emulated.delete("pods", text(object, "namespace"), &failing(object));
                    }
                    emulated.delete("deployments", text(object, "namespace"), text(object, "name"))
                }),
                // It goes without saying where pods are counted.
                Seen::Applied => false,
            };
            if is_news {
                news.push(reading);
            }
        }
        Ok(news)
    }

    /// A component has so many pods.
    fn pods(&self, cluster: &Cluster, place: &str, deployment: &Value, ready: u16) {
        let before = self.shown.get(place).map_or(0, |(_, ready)| *ready);
        for number in 0..ready {
            let mut pod = pod(deployment, &numbered(deployment, number));
            pod["status"] = json!({ "conditions": [{ "type": "Ready", "status": "True" }] });
            cluster.put(pod);
        }
        for number in ready..before {
            let namespace = text(deployment, "namespace");
            cluster.delete("pods", namespace, &numbered(deployment, number));
        }
    }
}

/// A `Deployment` of which so many pods are ready.
fn deployment(object: &Value, ready: u16) -> Value {
    let mut object = object.clone();
    let wanted = object["spec"]["replicas"].clone();
    object["status"] = json!({
        // Whatever the API counts, it was looked at.
        "observedGeneration": i32::MAX,
        "replicas": wanted, "updatedReplicas": wanted,
        "readyReplicas": ready, "availableReplicas": ready,
    });
    object
}

/// A pod of a `Deployment`.
fn pod(deployment: &Value, name: &str) -> Value {
    let template = &deployment["spec"]["template"];
    let mut spec = template["spec"].clone();
    spec["nodeName"] = json!("node-0");
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": text(deployment, "namespace"),
            "labels": template["metadata"]["labels"],
        },
        "spec": spec,
    })
}

/// The name of a pod that does not start.
fn failing(deployment: &Value) -> String {
    format!("{}-failing", text(deployment, "name"))
}

fn numbered(deployment: &Value, number: u16) -> String {
    format!("{}-{number}", text(deployment, "name"))
}

fn text<'v>(object: &'v Value, key: &str) -> &'v str {
    object["metadata"][key].as_str().unwrap_or_default()
}

/// The folder of a component in its cluster.
fn place(target: &Target, state: &State) -> String {
    let intent = state.intent(target.app);
    let cluster = state.name(state.cluster(target.cluster).spec.name);
    let component = state.name(intent.component(target.component).name);
    format!("deploy/{cluster}/{}/{component}/", state.name(intent.name))
}
