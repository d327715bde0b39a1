//! What terminals are called and whose they are. They have no breaks and no flow control.
use crate::errno::{error, fail, status};
use crate::pointer::fd;
use crate::promises::{Operation, promised};
use crate::termios::{Termios, is_terminal};
use clavis_abi::error::Result;
use clavis_rt::namespace;
use core::cell::UnsafeCell;
use core::ffi::{c_char, c_int};
use libc::{EFAULT, EINVAL, ENOTTY, ERANGE, pid_t, speed_t};

/// Most bytes of a terminal's name.
const NAME_MAX: usize = 256;

/// Writes the name of a terminal.
///
/// # Safety
/// `length` bytes of the place are writable.
pub(crate) unsafe fn name(descriptor: c_int, place: *mut c_char, length: usize) -> Result<()> {
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

/// Where [`ttyname`] and `ptsname` write.
pub(crate) struct Name(UnsafeCell<[c_char; NAME_MAX]>);

// SAFETY: C's rule for these functions: the program calls them in one thread at a time.
unsafe impl Sync for Name {}

impl Name {
    /// Nothing was written yet.
    pub(crate) const fn new() -> Name {
        Name(UnsafeCell::new([0; NAME_MAX]))
    }

    /// Where its bytes lie.
    pub(crate) fn place(&self) -> *mut c_char {
        self.0.get().cast()
    }

    /// How many there are.
    pub(crate) const LENGTH: usize = NAME_MAX;
}

/// The name of a terminal, good until the next call, or null.
///
/// # Safety
/// C contract: no other thread does the same meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ttyname(descriptor: c_int) -> *mut c_char {
    static LAST: Name = Name::new();
    let place = LAST.place();
    // SAFETY: the place has that many bytes.
    match unsafe { name(descriptor, place, NAME_MAX) } {
        Ok(()) => place,
        Err(error) => fail(error.errno),
    }
}

/// Breaks and flow control are for lines that have them: `ENOTTY` for what is no terminal, and
/// nothing happens on one.
#[unsafe(no_mangle)]
pub extern "C" fn tcsendbreak(descriptor: c_int, _duration: c_int) -> c_int {
    status(promised(Operation::Terminal).and_then(|()| fd(descriptor)).and_then(is_terminal))
}

/// As [`tcsendbreak`].
#[unsafe(no_mangle)]
pub extern "C" fn tcflow(descriptor: c_int, _action: c_int) -> c_int {
    status(fd(descriptor).and_then(is_terminal))
}

/// The session of a terminal: who holds a handle of it asks in the own one. `ENOTTY`.
#[unsafe(no_mangle)]
pub extern "C" fn tcgetsid(descriptor: c_int) -> pid_t {
    match fd(descriptor).and_then(is_terminal) {
        Ok(()) => crate::process::group::getsid(0),
        Err(error) => fail(error.errno),
    }
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
