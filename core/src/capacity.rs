//! Capacity: whether pods fit the nodes of a cluster, and how many.
//!
//! First-fit decreasing over nodes with equal room counted together, so that a thousand equal nodes cost as
//! little as one. Must not know who owns the pods.

use alloc::vec::Vec;
use core::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::decision::Resource;
use crate::fleet::{EXTENDED_RESOURCES_MAX, NodeCount, Resources, Room};
use crate::units::{MiB, MilliCpu};

/// Resources of many pods or nodes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// CPU in thousandths of a core.
    pub cpu: u64,
    /// Memory in MiB.
    pub memory: u64,
    /// Extended resources.
    pub extended: [u64; EXTENDED_RESOURCES_MAX],
    /// Pods.
    pub pods: u64,
}

/// Pods of equal size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodCount {
    /// What one of them asks for.
    pub request: Resources,
    /// How many they are.
    pub pods: u32,
}

/// What is short, by how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What is short.
    pub resource: Resource,
    /// What is wanted of it.
    pub wanted: u64,
    /// What is there.
    pub free: u64,
}

impl Totals {
    /// `pods` times `request`.
    #[must_use]
    pub fn of(request: &Resources, pods: u32) -> Self {
        let times = u64::from(pods);
        Self {
            cpu: u64::from(request.cpu.0) * times,
            memory: u64::from(request.memory.0) * times,
            extended: request.extended.map(|units| u64::from(units) * times),
            pods: times,
        }
    }

    /// The room of all `nodes` together.
    #[must_use]
    pub fn of_nodes(nodes: &[NodeCount]) -> Self {
        let mut total = Self::default();
        for NodeCount { room, nodes } in nodes {
            total += Self {
                pods: u64::from(room.pods) * u64::from(*nodes),
                ..Self::of(&room.free, *nodes)
            };
        }
        total
    }

    /// What is left of this after `taken`; nothing where more was taken.
    #[must_use]
    pub fn less(&self, taken: &Self) -> Self {
        let mut left = *self;
        left.cpu = left.cpu.saturating_sub(taken.cpu);
        left.memory = left.memory.saturating_sub(taken.memory);
        left.pods = left.pods.saturating_sub(taken.pods);
        for (units, taken) in left.extended.iter_mut().zip(taken.extended) {
            *units = units.saturating_sub(taken);
        }
        left
    }

    /// The lesser of both, resource by resource.
    #[must_use]
    pub fn at_most(&self, other: &Self) -> Self {
        Self {
            cpu: self.cpu.min(other.cpu),
            memory: self.memory.min(other.memory),
            pods: self.pods.min(other.pods),
            extended: core::array::from_fn(|kind| self.extended[kind].min(other.extended[kind])),
        }
    }

    /// The first resource of which `wanted` is more than this.
    #[must_use]
    pub fn shortage(&self, wanted: &Self) -> Option<Shortage> {
        let short =
            |resource, wanted, free| (wanted > free).then_some(Shortage { resource, wanted, free });
        short(Resource::Cpu, wanted.cpu, self.cpu)
            .or_else(|| short(Resource::Memory, wanted.memory, self.memory))
            .or_else(|| short(Resource::Pods, wanted.pods, self.pods))
            .or_else(|| {
                let mut kinds = 0_u8..;
                self.extended.iter().zip(wanted.extended).find_map(|(free, wanted)| {
                    short(Resource::Extended(kinds.next()?), wanted, *free)
                })
            })
    }
}

impl core::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.memory += other.memory;
        self.pods += other.pods;
        for (units, more) in self.extended.iter_mut().zip(other.extended) {
            *units += more;
        }
    }
}

impl core::ops::SubAssign for Totals {
    fn sub_assign(&mut self, other: Self) {
        self.cpu -= other.cpu;
        self.memory -= other.memory;
        self.pods -= other.pods;
        for (units, fewer) in self.extended.iter_mut().zip(other.extended) {
            *units -= fewer;
        }
    }
}

impl Room {
    /// How many pods of this size fit.
    #[must_use]
    pub fn holds(&self, request: &Resources) -> u32 {
        let mut pods = u32::from(self.pods);
        if request.cpu > MilliCpu::ZERO {
            pods = pods.min(self.free.cpu.0 / request.cpu.0);
        }
        if request.memory > MiB::ZERO {
            pods = pods.min(self.free.memory.0 / request.memory.0);
        }
        for (free, units) in self.free.extended.iter().zip(request.extended) {
            if units > 0 {
                pods = pods.min(u32::from(*free) / u32::from(units));
            }
        }
        pods
    }

    fn without(mut self, request: &Resources, pods: u32) -> Self {
        self.free.cpu -= MilliCpu(request.cpu.0 * pods);
        self.free.memory -= MiB(request.memory.0 * pods);
        let narrow = |units: u32| u16::try_from(units).expect("no more than the room holds");
        self.pods -= narrow(pods);
        for (free, units) in self.free.extended.iter_mut().zip(request.extended) {
            *free -= narrow(u32::from(units) * pods);
        }
        self
    }
}

/// What makes one pod larger than another, in the order in which it is tried.
const MEASURES: [fn(&Resources) -> u64; 3] = [
    |request| u64::from(request.cpu.0),
    |request| u64::from(request.memory.0),
    // A core weighs as much as the 4 GiB that commonly come with it.
    |request| u64::from(request.cpu.0) * 4 + u64::from(request.memory.0),
];

/// Whether all `pods` fit on `nodes`, packed largest first by some measure. Uses up `scratch`.
pub fn packs(nodes: &[NodeCount], pods: &mut Vec<PodCount>, scratch: &mut Vec<NodeCount>) -> bool {
    MEASURES.iter().any(|measure| {
        pods.sort_unstable_by_key(|pods| Reverse((measure(&pods.request), pods.request)));
        merge_equal(pods);
        scratch.clear();
        scratch.extend_from_slice(nodes);
        pods.iter().all(|pods| place(*pods, scratch))
    })
}

fn merge_equal(pods: &mut Vec<PodCount>) {
    pods.dedup_by(|next, kept| {
        let equal = next.request == kept.request;
        if equal {
            kept.pods += next.pods;
        }
        equal
    });
}

/// Puts equal pods on the first nodes that have room; says whether all found a place.
fn place(PodCount { request, pods }: PodCount, nodes: &mut Vec<NodeCount>) -> bool {
    let mut left = pods;
    let mut index = 0;
    while left > 0 {
        let Some(&NodeCount { room, nodes: count }) = nodes.get(index) else {
            return false;
        };
        let each = room.holds(&request);
        if each == 0 {
            index += 1;
            continue;
        }
        let full = (left / each).min(count);
        if full > 0 {
            split_off(nodes, index, full, room.without(&request, each));
            left -= full * each;
        } else {
            split_off(nodes, index, 1, room.without(&request, left));
            left = 0;
        }
    }
    true
}

/// Gives `count` of the equal nodes at `index` the room `now`.
fn split_off(nodes: &mut Vec<NodeCount>, index: usize, count: u32, now: Room) {
    let changed = NodeCount { room: now, nodes: count };
    if nodes[index].nodes == count {
        nodes[index] = changed;
    } else {
        nodes[index].nodes -= count;
        nodes.insert(index, changed);
    }
}

/// The node count that has most room for one pod of this size in its scarcest resource, if no node holds
/// one: what is short, and the most that one node has.
#[must_use]
pub fn oversized(nodes: &[NodeCount], request: &Resources) -> Option<Shortage> {
    if nodes.iter().any(|node| node.room.holds(request) > 0) {
        return None;
    }
    let wanted = Totals::of(request, 1);
    let most = |pick: fn(&Totals) -> u64| {
        nodes.iter().map(|node| pick(&Totals::of_nodes(&[NodeCount { nodes: 1, ..*node }]))).max()
    };
    let largest = Totals {
        cpu: most(|room| room.cpu).unwrap_or(0),
        memory: most(|room| room.memory).unwrap_or(0),
        pods: most(|room| room.pods).unwrap_or(0),
        extended: core::array::from_fn(|kind| {
            nodes.iter().map(|node| u64::from(node.room.free.extended[kind])).max().unwrap_or(0)
        }),
    };
    let packing = Shortage { resource: Resource::Packing, wanted: 1, free: 0 };
    Some(largest.shortage(&wanted).unwrap_or(packing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn resources(cpu: u32, memory: u32) -> Resources {
        Resources { cpu: MilliCpu(cpu), memory: MiB(memory), extended: [0; EXTENDED_RESOURCES_MAX] }
    }

    fn node(cpu: u32, memory: u32, pods: u16, nodes: u32) -> NodeCount {
        NodeCount { room: Room { free: resources(cpu, memory), pods }, nodes }
    }

    fn pods(cpu: u32, memory: u32, pods: u32) -> PodCount {
        PodCount { request: resources(cpu, memory), pods }
    }

    #[test]
    fn a_pod_must_fit_a_node_and_not_only_the_sum() {
        let two_small = [node(1_000, 1_000, 10, 2)];
        let fits = |wanted: &[PodCount]| packs(&two_small, &mut wanted.to_vec(), &mut vec![]);
        assert!(fits(&[pods(1_000, 1_000, 2)]));
        assert!(!fits(&[pods(1_500, 100, 1)]));
        assert!(fits(&[pods(500, 100, 3), pods(250, 100, 2)]));
        assert!(!fits(&[pods(600, 100, 3)]), "600 m leaves 400 m unused on each node");
        let short = oversized(&two_small, &resources(1_500, 100)).unwrap();
        assert_eq!(short, Shortage { resource: Resource::Cpu, wanted: 1_500, free: 1_000 });
        assert_eq!(oversized(&two_small, &resources(1_000, 1_000)), None);
    }

    #[test]
    fn what_is_large_in_memory_goes_first_where_cpu_first_leaves_it_no_node() {
        let uneven = [node(1_000, 1_000, 10, 1), node(1_000, 400, 10, 1)];
        let mut wanted = vec![pods(600, 300, 1), pods(500, 900, 1)];
        assert!(packs(&uneven, &mut wanted, &mut vec![]));
    }

    #[test]
    fn pods_left_bound_what_a_node_holds() {
        assert!(!packs(&[node(9_000, 9_000, 3, 1)], &mut vec![pods(1, 1, 4)], &mut vec![]));
        assert!(packs(&[node(9_000, 9_000, 3, 2)], &mut vec![pods(1, 1, 4)], &mut vec![]));
    }

    /// Places one pod after the other on single nodes: slower, and obviously right.
    fn packs_one_by_one(nodes: &[NodeCount], pods: &[PodCount]) -> bool {
        let rooms: Vec<Room> = nodes
            .iter()
            .flat_map(|node| core::iter::repeat_n(node.room, node.nodes as usize))
            .collect();
        let mut single: Vec<Resources> =
            pods.iter().flat_map(|pods| vec![pods.request; pods.pods as usize]).collect();
        MEASURES.iter().any(|measure| {
            single.sort_by_key(|request| Reverse((measure(request), *request)));
            let mut rooms = rooms.clone();
            single.iter().all(|request| {
                let place = rooms.iter_mut().find(|room| room.holds(request) > 0);
                place.map(|room| *room = room.without(request, 1)).is_some()
            })
        })
    }

    proptest! {
        #[test]
        fn equal_nodes_counted_together_pack_like_single_ones(
            nodes in prop::collection::vec((0_u32..3_000, 0_u32..3_000, 0_u16..6, 1_u32..4), 0..4),
            wanted in prop::collection::vec((0_u32..1_500, 0_u32..1_500, 0_u32..5), 0..5),
        ) {
            let nodes: Vec<_> = nodes.into_iter().map(|(c, m, p, n)| node(c, m, p, n)).collect();
            let wanted: Vec<_> = wanted.into_iter().map(|(c, m, n)| pods(c, m, n)).collect();
            let together = packs(&nodes, &mut wanted.clone(), &mut vec![]);
            prop_assert_eq!(together, packs_one_by_one(&nodes, &wanted));
        }

        #[test]
        fn what_packs_also_fits_in_sum(
            nodes in prop::collection::vec((0_u32..3_000, 0_u32..3_000, 0_u16..6, 1_u32..4), 0..4),
            wanted in prop::collection::vec((0_u32..1_500, 0_u32..1_500, 0_u32..5), 0..5),
        ) {
            let nodes: Vec<_> = nodes.into_iter().map(|(c, m, p, n)| node(c, m, p, n)).collect();
            let mut wanted: Vec<_> = wanted.into_iter().map(|(c, m, n)| pods(c, m, n)).collect();
            let mut sum = Totals::default();
            wanted.iter().for_each(|pods| sum += Totals::of(&pods.request, pods.pods));
            if packs(&nodes, &mut wanted, &mut vec![]) {
                prop_assert_eq!(Totals::of_nodes(&nodes).shortage(&sum), None);
            }
        }
    }
}
