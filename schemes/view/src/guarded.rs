//! One who judges by a policy.
use crate::judge::{Below, Decision, Judge, Verdict};
use clavis_abi::Rights;
use clavis_policy::{Below as Said, Guard, Policy, Refused, Verdict as Says};
use std::cell::RefCell;
use std::sync::Arc;

/// A guard over the paths of one name.
#[derive(Debug)]
pub struct Guarded {
    guard: Arc<Guard>,
    /// `/scheme/NAME`, and room for a path behind it.
    path: RefCell<String>,
    front: usize,
}

impl Guarded {
    /// Under the name of a scheme.
    #[must_use]
    pub fn new(guard: &Arc<Guard>, name: &str) -> Guarded {
        let path = format!("/scheme/{name}");
        let front = path.len();
        Guarded { guard: Arc::clone(guard), path: RefCell::new(path), front }
    }

    /// The guard with a further policy.
    ///
    /// # Errors
    /// It has too many.
    pub(crate) fn narrowed(&self, policy: Arc<Policy>) -> Result<Guard, Refused> {
        let mut guard = Guard::clone(&self.guard);
        guard.shrink(policy)?;
        Ok(guard)
    }

    /// Asks about a path beneath the name.
    fn about<T>(&self, path: &str, ask: impl Fn(&Guard, &str) -> T) -> T {
        let mut whole = self.path.borrow_mut();
        whole.truncate(self.front);
        whole.push_str(path);
        ask(&self.guard, &whole)
    }
}

impl Judge for Guarded {
    fn decide(&self, path: &str) -> Decision {
        let said = self.about(path, Guard::decide);
        let verdict = match said.verdict {
            Says::Allow(rights) => Verdict::Allow(rights),
            Says::Deny => Verdict::Deny,
            Says::Hide => Verdict::Hide,
            Says::Mask => Verdict::Mask,
        };
        Decision { verdict, leads: said.leads }
    }

    fn below(&self, path: &str) -> Below {
        match self.about(path, Guard::below) {
            Said::Same => Below::Same,
            Said::Varies => Below::Varies,
            Said::Hides => Below::Hides,
        }
    }

    fn used(&self, _: &str, _: Rights) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use clavis_policy::{Draft, Lock};

    #[test]
    fn paths_are_judged_behind_the_name_of_their_scheme() {
        let text = "allow r /etc/***\nhide /scheme/initfs/***\nallow x /scheme/initfs/bin/*\n";
        let read = Draft::new().read("policy", text, &mut |_| Err("none".into())).unwrap();
        let guard = Arc::new(Guard::new(Arc::new(read.seal().unwrap()), Lock::Sealed));
        let (file, initfs) = (Guarded::new(&guard, "file"), Guarded::new(&guard, "initfs"));
        assert!(file.decide("/etc/motd").rights().contains(Rights::READ));
        assert!(initfs.decide("/bin/ls").rights().contains(Rights::EXEC));
        assert_eq!(initfs.decide("/etc/motd").verdict, Verdict::Hide);
        assert_eq!(file.decide("/scheme/initfs/bin/ls").verdict, Verdict::Hide);
        assert!(file.decide("/").leads && initfs.decide("/").leads);
        assert_eq!((file.below("/etc"), file.below("/")), (Below::Same, Below::Hides));
    }
}
