//! One line that says what a path gives.
use crate::decision::Verdict;
use crate::glob::Glob;
use clavis_abi::Rights;
use clavis_render::rights;

/// What a line does where its pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Decides.
    Is(Verdict),
    /// Takes rights away from what the lines before it give.
    Without(Rights),
}

/// A line.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) effect: Effect,
    pub(crate) glob: Glob,
    /// Which of the files that were read.
    pub(crate) file: u32,
    /// The line in it, from 1.
    pub(crate) number: u32,
}

/// What the lines that match a path, in their order, say together; `None`: there are none.
pub(crate) fn together(effects: impl DoubleEndedIterator<Item = Effect>) -> Option<Verdict> {
    let mut taken = Rights::empty();
    let mut any = false;
    for effect in effects.rev() {
        any = true;
        match effect {
            Effect::Without(rights) => taken |= rights,
            Effect::Is(Verdict::Allow(rights)) => {
                let rest = rights - taken;
                let nothing = (rest - PLAIN).is_empty() && !taken.is_empty();
                return Some(if nothing { Verdict::Deny } else { Verdict::Allow(rest) });
            }
            Effect::Is(verdict) => return Some(verdict),
        }
    }
    // Something is taken away from nothing.
    any.then_some(Verdict::Hide)
}

/// What letters have in common, and what nothing can be done with alone.
const PLAIN: Rights = Rights::STAT
    .union(Rights::NAME)
    .union(Rights::LOOKUP)
    .union(Rights::EVENT)
    .union(Rights::DUP)
    .union(Rights::TRANSFER)
    .union(Rights::FORWARD)
    .union(Rights::SEEK)
    .union(Rights::LOCK);

/// The rights that `allow` gives.
pub(crate) fn given(text: &str) -> Result<Rights, String> {
    let given = rights::parse(text).map_err(|word| unknown(&word))?;
    if given.is_empty() {
        return Err("say which rights; what is not allowed is not given anyway".into());
    }
    Ok(given)
}

/// The rights that `deny` takes: of letters what is their own, of names what they name.
pub(crate) fn taken(text: &str) -> Result<Rights, String> {
    let mut taken = Rights::empty();
    for word in text.split(['+', '|', ',']) {
        let letters =
            word.chars().all(|letter| rights::LETTERS.iter().any(|known| known.0 == letter));
        let rights = given(word)?;
        taken |= if letters { rights - PLAIN } else { rights };
    }
    Ok(taken)
}

fn unknown(word: &str) -> String {
    format!("{word}: no such right (letters r w x c a, or names as in caps --legend)")
}
