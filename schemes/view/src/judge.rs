//! Who decides what a path gives.
use crate::guarded::Guarded;
use clavis_abi::Rights;

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is there, and what is opened has at most these rights.
    Allow(Rights),
    /// It is there, and every use of it is `EACCES`.
    Deny,
    /// It is not there.
    Hide,
    /// Something empty is there in its place.
    Mask,
}

/// What is said of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Verdict,
    /// Something below it can be visible: a directory there can be walked through, and its list
    /// shows what is visible.
    pub leads: bool,
}

impl Decision {
    /// What is opened has at most this.
    #[must_use]
    pub fn rights(&self) -> Rights {
        match self.verdict {
            Verdict::Allow(rights) => rights,
            _ => Rights::empty(),
        }
    }
}

impl Decision {
    /// What two say who both have to agree: hidden before denied before masked before the rights
    /// that both give.
    #[must_use]
    fn and(self, other: Decision) -> Decision {
        let verdict = match (self.verdict, other.verdict) {
            (Verdict::Allow(one), Verdict::Allow(two)) => match one & two {
                both if both.is_empty() => Verdict::Deny,
                both => Verdict::Allow(both),
            },
            (Verdict::Hide, _) | (_, Verdict::Hide) => Verdict::Hide,
            (Verdict::Deny, _) | (_, Verdict::Deny) => Verdict::Deny,
            (Verdict::Mask, _) | (_, Verdict::Mask) => Verdict::Mask,
        };
        Decision { verdict, leads: self.leads && other.leads }
    }
}

/// What is said of everything below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Below {
    /// The same as of the path itself.
    Same,
    /// Perhaps something else, but nothing is hidden.
    Varies,
    /// Something may be hidden.
    Hides,
}

/// Decides by the true path of a thing from the view's root, `/` for that: links are followed
/// before. It is asked each time, so it may change its mind.
pub trait Judge {
    /// What is said of a path.
    fn decide(&self, path: &str) -> Decision;

    /// What is said of what lies below it. `Hides` is always a safe answer.
    fn below(&self, path: &str) -> Below;

    /// Something was done at a path that took these rights; none: it was seen on the way.
    fn used(&self, path: &str, rights: Rights);

    /// Whether it wants to know what is used.
    fn watches(&self) -> bool {
        false
    }
}

/// Allows everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Everything;

impl Judge for Everything {
    fn decide(&self, _: &str) -> Decision {
        Decision { verdict: Verdict::Allow(Rights::all()), leads: true }
    }

    fn below(&self, _: &str) -> Below {
        Below::Same
    }

    fn used(&self, _: &str, _: Rights) {}
}

/// Who judges for all, and perhaps somebody who has to agree.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) base: &'a dyn Judge,
    pub(crate) limit: Option<&'a Guarded>,
}

impl Asked<'_> {
    /// As [`Judge::decide`].
    pub(crate) fn decide(&self, path: &str) -> Decision {
        let said = self.base.decide(path);
        self.limit.map_or(said, |limit| said.and(limit.decide(path)))
    }

    /// As [`Judge::below`].
    pub(crate) fn below(&self, path: &str) -> Below {
        let said = self.base.below(path);
        self.limit.map_or(said, |limit| said.max(limit.below(path)))
    }
}
