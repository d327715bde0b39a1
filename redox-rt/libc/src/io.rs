//! Reading, writing and duplicating descriptors.
use crate::errno::{answer, count, error, status};
use crate::pointer::{fd, source, target};
use crate::promises::{Operation, promised};
use crate::socket::{For, patiently, timeouts};
use clavis_abi::error::{Error, Result};
use clavis_rt::sys::file;
use clavis_rt::{Number, Place, object};
use core::ffi::{c_int, c_void};
use libc::{EFAULT, EINVAL, EPIPE, F_SETFD, FD_CLOEXEC, O_CLOEXEC, SIGPIPE, iovec, off_t};

/// How many buffers one call may have.
const IOV_MAX: usize = 1024;

/// An offset in a file; `EINVAL` for a negative one.
fn offset(offset: off_t) -> Result<u64> {
    u64::try_from(offset).map_err(|_| error(EINVAL))
}

/// Reads at the description's offset.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn read(descriptor: c_int, buffer: *mut c_void, length: usize) -> isize {
    // SAFETY: the contract.
    let buffer = unsafe { target(buffer, length) };
    count((|| {
        let (number, buffer) = (fd(descriptor)?, buffer?);
        // A server that has no place for one more who waits says so.
        patiently(number, 0, For::Receiving, || file::read(number, buffer))
    })())
}

/// Writes at the description's offset.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(descriptor: c_int, buffer: *const c_void, length: usize) -> isize {
    // SAFETY: the contract.
    let buffer = unsafe { source(buffer, length) };
    count(piped((|| {
        let (number, buffer) = (fd(descriptor)?, buffer?);
        patiently(number, 0, For::Sending, || file::write(number, buffer))
    })()))
}

/// Signals the thread that nobody reads what it writes.
fn piped(result: Result<usize>) -> Result<usize> {
    if result == Err(error(EPIPE)) {
        crate::signal::send::raise(SIGPIPE);
    }
    result
}

/// Reads at an offset.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(
    descriptor: c_int,
    buffer: *mut c_void,
    length: usize,
    place: off_t,
) -> isize {
    // SAFETY: the contract.
    let buffer = unsafe { target(buffer, length) };
    count(fd(descriptor).and_then(|number| file::read_at(number, buffer?, offset(place)?)))
}

/// Writes at an offset.
///
/// # Safety
/// C contract: `length` bytes of `buffer` are readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    descriptor: c_int,
    buffer: *const c_void,
    length: usize,
    place: off_t,
) -> isize {
    // SAFETY: the contract.
    let buffer = unsafe { source(buffer, length) };
    count(fd(descriptor).and_then(|number| file::write_at(number, buffer?, offset(place)?)))
}

/// The buffers of a scattered call.
///
/// # Safety
/// `amount` descriptions of buffers are readable.
pub(crate) unsafe fn buffers<'a>(buffers: *const iovec, amount: c_int) -> Result<&'a [iovec]> {
    let amount = usize::try_from(amount).ok().filter(|amount| *amount <= IOV_MAX);
    let amount = amount.ok_or(error(EINVAL))?;
    if amount == 0 {
        return Ok(&[]);
    }
    if buffers.is_null() {
        return Err(error(EFAULT));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(buffers, amount) })
}

/// Moves buffer by buffer. It ends at the first that moved less than it holds; an error counts
/// only before anything was moved.
fn scattered(
    buffers: &[iovec],
    mut step: impl FnMut(&iovec, u64) -> Result<usize>,
) -> Result<usize> {
    let mut done = 0;
    for buffer in buffers.iter().filter(|buffer| buffer.iov_len > 0) {
        match step(buffer, done as u64) {
            Ok(moved) => {
                done += moved;
                if moved < buffer.iov_len {
                    break;
                }
            }
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reads into buffers, one call each: other readers may come between.
///
/// # Safety
/// C contract: `amount` buffers, each writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn readv(descriptor: c_int, list: *const iovec, amount: c_int) -> isize {
    // SAFETY: the contract.
    let list = unsafe { buffers(list, amount) };
    count(list.and_then(|list| {
        let number = fd(descriptor)?;
        scattered(list, |buffer, _| {
            // SAFETY: the contract.
            file::read(number, unsafe { target(buffer.iov_base, buffer.iov_len) }?)
        })
    }))
}

/// Writes from buffers, one call each: other writers may come between.
///
/// # Safety
/// C contract: `amount` buffers, each readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(descriptor: c_int, list: *const iovec, amount: c_int) -> isize {
    // SAFETY: the contract.
    let list = unsafe { buffers(list, amount) };
    count(list.and_then(|list| {
        let number = fd(descriptor)?;
        scattered(list, |buffer, _| {
            // SAFETY: the contract.
            piped(file::write(number, unsafe { source(buffer.iov_base, buffer.iov_len) }?))
        })
    }))
}

/// As [`readv`], at an offset.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn preadv(
    descriptor: c_int,
    list: *const iovec,
    amount: c_int,
    place: off_t,
) -> isize {
    // SAFETY: the contract.
    let list = unsafe { buffers(list, amount) };
    count(list.and_then(|list| {
        let (number, place) = (fd(descriptor)?, offset(place)?);
        scattered(list, |buffer, done| {
            // SAFETY: the contract.
            let buffer = unsafe { target(buffer.iov_base, buffer.iov_len) }?;
            file::read_at(number, buffer, place.saturating_add(done))
        })
    }))
}

/// As [`writev`], at an offset.
///
/// # Safety
/// C contract: as there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwritev(
    descriptor: c_int,
    list: *const iovec,
    amount: c_int,
    place: off_t,
) -> isize {
    // SAFETY: the contract.
    let list = unsafe { buffers(list, amount) };
    count(list.and_then(|list| {
        let (number, place) = (fd(descriptor)?, offset(place)?);
        scattered(list, |buffer, done| {
            // SAFETY: the contract.
            let buffer = unsafe { source(buffer.iov_base, buffer.iov_len) }?;
            file::write_at(number, buffer, place.saturating_add(done))
        })
    }))
}

/// Moves the offset.
#[unsafe(no_mangle)]
pub extern "C" fn lseek(descriptor: c_int, place: off_t, whence: c_int) -> off_t {
    let result = fd(descriptor).and_then(|number| {
        let whence = usize::try_from(whence).map_err(|_| error(EINVAL))?;
        file::lseek(number, place as isize, whence)
    });
    answer(result.map(|place| place as off_t))
}

/// Closes a descriptor.
#[unsafe(no_mangle)]
pub extern "C" fn close(descriptor: c_int) -> c_int {
    crate::epoll::forget(descriptor);
    timeouts::forget(descriptor);
    status(fd(descriptor).and_then(file::close))
}

/// Duplicates a descriptor to the lowest free number.
#[unsafe(no_mangle)]
pub extern "C" fn dup(descriptor: c_int) -> c_int {
    let copy = fd(descriptor).and_then(|number| file::dup(number, &[], Place::Lowest));
    answer(copy.map(|copy| {
        let copy = crate::fcntl::descriptor(copy);
        crate::epoll::duplicated(descriptor, copy);
        copy
    }))
}

/// Duplicates a descriptor onto a number.
#[unsafe(no_mangle)]
pub extern "C" fn dup2(descriptor: c_int, new: c_int) -> c_int {
    answer(duplicate_onto(descriptor, new).map(|()| new))
}

/// As [`dup2`]; the two must differ, and the new one can be closed at exec (`O_CLOEXEC`).
#[unsafe(no_mangle)]
pub extern "C" fn dup3(descriptor: c_int, new: c_int, flags: c_int) -> c_int {
    if descriptor == new || flags & !O_CLOEXEC != 0 {
        return crate::errno::fail(EINVAL);
    }
    answer(duplicate_onto(descriptor, new).and_then(|()| {
        if flags & O_CLOEXEC != 0 {
            close_on_exec(fd(new)?)?;
        }
        Ok(new)
    }))
}

fn duplicate_onto(descriptor: c_int, new: c_int) -> Result<()> {
    let (number, new) = (fd(descriptor)?, fd(new)?);
    if number == new {
        // The same number again: nothing to do, if it is open.
        return file::fcntl(number, libc::F_GETFD as usize, 0).map(drop);
    }
    // C owns the new number.
    let copy = crate::fcntl::descriptor(file::dup2(number, new, &[])?);
    crate::epoll::forget(copy);
    timeouts::forget(copy);
    crate::epoll::duplicated(descriptor, copy);
    Ok(())
}

/// Marks a descriptor to be closed at exec.
pub(crate) fn close_on_exec(number: Number) -> Result<()> {
    file::fcntl(number, F_SETFD as usize, FD_CLOEXEC as usize).map(drop)
}

/// Makes a pipe: its read end and its write end.
///
/// # Safety
/// C contract: `ends` takes two descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pipe(ends: *mut c_int) -> c_int {
    // SAFETY: the same contract.
    unsafe { pipe2(ends, 0) }
}

/// As [`pipe`], with `O_CLOEXEC` and `O_NONBLOCK` for both ends.
///
/// # Safety
/// C contract: `ends` takes two descriptors.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pipe2(ends: *mut c_int, flags: c_int) -> c_int {
    if ends.is_null() {
        return crate::errno::fail(EFAULT);
    }
    if flags & !(O_CLOEXEC | libc::O_NONBLOCK) != 0 {
        return crate::errno::fail(EINVAL);
    }
    match new_pipe(flags) {
        Ok(pair) => {
            // SAFETY: the contract.
            unsafe { ends.cast::<[c_int; 2]>().write(pair) };
            0
        }
        Err(error) => crate::errno::fail(error.errno),
    }
}

pub(crate) fn new_pipe(flags: c_int) -> Result<[c_int; 2], Error> {
    promised(Operation::Stdio)?;
    let description = (flags & libc::O_NONBLOCK) as usize;
    let (reader, writer) = object::pipe(description, Place::Lowest)?;
    if description != 0 {
        // The write end is a duplicate and starts without description flags of its own.
        file::fcntl(writer.number(), libc::F_SETFL as usize, description)?;
    }
    if flags & O_CLOEXEC != 0 {
        close_on_exec(reader.number())?;
        close_on_exec(writer.number())?;
    }
    Ok([crate::fcntl::descriptor(reader), crate::fcntl::descriptor(writer)])
}

/// Flushes to the medium.
#[unsafe(no_mangle)]
pub extern "C" fn fsync(descriptor: c_int) -> c_int {
    status(fd(descriptor).and_then(file::fsync))
}

/// As [`fsync`].
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(descriptor: c_int) -> c_int {
    fsync(descriptor)
}

/// Changes the length.
#[unsafe(no_mangle)]
pub extern "C" fn ftruncate(descriptor: c_int, length: off_t) -> c_int {
    let result =
        fd(descriptor).and_then(|number| clavis_rt::fs::ftruncate(number, offset(length)?));
    status(result)
}
