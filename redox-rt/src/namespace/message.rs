//! What can be asked of a namespace handle beyond opening names.
use crate::handle::{Handle, Number, Place};
use crate::sys;
use crate::sys::call::{Sending, Table};
use alloc::vec;
use alloc::vec::Vec;
use clavis_abi::Rights;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::namespace::{Encoder, EntryInfo, ForkItem, call};
use syscall::flag::CallFlags;
use zerocopy::IntoBytes;

fn invalid() -> Error {
    Error::new(EINVAL)
}

/// Words of a fork item beside its name.
const ITEM_WORDS: usize = 4;

/// Makes a child namespace. `flags` are [`clavis_abi::namespace::fork_flags`], `permissions`
/// mask what the handle to the child permits.
///
/// # Errors
/// `EINVAL` for bad names, `ENOENT` for unknown ones; what the namespace manager answers.
pub fn fork(
    namespace: Number,
    flags: u64,
    permissions: u64,
    items: &[ForkItem<'_>],
    place: Place,
) -> Result<Handle> {
    let names: usize = items.iter().map(|item| item.name.len() + ITEM_WORDS * 8).sum();
    let mut buffer = vec![0; 24 + names];
    let mut encoder = Encoder::fork_with(&mut buffer, flags, permissions).ok_or_else(invalid)?;
    for item in items {
        encoder = encoder.item(item).ok_or_else(invalid)?;
    }
    sys::file::dup(namespace, encoder.finish(), place)
}

/// A handle to the same namespace with fewer [`clavis_abi::namespace::permissions`].
///
/// # Errors
/// What the namespace manager answers.
pub fn shrink(namespace: Number, permissions: u64, place: Place) -> Result<Handle> {
    let mut buffer = [0; 16];
    let encoder = Encoder::shrink(&mut buffer, permissions).ok_or_else(invalid)?;
    sys::file::dup(namespace, encoder.finish(), place)
}

/// A handle on which the root of a new instance of a service is sent ([`send_root`]).
///
/// # Errors
/// What the namespace manager answers.
pub fn register(namespace: Number, name: &str, place: Place) -> Result<Handle> {
    let mut buffer = vec![0; 8 + name.len()];
    let encoder = Encoder::register(&mut buffer, name).ok_or_else(invalid)?;
    sys::file::dup(namespace, encoder.finish(), place)
}

/// A listing of the names within a place.
///
/// # Errors
/// `ENOENT` when there are none; what the namespace manager answers.
pub fn within(namespace: Number, name: &str, place: Place) -> Result<Handle> {
    let mut buffer = vec![0; 8 + name.len()];
    let encoder = Encoder::within(&mut buffer, name).ok_or_else(invalid)?;
    sys::file::dup(namespace, encoder.finish(), place)
}

/// Binds a name, or a place within one (`file/home/me`), to a handle: what is opened under it is
/// opened through the handle.
///
/// # Errors
/// `EEXIST` without `REPLACE`; what the namespace manager answers.
pub fn bind(namespace: Number, name: &str, target: Number, binding: &Binding<'_>) -> Result<()> {
    let mut buffer = vec![0; 40 + name.len() + binding.prefix.len()];
    let (rights, inherit) = (binding.rights.bits(), binding.inherit.bits());
    let encoder = Encoder::bind(&mut buffer, binding.flags, rights, inherit, name, binding.prefix);
    let message = encoder.ok_or_else(invalid)?.finish();
    let ticket = sys::file::dup(namespace, message, Place::Upper)?;
    send_root(ticket.number(), target, Sending::Clone)
}

/// How a name is bound.
#[derive(Clone, Copy, Debug)]
pub struct Binding<'a> {
    /// [`clavis_abi::namespace::entry_flags`].
    pub flags: u64,
    /// Mask for the rights of what is opened through the name.
    pub rights: Rights,
    /// Mask for their inherit mask.
    pub inherit: Rights,
    /// Put before each path; mostly empty.
    pub prefix: &'a str,
}

impl Default for Binding<'_> {
    fn default() -> Self {
        Binding { flags: 0, rights: Rights::all(), inherit: Rights::all(), prefix: "" }
    }
}

/// Sends one handle on a ticket (or slot).
///
/// # Errors
/// What the ticket's server, or the kernel for a slot, answers.
pub fn send_root(ticket: Number, root: Number, sending: Sending) -> Result<()> {
    sys::call::send(ticket, &[root], sending, &[]).map(drop)
}

/// Removes a name from a namespace.
///
/// # Errors
/// What the namespace manager answers.
pub fn unbind(namespace: Number, name: &str) -> Result<()> {
    let path = alloc::format!("/scheme/{name}");
    sys::file::unlinkat(namespace, &path, 0)
}

/// Fixes the set of names and their masks for ever.
///
/// # Errors
/// What the namespace manager answers.
pub fn seal(namespace: Number) -> Result<()> {
    sys::call::call_in(namespace, &[], CallFlags::empty(), &[call::SEAL]).map(drop)
}

/// A number that changes whenever the set of names or a mask changes.
///
/// # Errors
/// What the namespace manager answers.
pub fn generation(namespace: Number) -> Result<usize> {
    sys::call::call_in(namespace, &[], CallFlags::empty(), &[call::GENERATION])
}

/// What is known of a name of a namespace, or of a listing.
///
/// # Errors
/// `EINVAL` for a bad name; what the namespace manager answers.
pub fn entry(namespace: Number, name: &str) -> Result<EntryInfo> {
    let mut info = EntryInfo::question(name).ok_or_else(invalid)?;
    sys::call::call_both(namespace, info.as_mut_bytes(), CallFlags::empty(), &[call::ENTRY])?;
    Ok(info)
}

/// Receives handles that a service parked for this process.
///
/// # Errors
/// What the service answers.
pub fn receive(channel: Number, count: usize) -> Result<Vec<Handle>> {
    sys::call::receive(channel, count, Table::Lower, &[])
}
