//! Mode, owner and length of files, by path or descriptor.
use crate::errno::{error, fail, status};
use crate::fcntl::{open_promised, start};
use crate::names::{Follow, reference};
use crate::pointer::{handle, text};
use crate::promises::{Operation, promised};
use clavis_rt::Place;
use clavis_rt::sys::file::{self, OpenFlags};
use core::ffi::{c_char, c_int};
use libc::{AT_FDCWD, EINVAL, O_CLOEXEC, O_RDONLY, O_WRONLY, gid_t, mode_t, off_t, uid_t};

/// Changes the mode.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chmod(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { fchmodat(AT_FDCWD, path, mode, 0) }
}

/// Changes the mode, from a directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchmodat(
    directory: c_int,
    path: *const c_char,
    mode: mode_t,
    flags: c_int,
) -> c_int {
    let Some(follow) = follow(flags) else { return fail(EINVAL) };
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(path.and_then(|path| {
        promised(Operation::AttributesByPath)?;
        let object = reference(start(directory)?, path, follow)?;
        clavis_rt::fs::fchmod(object.number(), mode as u16)
    }))
}

/// Changes the mode.
#[unsafe(no_mangle)]
pub extern "C" fn fchmod(descriptor: c_int, mode: mode_t) -> c_int {
    status(
        promised(Operation::Attributes)
            .and_then(|()| clavis_rt::fs::fchmod(handle(descriptor)?, mode as u16)),
    )
}

/// What `AT_SYMLINK_NOFOLLOW` says; `None` for other flags.
pub(crate) fn follow(flags: c_int) -> Option<Follow> {
    match flags {
        0 => Some(Follow::Links),
        libc::AT_SYMLINK_NOFOLLOW => Some(Follow::NotLast),
        _ => None,
    }
}

/// Changes owner and group.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chown(path: *const c_char, owner: uid_t, group: gid_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { fchownat(AT_FDCWD, path, owner, group, 0) }
}

/// Changes owner and group of a symbolic link itself.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lchown(path: *const c_char, owner: uid_t, group: gid_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { fchownat(AT_FDCWD, path, owner, group, libc::AT_SYMLINK_NOFOLLOW) }
}

/// Changes owner and group, from a directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fchownat(
    directory: c_int,
    path: *const c_char,
    owner: uid_t,
    group: gid_t,
    flags: c_int,
) -> c_int {
    let Some(follow) = follow(flags) else { return fail(EINVAL) };
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(path.and_then(|path| {
        promised(Operation::OwnerByPath)?;
        let object = reference(start(directory)?, path, follow)?;
        file::fchown(object.number(), owner, group)
    }))
}

/// Changes owner and group.
#[unsafe(no_mangle)]
pub extern "C" fn fchown(descriptor: c_int, owner: uid_t, group: gid_t) -> c_int {
    status(
        promised(Operation::Owner).and_then(|()| file::fchown(handle(descriptor)?, owner, group)),
    )
}

/// Changes the length.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn truncate(path: *const c_char, length: off_t) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(path.and_then(|path| {
        promised(Operation::Truncate)?;
        let length = u64::try_from(length).map_err(|_| error(EINVAL))?;
        let flags = (O_WRONLY | O_CLOEXEC) as OpenFlags;
        let object = open_promised(None, path, flags, Place::Upper)?;
        clavis_rt::fs::ftruncate(object.number(), length)
    }))
}

/// Whether a path can be opened as `mode` says. Execution cannot be asked without trying: the
/// file must exist.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn access(path: *const c_char, mode: c_int) -> c_int {
    // SAFETY: the same contract.
    unsafe { faccessat(AT_FDCWD, path, mode, 0) }
}

/// As [`access`], from a directory.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn faccessat(
    directory: c_int,
    path: *const c_char,
    mode: c_int,
    _flags: c_int,
) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(path.and_then(|path| {
        let from = start(directory)?;
        let object = reference(from, path, Follow::Links)?;
        let stat = file::fstat(object.number())?;
        let is_directory = stat.st_mode & syscall::flag::MODE_TYPE == syscall::flag::MODE_DIR;
        if is_directory || mode & (libc::R_OK | libc::W_OK) == 0 {
            return Ok(());
        }
        let mut flags = O_CLOEXEC;
        if mode & libc::R_OK != 0 {
            flags |= O_RDONLY;
        }
        if mode & libc::W_OK != 0 {
            flags |= O_WRONLY;
        }
        // Looked at is what it is, not used.
        open_promised(from, path, flags as OpenFlags, Place::Upper).map(drop)
    }))
}
