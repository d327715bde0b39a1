//! Named shared memory: files of `/scheme/shm`, which a program has to have in its namespace.
//! Memory without a name is shared by mapping, and by passing a handle.
use crate::errno::{answer, error, status};
use crate::fcntl::{descriptor, open_at, open_flags};
use crate::pointer::text;
use crate::promises::{Operation, promised};
use alloc::string::String;
use clavis_abi::error::Result;
use clavis_abi::limits::COMPONENT_MAX;
use clavis_rt::Place;
use clavis_rt::namespace::{self, Removed};
use core::ffi::{c_char, c_int};
use libc::{
    EINVAL, ENAMETOOLONG, O_ACCMODE, O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR,
    O_TRUNC, mode_t,
};

/// The path of the memory with that name, which may begin with a slash and has no other.
///
/// # Safety
/// C contract: `name` is NUL-terminated.
unsafe fn path(name: *const c_char) -> Result<String> {
    // SAFETY: the caller's promise.
    let name = unsafe { text(name) }?;
    let name = name.strip_prefix('/').unwrap_or(name);
    if name.is_empty() || name.contains('/') || name == "." || name == ".." {
        return Err(error(EINVAL));
    }
    if name.len() > COMPONENT_MAX {
        return Err(error(ENAMETOOLONG));
    }
    Ok(["/scheme/shm/", name].concat())
}

/// Opens shared memory by name; made by `O_CREAT`, it is empty until its length is set. It is closed
/// on exec.
///
/// # Safety
/// C contract: `name` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_open(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the same contract.
    let path = unsafe { path(name) };
    let extra = flags & !O_ACCMODE & !(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC);
    let open = || {
        if extra != 0 || !matches!(flags & O_ACCMODE, O_RDONLY | O_RDWR) {
            return Err(error(EINVAL));
        }
        let flags = open_flags(flags | O_CLOEXEC | O_NOFOLLOW, mode);
        open_at(None, &path?, flags, Place::Lowest).map(descriptor)
    };
    answer(open())
}

/// Removes the name of shared memory; who has it keeps it.
///
/// # Safety
/// C contract: `name` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn shm_unlink(name: *const c_char) -> c_int {
    // SAFETY: the same contract.
    let path = unsafe { path(name) };
    let path = promised(Operation::Name).and(path);
    status(path.and_then(|path| namespace::unlink_from(None, &path, Removed::File)))
}
