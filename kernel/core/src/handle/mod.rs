//! Handles: what a process can name, and the one door through which it does.
pub mod denial;
pub mod description;
pub mod door;
pub mod table;

use crate::object::lease::LeaseId;
use clavis_abi::Rights;
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
