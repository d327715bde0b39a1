//! The picture as a graph: processes and what they hold are nodes; who can act on what, edges.
//!
//! An edge *acts* where its beginning can change something at its end, or have something done there:
//! a process acts on a scheme that it can send requests to, that scheme on who serves it, who writes
//! a pipe or shared memory on it, and that on who reads it; who may signal or manage a process or
//! account acts on it, and that on the processes in it; who may revoke a lease acts on all that hold
//! something under it. Answers are no actions: a server can mislead those who ask it, and only those.
use crate::model::{factory_name, short};
use crate::{Held, Process, Snapshot, State, kind_name};
use clavis_abi::Rights;
use clavis_abi::params::{FactoryKind, ObjectType};
use clavis_render::handle::printable;
use std::collections::BTreeMap;

/// What can be a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A process, by its number.
    Process(u64),
    /// Something of a scheme that has a path: its place among all such, by scheme and path.
    Path(u64),
    /// A scheme, by the number of its endpoint.
    Scheme(u64),
    /// A pipe.
    Pipe(u64),
    /// Memory.
    Memory(u64),
    /// An account.
    Account(u64),
    /// A lease.
    Lease(u64),
    /// A factory, by its kind.
    Factory(u64),
    /// All objects of a type that are not told apart.
    Kind(u64),
}

/// From whom to whom, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Place of its beginning among the nodes.
    pub from: usize,
    /// Place of its end.
    pub to: usize,
    /// Whether its beginning can act on its end; else it only holds or looks.
    pub acts: bool,
    /// Handles that it stands for; 0: it follows from the nodes themselves.
    pub handles: usize,
    /// The first of them, at the process that is one of its ends.
    pub first: u64,
    /// What they permit together.
    pub rights: Rights,
    /// How many of them are under leases.
    pub leased: usize,
}

/// The graph. Nodes and edges are in a fixed order: the same picture gives the same graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The nodes with their titles, in order. Titles are somebody's words.
    pub nodes: Vec<(Node, String)>,
    /// The edges, by beginning and end.
    pub edges: Vec<Edge>,
}

/// To have a process do something, or end.
const COMMAND: Rights = Rights::SIGNAL.union(Rights::MANAGE).union(Rights::DEBUG);
/// What is about the handle alone.
const HANDLING: Rights = Rights::DUP.union(Rights::TRANSFER).union(Rights::FORWARD);
/// To change memory.
const CHANGE: Rights = Rights::WRITE.union(Rights::MAP_WRITE);
/// To see it.
const SEE: Rights = Rights::READ.union(Rights::MAP_READ).union(Rights::MAP_EXEC);

/// Where what a handle points to lies: scheme and path.
fn path_of(held: &Held) -> Option<(u64, &str)> {
    let known = !held.path.is_empty() && held.kind() == Some(ObjectType::Scheme);
    (known && held.state == State::Holds).then_some((held.object, held.path.as_str()))
}

/// What a handle is an edge to, and which way it acts: from its holder, or to it. One that has ended
/// is none.
fn meaning(held: &Held) -> Option<(Node, bool, bool)> {
    if held.state == State::Ended {
        return None;
    }
    let Held { rights, object, kind, .. } = *held;
    let may = |set: Rights| rights.intersects(set);
    Some(match held.kind()? {
        ObjectType::Scheme => (Node::Scheme(object), may(HANDLING.complement()), false),
        ObjectType::Socket => (Node::Scheme(object), false, may(Rights::READ)),
        ObjectType::PipeWriter => (Node::Pipe(object), may(Rights::WRITE), false),
        ObjectType::PipeReader => (Node::Pipe(object), false, may(Rights::READ)),
        ObjectType::Memory => (Node::Memory(object), may(CHANGE), may(SEE)),
        // To open through a slot is to ask who fills it.
        ObjectType::Slot if object != 0 => (Node::Scheme(object), may(Rights::LOOKUP), false),
        ObjectType::Process => (Node::Process(object), may(COMMAND), false),
        ObjectType::Account => (Node::Account(object), may(COMMAND), false),
        ObjectType::Lease => (Node::Lease(object), may(Rights::MANAGE), false),
        ObjectType::Factory => {
            let known = |number: &u64| *number <= FactoryKind::Table as u64;
            let number = held.label.strip_prefix("factory ").and_then(|text| text.parse().ok());
            (Node::Factory(number.filter(known)?), may(Rights::CREATE | Rights::LOOKUP), false)
        }
        // What everybody has, and what nobody shares.
        ObjectType::Null | ObjectType::Random | ObjectType::Name => return None,
        ObjectType::EventQueue | ObjectType::Timer => return None,
        _ => (Node::Kind(kind), may(HANDLING.complement()), false),
    })
}

/// Edges while they are gathered: by their ends and whether they act.
#[derive(Default)]
struct Gathered(BTreeMap<(Node, Node, bool), Told>);

/// Of an edge: its handles, the first of them, their rights, and how many are leased.
type Told = (usize, u64, Rights, usize);

impl Gathered {
    fn add(&mut self, from: Node, to: Node, acts: bool, held: Option<&Held>) {
        if from == to {
            return;
        }
        let (handles, first, rights, leased) =
            self.0.entry((from, to, acts)).or_insert((0, 0, Rights::empty(), 0));
        if let Some(held) = held {
            *first = if *handles == 0 { held.number } else { *first };
            *handles += 1;
            *rights |= held.rights;
            *leased += usize::from(held.lease != 0);
        }
    }
}

impl Graph {
    /// The graph of a picture.
    #[must_use]
    pub fn new(snapshot: &Snapshot) -> Self {
        let mut gathered = Gathered::default();
        let mut paths: Vec<(u64, &str)> =
            snapshot.processes.iter().flat_map(|one| &one.handles).filter_map(path_of).collect();
        paths.sort_unstable();
        paths.dedup();
        let mut labels: BTreeMap<Node, BTreeMap<&str, usize>> = BTreeMap::new();
        for process in &snapshot.processes {
            let own = Node::Process(process.number);
            gathered.add(Node::Account(process.account), own, true, None);
            for held in &process.handles {
                let Some((mut node, acts, acted)) = meaning(held) else { continue };
                if let Some(at) = path_of(held).and_then(|path| paths.binary_search(&path).ok()) {
                    let scheme = std::mem::replace(&mut node, Node::Path(at as u64));
                    gathered.add(node, scheme, true, None);
                }
                if acted {
                    gathered.add(node, own, true, Some(held));
                }
                if acts || !acted {
                    gathered.add(own, node, acts, Some(held));
                }
                if held.lease != 0 {
                    gathered.add(Node::Lease(held.lease), own, true, Some(held));
                }
                if !held.label.is_empty() {
                    *labels.entry(node).or_default().entry(&held.label).or_default() += 1;
                }
            }
        }
        let mut nodes: BTreeMap<Node, String> = BTreeMap::new();
        for process in &snapshot.processes {
            nodes.insert(Node::Process(process.number), process.title());
        }
        for (from, to, _) in gathered.0.keys() {
            for node in [*from, *to] {
                nodes.entry(node).or_insert_with(|| match node {
                    Node::Path(at) => {
                        printable(paths.get(at as usize).map_or("", |(_, path)| path)).to_string()
                    }
                    _ => title(node, labels.get(&node)),
                });
            }
        }
        let places: BTreeMap<Node, usize> = nodes.keys().copied().zip(0..).collect();
        let place = |node: &Node| places.get(node).copied().unwrap_or_default();
        let edges = gathered.0.iter().map(|((from, to, acts), told)| {
            let (handles, first, rights, leased) = *told;
            let (from, to, acts) = (place(from), place(to), *acts);
            Edge { from, to, acts, handles, first, rights, leased }
        });
        Self { edges: edges.collect(), nodes: nodes.into_iter().collect() }
    }

    /// Without objects that only one process has to do with, and without accounts and leases that
    /// nobody holds: a drawing shows what lies between processes.
    #[must_use]
    pub fn shared(&self) -> Self {
        let mut near = vec![(usize::MAX, false); self.nodes.len()];
        for edge in &self.edges {
            for (one, other) in [(edge.from, edge.to), (edge.to, edge.from)] {
                if let Some((first, several)) = near.get_mut(one) {
                    *several |= *first != usize::MAX && *first != other;
                    *first = other;
                }
            }
        }
        let keeps = |(node, near): (&(Node, String), &(usize, bool))| match node.0 {
            Node::Process(_)
            | Node::Path(_)
            | Node::Scheme(_)
            | Node::Factory(_)
            | Node::Kind(_) => true,
            _ => near.1,
        };
        let kept: Vec<bool> = self.nodes.iter().zip(&near).map(keeps).collect();
        self.part(&kept, self.edges.clone())
    }

    /// The nodes that are kept, and of these edges those between them.
    pub(crate) fn part(&self, kept: &[bool], edges: Vec<Edge>) -> Self {
        let mut count = 0;
        let places: Vec<Option<usize>> = kept
            .iter()
            .map(|kept| {
                kept.then(|| {
                    count += 1;
                    count - 1
                })
            })
            .collect();
        let place = |old: usize| places.get(old).copied().flatten();
        let edges = edges
            .into_iter()
            .filter_map(|edge| Some(Edge { from: place(edge.from)?, to: place(edge.to)?, ..edge }));
        let nodes = self.nodes.iter().zip(kept).filter(|(_, kept)| **kept);
        Self { edges: edges.collect(), nodes: nodes.map(|(node, _)| node.clone()).collect() }
    }

    /// The title of a node; empty where there is none.
    #[must_use]
    pub fn title(&self, place: usize) -> &str {
        self.nodes.get(place).map_or("", |(_, title)| title)
    }

    /// The nodes that a person means: a process by its number or name, an account or lease as
    /// `account:3`, a scheme or factory by its name, anything else by its type.
    #[must_use]
    pub fn find(&self, word: &str) -> Vec<usize> {
        let number = word.parse::<u64>().ok();
        let pair = word.split_once(':');
        let means = |node: Node, title: &str| match node {
            Node::Process(own) => {
                let name = title.split_once(" (").and_then(|(_, name)| name.strip_suffix(')'));
                Some(own) == number || name == Some(word)
            }
            Node::Account(own) => pair == Some(("account", &own.to_string())),
            Node::Lease(own) => pair == Some(("lease", &lease_name(own))),
            _ => title == word || title.split_once(' ').is_some_and(|(_, name)| name == word),
        };
        let found = self.nodes.iter().zip(0..).filter(|((node, title), _)| means(*node, title));
        found.map(|(_, place)| place).collect()
    }
}

/// A lease as `caps` shows it: its place among those that there are now.
pub(crate) fn lease_name(lease: u64) -> String {
    (lease & u64::from(u32::MAX)).to_string()
}

/// What a node that is no process is called: by the label that most handles to it have.
fn title(node: Node, labels: Option<&BTreeMap<&str, usize>>) -> String {
    let most = labels.and_then(|labels| {
        labels.iter().max_by_key(|(label, count)| (**count, std::cmp::Reverse(**label)))
    });
    let label = most.map(|(label, _)| printable(label));
    let labelled = |kind: &str| match &label {
        Some(label) => format!("{kind} {label}"),
        None => kind.to_owned(),
    };
    match node {
        Node::Process(number) => format!("{number} (ended or hidden)"),
        Node::Path(_) => String::new(),
        Node::Scheme(_) => labelled("scheme"),
        Node::Pipe(number) => format!("pipe {}", number & u64::from(u32::MAX)),
        Node::Memory(number) => format!("memory {}", number & u64::from(u32::MAX)),
        Node::Account(number) => format!("account {number}"),
        Node::Lease(number) => format!("lease {}", lease_name(number)),
        Node::Factory(number) => {
            let name = factory_name(&format!("factory {number}")).unwrap_or("something");
            format!("factory {name}")
        }
        Node::Kind(kind) => {
            let held = Held { kind, ..blank() };
            kind_name(held.kind()).to_owned()
        }
    }
}

fn blank() -> Held {
    let none = Rights::empty();
    let (rights, inherit, label) = (none, none, String::new());
    let (number, kind, lease, object, maker, step, from, via) = (0, 0, 0, 0, 0, 0, 0, 0);
    let (state, path) = (State::Holds, String::new());
    Held {
        number,
        kind,
        rights,
        inherit,
        lease,
        state,
        object,
        maker,
        step,
        from,
        via,
        label,
        path,
    }
}

impl Edge {
    /// What it says: how many handles, or which one.
    #[must_use]
    pub fn label(&self) -> String {
        let leased = if self.leased > 0 { ", lent" } else { "" };
        match self.handles {
            0 => String::new(),
            1 => format!("{}{leased}", short(self.first)),
            count => format!("{} and {} more{leased}", short(self.first), count - 1),
        }
    }
}

/// Every handle of a process stands in the graph, or is of a type that nobody shares.
#[must_use]
pub fn left_out(process: &Process) -> usize {
    process.handles.iter().filter(|held| meaning(held).is_none()).count()
}

#[cfg(test)]
mod tests;
