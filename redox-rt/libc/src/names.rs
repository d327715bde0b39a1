//! Names of files: making, removing, renaming them, links, and the current directory.
use crate::errno::{count, error, fail, status};
use crate::fcntl::{open_at, start};
use crate::mode::creation_mode;
use crate::pointer::{bytes_mut, fd, text};
use clavis_abi::error::Result;
use clavis_rt::namespace::{self, Removed};
use clavis_rt::sys::file::{self, OpenFlags};
use clavis_rt::{Handle, Number, Place};
use core::ffi::{c_char, c_int, c_uint};
use libc::{
    AT_FDCWD, AT_REMOVEDIR, EINVAL, ENOSYS, ENOTSUP, ERANGE, O_CLOEXEC, O_NOFOLLOW, O_PATH,
    O_RDONLY, O_SYMLINK, O_WRONLY, dev_t, gid_t, mode_t, off_t, uid_t,
};

/// Flags that open an object only to ask about it or change its metadata.
const REFERENCE: OpenFlags = (O_PATH | O_CLOEXEC) as OpenFlags;

/// Opens an object to ask about it; with `NOFOLLOW` a symbolic link itself.
pub(crate) fn reference(from: Option<Number>, path: &str, follow: Follow) -> Result<Handle> {
    let extra = match follow {
        Follow::Links => 0,
        Follow::NotLast => OpenFlags::from(O_NOFOLLOW as u32),
    };
    open_at(from, path, REFERENCE | extra, Place::Upper)
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
    status(path.and_then(|path| {
        namespace::make_directory(start(directory)?, path, creation_mode(mode))
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
    status(path.and_then(|path| namespace::unlink_from(start(directory)?, path, kind)))
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
    status(old.and_then(|old| {
        namespace::rename(start(old_directory)?, old, start(new_directory)?, new?)
    }))
}

/// As [`renameat`]; flags are `ENOTSUP`.
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
        return fail(ENOTSUP);
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
    status(
        old.and_then(|old| {
            namespace::link(start(old_directory)?, old, start(new_directory)?, new?)
        }),
    )
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
    status(target.and_then(|target| namespace::make_link(target, start(directory)?, path?)))
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
    count(path.and_then(|path| {
        let flags = OpenFlags::from((O_RDONLY | O_SYMLINK | O_CLOEXEC | O_NOFOLLOW) as u32);
        let link = open_at(start(directory)?, path, flags, Place::Upper)?;
        file::read(link.number(), buffer)
    }))
}

/// The path of an object without links and dots, in `buffer` (`PATH_MAX` bytes) or on the heap.
///
/// # Safety
/// C contract: `path` is NUL-terminated; `buffer` is null or `PATH_MAX` bytes long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realpath(path: *const c_char, buffer: *mut c_char) -> *mut c_char {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    let real = path.and_then(|path| {
        let object = reference(None, path, Follow::Links)?;
        namespace::path_of(object.number())
    });
    let real = match real {
        Ok(real) => real,
        Err(error) => return fail(error.errno),
    };
    let target = if buffer.is_null() { crate::malloc::malloc(real.len() + 1).cast() } else { buffer };
    if !target.is_null() {
        // SAFETY: `PATH_MAX` bytes, or a fresh block of that length; a path is shorter.
        unsafe { put_string(target, &real) };
    }
    target
}

/// Writes a string and its NUL.
///
/// # Safety
/// They fit.
unsafe fn put_string(target: *mut c_char, string: &str) {
    // SAFETY: the caller's promise; distinct memory.
    unsafe { core::ptr::copy_nonoverlapping(string.as_ptr(), target.cast(), string.len()) };
    // SAFETY: the byte behind.
    unsafe { target.wrapping_add(string.len()).write(0) };
}

/// Makes a path the current directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(path.and_then(namespace::change_directory))
}

/// Makes an open directory the current one.
#[unsafe(no_mangle)]
pub extern "C" fn fchdir(descriptor: c_int) -> c_int {
    status(fd(descriptor).and_then(namespace::change_directory_to))
}

/// The path of the current directory, in `buffer` or (null) on the heap. `ERANGE` when it does
/// not fit, `ENOKEY` when the process has none.
///
/// # Safety
/// C contract: `buffer` is null or `length` bytes long.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn getcwd(buffer: *mut c_char, length: usize) -> *mut c_char {
    let path = match namespace::get_cwd() {
        Ok(path) => path,
        Err(error) => return fail(error.errno),
    };
    if buffer.is_null() {
        let target = crate::malloc::malloc((path.len() + 1).max(length)).cast::<c_char>();
        if !target.is_null() {
            // SAFETY: a fresh block of at least that length.
            unsafe { put_string(target, &path) };
        }
        return target;
    }
    if length == 0 {
        return fail(EINVAL);
    }
    if path.len() >= length {
        return fail(ERANGE);
    }
    // SAFETY: it fits the caller's buffer.
    unsafe { put_string(buffer, &path) };
    buffer
}

/// A root directory of its own is a namespace here, which the caller builds: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn chroot(_path: *const c_char) -> c_int {
    fail(ENOSYS)
}

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
        let object = reference(start(directory)?, path, follow)?;
        clavis_rt::fs::fchmod(object.number(), mode as u16)
    }))
}

/// Changes the mode.
#[unsafe(no_mangle)]
pub extern "C" fn fchmod(descriptor: c_int, mode: mode_t) -> c_int {
    status(fd(descriptor).and_then(|number| clavis_rt::fs::fchmod(number, mode as u16)))
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
        let object = reference(start(directory)?, path, follow)?;
        file::fchown(object.number(), owner as u32, group as u32)
    }))
}

/// Changes owner and group.
#[unsafe(no_mangle)]
pub extern "C" fn fchown(descriptor: c_int, owner: uid_t, group: gid_t) -> c_int {
    status(fd(descriptor).and_then(|number| file::fchown(number, owner as u32, group as u32)))
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
        let length = u64::try_from(length).map_err(|_| error(EINVAL))?;
        let flags = (O_WRONLY | O_CLOEXEC) as OpenFlags;
        let object = open_at(None, path, flags, Place::Upper)?;
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
        open_at(from, path, flags as OpenFlags, Place::Upper).map(drop)
    }))
}

/// There are no special files on disk: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn mkfifo(_path: *const c_char, _mode: mode_t) -> c_int {
    fail(ENOSYS)
}

/// There are no special files on disk: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn mknod(_path: *const c_char, _mode: mode_t, _device: dev_t) -> c_int {
    fail(ENOSYS)
}

/// There are no file systems that all of which could be flushed from here; each has `fsync`.
#[unsafe(no_mangle)]
pub extern "C" fn sync() {}
