//! A guard while a sandbox runs: it can shrink, and what was given under it is known, so that what
//! is no longer allowed can be taken back.
use crate::guard::{Guard, Lock, Refused};
use crate::limits::GIVEN;
use crate::policy::Policy;
use clavis_abi::Rights;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A guard that several judges ask and somebody may shrink. `L` is what things are given under: one
/// for each path and set of rights, and one for all beyond [`GIVEN`] of those.
#[derive(Debug)]
pub struct Running<L> {
    changes: AtomicU64,
    state: Mutex<State<L>>,
}

#[derive(Debug)]
struct State<L> {
    guard: Arc<Guard>,
    given: HashMap<(String, Rights), L>,
    /// What did not fit.
    rest: Option<L>,
}

impl<L> Running<L> {
    /// Nothing was given yet.
    #[must_use]
    pub fn new(guard: Guard) -> Running<L> {
        let state = State { guard: Arc::new(guard), given: HashMap::new(), rest: None };
        Running { changes: AtomicU64::new(0), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often the guard changed: who keeps a copy asks for it anew when this differs.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// The guard as it is now.
    #[must_use]
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.state().guard)
    }

    /// How many paths and rights were given under something of their own.
    #[must_use]
    pub fn given(&self) -> usize {
        self.state().given.len()
    }

    /// Gives something at a path with those rights, under what is kept for them. `None`: the guard
    /// does not allow that any more, whoever decided about it before.
    ///
    /// # Errors
    /// What `make` and `give` answer.
    pub fn give<T, E>(
        &self,
        path: &str,
        rights: Rights,
        make: impl FnOnce() -> Result<L, E>,
        give: impl FnOnce(&L) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut state = self.state();
        if !state.guard.decide(path).rights().contains(rights) {
            return Ok(None);
        }
        let key = (path.to_owned(), rights);
        let under = if state.given.contains_key(&key) || state.given.len() < GIVEN {
            match state.given.entry(key) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(free) => free.insert(make()?),
            }
        } else {
            match &mut state.rest {
                Some(rest) => rest,
                rest => rest.insert(make()?),
            }
        };
        give(under).map(Some)
    }

    /// From now on this policy has to agree too. Answers what was given and is to be taken back:
    /// all that is not allowed as it was given, and all that did not fit.
    ///
    /// # Errors
    /// As [`Guard::shrink`].
    pub fn shrink(&self, policy: Arc<Policy>) -> Result<Vec<L>, Refused> {
        let mut state = self.state();
        let mut guard = Guard::clone(&state.guard);
        guard.shrink(policy)?;
        let allowed = |path: &str, rights| guard.decide(path).rights().contains(rights);
        let ended = state.given.extract_if(|(path, rights), _| !allowed(path, *rights));
        let mut ended: Vec<L> = ended.map(|(_, under)| under).collect();
        ended.extend(state.rest.take());
        state.guard = Arc::new(guard);
        self.changes.fetch_add(1, Ordering::Release);
        Ok(ended)
    }

    /// Nothing shrinks it any more.
    pub fn seal(&self) {
        let mut state = self.state();
        let mut guard = Guard::clone(&state.guard);
        guard.raise(Lock::Sealed);
        state.guard = Arc::new(guard);
    }
}
