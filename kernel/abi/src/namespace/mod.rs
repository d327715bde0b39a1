//! The protocol between a process and the namespace manager, spoken on a *namespace handle*.
//!
//! | operation | how |
//! |---|---|
//! | open | `openat(ns, "/scheme/NAME/REST")`: forwarded to what NAME is bound to |
//! | list | `openat(ns, "/scheme", O_DIRECTORY)` (or `""`, `"/"`), then getdents; paths relative to such a listing are `NAME/REST` |
//! | remove a name | `unlinkat(ns, "/scheme/NAME")`, or a place; anything else is forwarded |
//! | fork, shrink, register, bind | `dup` with a [`Message`] |
//! | bind | send one handle (CALL with `FD` and `WRITE`) on the ticket that [`Message::Bind`] answered with |
//! | list the names within a place | `dup` with [`Message::Within`], then getdents |
//! | seal, mask, rename, generation, masks of a name | `CALL` with [`call`]'s numbers in the first metadata word |
//!
//! Words are little-endian and need no alignment. The three lowest messages are those of the
//! published `libredox`.
mod encoder;
mod path;
#[cfg(test)]
mod tests;

pub use encoder::Encoder;
pub use path::{Target, split_path, split_relative};

use crate::limits::{NAME_MAX, PATH_MAX};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Numbers of the messages: the first word of a dup on a namespace handle.
pub mod message {
    /// Fork, as published crates ask for it.
    pub const FORK: u64 = 0;
    /// A handle to the same namespace with fewer permissions.
    pub const SHRINK: u64 = 1;
    /// A handle with which the root of a new instance is registered under a name.
    pub const REGISTER: u64 = 2;
    /// Fork with options.
    pub const FORK_WITH: u64 = 0x100;
    /// A ticket that binds a name to the handle sent on it.
    pub const BIND: u64 = 0x101;
    /// A listing of the names within a place.
    pub const WITHIN: u64 = 0x102;
}

/// First metadata word of a CALL on a namespace handle.
pub mod call {
    /// Fixes the set of names and their masks for ever (permission INSERT). Returns 0.
    pub const SEAL: u64 = 1;
    /// Returns a number that changes whenever the set of names or a mask changes.
    pub const GENERATION: u64 = 2;
    /// Payload: an [`super::EntryInfo`] with the name filled in; comes back complete (READ and
    /// WRITE on the call, permission LIST). On a listing it asks for a name of that listing.
    pub const ENTRY: u64 = 3;
    /// Payload: a padded name. Binds it to an empty directory, in place of what it was bound to
    /// (permissions INSERT and DELETE). Returns 0.
    pub const MASK: u64 = 4;
    /// Payload: two padded names. The first is called the second from now on, with all that lies
    /// within it (permissions INSERT and DELETE). Returns 0.
    pub const RENAME: u64 = 5;
}

/// What a namespace handle permits beyond opening names. The values are those of `libredox`.
pub mod permissions {
    /// List the names; fork all of them.
    pub const LIST: u64 = 1 << 0;
    /// Bind names, register new ones, seal.
    pub const INSERT: u64 = 1 << 1;
    /// Remove and replace names.
    pub const DELETE: u64 = 1 << 2;
    /// Open [`super::SCHEME_FACTORY`] where it is bound.
    pub const SCHEME_CREATE: u64 = 1 << 3;
    /// All of them.
    pub const ALL: u64 = LIST | INSERT | DELETE | SCHEME_CREATE;
}

/// The name to which the kernel's factory of schemes is bound, where a namespace has it.
pub const SCHEME_FACTORY: &str = "namespace";
/// The only path that it accepts.
pub const SCHEME_CREATION_CAP: &str = "scheme-creation-cap";

/// Flags of [`Message::ForkWith`].
pub mod fork_flags {
    /// The child also sees what the parent's names become later; items narrow or hide names.
    pub const OPEN: u64 = 1 << 0;
    /// Seal the child at once.
    pub const SEALED: u64 = 1 << 1;
    /// Closed fork of all names that the parent has now; items narrow or hide names.
    pub const ALL_NAMES: u64 = 1 << 2;
    /// All of them.
    pub const ALL: u64 = OPEN | SEALED | ALL_NAMES;
}

/// Flags of an entry of a namespace, of a [`ForkItem`] and of [`Message::Bind`].
pub mod entry_flags {
    /// The name may be registered through this namespace.
    pub const REGISTER: u64 = 1 << 0;
    /// Handles obtained through the name are BENEATH.
    pub const BENEATH: u64 = 1 << 1;
    /// Handles obtained through the name follow no symbolic link.
    pub const NO_SYMLINKS: u64 = 1 << 2;
    /// In a bind: replace what the name is bound to (permission DELETE).
    pub const REPLACE: u64 = 1 << 3;
    /// In a fork: leave the name out.
    pub const HIDE: u64 = 1 << 4;
    /// In an answer: further names lie within this one.
    pub const WITHIN: u64 = 1 << 5;
    /// In an answer: the name itself is bound to nothing; it leads to the names within it.
    pub const UNBOUND: u64 = 1 << 6;
    /// What an entry can carry.
    pub const STORED: u64 = REGISTER | BENEATH | NO_SYMLINKS;
    /// Flags that a fork adds to a name.
    pub const NARROWING: u64 = BENEATH | NO_SYMLINKS;
}

/// What is known of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct EntryInfo {
    /// The name, zero-padded.
    pub name: [u8; NAME_MAX],
    /// Mask for the rights of what is opened through it.
    pub rights: u64,
    /// Mask for their inherit mask.
    pub inherit: u64,
    /// [`entry_flags`].
    pub flags: u64,
    /// 1 in a sealed namespace, else 0.
    pub sealed: u64,
}

impl EntryInfo {
    /// The question about a name.
    #[must_use]
    pub fn question(name: &str) -> Option<EntryInfo> {
        if !valid_name(name) {
            return None;
        }
        let mut padded = [0; NAME_MAX];
        padded.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(EntryInfo { name: padded, rights: 0, inherit: 0, flags: 0, sealed: 0 })
    }

    /// The name, if it is a valid one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        unpadded(&self.name)
    }
}

/// A name as the payloads of [`call::MASK`] and [`call::RENAME`] have it.
#[must_use]
pub fn padded(name: &str) -> Option<[u8; NAME_MAX]> {
    EntryInfo::question(name).map(|question| question.name)
}

/// The name that was padded, if it is a valid one.
#[must_use]
pub fn unpadded(bytes: &[u8]) -> Option<&str> {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    let name = core::str::from_utf8(bytes.get(..end)?).ok()?;
    valid_name(name).then_some(name)
}

/// Whether a string can name a scheme: 1 to `NAME_MAX` bytes, no `/`, no control characters,
/// neither `.` nor `..`, no `*` (forks match by it).
#[must_use]
pub fn valid_name(name: &str) -> bool {
    (1..=NAME_MAX).contains(&name.len())
        && name != "."
        && name != ".."
        && !name.bytes().any(|byte| byte == b'/' || byte == b'*' || byte < 0x20 || byte == 0x7F)
}

/// Most components of a place, its name included.
pub const PLACE_DEPTH: usize = 32;

/// Whether a string can name a place: a name, or a name and a path within it each of whose
/// components could be one (`file/home/me`).
#[must_use]
pub fn valid_place(place: &str) -> bool {
    place.len() <= PATH_MAX
        && place.split('/').count() <= PLACE_DEPTH
        && place.split('/').all(valid_name)
}

/// Whether a string can be the prefix that an entry puts before each path: relative, without
/// empty components, `.` and `..`.
#[must_use]
pub fn valid_prefix(prefix: &str) -> bool {
    prefix.len() < PATH_MAX
        && !prefix.contains('\0')
        && prefix.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// One name of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkItem<'a> {
    /// The name; for [`Message::Fork`] it may end in `*`.
    pub name: &'a str,
    /// [`entry_flags`]: `REGISTER` keeps the permission to register where the parent has it.
    pub flags: u64,
    /// Mask for the rights of what is opened through the name.
    pub rights: u64,
    /// Mask for their inherit mask.
    pub inherit: u64,
}

/// A message of dup on a namespace handle.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A closed child with the listed names; unknown ones are left out, a trailing `*` matches
    /// all names that start so (permission LIST).
    Fork {
        /// The names: `(length word, bytes)*`.
        names: Names<'a>,
    },
    /// A handle to the same namespace.
    Shrink {
        /// Mask for its [`permissions`].
        permissions: u64,
    },
    /// A handle to send the root of a new instance on.
    Register {
        /// The name; new ones need the permission INSERT.
        name: &'a str,
    },
    /// A child with options. An unknown name is an error.
    ForkWith {
        /// [`fork_flags`].
        flags: u64,
        /// Mask for the [`permissions`] of the handle to the child.
        permissions: u64,
        /// The names.
        items: Items<'a>,
    },
    /// A ticket that binds a name, or a place within one, to the handle sent on it, once.
    Bind {
        /// [`entry_flags`].
        flags: u64,
        /// Mask for the rights of what is opened through the name.
        rights: u64,
        /// Mask for their inherit mask.
        inherit: u64,
        /// The place, as [`valid_place`] says.
        place: &'a str,
        /// Put before each path; empty, or as [`valid_prefix`] says. A convenience: to confine
        /// somebody to a directory bind a handle of it.
        prefix: &'a str,
    },
    /// A listing of the names within a place (permission LIST).
    Within {
        /// The place.
        place: &'a str,
    },
}

impl<'a> Message<'a> {
    /// Decodes and checks a message. `None`: malformed or unknown (`EINVAL`).
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Message<'a>> {
        let mut reader = Reader(bytes);
        Some(match reader.word()? {
            message::FORK => {
                let names = Names(reader);
                for name in names {
                    name?;
                }
                Message::Fork { names }
            }
            message::SHRINK => {
                let permissions = reader.word()?;
                reader.end()?;
                Message::Shrink { permissions }
            }
            message::REGISTER => Message::Register { name: checked_name(reader.0)? },
            message::FORK_WITH => {
                let flags = reader.word()?;
                let permissions = reader.word()?;
                if flags & !fork_flags::ALL != 0
                    || flags & fork_flags::OPEN != 0 && flags & fork_flags::ALL_NAMES != 0
                {
                    return None;
                }
                let items = Items(reader);
                for item in items {
                    item?;
                }
                Message::ForkWith { flags, permissions, items }
            }
            message::BIND => {
                let flags = reader.word()?;
                if flags & !(entry_flags::STORED | entry_flags::REPLACE) != 0 {
                    return None;
                }
                let rights = reader.word()?;
                let inherit = reader.word()?;
                let place = checked_place(reader.counted()?)?;
                let prefix = core::str::from_utf8(reader.0).ok()?;
                if !prefix.is_empty() && !valid_prefix(prefix) {
                    return None;
                }
                Message::Bind { flags, rights, inherit, place, prefix }
            }
            message::WITHIN => Message::Within { place: checked_place(reader.0)? },
            _ => return None,
        })
    }
}

/// The names of a [`Message::Fork`]. A malformed rest yields `None` once.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a>(Reader<'a>);

impl<'a> Iterator for Names<'a> {
    type Item = Option<&'a str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let name = self.0.counted().and_then(checked_pattern);
        if name.is_none() {
            self.0 = Reader(&[]);
        }
        Some(name)
    }
}

/// The names of a [`Message::ForkWith`]. A malformed rest yields `None` once.
#[derive(Clone, Copy, Debug)]
pub struct Items<'a>(Reader<'a>);

impl<'a> Items<'a> {
    fn read(&mut self) -> Option<ForkItem<'a>> {
        let flags = self.0.word()?;
        let allowed = entry_flags::REGISTER | entry_flags::NARROWING | entry_flags::HIDE;
        if flags & !allowed != 0 {
            return None;
        }
        let rights = self.0.word()?;
        let inherit = self.0.word()?;
        let name = checked_name(self.0.counted()?)?;
        Some(ForkItem { name, flags, rights, inherit })
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Option<ForkItem<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.0.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_none() {
            self.0 = Reader(&[]);
        }
        Some(item)
    }
}

fn checked_name(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok().filter(|name| valid_name(name))
}

fn checked_place(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes).ok().filter(|place| valid_place(place))
}

fn checked_pattern(bytes: &[u8]) -> Option<&str> {
    let pattern = core::str::from_utf8(bytes).ok()?;
    let stem = pattern.strip_suffix('*').unwrap_or(pattern);
    (pattern == "*" || valid_name(stem)).then_some(pattern)
}

#[derive(Clone, Copy, Debug)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn counted(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.word()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
