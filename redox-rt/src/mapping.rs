//! Memory of this process that a value owns.
#![expect(unsafe_code, reason = "owns an address range")]

use crate::handle::Number;
use crate::sys;
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::{ENOMEM, Error, Result};
use clavis_abi::params::MapParams;
use core::ptr::NonNull;
use syscall::flag::MapFlags;

/// A fresh memory object, mapped writable here while its content is written.
///
/// Nobody else may hold a mapping of the object meanwhile: that is why [`Draft::of`] takes it
/// right after its creation, before it was given to anybody.
#[derive(Debug)]
pub(crate) struct Draft {
    start: NonNull<u8>,
    length: usize,
}

impl Draft {
    /// Maps a memory object that was just created, and that nobody else holds.
    ///
    /// # Errors
    /// See the call table.
    pub(crate) fn of(memory: Number, length: usize) -> Result<Draft> {
        let length = length.next_multiple_of(PAGE_SIZE);
        let flags = MapFlags::MAP_SHARED | MapFlags::PROT_READ | MapFlags::PROT_WRITE;
        let params = MapParams {
            memory: memory.raw() as u64,
            length: length as u64,
            flags: flags.bits() as u64,
            ..MapParams::default()
        };
        // SAFETY: without a fixed address the kernel only uses free address space.
        let address = unsafe { sys::memory::map_self(&params) }?;
        let start = NonNull::new(address as *mut u8).ok_or(Error::new(ENOMEM))?;
        Ok(Draft { start, length })
    }

    /// Its bytes, zero where nothing was written.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: the mapping is readable and writable for as long as this value lives, and, by
        // the rule of `of`, only this value leads to it.
        unsafe { core::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // SAFETY: the borrow of `bytes` has ended; nothing else refers to the range.
        let _ = unsafe { sys::memory::funmap(self.start.as_ptr() as usize, self.length) };
    }
}
