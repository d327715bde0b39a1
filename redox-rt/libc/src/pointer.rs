//! Pointers that C callers pass, turned into what Rust can hold.
use crate::errno::error;
use clavis_abi::error::Result;
use clavis_rt::Number;
use core::ffi::{CStr, c_char, c_int, c_void};
use libc::{EBADF, EFAULT, EINVAL};

/// Bytes that a caller lends for reading. A null pointer lends none.
///
/// # Safety
/// `length` bytes are readable and stay unchanged while the slice lives.
pub(crate) unsafe fn bytes<'a>(place: *const c_void, length: usize) -> &'a [u8] {
    if place.is_null() {
        return &[];
    }
    let length = length.min(isize::MAX as usize);
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts(place.cast(), length) }
}

/// Bytes that a caller lends for writing. A null pointer lends none. The slice is only handed to
/// the kernel or written, never read before it was written.
///
/// # Safety
/// `length` bytes are writable and nobody else touches them while the slice lives.
pub(crate) unsafe fn bytes_mut<'a>(place: *mut c_void, length: usize) -> &'a mut [u8] {
    if place.is_null() {
        return &mut [];
    }
    let length = length.min(isize::MAX as usize);
    // SAFETY: the caller's promise.
    unsafe { core::slice::from_raw_parts_mut(place.cast(), length) }
}

/// As [`bytes`], for calls that must fail where null is not what was meant: `EFAULT` unless nothing
/// is lent.
///
/// # Safety
/// As there.
pub(crate) unsafe fn source<'a>(place: *const c_void, length: usize) -> Result<&'a [u8]> {
    if place.is_null() && length > 0 {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { bytes(place, length) })
}

/// As [`bytes_mut`], for calls that must fail where null is not what was meant: `EFAULT` unless
/// nothing is lent.
///
/// # Safety
/// As there.
pub(crate) unsafe fn target<'a>(place: *mut c_void, length: usize) -> Result<&'a mut [u8]> {
    if place.is_null() && length > 0 {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { bytes_mut(place, length) })
}

/// A C string that must be UTF-8, as every path in the system is.
///
/// # Safety
/// It is NUL-terminated and stays unchanged while the slice lives.
pub(crate) unsafe fn text<'a>(place: *const c_char) -> Result<&'a str> {
    if place.is_null() {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    let string = unsafe { CStr::from_ptr(place) };
    string.to_str().map_err(|_| error(EINVAL))
}

/// Text given by address and length.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text_of<'a>(place: *const u8, length: usize) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    let bytes = unsafe { bytes(place.cast(), length) };
    core::str::from_utf8(bytes).map_err(|_| error(EINVAL))
}

/// Writes a result where the caller wants it.
///
/// # Safety
/// The place is null or takes a `T`.
pub(crate) unsafe fn put<T>(place: *mut T, value: T) -> Result<()> {
    if place.is_null() {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    unsafe { place.write(value) };
    Ok(())
}

/// Writes a result if the caller wants it.
///
/// # Safety
/// As [`put`].
pub(crate) unsafe fn put_if<T>(place: *mut T, value: T) {
    if !place.is_null() {
        // SAFETY: the caller's promise.
        unsafe { place.write(value) };
    }
}

/// Reads an argument behind a pointer.
///
/// # Safety
/// The place is null or holds a `T`.
pub(crate) unsafe fn get<T: Copy>(place: *const T) -> Result<T> {
    if place.is_null() {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { place.read() })
}

/// Reads an argument that may be left out.
///
/// # Safety
/// As [`get`].
pub(crate) unsafe fn get_if<T: Copy>(place: *const T) -> Option<T> {
    // SAFETY: the caller's promise.
    unsafe { get(place) }.ok()
}

/// A POSIX descriptor as a handle number, of who promised to use descriptors.
pub(crate) fn fd(number: c_int) -> Result<Number> {
    crate::promises::promised(crate::promises::Operation::Stdio)?;
    handle(number)
}

/// A POSIX descriptor as a handle number, where another promise is asked for.
pub(crate) fn handle(number: c_int) -> Result<Number> {
    usize::try_from(number).map(Number::from_raw).map_err(|_| error(EBADF))
}
