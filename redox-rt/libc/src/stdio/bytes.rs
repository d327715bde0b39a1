//! Bytes in and out of streams.
use super::file::{self, File, Guard};
use super::scan::END;
use crate::errno::set_errno;
use crate::pointer::{bytes, bytes_mut};
use core::ffi::{c_int, c_void};
use libc::EOVERFLOW;

/// Takes a byte.
fn get(mut guard: Guard<'_>) -> c_int {
    match guard.stream.get() {
        Ok(byte) => byte.map_or(END, c_int::from),
        Err(errno) => {
            set_errno(errno);
            END
        }
    }
}

/// Puts a byte.
fn put(byte: c_int, mut guard: Guard<'_>) -> c_int {
    match guard.stream.write(&[byte as u8]) {
        (_, Ok(())) => c_int::from(byte as u8),
        (_, Err(errno)) => {
            set_errno(errno);
            END
        }
    }
}

macro_rules! takes {
    ($($name:ident)*) => {$(
        /// Takes a byte of a stream; `EOF` at the end, and with errno after an error. A stream that
        /// is locked can be used without `_unlocked`, too.
        ///
        /// # Safety
        /// C contract: a stream.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(file: *mut File) -> c_int {
            // SAFETY: the contract.
            get(unsafe { file::of(file) }.lock_to_read())
        }
    )*};
}
takes!(fgetc getc getc_unlocked);

macro_rules! puts {
    ($($name:ident)*) => {$(
        /// Puts a byte into a stream; answers it, or `EOF` with errno.
        ///
        /// # Safety
        /// C contract: a stream.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(byte: c_int, file: *mut File) -> c_int {
            // SAFETY: the contract.
            put(byte, unsafe { file::of(file) }.lock())
        }
    )*};
}
puts!(fputc putc putc_unlocked);

macro_rules! of_standard {
    ($($takes:ident $puts:ident)*) => {$(
        /// Takes a byte of the standard input.
        #[unsafe(no_mangle)]
        pub extern "C" fn $takes() -> c_int {
            get(file::input().lock_to_read())
        }

        /// Puts a byte into the standard output.
        #[unsafe(no_mangle)]
        pub extern "C" fn $puts(byte: c_int) -> c_int {
            put(byte, file::output().lock())
        }
    )*};
}
of_standard!(getchar putchar getchar_unlocked putchar_unlocked);

/// Gives a byte back to a stream, of which eight can be; answers it, or `EOF`.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ungetc(byte: c_int, file: *mut File) -> c_int {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock();
    if byte != END && guard.stream.give(byte as u8) { c_int::from(byte as u8) } else { END }
}

/// The bytes of `count` elements, if there are any. Too many are `EOVERFLOW`.
fn total(size: usize, count: usize) -> Option<usize> {
    let length = size.checked_mul(count);
    if length.is_none() {
        set_errno(EOVERFLOW);
    }
    length.filter(|length| *length > 0)
}

/// Reads elements; answers how many whole ones.
///
/// # Safety
/// C contract: `to` takes them; a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fread(
    to: *mut c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    let Some(length) = total(size, count) else { return 0 };
    // SAFETY: the contract.
    let to = unsafe { bytes_mut(to, length) };
    // SAFETY: the contract.
    let (done, result) = unsafe { file::of(file) }.lock_to_read().stream.read(to);
    if let Err(errno) = result {
        set_errno(errno);
    }
    done / size
}

/// Writes elements; answers how many whole ones.
///
/// # Safety
/// C contract: `from` has them; a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwrite(
    from: *const c_void,
    size: usize,
    count: usize,
    file: *mut File,
) -> usize {
    let Some(length) = total(size, count) else { return 0 };
    // SAFETY: the contract.
    let from = unsafe { bytes(from, length) };
    // SAFETY: the contract.
    let (done, result) = unsafe { file::of(file) }.lock().stream.write(from);
    if let Err(errno) = result {
        set_errno(errno);
    }
    done / size
}
