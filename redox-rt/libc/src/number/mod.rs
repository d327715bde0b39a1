//! Numbers in text: `strtol`, `strtod` and their kin. Reading is pure; the C functions are in
//! [`symbols`].
mod integer;
mod real;
#[cfg(target_os = "redox")]
pub mod symbols;

#[cfg(target_os = "redox")]
use core::ffi::{CStr, c_char};

/// What was read at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Read<T> {
    /// The number; the nearest one there is when it does not fit.
    pub(crate) value: T,
    /// Bytes that it took; 0: there was none.
    pub(crate) length: usize,
    /// Whether it fits.
    pub(crate) fits: bool,
}

/// What stands before a number's digits.
struct Front<'a> {
    /// Bytes of white space and of the sign.
    length: usize,
    /// Whether the sign is a minus.
    negative: bool,
    /// What follows.
    rest: &'a [u8],
}

/// Passes over white space, as C counts it, and a sign.
fn front(text: &[u8]) -> Front<'_> {
    let blanks = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let (signs, negative) = sign(text.get(blanks..).unwrap_or_default());
    let length = blanks + signs;
    Front { length, negative, rest: text.get(length..).unwrap_or_default() }
}

/// The sign at the start: its bytes, and whether it is a minus.
fn sign(text: &[u8]) -> (usize, bool) {
    match text.first() {
        Some(b'-') => (1, true),
        Some(b'+') => (1, false),
        _ => (0, false),
    }
}

/// The bytes of a C string.
///
/// # Safety
/// `text` is NUL-terminated and stays while the slice lives.
#[cfg(target_os = "redox")]
unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}
