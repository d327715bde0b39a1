//! Opening, and what `fcntl` does.
//!
//! C declares these functions with a variable last argument. On this architecture such an
//! argument travels as a fixed one does; it is looked at only where C promises that it is there.
use crate::errno::{answer, error};
use crate::mode::creation_mode;
use crate::pointer::{fd, handle, text};
use crate::promises::{Operation, promised, promised_open, unveiled};
use clavis_abi::error::Result;
use clavis_abi::params::ObjectType;
use clavis_rt::sys::{self, file::OpenFlags};
use clavis_rt::{Handle, Number, Place, namespace, path};
use core::ffi::{c_char, c_int};
use libc::{
    AT_FDCWD, EINVAL, F_DUPFD, F_DUPFD_CLOEXEC, F_GETFL, F_GETLK, F_SETFD, F_SETLK, F_SETLKW,
    FD_CLOEXEC, O_ACCMODE, O_CLOEXEC, O_CREAT, O_EXLOCK, O_SHLOCK, O_TRUNC, O_WRONLY, mode_t,
};

/// The open flags of the kernel for those of C: the low 16 bits carry the creation mode.
pub(crate) fn open_flags(flags: c_int, mode: mode_t) -> OpenFlags {
    let mode = if flags & O_CREAT != 0 { creation_mode(mode) } else { 0 };
    OpenFlags::from(flags as u32 & 0xFFFF_0000) | OpenFlags::from(mode)
}

/// The directory that a `*at` function starts from; `None` for the current one.
pub(crate) fn start(directory: c_int) -> Result<Option<Number>> {
    if directory == AT_FDCWD { Ok(None) } else { handle(directory).map(Some) }
}

/// Opens a path from a directory, of who promised it. Where it names a descriptor of this process,
/// that is duplicated, with the access that it has.
pub(crate) fn open_at(
    from: Option<Number>,
    path: &str,
    flags: OpenFlags,
    place: Place,
) -> Result<Handle> {
    promised_open(path, flags)?;
    open_promised(from, path, flags, place)
}

/// As [`open_at`], where another promise was asked for.
pub(crate) fn open_promised(
    from: Option<Number>,
    path: &str,
    flags: OpenFlags,
    place: Place,
) -> Result<Handle> {
    if let Some(own) = path::own_descriptor(path) {
        let copy = sys::file::dup(handle(own)?, b"", place)?;
        if flags & O_CLOEXEC as OpenFlags != 0 {
            sys::file::fcntl(copy.number(), F_SETFD as usize, FD_CLOEXEC as usize)?;
        }
        return Ok(copy);
    }
    let opened = match from {
        Some(directory) => namespace::open_from(directory, path, flags, place),
        None => namespace::open(path, flags, place),
    };
    unveiled(from, path, opened)
}

/// A handle as a POSIX descriptor, which C owns from now on.
pub(crate) fn descriptor(handle: Handle) -> c_int {
    handle.into_number().raw() as c_int
}

/// Opens a path.
///
/// # Safety
/// C contract: `path` is NUL-terminated; `mode` is given with `O_CREAT`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { openat(AT_FDCWD, path, flags, mode) }
}

/// Opens a path from a directory. `O_SHLOCK` and `O_EXLOCK` lock it, as `flock` does.
///
/// # Safety
/// C contract: as [`open`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(
    directory: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    answer(path.and_then(|path| {
        if flags & (O_SHLOCK | O_EXLOCK) != 0 {
            promised(Operation::Lock)?;
        }
        let wanted = open_flags(flags & !(O_SHLOCK | O_EXLOCK), mode);
        let handle = open_at(start(directory)?, path, wanted, Place::Lowest)?;
        crate::lock::opened(handle.number(), flags)?;
        Ok(descriptor(handle))
    }))
}

/// Makes or empties a file and opens it for writing.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { open(path, O_CREAT | O_WRONLY | O_TRUNC, mode) }
}

/// Controls a descriptor.
///
/// # Safety
/// C contract: the argument of a record lock is one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fcntl(descriptor: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: the same contract.
    answer(fd(descriptor).and_then(|number| unsafe { control(number, command, argument) }))
}

/// The access mode of what was not opened: the write end of a pipe is a duplicate, without flags.
fn access(number: Number) -> Result<c_int> {
    let is_writer = sys::clavis::query(number)?.object == ObjectType::PipeWriter as u64;
    Ok(if is_writer { O_WRONLY } else { 0 })
}

/// # Safety
/// As [`fcntl`].
unsafe fn control(number: Number, command: c_int, argument: usize) -> Result<c_int> {
    match command {
        // SAFETY: the caller's promise.
        F_GETLK | F_SETLK | F_SETLKW => unsafe {
            crate::lock::record(number, command, core::ptr::with_exposed_provenance_mut(argument))
        },
        F_DUPFD_CLOEXEC => {
            let copy = sys::file::fcntl(number, F_DUPFD as usize, argument)?;
            sys::file::fcntl(Number::from_raw(copy), F_SETFD as usize, FD_CLOEXEC as usize)?;
            crate::epoll::duplicated(number.raw() as c_int, copy as c_int);
            Ok(copy as c_int)
        }
        F_DUPFD => {
            let copy = sys::file::fcntl(number, F_DUPFD as usize, argument)?;
            crate::epoll::duplicated(number.raw() as c_int, copy as c_int);
            Ok(copy as c_int)
        }
        F_GETFL => match sys::file::fcntl(number, F_GETFL as usize, 0)? as c_int {
            flags if flags & O_ACCMODE == 0 => Ok(flags | access(number)?),
            flags => Ok(flags),
        },
        _ => {
            let command = usize::try_from(command).map_err(|_| error(EINVAL))?;
            sys::file::fcntl(number, command, argument).map(|value| value as c_int)
        }
    }
}
