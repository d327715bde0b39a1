//! A set of names.
use crate::name::{Key, Name};
use crate::record::{Binding, Terms};
use alloc::string::String;
use alloc::vec::Vec;
use hashbrown::HashMap;

/// The set that never has a name.
pub(crate) const EMPTY: u64 = 1 << 55;

/// [`Terms`] that own their prefix.
#[derive(Debug)]
pub(crate) struct OwnedTerms {
    pub(crate) rights: u64,
    pub(crate) inherit: u64,
    pub(crate) flags: u64,
    pub(crate) prefix: String,
}

impl OwnedTerms {
    pub(crate) fn new(terms: &Terms<'_>) -> Option<OwnedTerms> {
        let mut prefix = String::new();
        prefix.try_reserve_exact(terms.prefix.len()).ok()?;
        prefix.push_str(terms.prefix);
        Some(OwnedTerms {
            rights: terms.rights,
            inherit: terms.inherit,
            flags: terms.flags,
            prefix,
        })
    }

    pub(crate) fn borrow(&self) -> Terms<'_> {
        Terms {
            rights: self.rights,
            inherit: self.inherit,
            flags: self.flags,
            prefix: &self.prefix,
        }
    }
}

/// A name in a namespace.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) serial: u64,
    pub(crate) name: Name,
    pub(crate) binding: Binding,
    pub(crate) terms: OwnedTerms,
    /// The set of names within it, [`EMPTY`] for an empty directory; 0: there is none.
    pub(crate) within: u64,
}

impl Entry {
    /// What it is bound to itself.
    pub(crate) fn handle(&self) -> Option<u64> {
        match self.binding {
            Binding::Handle(handle) => Some(handle),
            Binding::Hidden | Binding::Parent | Binding::Empty => None,
        }
    }
}

/// A set of names.
#[derive(Debug, Default)]
pub(crate) struct Namespace {
    /// The namespace that it was forked from, or the set that it lies within; 0: none.
    pub(crate) parent: u64,
    /// How many names deep it lies within its namespace; 0: it is one.
    pub(crate) level: u8,
    pub(crate) open: bool,
    pub(crate) depth: u8,
    pub(crate) sealed: bool,
    pub(crate) generation: u64,
    pub(crate) serial: u64,
    /// Handles to it and tickets for it.
    pub(crate) holders: u32,
    pub(crate) children: u32,
    pub(crate) open_children: u32,
    /// Units charged to it, its descendants' included.
    pub(crate) used: u32,
    pub(crate) budget: u32,
    pub(crate) names: HashMap<Name, u64>,
    /// Sorted by serial.
    pub(crate) entries: Vec<Entry>,
}

impl Namespace {
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        let serial = *self.names.get(&Key(name))?;
        // Where it is if nothing before it was removed; else it lies before that.
        let first = self.entries.first()?.serial;
        let guess = usize::try_from(serial.checked_sub(first)?).ok()?;
        if self.entries.get(guess).is_some_and(|entry| entry.serial == serial) {
            return Some(guess);
        }
        let before = self.entries.get(..guess).unwrap_or(&self.entries);
        before.binary_search_by_key(&serial, |entry| entry.serial).ok()
    }

    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(self.position(name)?)
    }

    /// Entries with a serial above one.
    pub(crate) fn after(&self, serial: u64) -> &[Entry] {
        let start = self.entries.partition_point(|entry| entry.serial <= serial);
        self.entries.get(start..).unwrap_or_default()
    }
}
