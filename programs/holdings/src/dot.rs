//! The graph in the language of graphviz.
use crate::escape;
use crate::graph::{Graph, Node};
use std::fmt::Write;

/// The graph as DOT. Edges that only hold or look are dashed.
#[must_use]
pub fn drawn(graph: &Graph) -> String {
    let mut text =
        String::from("digraph holdings {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n");
    for ((node, title), place) in graph.nodes.iter().zip(0..) {
        let shape = shape(*node);
        // Writing to a string does not fail.
        let _ = writeln!(text, "  n{place} [label=\"{}\", shape={shape}];", escape::dot(title));
    }
    for edge in &graph.edges {
        let label = escape::dot(&edge.label());
        let style = if edge.acts { "solid" } else { "dashed" };
        let _ =
            writeln!(text, "  n{} -> n{} [label=\"{label}\", style={style}];", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}

fn shape(node: Node) -> &'static str {
    match node {
        Node::Process(_) => "box",
        Node::Path(_) => "note",
        Node::Scheme(_) => "ellipse",
        Node::Account(_) => "folder",
        Node::Lease(_) => "hexagon",
        Node::Pipe(_) | Node::Memory(_) => "cylinder",
        Node::Factory(_) | Node::Kind(_) => "octagon",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    /// Reads DOT as far as it is written here: statements of words, arrows and quoted strings. The
    /// number of nodes and edges.
    fn read(text: &str) -> Result<(usize, usize), String> {
        let body =
            text.strip_prefix("digraph holdings {\n").and_then(|text| text.strip_suffix("}\n"));
        let (mut nodes, mut edges) = (0, 0);
        for line in body.ok_or("no graph")?.lines() {
            let line = line.trim_start().strip_suffix(';').ok_or(line)?;
            let (head, rest) = line.split_once(" [").unwrap_or((line, "]"));
            let mut rest = rest.strip_suffix(']').ok_or(line)?;
            while !rest.is_empty() {
                let (_, value) = rest.split_once('=').ok_or(line)?;
                rest = match value.strip_prefix('"') {
                    Some(inside) => behind(inside).ok_or(line)?,
                    None => value.trim_start_matches(|c: char| c.is_ascii_alphanumeric()),
                };
                rest = rest.strip_prefix(", ").unwrap_or(rest);
            }
            match head.split_once(" -> ") {
                Some(_) => edges += 1,
                None if head.starts_with('n') && head != "node" => nodes += 1,
                None => {}
            }
        }
        Ok((nodes, edges))
    }

    /// What follows a quoted string.
    fn behind(inside: &str) -> Option<&str> {
        let mut escaped = false;
        for (at, c) in inside.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return inside.get(at + 1..),
                _ => {}
            }
        }
        None
    }

    #[test]
    fn every_drawing_is_a_graph_with_all_nodes_and_edges_whatever_they_are_called() {
        sample::each(300, |snapshot, _| {
            let graph = Graph::new(snapshot);
            let text = drawn(&graph);
            assert_eq!(read(&text), Ok((graph.nodes.len(), graph.edges.len())), "{text}");
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        });
    }
}
