//! `unveil` and `pledge`, as OpenBSD's `unistd.h` declares them.
use crate::errno::{error, status};
use crate::pointer::text;
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_rt::confinement;
use core::ffi::{c_char, c_int};
use libc::EFAULT;

/// Makes a path visible with permissions out of `rwxc`; the first call hides all others. Two nulls
/// lock that. `EPERM`: it is locked, or the path was unveiled with less; `E2BIG`, `EINVAL`, `ENOENT`;
/// `EOPNOTSUPP`: the path lies in an unveiled directory that permits more.
///
/// # Safety
/// C contract: both are null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unveil(path: *const c_char, permissions: *const c_char) -> c_int {
    let act = || match (path.is_null(), permissions.is_null()) {
        (true, true) => confinement::veil::lock(),
        (false, false) => {
            // SAFETY: the contract.
            let path = unsafe { text(path) }?;
            // SAFETY: the contract.
            let permissions = unsafe { text(permissions) }?;
            confinement::veil::unveil(path, permissions)
        }
        _ => Err(error(EFAULT)),
    };
    status(promised(Operation::Unveil).and_then(|()| act()))
}

/// Restricts the process to promises, and with the second list the program that it becomes by
/// exec. Null leaves a list as it is. Who breaks a promise is ended by `SIGABRT`, or has `ENOSYS` with
/// `error`. `EINVAL`: an unknown promise; `EPERM`: one that was given up.
///
/// # Safety
/// C contract: both are null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pledge(promises: *const c_char, exec_promises: *const c_char) -> c_int {
    // SAFETY: the contract.
    let promises = unsafe { optional(promises) };
    // SAFETY: the contract.
    let exec_promises = unsafe { optional(exec_promises) };
    status(promises.and_then(|promises| confinement::pledge::pledge(promises, exec_promises?)))
}

/// # Safety
/// It is null or NUL-terminated and outlives the answer.
unsafe fn optional<'a>(place: *const c_char) -> Result<Option<&'a str>> {
    if place.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { text(place) }.map(Some)
}
