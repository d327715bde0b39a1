//! The name of a policy: the same exactly where the same lines stand in the same order, however
//! they were written and wherever they came from.
use crate::decision::Verdict;
use crate::rule::{Effect, Rule};
use clavis_abi::Rights;
use sha2::{Digest, Sha256};
use std::fmt;

/// SHA-256 of a policy's lines in their one form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    pub(crate) fn of(rules: &[Rule]) -> Hash {
        let mut digest = Sha256::new();
        digest.update(b"clavis-policy 1\n");
        for rule in rules {
            let (verb, rights) = match rule.effect {
                Effect::Is(Verdict::Allow(rights)) => ("allow", rights),
                Effect::Is(Verdict::Deny) => ("deny", Rights::empty()),
                Effect::Is(Verdict::Hide) => ("hide", Rights::empty()),
                Effect::Is(Verdict::Mask) => ("mask", Rights::empty()),
                Effect::Without(rights) => ("deny", rights),
            };
            // No pattern in its one form has a line's end in it.
            let line = format!("{verb} {:x} {}\n", rights.bits(), rule.glob.text());
            digest.update(line.as_bytes());
        }
        Hash(digest.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
