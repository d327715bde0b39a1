//! Objects from factories.
use super::{answer, mux, place, store, text};
use crate::handle::Handle;
use crate::object;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::startup::EntryKind;

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_create(
    kind: u64,
    first: u64,
    second: u64,
    to: usize,
) -> usize {
    // SAFETY: for the kinds that take an address, the caller's promise on it.
    answer(unsafe { create(kind, first, second, to) })
}

/// # Safety
/// For slots, `second` readable bytes lie at `first`.
unsafe fn create(kind: u64, first: u64, second: u64, to: usize) -> Result<Handle> {
    let to = place(to);
    let invalid = |_| Error::new(EINVAL);
    let is = |expected: EntryKind| kind == expected as u64;
    if is(EntryKind::FactoryMemory) {
        object::memory(first, to)
    } else if is(EntryKind::FactorySlot) {
        // SAFETY: the caller's promise.
        object::slot(unsafe { text(first as *const u8, second as usize) }?, to)
    } else if is(EntryKind::FactoryTable) {
        object::table(to)
    } else if is(EntryKind::FactoryIrq) {
        object::irq(u32::try_from(first).map_err(invalid)?, to)
    } else if is(EntryKind::FactoryPort) {
        let count = u16::try_from(second).map_err(invalid)?;
        object::ports(u16::try_from(first).map_err(invalid)?, count, to)
    } else if is(EntryKind::FactoryWindow) {
        object::window(first, second, to)
    } else if is(EntryKind::FactoryEvent) {
        object::event_queue(to)
    } else if is(EntryKind::FactoryTime) {
        object::timer(first as usize, to)
    } else if is(EntryKind::FactoryProcess) {
        object::process(first as usize, to)
    } else {
        Err(Error::new(EINVAL))
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn clavis_pipe(flags: usize, to: usize, ends: *mut usize) -> usize {
    let result = object::pipe(flags, place(to));
    match result {
        Err(error) => mux(Err(error)),
        Ok((reader, writer)) => {
            let numbers = [reader.number().raw(), writer.number().raw()];
            // SAFETY: the caller's promise: two words.
            let stored = unsafe { store(ends.cast(), Ok(numbers)) };
            if stored == 0 {
                let _ = (reader.into_number(), writer.into_number());
            }
            stored
        }
    }
}
