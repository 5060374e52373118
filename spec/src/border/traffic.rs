//! Traffic equations: how often one user request visits each component.
//!
//! `v = e + Pᵀ v`, where `e` is one at the component that users call and `P` holds how often a visit of one
//! component calls another (Jackson, 1957). The graph may have circles as long as every request ends: then
//! `I − Pᵀ` is an M-matrix, which elimination without pivoting recognises by its pivots, all positive
//! (Berman and Plemmons, *Nonnegative Matrices in the Mathematical Sciences*, 1979, chapter 6).

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// Who calls whom, how often for each visit. Nodes are counted from 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calls {
    /// How many nodes there are.
    pub nodes: usize,
    /// Caller, called, and calls per visit of the caller.
    pub edges: Vec<(usize, usize, f64)>,
}

/// Calls that grow without end.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// The circle, beginning with its lowest node; the first node follows the last again.
    pub nodes: Vec<usize>,
    /// How many requests one request becomes on its way round. It can be below one where several circles
    /// share nodes, and only together grow without end.
    pub gain: f64,
}

/// A pivot below this means growth without end, or so nearly that no fleet could serve it.
const PIVOT_MIN: f64 = 1e-9;

impl Calls {
    /// The visits of each node for one request that enters at `entry`.
    ///
    /// # Errors
    /// The circle along which calls grow without end.
    pub fn visits(&self, entry: usize) -> Result<Vec<f64>, Loop> {
        let mut enters = vec![0.0; self.nodes];
        if let Some(enter) = enters.get_mut(entry) {
            *enter = 1.0;
        }
        self.solve(enters, |edge| (edge.1, edge.0, edge.2))
    }

    /// For each node, the sum of `worth` over all visits that one visit of it causes, its own included.
    ///
    /// # Errors
    /// The circle along which calls grow without end.
    pub fn caused(&self, worth: Vec<f64>) -> Result<Vec<f64>, Loop> {
        self.solve(worth, |edge| *edge)
    }

    /// Solves `x = right + M x` with the entries of `M` as `place` puts the edges.
    fn solve(
        &self,
        mut right: Vec<f64>,
        place: impl Fn(&(usize, usize, f64)) -> (usize, usize, f64),
    ) -> Result<Vec<f64>, Loop> {
        let size = self.nodes;
        let mut rows: Vec<Vec<f64>> = vec![vec![0.0; size]; size];
        for (index, row) in rows.iter_mut().enumerate() {
            row[index] = 1.0;
        }
        for edge in &self.edges {
            let (row, column, weight) = place(edge);
            rows[row][column] -= weight;
        }
        for step in 0..size {
            let pivot = rows[step][step];
            if pivot < PIVOT_MIN {
                return Err(self.steepest_loop());
            }
            let (above, below) = rows.split_at_mut(step + 1);
            let chosen = &above[step];
            for (offset, row) in below.iter_mut().enumerate() {
                let factor = row[step] / pivot;
                if factor == 0.0 {
                    continue;
                }
                for column in step..size {
                    row[column] -= factor * chosen[column];
                }
                right[step + 1 + offset] -= factor * right[step];
            }
        }
        for step in (0..size).rev() {
            let known: f64 =
                (step + 1..size).map(|column| rows[step][column] * right[column]).sum();
            right[step] = (right[step] - known) / rows[step][step];
        }
        Ok(right)
    }

    /// The circle with the highest gain among those that follow the heaviest call from each node.
    fn steepest_loop(&self) -> Loop {
        let mut graph = DiGraph::<(), f64>::new();
        let nodes: Vec<NodeIndex> = (0..self.nodes).map(|_| graph.add_node(())).collect();
        for (from, to, weight) in &self.edges {
            graph.add_edge(nodes[*from], nodes[*to], *weight);
        }
        let mut component = vec![0; self.nodes];
        for (index, members) in tarjan_scc(&graph).into_iter().enumerate() {
            members.iter().for_each(|node| component[node.index()] = index);
        }
        let heaviest = |from: usize| {
            let inner = self
                .edges
                .iter()
                .filter(|edge| edge.0 == from && component[edge.1] == component[from]);
            inner.max_by(|a, b| a.2.total_cmp(&b.2).then(b.1.cmp(&a.1)))
        };
        let loops = (0..self.nodes).filter_map(|start| follow(start, &heaviest));
        let steepest = loops.max_by(|a, b| a.gain.total_cmp(&b.gain).then(b.nodes.cmp(&a.nodes)));
        steepest.unwrap_or(Loop { nodes: Vec::new(), gain: 0.0 })
    }
}

/// The circle that one gets into from `start` by following `next`.
fn follow<'a>(
    start: usize,
    next: &impl Fn(usize) -> Option<&'a (usize, usize, f64)>,
) -> Option<Loop> {
    let mut path: Vec<(usize, f64)> = Vec::new();
    let mut here = start;
    loop {
        if let Some(first) = path.iter().position(|step| step.0 == here) {
            let round = &mut path[first..];
            let gain = round.iter().map(|step| step.1).product();
            let lowest = (0..round.len()).min_by_key(|place| round[*place].0)?;
            round.rotate_left(lowest);
            let nodes = round.iter().map(|step| step.0).collect();
            return Some(Loop { nodes, gain });
        }
        let (_, to, weight) = next(here)?;
        path.push((here, *weight));
        here = *to;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn calls(nodes: usize, edges: &[(usize, usize, f64)]) -> Calls {
        Calls { nodes, edges: edges.to_vec() }
    }

    fn close(found: &[f64], wanted: &[f64]) {
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-9, "{found} {wanted}");
        }
    }

    #[test]
    fn visits_multiply_along_calls_and_add_up() {
        let shop = calls(4, &[(0, 1, 2.0), (0, 2, 0.5), (1, 3, 1.0), (2, 3, 4.0)]);
        close(&shop.visits(0).unwrap(), &[1.0, 2.0, 0.5, 4.0]);
        close(
            &shop.caused(vec![1.0, 10.0, 100.0, 1_000.0]).unwrap(),
            &[4_071.0, 1_010.0, 4_100.0, 1_000.0],
        );
    }

    #[test]
    fn circles_that_end_are_geometric_series() {
        let retry = calls(1, &[(0, 0, 0.5)]);
        close(&retry.visits(0).unwrap(), &[2.0]);
        let pair = calls(2, &[(0, 1, 1.0), (1, 0, 0.5)]);
        close(&pair.visits(0).unwrap(), &[2.0, 2.0]);
    }

    #[test]
    fn circles_that_do_not_end_are_named_with_their_gain() {
        let pair = calls(3, &[(0, 1, 1.0), (1, 2, 2.0), (2, 1, 0.5)]);
        assert_eq!(pair.visits(0), Err(Loop { nodes: vec![1, 2], gain: 1.0 }));
        let own = calls(2, &[(0, 1, 1.0), (1, 1, 3.0)]);
        assert_eq!(own.visits(0), Err(Loop { nodes: vec![1], gain: 3.0 }));
        let together = calls(3, &[(0, 1, 0.6), (1, 0, 0.9), (0, 2, 0.6), (2, 0, 0.9)]);
        assert!(together.visits(0).unwrap_err().gain < 1.0);
    }

    proptest! {
        #[test]
        fn what_is_solved_solves_the_equations(
            edges in prop::collection::vec((0_usize..6, 0_usize..6, 0.0_f64..0.4), 0..12),
        ) {
            let calls = calls(6, &edges);
            let Ok(visits) = calls.visits(0) else { return Ok(()) };
            for node in 0..6 {
                let called: f64 = edges.iter().filter(|edge| edge.1 == node).map(|edge| edge.2 * visits[edge.0]).sum();
                let enters = f64::from(u8::from(node == 0));
                let scale = visits[node].abs().max(1.0);
                prop_assert!((visits[node] - enters - called).abs() < 1e-6 * scale);
                prop_assert!(visits[node] >= -1e-9);
            }
        }
    }
}
