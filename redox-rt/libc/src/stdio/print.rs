//! `printf` into memory and descriptors, with a `va_list`.
use super::arguments::Arguments;
use super::variadic::VaList;
use crate::errno::fail;
use crate::pointer::fd;
use alloc::vec::Vec;
use c_stdio::format::{Failure, Sink, print};
use clavis_rt::Number;
use clavis_rt::sys::file;
use core::ffi::{c_char, c_int};
use libc::{EILSEQ, EINVAL, ENOMEM, EOVERFLOW};

/// Writes what a format says; answers how many bytes that were, or -1 with errno: `EINVAL` for what
/// is no format, `EOVERFLOW` for more bytes than an `int` counts, `EILSEQ` for a wide character that is
/// none.
///
/// # Safety
/// As [`vsnprintf`].
pub(crate) unsafe fn write(
    format: *const c_char,
    list: *mut VaList,
    sink: &mut impl Sink,
) -> Result<c_int, c_int> {
    // SAFETY: the caller's promise.
    let format = unsafe { super::format(format) };
    // SAFETY: the caller's promise.
    let mut arguments = unsafe { Arguments::new(list) };
    match print(format, &mut arguments, sink) {
        Ok(count) => Ok(count as c_int),
        Err(Failure::Malformed) => Err(EINVAL),
        Err(Failure::TooLong) => Err(EOVERFLOW),
        Err(Failure::NoCharacter) => Err(EILSEQ),
        Err(Failure::Sink(errno)) => Err(errno),
    }
}

/// Memory of the caller, of which the last byte is left for the NUL.
struct Memory {
    next: *mut c_char,
    room: usize,
}

impl Sink for Memory {
    fn put(&mut self, bytes: &[u8]) -> Result<(), i32> {
        let taken = bytes.len().min(self.room);
        // SAFETY: the caller of `into_memory` promised so much room.
        unsafe { self.next.copy_from_nonoverlapping(bytes.as_ptr().cast(), taken) };
        self.next = self.next.wrapping_add(taken);
        self.room -= taken;
        Ok(())
    }
}

/// Writes into memory as [`write()`] does: as much as there is room, and a NUL.
///
/// # Safety
/// As [`vsnprintf`].
unsafe fn into_memory(
    to: *mut c_char,
    room: usize,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    let mut memory = Memory { next: to, room: room.saturating_sub(1) };
    // SAFETY: the caller's promise.
    let count = unsafe { write(format, list, &mut memory) };
    if room > 0 {
        // SAFETY: the byte that was left.
        unsafe { memory.next.write(0) };
    }
    count.unwrap_or_else(fail)
}

/// Writes what a format says into memory, at most `room` bytes with the NUL; answers how many bytes
/// there would be without it.
///
/// # Safety
/// C contract: `to` takes `room` bytes, `format` is NUL-terminated, the list has what it asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsnprintf(
    to: *mut c_char,
    room: usize,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { into_memory(to, room, format, list) }
}

/// As [`vsnprintf`], with as much room as is needed.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsprintf(
    to: *mut c_char,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { into_memory(to, usize::MAX, format, list) }
}

/// Bytes that are collected.
pub(crate) struct Collected(pub(crate) Vec<u8>);

impl Sink for Collected {
    fn put(&mut self, bytes: &[u8]) -> Result<(), i32> {
        self.0.try_reserve(bytes.len()).map_err(|_| ENOMEM)?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

/// Writes what a format says into new memory, which the caller frees, and stores its address;
/// `ENOMEM`.
///
/// # Safety
/// C contract: `place` takes an address; format and list as for [`vsnprintf`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vasprintf(
    place: *mut *mut c_char,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    let mut text = Collected(Vec::new());
    // SAFETY: the contract.
    let count = match unsafe { write(format, list, &mut text) } {
        Ok(count) => count,
        Err(errno) => return fail(errno),
    };
    if let Err(errno) = text.put(&[0]) {
        return fail(errno);
    }
    let block = crate::malloc::copied(&text.0);
    if block.is_null() {
        return -1;
    }
    // SAFETY: the contract.
    unsafe { place.write(block.cast()) };
    count
}

/// A descriptor, written to in larger pieces.
struct Descriptor {
    number: Number,
    waiting: Vec<u8>,
}

impl Descriptor {
    /// Bytes that may wait.
    const MOST: usize = 4096;

    fn flush(&mut self) -> Result<(), i32> {
        let written = file::write_all(self.number, &self.waiting);
        self.waiting.clear();
        written.map_err(|error| error.errno)
    }
}

impl Sink for Descriptor {
    fn put(&mut self, bytes: &[u8]) -> Result<(), i32> {
        self.waiting.try_reserve(bytes.len()).map_err(|_| ENOMEM)?;
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < Descriptor::MOST { Ok(()) } else { self.flush() }
    }
}

/// Writes what a format says to a descriptor.
///
/// # Safety
/// C contract: format and list as for [`vsnprintf`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vdprintf(
    descriptor: c_int,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    let number = match fd(descriptor) {
        Ok(number) => number,
        Err(error) => return fail(error.errno),
    };
    let mut sink = Descriptor { number, waiting: Vec::new() };
    // SAFETY: the contract.
    let count = unsafe { write(format, list, &mut sink) };
    let count = count.and_then(|count| sink.flush().map(|()| count));
    count.unwrap_or_else(fail)
}
