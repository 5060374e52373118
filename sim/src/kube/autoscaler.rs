//! The cluster autoscaler: orders nodes while pods find no room, gives empty ones back.
//!
//! Works like the Kubernetes cluster autoscaler: only pods that cannot be scheduled make a pool grow, and
//! only as far as they need; the first pool in the order of declaration that can hold such a pod grows.

use periplus_core::fleet::{Resources, Room};
use periplus_core::units::{MiB, MilliCpu};

use super::node::Status;
use super::{Around, Cluster};
use crate::happening::Turn;

impl Cluster {
    /// Orders the nodes that pods without one would need beside those that are on their way.
    pub(super) fn order_nodes(&mut self, around: &mut Around<'_>) {
        if self.pending.is_empty() {
            return;
        }
        let mut coming: Vec<Room> = Vec::new();
        for (place, pool) in self.nodes.pools.iter().enumerate() {
            let room = self.nodes.empty_room(place);
            coming.extend(std::iter::repeat_n(room, pool.ordered as usize));
        }
        for place in 0..self.pending.len() {
            let request = self.request_of(self.pending[place]);
            if coming.iter_mut().any(|room| put(room, &request)) {
                continue;
            }
            let Some(pool) = self.pool_for(&request) else { continue };
            let mut room = self.nodes.empty_room(pool);
            put(&mut room, &request);
            coming.push(room);
            self.nodes.pools[pool].ordered += 1;
            let autoscaler = self.nodes.pools[pool].autoscaler.expect("a pool that can grow");
            let pool = u32::try_from(pool).expect("pools are few");
            around.after(autoscaler.delay, self.id, Turn::NodeArrives { pool });
        }
    }

    /// The first pool that can grow and whose nodes hold such a pod.
    fn pool_for(&self, request: &Resources) -> Option<usize> {
        (0..self.nodes.pools.len()).find(|place| {
            let pool = &self.nodes.pools[*place];
            let most = pool.autoscaler.map_or(0, |autoscaler| autoscaler.max);
            pool.present + pool.ordered < most && self.nodes.empty_room(*place).holds(request) > 0
        })
    }

    /// Whether nodes are on their way.
    pub(super) fn expects_nodes(&self) -> bool {
        self.nodes.pools.iter().any(|pool| pool.ordered > 0)
    }

    pub(super) fn add_node(&mut self, pool: u32, around: &mut Around<'_>) {
        self.nodes.pools[pool as usize].ordered -= 1;
        let node = self.nodes.add(pool as usize);
        self.note_empty_node(node, around);
        self.schedule(around);
    }

    /// An empty node of a pool that has grown goes after a while.
    pub(super) fn note_empty_node(&mut self, node: usize, around: &mut Around<'_>) {
        let entry = &self.nodes.nodes[node];
        if let Some(autoscaler) = self.nodes.pools[entry.pool].autoscaler {
            let serial = entry.fills;
            let node = u32::try_from(node).expect("nodes are counted by u32");
            around.after(autoscaler.idle_after, self.id, Turn::NodeIdle { node, serial });
        }
    }

    pub(super) fn remove_idle_node(&mut self, node: u32, serial: u32) {
        let entry = &mut self.nodes.nodes[node as usize];
        let pool = &mut self.nodes.pools[entry.pool];
        let idle = entry.fills == serial && entry.pods == 0 && entry.status == Status::Up;
        if idle && pool.present > pool.least {
            entry.status = Status::Absent;
            entry.turns += 1;
            pool.present -= 1;
        }
    }
}

/// Puts a pod into a room, if it holds it.
fn put(room: &mut Room, request: &Resources) -> bool {
    if room.holds(request) == 0 {
        return false;
    }
    room.free.cpu -= MilliCpu(request.cpu.0);
    room.free.memory -= MiB(request.memory.0);
    for (free, units) in room.free.extended.iter_mut().zip(request.extended) {
        *free -= units;
    }
    room.pods -= 1;
    true
}
