//! Memory objects mapped into this process.
//!
//! Another process may hold the same object and write it at any time, so a [`Mapping`] gives no
//! slices: bytes are copied in and out.
#![expect(unsafe_code, reason = "maps memory and copies bytes of it")]

use crate::c;
use crate::error::{Error, Result, check};
use crate::handle::{AsNumber, Handle, owned};
use crate::object;
use crate::startup;
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::{EBUSY, EINVAL, ENOENT};
use clavis_abi::params::{MapParams, OUT_UPPER};
use clavis_abi::startup::EntryKind;
use clavis_abi::syscall::flag::MapFlags;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// What a mapping permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing; others see what is written.
    Shared,
    /// Reading and writing a copy of its own.
    Private,
}

impl Access {
    fn flags(self) -> MapFlags {
        match self {
            Access::Read => MapFlags::PROT_READ | MapFlags::MAP_SHARED,
            Access::Shared => MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_SHARED,
            Access::Private => MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::MAP_PRIVATE,
        }
    }
}

/// A range of memory that this value unmaps when it is dropped.
#[derive(Debug)]
pub struct Mapping {
    start: *const AtomicU8,
    length: usize,
    writable: bool,
}

// SAFETY: the range is only accessed through atomics.
unsafe impl Send for Mapping {}
// SAFETY: as for Send.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps a part of a memory object, in whole pages.
    ///
    /// # Errors
    /// Refused without the MAP_ rights; `EINVAL` for an offset that is no multiple of a page.
    pub fn new(
        memory: &impl AsNumber,
        offset: u64,
        length: usize,
        access: Access,
    ) -> Result<Mapping> {
        let length = length.checked_next_multiple_of(PAGE_SIZE);
        let length = length.ok_or(Error::from_errno(EINVAL))?;
        let params = MapParams {
            memory: memory.number().raw() as u64,
            offset,
            address: 0,
            length: length as u64,
            flags: access.flags().bits() as u64,
        };
        // SAFETY: it reads the parameters; without an address only free space is used.
        let start = check(unsafe { c::clavis_map(&raw const params) })?;
        let writable = access != Access::Read;
        Ok(Mapping { start: start as *const AtomicU8, length, writable })
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> usize {
        self.start as usize
    }

    /// Its bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn cells(&self) -> &[AtomicU8] {
        // SAFETY: the range is mapped while this value lives, and only accessed through atomics.
        unsafe { core::slice::from_raw_parts(self.start, self.length) }
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// `EINVAL` outside the mapping.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<()> {
        let cells = self.cells().get(offset..).and_then(|cells| cells.get(..buffer.len()));
        for (byte, cell) in buffer.iter_mut().zip(cells.ok_or(Error::from_errno(EINVAL))?) {
            *byte = cell.load(Ordering::Relaxed);
        }
        Ok(())
    }

    /// Copies bytes in.
    ///
    /// # Errors
    /// `EINVAL` outside the mapping, or when it is for reading only.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        let cells = self.cells().get(offset..).and_then(|cells| cells.get(..bytes.len()));
        let cells = cells.filter(|_| self.writable).ok_or(Error::from_errno(EINVAL))?;
        for (cell, byte) in cells.iter().zip(bytes) {
            cell.store(*byte, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the range any more.
        let _ = unsafe { c::clavis_unmap(self.start as usize, self.length) };
    }
}

/// The boot image of that length, mapped for the life of this process.
///
/// Who starts a process gives it a memory as its boot image only if nobody can write that memory.
///
/// # Errors
/// `ENOENT` when this process was not given it; refused without MAP_READ; `EINVAL` for a length
/// beyond it.
pub fn boot_image(length: usize) -> Result<&'static [u8]> {
    let image = startup::number(EntryKind::BootImage).ok_or(Error::from_errno(ENOENT))?;
    let mapping = Mapping::new(&image, 0, length, Access::Read)?;
    let start = mapping.start.cast::<u8>();
    // The mapping stays for ever.
    core::mem::forget(mapping);
    // SAFETY: mapped for reading, at least that long, never unmapped; nobody writes it.
    Ok(unsafe { core::slice::from_raw_parts(start, length) })
}

/// A page as words.
pub type Words = [AtomicU64; PAGE_SIZE / size_of::<u64>()];

/// The memory of so many bytes that a service keeps its state in: the first of them, whole pages,
/// for the service alone, and the pages behind, which it may lend to others. Mapped for the life of
/// this process, which asks once. A process that was given none that lasts gets fresh memory.
///
/// Who gives a service its state gives it to that process alone and does not touch it while the
/// process lives.
///
/// # Errors
/// `EBUSY` the second time; `EINVAL` when it does not have that many bytes; refused without the
/// MAP_ rights.
pub fn state(bytes: usize, first: usize) -> Result<(&'static mut [u8], &'static [Words])> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Error::from_errno(EBUSY));
    }
    let mapping = match startup::number(EntryKind::State) {
        Some(given) => Mapping::new(&given, 0, bytes, Access::Shared)?,
        None => Mapping::new(&object::memory(bytes as u64)?, 0, bytes, Access::Shared)?,
    };
    let pages = mapping.length / PAGE_SIZE;
    let own = first.div_ceil(PAGE_SIZE);
    let rest = pages.checked_sub(own).ok_or(Error::from_errno(EINVAL))?;
    let start = mapping.start.cast_mut().cast::<u8>();
    // The mapping stays for ever.
    core::mem::forget(mapping);
    // SAFETY: mapped readable and writable and never unmapped; by the rule above nobody else reaches
    // these pages, and this is their only slice.
    let own_bytes = unsafe { core::slice::from_raw_parts_mut(start, own * PAGE_SIZE) };
    let behind = start.wrapping_add(own * PAGE_SIZE).cast::<Words>();
    // SAFETY: as above, page-aligned, and only accessed through atomics.
    let words = unsafe { core::slice::from_raw_parts(behind, rest) };
    Ok((own_bytes, words))
}

/// A handle to the memory behind an object, for mapping with `protection` at most.
///
/// # Errors
/// Refused without the MAP_ rights; what the server answers.
pub fn memory_of(
    handle: &impl AsNumber,
    offset: u64,
    length: u64,
    protection: MapFlags,
) -> Result<Handle> {
    let (number, bits) = (handle.number().raw(), protection.bits());
    // SAFETY: no memory is involved.
    owned(unsafe { c::clavis_memory_of(number, offset, length, bits, OUT_UPPER) })
}

/// What an object shows of itself to who maps it with a protection, mapped here so that it can be
/// shown to others.
///
/// # Errors
/// As [`memory_of`]; `EACCES` for what cannot be executed.
pub fn shown(
    handle: &impl AsNumber,
    offset: u64,
    length: usize,
    protection: MapFlags,
) -> Result<Mapping> {
    let kept = MapFlags::PROT_READ | MapFlags::PROT_WRITE | MapFlags::PROT_EXEC;
    let length = length.checked_next_multiple_of(PAGE_SIZE).ok_or(Error::from_errno(EINVAL))?;
    let protection = protection & kept;
    let memory = memory_of(handle, offset, length as u64, protection)?;
    let params = MapParams {
        memory: memory.number().raw() as u64,
        offset: 0,
        address: 0,
        length: length as u64,
        flags: (protection | MapFlags::MAP_SHARED).bits() as u64,
    };
    // SAFETY: it reads the parameters; without an address only free space is used.
    let start = check(unsafe { c::clavis_map(&raw const params) })?;
    let writable = protection.contains(MapFlags::PROT_WRITE);
    Ok(Mapping { start: start as *const AtomicU8, length, writable })
}

/// Freezes the content of a memory object for ever; only then can it be mapped executable.
///
/// # Errors
/// Refused without MAP_WRITE; `EBUSY` while it is mapped writable.
pub fn seal(memory: &impl AsNumber) -> Result<()> {
    // SAFETY: no memory of this process changes.
    check(unsafe { c::clavis_seal(memory.number().raw()) }).map(drop)
}
