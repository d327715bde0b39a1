use super::*;
use crate::sample;

fn places(graph: &Graph, edge: &Edge) -> (Node, Node) {
    (graph.nodes[edge.from].0, graph.nodes[edge.to].0)
}

#[test]
fn each_handle_is_in_the_graph_once_for_each_way_that_it_acts() {
    sample::each(300, |snapshot, _| {
        let mut snapshot = snapshot.clone();
        for held in snapshot.processes.iter_mut().flat_map(|one| &mut one.handles) {
            held.path.clear();
        }
        let graph = Graph::new(&snapshot);
        let mut expected: BTreeMap<(Node, Node, bool), usize> = BTreeMap::new();
        for process in &snapshot.processes {
            let own = Node::Process(process.number);
            for held in &process.handles {
                let Some((node, acts, acted)) = meaning(held) else { continue };
                let mut add = |from, to, acts| {
                    if from != to {
                        *expected.entry((from, to, acts)).or_default() += 1;
                    }
                };
                match (acts, acted) {
                    (true, true) => {
                        add(own, node, true);
                        add(node, own, true);
                    }
                    (false, true) => add(node, own, true),
                    (acts, false) => add(own, node, acts),
                }
                if held.lease != 0 {
                    add(Node::Lease(held.lease), own, true);
                }
            }
        }
        let found = graph.edges.iter().filter(|edge| edge.handles > 0).map(|edge| {
            let (from, to) = places(&graph, edge);
            ((from, to, edge.acts), edge.handles)
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
        let all: usize = snapshot.processes.iter().map(left_out).sum();
        let handles: usize = snapshot.processes.iter().map(|one| one.handles.len()).sum();
        assert!(all <= handles);
    });
}

#[test]
fn what_has_a_path_lies_between_its_holders_and_its_scheme_until_its_lease_ends() {
    let letter = |number, object, path: &str, state| Held {
        kind: ObjectType::Scheme as u64,
        path: path.into(),
        object,
        state,
        lease: 3,
        ..sample::held(number)
    };
    let process = |number, handles| Process { number, handles, ..Process::default() };
    let (holds, ended) = (State::Holds, State::Ended);
    let all = vec![
        process(1, vec![letter(0, 7, "/letter", holds), letter(1, 8, "/letter", holds)]),
        process(2, vec![letter(0, 7, "/letter", holds), letter(1, 7, "/other", ended)]),
    ];
    let graph = Graph::new(&Snapshot::new(all));
    let nodes: Vec<Node> = graph.nodes.iter().map(|(node, _)| *node).collect();
    let path = |at| Node::Path(at);
    for expected in [
        (Node::Process(1), path(0)),
        (Node::Process(1), path(1)),
        (Node::Process(2), path(0)),
        (path(0), Node::Scheme(7)),
        (path(1), Node::Scheme(8)),
    ] {
        let is_it = |edge: &&Edge| edge.acts && places(&graph, edge) == expected;
        assert_eq!(graph.edges.iter().filter(is_it).count(), 1, "{expected:?}");
    }
    assert!(!nodes.contains(&path(2)) && graph.find("/letter").len() == 2);
}

#[test]
fn what_is_left_of_a_graph_is_part_of_it() {
    sample::each(300, |snapshot, _| {
        let graph = Graph::new(snapshot);
        let less = graph.shared();
        assert!(less.nodes.iter().all(|node| graph.nodes.contains(node)));
        let all: Vec<_> = graph.edges.iter().map(|edge| places(&graph, edge)).collect();
        assert!(less.edges.iter().all(|edge| all.contains(&places(&less, edge))));
        for process in &snapshot.processes {
            assert!(less.nodes.iter().any(|(node, _)| *node == Node::Process(process.number)));
        }
    });
}

#[test]
fn a_person_finds_processes_schemes_and_accounts() {
    let scheme = Held {
        kind: ObjectType::Scheme as u64,
        object: 7,
        label: "file".into(),
        ..sample::held(3)
    };
    let shell = Process {
        number: 8,
        name: "/bin/sh".into(),
        account: 2,
        handles: vec![scheme],
        ..Process::default()
    };
    let graph = Graph::new(&Snapshot::new(vec![shell]));
    let node = |word: &str| graph.find(word).iter().map(|at| graph.nodes[*at].0).collect();
    let found: [Vec<Node>; 5] = ["8", "sh", "file", "account:2", "nobody"].map(node);
    let process = vec![Node::Process(8)];
    let expected =
        [process.clone(), process, vec![Node::Scheme(7)], vec![Node::Account(2)], vec![]];
    assert_eq!(found, expected);
}
