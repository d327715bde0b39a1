//! What a broker decides with and what it gives from: both change together, or not at all.
use crate::desk::Desk;
use clavis_policy::Policy;
use std::sync::Arc;
use syscall::error::{E2BIG, Error, Result};

/// A desk, and what its grants are opened from.
#[derive(Debug)]
pub struct Counter<G> {
    /// Decides.
    pub desk: Desk,
    /// Gives.
    pub from: G,
}

/// What is left to do after a counter was narrowed.
#[derive(Debug)]
pub struct Narrowed<G, T> {
    /// What grants were given from: to be ended.
    pub old: Option<G>,
    /// Requests that waited for the person: to be refused.
    pub waiting: Vec<u32>,
    /// What else was done.
    pub done: T,
}

impl<G> Counter<G> {
    /// Puts everything under a further policy, and gives from something new. `fresh` makes that, or
    /// `None` where nothing is to be given any more; `with` is what has to be done together with
    /// this: once it is, nothing fails.
    ///
    /// # Errors
    /// `E2BIG`: there are too many policies already; what `fresh` and `with` answer. Then nothing
    /// changed.
    pub fn narrow<T>(
        &mut self,
        policy: &Arc<Policy>,
        fresh: impl FnOnce(&G) -> Result<Option<G>>,
        with: impl FnOnce() -> Result<T>,
    ) -> Result<Narrowed<G, T>> {
        let fresh = fresh(&self.from)?;
        let mut desk = self.desk.clone();
        let waiting = desk.narrow(policy).map_err(|_| Error::new(E2BIG))?;
        let done = with()?;
        self.desk = desk;
        let old = fresh.map(|fresh| std::mem::replace(&mut self.from, fresh));
        Ok(Narrowed { old, waiting, done })
    }
}
