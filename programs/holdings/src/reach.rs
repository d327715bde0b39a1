//! What can reach what: the shortest way along edges that act.
use crate::graph::{Edge, Graph};
use std::collections::VecDeque;

/// The edges of the shortest way from one of some nodes to one of others; of ways that are equally
/// short the one whose edges come first. No way leads through a trusted node: what reaches that goes no
/// further. The empty way where a node is among both; `None` without any way.
#[must_use]
pub fn way<'g>(
    graph: &'g Graph,
    from: &[usize],
    to: &[usize],
    trusted: &[usize],
) -> Option<Vec<&'g Edge>> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (edge, at) in graph.edges.iter().zip(0..) {
        if let Some(out) = out.get_mut(edge.from).filter(|_| edge.acts) {
            out.push(at);
        }
    }
    let mut came: Vec<Option<Option<usize>>> = vec![None; graph.nodes.len()];
    let mut next = VecDeque::new();
    for &node in from {
        if let Some(came) = came.get_mut(node) {
            *came = Some(None);
            next.push_back(node);
        }
    }
    while let Some(node) = next.pop_front() {
        if to.contains(&node) {
            return Some(back(graph, &came, node));
        }
        let stops = trusted.contains(&node) && !from.contains(&node);
        for &at in out.get(node).into_iter().flatten().filter(|_| !stops) {
            let Some(edge) = graph.edges.get(at) else { continue };
            if let Some(came @ None) = came.get_mut(edge.to) {
                *came = Some(Some(at));
                next.push_back(edge.to);
            }
        }
    }
    None
}

/// The way back from a node that was reached.
fn back<'g>(graph: &'g Graph, came: &[Option<Option<usize>>], end: usize) -> Vec<&'g Edge> {
    let mut way = Vec::new();
    let mut node = end;
    while let Some(edge) =
        came.get(node).copied().flatten().flatten().and_then(|at| graph.edges.get(at))
    {
        way.push(edge);
        node = edge.from;
    }
    way.reverse();
    way
}

/// A way in words, a line for each step.
#[must_use]
pub fn told(graph: &Graph, way: &[&Edge]) -> String {
    let line = |edge: &&Edge| {
        let (from, to) = (graph.title(edge.from), graph.title(edge.to));
        let label = edge.label();
        let by = if label.is_empty() { String::new() } else { format!("  [handle {label}]") };
        format!("  {from} -> {to}{by}\n")
    };
    way.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// Everything that can be reached in so many steps, the slow way.
    fn within(graph: &Graph, from: usize, steps: usize, trusted: &[usize]) -> Vec<bool> {
        let mut reached = vec![false; graph.nodes.len()];
        reached[from] = true;
        for _ in 0..steps {
            let before = reached.clone();
            for edge in graph.edges.iter().filter(|edge| edge.acts) {
                let stops = edge.from != from && trusted.contains(&edge.from);
                reached[edge.to] |= before[edge.from] && !stops;
            }
        }
        reached
    }

    #[test]
    fn a_way_is_found_where_there_is_one_and_is_the_shortest() {
        sample::each(200, |snapshot, chance| {
            let graph = Graph::new(snapshot);
            let count = graph.nodes.len();
            if count == 0 {
                return assert_eq!(way(&graph, &[0], &[0], &[]), None);
            }
            for _ in 0..20 {
                let (from, to) = (chance.usize(..count), chance.usize(..count));
                let trusted: Vec<usize> =
                    (0..chance.usize(..4)).map(|_| chance.usize(..count)).collect();
                let exists = within(&graph, from, count, &trusted)[to];
                let found = way(&graph, &[from], &[to], &trusted);
                assert_eq!(found.is_some(), exists);
                let Some(found) = found else { continue };
                let mut node = from;
                for edge in &found {
                    assert!(edge.acts && edge.from == node);
                    node = edge.to;
                }
                assert_eq!(node, to);
                let shorter = found.len().checked_sub(1);
                assert!(shorter.is_none_or(|less| !within(&graph, from, less, &trusted)[to]));
            }
        });
    }

    #[test]
    fn every_step_of_a_way_is_a_line() {
        sample::each(50, |snapshot, _| {
            let graph = Graph::new(snapshot);
            let all: Vec<&Edge> = graph.edges.iter().collect();
            let text = told(&graph, &all);
            assert_eq!(text.lines().count(), all.len());
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        });
    }
}
