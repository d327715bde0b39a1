//! What a policy says about a path.
use clavis_abi::Rights;

/// What becomes of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is there, and what is opened has at most these rights.
    Allow(Rights),
    /// It is there, and every use of it is `EACCES`.
    Deny,
    /// It is not there: `ENOENT`, and in no list.
    Hide,
    /// Something empty is there in its place.
    Mask,
}

/// What a policy says about everything below a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Below {
    /// The same as about the path itself.
    Same,
    /// It can differ, but nothing is hidden.
    Varies,
    /// Something can be hidden.
    Hides,
}

/// A line of a policy; [`crate::Policy::origin`] and [`crate::Guard::origin`] know where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub(crate) layer: u8,
    pub(crate) rule: u32,
}

/// What a policy says about a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What becomes of it.
    pub verdict: Verdict,
    /// The last line that matches it; none: it is hidden because no line does.
    pub line: Option<Line>,
    /// Whether something below it can be visible. Then it is a directory that can be walked
    /// through, even where it is hidden itself; its list shows what is visible.
    pub leads: bool,
}

impl Decision {
    /// What no line matches.
    pub const NOTHING: Decision = Decision { verdict: Verdict::Hide, line: None, leads: false };

    /// Whether the path is there at all: in lists, and to be walked through.
    #[must_use]
    pub fn is_visible(&self) -> bool {
        self.leads || self.verdict != Verdict::Hide
    }

    /// What is opened has at most this.
    #[must_use]
    pub fn rights(&self) -> Rights {
        match self.verdict {
            Verdict::Allow(rights) => rights,
            _ => Rights::empty(),
        }
    }

    /// What two policies say that must both agree.
    #[must_use]
    pub(crate) fn and(self, other: Decision) -> Decision {
        let leads = self.leads && other.leads;
        let narrower = |decision: Decision| Decision { leads, ..decision };
        match (self.verdict, other.verdict) {
            (Verdict::Allow(a), Verdict::Allow(b)) => {
                let verdict = match a & b {
                    both if both.is_empty() => Verdict::Deny,
                    both => Verdict::Allow(both),
                };
                // The one that took something away; the earlier one where neither did.
                let line = if b.contains(a) { self.line } else { other.line };
                Decision { verdict, line, leads }
            }
            (Verdict::Hide, _) => narrower(self),
            (_, Verdict::Hide) => narrower(other),
            (Verdict::Deny, _) => narrower(self),
            (_, Verdict::Deny) => narrower(other),
            (Verdict::Mask, _) => narrower(self),
            (_, Verdict::Mask) => narrower(other),
        }
    }
}
