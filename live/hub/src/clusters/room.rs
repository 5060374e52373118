//! The free room of a cluster's nodes without the pods that we own, kept up with each node and pod that comes and goes.
//!
//! It knows nothing of where they come from. A list is taken in as a round: what was not in it is swept out after it.

use std::collections::BTreeMap;
use std::mem::size_of;

use super::node::{NodeFacts, Open};
use super::objects::Uid;
use super::pod::Asks;
use crate::sighting::{Node, Pool};

/// Nodes, and what pods of others ask of them.
#[derive(Debug, Default)]
pub(crate) struct Room {
    places: BTreeMap<Box<str>, u32>,
    nodes: Vec<Place>,
    /// Places of nodes that are gone, to be used again.
    free: Vec<u32>,
    pods: BTreeMap<Uid, Held>,
}

/// Whether a pod takes of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// We own it: the machine counts it itself.
    Ours,
    /// Somebody else does.
    Others,
}

/// A node, or what pods say of one that is not known yet.
#[derive(Debug, Default)]
struct Place {
    name: Box<str>,
    facts: Option<Box<NodeFacts>>,
    round: u32,
    /// What pods of others ask of it.
    cpu_milli: u64,
    memory_bytes: u64,
    extended: BTreeMap<String, u64>,
    others: u32,
    /// How many pods name it, whoever owns them.
    named: u32,
}

/// A pod on a node.
#[derive(Debug)]
struct Held {
    node: u32,
    round: u32,
    owner: Owner,
    cpu_milli: u64,
    memory_bytes: u64,
    /// Few pods ask for any.
    extended: BTreeMap<String, u64>,
}

impl Room {
    /// A node is there, or has changed.
    pub(crate) fn node(&mut self, facts: NodeFacts, round: u32) {
        let place = self.place(&facts.name);
        let node = &mut self.nodes[place as usize];
        node.round = round;
        node.facts = Some(Box::new(facts));
    }

    /// A node is gone.
    pub(crate) fn forget_node(&mut self, name: &str) {
        if let Some(place) = self.places.get(name).copied() {
            self.nodes[place as usize].facts = None;
            self.release(place);
        }
    }

    /// A list of nodes is over: those that were not in it are gone.
    pub(crate) fn sweep_nodes(&mut self, round: u32) {
        for place in 0..u32::try_from(self.nodes.len()).unwrap_or(u32::MAX) {
            let node = &mut self.nodes[place as usize];
            if node.facts.is_some() && node.round != round {
                node.facts = None;
                self.release(place);
            }
        }
    }

    /// A pod is there, or has changed. One without a node takes no room.
    pub(crate) fn pod(&mut self, uid: Uid, node: &str, asks: Asks, owner: Owner, round: u32) {
        self.forget(uid);
        let Asks { cpu_milli, memory_bytes, mut extended } = asks;
        extended.retain(|_, count| *count > 0);
        let place = if node.is_empty() { NOWHERE } else { self.place(node) };
        if let Some(node) = self.nodes.get_mut(place as usize) {
            node.named += 1;
        }
        let held = Held { node: place, round, owner, cpu_milli, memory_bytes, extended };
        self.count(&held, Sign::Plus);
        self.pods.insert(uid, held);
    }

    /// Says anew who owns a pod that is there.
    pub(crate) fn own(&mut self, uid: Uid, owner: Owner) {
        let Some(mut held) = self.pods.remove(&uid) else { return };
        self.count(&held, Sign::Minus);
        held.owner = owner;
        self.count(&held, Sign::Plus);
        self.pods.insert(uid, held);
    }

    /// A pod is gone.
    pub(crate) fn forget(&mut self, uid: Uid) {
        let Some(held) = self.pods.remove(&uid) else { return };
        self.count(&held, Sign::Minus);
        if let Some(node) = self.nodes.get_mut(held.node as usize) {
            node.named -= 1;
            self.release(held.node);
        }
    }

    /// A list of pods is over: those that were not in it are gone. Tells which.
    pub(crate) fn sweep_pods(&mut self, round: u32) -> Vec<Uid> {
        let old = self.pods.iter().filter(|(_, held)| held.round != round);
        let old: Vec<Uid> = old.map(|(uid, _)| *uid).collect();
        for uid in &old {
            self.forget(*uid);
        }
        old
    }

    /// The free room of nodes that take pods, by pool, each in order.
    pub(crate) fn pools(&self) -> Vec<Pool> {
        let mut pools: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
        for node in &self.nodes {
            let Some(facts) = node.facts.as_deref().filter(|facts| facts.open == Open::Yes) else {
                continue;
            };
            let left = facts.extended.iter().map(|(name, all)| {
                let used = node.extended.get(name).copied().unwrap_or(0);
                (name.clone(), all.saturating_sub(used))
            });
            pools.entry(&facts.pool).or_default().push(Node {
                cpu_milli: facts.cpu_milli.saturating_sub(node.cpu_milli),
                memory_bytes: facts.memory_bytes.saturating_sub(node.memory_bytes),
                pods: facts.pods.saturating_sub(node.others),
                extended: left.collect(),
            });
        }
        let pool = |(name, mut nodes): (&str, Vec<Node>)| {
            nodes.sort_unstable();
            Pool { name: name.to_owned(), nodes }
        };
        pools.into_iter().map(pool).collect()
    }

    /// How many nodes and pods it holds.
    pub(crate) fn count_objects(&self) -> usize {
        self.places.len() + self.pods.len()
    }

    /// The bytes that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let maps =
            |map: &BTreeMap<String, u64>| map.keys().map(|key| key.len() + 64).sum::<usize>();
        let node = |node: &Place| {
            let facts = node.facts.as_deref().map_or(0, |facts| {
                size_of::<NodeFacts>() + facts.name.len() + facts.pool.len() + maps(&facts.extended)
            });
            size_of::<Place>() + 2 * node.name.len() + 32 + facts + maps(&node.extended)
        };
        let pod = |held: &Held| {
            // Nodes of a `BTreeMap` are three quarters full.
            (size_of::<Uid>() + size_of::<Held>()) * 4 / 3 + maps(&held.extended)
        };
        self.nodes.iter().map(node).sum::<usize>() + self.pods.values().map(pod).sum::<usize>()
    }

    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.free.pop().unwrap_or_else(|| {
            self.nodes.push(Place::default());
            u32::try_from(self.nodes.len() - 1).unwrap_or(NOWHERE)
        });
        self.nodes[place as usize].name = name.into();
        self.places.insert(name.into(), place);
        place
    }

    /// Lets a place be used again once there is no such node and no pod names one.
    fn release(&mut self, place: u32) {
        let node = &mut self.nodes[place as usize];
        if node.facts.is_none() && node.named == 0 {
            let Place { name, .. } = std::mem::take(node);
            if self.places.remove(&name).is_some() {
                self.free.push(place);
            }
        }
    }

    fn count(&mut self, held: &Held, sign: Sign) {
        let Held { node, round: _, owner, cpu_milli, memory_bytes, extended } = held;
        let Some(node) = self.nodes.get_mut(*node as usize) else { return };
        if *owner == Owner::Ours {
            return;
        }
        let add = |sum: &mut u64, amount: u64| match sign {
            Sign::Plus => *sum = sum.wrapping_add(amount),
            Sign::Minus => *sum = sum.wrapping_sub(amount),
        };
        add(&mut node.cpu_milli, *cpu_milli);
        add(&mut node.memory_bytes, *memory_bytes);
        match sign {
            Sign::Plus => node.others += 1,
            Sign::Minus => node.others -= 1,
        }
        for (name, count) in extended {
            add(node.extended.entry(name.clone()).or_default(), *count);
        }
    }
}

#[derive(Clone, Copy)]
enum Sign {
    Plus,
    Minus,
}

/// The place of pods that have none.
const NOWHERE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(name: u8, cpu_milli: u64, open: Open) -> NodeFacts {
        NodeFacts {
            name: format!("node-{name}"),
            pool: format!("pool-{}", name % 2),
            open,
            cpu_milli,
            memory_bytes: 1 << 30,
            pods: 10,
            extended: [("nvidia.com/gpu".to_owned(), 2)].into(),
        }
    }

    fn asks(cpu_milli: u64) -> Asks {
        let extended = [("nvidia.com/gpu".to_owned(), cpu_milli % 2)].into();
        Asks { cpu_milli, memory_bytes: cpu_milli << 10, extended }
    }

    #[test]
    fn pods_of_others_take_room_and_ours_do_not() {
        let mut room = Room::default();
        room.node(facts(0, 1_000, Open::Yes), 0);
        room.node(facts(1, 1_000, Open::No), 0);
        room.pod(1, "node-0", asks(301), Owner::Others, 0);
        room.pod(2, "node-0", asks(400), Owner::Ours, 0);
        room.pod(3, "", asks(400), Owner::Others, 0);
        let pools = room.pools();
        assert_eq!(pools.len(), 1);
        let node = &pools[0].nodes[0];
        assert_eq!((node.cpu_milli, node.pods, node.extended["nvidia.com/gpu"]), (699, 9, 1));
        room.own(2, Owner::Others);
        assert_eq!(room.pools()[0].nodes[0].cpu_milli, 299);
        room.pod(4, "node-0", asks(5_000), Owner::Others, 0);
        assert_eq!(room.pools()[0].nodes[0].cpu_milli, 0);
        // A relist in which only the first pod is left.
        room.pod(1, "node-0", asks(301), Owner::Others, 1);
        assert_eq!(room.sweep_pods(1), [2, 3, 4]);
        assert_eq!(room.pools()[0].nodes[0].cpu_milli, 699);
        room.sweep_nodes(1);
        assert_eq!(room.pools(), []);
        room.forget(1);
        assert_eq!(room.count_objects(), 0);
    }

    #[derive(Clone, Debug)]
    enum Happens {
        Node(u8, u64, bool),
        NodeGone(u8),
        Pod(u8, u8, u64, bool),
        Own(u8, bool),
        PodGone(u8),
        Relist(Vec<u8>),
    }

    fn happens() -> impl Strategy<Value = Happens> {
        prop_oneof![
            (0..4_u8, 0..4_000_u64, any::<bool>()).prop_map(|(n, c, o)| Happens::Node(n, c, o)),
            (0..4_u8).prop_map(Happens::NodeGone),
            (0..12_u8, 0..5_u8, 0..900_u64, any::<bool>())
                .prop_map(|(p, n, c, o)| Happens::Pod(p, n, c, o)),
            (0..12_u8, any::<bool>()).prop_map(|(p, o)| Happens::Own(p, o)),
            (0..12_u8).prop_map(Happens::PodGone),
            prop::collection::vec(0..12_u8, 0..6).prop_map(Happens::Relist),
        ]
    }

    const fn owner(ours: bool) -> Owner {
        if ours { Owner::Ours } else { Owner::Others }
    }

    proptest! {
        #[test]
        fn room_is_what_is_left_when_all_is_counted_anew(
            history in prop::collection::vec(happens(), 0..60),
        ) {
            let mut room = Room::default();
            let mut nodes: BTreeMap<u8, (u64, bool)> = BTreeMap::new();
            let mut pods: BTreeMap<u8, (u8, u64, bool)> = BTreeMap::new();
            let mut round = 0;
            for one in history {
                match one {
                    Happens::Node(name, cpu, open) => {
                        let state = if open { Open::Yes } else { Open::No };
                        room.node(facts(name, cpu, state), 0);
                        nodes.insert(name, (cpu, open));
                    }
                    Happens::NodeGone(name) => {
                        room.forget_node(&format!("node-{name}"));
                        nodes.remove(&name);
                    }
                    // The last node is none.
                    Happens::Pod(pod, node, cpu, ours) => {
                        let name = if node == 4 { String::new() } else { format!("node-{node}") };
                        room.pod(u128::from(pod), &name, asks(cpu), owner(ours), round);
                        pods.insert(pod, (node, cpu, ours));
                    }
                    Happens::Own(pod, ours) => {
                        room.own(u128::from(pod), owner(ours));
                        if let Some(held) = pods.get_mut(&pod) {
                            held.2 = ours;
                        }
                    }
                    Happens::PodGone(pod) => {
                        room.forget(u128::from(pod));
                        pods.remove(&pod);
                    }
                    Happens::Relist(listed) => {
                        round += 1;
                        pods.retain(|pod, _| listed.contains(pod));
                        for (pod, (node, cpu, ours)) in &pods {
                            let name = if *node == 4 { String::new() } else { format!("node-{node}") };
                            room.pod(u128::from(*pod), &name, asks(*cpu), owner(*ours), round);
                        }
                        room.sweep_pods(round);
                    }
                }
                let mut expected: BTreeMap<String, Vec<Node>> = BTreeMap::new();
                for (name, (cpu, _)) in nodes.iter().filter(|(_, (_, open))| *open) {
                    let on = pods.values().filter(|(node, _, ours)| node == name && !ours);
                    let used: Vec<Asks> = on.map(|(_, cpu, _)| asks(*cpu)).collect();
                    let gpus: u64 = used.iter().map(|one| one.extended["nvidia.com/gpu"]).sum();
                    let memory: u64 = used.iter().map(|one| one.memory_bytes).sum();
                    expected.entry(format!("pool-{}", name % 2)).or_default().push(Node {
                        cpu_milli: cpu.saturating_sub(used.iter().map(|one| one.cpu_milli).sum()),
                        memory_bytes: (1_u64 << 30).saturating_sub(memory),
                        pods: 10_u32.saturating_sub(u32::try_from(used.len()).unwrap()),
                        extended: [("nvidia.com/gpu".to_owned(), 2_u64.saturating_sub(gpus))].into(),
                    });
                }
                let pool = |(name, mut nodes): (String, Vec<Node>)| {
                    nodes.sort_unstable();
                    Pool { name, nodes }
                };
                let expected: Vec<Pool> = expected.into_iter().map(pool).collect();
                prop_assert_eq!(room.pools(), expected);
                let named = pods.values().filter(|held| held.0 < 4 && !nodes.contains_key(&held.0));
                let unknown: std::collections::BTreeSet<u8> = named.map(|held| held.0).collect();
                prop_assert_eq!(room.count_objects(), nodes.len() + unknown.len() + pods.len());
            }
        }
    }
}
