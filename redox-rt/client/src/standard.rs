//! What std has of handles and errors.
#![expect(unsafe_code, reason = "takes ownership of a descriptor, calls the C library")]

use crate::error::{Error, Result};
use crate::handle::{AsNumber, Handle, Number, Place, read, write};
use clavis_abi::error::{EINVAL, EIO};
use clavis_abi::params::OFFSET_OWN;
use core::fmt::{self, Display};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

impl<T: AsFd> AsNumber for T {
    fn number(&self) -> Number {
        Number(self.as_fd().as_raw_fd() as usize)
    }
}

impl Handle {
    /// As a file descriptor of std: moved to the lowest free POSIX number if it is not one.
    ///
    /// # Errors
    /// Refused without DUP; no number is free.
    pub fn into_fd(self) -> Result<OwnedFd> {
        let lower = match RawFd::try_from(self.number().0) {
            Ok(raw) => {
                core::mem::forget(self);
                raw
            }
            Err(_) => {
                let lower = Handle::duplicate(&self, Place::Lowest)?.into_number();
                // The kernel's lower numbers have 16 bits.
                lower.0 as RawFd
            }
        };
        // SAFETY: the number is open, and its owner was just given up.
        Ok(unsafe { OwnedFd::from_raw_fd(lower) })
    }
}

impl From<OwnedFd> for Handle {
    fn from(fd: OwnedFd) -> Handle {
        Handle::from_number(Number(fd.into_raw_fd() as usize))
    }
}

impl Read for &Handle {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(read(self.number(), buffer, OFFSET_OWN)?)
    }
}

impl Write for &Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(write(self.number(), bytes, OFFSET_OWN)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        match error.denial() {
            Some(_) => io::Error::new(io::ErrorKind::PermissionDenied, error),
            None => io::Error::from_raw_os_error(error.errno()),
        }
    }
}

impl From<io::Error> for Error {
    /// Of a call of std that this thread just made: a refusal takes its record along.
    fn from(error: io::Error) -> Error {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => *error,
            None => Error::of_call(error.raw_os_error().unwrap_or(EIO)),
        }
    }
}

pub(crate) fn errno_text(errno: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    io::Error::from_raw_os_error(errno).fmt(f)
}

/// This process goes on when that signal comes.
///
/// # Errors
/// `EINVAL` for a signal that cannot be ignored.
pub fn ignore(which: usize) -> Result<()> {
    unsafe extern "C" {
        fn signal(number: core::ffi::c_int, handler: usize) -> usize;
    }
    /// `SIG_IGN`.
    const IGNORE: usize = 1;
    let number = core::ffi::c_int::try_from(which).map_err(|_| Error::from_errno(EINVAL))?;
    // SAFETY: no handler of this process is installed.
    match unsafe { signal(number, IGNORE) } {
        usize::MAX => Err(Error::from_errno(EINVAL)),
        _ => Ok(()),
    }
}
