//! The error number, and how results become C's.
use clavis_abi::error::{Error, Result};
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use libc::{EINVAL, ERANGE};

/// Where the calling thread's error number lies.
#[unsafe(no_mangle)]
pub extern "C" fn __errno_location() -> *mut c_int {
    clavis_rt::tls::current().errno.as_ptr()
}

/// The same, under the name that std's own binding uses.
#[unsafe(no_mangle)]
pub extern "C" fn __errno() -> *mut c_int {
    clavis_rt::tls::current().errno.as_ptr()
}

/// The same, under the name that the crate `errno` 0.2 expects on Redox.
#[unsafe(no_mangle)]
pub extern "C" fn errno_location() -> *mut c_int {
    clavis_rt::tls::current().errno.as_ptr()
}

/// Records an error number.
pub(crate) fn set_errno(number: c_int) {
    clavis_rt::tls::current().errno.set(number);
}

/// The recorded error number.
pub(crate) fn errno() -> c_int {
    clavis_rt::tls::current().errno.get()
}

/// Integers whose -1 says *see errno*.
pub(crate) trait Failure {
    /// The value that says so.
    const FAILED: Self;
}

impl Failure for c_int {
    const FAILED: Self = -1;
}

impl Failure for isize {
    const FAILED: Self = -1;
}

impl Failure for i64 {
    const FAILED: Self = -1;
}

impl<T> Failure for *mut T {
    const FAILED: Self = core::ptr::null_mut();
}

/// Answers a value, or records the error and answers the value that says so.
pub(crate) fn answer<T: Failure>(result: Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => fail(error.errno),
    }
}

/// 0, or -1 with the error recorded.
pub(crate) fn status<T>(result: Result<T>) -> c_int {
    answer(result.map(|_| 0))
}

/// A count of bytes, or -1 with the error recorded.
pub(crate) fn count(result: Result<usize>) -> isize {
    answer(result.map(|count| count as isize))
}

/// Records an error and answers the value that says so.
pub(crate) fn fail<T: Failure>(number: c_int) -> T {
    set_errno(number);
    T::FAILED
}

/// An error value.
pub(crate) const fn error(number: c_int) -> Error {
    Error { errno: number }
}

/// The error number itself, or 0: the convention of `pthread_*` and `posix_*`.
pub(crate) fn number<T>(result: Result<T>) -> c_int {
    match result {
        Ok(_) => 0,
        Err(error) => error.errno,
    }
}

/// Describes an error number. A refusal is described with the handle and the right that the
/// thread's last denial names.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strerror_r(wanted: c_int, buffer: *mut c_char, length: usize) -> c_int {
    let Some(room) = length.checked_sub(1) else { return ERANGE };
    let mut text = crate::message::Text::new();
    let known = describe(wanted, &mut text);
    let bytes = text.text().as_bytes();
    let taken = bytes.len().min(room);
    // SAFETY: at most `length - 1` bytes of the caller's buffer, from a live local.
    unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), buffer.cast(), taken) };
    // SAFETY: the byte behind them is still inside the buffer.
    unsafe { buffer.wrapping_add(taken).write(0) };
    if !known {
        EINVAL
    } else if taken < bytes.len() {
        ERANGE
    } else {
        0
    }
}

/// Words of the last [`strerror`].
struct Words(UnsafeCell<[u8; WORDS]>);

/// Room for them.
const WORDS: usize = 256;

// SAFETY: C's rule for `strerror`: the program calls it in one thread at a time.
unsafe impl Sync for Words {}

/// Describes an error number. The answer is good until the next call.
///
/// # Safety
/// C contract: no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strerror(wanted: c_int) -> *mut c_char {
    static LAST: Words = Words(UnsafeCell::new([0; WORDS]));
    let place = LAST.0.get().cast::<c_char>();
    // SAFETY: the contract; the place has that many bytes. An unknown number is described too.
    let _ = unsafe { strerror_r(wanted, place, WORDS) };
    place
}

/// Writes the description; whether the number is known.
pub(crate) fn describe(wanted: c_int, text: &mut crate::message::Text) -> bool {
    let denial = if wanted == clavis_abi::error::ENOTCAPABLE {
        clavis_rt::sys::clavis::last_denial()
    } else {
        None
    };
    crate::message::describe(wanted, denial.as_ref(), text)
}
