//! The kube-scheduler: one pod after the other, each to the node that is left least allocated.
//!
//! Filter: `NodeResourcesFit`. Score: `LeastAllocated` over CPU and memory with equal weights, the default
//! scoring strategy of the Kubernetes scheduler, in its integer arithmetic
//! (`pkg/scheduler/framework/plugins/noderesources/least_allocated.go`). Kubernetes settles ties by luck;
//! here the lower node number wins. Because pods are bound one by one and never moved, a pod can find no
//! node although core's packing of all pods together had room for it.

use periplus_core::fleet::Resources;

use super::node::{Nodes, Status};

/// The best score.
const SCORE_MAX: u64 = 100;

/// The node that a pod is bound to, if any has room for it.
pub(crate) fn choose(nodes: &Nodes, request: &Resources) -> Option<usize> {
    let up = nodes.nodes.iter().enumerate().filter(|(_, node)| node.status == Status::Up);
    let fitting = up.map(|(place, _)| place).filter(|place| nodes.room(*place).holds(request) > 0);
    fitting.min_by_key(|place| (SCORE_MAX - score(nodes, *place, request), *place))
}

/// How much of the node would be left, from 0 to 100.
fn score(nodes: &Nodes, place: usize, request: &Resources) -> u64 {
    let whole = nodes.pools[nodes.nodes[place].pool].room.free;
    let left = nodes.room(place).free;
    let one = |whole: u32, left: u32, asked: u32| {
        let left = u64::from(left.saturating_sub(asked));
        (left * SCORE_MAX).checked_div(u64::from(whole)).unwrap_or(0)
    };
    let cpu = one(whole.cpu.0, left.cpu.0, request.cpu.0);
    let memory = one(whole.memory.0, left.memory.0, request.memory.0);
    u64::midpoint(cpu, memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use periplus_core::fleet::Room;
    use periplus_core::ids::Symbol;
    use periplus_core::units::{MiB, MilliCpu};
    use periplus_spec::scenario::PoolTruth;
    use proptest::prelude::*;

    fn resources(cpu: u32, memory: u32) -> Resources {
        Resources { cpu: MilliCpu(cpu), memory: MiB(memory), extended: [0; 4] }
    }

    fn nodes(pools: &[(u32, u32, u32)]) -> Nodes {
        let truths = pools.iter().map(|(count, cpu, memory)| PoolTruth {
            name: String::new(),
            nodes: *count,
            room: Room { free: resources(*cpu, *memory), pods: 4 },
            autoscaler: None,
        });
        Nodes::new(&truths.collect::<Vec<_>>(), |_| Symbol(0))
    }

    fn bind_all(nodes: &mut Nodes, request: Resources, pods: usize) -> Vec<Option<usize>> {
        let bind = |_| {
            let node = choose(nodes, &request);
            node.iter().for_each(|node| nodes.take(*node, &request));
            node
        };
        (0..pods).map(bind).collect()
    }

    #[test]
    fn pods_spread_over_equal_nodes_in_the_order_of_their_numbers() {
        let mut three = nodes(&[(3, 1_000, 1_000)]);
        let places = bind_all(&mut three, resources(400, 100), 7);
        assert_eq!(
            places,
            [0, 1, 2, 0, 1, 2].map(Some).into_iter().chain([None]).collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_larger_node_is_less_allocated() {
        let mut mixed = nodes(&[(1, 1_000, 1_000), (1, 4_000, 4_000)]);
        // 87 left of 100 on the large node beats 50; it stays ahead until it would be half full.
        let places = bind_all(&mut mixed, resources(500, 500), 5);
        assert_eq!(places, [1, 1, 1, 0, 1].map(Some));
    }

    #[test]
    fn a_node_takes_no_more_pods_than_its_kubelet() {
        let mut one = nodes(&[(1, 1_000, 1_000)]);
        let places = bind_all(&mut one, resources(1, 1), 5);
        assert_eq!(places, [Some(0), Some(0), Some(0), Some(0), None]);
    }

    #[test]
    fn what_fits_in_sum_may_still_find_no_node() {
        let mut two = nodes(&[(2, 1_000, 1_000)]);
        // Packed largest first, two of 600 and two of 400 fit; bound one by one they need not.
        assert_eq!(bind_all(&mut two, resources(400, 1), 2), [Some(0), Some(1)]);
        assert_eq!(bind_all(&mut two, resources(600, 1), 2), [Some(0), Some(1)]);
        let mut two = nodes(&[(2, 1_000, 1_000)]);
        assert_eq!(bind_all(&mut two, resources(400, 1), 3), [Some(0), Some(1), Some(0)]);
        assert_eq!(bind_all(&mut two, resources(600, 1), 2), [Some(1), None]);
    }

    proptest! {
        #[test]
        fn pods_never_exceed_the_room_of_their_nodes(
            pools in prop::collection::vec((1_u32..4, 0_u32..3_000, 0_u32..3_000), 1..4),
            pods in prop::collection::vec((0_u32..1_500, 0_u32..1_500), 0..40),
            drift in 0_u32..1_200,
        ) {
            let mut nodes = nodes(&pools);
            nodes.drift = drift;
            let mut bound = vec![Vec::new(); nodes.nodes.len()];
            for (cpu, memory) in pods {
                let request = resources(cpu, memory);
                if let Some(node) = choose(&nodes, &request) {
                    nodes.take(node, &request);
                    bound[node].push(request);
                }
            }
            for (place, pods) in bound.iter().enumerate() {
                let room = nodes.empty_room(nodes.nodes[place].pool);
                prop_assert!(pods.len() <= usize::from(room.pods));
                prop_assert!(pods.iter().map(|pod| pod.cpu).sum::<MilliCpu>() <= room.free.cpu);
                prop_assert!(pods.iter().map(|pod| pod.memory).sum::<MiB>() <= room.free.memory);
            }
        }
    }
}
