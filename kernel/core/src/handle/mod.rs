//! Handles: what a process can name, and the one door through which it does.
pub mod description;
pub mod door;
pub mod table;

use crate::prelude::*;
use description::DescriptionId;

/// A handle: a description and what may be done with it. It *is* the capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// What it points to.
    pub description: DescriptionId,
    /// What may be done with it.
    pub rights: Rights,
    /// The most that a handle obtained through it can have.
    pub inherit: Rights,
    /// `clavis_abi::params::handle_flags`.
    pub flags: u32,
    /// What it ends with.
    pub lease: Option<LeaseId>,
}

impl Handle {
    /// A handle with all rights.
    #[must_use]
    pub fn full(description: DescriptionId) -> Self {
        Self { description, rights: Rights::all(), inherit: Rights::all(), flags: 0, lease: None }
    }

    /// This one as it was obtained through another.
    #[must_use]
    pub fn through(self, other: &Self) -> Self {
        Self { lease: other.lease, ..self.narrowed(other.inherit, other.inherit, 0) }
    }

    /// A narrower copy, by the words of a process: of its flags those stay that stick.
    #[must_use]
    pub fn derived(self, rights: u64, inherit: u64, flags: u64) -> Self {
        let (rights, inherit) =
            (Rights::from_bits_truncate(rights), Rights::from_bits_truncate(inherit));
        let kept = Self { flags: self.flags & handle_flags::STICKY as u32, ..self };
        kept.narrowed(rights, inherit, flags as u32)
    }

    /// The same handle, narrowed.
    #[must_use]
    pub fn narrowed(self, rights: Rights, inherit: Rights, flags: u32) -> Self {
        Self {
            rights: self.rights & rights,
            inherit: self.inherit & inherit,
            flags: self.flags | flags,
            ..self
        }
    }
}
