//! A sealed policy, and walks in it.
use crate::decision::{Below, Decision, Line};
use crate::hash::Hash;
use crate::lazy::{At, Machine};
use crate::rule::Rule;

/// A policy that nothing changes any more.
#[derive(Debug)]
pub struct Policy {
    pub(crate) machine: Machine,
    pub(crate) rules: Vec<Rule>,
    pub(crate) files: Vec<String>,
    pub(crate) hash: Hash,
}

/// A place in a walk, so that what is below a directory need not be decided from the root. It
/// belongs to the policy that it was got from.
#[derive(Clone, Debug)]
pub struct State {
    at: At,
    decision: Decision,
}

impl State {
    /// What the policy says about the path so far.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.decision
    }
}

/// Where a line of a policy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The file, as it was named when it was read.
    pub file: &'a str,
    /// The line in it, from 1.
    pub number: u32,
    /// Its pattern in its one form: the scheme in front (`/file` for files).
    pub pattern: String,
}

impl Policy {
    /// What it says about an absolute path. A path that is not absolute or has `..` in it names
    /// nothing.
    #[must_use]
    pub fn decide(&self, path: &str) -> Decision {
        if path.starts_with('/')
            && let Some(decision) = self.machine.decide_plain(path)
        {
            return decision;
        }
        match places(path) {
            Some(names) => self.machine.decide(self.machine.start(), names),
            None => Decision::NOTHING,
        }
    }

    /// What it says about everything below an absolute path.
    #[must_use]
    pub fn below(&self, path: &str) -> Below {
        places(path).map_or(Below::Hides, |names| self.machine.below(names))
    }

    /// Where walks by name begin: `/scheme`, below which the schemes are; files are below `file`.
    #[must_use]
    pub fn start(&self) -> State {
        self.state(self.machine.start().clone())
    }

    /// Where an absolute path leads; `None`: it names nothing.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<State> {
        Some(self.state(self.machine.walk(self.machine.start(), places(path)?)))
    }

    /// From a directory to a name in it. Something that is no name leads where nothing matches.
    #[must_use]
    pub fn step(&self, directory: &State, name: &str) -> State {
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return State { at: At::nowhere(), decision: Decision::NOTHING };
        }
        self.state(self.machine.walk(&directory.at, std::iter::once(name)))
    }

    fn state(&self, at: At) -> State {
        let decision = self.machine.decide(&at, std::iter::empty());
        State { at, decision }
    }

    /// Which policy it is.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How many lines say what a path gives.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.rules.len()
    }

    /// Where a line stands that decided.
    #[must_use]
    pub fn origin(&self, line: Line) -> Option<Origin<'_>> {
        let rule = self.rules.get(line.rule as usize)?;
        let file = self.files.get(rule.file as usize)?;
        Some(Origin { file, number: rule.number, pattern: rule.glob.text() })
    }

    /// What deciding took so far: nodes, tests and lines looked at, and characters. A measure that
    /// does not depend on the machine.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.machine.steps()
    }

    /// Bytes that are remembered of earlier walks, at most [`crate::limits::REMEMBERED`] and one
    /// entry.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.machine.remembered()
    }
}

/// The components of an absolute path, its scheme first; `None`: it names nothing.
pub(crate) fn places(path: &str) -> Option<impl Iterator<Item = &str>> {
    let below = path.strip_prefix('/')?;
    let names = || below.split('/').filter(|name| !matches!(*name, "" | "."));
    // Looked for as text first: a path without it needs no second walk through its components.
    if below.contains("..") && names().any(|name| name == "..") {
        return None;
    }
    let scheme = names().next() == Some("scheme");
    Some((!scheme).then_some("file").into_iter().chain(names().skip(usize::from(scheme))))
}
