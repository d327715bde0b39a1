//! The last refusal, as a sentence.
use crate::sys;
use clavis_abi::Rights;
use clavis_abi::call::TABLE;
use clavis_abi::params::{Denial, DenialRule};
use core::fmt;

/// A refusal that prints as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal(pub Denial);

/// The last refusal that this thread met.
#[must_use]
pub fn last() -> Option<Refusal> {
    sys::clavis::last_denial().map(Refusal)
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = TABLE.iter().find(|row| row.call as u64 == self.0.call);
        let call = row.map_or("a call", |row| row.name);
        let handle = self.0.handle;
        let rule = self.0.rule;
        if rule == DenialRule::Rights as u64 || rule == DenialRule::Inherit as u64 {
            let verb = if rule == DenialRule::Rights as u64 { "lacks" } else { "cannot pass on" };
            write!(f, "{call}: the handle {handle:#x} {verb} ")?;
            let mut separator = "";
            for name in Rights::from_bits_truncate(self.0.missing).names() {
                write!(f, "{separator}{name}")?;
                separator = " and ";
            }
            return Ok(());
        }
        let reason = match rule {
            rule if rule == DenialRule::Beneath as u64 => "the path leaves the directory",
            rule if rule == DenialRule::NotStructural as u64 => {
                "its server does not keep paths beneath a directory"
            }
            rule if rule == DenialRule::AppendLocked as u64 => "it can only be appended to",
            rule if rule == DenialRule::NotSealed as u64 => {
                "only sealed memory can be mapped executable"
            }
            _ => "a rule refused it",
        };
        write!(f, "{call} on the handle {handle:#x}: {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_abi::call::Call;
    use std::string::ToString;

    #[test]
    fn a_refusal_names_the_missing_rights() {
        let missing = (Rights::WRITE | Rights::SEEK).bits();
        let denial = Denial { call: Call::Write2 as u64, handle: 5, missing, rule: 0 };
        assert_eq!(Refusal(denial).to_string(), "Write2: the handle 0x5 lacks WRITE and SEEK");
    }

    #[test]
    fn a_refusal_names_the_rule() {
        let rule = DenialRule::Beneath as u64;
        let denial = Denial { call: Call::OpenAt as u64, handle: 3, missing: 0, rule };
        let text = "OpenAt on the handle 0x3: the path leaves the directory";
        assert_eq!(Refusal(denial).to_string(), text);
    }
}
