//! What terminals are called and whose they are. The console is the only one: it has no sessions,
//! breaks or flow control, and there are no pseudo terminals.
use crate::errno::{error, fail};
use crate::pointer::fd;
use crate::termios::Termios;
use clavis_abi::error::Result;
use clavis_rt::namespace;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use libc::{EFAULT, EINVAL, ENOSYS, ENOTTY, ERANGE, pid_t, speed_t, winsize};

/// Most bytes of a terminal's name.
const NAME_MAX: usize = 256;

/// Writes the name of a terminal.
///
/// # Safety
/// `length` bytes of the place are writable.
unsafe fn name(descriptor: c_int, place: *mut c_char, length: usize) -> Result<()> {
    let number = fd(descriptor)?;
    if crate::termios::isatty(descriptor) == 0 {
        return Err(error(crate::errno::errno()));
    }
    let path = namespace::path_of(number).map_err(|_| error(ENOTTY))?;
    if path.len() >= length {
        return Err(error(ERANGE));
    }
    // SAFETY: it fits the caller's buffer.
    unsafe { core::ptr::copy_nonoverlapping(path.as_ptr(), place.cast(), path.len()) };
    // SAFETY: the byte behind.
    unsafe { place.wrapping_add(path.len()).write(0) };
    Ok(())
}

/// The name of a terminal. Answers the error number: `ENOTTY`, `ERANGE`.
///
/// # Safety
/// C contract: `length` bytes of `place` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ttyname_r(descriptor: c_int, place: *mut c_char, length: usize) -> c_int {
    if place.is_null() {
        return EFAULT;
    }
    // SAFETY: the contract.
    crate::errno::number(unsafe { name(descriptor, place, length) })
}

/// Where [`ttyname`] writes.
struct Name(UnsafeCell<[c_char; NAME_MAX]>);

// SAFETY: C's rule for `ttyname`: the program calls it in one thread at a time.
unsafe impl Sync for Name {}

/// The name of a terminal, good until the next call, or null.
///
/// # Safety
/// C contract: no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ttyname(descriptor: c_int) -> *mut c_char {
    static LAST: Name = Name(UnsafeCell::new([0; NAME_MAX]));
    let place = LAST.0.get().cast();
    // SAFETY: the place has that many bytes.
    match unsafe { name(descriptor, place, NAME_MAX) } {
        Ok(()) => place,
        Err(error) => fail(error.errno),
    }
}

macro_rules! absent {
    ($($name:ident($($kind:ty),*) -> $answer:ty;)*) => {$(
        /// There is no such thing: `ENOSYS`.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($(_: $kind),*) -> $answer {
            fail(ENOSYS)
        }
    )*};
}
absent! {
    tcgetsid(c_int) -> pid_t;
    tcsendbreak(c_int, c_int) -> c_int;
    tcflow(c_int, c_int) -> c_int;
    login_tty(c_int) -> c_int;
    posix_openpt(c_int) -> c_int;
    grantpt(c_int) -> c_int;
    unlockpt(c_int) -> c_int;
    ptsname(c_int) -> *mut c_char;
    openpty(*mut c_int, *mut c_int, *mut c_char, *const Termios, *const winsize) -> c_int;
}

macro_rules! speeds {
    ($($name:ident: $field:ident;)*) => {$(
        /// Sets a speed in settings; it has no effect on a console.
        ///
        /// # Safety
        /// C contract: `settings` are settings.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(settings: *mut Termios, speed: speed_t) -> c_int {
            // SAFETY: the contract.
            match unsafe { settings.as_mut() } {
                Some(settings) => {
                    settings.$field = speed;
                    0
                }
                None => fail(EINVAL),
            }
        }
    )*};
}
speeds! {
    cfsetispeed: c_ispeed;
    cfsetospeed: c_ospeed;
}
