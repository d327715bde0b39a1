//! What a contained program gets, read from the command line of `contain`.
//!
//! Pure: nothing is opened here. [`read`] turns words into a [`List`], or says which word makes no
//! sense; what is not in the list the program does not get.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod limits;
mod place;
mod words;

pub use limits::Limits;
pub use place::place_of;
pub use words::read;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use clavis_abi::Rights;
use core::fmt;

/// The name beneath which those who run programs find them, and that no program gets.
pub const RUNNING: &str = "sandbox";
/// The name under which a program finds its own broker.
pub const BROKER: &str = "broker";

/// What a program gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Files and directories, in the order of their places.
    pub allowed: Vec<Allowed>,
    /// Names of the namespace.
    pub schemes: Vec<Scheme>,
    /// What its account may use.
    pub limits: Limits,
    /// Environment variables: a name whose value is handed on, or a name with its value.
    pub environment: Vec<(String, Option<String>)>,
    /// Whether what it changes comes to be only as far as somebody accepts it.
    pub dry: Option<DryRun>,
    /// Whether it controls the terminal, and does not only read and write.
    pub terminal: Terminal,
    /// The file with the policy that says what paths give, in the place of what is allowed above.
    pub policy: Option<String>,
    /// The file with the policy of what it is given when it asks its broker.
    pub broker: Option<String>,
    /// The file with the policy of what a person is asked about when it asks its broker.
    pub ask: Option<String>,
    /// The name under which it can be shown and shrunk while it runs.
    pub name: Option<String>,
    /// What is to be done with a program that runs, by its name.
    pub order: Option<(String, Order)>,
    /// The file for the policy that is learned by running the program.
    pub learned: Option<String>,
    /// Paths of which it is to be said which line of the policy decides.
    pub explained: Vec<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// What is to be done with a program that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Show what it has.
    Status,
    /// Take away what these lines say.
    Shrink(String),
    /// Let nothing be taken away any more.
    Seal,
    /// Take back what its broker granted, and grant nothing more.
    Revoke,
}

/// What becomes of what a program changed in a dry run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    /// A person at the terminal is asked; if there is none, it is shown.
    Ask,
    /// It is shown.
    Show,
}

/// A file or directory that the program sees under its own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// The path as it was written.
    pub path: String,
    /// The place of the namespace that it is bound to.
    pub place: String,
    /// What may be done there.
    pub rights: Rights,
}

/// A name of the namespace that the program sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// The name.
    pub name: String,
    /// What may be done with what is opened through it.
    pub rights: Rights,
}

/// What the standard streams are to the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Terminal {
    /// Something to read from or to write to.
    #[default]
    Streams,
    /// What they are to `contain`: a terminal's settings can be changed through them.
    Controlled,
}

impl List {
    /// Whether nothing of it needs a process that serves the program, or that writes or shows
    /// anything: it is given what is listed, and that is all.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let List { policy, broker, ask, name, order, learned, explained, dry, .. } = self;
        let said = [policy, broker, ask, name, learned];
        said.iter().all(|said| said.is_none())
            && order.is_none()
            && explained.is_empty()
            && dry.is_none()
    }

    /// Whether something at a place may be given: where a policy says what is given, it can be
    /// anywhere.
    #[must_use]
    pub fn may_give(&self, place: &str) -> bool {
        let within = |outer: &str| {
            place.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.policy.is_some()
            || self.learned.is_some()
            || self.allowed.iter().any(|allowed| within(&allowed.place))
            || self.schemes.iter().any(|scheme| within(&scheme.name))
    }

    /// Whether it has a broker of its own.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.broker.is_some() || self.ask.is_some()
    }
}

/// Why the words make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse(pub String);

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<getargs::Error<&str>> for Misuse {
    fn from(error: getargs::Error<&str>) -> Self {
        Misuse(format!("{error}"))
    }
}
