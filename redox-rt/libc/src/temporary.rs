//! Files and directories under a fresh name: `mkstemp`, `mkdtemp` and their kin.
use crate::errno::{error, fail};
use crate::fcntl::{descriptor, open_at, open_flags};
use crate::promises::{Operation, promised, unveiled};
use clavis_abi::error::{EEXIST, Error, Result};
use clavis_rt::{Place, namespace};
use core::ffi::{CStr, c_char, c_int};
use libc::{EFAULT, EINVAL, O_ACCMODE, O_CREAT, O_EXCL, O_RDWR};

/// What the last bytes of a template before the suffix are, and become.
const BLANK: &[u8] = b"XXXXXX";
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// How many names are tried that turn out to be taken.
const TRIES: usize = 100;

/// Gives the template fresh names until one can be made.
///
/// # Safety
/// Null or a writable string.
unsafe fn with_fresh_name<T>(
    template: *mut c_char,
    suffix: c_int,
    make: impl Fn(&str) -> Result<T>,
) -> Result<T> {
    if template.is_null() {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    let length = unsafe { CStr::from_ptr(template) }.count_bytes();
    // SAFETY: the bytes of that string, before its NUL.
    let bytes = unsafe { crate::pointer::bytes_mut(template.cast(), length) };
    let end = usize::try_from(suffix).ok().and_then(|suffix| length.checked_sub(suffix));
    let range = end.and_then(|end| Some(end.checked_sub(BLANK.len())?..end));
    let range = range.ok_or(error(EINVAL))?;
    if bytes.get(range.clone()) != Some(BLANK) {
        return Err(error(EINVAL));
    }
    for _ in 0..TRIES {
        let mut random = [0; BLANK.len()];
        crate::system::random(&mut random)?;
        let fresh = bytes.get_mut(range.clone()).unwrap_or_default();
        for (to, from) in fresh.iter_mut().zip(random) {
            *to = LETTERS.get(usize::from(from & 63)).copied().unwrap_or(b'0');
        }
        let name = core::str::from_utf8(bytes).map_err(|_| error(EINVAL))?;
        match make(name) {
            Err(Error { errno: EEXIST }) => {}
            result => return result,
        }
    }
    Err(error(EEXIST))
}

/// Makes a file whose name is the template with its last `XXXXXX` replaced, and opens it for
/// reading and writing; only its owner may. `EINVAL` for another template.
///
/// # Safety
/// C contract: `template` is a writable string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkstemp(template: *mut c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { mkostemps(template, 0, 0) }
}

/// As [`mkstemp`], with further open flags.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkostemp(template: *mut c_char, flags: c_int) -> c_int {
    // SAFETY: the same contract.
    unsafe { mkostemps(template, 0, flags) }
}

/// As [`mkostemp`], with a suffix of that many bytes behind the `XXXXXX`.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkostemps(template: *mut c_char, suffix: c_int, flags: c_int) -> c_int {
    let flags = open_flags(flags & !O_ACCMODE | O_RDWR | O_CREAT | O_EXCL, 0o600);
    let make = |name: &str| open_at(None, name, flags, Place::Lowest).map(descriptor);
    // SAFETY: the contract.
    crate::errno::answer(unsafe { with_fresh_name(template, suffix, make) })
}

/// Makes a directory whose name is the template with its last `XXXXXX` replaced; only its owner
/// may use it. Answers the template, or null.
///
/// # Safety
/// C contract: `template` is a writable string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdtemp(template: *mut c_char) -> *mut c_char {
    let make = |name: &str| {
        promised(Operation::Name)?;
        unveiled(None, name, namespace::make_directory(None, name, 0o700))
    };
    // SAFETY: the contract.
    match unsafe { with_fresh_name(template, 0, make) } {
        Ok(()) => template,
        Err(error) => fail(error.errno),
    }
}
