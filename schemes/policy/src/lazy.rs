//! Walks in the tree of patterns, remembered: a set of nodes that was met before is a number, and
//! the way from it by a letter an entry of a table. What is remembered is bounded, and forgotten
//! as a whole when it is full; no answer depends on it.
use crate::alphabet::Alphabet;
use crate::decision::{Below, Decision, Line, Verdict};
use crate::limits::REMEMBERED;
use crate::memory::{ALONE, FILES, Memory, NONE, Number, PLAIN, START, Set, UNKNOWN, alone, takes};
use crate::nodes::{Node, Nodes, ROOT};
use crate::rule::{Effect, together};
use clavis_abi::limits::PATH_MAX;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A compiled policy.
#[derive(Debug)]
pub(crate) struct Machine {
    nodes: Nodes,
    alphabet: Alphabet,
    effects: Vec<Effect>,
    start: At,
    files: At,
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

impl Machine {
    pub(crate) fn new(nodes: Nodes, alphabet: Alphabet, effects: Vec<Effect>) -> Machine {
        let mut set = Vec::new();
        nodes.enter(ROOT, &mut set);
        let start = At { set: set.into(), number: START, epoch: 0 };
        let files = "/file".chars().fold(start.set.to_vec(), |set, one| {
            let mut next = Vec::new();
            nodes.step(&set, one, &mut next);
            next
        });
        let files = At { set: files.into(), number: FILES, epoch: 0 };
        let memory = Mutex::new(Memory::with_room(alphabet.len()));
        let machine = Machine { nodes, alphabet, effects, start, files, memory };
        let mut memory = machine.memory();
        machine.forget(&mut memory);
        machine.walk_ahead(&mut memory, machine.effects.len());
        memory.steps = 0;
        drop(memory);
        machine
    }

    /// Remembers what lies nearest to where walks begin, as far as so many steps lead.
    fn walk_ahead(&self, memory: &mut Memory, most: usize) {
        let mut places = vec![FILES, START];
        let mut letters = Vec::new();
        let (mut index, mut steps) = (0, 0);
        while let Some(&from) = places.get(index) {
            index += 1;
            letters.clear();
            let alone = alone(from).map(|node| [node]);
            let set: &[Node] = match &alone {
                Some(node) => node,
                None => memory.set(from),
            };
            self.nodes.named(set, &mut |low, high| {
                letters.extend([low, high]);
                letters.len() < self.alphabet.len()
            });
            letters.extend(['/', '\u{0}']);
            for one in &letters {
                steps += 1;
                let known = memory.sets.len() as Number;
                let next = self.step(memory, from, *one);
                if steps > most || memory.epoch > 1 {
                    return;
                }
                if next != from && next != NONE && next >= known {
                    places.push(next);
                }
            }
        }
    }

    /// Remembers the three sets that have fixed numbers, and nothing else.
    fn forget(&self, memory: &mut Memory) {
        memory.sets.clear();
        memory.nodes.clear();
        memory.ways.clear();
        memory.numbers.clear();
        memory.marks.clear();
        memory.bytes = 0;
        memory.epoch = memory.epoch.wrapping_add(1);
        for set in [&[], &*self.start.set, &*self.files.set] {
            self.add(memory, set);
        }
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
        let set: Arc<[Node]> = match alone(number) {
            Some(node) => Arc::new([node]),
            None => memory.set(number).into(),
        };
        At { set, number, epoch: memory.epoch }
    }

    /// What is said about where components lead.
    pub(crate) fn decide<'a>(&self, at: &At, names: impl Iterator<Item = &'a str>) -> Decision {
        let mut memory = self.memory();
        let number = self.follow(&mut memory, at, names);
        self.decided(&mut memory, number)
    }

    /// What is said about an absolute path, if it is written in the one form that most are:
    /// ASCII, without components that are empty or have dots alone. What it has in common with
    /// the path before it is not walked again.
    pub(crate) fn decide_plain(&self, path: &str) -> Option<Decision> {
        if !path.is_ascii() || path.len() > PATH_MAX {
            return None;
        }
        let mut memory = self.memory();
        let (start, mut number) =
            memory.resume(path.as_bytes()).unwrap_or_else(|| match path.strip_prefix("/scheme") {
                Some(below) if below.is_empty() || below.starts_with('/') => {
                    ("/scheme".len(), START)
                }
                _ => (0, FILES),
            });
        let mut index = start;
        while let Some((one, rest)) = path.as_bytes().get(index..).and_then(<[u8]>::split_first) {
            if *one == b'/' {
                if rest.first().is_none_or(|next| matches!(next, b'/' | b'.')) {
                    memory.marks.clear();
                    return None;
                }
                // The first component decides what comes before it.
                if index > 0 {
                    memory.marks.push((index, number));
                }
            }
            if let Some(node) = alone(number)
                && let Some(next) = self.nodes.hop(node, *one)
            {
                let slid = self.nodes.slide(next, rest);
                number = ALONE | (next + slid as Node);
                index += 1 + slid;
                continue;
            }
            number = self.step(&mut memory, number, char::from(*one));
            index += 1;
            let (known, passed) = self.known(&memory.ways, number, rest);
            number = known;
            index += passed;
        }
        memory.last.clear();
        memory.last.push_str(path);
        memory.steps = memory.steps.saturating_add((path.len() - start) as u64);
        Some(self.decided(&mut memory, number))
    }

    /// As far as the ways within a component are remembered.
    fn known(&self, ways: &[Number], mut number: Number, text: &[u8]) -> (Number, usize) {
        let letters = self.alphabet.len();
        for (passed, one) in text.iter().enumerate() {
            let letter = self.alphabet.ascii(*one);
            match ways.get(number as usize * letters + letter) {
                Some(known) if *known < PLAIN && *one != b'/' => number = *known,
                _ => return (number, passed),
            }
        }
        (number, text.len())
    }

    fn decided(&self, memory: &mut Memory, number: Number) -> Decision {
        if let Some(Set { decision: Some(decision), .. }) = memory.sets.get(number as usize) {
            return *decision;
        }
        let (decision, steps) = match alone(number) {
            Some(node) => self.judge(&[node]),
            None => self.judge(memory.set(number)),
        };
        memory.steps = memory.steps.saturating_add(steps);
        if let Some(set) = memory.sets.get_mut(number as usize) {
            set.decision = Some(decision);
        }
        decision
    }

    /// What is said about all that is below where components lead.
    pub(crate) fn below<'a>(&self, names: impl Iterator<Item = &'a str>) -> Below {
        let at = self.walk(&self.start, names);
        let (lines, others) = self.nodes.everywhere(&at.set);
        let effects: Vec<Effect> =
            lines.iter().filter_map(|line| self.effects.get(*line as usize).copied()).collect();
        let is = |hides: bool| move |effect: &Effect| matches!(effect, Effect::Is(verdict) if (*verdict == Verdict::Hide) == hides);
        let shown = effects.iter().any(is(false)) && !self.effects.iter().any(is(true));
        let whole = together(effects.into_iter()).unwrap_or(Verdict::Hide);
        if !others && whole == self.decide(&at, std::iter::empty()).verdict {
            Below::Same
        } else if shown {
            Below::Varies
        } else {
            Below::Hides
        }
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
            number if number <= FILES || alone(number).is_some() || at.epoch == memory.epoch => {
                number
            }
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
            Some(known) if *known < PLAIN => return *known,
            _ => {}
        }
        let mut next = std::mem::take(&mut memory.next);
        let steps = match alone(from) {
            Some(node) => self.nodes.step(&[node], one, &mut next),
            None => self.nodes.step(memory.set(from), one, &mut next),
        };
        memory.steps = memory.steps.saturating_add(steps);
        let epoch = memory.epoch;
        let number = self.number(memory, &next);
        memory.next = next;
        // What was forgotten meanwhile has no entry any more.
        if epoch == memory.epoch
            && let Some(entry) = memory.ways.get_mut(way)
        {
            let plain = *entry == PLAIN;
            *entry = number;
            if plain {
                let row = memory.ways.iter_mut().skip(way - letter).take(self.alphabet.len());
                row.filter(|way| **way == PLAIN).for_each(|way| *way = number);
            }
        }
        number
    }

    /// The number of a set, remembered from now on.
    fn number(&self, memory: &mut Memory, set: &[Node]) -> Number {
        match set {
            [] => return NONE,
            [node] => return ALONE | node,
            _ => {}
        }
        if let Some(number) = memory.find(set) {
            return number;
        }
        if memory.bytes.saturating_add(takes(set, self.alphabet.len())) > REMEMBERED {
            self.forget(memory);
        }
        self.add(memory, set)
    }

    /// Remembers a set.
    fn add(&self, memory: &mut Memory, set: &[Node]) -> Number {
        let letters = self.alphabet.len();
        let number = memory.insert(set);
        memory.bytes = memory.bytes.saturating_add(takes(set, letters));
        let start = memory.ways.len();
        memory.ways.resize(start + letters, PLAIN);
        let row = memory.ways.get_mut(start..).unwrap_or_default();
        memory.steps = memory.steps.saturating_add(self.tell_apart(set, row));
        number
    }

    /// Tells the letters of a row that a set's patterns name from those that all lead to the same,
    /// as far as that takes no longer than the row. Answers how many were looked at.
    fn tell_apart(&self, set: &[Node], row: &mut [Number]) -> u64 {
        let most = row.len();
        let mut looked = 1;
        if let Some(way) = row.get_mut(self.alphabet.letter('/')) {
            *way = UNKNOWN;
        }
        self.nodes.named(set, &mut |low, high| {
            let letters = self.alphabet.letter(low)..=self.alphabet.letter(high);
            let ways = row.get_mut(letters).unwrap_or_default();
            looked += ways.len().max(1);
            ways.fill(UNKNOWN);
            looked <= most
        });
        if looked > most {
            row.fill(UNKNOWN);
        }
        looked as u64
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
