//! Searching strings for any of several bytes, and cutting them into words.
use super::strlen;
use core::ffi::c_char;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A set of bytes.
struct Bytes([u64; 4]);

impl Bytes {
    /// The bytes of a C string.
    ///
    /// # Safety
    /// `text` is NUL-terminated.
    unsafe fn of(text: *const c_char) -> Bytes {
        let mut words = [0; 4];
        // SAFETY: the caller's promise.
        for index in 0..unsafe { strlen(text) } {
            // SAFETY: below the length.
            let byte = unsafe { text.wrapping_add(index).read() } as u8;
            if let Some(word) = words.get_mut(usize::from(byte / 64)) {
                *word |= 1 << (byte % 64);
            }
        }
        Bytes(words)
    }

    fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte / 64)).is_some_and(|word| word >> (byte % 64) & 1 == 1)
    }
}

/// How many bytes of a string come before the first that is in the set, or is not, as `wanted`
/// says, or before its end.
///
/// # Safety
/// `text` is NUL-terminated.
unsafe fn before(text: *const c_char, bytes: &Bytes, wanted: bool) -> usize {
    let mut length = 0;
    loop {
        // SAFETY: no earlier byte was the NUL.
        let byte = unsafe { text.wrapping_add(length).read() } as u8;
        if byte == 0 || bytes.has(byte) == wanted {
            return length;
        }
        length += 1;
    }
}

/// How many bytes a string starts with that are all in `accepted`.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strspn(text: *const c_char, accepted: *const c_char) -> usize {
    // SAFETY: the contract.
    let bytes = unsafe { Bytes::of(accepted) };
    // SAFETY: the contract.
    unsafe { before(text, &bytes, false) }
}

/// How many bytes a string starts with that are all not in `rejected`.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strcspn(text: *const c_char, rejected: *const c_char) -> usize {
    // SAFETY: the contract.
    let bytes = unsafe { Bytes::of(rejected) };
    // SAFETY: the contract.
    unsafe { before(text, &bytes, true) }
}

/// The first place of any of the `wanted` bytes, or null.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strpbrk(text: *const c_char, wanted: *const c_char) -> *mut c_char {
    // SAFETY: the same contract.
    let place = text.wrapping_add(unsafe { strcspn(text, wanted) });
    // SAFETY: at most the NUL.
    if unsafe { place.read() } == 0 { ptr::null_mut() } else { place.cast_mut() }
}

/// The next word of a string, cut off by a NUL, or null. Words are separated by any of the
/// `separators`; the first call gives the string, later ones null and the same `rest`.
///
/// # Safety
/// C contract: `text` is null or a writable string, `separators` is NUL-terminated, `rest` is
/// writable and, without `text`, as the call before left it.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strtok_r(
    text: *mut c_char,
    separators: *const c_char,
    rest: *mut *mut c_char,
) -> *mut c_char {
    let start = if text.is_null() {
        // SAFETY: the contract.
        unsafe { rest.read() }
    } else {
        text
    };
    if start.is_null() {
        return start;
    }
    // SAFETY: the contract.
    let bytes = unsafe { Bytes::of(separators) };
    // SAFETY: the contract: a string.
    let word = start.wrapping_add(unsafe { before(start, &bytes, false) });
    // SAFETY: within that string.
    let end = word.wrapping_add(unsafe { before(word, &bytes, true) });
    // SAFETY: at most its NUL.
    let last = unsafe { end.read() } == 0;
    let next = if last {
        ptr::null_mut()
    } else {
        // SAFETY: the contract: writable.
        unsafe { end.write(0) };
        end.wrapping_add(1)
    };
    // SAFETY: the contract.
    unsafe { rest.write(next) };
    if word == end { ptr::null_mut() } else { word }
}

/// As [`strtok_r`], with one place for the whole process to remember the rest in.
///
/// # Safety
/// C contract: as there; no other thread does the same meanwhile.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn strtok(text: *mut c_char, separators: *const c_char) -> *mut c_char {
    static REST: AtomicPtr<c_char> = AtomicPtr::new(ptr::null_mut());
    let mut rest = REST.load(Ordering::Relaxed);
    // SAFETY: the same contract.
    let word = unsafe { strtok_r(text, separators, &raw mut rest) };
    REST.store(rest, Ordering::Relaxed);
    word
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::vec::Vec;

    #[test]
    fn spans_end_at_the_first_byte_that_does_not_belong() {
        let span = |text: &CStr, set: &CStr| {
            // SAFETY: literals with NUL.
            let inside = unsafe { strspn(text.as_ptr(), set.as_ptr()) };
            // SAFETY: literals with NUL.
            (inside, unsafe { strcspn(text.as_ptr(), set.as_ptr()) })
        };
        assert_eq!(span(c"aab,c", c"ab"), (3, 0));
        assert_eq!(span(c"x\xFF", c"\xFF"), (0, 1));
        assert_eq!(span(c"xyz", c""), (0, 3));
        assert_eq!(span(c"", c"a"), (0, 0));
        // SAFETY: literals with NUL.
        assert!(unsafe { strpbrk(c"abc".as_ptr(), c"xyz".as_ptr()) }.is_null());
    }

    #[test]
    fn words_are_cut_off_one_by_one() {
        for (text, expected) in
            [(&b",,a,bc;;d,\0"[..], &["a", "bc", "d"][..]), (b"\0", &[]), (b",;,\0", &[])]
        {
            let mut text = text.to_vec();
            let mut rest = ptr::null_mut();
            let mut start: *mut c_char = text.as_mut_ptr().cast();
            let mut words = Vec::new();
            loop {
                // SAFETY: the vector is a writable string.
                let word = unsafe { strtok_r(start, c",;".as_ptr(), &raw mut rest) };
                if word.is_null() {
                    break;
                }
                // SAFETY: a string inside the vector.
                words.push(unsafe { CStr::from_ptr(word) }.to_str().unwrap());
                start = ptr::null_mut();
            }
            assert_eq!(words, expected);
        }
    }
}
