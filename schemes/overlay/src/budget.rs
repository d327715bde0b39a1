//! What may be kept in memory.
use std::cell::Cell;
use std::rc::Rc;
use syscall::error::{ENOSPC, Error, Result};

/// A bound on bytes, shared by all that is kept.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: u64,
    used: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(limit: u64) -> Rc<Budget> {
        Rc::new(Budget { limit, used: Cell::new(0) })
    }

    /// Bytes left.
    pub(crate) fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used.get())
    }

    /// Takes bytes, as long as the charge lives.
    pub(crate) fn take(self: &Rc<Budget>, bytes: u64) -> Result<Charge> {
        if bytes > self.left() {
            return Err(Error::new(ENOSPC));
        }
        self.used.set(self.used.get().saturating_add(bytes));
        Ok(Charge { budget: Rc::clone(self), bytes })
    }
}

/// Bytes that were taken.
#[derive(Debug)]
pub(crate) struct Charge {
    budget: Rc<Budget>,
    bytes: u64,
}

impl Drop for Charge {
    fn drop(&mut self) {
        let used = &self.budget.used;
        used.set(used.get().saturating_sub(self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_when_its_charge_goes() {
        let budget = Budget::new(10);
        let six = budget.take(6).unwrap();
        assert_eq!(budget.take(5).unwrap_err().errno, ENOSPC);
        let four = budget.take(4).unwrap();
        assert_eq!(budget.left(), 0);
        drop(six);
        assert_eq!(budget.left(), 6);
        drop(four);
        assert!(budget.take(u64::MAX).is_err() && budget.left() == 10);
    }
}
