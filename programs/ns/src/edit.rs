//! Changes of a namespace: of this process' own, or of the one that a command gets.
use crate::{Trouble, failure};
use clavis::abi::syscall::flag::O_STAT;
use clavis::namespace::{Name, Namespace, entry_flags};
use clavis::{Handle, Place, Rights, handle_flags};
use clavis_render::rights;

/// What a handle needs so that a name can be bound to it.
const BOUND: Rights = Rights::LOOKUP.union(Rights::FORWARD).union(Rights::TRANSFER);

/// A change.
#[derive(Debug)]
pub(crate) enum Edit {
    /// A name or place leads to a file or directory, and nowhere beside it.
    Bind { place: String, path: String, rights: Rights },
    /// A name or place is gone.
    Unbind(String),
    /// A name is an empty directory.
    Mask(String),
    /// A name is called otherwise.
    Rename { name: String, to: String },
    /// Nothing changes any more.
    Seal,
}

impl Edit {
    /// Reads `PLACE=[RIGHTS:]PATH`.
    pub(crate) fn bind(word: &str) -> Result<Edit, Trouble> {
        let misuse = || Trouble::Misuse(format!("{word}: write PLACE=PATH or PLACE=RIGHTS:PATH"));
        let (place, target) = word.split_once('=').ok_or_else(misuse)?;
        let (permitted, path) = match target.split_once(':') {
            Some((permitted, path)) => {
                let unknown = |word| Trouble::Misuse(format!("{word}: no such right"));
                (rights::parse(permitted).map_err(unknown)?, path)
            }
            None => (Rights::all(), target),
        };
        Ok(Edit::Bind { place: place.into(), path: path.into(), rights: permitted })
    }

    /// Reads `NAME=NEW`.
    pub(crate) fn rename(word: &str) -> Result<Edit, Trouble> {
        let (name, to) = word
            .split_once('=')
            .ok_or_else(|| Trouble::Misuse(format!("{word}: write NAME=NEW")))?;
        Ok(Edit::Rename { name: name.into(), to: to.into() })
    }

    /// Whether it changes what a name leads to.
    pub(crate) fn concerns(&self, name: &str) -> bool {
        let of = |place: &str| place.split('/').next() == Some(name);
        match self {
            Edit::Bind { place, .. } => of(place),
            Edit::Unbind(place) | Edit::Mask(place) => of(place),
            Edit::Rename { name: old, to } => old == name || to == name,
            Edit::Seal => false,
        }
    }

    /// Carries it out.
    pub(crate) fn apply(&self, namespace: &Namespace) -> Result<(), Trouble> {
        match self {
            Edit::Bind { place, path, rights } => {
                let handle = lead_to(path, *rights).map_err(|error| failure(path, error))?;
                let flags = entry_flags::REPLACE | entry_flags::BENEATH;
                let name = Name { flags, ..Name::narrowed(place, *rights) };
                namespace.bind(&name, &handle).map_err(|error| failure(place, error))
            }
            Edit::Unbind(name) => namespace.unbind(name).map_err(|error| failure(name, error)),
            Edit::Mask(name) => namespace.mask(name).map_err(|error| failure(name, error)),
            Edit::Rename { name, to } => {
                namespace.rename(name, to).map_err(|error| failure(name, error))
            }
            Edit::Seal => namespace.seal().map_err(|error| failure("namespace", error)),
        }
    }
}

/// A handle of a file or directory that leads nowhere else.
fn lead_to(path: &str, rights: Rights) -> clavis::Result<Handle> {
    let own = Handle::open(path, O_STAT as u64)?;
    Handle::derive_with(&own, rights | BOUND, rights, handle_flags::BENEATH, Place::Upper)
}
