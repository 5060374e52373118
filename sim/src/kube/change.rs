//! A cluster that really becomes another: other pools, another agent, another line.

use periplus_core::ids::Symbol;
use periplus_spec::scenario::{ClusterTruth, PoolTruth};

use super::node::{Nodes, Pool, Status};
use super::{Around, Cluster};

impl Cluster {
    /// The cluster is as `truth` says from now on. Pods on nodes that are no longer there are replaced.
    pub(crate) fn change(
        &mut self,
        truth: &ClusterTruth,
        name: impl Fn(&str) -> Symbol,
        around: &mut Around<'_>,
    ) {
        self.agent.change(truth.agent);
        self.link.change(truth.pull_bytes_per_second);
        for node in self.nodes.change(&truth.pools, name) {
            for pod in self.pods_in(|stage| stage.node() == Some(node)) {
                self.drop_pod(pod, around);
            }
            self.nodes.remove(node);
        }
        for number in self.deployments.numbers() {
            self.reconcile(number, around);
            self.recount(number, around);
        }
        self.plan_look(around.now, around);
    }
}

impl Nodes {
    /// Pools are as `truths` say, matched by name; nodes that are missing come at once. Gives the nodes that
    /// are to go: of those too many the emptiest, and of equals the highest numbers.
    fn change(&mut self, truths: &[PoolTruth], name: impl Fn(&str) -> Symbol) -> Vec<usize> {
        let mut wanted = vec![0; self.pools.len()];
        for truth in truths {
            let symbol = name(&truth.name);
            let known = self.pools.iter().position(|pool| pool.name == symbol);
            let place = known.unwrap_or_else(|| {
                self.pools.push(Pool::new(symbol, truth));
                wanted.push(0);
                self.pools.len() - 1
            });
            let pool = &mut self.pools[place];
            (pool.room, pool.least, pool.autoscaler) = (truth.room, truth.nodes, truth.autoscaler);
            wanted[place] = truth.nodes;
        }
        let mut going = Vec::new();
        for (place, wanted) in wanted.into_iter().enumerate() {
            let pool = &mut self.pools[place];
            if wanted == 0 {
                (pool.least, pool.autoscaler) = (0, None);
            }
            for _ in pool.present..wanted {
                self.add(place);
            }
            let pool = &self.pools[place];
            let most = pool.autoscaler.map_or(wanted, |autoscaler| autoscaler.max.max(wanted));
            let surplus = pool.present.saturating_sub(most) as usize;
            let mut nodes: Vec<usize> = (0..self.nodes.len())
                .filter(|node| self.nodes[*node].pool == place)
                .filter(|node| self.nodes[*node].status != Status::Absent)
                .collect();
            nodes.sort_by_key(|node| (self.nodes[*node].pods, std::cmp::Reverse(*node)));
            going.extend(nodes.into_iter().take(surplus));
        }
        going
    }

    /// An empty node goes.
    fn remove(&mut self, node: usize) {
        let entry = &mut self.nodes[node];
        assert_eq!(entry.pods, 0, "a node goes after its pods");
        entry.status = Status::Absent;
        entry.turns += 1;
        self.pools[entry.pool].present -= 1;
    }
}
