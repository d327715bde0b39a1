//! The graph as a picture.
use crate::escape;
use crate::graph::{Edge, Graph, Node};
use crate::layout::{HEIGHT, Layout, WIDTH};
use std::fmt::Write;

/// The graph as SVG. Edges that only hold or look are dashed.
#[must_use]
pub fn drawn(graph: &Graph) -> String {
    let layout = Layout::new(graph);
    let (width, height) = layout.size;
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <defs><marker id=\"end\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" \
         markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#555\"/></marker></defs>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for edge in &graph.edges {
        line(&mut text, graph, &layout, edge);
    }
    for ((node, title), place) in graph.nodes.iter().zip(&layout.places) {
        shape(&mut text, *node, title, *place);
    }
    text.push_str("</svg>\n");
    text
}

fn line(text: &mut String, graph: &Graph, layout: &Layout, edge: &Edge) {
    let place = |node: usize| layout.places.get(node).copied().unwrap_or_default();
    let ((x, y), (to_x, to_y)) = (place(edge.from), place(edge.to));
    let middle = HEIGHT / 2;
    // From the side that is nearer to the end, to the side that is nearer to the beginning.
    let rightward = x <= to_x;
    let (from, to) = if rightward { (x + WIDTH, to_x) } else { (x, to_x + WIDTH) };
    let bend = if rightward { 70 } else { -70 };
    let dash = if edge.acts { "" } else { " stroke-dasharray=\"4 3\"" };
    let colour = if edge.leased > 0 { "#b50" } else { "#555" };
    let (title, other) = (escape::xml(graph.title(edge.from)), escape::xml(graph.title(edge.to)));
    let label = escape::xml(&edge.label());
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "<path d=\"M{from} {}C{} {} {} {} {to} {}\" fill=\"none\" stroke=\"{colour}\" \
         stroke-opacity=\"0.6\"{dash} marker-end=\"url(#end)\"><title>{title} - {other} {label}</title></path>",
        y + middle,
        from + bend,
        y + middle,
        to - bend,
        to_y + middle,
        to_y + middle,
    );
}

fn shape(text: &mut String, node: Node, title: &str, (x, y): (i64, i64)) {
    let (fill, round) = match node {
        Node::Process(_) => ("#cfe3ff", 2),
        Node::Path(_) => ("#fffbd1", 2),
        Node::Scheme(_) => ("#d8f5d0", 13),
        Node::Account(_) => ("#eee", 2),
        Node::Lease(_) => ("#ffe3c2", 8),
        Node::Pipe(_) | Node::Memory(_) => ("#f3e8ff", 6),
        Node::Factory(_) | Node::Kind(_) => ("#fbd5d5", 8),
    };
    let short: String = title.chars().take(30).collect();
    let (short, title) = (escape::xml(&short), escape::xml(title));
    let _ = writeln!(
        text,
        "<g><title>{title}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         rx=\"{round}\" fill=\"{fill}\" stroke=\"#333\"/><text x=\"{}\" y=\"{}\">{short}</text></g>",
        x + 8,
        y + 17,
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use crate::{Process, Snapshot};

    /// Reads XML as far as it is needed to say whether it is well-formed; the number of elements of
    /// each name.
    fn read(text: &str) -> Result<std::collections::BTreeMap<String, usize>, String> {
        let body = text.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let mut rest = body.ok_or("no head")?;
        let mut open: Vec<&str> = Vec::new();
        let mut counts = std::collections::BTreeMap::new();
        while let Some((between, tag)) = rest.split_once('<') {
            characters(between)?;
            let (tag, behind) = tag.split_once('>').ok_or("a tag without end")?;
            rest = behind;
            if let Some(name) = tag.strip_prefix('/') {
                if open.pop() != Some(name) {
                    return Err(format!("{name} ends what it did not begin"));
                }
                continue;
            }
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            if !name.chars().all(|c| c.is_ascii_lowercase()) {
                return Err(format!("an element {name:?}"));
            }
            while !attributes.is_empty() {
                let (_, value) =
                    attributes.split_once("=\"").ok_or("an attribute without value")?;
                let (value, behind) = value.split_once('"').ok_or("a value without end")?;
                characters(value)?;
                attributes = behind.trim_start();
            }
            *counts.entry(name.to_owned()).or_insert(0) += 1;
            if !empty {
                open.push(name);
            }
        }
        characters(rest)?;
        if open.is_empty() { Ok(counts) } else { Err(format!("{open:?} do not end")) }
    }

    /// Plain characters and references only.
    fn characters(text: &str) -> Result<(), String> {
        if text.chars().any(|c| c.is_control() && c != '\n' || matches!(c, '"' | '<' | '>')) {
            return Err(format!("{text:?}"));
        }
        let known = ["amp;", "lt;", "gt;", "quot;", "#39;"];
        let mut references = text.split('&').skip(1);
        if references.all(|rest| known.iter().any(|name| rest.starts_with(name))) {
            Ok(())
        } else {
            Err(format!("a reference in {text:?}"))
        }
    }

    #[test]
    fn every_drawing_is_well_formed_and_shows_all_nodes_and_edges() {
        sample::each(300, |snapshot, _| {
            let graph = Graph::new(snapshot);
            let counts = read(&drawn(&graph)).unwrap();
            let count = |name: &str| counts.get(name).copied().unwrap_or(0);
            assert_eq!(count("g"), graph.nodes.len());
            // One is the arrow's head.
            assert_eq!(count("path"), graph.edges.len() + 1);
            assert_eq!((count("script"), count("svg")), (0, 1));
        });
    }

    #[test]
    fn a_hostile_name_is_text_and_nothing_else() {
        let name = "x</title></g><script>\"&'\x1b]8;;http://x\x07\u{202e}".to_owned();
        let process = Process { number: 1, name, ..Process::default() };
        let text = drawn(&Graph::new(&Snapshot::new(vec![process])));
        assert!(read(&text).is_ok() && !text.contains("<script"), "{text}");
    }

    #[test]
    fn a_large_system_is_drawn() {
        let mut chance = fastrand::Rng::with_seed(1);
        let processes = (1..=100).map(|number| {
            let handles = (0..100).map(|at| crate::Held {
                kind: chance.u64(1..12),
                object: chance.u64(1..60),
                ..sample::held(at)
            });
            Process { number, account: 1, handles: handles.collect(), ..Process::default() }
        });
        let graph = Graph::new(&Snapshot::new(processes.collect()));
        assert!(read(&drawn(&graph)).is_ok());
    }
}
