//! Where nodes are drawn: in layers from left to right, so that most edges point to the right, and
//! within each layer near to what they are connected with.
use crate::graph::Graph;

/// Width of a node, in pixels.
pub const WIDTH: i64 = 190;
/// Its height.
pub const HEIGHT: i64 = 26;
/// Between the left sides of two layers.
const STEP: i64 = 330;
/// Between the tops of two nodes.
const ROW: i64 = 38;
/// Around everything.
const MARGIN: i64 = 20;
/// How often layers are put in order by their neighbours.
const SWEEPS: usize = 6;
/// Most nodes in one layer; more go on in the next.
const COLUMN: usize = 60;

/// Where each node is drawn, and how large the drawing is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Left upper corners, in the order of the nodes.
    pub places: Vec<(i64, i64)>,
    /// Width and height of all.
    pub size: (i64, i64),
}

impl Layout {
    /// Arranges a graph.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let forward = forward(graph);
        let mut columns = columns(&layers(graph.nodes.len(), &forward));
        let near = neighbours(graph);
        for sweep in 0..SWEEPS {
            let order: Vec<usize> = if sweep % 2 == 0 {
                (0..columns.len()).collect()
            } else {
                (0..columns.len()).rev().collect()
            };
            let mut rows = rows(graph.nodes.len(), &columns);
            for at in order {
                let Some(column) = columns.get_mut(at) else { continue };
                settle(column, &mut rows, &near);
            }
        }
        let mut layout = Self { places: vec![(0, 0); graph.nodes.len()], size: (0, 0) };
        let tallest = columns.iter().map(Vec::len).max().unwrap_or(0);
        for (column, x) in columns.iter().zip((MARGIN..).step_by(STEP as usize)) {
            let above = (tallest - column.len()) as i64 * ROW / 2;
            for (node, row) in column.iter().zip(0..) {
                if let Some(place) = layout.places.get_mut(*node) {
                    *place = (x, MARGIN + above + row * ROW);
                }
            }
        }
        let right = layout.places.iter().map(|(x, _)| x + WIDTH).max().unwrap_or(0);
        let bottom = layout.places.iter().map(|(_, y)| y + HEIGHT).max().unwrap_or(0);
        layout.size = (right + MARGIN, bottom + MARGIN);
        layout
    }
}

/// Pairs of nodes without those that would lead in circles: found by a walk into the depth.
fn forward(graph: &Graph) -> Vec<(usize, usize)> {
    let count = graph.nodes.len();
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in &graph.edges {
        if let Some(out) = out.get_mut(edge.from) {
            out.push(edge.to);
        }
    }
    /// Where the walk is with a node.
    #[derive(Clone, Copy, PartialEq)]
    enum Walk {
        New,
        Inside,
        Done,
    }
    let mut state = vec![Walk::New; count];
    let mut pairs = Vec::new();
    for root in 0..count {
        let mut stack = vec![(root, 0)];
        while let Some((node, next)) = stack.pop() {
            if next == 0 {
                if state.get(node) != Some(&Walk::New) {
                    continue;
                }
                state[node] = Walk::Inside;
            }
            match out.get(node).and_then(|out| out.get(next)) {
                None => state[node] = Walk::Done,
                Some(&to) => {
                    stack.push((node, next + 1));
                    if state.get(to) != Some(&Walk::Inside) {
                        pairs.push((node, to));
                        stack.push((to, 0));
                    }
                }
            }
        }
    }
    pairs
}

/// The layer of each node: behind all that point to it.
fn layers(count: usize, forward: &[(usize, usize)]) -> Vec<usize> {
    let mut out: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut left = vec![0usize; count];
    for &(from, to) in forward {
        if let (Some(out), Some(left)) = (out.get_mut(from), left.get_mut(to)) {
            out.push(to);
            *left += 1;
        }
    }
    let mut layer = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| left.get(*node) == Some(&0)).collect();
    while let Some(node) = ready.pop() {
        let next = layer.get(node).map_or(0, |layer| layer + 1);
        for &to in out.get(node).into_iter().flatten() {
            if let (Some(layer), Some(left)) = (layer.get_mut(to), left.get_mut(to)) {
                *layer = next.max(*layer);
                *left -= 1;
                if *left == 0 {
                    ready.push(to);
                }
            }
        }
    }
    layer
}

/// The nodes of each layer, from above; long layers become several.
fn columns(layers: &[usize]) -> Vec<Vec<usize>> {
    let count = layers.iter().max().map_or(0, |most| most + 1);
    let mut columns = vec![Vec::new(); count];
    for (layer, node) in layers.iter().zip(0..) {
        if let Some(column) = columns.get_mut(*layer) {
            column.push(node);
        }
    }
    columns.iter().flat_map(|column| column.chunks(COLUMN).map(<[usize]>::to_vec)).collect()
}

fn neighbours(graph: &Graph) -> Vec<Vec<usize>> {
    let mut near = vec![Vec::new(); graph.nodes.len()];
    for edge in &graph.edges {
        for (one, other) in [(edge.from, edge.to), (edge.to, edge.from)] {
            if let Some(near) = near.get_mut(one) {
                near.push(other);
            }
        }
    }
    near
}

/// The row of each node, in thousandths, counted from the middle of its column.
fn rows(count: usize, columns: &[Vec<usize>]) -> Vec<i64> {
    let mut rows = vec![0; count];
    for column in columns {
        number(column, &mut rows);
    }
    rows
}

fn number(column: &[usize], rows: &mut [i64]) {
    let middle = column.len() as i64 * 500;
    for (node, row) in column.iter().zip((0..).step_by(1000)) {
        if let Some(place) = rows.get_mut(*node) {
            *place = row - middle;
        }
    }
}

/// Puts a column in the order of the means of its nodes' neighbours.
fn settle(column: &mut [usize], rows: &mut [i64], near: &[Vec<usize>]) {
    let mean = |node: &usize| {
        let near = near.get(*node).map_or(&[][..], Vec::as_slice);
        let sum: i64 = near.iter().filter_map(|other| rows.get(*other)).sum();
        match near.len() {
            0 => rows.get(*node).copied().unwrap_or_default(),
            count => sum / count as i64,
        }
    };
    column.sort_by_cached_key(mean);
    number(column, rows);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    #[test]
    fn no_two_nodes_lie_on_each_other_and_all_lie_inside() {
        sample::each(300, |snapshot, _| {
            let graph = Graph::new(snapshot);
            let Layout { places, size } = Layout::new(&graph);
            assert_eq!(places.len(), graph.nodes.len());
            for (at, &(x, y)) in places.iter().enumerate() {
                assert!(x >= 0 && y >= 0 && x + WIDTH <= size.0 && y + HEIGHT <= size.1);
                for &(other_x, other_y) in &places[..at] {
                    let apart = (x - other_x).abs() >= WIDTH || (y - other_y).abs() >= HEIGHT;
                    assert!(apart, "{:?} and {:?}", (x, y), (other_x, other_y));
                }
            }
        });
    }

    #[test]
    fn what_is_no_circle_points_to_the_right() {
        sample::each(300, |snapshot, _| {
            let graph = Graph::new(snapshot);
            let forward = forward(&graph);
            let layers = layers(graph.nodes.len(), &forward);
            assert!(forward.iter().all(|(from, to)| layers[*from] < layers[*to]));
            let all = graph.edges.len();
            assert!(forward.len() <= all);
            if forward.len() == all {
                let places = Layout::new(&graph).places;
                let right = |one: &crate::graph::Edge| places[one.from].0 < places[one.to].0;
                assert!(graph.edges.iter().all(right));
            }
        });
    }
}
