//! The simulated world behind emulated Kubernetes APIs: nodes, `Deployment`s and pods are as its reports say, when they say
//! so, and Flux is played: what it applies was read from the repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use periplus_core::State;
use periplus_core::effect::{Effect, Issued, Scale, Target};
use periplus_core::fleet::PoolReport;
use periplus_core::ids::ClusterId;
use periplus_core::input::{Reading, Seen};
use periplus_git::files;
use periplus_live::clusters::{Source, Watched};
use periplus_support::emulated::{Cluster, Emulator};
use serde_json::{Value, json};

/// All clusters of a fleet.
pub(crate) struct Kubernetes {
    emulator: Emulator,
    repository: PathBuf,
    /// What Flux has read of each component in each cluster, by the record that decided it.
    read: BTreeMap<(String, u64), Value>,
    /// What each cluster shows.
    nodes: BTreeMap<String, usize>,
    rooms: BTreeMap<String, Vec<PoolReport>>,
    pods: BTreeMap<String, u16>,
    cut: BTreeMap<String, bool>,
}

impl Kubernetes {
    /// Clusters that are empty, and take what stands in a repository.
    pub(crate) fn new(repository: PathBuf) -> Self {
        Self {
            emulator: Emulator::start(),
            repository,
            read: BTreeMap::new(),
            nodes: BTreeMap::new(),
            rooms: BTreeMap::new(),
            pods: BTreeMap::new(),
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
                    if *said != decision.to_string() {
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
    pub(crate) fn show_room(&mut self, name: &str, pools: &[PoolReport], state: &State) -> bool {
        if self.rooms.get(name).is_some_and(|known| known == pools) {
            return false;
        }
        self.rooms.insert(name.to_owned(), pools.to_vec());
        let cluster = self.emulator.cluster(name);
        let mut number = 0;
        for pool in pools {
            for counted in &pool.nodes {
                for _ in 0..counted.nodes {
                    let free = counted.room.free;
                    cluster.put(json!({
                        "apiVersion": "v1", "kind": "Node",
                        "metadata": {
                            "name": format!("node-{number}"),
                            "labels": { "periplus.dev/pool": state.name(pool.pool) },
                        },
                        "status": {
                            "allocatable": {
                                "cpu": format!("{}m", free.cpu.0),
                                "memory": format!("{}Mi", free.memory.0),
                                "pods": counted.room.pods.to_string(),
                            },
                            "conditions": [{ "type": "Ready", "status": "True" }],
                        },
                    }));
                    number += 1;
                }
            }
        }
        let before = self.nodes.insert(name.to_owned(), number).unwrap_or(0);
        for gone in number..before {
            cluster.delete("nodes", "", &format!("node-{gone}"));
        }
        true
    }

    /// A component is as a reading says.
    pub(crate) fn show(
        &mut self,
        cluster: ClusterId,
        reading: &Reading,
        state: &State,
    ) -> Result<(), String> {
        let berth = state.berth(reading.binding.berth);
        let target = Target {
            binding: reading.binding,
            app: berth.app,
            component: reading.binding.component,
            cluster,
        };
        let place = place(&target, state);
        let decided = (place.clone(), reading.cause.seq.0);
        let cluster = self.emulator.cluster(state.name(state.cluster(cluster).spec.name));
        match reading.seen {
            Seen::Replicas(ready) => {
                let object = self.read.get(&decided);
                let object =
                    object.ok_or_else(|| format!("{place} was never in the repository"))?;
                self.pods(&cluster, &place, object, ready);
                let mut object = object.clone();
                object["status"] = json!({
                    // Whatever the API counts, it was looked at.
                    "observedGeneration": i32::MAX,
                    "replicas": ready, "updatedReplicas": ready,
                    "readyReplicas": ready, "availableReplicas": ready,
                });
                cluster.put(object);
                Ok(())
            }
            Seen::Gone => {
                let of_it = self.read.iter().find(|((known, _), _)| *known == place);
                let ((_, _), object) = of_it.ok_or_else(|| format!("{place} was never there"))?;
                self.pods(&cluster, &place, object, 0);
                let metadata = &object["metadata"];
                let text = |key: &str| metadata[key].as_str().unwrap_or_default();
                cluster.delete("deployments", text("namespace"), text("name"));
                Ok(())
            }
            // It goes without saying where pods are counted.
            Seen::Applied => Ok(()),
            Seen::Failed(fault) => Err(format!("{place} has failed: {fault:?}")),
        }
    }

    /// A component has so many pods.
    fn pods(&self, cluster: &Cluster, place: &str, deployment: &Value, ready: u16) {
        let metadata = &deployment["metadata"];
        let text = |key: &str| metadata[key].as_str().unwrap_or_default();
        let template = &deployment["spec"]["template"];
        let before = self.pods.get(place).copied().unwrap_or(0);
        for number in 0..ready {
            let name = format!("{}-{number}", text("name"));
            let mut spec = template["spec"].clone();
            spec["nodeName"] = json!("node-0");
            cluster.put(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": name, "namespace": text("namespace"), "labels": template["metadata"]["labels"],
                },
                "spec": spec,
                "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
            }));
        }
        for number in ready..before {
            cluster.delete("pods", text("namespace"), &format!("{}-{number}", text("name")));
        }
    }
}

/// The folder of a component in its cluster.
fn place(target: &Target, state: &State) -> String {
    let intent = state.intent(target.app);
    let cluster = state.name(state.cluster(target.cluster).spec.name);
    let component = state.name(intent.component(target.component).name);
    format!("deploy/{cluster}/{}/{component}/", state.name(intent.name))
}
