//! The record of the last refusal that a thread met.
use clavis_abi::Rights;
use clavis_abi::params::{Denial, DenialRule};

/// Why the door refused a thread the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Number of the system call.
    pub call: usize,
    /// The handle.
    pub handle: usize,
    /// The rights that were missing.
    pub missing: Rights,
    /// Which rule refused.
    pub rule: DenialRule,
}

impl Refusal {
    /// As the ABI's structure.
    #[must_use]
    pub fn wire(&self) -> Denial {
        Denial {
            call: self.call as u64,
            handle: self.handle as u64,
            missing: self.missing.bits(),
            rule: self.rule as u64,
        }
    }
}
