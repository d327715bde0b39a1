//! What the system is, and random bytes from it.
use crate::errno::{count, error, fail, status};
use crate::pointer::{bytes_mut, put};
use crate::promises::{Operation, promised};
use clavis_abi::PAGE_SIZE;
use clavis_abi::error::Result;
use clavis_abi::limits;
use clavis_abi::params::BIRTH_RANDOM;
use clavis_rt::Number;
use clavis_rt::sys::file;
use core::ffi::{c_char, c_int, c_long, c_uint, c_void};
use libc::{EFAULT, EINVAL, EIO, ENAMETOOLONG, EPERM, utsname};

/// What the machine is called. There is no network whose name it could bear.
const HOST: &str = "clavis";
/// Most bytes that `getentropy` gives.
const ENTROPY_MAX: usize = 256;

/// A number about the system; -1 with errno unchanged where there is no bound, `EINVAL` for an
/// unknown question.
#[unsafe(no_mangle)]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    match name {
        libc::_SC_PAGESIZE => PAGE_SIZE as c_long,
        libc::_SC_ARG_MAX => limits::PAYLOAD_MAX as c_long,
        libc::_SC_CHILD_MAX | libc::_SC_STREAM_MAX | libc::_SC_TZNAME_MAX => -1,
        libc::_SC_CLK_TCK => 100,
        libc::_SC_NGROUPS_MAX => 0,
        libc::_SC_OPEN_MAX => limits::TABLE_HANDLES as c_long,
        libc::_SC_VERSION => 200_809,
        libc::_SC_RE_DUP_MAX => 255,
        // One processor runs threads until the kernel drives more.
        libc::_SC_NPROCESSORS_CONF | libc::_SC_NPROCESSORS_ONLN => 1,
        libc::_SC_GETGR_R_SIZE_MAX | libc::_SC_GETPW_R_SIZE_MAX => 1024,
        libc::_SC_LOGIN_NAME_MAX | libc::_SC_TTY_NAME_MAX | libc::_SC_HOST_NAME_MAX => {
            limits::COMPONENT_MAX as c_long
        }
        libc::_SC_SYMLOOP_MAX => limits::LINKS_MAX as c_long,
        _ => fail(EINVAL),
    }
}

/// No text is configured: 0, `EINVAL`.
#[unsafe(no_mangle)]
pub extern "C" fn confstr(_name: c_int, _place: *mut c_char, _length: usize) -> usize {
    crate::errno::set_errno(EINVAL);
    0
}

/// Bytes in a page.
#[unsafe(no_mangle)]
pub extern "C" fn getpagesize() -> c_int {
    PAGE_SIZE as c_int
}

/// How many descriptors a process can have.
#[unsafe(no_mangle)]
pub extern "C" fn getdtablesize() -> c_int {
    limits::TABLE_HANDLES as c_int
}

/// The name of the machine.
///
/// # Safety
/// C contract: `length` bytes of `place` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gethostname(place: *mut c_char, length: usize) -> c_int {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(place.cast(), length) };
    let Some(room) = buffer.get_mut(..=HOST.len()) else { return fail(ENAMETOOLONG) };
    for (to, from) in room.iter_mut().zip(HOST.bytes().chain([0])) {
        *to = from;
    }
    0
}

/// Nobody renames the machine: `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn sethostname(_name: *const c_char, _length: usize) -> c_int {
    fail(EPERM)
}

/// What system this is.
///
/// # Safety
/// C contract: `place` takes a `struct utsname`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uname(place: *mut utsname) -> c_int {
    let field = |text: &str| {
        let mut field = [0; libc::UTSLENGTH];
        for (to, from) in field.iter_mut().zip(text.bytes().take(libc::UTSLENGTH - 1)) {
            *to = from as c_char;
        }
        field
    };
    let names = utsname {
        sysname: field("Clavis"),
        nodename: field(HOST),
        release: field(env!("CARGO_PKG_VERSION")),
        version: field(""),
        machine: field("x86_64"),
        domainname: field(""),
    };
    // SAFETY: the contract.
    status(unsafe { put(place, names) })
}

/// Fills a buffer from the random handle that every process is born with.
pub(crate) fn random(buffer: &mut [u8]) -> Result<()> {
    let length = buffer.len();
    if file::read_full(Number::from_raw(BIRTH_RANDOM), buffer)? < length {
        return Err(error(EIO));
    }
    Ok(())
}

/// Random bytes; all of them, whatever the flags.
///
/// # Safety
/// C contract: `length` bytes of `place` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getrandom(place: *mut c_void, length: usize, _flags: c_uint) -> isize {
    if place.is_null() && length > 0 {
        return fail(EFAULT);
    }
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(place, length) };
    count(promised(Operation::Stdio).and_then(|()| random(buffer)).map(|()| length))
}

/// Up to 256 random bytes.
///
/// # Safety
/// C contract: `length` bytes of `place` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getentropy(place: *mut c_void, length: usize) -> c_int {
    if length > ENTROPY_MAX {
        return fail(EIO);
    }
    // SAFETY: the same contract.
    if unsafe { getrandom(place, length, 0) } < 0 { -1 } else { 0 }
}
