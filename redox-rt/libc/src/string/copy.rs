//! Copying strings: to their end, within a bound, up to a byte.
use super::{memchr, memcpy, strlen, strnlen};
use core::ffi::{c_char, c_int, c_void};
use core::ptr;

/// Copies a string and answers where its NUL lies.
///
/// # Safety
/// C contract: `from` is NUL-terminated and `to` takes it.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn stpcpy(to: *mut c_char, from: *const c_char) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strlen(from) };
    // SAFETY: the contract: the string and its NUL.
    unsafe { memcpy(to.cast(), from.cast(), length + 1) };
    to.wrapping_add(length)
}

/// As `strncpy`, and answers where the first NUL lies, or the end.
///
/// # Safety
/// C contract: `from` is NUL-terminated or `count` bytes long, `to` takes `count` bytes.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn stpncpy(
    to: *mut c_char,
    from: *const c_char,
    count: usize,
) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strnlen(from, count) };
    // SAFETY: the same contract.
    unsafe { super::strncpy(to, from, count) };
    to.wrapping_add(length)
}

/// Appends at most `count` bytes of a string, and a NUL.
///
/// # Safety
/// C contract: `to` is a string with room for that much more; `from` is NUL-terminated or `count`
/// bytes long.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strncat(
    to: *mut c_char,
    from: *const c_char,
    count: usize,
) -> *mut c_char {
    // SAFETY: the contract.
    let length = unsafe { strnlen(from, count) };
    // SAFETY: the contract.
    let end = to.wrapping_add(unsafe { strlen(to) });
    // SAFETY: the contract: there is room.
    unsafe { memcpy(end.cast(), from.cast(), length) };
    // SAFETY: the contract: and for the NUL.
    unsafe { end.wrapping_add(length).write(0) };
    to
}

/// Copies as much of a string as fits `room` bytes with a NUL; answers the string's length.
///
/// # Safety
/// C contract: `from` is NUL-terminated, `to` takes `room` bytes.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strlcpy(to: *mut c_char, from: *const c_char, room: usize) -> usize {
    // SAFETY: the contract.
    let length = unsafe { strlen(from) };
    if let Some(most) = room.checked_sub(1) {
        let taken = length.min(most);
        // SAFETY: the contract: fewer than `room` bytes.
        unsafe { memcpy(to.cast(), from.cast(), taken) };
        // SAFETY: the byte behind them.
        unsafe { to.wrapping_add(taken).write(0) };
    }
    length
}

/// Appends as much of a string as fits `room` bytes in all with a NUL; answers the length that the
/// whole would have.
///
/// # Safety
/// C contract: `from` is NUL-terminated, `to` is `room` bytes long.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strlcat(to: *mut c_char, from: *const c_char, room: usize) -> usize {
    // SAFETY: the contract.
    let start = unsafe { strnlen(to, room) };
    // SAFETY: the contract: what is left of the room.
    start.saturating_add(unsafe { strlcpy(to.wrapping_add(start), from, room - start) })
}

/// Copies up to and including a byte, at most `count`; answers where the copy went on, or null when
/// the byte was not among them.
///
/// # Safety
/// C contract: `from` is readable and `to` writable so far.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memccpy(
    to: *mut c_void,
    from: *const c_void,
    byte: c_int,
    count: usize,
) -> *mut c_void {
    // SAFETY: the contract.
    let found = unsafe { memchr(from, byte, count) };
    let length = if found.is_null() { count } else { found as usize - from as usize + 1 };
    // SAFETY: the contract.
    unsafe { memcpy(to, from, length) };
    if found.is_null() { ptr::null_mut() } else { to.cast::<u8>().wrapping_add(length).cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(buffer: &[u8; 8]) -> &[u8] {
        buffer.split(|byte| *byte == 0).next().unwrap()
    }

    #[test]
    fn bounded_copies_end_with_a_nul_and_tell_what_was_wanted() {
        let mut buffer = [b'#'; 8];
        let place: *mut c_char = buffer.as_mut_ptr().cast();
        // SAFETY: eight bytes of room are said to be four.
        let wanted = unsafe { strlcpy(place, c"abcdef".as_ptr(), 4) };
        assert_eq!((wanted, &buffer), (6, b"abc\0####"));
        // SAFETY: as there.
        let wanted = unsafe { strlcat(place, c"XYZ".as_ptr(), 6) };
        assert_eq!((wanted, text(&buffer), buffer[6]), (6, &b"abcXY"[..], b'#'));
        // SAFETY: no room is no write.
        let wanted = unsafe { strlcat(place, c"Z".as_ptr(), 3) };
        assert_eq!((wanted, text(&buffer)), (4, &b"abcXY"[..]));
        // SAFETY: no room is no write.
        assert_eq!(unsafe { strlcpy(ptr::null_mut(), c"ab".as_ptr(), 0) }, 2);
    }

    #[test]
    fn copies_tell_where_they_ended() {
        let mut buffer = [b'#'; 8];
        let place: *mut c_char = buffer.as_mut_ptr().cast();
        // SAFETY: all of these fit eight bytes.
        assert_eq!(unsafe { stpcpy(place, c"ab".as_ptr()) }, place.wrapping_add(2));
        // SAFETY: as there.
        unsafe { strncat(place, c"cdef".as_ptr(), 2) };
        assert_eq!(text(&buffer), b"abcd");
        // SAFETY: as there.
        assert_eq!(unsafe { stpncpy(place, c"x".as_ptr(), 3) }, place.wrapping_add(1));
        assert_eq!(&buffer[..4], b"x\0\0d");
        // SAFETY: as there.
        let behind = unsafe { memccpy(place.cast(), c"k=v".as_ptr().cast(), b'='.into(), 3) };
        assert_eq!(behind, place.wrapping_add(2).cast());
        // SAFETY: as there.
        assert!(unsafe { memccpy(place.cast(), c"kv".as_ptr().cast(), b'='.into(), 2) }.is_null());
        assert_eq!(&buffer[..2], b"kv");
    }
}
