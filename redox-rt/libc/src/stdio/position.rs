//! Places in streams, buffers, marks and locks.
use super::file::{self, File};
use crate::errno::{fail, set_errno};
use c_stdio::stream::{Buffering, Whence};
use core::ffi::{c_char, c_int, c_long};
use libc::{EINVAL, EOVERFLOW, off_t};

macro_rules! seeks {
    ($($seeks:ident $tells:ident $kind:ty;)*) => {$(
        /// Moves to a place; `EINVAL` for one that cannot be, `ESPIPE` where there are none.
        ///
        /// # Safety
        /// C contract: a stream.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $seeks(file: *mut File, offset: $kind, whence: c_int) -> c_int {
            let from = match whence {
                libc::SEEK_SET => Whence::Start,
                libc::SEEK_CUR => Whence::Current,
                libc::SEEK_END => Whence::End,
                _ => return fail(EINVAL),
            };
            // SAFETY: the contract.
            match unsafe { file::of(file) }.lock().stream.seek(offset, from) {
                Ok(_) => 0,
                Err(errno) => fail(errno),
            }
        }

        /// The place in a stream; `ESPIPE` where there are none.
        ///
        /// # Safety
        /// C contract: a stream.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $tells(file: *mut File) -> $kind {
            // SAFETY: the contract.
            match unsafe { file::of(file) }.lock().stream.place().map(<$kind>::try_from) {
                Ok(Ok(place)) => place,
                Ok(Err(_)) => fail(EOVERFLOW),
                Err(errno) => fail(errno),
            }
        }
    )*};
}
seeks! {
    fseek ftell c_long;
    fseeko ftello off_t;
}

/// Moves to the start, and forgets errors.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rewind(file: *mut File) {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock();
    if let Err(errno) = guard.stream.seek(0, Whence::Start) {
        set_errno(errno);
    }
    guard.stream.forget();
}

/// Stores the place in a stream.
///
/// # Safety
/// C contract: a stream, a place for a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fgetpos(file: *mut File, to: *mut off_t) -> c_int {
    // SAFETY: the contract.
    let place = unsafe { ftello(file) };
    if place < 0 {
        return -1;
    }
    // SAFETY: the contract.
    unsafe { to.write(place) };
    0
}

/// Moves to a place that [`fgetpos`] stored.
///
/// # Safety
/// C contract: a stream, a place.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsetpos(file: *mut File, from: *const off_t) -> c_int {
    // SAFETY: the contract.
    let place = unsafe { from.read() };
    // SAFETY: the contract.
    unsafe { fseeko(file, place, libc::SEEK_SET) }
}

/// Says when a stream writes, and how large its buffer is; the memory is its own. `EINVAL` for another
/// kind, and while there are bytes that were read and not taken.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setvbuf(
    file: *mut File,
    _memory: *mut c_char,
    kind: c_int,
    size: usize,
) -> c_int {
    let buffering = match kind {
        libc::_IOFBF => Buffering::Full,
        libc::_IOLBF => Buffering::Line,
        libc::_IONBF => Buffering::None,
        _ => return fail(EINVAL),
    };
    // SAFETY: the contract.
    match unsafe { file::of(file) }.lock().stream.set_buffering(buffering, size) {
        Ok(()) => 0,
        Err(errno) => fail(errno),
    }
}

/// Without memory: the stream writes at once. With it: when its buffer is full.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setbuf(file: *mut File, memory: *mut c_char) {
    let kind = if memory.is_null() { libc::_IONBF } else { libc::_IOFBF };
    // SAFETY: the contract.
    unsafe { setvbuf(file, memory, kind, libc::BUFSIZ as usize) };
}

/// The stream writes after each line.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setlinebuf(file: *mut File) {
    // SAFETY: the contract.
    unsafe { setvbuf(file, core::ptr::null_mut(), libc::_IOLBF, 0) };
}

/// Whether the end of a stream was met.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn feof(file: *mut File) -> c_int {
    // SAFETY: the contract.
    c_int::from(unsafe { file::of(file) }.lock().stream.ended())
}

/// Whether a stream met an error.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ferror(file: *mut File) -> c_int {
    // SAFETY: the contract.
    c_int::from(unsafe { file::of(file) }.lock().stream.failed())
}

/// Forgets both.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clearerr(file: *mut File) {
    // SAFETY: the contract.
    unsafe { file::of(file) }.lock().stream.forget();
}

/// Keeps other threads from a stream, until [`funlockfile`] was called as often.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flockfile(file: *mut File) {
    // SAFETY: the contract.
    unsafe { file::of(file) }.acquire();
}

/// As [`flockfile`], where nobody has it: 0, or else -1.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftrylockfile(file: *mut File) -> c_int {
    // SAFETY: the contract.
    if unsafe { file::of(file) }.try_acquire() { 0 } else { -1 }
}

/// Lets other threads have a stream again.
///
/// # Safety
/// C contract: a stream that the calling thread locked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn funlockfile(file: *mut File) {
    // SAFETY: the contract.
    unsafe { file::of(file) }.release();
}
