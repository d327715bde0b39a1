//! What is remembered of walks: sets of nodes, each with a number, a row of letters and a decision.
use crate::decision::Decision;
use crate::nodes::{Node, common};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;
use std::ops::Range;

/// The number of a set that is remembered.
pub(crate) type Number = u32;

/// The empty set: nothing matches any more.
pub(crate) const NONE: Number = 0;
/// Where every walk by names begins.
pub(crate) const START: Number = 1;
/// The root of the files. These three are remembered before anything else.
pub(crate) const FILES: Number = 2;
/// With this bit it is a node that is alone in its set: that needs no memory.
pub(crate) const ALONE: Number = 1 << 31;
/// Where a letter leads is not known yet.
pub(crate) const UNKNOWN: Number = Number::MAX;
/// Nor is this, but it is where all letters lead that no pattern names there.
pub(crate) const PLAIN: Number = Number::MAX - 1;
/// Sets, and nodes in them, that there is room for before anything is walked.
pub(crate) const ROOM: usize = 48;

/// A set that is remembered.
#[derive(Debug)]
pub(crate) struct Set {
    /// Where its nodes lie in [`Memory::nodes`].
    pub(crate) nodes: Range<usize>,
    pub(crate) decision: Option<Decision>,
}

#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) sets: Vec<Set>,
    /// Those of all sets.
    pub(crate) nodes: Vec<Node>,
    /// A row of letters for each set.
    pub(crate) ways: Vec<Number>,
    /// Of each set, found by its nodes.
    pub(crate) numbers: HashTable<Number>,
    pub(crate) hasher: DefaultHashBuilder,
    pub(crate) bytes: usize,
    /// How often it forgot.
    pub(crate) epoch: u64,
    /// Nodes, tests and lines that were looked at, and letters that were looked up.
    pub(crate) steps: u64,
    pub(crate) next: Vec<Node>,
    /// The path that was decided last, if there are marks.
    pub(crate) last: String,
    /// Where its components begin, and the set before each.
    pub(crate) marks: Vec<(usize, Number)>,
}

impl Memory {
    /// How far a path is the one that was decided last, up to the beginning of a component, and
    /// the set there.
    pub(crate) fn resume(&mut self, path: &[u8]) -> Option<(usize, Number)> {
        let common = common(self.last.as_bytes(), path);
        let ends = |at: usize| at <= common && matches!(path.get(at), None | Some(b'/'));
        while self.marks.pop_if(|mark| !ends(mark.0)).is_some() {}
        // It is put back when its slash is looked at again: what follows may be another.
        self.marks.pop()
    }

    /// With room for the first walks: those allocate nothing.
    pub(crate) fn with_room(letters: usize) -> Memory {
        Memory {
            sets: Vec::with_capacity(ROOM),
            nodes: Vec::with_capacity(4 * ROOM),
            ways: Vec::with_capacity(ROOM * letters.min(ROOM)),
            numbers: HashTable::with_capacity(ROOM),
            next: Vec::with_capacity(ROOM),
            last: String::with_capacity(256),
            marks: Vec::with_capacity(ROOM),
            ..Memory::default()
        }
    }

    /// The nodes of a set that is remembered.
    pub(crate) fn set(&self, number: Number) -> &[Node] {
        let set = self.sets.get(number as usize);
        set.and_then(|set| self.nodes.get(set.nodes.clone())).unwrap_or_default()
    }

    pub(crate) fn find(&self, set: &[Node]) -> Option<Number> {
        let same = |number: &Number| self.set(*number) == set;
        self.numbers.find(self.hasher.hash_one(set), same).copied()
    }

    pub(crate) fn insert(&mut self, set: &[Node]) -> Number {
        let number = self.sets.len() as Number;
        let start = self.nodes.len();
        self.nodes.extend_from_slice(set);
        self.sets.push(Set { nodes: start..self.nodes.len(), decision: None });
        let Memory { sets, nodes, numbers, hasher, .. } = self;
        let hash = |number: &Number| {
            let set = sets.get(*number as usize).map_or(0..0, |set| set.nodes.clone());
            hasher.hash_one(nodes.get(set).unwrap_or_default())
        };
        numbers.insert_unique(hasher.hash_one(set), number, hash);
        number
    }
}

/// The node that is alone in its set.
pub(crate) fn alone(number: Number) -> Option<Node> {
    (number & ALONE != 0).then_some(number & !ALONE)
}

/// A set, a row of letters, a decision, and about what the table takes.
pub(crate) fn takes(set: &[Node], letters: usize) -> usize {
    size_of_val(set) + size_of::<Number>() * letters + size_of::<Set>() + 16
}
