//! Streams of memory.
use super::file::{self, File};
use super::growing::Growing;
use super::open::mode;
use super::source::Source;
use crate::errno::fail;
use c_stdio::stream::memory::Window;
use c_stdio::stream::{Access, Buffering, Stream};
use core::ffi::{c_char, c_int, c_void};

/// Makes a stream of a piece of memory; of new memory, which is gone with it, for null. What is
/// written is there after [`super::open::fflush`]; what does not fit is `ENOSPC`.
///
/// # Safety
/// C contract: null, or so many bytes that are the stream's until it is closed; a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fmemopen(
    memory: *mut c_void,
    length: usize,
    wanted: *const c_char,
) -> *mut File {
    // SAFETY: the contract.
    let mode = match unsafe { mode(wanted) } {
        Ok(mode) => mode,
        Err(error) => return fail(error.errno),
    };
    let own = memory.is_null();
    let place = if own { crate::malloc::calloc(length, 1) } else { memory };
    if place.is_null() {
        return core::ptr::null_mut();
    }
    // SAFETY: the contract, or allocated just now.
    let bytes = unsafe { crate::pointer::bytes_mut(place, length) };
    let window = Window::open(bytes, mode.access, mode.truncate);
    let source = Source::Memory { window, place: place.cast(), length, own };
    file::publish(Stream::new(source, mode.access, Some(Buffering::Full)))
}

/// A stream that makes memory for what is written to it.
///
/// # Safety
/// As [`open_memstream`].
unsafe fn growing(unit: usize, place: *mut *mut c_void, size: *mut usize) -> *mut File {
    let access = Access { read: false, write: true, append: false };
    // SAFETY: the caller's promise.
    match unsafe { Growing::new(unit, place, size) } {
        Ok(growing) => {
            let source = Source::Growing(growing);
            file::publish(Stream::new(source, access, Some(Buffering::Full)))
        }
        Err(errno) => fail(errno),
    }
}

/// Makes a stream to write to, and memory for what is written: its address and length are where the
/// caller wants them whenever the stream was flushed or closed, and the caller frees it.
///
/// # Safety
/// C contract: both places stay until the stream is closed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_memstream(place: *mut *mut c_char, size: *mut usize) -> *mut File {
    // SAFETY: the contract.
    unsafe { growing(size_of::<c_char>(), place.cast(), size) }
}

/// As [`open_memstream`], of wide characters, as which what is written as UTF-8 is stored. It has no
/// places: `ESPIPE`.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open_wmemstream(place: *mut *mut c_int, size: *mut usize) -> *mut File {
    // SAFETY: the contract.
    unsafe { growing(size_of::<c_int>(), place.cast(), size) }
}
