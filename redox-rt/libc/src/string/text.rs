//! C strings.
use super::{memchr, memcpy};
use core::arch::asm;
use core::ffi::{c_char, c_int};
use core::ptr;

/// The length of a C string.
///
/// # Safety
/// C contract: `text` is a NUL-terminated string.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strlen(text: *const c_char) -> usize {
    let skip = text as usize & 15;
    let base = text as usize - skip;
    let mut place = base;
    let mut mask: u32;
    // SAFETY: an aligned block of sixteen bytes holds at least one byte of the string and lies in
    // that byte's page, so reading it cannot fault.
    unsafe {
        asm!(
            "pxor {zero}, {zero}",
            "pcmpeqb {zero}, [{place}]",
            "pmovmskb {mask:e}, {zero}",
            place = in(reg) place,
            zero = out(xmm_reg) _,
            mask = out(reg) mask,
            options(nostack, readonly, preserves_flags),
        )
    };
    mask &= u32::MAX << skip;
    if mask == 0 {
        // SAFETY: each next block is read only when no NUL was in the one before, so it holds a
        // byte of the string; the loop ends at the NUL.
        unsafe {
            asm!(
                "2:",
                "add {place}, 16",
                "pxor {zero}, {zero}",
                "pcmpeqb {zero}, [{place}]",
                "pmovmskb {mask:e}, {zero}",
                "test {mask:e}, {mask:e}",
                "jz 2b",
                place = inout(reg) place,
                zero = out(xmm_reg) _,
                mask = out(reg) mask,
                options(nostack, readonly),
            )
        };
    }
    place + mask.trailing_zeros() as usize - text as usize
}

/// The length of a C string, at most `bound`.
///
/// # Safety
/// C contract: `text` is NUL-terminated or at least `bound` bytes long.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strnlen(text: *const c_char, bound: usize) -> usize {
    // SAFETY: memchr stops at the first match, so it reads no further than the contract allows.
    let end = unsafe { memchr(text.cast(), 0, bound) };
    if end.is_null() { bound } else { end as usize - text as usize }
}

/// A byte of a string.
///
/// # Safety
/// The byte is readable.
#[inline(always)]
unsafe fn byte(text: *const c_char, offset: usize) -> u8 {
    let place = text.wrapping_add(offset).cast::<u8>();
    // SAFETY: the caller's promise.
    unsafe { place.read() }
}

/// Compares two strings up to `bound` bytes, after mapping each byte.
///
/// # Safety
/// Both are NUL-terminated or at least `bound` bytes long.
#[inline(always)]
unsafe fn compare(
    a: *const c_char,
    b: *const c_char,
    bound: usize,
    map: impl Fn(u8) -> u8,
) -> c_int {
    let mut offset = 0;
    while offset < bound {
        // SAFETY: no NUL came before this byte.
        let left = map(unsafe { byte(a, offset) });
        // SAFETY: the strings were the same before this byte, so no NUL came before it here either.
        let right = map(unsafe { byte(b, offset) });
        if left != right || left == 0 {
            return c_int::from(left) - c_int::from(right);
        }
        offset += 1;
    }
    0
}

/// Compares two strings.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcmp(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { compare(a, b, usize::MAX, |byte| byte) }
}

/// Compares at most `bound` bytes of two strings.
///
/// # Safety
/// C contract: both are NUL-terminated or `bound` bytes long.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strncmp(a: *const c_char, b: *const c_char, bound: usize) -> c_int {
    // SAFETY: the same contract.
    unsafe { compare(a, b, bound, |byte| byte) }
}

/// Compares two strings without regard to ASCII case.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcasecmp(a: *const c_char, b: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { compare(a, b, usize::MAX, |byte| byte.to_ascii_lowercase()) }
}

/// Compares at most `bound` bytes of two strings without regard to ASCII case.
///
/// # Safety
/// C contract: both are NUL-terminated or `bound` bytes long.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strncasecmp(a: *const c_char, b: *const c_char, bound: usize) -> c_int {
    // SAFETY: the same contract.
    unsafe { compare(a, b, bound, |byte| byte.to_ascii_lowercase()) }
}

/// Copies a string with its NUL.
///
/// # Safety
/// C contract: `from` is NUL-terminated and fits `to`; no overlap.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(from) };
    // SAFETY: the contract: the string and its NUL fit.
    unsafe { memcpy(to.cast(), from.cast(), length + 1) };
    to
}

/// Copies at most `count` bytes of a string and fills the rest with NULs.
///
/// # Safety
/// C contract: `from` is NUL-terminated or `count` bytes long, `to` takes `count` bytes.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strncpy(
    to: *mut c_char,
    from: *const c_char,
    count: usize,
) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strnlen(from, count) };
    // SAFETY: at most `count` bytes.
    unsafe { memcpy(to.cast(), from.cast(), length) };
    // SAFETY: the rest of `count` bytes.
    unsafe { super::memset(to.wrapping_add(length).cast(), 0, count - length) };
    to
}

/// Appends a string.
///
/// # Safety
/// C contract: both are NUL-terminated, and both together fit `to`; no overlap.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcat(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(to) };
    // SAFETY: the contract: there is room behind the first string.
    unsafe { strcpy(to.wrapping_add(length), from) };
    to
}

/// The first place of a byte in a string (its NUL included), or null.
///
/// # Safety
/// C contract: `text` is NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strchr(text: *const c_char, wanted: c_int) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(text) };
    // SAFETY: the string and its NUL.
    unsafe { memchr(text.cast(), wanted, length + 1) }.cast()
}

/// The last place of a byte in a string (its NUL included), or null.
///
/// # Safety
/// C contract: `text` is NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strrchr(text: *const c_char, wanted: c_int) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(text) };
    // SAFETY: the string and its NUL.
    unsafe { super::memrchr(text.cast(), wanted, length + 1) }.cast()
}

/// The first place of a string in another, or null.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strstr(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(wanted) };
    let mut place = text;
    loop {
        // SAFETY: `place` stays inside `text`, whose NUL ends the comparison.
        if unsafe { strncmp(place, wanted, length) } == 0 {
            return place.cast_mut();
        }
        // SAFETY: still at most at the NUL.
        if unsafe { byte(place, 0) } == 0 {
            return ptr::null_mut();
        }
        place = place.wrapping_add(1);
    }
}

/// A copy of a string on the heap, or null.
///
/// # Safety
/// C contract: `text` is NUL-terminated.
#[cfg(target_os = "redox")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strdup(text: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(text) };
    // SAFETY: the contract.
    unsafe { strndup(text, length) }
}

/// A copy of at most `bound` bytes of a string on the heap, or null.
///
/// # Safety
/// C contract: `text` is NUL-terminated or `bound` bytes long.
#[cfg(target_os = "redox")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strndup(text: *const c_char, bound: usize) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strnlen(text, bound) };
    let copy = crate::malloc::malloc(length + 1);
    if !copy.is_null() {
        // SAFETY: the string is `length` bytes long, the copy one more.
        unsafe { memcpy(copy, text.cast(), length) };
        // SAFETY: the last byte of the copy.
        unsafe { copy.cast::<u8>().wrapping_add(length).write(0) };
    }
    copy.cast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn text(length: usize, shift: usize) -> Vec<u8> {
        let mut bytes = std::vec![b' '; shift];
        bytes.extend((0..length).map(|index| b'a' + (index % 26) as u8));
        bytes.extend([0, b'!', b'!']);
        bytes
    }

    #[test]
    fn strlen_counts_to_the_nul_at_every_alignment() {
        for length in 0..70 {
            for shift in 0..17 {
                let bytes = text(length, shift);
                // SAFETY: the vector holds a NUL.
                let found = unsafe { strlen(bytes[shift..].as_ptr().cast()) };
                assert_eq!(found, length, "shift {shift}");
            }
        }
    }

    #[test]
    fn strnlen_stops_at_its_bound() {
        let bytes = text(10, 0);
        for (bound, expected) in [(0, 0), (5, 5), (10, 10), (11, 10), (usize::MAX, 10)] {
            // SAFETY: the vector holds a NUL.
            assert_eq!(unsafe { strnlen(bytes.as_ptr().cast(), bound) }, expected);
        }
    }

    #[test]
    fn strings_compare_as_bytes_and_case_can_be_ignored() {
        // SAFETY: literals with NUL.
        let order =
            |a: &std::ffi::CStr, b: &std::ffi::CStr| unsafe { strcmp(a.as_ptr(), b.as_ptr()) };
        assert_eq!(order(c"abc", c"abc"), 0);
        assert!(order(c"abc", c"abd") < 0);
        assert!(order(c"ab", c"abc") < 0);
        assert!(order(c"\xFF", c"a") > 0);
        // SAFETY: literals with NUL.
        assert_eq!(unsafe { strcasecmp(c"HeLLo".as_ptr(), c"hEllO".as_ptr()) }, 0);
        // SAFETY: literals with NUL.
        assert_eq!(unsafe { strncmp(c"abcX".as_ptr(), c"abcY".as_ptr(), 3) }, 0);
    }

    #[test]
    fn copies_end_with_their_nul() {
        let mut buffer = [0x7F as c_char; 16];
        // SAFETY: both strings fit the buffer.
        unsafe { strcpy(buffer.as_mut_ptr(), c"one".as_ptr()) };
        // SAFETY: both strings fit the buffer.
        unsafe { strcat(buffer.as_mut_ptr(), c"two".as_ptr()) };
        assert_eq!(buffer[..8].iter().map(|c| *c as u8).collect::<Vec<_>>(), *b"onetwo\0\x7F");
        // SAFETY: eight bytes of the buffer.
        unsafe { strncpy(buffer.as_mut_ptr(), c"x".as_ptr(), 8) };
        assert_eq!(
            buffer[..9].iter().map(|c| *c as u8).collect::<Vec<_>>(),
            *b"x\0\0\0\0\0\0\0\x7F"
        );
    }

    #[test]
    fn strstr_finds_the_first_place() {
        let place = |text: &std::ffi::CStr, wanted: &std::ffi::CStr| {
            // SAFETY: literals with NUL.
            let found = unsafe { strstr(text.as_ptr(), wanted.as_ptr()) };
            (!found.is_null()).then(|| found as usize - text.as_ptr() as usize)
        };
        assert_eq!(place(c"banana", c"nan"), Some(2));
        assert_eq!(place(c"banana", c""), Some(0));
        assert_eq!(place(c"banana", c"nab"), None);
        assert_eq!(place(c"", c"a"), None);
    }
}
