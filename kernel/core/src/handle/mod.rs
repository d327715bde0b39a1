//! Handles: what a process can name, and the one door through which it does.
pub mod description;
pub mod door;
pub mod table;

use crate::prelude::*;
use clavis_abi::params::{NO_NUMBER, short_number};
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
    pub flags: u8,
    /// How it came to its number. This and what follows is information, never authority.
    pub step: Step,
    /// The number there that it came from, or the one here that it was opened through.
    pub via: u16,
    /// Number of the process that it came from.
    pub from: u32,
    /// What it ends with.
    pub lease: Under,
}

impl Handle {
    /// A handle with all rights.
    #[must_use]
    pub fn full(description: DescriptionId) -> Self {
        let (all, via) = (Rights::all(), NO_NUMBER);
        let (rights, inherit, step) = (all, all, Step::Made);
        Self { description, rights, inherit, flags: 0, step, via, from: 0, lease: None }
    }

    /// This one as it came from that number of another process, by its number.
    pub(crate) fn came(self, step: Step, from: u32, via: usize) -> Self {
        Self { step, via: short_number(via), from, ..self }
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
        let kept = Self { flags: self.flags & handle_flags::STICKY as u8, ..self };
        kept.narrowed(rights, inherit, flags as u8)
    }

    /// The same handle, narrowed.
    #[must_use]
    pub fn narrowed(self, rights: Rights, inherit: Rights, flags: u8) -> Self {
        Self {
            rights: self.rights & rights,
            inherit: self.inherit & inherit,
            flags: self.flags | flags,
            ..self
        }
    }
}
