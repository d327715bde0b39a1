//! `scanf` from memory, with a `va_list`.
use super::arguments::Arguments;
use super::variadic::VaList;
use crate::errno::set_errno;
use c_stdio::scan::{Failure, Input, scan};
use core::ffi::{c_char, c_int};
use libc::{EILSEQ, EINVAL, ENOMEM};

/// `EOF`.
pub(super) const END: c_int = -1;

/// Reads what a format says; answers how many values were stored, or -1 where the input ended before
/// the first, or with errno: `EINVAL` for what is no format, `EILSEQ` for bytes that are no UTF-8,
/// `ENOMEM`.
///
/// # Safety
/// As [`vsscanf`].
pub(super) unsafe fn read(
    format: *const c_char,
    list: *mut VaList,
    input: &mut impl Input,
) -> c_int {
    // SAFETY: the caller's promise.
    let format = unsafe { super::format(format) };
    // SAFETY: the caller's promise.
    let mut arguments = unsafe { Arguments::new(list) };
    match scan(format, input, &mut arguments) {
        Ok(count) => return count as c_int,
        Err(Failure::Ended) => {}
        Err(Failure::Malformed) => set_errno(EINVAL),
        Err(Failure::NoCharacter) => set_errno(EILSEQ),
        Err(Failure::NoMemory) => set_errno(ENOMEM),
    }
    END
}

/// What is left of a string.
struct Text(*const u8);

impl Input for Text {
    fn next(&mut self) -> Option<u8> {
        // SAFETY: a string, of which the NUL was not passed.
        let byte = unsafe { self.0.read() };
        if byte == 0 {
            return None;
        }
        self.0 = self.0.wrapping_add(1);
        Some(byte)
    }

    fn back(&mut self, _byte: u8) {
        self.0 = self.0.wrapping_sub(1);
    }
}

/// Reads what a format says from a string.
///
/// # Safety
/// C contract: two strings; the list has the addresses that the format asks for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn vsscanf(
    from: *const c_char,
    format: *const c_char,
    list: *mut VaList,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { read(format, list, &mut Text(from.cast())) }
}
