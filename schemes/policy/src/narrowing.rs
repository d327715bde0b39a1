//! What takes away from a running sandbox, and gives nothing.
use crate::draft::Draft;
use crate::mistake::Mistake;
use crate::policy::Policy;

/// What lines that take away take away from.
const EVERYTHING: &str = "allow all /scheme/***\n";

/// A policy that says nothing beyond what it takes away: the lines are `deny`, `hide` and `mask`.
/// Where none of them matches, it agrees with whatever others say.
///
/// # Errors
/// A line that would give something, or makes no sense.
pub fn narrowing(file: &str, text: &str) -> Result<Policy, Mistake> {
    let none = &mut |_: &str| Err("nothing is included".to_owned());
    Draft::new().read("everything", EVERYTHING, none)?.taking_only().read(file, text, none)?.seal()
}
