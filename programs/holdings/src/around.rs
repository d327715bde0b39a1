//! What a process has to do with: a part of a graph that fits a page.
use crate::graph::{Edge, Graph, Node};

impl Graph {
    /// The numbers of the processes among some nodes.
    #[must_use]
    pub fn processes(&self, places: &[usize]) -> Vec<u64> {
        let number = |place: &usize| match self.nodes.get(*place) {
            Some((Node::Process(number), _)) => Some(*number),
            _ => None,
        };
        places.iter().filter_map(number).collect()
    }

    /// Some nodes, all that they have to do with themselves, and who is behind that: who serves a
    /// scheme, may end a lease or an account, or is at the other end of a pipe or memory. Of the
    /// edges those by which they have to do with it.
    #[must_use]
    pub fn around(&self, middle: &[usize]) -> Self {
        let mut role = vec![Role::Apart; self.nodes.len()];
        let mut becomes = |node: usize, next: Role| {
            if let Some(role) = role.get_mut(node) {
                *role = (*role).max(next);
            }
        };
        for &node in middle {
            becomes(node, Role::Middle);
        }
        for edge in &self.edges {
            for (one, other) in [(edge.from, edge.to), (edge.to, edge.from)] {
                if middle.contains(&one) {
                    becomes(other, Role::Near);
                }
            }
        }
        // A path leads to its scheme.
        for edge in &self.edges {
            if let Some((Node::Path(_), _)) = self.nodes.get(edge.from)
                && role.get(edge.from) == Some(&Role::Near)
                && let Some(role) = role.get_mut(edge.to)
            {
                *role = (*role).max(Role::Near);
            }
        }
        let role = role;
        let of = |node: usize| role.get(node).copied().unwrap_or(Role::Apart);
        let kept: Vec<Edge> =
            self.edges.iter().filter(|edge| self.keeps(edge, &of)).cloned().collect();
        let stays = |node: usize| {
            of(node) == Role::Middle || kept.iter().any(|edge| edge.from == node || edge.to == node)
        };
        let stays: Vec<bool> = (0..self.nodes.len()).map(stays).collect();
        self.part(&stays, kept)
    }

    fn keeps(&self, edge: &Edge, role: &impl Fn(usize) -> Role) -> bool {
        let (from, to) = (role(edge.from), role(edge.to));
        if from == Role::Middle || to == Role::Middle {
            return true;
        }
        let node = |place: usize| self.nodes.get(place).map(|(node, _)| *node);
        match (node(edge.from), node(edge.to)) {
            (Some(Node::Scheme(_)), Some(Node::Process(_))) => from == Role::Near && edge.acts,
            (Some(Node::Path(_)), Some(Node::Scheme(_))) => from == Role::Near,
            (Some(Node::Process(_)), Some(Node::Lease(_) | Node::Account(_))) => {
                to == Role::Near && edge.acts
            }
            (Some(Node::Process(_)), Some(Node::Pipe(_) | Node::Memory(_))) => to == Role::Near,
            (Some(Node::Pipe(_) | Node::Memory(_)), Some(Node::Process(_))) => from == Role::Near,
            _ => false,
        }
    }
}

/// What a node is to those in the middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Nothing yet.
    Apart,
    /// They have to do with it.
    Near,
    /// It is one.
    Middle,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn what_is_around_a_process_is_all_it_has_to_do_with_and_who_is_behind_that() {
        sample::each(300, |snapshot, chance| {
            let graph = Graph::new(snapshot);
            if graph.nodes.is_empty() {
                return;
            }
            let middle = chance.usize(..graph.nodes.len());
            let less = graph.around(&[middle]);
            let title = |graph: &Graph, edge: &Edge| {
                (graph.nodes[edge.from].0, graph.nodes[edge.to].0, edge.acts)
            };
            let own = graph.nodes[middle].0;
            assert!(less.nodes.iter().any(|(node, _)| *node == own));
            let kept: Vec<_> = less.edges.iter().map(|edge| title(&less, edge)).collect();
            for edge in &graph.edges {
                let (from, to, acts) = title(&graph, edge);
                if from == own || to == own {
                    assert!(kept.contains(&(from, to, acts)), "{from:?} {to:?}");
                }
            }
            // Whatever is there is no further away than two steps.
            let near: Vec<Node> = kept
                .iter()
                .filter_map(|&(from, to, _)| match own {
                    _ if from == own => Some(to),
                    _ if to == own => Some(from),
                    _ => None,
                })
                .collect();
            for (from, to, _) in &kept {
                let known = |node: &Node| *node == own || near.contains(node);
                assert!(known(from) || known(to), "{from:?} {to:?}");
            }
            for (node, _) in &less.nodes {
                assert!(
                    *node == own || kept.iter().any(|(from, to, _)| from == node || to == node)
                );
            }
        });
    }
}
