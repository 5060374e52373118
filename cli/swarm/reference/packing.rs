//! Packing, pod by pod and node by node.

use std::cmp::Reverse;

use periplus_core::fleet::{NodeCount, Resources, Room};

/// What single pods ask for, and how many of each there are.
pub type Pods = Vec<(Resources, u32)>;

/// What pods are compared by: the larger goes first.
type Measure = fn(&Resources) -> (u32, u32);

/// Orders in which pods are tried, largest first by one measure or another.
const ORDERS: [Measure; 3] = [
    |request| (request.cpu.0, request.memory.0),
    |request| (request.memory.0, request.cpu.0),
    |request| (request.cpu.0 * 4 + request.memory.0, request.cpu.0),
];

/// Whether all pods fit on the nodes, in one of a few orders.
///
/// A yes is certain, for a packing was found. A no is not: pods that only an exhaustive search can place
/// count as not fitting.
#[must_use]
pub fn packs(nodes: &[NodeCount], pods: &[(Resources, u32)]) -> bool {
    let mut rooms: Vec<Room> =
        nodes.iter().flat_map(|node| std::iter::repeat_n(node.room, node.nodes as usize)).collect();
    rooms.sort_unstable_by_key(|room| Reverse(*room));
    let mut single: Vec<Resources> = pods
        .iter()
        .flat_map(|(request, count)| std::iter::repeat_n(*request, *count as usize))
        .collect();
    ORDERS.iter().any(|order| {
        single.sort_by_key(|request| Reverse((order(request), request.extended)));
        first_fit(rooms.clone(), &single)
    })
}

fn first_fit(mut rooms: Vec<Room>, pods: &[Resources]) -> bool {
    pods.iter().all(|pod| {
        let place = rooms.iter_mut().find(|room| fits(room, pod));
        place.map(|room| take(room, pod)).is_some()
    })
}

fn fits(room: &Room, pod: &Resources) -> bool {
    room.pods > 0
        && pod.cpu <= room.free.cpu
        && pod.memory <= room.free.memory
        && pod.extended.iter().zip(room.free.extended).all(|(wanted, free)| *wanted <= free)
}

fn take(room: &mut Room, pod: &Resources) {
    room.pods -= 1;
    room.free.cpu.0 -= pod.cpu.0;
    room.free.memory.0 -= pod.memory.0;
    for (free, wanted) in room.free.extended.iter_mut().zip(pod.extended) {
        *free -= wanted;
    }
}
