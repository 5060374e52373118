//! Nodes: what room there is, who uses it, and what is cached on it.

use periplus_core::fleet::{NodeCount, PoolReport, Resources, Room};
use periplus_core::ids::Symbol;
use periplus_core::units::{MiB, MilliCpu, Tick};
use periplus_spec::scenario::{AutoscalerTruth, PoolTruth};

/// The nodes of a cluster, pool by pool.
#[derive(Clone, Debug)]
pub(crate) struct Nodes {
    pub(crate) pools: Vec<Pool>,
    pub(crate) nodes: Vec<Node>,
    /// The part of each node that others use, in thousandths.
    pub(crate) drift: u32,
}

/// Equal nodes.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) name: Symbol,
    /// What one empty node has.
    pub(crate) room: Room,
    /// The nodes that it was declared with; never fewer on its own account.
    pub(crate) least: u32,
    /// Nodes that are there or lost.
    pub(crate) present: u32,
    /// Nodes that are on their way.
    pub(crate) ordered: u32,
    pub(crate) autoscaler: Option<AutoscalerTruth>,
}

/// One node.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) pool: usize,
    pub(crate) status: Status,
    /// What our pods request.
    pub(crate) used: Resources,
    /// How many pods of ours are bound to it.
    pub(crate) pods: u16,
    /// Images by number, and when their pull is or will be over.
    pub(crate) images: Vec<(u32, Tick)>,
    /// Grows whenever a pod comes or goes.
    pub(crate) fills: u32,
    /// Grows whenever it is lost, restored, or becomes another node.
    pub(crate) turns: u32,
}

/// Whether a node is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Up,
    Lost,
    /// The autoscaler has given it back; its place is free.
    Absent,
}

impl Nodes {
    /// The nodes that `truths` declare; `name` gives the symbol of a pool's name.
    pub(crate) fn new(truths: &[PoolTruth], name: impl Fn(&str) -> Symbol) -> Self {
        let mut nodes = Self { pools: Vec::new(), nodes: Vec::new(), drift: 0 };
        for truth in truths {
            nodes.pools.push(Pool::new(name(&truth.name), truth));
            for _ in 0..truth.nodes {
                nodes.add(nodes.pools.len() - 1);
            }
        }
        nodes
    }

    /// One more node of a pool. Gives its number.
    pub(crate) fn add(&mut self, pool: usize) -> usize {
        self.pools[pool].present += 1;
        let place = self.nodes.iter().position(|node| node.status == Status::Absent);
        let place = place.unwrap_or(self.nodes.len());
        let before = self.nodes.get(place).map_or((0, 0), |node| (node.fills, node.turns));
        let node = Node {
            pool,
            status: Status::Up,
            used: Resources::default(),
            pods: 0,
            images: Vec::new(),
            fills: before.0 + 1,
            turns: before.1 + 1,
        };
        if place == self.nodes.len() {
            self.nodes.push(node);
        } else {
            self.nodes[place] = node;
        }
        place
    }

    /// What an empty node of the pool has beside what others use.
    pub(crate) fn empty_room(&self, pool: usize) -> Room {
        let room = self.pools[pool].room;
        let left = 1_000 - self.drift.min(1_000);
        let part = |whole: u32| {
            let part = u64::from(whole) * u64::from(left) / 1_000;
            u32::try_from(part).expect("a part is not more than the whole")
        };
        let part_small = |whole: u16| {
            u16::try_from(part(u32::from(whole))).expect("a part is not more than the whole")
        };
        let free = Resources {
            cpu: MilliCpu(part(room.free.cpu.0)),
            memory: MiB(part(room.free.memory.0)),
            extended: room.free.extended.map(part_small),
        };
        Room { free, pods: room.pods }
    }

    /// What is left on a node beside others and our pods.
    pub(crate) fn room(&self, node: usize) -> Room {
        let Node { pool, used, pods, .. } = &self.nodes[node];
        let mut room = self.empty_room(*pool);
        room.free.cpu = room.free.cpu.saturating_sub(used.cpu);
        room.free.memory = room.free.memory.saturating_sub(used.memory);
        for (free, used) in room.free.extended.iter_mut().zip(used.extended) {
            *free = free.saturating_sub(used);
        }
        room.pods = room.pods.saturating_sub(*pods);
        room
    }

    /// Binds a pod to a node.
    ///
    /// # Panics
    /// Panics if it has no room: no pod is ever bound beyond a node's room.
    pub(crate) fn take(&mut self, node: usize, request: &Resources) {
        assert!(self.room(node).holds(request) > 0, "a pod is bound where it has room");
        let node = &mut self.nodes[node];
        node.used.cpu += request.cpu;
        node.used.memory += request.memory;
        for (used, units) in node.used.extended.iter_mut().zip(request.extended) {
            *used += units;
        }
        node.pods += 1;
        node.fills += 1;
    }

    /// Takes a pod off a node. Says whether the node is empty now.
    pub(crate) fn give_back(&mut self, node: usize, request: &Resources) -> bool {
        let node = &mut self.nodes[node];
        node.used.cpu -= request.cpu;
        node.used.memory -= request.memory;
        for (used, units) in node.used.extended.iter_mut().zip(request.extended) {
            *used -= units;
        }
        node.pods -= 1;
        node.fills += 1;
        node.pods == 0
    }

    /// Up to `count` nodes are lost, the lowest numbers first: they have been filled longest. Gives those.
    pub(crate) fn lose(&mut self, count: u32) -> Vec<usize> {
        self.turn(count, Status::Up, Status::Lost)
    }

    /// Up to `count` lost nodes are back, empty. Gives those.
    pub(crate) fn restore(&mut self, count: u32) -> Vec<usize> {
        self.turn(count, Status::Lost, Status::Up)
    }

    fn turn(&mut self, count: u32, from: Status, to: Status) -> Vec<usize> {
        let nodes = self.nodes.iter_mut().enumerate();
        let turned = nodes.filter(|(_, node)| node.status == from).take(count as usize);
        turned
            .map(|(place, node)| {
                node.status = to;
                node.turns += 1;
                place
            })
            .collect()
    }

    /// The room of every pool without our pods.
    ///
    /// A pool that can still grow counts the nodes that it may add as empty ones: otherwise nobody would
    /// ever place anything that makes it grow.
    pub(crate) fn report(&self) -> Vec<PoolReport> {
        let pools = self.pools.iter().enumerate();
        pools
            .map(|(place, pool)| {
                let up = self.nodes.iter().filter(|node| node.pool == place);
                let up = up.filter(|node| node.status == Status::Up).count();
                let most = pool.autoscaler.map_or(0, |autoscaler| autoscaler.max);
                let up = u32::try_from(up).expect("nodes are counted by u32");
                let nodes = up + most.saturating_sub(pool.present);
                let counted = NodeCount { room: self.empty_room(place), nodes };
                PoolReport { pool: pool.name, nodes: vec![counted] }
            })
            .collect()
    }
}

impl Pool {
    /// A pool that has no nodes yet.
    pub(crate) fn new(name: Symbol, truth: &PoolTruth) -> Self {
        Self {
            name,
            room: truth.room,
            least: truth.nodes,
            present: 0,
            ordered: 0,
            autoscaler: truth.autoscaler,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(nodes: u32, cpu: u32, autoscaler: Option<AutoscalerTruth>) -> PoolTruth {
        let free = Resources { cpu: MilliCpu(cpu), memory: MiB(8_000), extended: [2, 0, 0, 0] };
        PoolTruth { name: "small".into(), nodes, room: Room { free, pods: 110 }, autoscaler }
    }

    #[test]
    fn what_others_use_is_missing_from_the_report_and_what_we_use_is_not() {
        let mut nodes = Nodes::new(&[pool(2, 4_000, None)], |_| Symbol(7));
        nodes.take(0, &Resources { cpu: MilliCpu(1_000), ..Resources::default() });
        nodes.drift = 250;
        let report = nodes.report();
        assert_eq!(report[0].nodes[0].nodes, 2);
        assert_eq!(report[0].nodes[0].room.free.cpu, MilliCpu(3_000));
        assert_eq!(nodes.room(0).free.cpu, MilliCpu(2_000));
        assert_eq!(nodes.room(1).free.extended[0], 1);
    }

    #[test]
    fn lost_nodes_are_missing_and_nodes_that_may_come_are_counted() {
        let autoscaler = AutoscalerTruth {
            max: 5,
            delay: periplus_core::units::Span::MINUTE,
            idle_after: periplus_core::units::Span::MINUTE,
        };
        let mut nodes = Nodes::new(&[pool(3, 4_000, Some(autoscaler))], |_| Symbol(7));
        assert_eq!(nodes.report()[0].nodes[0].nodes, 5);
        assert_eq!(nodes.lose(2), [0, 1]);
        assert_eq!(nodes.report()[0].nodes[0].nodes, 3);
        assert_eq!(nodes.restore(9), [0, 1]);
        assert_eq!(nodes.report()[0].nodes[0].nodes, 5);
    }
}
