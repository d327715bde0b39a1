//! Locales: there is one, *C*, also called *POSIX*. Text is UTF-8 in it; its classes of characters
//! are those of ASCII.
use core::ffi::{CStr, c_char, c_int};
use core::ptr;
use libc::{LC_ALL, lconv};

/// Chooses a locale and answers its name, or null for one that does not exist. The empty name
/// means the environment's choice, which is always this one.
///
/// # Safety
/// C contract: `name` is null (which only asks) or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn setlocale(category: c_int, name: *const c_char) -> *mut c_char {
    if !(0..=LC_ALL).contains(&category) {
        return ptr::null_mut();
    }
    // SAFETY: the contract.
    let known = name.is_null()
        || matches!(unsafe { CStr::from_ptr(name) }.to_bytes(), b"" | b"C" | b"POSIX");
    if known { c"C".as_ptr().cast_mut() } else { ptr::null_mut() }
}

/// A place for the numbers of the locale, which are never written.
struct Numbers(lconv);

// SAFETY: it points to literals and is never written.
unsafe impl Sync for Numbers {}

/// Says that the locale does not tell.
const UNTOLD: c_char = c_char::MAX;

static NUMBERS: Numbers = Numbers(lconv {
    currency_symbol: c"".as_ptr(),
    decimal_point: c".".as_ptr(),
    frac_digits: UNTOLD,
    grouping: c"".as_ptr(),
    int_curr_symbol: c"".as_ptr(),
    int_frac_digits: UNTOLD,
    mon_decimal_point: c"".as_ptr(),
    mon_grouping: c"".as_ptr(),
    mon_thousands_sep: c"".as_ptr(),
    negative_sign: c"".as_ptr(),
    n_cs_precedes: UNTOLD,
    n_sep_by_space: UNTOLD,
    n_sign_posn: UNTOLD,
    positive_sign: c"".as_ptr(),
    p_cs_precedes: UNTOLD,
    p_sep_by_space: UNTOLD,
    p_sign_posn: UNTOLD,
    thousands_sep: c"".as_ptr(),
});

/// How the locale writes numbers and money.
#[unsafe(no_mangle)]
pub extern "C" fn localeconv() -> *mut lconv {
    (&raw const NUMBERS.0).cast_mut()
}
