//! The file system of the tests of views, to be read and written; and chance that can be repeated.
use clavis_crypt::{Chance, Cost, Keys};
use std::cell::RefCell;
use syscall::error::Result;

pub(crate) struct Dice(pub(crate) RefCell<fastrand::Rng>);

impl Chance for Dice {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        self.0.borrow_mut().fill(bytes);
        Ok(())
    }
}

pub(crate) fn dice(seed: u64) -> Dice {
    Dice(RefCell::new(fastrand::Rng::with_seed(seed)))
}

/// As fast to try as can be.
pub(crate) const CHEAP: Cost = Cost { memory: 8, passes: 1 };

pub(crate) fn keys(seed: u64) -> Keys {
    Keys::make(b"secret", CHEAP, &dice(seed)).unwrap().0
}
