//! Wide characters into streams, as UTF-8.
use super::file::{self, File, Guard};
use super::scan::END;
use crate::errno::fail;
use core::ffi::c_int;
use libc::EILSEQ;

/// Puts a wide character; answers it, or `WEOF` with errno.
fn put(wide: c_int, guard: &mut Guard<'_>) -> c_int {
    let Some(character) = char::from_u32(wide as u32) else { return fail(EILSEQ) };
    guard.width = 1;
    match super::lines::put(character.encode_utf8(&mut [0; 4]).as_bytes(), guard) {
        0 => wide,
        _ => END,
    }
}

macro_rules! puts {
    ($($name:ident)*) => {$(
        /// Puts a wide character into a stream; answers it, or `WEOF` with errno: `EILSEQ` for what is
        /// none.
        ///
        /// # Safety
        /// C contract: a stream.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(wide: c_int, file: *mut File) -> c_int {
            // SAFETY: the contract.
            put(wide, &mut unsafe { file::of(file) }.lock())
        }
    )*};
}
puts!(fputwc putwc);

/// Puts a wide string into a stream.
///
/// # Safety
/// C contract: a wide string, a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fputws(mut text: *const c_int, file: *mut File) -> c_int {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock();
    loop {
        // SAFETY: the contract: no earlier character was the zero.
        let wide = unsafe { text.read() };
        if wide == 0 {
            return 0;
        }
        if put(wide, &mut guard) == END {
            return END;
        }
        text = text.wrapping_add(1);
    }
}

/// Whether a stream is one of wide characters (more than 0) or bytes (less); asks for it, where that
/// is not settled.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fwide(file: *mut File, wanted: c_int) -> c_int {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock();
    if guard.width == 0 {
        guard.width = wanted.signum();
    }
    guard.width
}
