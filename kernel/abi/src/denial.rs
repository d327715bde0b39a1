//! A refusal as a sentence for people.
use crate::Rights;
use crate::call::TABLE;
use crate::params::{Denial, DenialRule, NO_HANDLE};
use core::fmt;

impl Denial {
    /// The refusal of a call on a handle, for missing rights or by a rule.
    #[must_use]
    pub fn new(call: usize, handle: usize, missing: Rights, rule: DenialRule) -> Self {
        let (call, handle) = (call as u64, handle as u64);
        Self { call, handle, missing: missing.bits(), rule: rule as u64 }
    }
}

impl fmt::Display for Denial {
    /// Says which call on which handle was refused and why: `Write2: the handle 0x5 lacks WRITE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = TABLE.iter().find(|row| row.call as u64 == self.call);
        let call = row.map_or("a call", |row| row.name);
        let handle = self.handle;
        let is = |rule: DenialRule| self.rule == rule as u64;
        if is(DenialRule::Rights) || is(DenialRule::Inherit) {
            let verb = if is(DenialRule::Rights) { "lacks" } else { "cannot pass on" };
            write!(f, "{call}: the handle {handle:#x} {verb} ")?;
            let mut separator = "";
            for name in Rights::from_bits_truncate(self.missing).names() {
                write!(f, "{separator}{name}")?;
                separator = " and ";
            }
            return Ok(());
        }
        let reason = if is(DenialRule::Beneath) {
            "the path leaves the directory"
        } else if is(DenialRule::NotStructural) {
            "its server does not keep paths beneath a directory"
        } else if is(DenialRule::AppendLocked) {
            "it can only be appended to"
        } else if is(DenialRule::NotSealed) {
            "only sealed memory can be mapped executable"
        } else if is(DenialRule::Revoked) {
            "it was taken back"
        } else if is(DenialRule::Expired) {
            "its lease has expired"
        } else if is(DenialRule::Name) {
            "the namespace has no such name"
        } else if is(DenialRule::Permission) {
            "the namespace's handle does not permit it"
        } else {
            "a rule refused it"
        };
        if handle == NO_HANDLE {
            return write!(f, "{call}: {reason}");
        }
        write!(f, "{call} on the handle {handle:#x}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::call::Call;
    use std::string::ToString;

    #[test]
    fn a_refusal_names_the_missing_rights() {
        let missing = (Rights::WRITE | Rights::SEEK).bits();
        let denial = Denial { call: Call::Write2 as u64, handle: 5, missing, rule: 0 };
        assert_eq!(denial.to_string(), "Write2: the handle 0x5 lacks WRITE and SEEK");
    }

    #[test]
    fn a_refusal_names_the_rule() {
        let rule = DenialRule::Beneath as u64;
        let denial = Denial { call: Call::OpenAt as u64, handle: 3, missing: 0, rule };
        assert_eq!(denial.to_string(), "OpenAt on the handle 0x3: the path leaves the directory");
        let rule = DenialRule::Name;
        let denial = Denial::new(Call::OpenAt as usize, NO_HANDLE as usize, Rights::empty(), rule);
        assert_eq!(denial.to_string(), "OpenAt: the namespace has no such name");
    }
}
