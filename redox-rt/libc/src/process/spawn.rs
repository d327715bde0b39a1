//! `posix_spawn`: a fork whose child becomes another program at once.
//!
//! The `libc` crate declares neither file actions nor attributes for this system, so there is no
//! layout of them that could be agreed on: they must be null (`ENOSYS` otherwise).
use super::exec::{AT, Become, FOUND, replace};
use super::fork::copy;
use super::wait::wait_for;
use crate::errno::number;
use clavis_abi::error::{Error, Result};
use clavis_rt::{Place, object, sys};
use core::ffi::{c_char, c_int, c_void};
use libc::{EIO, ENOSYS, pid_t};

/// # Safety
/// As [`posix_spawn`].
unsafe fn spawn(
    place: *mut pid_t,
    name: *const c_char,
    args: *const *mut c_char,
    envs: *const *mut c_char,
    by: Become,
) -> Result<()> {
    // The child's end goes away with its success; before that it says what went wrong.
    let (reader, writer) = object::pipe(0, Place::Upper)?;
    match copy()? {
        0 => {
            // SAFETY: the contract.
            let problem = unsafe { replace(name, args.cast(), envs.cast(), by) };
            let _ = sys::file::write(writer.number(), &problem.errno.to_ne_bytes());
            sys::thread::exit(127)
        }
        child => {
            drop(writer);
            let mut problem = [0; 4];
            match sys::file::read(reader.number(), &mut problem)? {
                0 => {
                    // SAFETY: the contract.
                    unsafe { crate::pointer::put_if(place, child) };
                    Ok(())
                }
                length => {
                    wait_for(child, 0)?;
                    let errno = if length == 4 { i32::from_ne_bytes(problem) } else { EIO };
                    Err(Error { errno })
                }
            }
        }
    }
}

/// Starts the program at a path in a new process, with the descriptors of this one. Answers the
/// error number; `ENOSYS` with file actions or attributes.
///
/// # Safety
/// C contract: `place` is null or takes a number; a string, and arrays of strings that end with
/// null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawn(
    place: *mut pid_t,
    path: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: *const *mut c_char,
    environment: *const *mut c_char,
) -> c_int {
    if !actions.is_null() || !attributes.is_null() {
        return ENOSYS;
    }
    // SAFETY: the contract.
    number(unsafe { spawn(place, path, arguments, environment, AT) })
}

/// As [`posix_spawn`], but a name without a slash is looked for in PATH.
///
/// # Safety
/// C contract: as [`posix_spawn`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_spawnp(
    place: *mut pid_t,
    file: *const c_char,
    actions: *const c_void,
    attributes: *const c_void,
    arguments: *const *mut c_char,
    environment: *const *mut c_char,
) -> c_int {
    if !actions.is_null() || !attributes.is_null() {
        return ENOSYS;
    }
    // SAFETY: the contract.
    number(unsafe { spawn(place, file, arguments, environment, FOUND) })
}
