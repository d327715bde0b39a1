//! `stdio.h`. What formats and streams do is `c_stdio`'s; here are the C functions, and what those
//! need of the caller and of the system: arguments, memory, descriptors, locks.
//!
//! A program that uses no stream has nothing of them: what is written at the end is registered by the
//! first use of one.
mod arguments;
pub mod bytes;
pub mod file;
mod growing;
pub mod lines;
pub mod memory;
pub mod open;
pub mod piped;
pub mod position;
pub mod print;
pub mod scan;
mod source;
pub mod streams;
pub mod variadic;
pub mod wide;

use core::ffi::{CStr, c_char};

/// The bytes of a format.
///
/// # Safety
/// It is NUL-terminated and stays while the slice lives.
unsafe fn format<'f>(format: *const c_char) -> &'f [u8] {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(format) }.to_bytes()
}
