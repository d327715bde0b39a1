//! Opening and closing.
use super::file::{self, File, Guard};
use super::scan::END;
use super::source::Source;
use crate::errno::{error, fail};
use crate::fcntl::{descriptor, open_at, open_flags};
use crate::pointer::{fd, text};
use c_stdio::stream::mode::Mode;
use c_stdio::stream::{Device, Stream, Whence};
use clavis_abi::Rights;
use clavis_abi::error::Result;
use clavis_rt::Place;
use core::ffi::{CStr, c_char, c_int};
use libc::{
    EINVAL, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC, O_APPEND, O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY,
    O_RDWR, O_TRUNC, O_WRONLY,
};

/// What C's mode says.
///
/// # Safety
/// A NUL-terminated string.
pub(super) unsafe fn mode(mode: *const c_char) -> Result<Mode> {
    if mode.is_null() {
        return Err(error(EINVAL));
    }
    // SAFETY: the caller's promise.
    Mode::read(unsafe { CStr::from_ptr(mode) }.to_bytes()).ok_or(error(EINVAL))
}

/// The flags of an open.
fn flags(mode: Mode) -> c_int {
    let access = match (mode.access.read, mode.access.write) {
        (true, true) => O_RDWR,
        (false, true) => O_WRONLY,
        _ => O_RDONLY,
    };
    let given = |wanted: bool, flag: c_int| if wanted { flag } else { 0 };
    access
        | given(mode.create, O_CREAT)
        | given(mode.truncate, O_TRUNC)
        | given(mode.access.append, O_APPEND)
        | given(mode.exclusive, O_EXCL)
        | given(mode.close_on_exec, O_CLOEXEC)
}

/// Opens a path.
fn opened(path: &str, mode: Mode) -> Result<Source> {
    let handle = open_at(None, path, open_flags(flags(mode), 0o666), Place::Lowest)?;
    Ok(Source::Descriptor(descriptor(handle)))
}

/// A stream of what was opened. One that only appends begins at the end.
fn stream(mut source: Source, mode: Mode) -> Stream<Source> {
    if mode.access.append && !mode.access.read {
        // What has no places has no end to begin at.
        let _ = source.seek(0, Whence::End);
    }
    Stream::new(source, mode.access, None)
}

/// Opens a file as a stream; null with errno.
///
/// # Safety
/// C contract: two strings.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fopen(path: *const c_char, wanted: *const c_char) -> *mut File {
    // SAFETY: the contract.
    let wanted = unsafe { mode(wanted) };
    // SAFETY: the contract.
    let source = wanted.and_then(|mode| Ok((opened(unsafe { text(path) }?, mode)?, mode)));
    match source {
        Ok((source, mode)) => file::publish(stream(source, mode)),
        Err(error) => fail(error.errno),
    }
}

/// Changes a descriptor to what a mode says; `EINVAL` for what it may not do.
pub(super) fn adapt(number: c_int, mode: Mode) -> Result<()> {
    let control = |command: c_int, argument: c_int| {
        clavis_rt::sys::file::fcntl(fd(number)?, command as usize, argument as usize)
    };
    // What a handle can do is told by its rights: the flags of an end of a pipe say nothing.
    let rights = Rights::from_bits_truncate(clavis_rt::sys::clavis::query(fd(number)?)?.rights);
    let reads = !mode.access.read || rights.contains(Rights::READ);
    let writes = !mode.access.write || rights.intersects(Rights::WRITE | Rights::APPEND);
    if !(reads && writes) {
        return Err(error(EINVAL));
    }
    if mode.access.append {
        let now = control(F_GETFL, 0)? as c_int;
        if now & O_APPEND == 0 {
            control(F_SETFL, now | O_APPEND)?;
        }
    }
    if mode.close_on_exec {
        control(F_SETFD, FD_CLOEXEC)?;
    }
    Ok(())
}

/// Makes a stream of a descriptor, which is the stream's from then on.
///
/// # Safety
/// C contract: a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdopen(number: c_int, wanted: *const c_char) -> *mut File {
    // SAFETY: the contract.
    let wanted = unsafe { mode(wanted) };
    match wanted.and_then(|mode| adapt(number, mode).map(|()| mode)) {
        Ok(mode) => file::publish(stream(Source::Descriptor(number), mode)),
        Err(error) => fail(error.errno),
    }
}

/// Closes what a stream has, and opens something else there: under the same number, so that programs
/// which are started find it. Without a path the mode changes. On failure the stream is closed.
///
/// # Safety
/// C contract: a string or null, a string, a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn freopen(
    path: *const c_char,
    wanted: *const c_char,
    file: *mut File,
) -> *mut File {
    // SAFETY: the contract.
    let mut guard = unsafe { file::of(file) }.lock();
    // An error of the old file says nothing about the new one.
    let _ = guard.stream.sync();
    let old = match guard.stream.device {
        Source::Descriptor(number) => Some(number),
        _ => None,
    };
    // SAFETY: the contract.
    let reopened = unsafe { mode(wanted) }.and_then(|mode| {
        let source = if path.is_null() {
            let number = old.ok_or(error(libc::EBADF))?;
            adapt(number, mode)?;
            Source::Descriptor(number)
        } else {
            // SAFETY: the contract.
            under(old, opened(unsafe { text(path) }?, mode)?, mode)?
        };
        Ok(stream(source, mode))
    });
    match reopened {
        Ok(stream) => {
            if old.is_none() {
                // Memory; or nothing, which is no error here.
                let _ = guard.stream.device.close();
            }
            guard.stream = stream;
            guard.width = 0;
            file
        }
        Err(error) => {
            // The first error is what is told.
            let _ = guard.stream.device.close();
            drop(guard);
            drop(file::withdraw(file));
            fail(error.errno)
        }
    }
}

/// A file under a number that another had.
fn under(old: Option<c_int>, source: Source, mode: Mode) -> Result<Source> {
    let (Some(old), Source::Descriptor(new)) = (old, &source) else { return Ok(source) };
    let new = *new;
    clavis_rt::sys::file::dup2(fd(new)?, fd(old)?, &[]).map(descriptor)?;
    crate::io::close(new);
    if mode.close_on_exec {
        clavis_rt::sys::file::fcntl(fd(old)?, F_SETFD as usize, FD_CLOEXEC as usize)?;
    }
    Ok(Source::Descriptor(old))
}

/// Ends a stream; its error.
pub(super) fn close(guard: &mut Guard<'_>) -> core::result::Result<(), i32> {
    let written = guard.stream.sync();
    let closed = guard.stream.device.close();
    written.and(closed)
}

/// Closes a stream, after what waits was written. `EOF` with errno where that failed; it is closed all
/// the same.
///
/// # Safety
/// C contract: a stream that nobody uses afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fclose(file: *mut File) -> c_int {
    let own = file::withdraw(file);
    // SAFETY: the contract; one that was opened lives until `own` is dropped.
    let mut guard = unsafe { file::of(file) }.lock();
    let closed = close(&mut guard);
    drop(guard);
    drop(own);
    match closed {
        Ok(()) => 0,
        Err(errno) => fail(errno),
    }
}

/// Writes what waits in a stream, or, for null, in all. `EOF` with errno where that failed.
///
/// # Safety
/// C contract: null or a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fflush(file: *mut File) -> c_int {
    if file.is_null() {
        return if file::flush_all() { 0 } else { END };
    }
    // SAFETY: the contract.
    match unsafe { file::of(file) }.lock().stream.sync() {
        Ok(()) => 0,
        Err(errno) => fail(errno),
    }
}

/// A file without a name, to write and read, that is gone when it is closed.
#[unsafe(no_mangle)]
pub extern "C" fn tmpfile() -> *mut File {
    let mut name = *b"/tmp/tmpfile-XXXXXX\0";
    let place = name.as_mut_ptr().cast();
    // SAFETY: a writable string.
    let number = unsafe { crate::temporary::mkstemp(place) };
    if number < 0 {
        return core::ptr::null_mut();
    }
    // SAFETY: a string.
    if unsafe { crate::names::unlink(place) } != 0 {
        let problem = crate::errno::errno();
        crate::io::close(number);
        return fail(problem);
    }
    // SAFETY: a string.
    unsafe { fdopen(number, c"w+".as_ptr()) }
}

/// The descriptor of a stream; `EBADF` where it has none.
///
/// # Safety
/// C contract: a stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fileno(file: *mut File) -> c_int {
    // SAFETY: the contract.
    match unsafe { file::of(file) }.lock().stream.device {
        Source::Descriptor(number) => number,
        _ => fail(libc::EBADF),
    }
}
