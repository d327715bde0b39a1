//! Names in directories that are reached by handles.
#![expect(unsafe_code, reason = "calls into libc.a")]

use crate::error::{Error, Result};
use crate::handle::AsNumber;
use clavis_abi::error::{EBADF, EINVAL, EIO};
use std::ffi::{CString, c_char, c_int};

unsafe extern "C" {
    fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int;
    fn renameat(
        old_directory: c_int,
        old: *const c_char,
        new_directory: c_int,
        new: *const c_char,
    ) -> c_int;
    fn linkat(
        old_directory: c_int,
        old: *const c_char,
        new_directory: c_int,
        new: *const c_char,
        flags: c_int,
    ) -> c_int;
}

/// The number of a directory as C has it: a POSIX number.
fn number(directory: &impl AsNumber) -> Result<c_int> {
    c_int::try_from(directory.number().raw()).map_err(|_| Error::from_errno(EBADF))
}

fn text(name: &str) -> Result<CString> {
    CString::new(name).map_err(|_| Error::from_errno(EINVAL))
}

fn done(status: c_int) -> Result<()> {
    if status == 0 {
        return Ok(());
    }
    let errno = std::io::Error::last_os_error().raw_os_error();
    Err(Error::from_errno(errno.unwrap_or(EIO)))
}

/// What [`unlink`] removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Anything but a directory.
    File,
    /// An empty directory.
    Directory,
}

/// Removes a name. The directory has a POSIX number.
///
/// # Errors
/// Refused without LOOKUP and REMOVE; what the server answers.
pub fn unlink(directory: &impl AsNumber, name: &str, removed: Removed) -> Result<()> {
    let (directory, name) = (number(directory)?, text(name)?);
    let flags = match removed {
        Removed::File => 0,
        Removed::Directory => clavis_abi::syscall::AT_REMOVEDIR as c_int,
    };
    // SAFETY: it reads the name.
    done(unsafe { unlinkat(directory, name.as_ptr(), flags) })
}

/// Gives what a name stands for another name. The directories have POSIX numbers.
///
/// # Errors
/// Refused without RENAME; what the server answers.
pub fn rename(old: (&impl AsNumber, &str), new: (&impl AsNumber, &str)) -> Result<()> {
    let (from, old) = (number(old.0)?, text(old.1)?);
    let (to, new) = (number(new.0)?, text(new.1)?);
    // SAFETY: it reads the names.
    done(unsafe { renameat(from, old.as_ptr(), to, new.as_ptr()) })
}

/// Gives what a name stands for a further name. The directories have POSIX numbers.
///
/// # Errors
/// Refused without LINK; what the server answers.
pub fn link(old: (&impl AsNumber, &str), new: (&impl AsNumber, &str)) -> Result<()> {
    let (from, old) = (number(old.0)?, text(old.1)?);
    let (to, new) = (number(new.0)?, text(new.1)?);
    // SAFETY: it reads the names.
    done(unsafe { linkat(from, old.as_ptr(), to, new.as_ptr(), 0) })
}
