//! Calls that change the address space.
#![expect(unsafe_code, reason = "mapping and unmapping memory")]

use super::raw::syscall;
use crate::handle::{Handle, Number, Place};
use clavis_abi::call::Call;
use clavis_abi::error::Result;
use clavis_abi::params::{MAP_SELF, MapParams};
use syscall::data::Map;
use syscall::flag::MapFlags;

/// What `fmap` takes for anonymous memory.
const ANONYMOUS: usize = usize::MAX;

/// Maps an object (or, with `None`, anonymous memory) into this process. Answers the address.
///
/// # Errors
/// See the call table.
///
/// # Safety
/// With a fixed address that may be in use, nothing else may rely on what lies there.
pub unsafe fn fmap(number: Option<Number>, map: &Map) -> Result<usize> {
    let raw = number.map_or(ANONYMOUS, Number::raw);
    // SAFETY: the kernel reads one Map; replacing mappings is the caller's promise.
    unsafe { syscall(Call::Fmap, [raw, &raw const *map as usize, size_of::<Map>(), 0, 0]) }
}

/// Maps fresh zeroed private memory where the kernel finds room. Answers the address.
///
/// # Errors
/// `ENOMEM`, `EINVAL`.
pub fn map_anonymous(length: usize, protection: MapFlags) -> Result<usize> {
    let flags = protection | MapFlags::MAP_PRIVATE;
    let map = Map { offset: 0, size: length, flags, address: 0 };
    // SAFETY: without a fixed address the kernel only uses free address space.
    unsafe { fmap(None, &map) }
}

/// Unmaps whole pages.
///
/// # Errors
/// `EINVAL`, `ENOMEM`.
///
/// # Safety
/// Nothing may refer to the range any more.
pub unsafe fn funmap(address: usize, length: usize) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { syscall(Call::Funmap, [address, length, 0, 0, 0]) }.map(drop)
}

/// Resizes or moves a mapping. Answers its new address.
///
/// # Errors
/// See the call table.
///
/// # Safety
/// Nothing may refer to parts of the old range that go away, nor to a range that is replaced.
pub unsafe fn mremap(
    old: usize,
    old_length: usize,
    new: usize,
    new_length: usize,
    flags: usize,
) -> Result<usize> {
    // SAFETY: the caller's promise.
    unsafe { syscall(Call::Mremap, [old, old_length, new, new_length, flags]) }
}

/// Changes the protection of whole pages.
///
/// # Errors
/// See the call table.
///
/// # Safety
/// No live reference may need a permission that is taken.
pub unsafe fn mprotect(address: usize, length: usize, protection: MapFlags) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { syscall(Call::Mprotect, [address, length, protection.bits(), 0, 0]) }.map(drop)
}

/// Maps memory into this process. Answers the address.
///
/// # Errors
/// See the call table.
///
/// # Safety
/// As [`fmap`].
pub unsafe fn map_self(params: &MapParams) -> Result<usize> {
    let words = [MAP_SELF, &raw const *params as usize, size_of::<MapParams>(), 0, 0];
    // SAFETY: the kernel reads one MapParams; the rest is the caller's promise.
    unsafe { syscall(Call::Map, words) }
}

/// Maps memory into another process, which this one manages. Answers the address there.
///
/// # Errors
/// See the call table.
pub fn map_into(process: Number, params: &MapParams) -> Result<usize> {
    if process.raw() == MAP_SELF {
        return Err(clavis_abi::error::Error::new(clavis_abi::error::EBADF));
    }
    let words = [process.raw(), &raw const *params as usize, size_of::<MapParams>(), 0, 0];
    // SAFETY: the kernel reads one MapParams; this process' own memory is not touched, as a
    // process holds no handle with MANAGE to itself unless its builder, who answers for it, gave one.
    unsafe { syscall(Call::Map, words) }
}

/// A handle to the memory behind an object, for mapping with `protection` at most.
///
/// # Errors
/// See the call table; what the server answers.
pub fn memory_of(
    number: Number,
    offset: u64,
    length: u64,
    protection: MapFlags,
    place: Place,
) -> Result<Handle> {
    let words = [number.raw(), offset as usize, length as usize, protection.bits(), place.raw()];
    // SAFETY: no memory of this process is involved.
    unsafe { syscall(Call::MemoryOf, words) }.map(super::file::owned)
}

/// Freezes the content of a memory object for ever; only then can it be mapped executable.
///
/// # Errors
/// `EBUSY` while it is mapped writable.
pub fn seal(memory: Number) -> Result<()> {
    // SAFETY: no memory of this process is involved.
    unsafe { syscall(Call::Seal, [memory.raw(), 0, 0, 0, 0]) }.map(drop)
}
