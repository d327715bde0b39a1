//! Comparing and searching memory.
use super::memory::load;
use core::ffi::{c_int, c_void};
use core::ptr;

/// Compares memory as unsigned bytes.
///
/// # Safety
/// C contract: `count` bytes of both are readable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memcmp(a: *const c_void, b: *const c_void, count: usize) -> c_int {
    let (a, b) = (a.cast::<u8>(), b.cast::<u8>());
    let mut offset = 0;
    while count - offset >= 8 {
        // SAFETY: eight bytes below `count`.
        let left: u64 = unsafe { load(a, offset) };
        // SAFETY: eight bytes below `count`.
        let right: u64 = unsafe { load(b, offset) };
        if left != right {
            return if left.swap_bytes() < right.swap_bytes() { -1 } else { 1 };
        }
        offset += 8;
    }
    while offset < count {
        // SAFETY: one byte below `count`.
        let left: u8 = unsafe { load(a, offset) };
        // SAFETY: one byte below `count`.
        let right: u8 = unsafe { load(b, offset) };
        if left != right {
            return c_int::from(left) - c_int::from(right);
        }
        offset += 1;
    }
    0
}

/// Whether memory differs (0: no).
///
/// # Safety
/// C contract: `count` bytes of both are readable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn bcmp(a: *const c_void, b: *const c_void, count: usize) -> c_int {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, count) }
}

/// The first place of a byte, or null.
///
/// # Safety
/// C contract: `count` bytes are readable, or as many as there are up to the byte.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memchr(memory: *const c_void, byte: c_int, count: usize) -> *mut c_void {
    let base = memory.cast::<u8>();
    let mut offset = 0;
    while offset < count {
        // SAFETY: below `count`, and no earlier byte matched.
        let found: u8 = unsafe { load(base, offset) };
        if found == byte as u8 {
            return base.wrapping_add(offset).cast_mut().cast();
        }
        offset += 1;
    }
    ptr::null_mut()
}

/// The last place of a byte, or null.
///
/// # Safety
/// C contract: `count` bytes are readable.
#[cfg_attr(target_os = "redox", unsafe(no_mangle))]
pub unsafe extern "C" fn memrchr(memory: *const c_void, byte: c_int, count: usize) -> *mut c_void {
    let base = memory.cast::<u8>();
    let mut offset = count;
    while offset > 0 {
        offset -= 1;
        // SAFETY: below `count`.
        let found: u8 = unsafe { load(base, offset) };
        if found == byte as u8 {
            return base.wrapping_add(offset).cast_mut().cast();
        }
    }
    ptr::null_mut()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 7 + index / 251) as u8).collect()
    }

    #[test]
    fn memcmp_orders_as_unsigned_bytes() {
        for count in [1, 2, 7, 8, 9, 15, 16, 17, 33, 255, 1000] {
            let a = pattern(count);
            for place in [0, count / 2, count - 1] {
                let mut b = a.clone();
                b[place] = b[place].wrapping_add(0x80);
                // SAFETY: both hold `count` bytes.
                let order = unsafe { memcmp(a.as_ptr().cast(), b.as_ptr().cast(), count) };
                assert_eq!(order.signum(), a.cmp(&b) as c_int);
            }
            // SAFETY: the same memory twice.
            assert_eq!(unsafe { memcmp(a.as_ptr().cast(), a.as_ptr().cast(), count) }, 0);
        }
    }

    #[test]
    fn memchr_finds_the_first_and_memrchr_the_last() {
        let text = b"a banana";
        let base = text.as_ptr().cast::<c_void>();
        // SAFETY: within the text.
        let first = unsafe { memchr(base, c_int::from(b'n'), text.len()) };
        // SAFETY: within the text.
        let last = unsafe { memrchr(base, c_int::from(b'n'), text.len()) };
        // SAFETY: within the text.
        let none = unsafe { memchr(base, c_int::from(b'z'), text.len()) };
        assert_eq!((first as usize - base as usize, last as usize - base as usize), (4, 6));
        assert!(none.is_null());
    }
}
