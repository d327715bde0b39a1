//! The current directory, and paths without links and dots.
use crate::errno::{fail, status};
use crate::names::{Follow, reference};
use crate::pointer::{fd, text};
use crate::promises::{Operation, promised, unveiled};
use clavis_rt::namespace;
use core::ffi::{c_char, c_int};
use libc::{EINVAL, ENOSYS, ERANGE};

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
    let target =
        if buffer.is_null() { crate::malloc::malloc(real.len() + 1).cast() } else { buffer };
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
    status(promised(Operation::Look).and_then(|()| {
        let path = path?;
        unveiled(None, path, namespace::change_directory(path))
    }))
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
    let path = match promised(Operation::Where).and_then(|()| namespace::get_cwd()) {
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
