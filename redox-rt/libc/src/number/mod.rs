//! Numbers in text: `strtol`, `strtod` and their kin, by `c_stdio`.
pub mod symbols;

use core::ffi::{CStr, c_char};

/// The bytes of a C string.
///
/// # Safety
/// `text` is NUL-terminated and stays while the slice lives.
unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}
