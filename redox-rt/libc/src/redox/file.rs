//! Handles and files.
use super::{RawResult, done, given, number, raw, used};
use crate::fcntl::open_at;
use crate::pointer::{bytes, bytes_mut, put, text_of};
use crate::promises::{Operation, promised, promised_open, unveiled};
use crate::stat::{Stat, StatVfs, from_kernel, set_times, statistics};
use clavis_rt::sys::file;
use clavis_rt::{Place, fs};
use core::ffi::c_int;
use libc::{O_CREAT, mode_t, timespec};

/// Opens a path.
///
/// # Safety
/// `path` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_open_v1(
    path: *const u8,
    length: usize,
    flags: u32,
    mode: u16,
) -> RawResult {
    // SAFETY: the contract.
    let path = unsafe { text_of(path, length) };
    raw(|| {
        let flags = crate::fcntl::open_flags(flags as c_int, mode_t::from(mode));
        open_at(None, path?, flags, Place::Lowest).map(given)
    })
}

/// Opens a path beneath a directory handle, exactly that.
///
/// # Safety
/// `path` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_openat_v1(
    fd: usize,
    path: *const u8,
    length: usize,
    flags: u32,
    description_flags: u32,
) -> RawResult {
    // SAFETY: the contract.
    let path = unsafe { text_of(path, length) };
    raw(|| {
        let all = flags as usize | description_flags as usize & syscall::flag::O_FCNTL_MASK;
        // Without creation the low bits would be a mode that nobody asked for.
        let all = if flags as c_int & O_CREAT == 0 { all & !0xFFFF } else { all };
        let (path, all) = (path?, all as u64);
        promised_open(path, all)?;
        unveiled(Some(number(fd)), path, file::openat(number(fd), path, all, Place::Lowest))
            .map(given)
    })
}

/// Duplicates a handle, with a message for its server.
///
/// # Safety
/// `message` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_dup_v1(fd: usize, message: *const u8, length: usize) -> RawResult {
    // SAFETY: the contract.
    let message = unsafe { bytes(message.cast(), length) };
    used(|| file::dup(number(fd), message, Place::Lowest).map(given))
}

/// Tells the parts of libc that keep something for a number that it is about to mean another one.
fn forget(fd: usize) {
    if let Ok(descriptor) = c_int::try_from(fd) {
        crate::epoll::forget(descriptor);
    }
}

/// Duplicates a handle onto a number, with a message for its server.
///
/// # Safety
/// `message` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_dup2_v1(
    old: usize,
    new: usize,
    message: *const u8,
    length: usize,
) -> RawResult {
    // SAFETY: the contract.
    let message = unsafe { bytes(message.cast(), length) };
    used(|| {
        let copy = file::dup2(number(old), number(new), message)?;
        forget(new);
        Ok(given(copy))
    })
}

/// Duplicates a handle onto a number.
#[unsafe(no_mangle)]
pub extern "C" fn redox_dup2_v2(old: usize, new: usize) -> RawResult {
    used(|| {
        let copy = file::dup2(number(old), number(new), &[])?;
        forget(new);
        Ok(given(copy))
    })
}

/// Reads.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_read_v1(fd: usize, buffer: *mut u8, length: usize) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    used(|| file::read(number(fd), buffer))
}

/// Writes.
///
/// # Safety
/// `buffer` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_write_v1(fd: usize, buffer: *const u8, length: usize) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes(buffer.cast(), length) };
    used(|| file::write(number(fd), buffer))
}

/// Changes the mode.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fchmod_v1(fd: usize, mode: u16) -> RawResult {
    done(|| promised(Operation::Attributes).and_then(|()| fs::fchmod(number(fd), mode)))
}

/// Changes owner and group.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fchown_v1(fd: usize, owner: u32, group: u32) -> RawResult {
    done(|| promised(Operation::Owner).and_then(|()| file::fchown(number(fd), owner, group)))
}

/// Reads directory entries from an opaque position.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_getdents_v0(
    fd: usize,
    buffer: *mut u8,
    length: usize,
    opaque: u64,
) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    raw(|| {
        promised(Operation::Look)?;
        fs::getdents(number(fd), buffer, opaque)
    })
}

/// Metadata.
///
/// # Safety
/// `place` takes a `struct stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_fstat_v1(fd: usize, place: *mut Stat) -> RawResult {
    used(|| {
        let found = file::fstat(number(fd))?;
        // SAFETY: the contract.
        unsafe { put(place, from_kernel(&found)) }.map(|()| 0)
    })
}

/// Statistics of the file system.
///
/// # Safety
/// `place` takes a `struct statvfs`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_fstatvfs_v1(fd: usize, place: *mut StatVfs) -> RawResult {
    done(|| {
        promised(Operation::Look)?;
        let found = statistics(number(fd))?;
        // SAFETY: the contract.
        unsafe { put(place, found) }
    })
}

/// Flushes to the medium.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fsync_v1(fd: usize) -> RawResult {
    used(|| file::fsync(number(fd)).map(|()| 0))
}

/// Flushes to the medium.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fdatasync_v1(fd: usize) -> RawResult {
    used(|| file::fsync(number(fd)).map(|()| 0))
}

/// Changes the length.
#[unsafe(no_mangle)]
pub extern "C" fn redox_ftruncate_v0(fd: usize, length: usize) -> RawResult {
    used(|| fs::ftruncate(number(fd), length as u64).map(|()| 0))
}

/// Sets access and modification time.
///
/// # Safety
/// `times` are two times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_futimens_v1(fd: usize, times: *const timespec) -> RawResult {
    done(|| {
        promised(Operation::Attributes)?;
        // SAFETY: the contract.
        unsafe { set_times(number(fd), times) }
    })
}

/// The path of the object, as its server names it.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_fpath_v1(fd: usize, buffer: *mut u8, length: usize) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    raw(|| file::fpath(number(fd), buffer))
}

/// The path from a directory to another object of the same server.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_relpathat_v0(
    directory: usize,
    fd: usize,
    buffer: *mut u8,
    length: usize,
) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    raw(|| fs::relpathat(number(directory), number(fd), buffer))
}

/// Closes.
#[unsafe(no_mangle)]
pub extern "C" fn redox_close_v1(fd: usize) -> RawResult {
    forget(fd);
    used(|| file::close(number(fd)).map(|()| 0))
}

/// Controls.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fcntl_v0(fd: usize, command: usize, argument: usize) -> RawResult {
    used(|| file::fcntl(number(fd), command, argument))
}
