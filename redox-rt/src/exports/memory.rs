//! Memory objects and mappings.
use super::{answer, done, mux, number, one, place};
use crate::sys;
use clavis_abi::params::MapParams;
use syscall::flag::MapFlags;

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_memory_of(
    handle: usize,
    offset: u64,
    length: u64,
    protection: usize,
    to: usize,
) -> usize {
    let protection = MapFlags::from_bits_truncate(protection);
    answer(sys::memory::memory_of(number(handle), offset, length, protection, place(to)))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_map(params: *const MapParams) -> usize {
    // SAFETY: the caller's promise on `params`.
    let params = unsafe { one(params) };
    // SAFETY: the caller's promise on what is replaced by a fixed mapping.
    mux(params.and_then(|params| unsafe { sys::memory::map_self(params) }))
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_unmap(address: usize, length: usize) -> usize {
    // SAFETY: the caller's promise that nothing refers to the range.
    done(unsafe { sys::memory::funmap(address, length) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_seal(memory: usize) -> usize {
    done(sys::memory::seal(number(memory)))
}
