//! Physical memory that outlives the bootloader.
use core::ptr::NonNull;

use clavis_bootloader::Problem;
use uefi::boot::{self, AllocateType, MemoryType};

const PAGE: u64 = clavis_abi::PAGE_SIZE as u64;

/// A run of frames, owned. The firmware maps memory at its physical address.
#[derive(Debug)]
pub(crate) struct Frames {
    start: NonNull<u8>,
    len: usize,
}

impl Frames {
    /// Allocates `bytes`, rounded up to pages, of any content.
    ///
    /// # Errors
    /// [`Problem::Memory`].
    pub(crate) fn unfilled(what: &'static str, bytes: u64) -> Result<Frames, Problem> {
        let none = || Problem::Memory { what, bytes };
        let len = bytes
            .checked_next_multiple_of(PAGE)
            .and_then(|len| usize::try_from(len).ok())
            .filter(|len| *len > 0 && isize::try_from(*len).is_ok())
            .ok_or_else(none)?;
        let start = boot::allocate_pages(
            AllocateType::AnyPages,
            MemoryType::LOADER_DATA,
            len / clavis_abi::PAGE_SIZE,
        )
        .map_err(|_| none())?;
        Ok(Frames { start, len })
    }

    /// Allocates `bytes`, rounded up to pages, of zeros.
    ///
    /// # Errors
    /// [`Problem::Memory`].
    pub(crate) fn zeroed(what: &'static str, bytes: u64) -> Result<Frames, Problem> {
        let mut frames = Frames::unfilled(what, bytes)?;
        frames.bytes().fill(0);
        Ok(frames)
    }

    /// The bytes.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the firmware gave these pages to nobody else, they are mapped at their physical
        // address, any content is valid for `u8`, and `self` is borrowed as long as the slice.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Physical address of the first byte.
    pub(crate) fn start(&self) -> u64 {
        self.start.as_ptr() as u64
    }

    /// Physical address behind the last byte.
    pub(crate) fn end(&self) -> u64 {
        self.start().saturating_add(self.len as u64)
    }

    /// Gives the frames back to the firmware.
    pub(crate) fn free(self) {
        // SAFETY: they came from `allocate_pages` with that number of pages, and nothing refers
        // to them any more: `self` is consumed. Failing to free wastes memory, no more.
        let _ = unsafe { boot::free_pages(self.start, self.len / clavis_abi::PAGE_SIZE) };
    }
}
