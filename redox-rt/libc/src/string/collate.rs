//! Order and case of strings in the one locale there is, *C*: bytes, and the letters of ASCII.
use super::{strcmp, strlcpy, strlen, strncasecmp};
use core::ffi::{c_char, c_int};
use core::ptr;

/// The order of two strings in the locale: that of their bytes.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcoll(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { strcmp(a, b) }
}

/// Turns a string into one whose bytes compare as the locale orders: itself. Answers its length;
/// at most `room` bytes are written.
///
/// # Safety
/// C contract: `from` is NUL-terminated, `to` takes `room` bytes.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strxfrm(to: *mut c_char, from: *const c_char, room: usize) -> usize {
    // SAFETY: the same contract.
    unsafe { strlcpy(to, from, room) }
}

/// The first place of a string within another, whatever the case, or null.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcasestr(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let (length, room) = (unsafe { strlen(wanted) }, unsafe { strlen(text) });
    for start in 0..=room.wrapping_sub(length).min(room) {
        let place = text.wrapping_add(start);
        // SAFETY: within the text, of which the comparison reads at most the NUL.
        if start + length <= room && unsafe { strncasecmp(place, wanted, length) } == 0 {
            return place.cast_mut();
        }
    }
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_string_is_found_whatever_its_case() {
        let place = |text: &CStr, wanted: &CStr| {
            // SAFETY: literals with NUL.
            let found = unsafe { strcasestr(text.as_ptr(), wanted.as_ptr()) };
            (!found.is_null()).then(|| found as usize - text.as_ptr() as usize)
        };
        assert_eq!(place(c"content-Length: 4", c"LENGTH"), Some(8));
        assert_eq!(place(c"abc", c""), Some(0));
        assert_eq!(place(c"", c""), Some(0));
        assert_eq!(place(c"ab", c"abc"), None);
        assert_eq!(place(c"abab", c"BC"), None);
    }
}
