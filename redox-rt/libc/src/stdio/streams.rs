//! `printf` and `scanf` of streams, with a `va_list`.
use super::file::{self, File, Inner};
use super::print::{Collected, write};
use super::source::Source;
use super::variadic::VaList;
use crate::errno::fail;
use alloc::vec::Vec;
use c_stdio::format::Sink;
use c_stdio::scan::Input;
use c_stdio::stream::{Buffering, Stream};
use core::ffi::{c_char, c_int};

/// A stream that takes what is printed, or gives what is scanned.
struct Through<'s>(&'s mut Stream<Source>);

impl Sink for Through<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), i32> {
        self.0.write(bytes).1
    }
}

impl Input for Through<'_> {
    fn next(&mut self) -> Option<u8> {
        // The stream notes an error, and that it ended.
        self.0.get().ok().flatten()
    }

    fn back(&mut self, byte: u8) {
        // It was taken just now, so there is room.
        self.0.give(byte);
    }
}

/// # Safety
/// As [`vfprintf`].
unsafe fn print(inner: &mut Inner, format: *const c_char, list: *mut VaList) -> c_int {
    let stream = &mut inner.stream;
    let printed = if stream.buffering() == Buffering::None {
        // In one piece, as if it were one string.
        let mut text = Collected(Vec::new());
        // SAFETY: the caller's promise.
        let count = unsafe { write(format, list, &mut text) };
        count.and_then(|count| stream.write(&text.0).1.map(|()| count))
    } else {
        // SAFETY: the caller's promise.
        unsafe { write(format, list, &mut Through(stream)) }
    };
    printed.unwrap_or_else(fail)
}

/// Writes what a format says to a stream.
///
/// # Safety
/// C contract: a stream; format and list as for [`super::print::vsnprintf`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfprintf(
    file: *mut File,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock();
    // SAFETY: the contract.
    unsafe { print(&mut guard, format, list) }
}

/// As [`vfprintf`], to the standard output.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vprintf(format: *const c_char, list: *mut VaList) -> c_int {
    // SAFETY: the contract.
    unsafe { print(&mut file::output().lock(), format, list) }
}

/// Reads what a format says from a stream.
///
/// # Safety
/// C contract: a stream; format and list as for [`super::scan::vsscanf`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vfscanf(
    file: *mut File,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock_to_read();
    // SAFETY: the contract.
    unsafe { super::scan::read(format, list, &mut Through(&mut guard.stream)) }
}

/// As [`vfscanf`], from the standard input.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vscanf(format: *const c_char, list: *mut VaList) -> c_int {
    let mut guard = file::input().lock_to_read();
    // SAFETY: the contract.
    unsafe { super::scan::read(format, list, &mut Through(&mut guard.stream)) }
}
