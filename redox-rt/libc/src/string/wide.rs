//! Wide strings: arrays of Unicode scalar values of 32 bits.
use core::ffi::c_char;

/// A wide character, as C has it on this target.
type Wide = i32;

/// The length of a wide string.
///
/// # Safety
/// C contract: it ends with a zero.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn wcslen(text: *const Wide) -> usize {
    let mut length = 0;
    // SAFETY: the contract: no earlier character was the zero.
    while unsafe { text.wrapping_add(length).read() } != 0 {
        length += 1;
    }
    length
}

/// The first place of a wide character among `count`, or null.
///
/// # Safety
/// C contract: `count` characters are readable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn wmemchr(text: *const Wide, wanted: Wide, count: usize) -> *mut Wide {
    for index in 0..count {
        let place = text.wrapping_add(index);
        // SAFETY: the contract.
        if unsafe { place.read() } == wanted {
            return place.cast_mut();
        }
    }
    core::ptr::null_mut()
}

/// Turns a wide string into UTF-8. Answers the bytes without NUL, which is written where it fits;
/// `usize::MAX` for what is no character. A null `to` only counts.
///
/// # Safety
/// C contract: `from` ends with a zero, `to` is null or takes `room` bytes.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn wcstombs(to: *mut c_char, from: *const Wide, room: usize) -> usize {
    let mut written = 0;
    // SAFETY: the contract.
    for index in 0..unsafe { wcslen(from) } {
        // SAFETY: below its length.
        let wide = unsafe { from.wrapping_add(index).read() };
        let Some(character) = char::from_u32(wide as u32) else { return usize::MAX };
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).as_bytes();
        if !to.is_null() {
            if bytes.len() > room - written {
                return written;
            }
            let place = to.wrapping_add(written).cast();
            // SAFETY: it fits what is left of the room.
            unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
        }
        written += bytes.len();
    }
    if !to.is_null() && written < room {
        // SAFETY: inside the room.
        unsafe { to.wrapping_add(written).write(0) };
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::ptr;

    #[test]
    fn wide_strings_become_utf8_without_cutting_a_character() {
        let wide = ['a' as Wide, '€' as Wide, 0];
        let mut buffer = [b'#' as c_char; 6];
        // SAFETY: the array ends with a zero.
        assert_eq!(unsafe { wcstombs(ptr::null_mut(), wide.as_ptr(), 0) }, 4);
        // SAFETY: six bytes of room are said to be three.
        assert_eq!(unsafe { wcstombs(buffer.as_mut_ptr(), wide.as_ptr(), 3) }, 1);
        assert_eq!(buffer[1], b'#' as c_char);
        // SAFETY: six bytes of room.
        assert_eq!(unsafe { wcstombs(buffer.as_mut_ptr(), wide.as_ptr(), 6) }, 4);
        assert_eq!(buffer.map(|byte| byte as u8), *b"a\xE2\x82\xAC\0#");
        // SAFETY: the array ends with a zero.
        let wrong = unsafe { wcstombs(ptr::null_mut(), [0xD800, 0].as_ptr(), 0) };
        assert_eq!(wrong, usize::MAX);
        // SAFETY: three characters.
        let found = unsafe { wmemchr(wide.as_ptr(), '€' as Wide, 3) };
        assert_eq!(found, wide.as_ptr().wrapping_add(1).cast_mut());
    }
}
