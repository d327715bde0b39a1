//! Which descriptor of a command is which end: pipes first, then redirections from left to right.
use crate::syntax::{How, Redirection, Target, Word};
use std::collections::BTreeMap;

/// What a descriptor of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// What the shell itself has under that number.
    Shell(u32),
    /// The read end of the pipe from the command before.
    PipeIn,
    /// The write end of the pipe to the command after.
    PipeOut,
    /// A file or text, by its place in [`Wiring::sources`].
    Source(usize),
}

/// Where a command stands in its pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its index.
    pub index: usize,
    /// How many commands there are.
    pub count: usize,
}

/// The descriptors of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wiring<'a> {
    /// What each number is; numbers that are not here are closed.
    pub descriptors: BTreeMap<u32, End>,
    /// What is to be opened, in order.
    pub sources: Vec<Source<'a>>,
}

/// What a redirection opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A file.
    File(How, &'a Word),
    /// Something that gives a text.
    Text(&'a Word),
}

/// Wires a command. `shell` are the numbers that the shell has open.
///
/// # Errors
/// The number of a descriptor that a redirection copies but that is not open.
pub fn wire<'a>(
    place: Place,
    shell: impl IntoIterator<Item = u32>,
    redirections: &'a [Redirection],
) -> Result<Wiring<'a>, u32> {
    let mut descriptors: BTreeMap<u32, End> =
        shell.into_iter().map(|number| (number, End::Shell(number))).collect();
    if place.index > 0 {
        descriptors.insert(0, End::PipeIn);
    }
    if place.index + 1 < place.count {
        descriptors.insert(1, End::PipeOut);
    }
    let mut sources = Vec::new();
    for redirection in redirections {
        let end = match &redirection.target {
            Target::File(how, word) => {
                sources.push(Source::File(*how, word));
                Some(End::Source(sources.len() - 1))
            }
            Target::Text(word) => {
                sources.push(Source::Text(word));
                Some(End::Source(sources.len() - 1))
            }
            Target::Descriptor(number) => Some(*descriptors.get(number).ok_or(*number)?),
            Target::Closed => None,
        };
        match end {
            Some(end) => descriptors.insert(redirection.descriptor, end),
            None => descriptors.remove(&redirection.descriptor),
        };
    }
    Ok(Wiring { descriptors, sources })
}
