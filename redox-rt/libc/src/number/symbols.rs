//! The C functions.
use super::bytes;
use crate::errno::set_errno;
use c_stdio::extended::Extended;
use c_stdio::number::{Read, integer, real};
use core::arch::naked_asm;
use core::ffi::{c_char, c_double, c_float, c_int, c_long, c_longlong, c_ulong, c_ulonglong};
use libc::{EINVAL, ERANGE};

/// Tells C where the number ended and what was wrong with it.
///
/// # Safety
/// `end` is null or writable.
unsafe fn told<T>(text: *const c_char, end: *mut *mut c_char, read: Option<Read<T>>) -> Option<T> {
    let length = read.as_ref().map_or(0, |read| read.length);
    // SAFETY: the caller's promise.
    unsafe { crate::pointer::put_if(end, text.wrapping_add(length).cast_mut()) };
    match read {
        Some(read) => {
            if !read.fits {
                set_errno(ERANGE);
            }
            Some(read.value)
        }
        None => {
            set_errno(EINVAL);
            None
        }
    }
}

macro_rules! integers {
    ($($name:ident -> $kind:ty: $read:ident;)*) => {$(
        /// Reads a whole number in a base (0: as its prefix says). `ERANGE` with the nearest one
        /// when it does not fit, `EINVAL` for an impossible base.
        ///
        /// # Safety
        /// C contract: `text` is NUL-terminated, `end` is null or writable.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            text: *const c_char,
            end: *mut *mut c_char,
            base: c_int,
        ) -> $kind {
            // SAFETY: the contract.
            let read = integer::$read(unsafe { bytes(text) }, base);
            // SAFETY: the contract.
            unsafe { told(text, end, read) }.unwrap_or(0)
        }
    )*};
}
integers! {
    strtol -> c_long: signed;
    strtoll -> c_longlong: signed;
    strtoul -> c_ulong: unsigned;
    strtoull -> c_ulonglong: unsigned;
}

macro_rules! decimals {
    ($($name:ident -> $kind:ty;)*) => {$(
        /// Reads a decimal whole number; what does not fit is cut.
        ///
        /// # Safety
        /// C contract: `text` is NUL-terminated.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(text: *const c_char) -> $kind {
            // SAFETY: the contract.
            integer::signed(unsafe { bytes(text) }, 10).map_or(0, |read| read.value as $kind)
        }
    )*};
}
decimals! {
    atoi -> c_int;
    atol -> c_long;
    atoll -> c_longlong;
}

/// Reads a number with a fraction. `ERANGE` when it is too large or too small.
///
/// # Safety
/// C contract: `text` is NUL-terminated, `end` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtod(text: *const c_char, end: *mut *mut c_char) -> c_double {
    // SAFETY: the contract.
    let read = real::real::<f64>(unsafe { bytes(text) });
    // SAFETY: the contract.
    unsafe { told(text, end, Some(read)) }.unwrap_or(0.0)
}

/// As [`strtod`], in single precision.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtof(text: *const c_char, end: *mut *mut c_char) -> c_float {
    // SAFETY: the contract.
    let read = real::real::<f32>(unsafe { bytes(text) });
    // SAFETY: the contract.
    unsafe { told(text, end, Some(read)) }.unwrap_or(0.0)
}

/// As [`strtod`], in the 80 bits of the x87 unit, in whose register the number is answered.
///
/// # Safety
/// C contract: as there.
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strtold(text: *const c_char, end: *mut *mut c_char) {
    // In: rdi, rsi. Below the return address 16 bytes for the number and 8 that align. Out: st(0).
    naked_asm!(
        "sub rsp, 24",
        "mov rdx, rsp",
        "call {read}",
        "fld tbyte ptr [rsp]",
        "add rsp, 24",
        "ret",
        read = sym extended,
    )
}

/// Stores the ten bytes of a number.
///
/// # Safety
/// As [`strtold`], and `to` takes ten bytes.
unsafe extern "C" fn extended(text: *const c_char, end: *mut *mut c_char, to: *mut [u8; 10]) {
    // SAFETY: the contract.
    let read = real::real::<Extended>(unsafe { bytes(text) });
    // SAFETY: the contract.
    let value = unsafe { told(text, end, Some(read)) }.unwrap_or_default();
    // SAFETY: the caller's promise.
    unsafe { to.write(value.to_bytes()) };
}

/// Reads a number with a fraction.
///
/// # Safety
/// C contract: `text` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn atof(text: *const c_char) -> c_double {
    // SAFETY: the contract.
    real::real(unsafe { bytes(text) }).value
}
