//! What a running sandbox has: policies that all have to agree, and a lock.
use crate::decision::{Below, Decision, Line};
use crate::hash::Hash;
use crate::limits::LAYERS;
use crate::policy::{Origin, Policy, State};
use std::fmt;
use std::sync::Arc;

/// What may still become of a guard. It only ever rises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lock {
    /// Its policies can be replaced.
    Open,
    /// A further policy can be added, which only takes away.
    ShrinkOnly,
    /// Nothing changes any more.
    Sealed,
}

/// Why a guard did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its lock does not permit that.
    Locked(Lock),
    /// It has [`LAYERS`] policies.
    Full,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Locked(Lock::Sealed) => f.write_str("the policy is sealed"),
            Refused::Locked(_) => f.write_str("the policy can only be shrunk"),
            Refused::Full => write!(f, "the policy was shrunk {} times already", LAYERS - 1),
        }
    }
}

impl std::error::Error for Refused {}

/// Policies that all have to agree.
#[derive(Clone, Debug)]
pub struct Guard {
    layers: Vec<Arc<Policy>>,
    lock: Lock,
    /// How often it changed.
    changes: u64,
}

/// A place in a walk under a guard.
#[derive(Clone, Debug)]
pub struct Walk {
    states: Vec<State>,
    decision: Decision,
    changes: u64,
}

impl Walk {
    /// What the guard said about the path so far when it was walked.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.decision
    }
}

impl Guard {
    /// Under one policy.
    #[must_use]
    pub fn new(policy: Arc<Policy>, lock: Lock) -> Guard {
        Guard { layers: vec![policy], lock, changes: 0 }
    }

    /// What may still become of it.
    #[must_use]
    pub fn lock(&self) -> Lock {
        self.lock
    }

    /// Raises the lock; to lower it does nothing.
    pub fn raise(&mut self, lock: Lock) {
        self.lock = self.lock.max(lock);
    }

    /// Puts one policy in the place of all.
    ///
    /// # Errors
    /// [`Refused::Locked`] unless it is open.
    pub fn replace(&mut self, policy: Arc<Policy>) -> Result<(), Refused> {
        if self.lock != Lock::Open {
            return Err(Refused::Locked(self.lock));
        }
        self.layers = vec![policy];
        self.changes = self.changes.wrapping_add(1);
        Ok(())
    }

    /// From now on this policy has to agree too.
    ///
    /// # Errors
    /// [`Refused::Locked`] if it is sealed; [`Refused::Full`].
    pub fn shrink(&mut self, policy: Arc<Policy>) -> Result<(), Refused> {
        if self.lock == Lock::Sealed {
            return Err(Refused::Locked(self.lock));
        }
        if self.layers.iter().any(|layer| layer.hash() == policy.hash()) {
            return Ok(());
        }
        if self.layers.len() >= LAYERS {
            return Err(Refused::Full);
        }
        self.layers.push(policy);
        self.changes = self.changes.wrapping_add(1);
        Ok(())
    }

    /// Which policies have to agree, the first one first.
    pub fn hashes(&self) -> impl Iterator<Item = Hash> {
        self.layers.iter().map(|layer| layer.hash())
    }

    /// What all say about an absolute path: the narrowest.
    #[must_use]
    pub fn decide(&self, path: &str) -> Decision {
        narrowest(self.layers.iter().map(|layer| layer.decide(path)))
    }

    /// What all say about everything below an absolute path.
    #[must_use]
    pub fn below(&self, path: &str) -> Below {
        self.layers.iter().map(|layer| layer.below(path)).max().unwrap_or(Below::Hides)
    }

    /// Where walks by name begin: see [`Policy::start`].
    #[must_use]
    pub fn start(&self) -> Walk {
        self.walk(self.layers.iter().map(|layer| layer.start()).collect())
    }

    /// Where an absolute path leads; `None`: it names nothing.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<Walk> {
        let states: Option<Vec<State>> = self.layers.iter().map(|layer| layer.at(path)).collect();
        Some(self.walk(states?))
    }

    /// From a directory to a name in it; `None`: the guard changed since that walk began, begin
    /// anew.
    #[must_use]
    pub fn step(&self, directory: &Walk, name: &str) -> Option<Walk> {
        if directory.changes != self.changes {
            return None;
        }
        let both = self.layers.iter().zip(&directory.states);
        Some(self.walk(both.map(|(layer, state)| layer.step(state, name)).collect()))
    }

    fn walk(&self, states: Vec<State>) -> Walk {
        let decision = narrowest(states.iter().map(State::decision));
        Walk { states, decision, changes: self.changes }
    }

    /// Where a line stands that decided.
    #[must_use]
    pub fn origin(&self, line: Line) -> Option<Origin<'_>> {
        self.layers.get(usize::from(line.layer))?.origin(line)
    }
}

/// What all say together, each line with its layer.
fn narrowest(decisions: impl Iterator<Item = Decision>) -> Decision {
    let numbered = (0..).zip(decisions).map(|(layer, decision)| Decision {
        line: decision.line.map(|line| Line { layer, ..line }),
        ..decision
    });
    numbered.reduce(Decision::and).unwrap_or(Decision::NOTHING)
}
