//! Walks while other threads rename: every step of a walk sees the tree as it is at that moment.
use beneath::{Boundary, Kind, Place, Rules, Tree, walk};
use clavis_abi::error::{ENOENT, ENOTCAPABLE};
use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use syscall::error::{EINVAL, ENOTDIR, Error, Result};

/// Walks that have to be made altogether.
const ROUNDS: u64 = 1_000_000;

enum Node {
    Directory { parent: usize, names: Vec<(&'static str, usize)> },
    Link(&'static str),
    File,
}

/// The nodes, by number.
struct Shared(Mutex<Vec<Node>>);

const ROOT: usize = 0;
/// The directory that walks stay beneath.
const CAGE: usize = 1;
/// A directory beside it, and a file in the root: nobody in the cage comes there.
const OUTSIDE: usize = 2;
const BESIDE: usize = 3;
/// In the cage: a directory that moves, what lies in it, a link that is swapped with it.
const MOVER: usize = 4;
const DEEP: usize = 5;
const INSIDE: usize = 6;
const LINK: usize = 7;
const SWAPPED: usize = 8;

impl Shared {
    fn new() -> Shared {
        let directory = |parent, names| Node::Directory { parent, names };
        Shared(Mutex::new(vec![
            directory(ROOT, vec![("cage", CAGE), ("outside", OUTSIDE), ("file", BESIDE)]),
            directory(
                ROOT,
                vec![("a", MOVER), ("file", INSIDE), ("swap", SWAPPED), ("link", LINK)],
            ),
            directory(ROOT, vec![("file", BESIDE)]),
            Node::File,
            directory(CAGE, vec![("deep", DEEP), ("file", INSIDE)]),
            directory(MOVER, vec![("file", INSIDE)]),
            Node::File,
            Node::Link(".."),
            directory(CAGE, vec![("file", INSIDE)]),
        ]))
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Node>> {
        self.0.lock().unwrap()
    }

    /// Moves a name between directories.
    fn rename(&self, from: usize, name: &str, to: usize, new: &'static str) {
        let mut nodes = self.nodes();
        let Node::Directory { names, .. } = &mut nodes[from] else { return };
        let Some(at) = names.iter().position(|row| row.0 == name) else { return };
        let (_, moved) = names.remove(at);
        let Node::Directory { names, .. } = &mut nodes[to] else { return };
        names.push((new, moved));
        if let Node::Directory { parent, .. } = &mut nodes[moved] {
            *parent = to;
        }
    }

    /// Has two names of a directory trade what they stand for.
    fn exchange(&self, directory: usize, one: &str, other: &str) {
        let mut nodes = self.nodes();
        let Node::Directory { names, .. } = &mut nodes[directory] else { return };
        let at = |name: &str| names.iter().position(|row| row.0 == name).unwrap();
        let (a, b) = (at(one), at(other));
        let kept = names[a].1;
        names[a].1 = names[b].1;
        names[b].1 = kept;
    }
}

impl Tree for Shared {
    type Node = usize;

    fn root(&self) -> usize {
        ROOT
    }

    fn kind(&self, node: &usize) -> Result<Kind> {
        Ok(match self.nodes()[*node] {
            Node::Directory { .. } => Kind::Directory,
            Node::Link(_) => Kind::Link,
            Node::File => Kind::File,
        })
    }

    fn lookup(&self, directory: &usize, name: &str) -> Result<Option<usize>> {
        match &self.nodes()[*directory] {
            Node::Directory { names, .. } => {
                Ok(names.iter().find(|row| row.0 == name).map(|row| row.1))
            }
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    fn parent(&self, directory: &usize) -> Result<usize> {
        match &self.nodes()[*directory] {
            Node::Directory { parent, .. } => Ok(*parent),
            _ => Err(Error::new(ENOTDIR)),
        }
    }

    fn target(&self, link: &usize) -> Result<Cow<'_, str>> {
        match self.nodes()[*link] {
            Node::Link(target) => Ok(Cow::Borrowed(target)),
            _ => Err(Error::new(EINVAL)),
        }
    }
}

const PATHS: &[&str] = &[
    "a/deep/../../file",
    "a/deep/../..",
    "a/../file",
    "a/deep/../../../file",
    "swap/file",
    "swap/../swap/file",
    "swap/../file",
    "link/file",
    "a/deep/file",
    "a/deep/../../swap/file",
];

/// Walks until there were enough; counts how walks ended: inside, refused, nothing there.
fn walks(tree: &Shared, boundary: Boundary, rounds: &AtomicU64, ends: &[AtomicU64; 3]) {
    let rules = Rules { boundary, no_links: false, same_device: false, follow_last: true };
    let mut paths = PATHS.iter().cycle();
    while rounds.fetch_add(1, Ordering::Relaxed) < ROUNDS {
        let path = paths.next().unwrap();
        let end = match walk(tree, &CAGE, path, rules) {
            Ok(Place::Node { node, .. }) => {
                assert!(![ROOT, OUTSIDE, BESIDE].contains(&node), "{path} led to {node}");
                0
            }
            Ok(Place::Free { directory, .. }) => {
                assert!(![ROOT, OUTSIDE].contains(&directory), "{path} made in {directory}");
                2
            }
            // What was a directory a step ago is a link now: it cannot be looked into.
            Err(error) if [ENOTCAPABLE].contains(&error.errno) => 1,
            Err(error) if [ENOENT, ENOTDIR, EINVAL].contains(&error.errno) => 2,
            Err(error) => panic!("{path}: {error}"),
        };
        ends[end].fetch_add(1, Ordering::Relaxed);
    }
}

fn raced(boundary: Boundary) -> [u64; 3] {
    let tree = Shared::new();
    let (going, rounds) = (AtomicBool::new(true), AtomicU64::new(0));
    let ends = [const { AtomicU64::new(0) }; 3];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while going.load(Ordering::Relaxed) {
                tree.rename(CAGE, "a", OUTSIDE, "a");
                tree.rename(OUTSIDE, "a", CAGE, "a");
                tree.rename(MOVER, "deep", ROOT, "deep");
                tree.rename(ROOT, "deep", MOVER, "deep");
            }
        });
        scope.spawn(|| {
            while going.load(Ordering::Relaxed) {
                tree.exchange(CAGE, "swap", "link");
            }
        });
        let walkers = [0, 1].map(|_| scope.spawn(|| walks(&tree, boundary, &rounds, &ends)));
        let ended = walkers.map(std::thread::ScopedJoinHandle::join);
        going.store(false, Ordering::Relaxed);
        for walked in ended {
            walked.expect("a walk ended outside");
        }
    });
    ends.map(AtomicU64::into_inner)
}

#[test]
fn a_million_walks_during_renames_end_beneath() {
    let [inside, refused, nothing] = raced(Boundary::Beneath);
    assert_eq!(inside + refused + nothing, ROUNDS);
    // All of it happened, whoever ran when: some paths climb at any time, some at none.
    assert!(inside >= ROUNDS / 100 && refused >= ROUNDS / 100, "{inside} {refused} {nothing}");
}

#[test]
fn a_million_walks_during_renames_stay_below_their_root() {
    let [inside, refused, nothing] = raced(Boundary::Root);
    assert_eq!((inside + nothing, refused), (ROUNDS, 0));
}
