//! Walks in the tree of patterns, remembered: a set of nodes that was met before is a number, and
//! the way from it by a letter an entry of a table. What is remembered is bounded, and forgotten
//! as a whole when it is full; no answer depends on it.
use crate::alphabet::Alphabet;
use crate::decision::{Decision, Line};
use crate::limits::REMEMBERED;
use crate::nodes::{Node, Nodes, ROOT};
use crate::rule::{Effect, together};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of a set that is remembered.
type Number = u32;

/// The empty set: nothing matches any more.
const NONE: Number = 0;
/// Where every walk begins. These two are remembered before anything else.
const START: Number = 1;
/// Where a letter leads is not known yet.
const UNKNOWN: Number = Number::MAX;

/// A compiled policy.
#[derive(Debug)]
pub(crate) struct Machine {
    nodes: Nodes,
    alphabet: Alphabet,
    effects: Vec<Effect>,
    start: At,
    memory: Mutex<Memory>,
}

/// A place in a walk: a set of nodes, and its number if that is still remembered.
#[derive(Clone, Debug)]
pub(crate) struct At {
    set: Arc<[Node]>,
    number: Number,
    /// The memory that the number is of.
    epoch: u64,
}

impl At {
    /// Where nothing matches.
    pub(crate) fn nowhere() -> At {
        At { set: Arc::default(), number: NONE, epoch: 0 }
    }
}

#[derive(Debug, Default)]
struct Memory {
    sets: Vec<Arc<[Node]>>,
    decisions: Vec<Option<Decision>>,
    /// A row of letters for each set.
    ways: Vec<Number>,
    numbers: HashMap<Arc<[Node]>, Number>,
    bytes: usize,
    /// How often it forgot.
    epoch: u64,
    /// Nodes, tests and lines that were looked at, and letters that were looked up.
    steps: u64,
    next: Vec<Node>,
}

impl Machine {
    pub(crate) fn new(nodes: Nodes, alphabet: Alphabet, effects: Vec<Effect>) -> Machine {
        let mut set = Vec::new();
        nodes.enter(ROOT, &mut set);
        let start = At { set: set.into(), number: START, epoch: 0 };
        let mut memory = Memory::default();
        memory.forget(&start.set, alphabet.len());
        Machine { nodes, alphabet, effects, start, memory: Mutex::new(memory) }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where every walk begins.
    pub(crate) fn start(&self) -> &At {
        &self.start
    }

    /// On from a place, by components.
    pub(crate) fn walk<'a>(&self, at: &At, names: impl Iterator<Item = &'a str>) -> At {
        let mut memory = self.memory();
        let number = self.follow(&mut memory, at, names);
        let set = memory.set(number);
        At { set, number, epoch: memory.epoch }
    }

    /// What is said about where components lead.
    pub(crate) fn decide<'a>(&self, at: &At, names: impl Iterator<Item = &'a str>) -> Decision {
        let mut memory = self.memory();
        let number = self.follow(&mut memory, at, names);
        if let Some(Some(decision)) = memory.decisions.get(number as usize) {
            return *decision;
        }
        let set = memory.set(number);
        let (decision, steps) = self.judge(&set);
        memory.steps = memory.steps.saturating_add(steps);
        if let Some(entry) = memory.decisions.get_mut(number as usize) {
            *entry = Some(decision);
        }
        decision
    }

    /// What deciding took so far.
    pub(crate) fn steps(&self) -> u64 {
        self.memory().steps
    }

    /// Bytes that are remembered.
    pub(crate) fn remembered(&self) -> usize {
        self.memory().bytes
    }

    fn follow<'a>(
        &self,
        memory: &mut Memory,
        at: &At,
        names: impl Iterator<Item = &'a str>,
    ) -> Number {
        let mut number = match at.number {
            number if number <= START || at.epoch == memory.epoch => number,
            _ => self.number(memory, &at.set),
        };
        for name in names {
            number = self.step(memory, number, '/');
            for one in name.chars() {
                if number == NONE {
                    return NONE;
                }
                number = self.step(memory, number, one);
            }
        }
        number
    }

    fn step(&self, memory: &mut Memory, from: Number, one: char) -> Number {
        memory.steps = memory.steps.saturating_add(1);
        let letter = self.alphabet.letter(one);
        let way = from as usize * self.alphabet.len() + letter;
        match memory.ways.get(way) {
            Some(known) if *known != UNKNOWN => return *known,
            _ => {}
        }
        let set = memory.set(from);
        let mut next = std::mem::take(&mut memory.next);
        let steps = self.nodes.step(&set, one, &mut next);
        memory.steps = memory.steps.saturating_add(steps);
        let epoch = memory.epoch;
        let number = self.number(memory, &next);
        memory.next = next;
        // What was forgotten meanwhile has no entry any more.
        if epoch == memory.epoch
            && let Some(entry) = memory.ways.get_mut(way)
        {
            *entry = number;
        }
        number
    }

    /// The number of a set, remembered from now on.
    fn number(&self, memory: &mut Memory, set: &[Node]) -> Number {
        if let Some(number) = memory.numbers.get(set) {
            return *number;
        }
        let letters = self.alphabet.len();
        if memory.bytes.saturating_add(takes(set, letters)) > REMEMBERED {
            memory.forget(&self.start.set, letters);
        }
        memory.add(set.into(), letters)
    }

    /// What is said where these nodes are, and how many lines that took.
    fn judge(&self, set: &[Node]) -> (Decision, u64) {
        let mut lines: Vec<u32> = Vec::new();
        set.iter().for_each(|node| lines.extend(self.nodes.lines(*node)));
        lines.sort_unstable();
        let leads = self.nodes.lead(set);
        let effects = lines.iter().filter_map(|line| self.effects.get(*line as usize).copied());
        let decision = match (together(effects), lines.last()) {
            (Some(verdict), Some(rule)) => {
                Decision { verdict, line: Some(Line { layer: 0, rule: *rule }), leads }
            }
            _ => Decision { leads, ..Decision::NOTHING },
        };
        (decision, (lines.len() + set.len()) as u64)
    }
}

impl Memory {
    fn set(&self, number: Number) -> Arc<[Node]> {
        self.sets.get(number as usize).cloned().unwrap_or_default()
    }

    /// Remembers the two sets that have fixed numbers, and nothing else.
    fn forget(&mut self, start: &Arc<[Node]>, letters: usize) {
        self.sets.clear();
        self.decisions.clear();
        self.ways.clear();
        self.numbers.clear();
        self.bytes = 0;
        self.epoch = self.epoch.wrapping_add(1);
        self.add(Arc::default(), letters);
        self.add(start.clone(), letters);
    }

    fn add(&mut self, set: Arc<[Node]>, letters: usize) -> Number {
        let number = self.sets.len() as Number;
        self.bytes = self.bytes.saturating_add(takes(&set, letters));
        self.ways.resize(self.ways.len() + letters, UNKNOWN);
        self.sets.push(set.clone());
        self.decisions.push(None);
        self.numbers.insert(set, number);
        number
    }
}

/// A set, a row of letters, a decision, and about what the map takes.
fn takes(set: &[Node], letters: usize) -> usize {
    size_of_val(set) + size_of::<Number>() * letters + 160
}
