//! Memory objects as slices, for programs without `unsafe`.
#![expect(unsafe_code, reason = "mappings as slices")]

use crate::handle::Number;
use crate::sys;
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::params::MapParams;
use syscall::flag::MapFlags;

/// The boot image, mapped read-only for the life of this process.
///
/// # Errors
/// See the call table.
pub fn boot_image(memory: Number) -> Result<&'static [u8]> {
    let (address, length) = map(memory, MapFlags::PROT_READ)?;
    let start = core::ptr::with_exposed_provenance::<u8>(address);
    // SAFETY: mapped for ever; the boot image is sealed, so nobody can write it.
    Ok(unsafe { core::slice::from_raw_parts(start, length) })
}

/// The memory that a service keeps its state in ([`clavis_abi::startup::EntryKind::State`]),
/// mapped for the life of this process.
///
/// Who gives a service its state gives it to that process alone and does not touch it while the
/// process lives; a process calls this once.
///
/// # Errors
/// See the call table.
pub fn state(memory: Number) -> Result<&'static mut [u8]> {
    let (address, length) = map(memory, MapFlags::PROT_READ | MapFlags::PROT_WRITE)?;
    let start = core::ptr::with_exposed_provenance_mut::<u8>(address);
    // SAFETY: mapped for ever, readable and writable; by the rule above nothing else reaches it.
    Ok(unsafe { core::slice::from_raw_parts_mut(start, length) })
}

/// Unmaps what [`state`] mapped.
///
/// # Errors
/// See the call table.
pub fn release_state(state: &'static mut [u8]) -> Result<()> {
    let (start, length) = (state.as_mut_ptr() as usize, state.len());
    // SAFETY: the slice is the mapping, whole pages, and its only reference ends here.
    unsafe { sys::memory::funmap(start, length) }
}

fn map(memory: Number, protection: MapFlags) -> Result<(usize, usize)> {
    let length = sys::file::fstat(memory)?.st_size;
    let whole = usize::try_from(length).ok().filter(|&length| length > 0);
    let length = whole.ok_or(Error::new(EINVAL))?;
    let params = MapParams {
        memory: memory.raw() as u64,
        length: length.next_multiple_of(PAGE_SIZE) as u64,
        flags: (protection | MapFlags::MAP_SHARED).bits() as u64,
        ..MapParams::default()
    };
    // SAFETY: without a fixed address the kernel only uses free address space.
    let address = unsafe { sys::memory::map_self(&params) }?;
    Ok((address, length))
}
