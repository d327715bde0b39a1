//! A refusal as a sentence for people.
use crate::Rights;
use crate::call::TABLE;
use crate::params::{Denial, DenialRule};
use core::fmt;

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
        } else {
            "a rule refused it"
        };
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
    }
}
