//! Names of files: making, removing and renaming them, links.
use crate::errno::{count, error, fail, status};
use crate::fcntl::{open_at, open_promised, start};
use crate::mode::creation_mode;
use crate::pointer::{bytes_mut, text};
use crate::promises::{Operation, promised, unveiled};
use clavis_abi::error::Result;
use clavis_rt::namespace::{self, Removed};
use clavis_rt::sys::file::{self, OpenFlags};
use clavis_rt::{Handle, Number, Place};
use core::ffi::{c_char, c_int, c_uint};
use libc::{
    AT_FDCWD, AT_REMOVEDIR, EINVAL, ENOSYS, ENOTSUP, O_CLOEXEC, O_NOFOLLOW, O_PATH, O_RDONLY,
    O_SYMLINK, dev_t, mode_t,
};

/// Flags that open an object only to ask about it or change its metadata.
const REFERENCE: OpenFlags = (O_PATH | O_CLOEXEC) as OpenFlags;

/// Opens an object to ask about it; with `NOFOLLOW` a symbolic link itself.
pub(crate) fn reference(from: Option<Number>, path: &str, follow: Follow) -> Result<Handle> {
    open_at(from, path, referring(follow), Place::Upper)
}

/// As [`reference`], without asking what was promised or unveiled.
pub(crate) fn look(from: Option<Number>, path: &str, follow: Follow) -> Result<Handle> {
    match from {
        Some(directory) => namespace::open_from(directory, path, referring(follow), Place::Upper),
        None => namespace::open(path, referring(follow), Place::Upper),
    }
}

fn referring(follow: Follow) -> OpenFlags {
    let extra = match follow {
        Follow::Links => 0,
        Follow::NotLast => OpenFlags::from(O_NOFOLLOW as u32),
    };
    REFERENCE | extra
}

/// Whether a symbolic link in the last place is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// It is.
    Links,
    /// The link itself is meant.
    NotLast,
}

/// Makes a directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdir(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { mkdirat(AT_FDCWD, path, mode) }
}

/// Makes a directory, from a directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mkdirat(directory: c_int, path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(promised(Operation::Name).and_then(|()| {
        let (from, path) = (start(directory)?, path?);
        unveiled(from, path, namespace::make_directory(from, path, creation_mode(mode)))
    }))
}

/// Removes an empty directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { unlinkat(AT_FDCWD, path, AT_REMOVEDIR) }
}

/// Removes a name that is no directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { unlinkat(AT_FDCWD, path, 0) }
}

/// Removes a name, from a directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlinkat(directory: c_int, path: *const c_char, flags: c_int) -> c_int {
    let kind = match flags {
        0 => Removed::File,
        AT_REMOVEDIR => Removed::Directory,
        _ => return fail(EINVAL),
    };
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(promised(Operation::Name).and_then(|()| {
        let (from, path) = (start(directory)?, path?);
        unveiled(from, path, namespace::unlink_from(from, path, kind))
    }))
}

/// Removes a name, whatever it is.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn remove(path: *const c_char) -> c_int {
    // SAFETY: the same contract.
    let result = unsafe { unlink(path) };
    if result != 0 && matches!(crate::errno::errno(), libc::EISDIR | libc::EPERM) {
        // SAFETY: the same contract.
        return unsafe { rmdir(path) };
    }
    result
}

/// Renames.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { renameat(AT_FDCWD, old, AT_FDCWD, new) }
}

/// Renames, from directories.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
) -> c_int {
    // SAFETY: the contract.
    let old = unsafe { text(old) };
    // SAFETY: the contract.
    let new = unsafe { text(new) };
    status(promised(Operation::Rename).and_then(|()| {
        let (from, old, to, new) = (start(old_directory)?, old?, start(new_directory)?, new?);
        unveiled(from, old, unveiled(to, new, namespace::rename(from, old, to, new)))
    }))
}

/// As [`renameat`]; flags are `EINVAL`, by which Linux says that a file system has none of them and
/// callers know that they must do without.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn renameat2(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
    flags: c_uint,
) -> c_int {
    if flags != 0 {
        return fail(EINVAL);
    }
    // SAFETY: the same contract.
    unsafe { renameat(old_directory, old, new_directory, new) }
}

/// Makes a further name of an object; a symbolic link in the last place gets the name itself.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn link(old: *const c_char, new: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { linkat(AT_FDCWD, old, AT_FDCWD, new, 0) }
}

/// As [`link`], from directories; flags are `ENOTSUP`.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn linkat(
    old_directory: c_int,
    old: *const c_char,
    new_directory: c_int,
    new: *const c_char,
    flags: c_int,
) -> c_int {
    if flags != 0 {
        return fail(ENOTSUP);
    }
    // SAFETY: the contract.
    let old = unsafe { text(old) };
    // SAFETY: the contract.
    let new = unsafe { text(new) };
    status(promised(Operation::Rename).and_then(|()| {
        let (from, old, to, new) = (start(old_directory)?, old?, start(new_directory)?, new?);
        unveiled(from, old, unveiled(to, new, namespace::link(from, old, to, new)))
    }))
}

/// Makes a symbolic link.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlink(target: *const c_char, path: *const c_char) -> c_int {
    // SAFETY: the same contract.
    unsafe { symlinkat(target, AT_FDCWD, path) }
}

/// Makes a symbolic link, from a directory.
///
/// # Safety
/// C contract: both are NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn symlinkat(
    target: *const c_char,
    directory: c_int,
    path: *const c_char,
) -> c_int {
    // SAFETY: the contract.
    let target = unsafe { text(target) };
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(promised(Operation::Name).and_then(|()| {
        let (target, from, path) = (target?, start(directory)?, path?);
        unveiled(from, path, namespace::make_link(target, from, path))
    }))
}

/// Reads a symbolic link; what does not fit is cut.
///
/// # Safety
/// C contract: `path` is NUL-terminated, `length` bytes of `buffer` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(
    path: *const c_char,
    buffer: *mut c_char,
    length: usize,
) -> isize {
    // SAFETY: the same contract.
    unsafe { readlinkat(AT_FDCWD, path, buffer, length) }
}

/// As [`readlink`], from a directory.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlinkat(
    directory: c_int,
    path: *const c_char,
    buffer: *mut c_char,
    length: usize,
) -> isize {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    count(promised(Operation::Look).and_then(|()| {
        let path = path?;
        let flags = OpenFlags::from((O_RDONLY | O_SYMLINK | O_CLOEXEC | O_NOFOLLOW) as u32);
        let link = open_promised(start(directory)?, path, flags, Place::Upper)?;
        file::read(link.number(), buffer)
    }))
}

/// There are no special files on disk: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn mkfifo(_path: *const c_char, _mode: mode_t) -> c_int {
    status(promised(Operation::Special).and_then(|()| Err::<(), _>(error(ENOSYS))))
}

/// There are no special files on disk: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn mknod(_path: *const c_char, _mode: mode_t, _device: dev_t) -> c_int {
    status(promised(Operation::Special).and_then(|()| Err::<(), _>(error(ENOSYS))))
}

/// There are no special files on disk: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn mknodat(
    _directory: c_int,
    _path: *const c_char,
    _mode: mode_t,
    _device: dev_t,
) -> c_int {
    status(promised(Operation::Special).and_then(|()| Err::<(), _>(error(ENOSYS))))
}

/// There are no file systems that all of which could be flushed from here; each has `fsync`.
#[unsafe(no_mangle)]
pub extern "C" fn sync() {}
