//! Metadata of files and file systems.
use crate::attributes::follow;
use crate::errno::{fail, status};
use crate::fcntl::start;
use crate::names::{Follow, reference};
use crate::pointer::{fd, get, handle, put, text};
use crate::promises::{Operation, promised};
use clavis_abi::error::Result;
use clavis_abi::limits::COMPONENT_MAX;
use clavis_rt::Number;
use clavis_rt::fs;
use clavis_rt::sys::file;
use clavis_rt::sys::time::{Clock, now};
use core::ffi::{c_char, c_int, c_void};
use core::mem::MaybeUninit;
use libc::{
    AT_EMPTY_PATH, AT_FDCWD, EFAULT, EINVAL, UTIME_NOW, UTIME_OMIT, timespec, timeval, utimbuf,
};
use syscall::data::TimeSpec;

/// C's metadata of a file.
pub(crate) type Stat = libc::stat;
/// C's statistics of a file system.
pub(crate) type StatVfs = libc::statvfs;

/// C's view of the kernel's metadata.
pub(crate) fn from_kernel(kernel: &syscall::data::Stat) -> Stat {
    // SAFETY: the structure is integers, for which zeroes are a value.
    let mut stat: Stat = unsafe { MaybeUninit::zeroed().assume_init() };
    stat.st_dev = kernel.st_dev;
    stat.st_ino = kernel.st_ino;
    stat.st_nlink = u64::from(kernel.st_nlink);
    stat.st_mode = i32::from(kernel.st_mode);
    stat.st_uid = kernel.st_uid;
    stat.st_gid = kernel.st_gid;
    stat.st_size = kernel.st_size as i64;
    stat.st_blksize = i64::from(kernel.st_blksize);
    stat.st_blocks = kernel.st_blocks as i64;
    stat.st_atime = kernel.st_atime as i64;
    stat.st_atime_nsec = i64::from(kernel.st_atime_nsec);
    stat.st_mtime = kernel.st_mtime as i64;
    stat.st_mtime_nsec = i64::from(kernel.st_mtime_nsec);
    stat.st_ctime = kernel.st_ctime as i64;
    stat.st_ctime_nsec = i64::from(kernel.st_ctime_nsec);
    stat
}

/// Metadata of a descriptor.
///
/// # Safety
/// C contract: `place` takes a `struct stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstat(descriptor: c_int, place: *mut Stat) -> c_int {
    let found = fd(descriptor).and_then(file::fstat);
    // SAFETY: the contract.
    status(found.and_then(|found| unsafe { put(place, from_kernel(&found)) }))
}

/// Metadata of a path.
///
/// # Safety
/// C contract: `path` is NUL-terminated, `place` takes a `struct stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stat(path: *const c_char, place: *mut Stat) -> c_int {
    // SAFETY: the same contract.
    unsafe { fstatat(AT_FDCWD, path, place, 0) }
}

/// Metadata of a path, of a symbolic link itself.
///
/// # Safety
/// C contract: `path` is NUL-terminated, `place` takes a `struct stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lstat(path: *const c_char, place: *mut Stat) -> c_int {
    // SAFETY: the same contract.
    unsafe { fstatat(AT_FDCWD, path, place, libc::AT_SYMLINK_NOFOLLOW) }
}

/// Metadata of a path, from a directory.
///
/// # Safety
/// C contract: `path` is NUL-terminated, `place` takes a `struct stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatat(
    directory: c_int,
    path: *const c_char,
    place: *mut Stat,
    flags: c_int,
) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    let found = path.and_then(|path| stat_at(directory, path, flags));
    // SAFETY: the contract.
    status(found.and_then(|found| unsafe { put(place, from_kernel(&found)) }))
}

fn stat_at(directory: c_int, path: &str, flags: c_int) -> Result<syscall::data::Stat> {
    if path.is_empty() && flags & AT_EMPTY_PATH != 0 && directory != AT_FDCWD {
        return file::fstat(fd(directory)?);
    }
    let follow = follow(flags & !AT_EMPTY_PATH).ok_or(crate::errno::error(EINVAL))?;
    let object = reference(start(directory)?, path, follow)?;
    file::fstat(object.number())
}

/// C's view of the statistics of a file system. The system has no inode counts to tell.
pub(crate) fn statistics(number: Number) -> Result<StatVfs> {
    let found = fs::fstatvfs(number)?;
    // SAFETY: the structure is integers, for which zeroes are a value.
    let mut answer: StatVfs = unsafe { MaybeUninit::zeroed().assume_init() };
    answer.f_bsize = u64::from(found.f_bsize);
    answer.f_frsize = u64::from(found.f_bsize);
    answer.f_blocks = found.f_blocks;
    answer.f_bfree = found.f_bfree;
    answer.f_bavail = found.f_bavail;
    answer.f_namemax = COMPONENT_MAX as u64;
    Ok(answer)
}

/// Statistics of the file system of a descriptor.
///
/// # Safety
/// C contract: `place` takes a `struct statvfs`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fstatvfs(descriptor: c_int, place: *mut StatVfs) -> c_int {
    let found = promised(Operation::Look).and_then(|()| handle(descriptor)).and_then(statistics);
    // SAFETY: the contract.
    status(found.and_then(|found| unsafe { put(place, found) }))
}

/// Statistics of the file system of a path.
///
/// # Safety
/// C contract: `path` is NUL-terminated, `place` takes a `struct statvfs`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn statvfs(path: *const c_char, place: *mut StatVfs) -> c_int {
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    let found = path.and_then(|path| {
        let object = reference(None, path, Follow::Links)?;
        statistics(object.number())
    });
    // SAFETY: the contract.
    status(found.and_then(|found| unsafe { put(place, found) }))
}

/// The times to set: *now* for null and `UTIME_NOW`, what they are for `UTIME_OMIT`.
///
/// # Safety
/// `times` is null or two times.
unsafe fn times(number: Number, times: *const timespec) -> Result<[TimeSpec; 2]> {
    let current = TimeSpec::from_nanos(u128::from(now(Clock::Real)));
    if times.is_null() {
        return Ok([current; 2]);
    }
    // SAFETY: the caller's promise.
    let wanted = unsafe { get(times.cast::<[timespec; 2]>()) }?;
    let mut result = [current; 2];
    let mut before = None;
    for (index, (slot, wanted)) in result.iter_mut().zip(wanted).enumerate() {
        *slot = match wanted.tv_nsec {
            UTIME_NOW => current,
            UTIME_OMIT => {
                let stat = match before {
                    Some(stat) => stat,
                    None => *before.insert(file::fstat(number)?),
                };
                let (seconds, nanoseconds) = match index {
                    0 => (stat.st_atime, stat.st_atime_nsec),
                    _ => (stat.st_mtime, stat.st_mtime_nsec),
                };
                TimeSpec { tv_sec: seconds as i64, tv_nsec: nanoseconds as i32 }
            }
            0..1_000_000_000 => TimeSpec { tv_sec: wanted.tv_sec, tv_nsec: wanted.tv_nsec as i32 },
            _ => return Err(crate::errno::error(EINVAL)),
        };
    }
    Ok(result)
}

/// Sets access and modification time of an object.
///
/// # Safety
/// `wanted` is null or two times.
pub(crate) unsafe fn set_times(number: Number, wanted: *const timespec) -> Result<()> {
    // SAFETY: the caller's promise.
    let times = unsafe { times(number, wanted) }?;
    fs::futimens(number, times)
}

/// Sets access and modification time.
///
/// # Safety
/// C contract: `wanted` is null or two times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn futimens(descriptor: c_int, wanted: *const timespec) -> c_int {
    status(promised(Operation::Attributes).and_then(|()| {
        let number = handle(descriptor)?;
        // SAFETY: the contract.
        unsafe { set_times(number, wanted) }
    }))
}

/// Sets access and modification time of a path.
///
/// # Safety
/// C contract: `path` is NUL-terminated, `wanted` is null or two times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimensat(
    directory: c_int,
    path: *const c_char,
    wanted: *const timespec,
    flags: c_int,
) -> c_int {
    let Some(follow) = follow(flags) else { return fail(EINVAL) };
    // SAFETY: the contract.
    let path = unsafe { text(path) };
    status(path.and_then(|path| {
        promised(Operation::AttributesByPath)?;
        let object = reference(start(directory)?, path, follow)?;
        // SAFETY: the contract.
        unsafe { set_times(object.number(), wanted) }
    }))
}

/// Sets access and modification time in microseconds (null: *now*).
///
/// # Safety
/// C contract: `path` is NUL-terminated, `wanted` is null or two times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utimes(path: *const c_char, wanted: *const timeval) -> c_int {
    if wanted.is_null() {
        // SAFETY: the same contract.
        return unsafe { utimensat(AT_FDCWD, path, core::ptr::null(), 0) };
    }
    // SAFETY: the contract.
    let Ok(wanted) = (unsafe { get(wanted.cast::<[timeval; 2]>()) }) else { return fail(EFAULT) };
    if wanted.iter().any(|time| !(0..1_000_000).contains(&time.tv_usec)) {
        return fail(EINVAL);
    }
    let wanted = wanted
        .map(|time| timespec { tv_sec: time.tv_sec, tv_nsec: i64::from(time.tv_usec) * 1000 });
    // SAFETY: the contract, and two times of our own.
    unsafe { utimensat(AT_FDCWD, path, wanted.as_ptr(), 0) }
}

/// Sets access and modification time in seconds (null: *now*).
///
/// # Safety
/// C contract: `path` is NUL-terminated, `wanted` is null or readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn utime(path: *const c_char, wanted: *const utimbuf) -> c_int {
    if wanted.is_null() {
        // SAFETY: the same contract.
        return unsafe { utimensat(AT_FDCWD, path, core::ptr::null(), 0) };
    }
    // SAFETY: the contract.
    let Ok(wanted) = (unsafe { get(wanted) }) else { return fail(EFAULT) };
    let wanted = [wanted.actime, wanted.modtime].map(|tv_sec| timespec { tv_sec, tv_nsec: 0 });
    // SAFETY: the contract, and two times of our own.
    unsafe { utimensat(AT_FDCWD, path, wanted.as_ptr(), 0) }
}

/// Limits of a path: those of the whole system.
#[unsafe(no_mangle)]
pub extern "C" fn fpathconf(_descriptor: c_int, name: c_int) -> libc::c_long {
    limit_of(name)
}

/// Limits of a path: those of the whole system.
#[unsafe(no_mangle)]
pub extern "C" fn pathconf(path: *const c_char, name: c_int) -> libc::c_long {
    if path.cast::<c_void>().is_null() {
        return fail(EFAULT);
    }
    limit_of(name)
}

fn limit_of(name: c_int) -> libc::c_long {
    match name {
        libc::_PC_NAME_MAX => COMPONENT_MAX as libc::c_long,
        libc::_PC_PATH_MAX => clavis_abi::limits::PATH_MAX as libc::c_long,
        libc::_PC_PIPE_BUF => clavis_abi::limits::PIPE_ATOMIC as libc::c_long,
        libc::_PC_NO_TRUNC => 1,
        libc::_PC_FILESIZEBITS => 64,
        _ => fail(EINVAL),
    }
}
