//! The process, clocks, memory and errors.
use super::{RawResult, done, number, raw, used};
use crate::errno::{describe, error};
use crate::message::Text;
use crate::pointer::{bytes_mut, get, put};
use crate::signal;
use clavis_rt::sys::{self, time};
use core::ffi::c_int;
use libc::{EINVAL, ENOSYS, EOVERFLOW, EPERM, MAP_ANON, sigset_t, timespec};

/// The number of this process.
#[unsafe(no_mangle)]
pub extern "C" fn redox_get_pid_v1() -> RawResult {
    sys::thread::process_number()
}

macro_rules! nobody {
    ($($name:ident),*) => {$(
        /// There are no users and groups: 0.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name() -> RawResult {
            0
        }
    )*};
}
nobody!(redox_get_euid_v1, redox_get_ruid_v1, redox_get_egid_v1, redox_get_rgid_v1);

/// Bytes of the credentials: eleven words of four bytes, the process number first.
const CREDENTIALS: usize = 11 * 4;

/// The credentials of a process: its number; users, groups and namespaces are all 0. The handle
/// is not asked.
///
/// # Safety
/// `buffer` points to an address and a length of writable bytes, as Rust passes a slice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_get_proc_credentials_v1(
    _capability: usize,
    process: usize,
    buffer: *mut u8,
    length: usize,
) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    raw(|| {
        let room = buffer.get_mut(..CREDENTIALS).ok_or(error(EOVERFLOW))?;
        room.fill(0);
        let (first, _) = room.split_first_chunk_mut::<4>().ok_or(error(EOVERFLOW))?;
        *first = u32::try_from(process).map_err(|_| error(EINVAL))?.to_ne_bytes();
        Ok(CREDENTIALS)
    })
}

/// Signals a process.
#[unsafe(no_mangle)]
pub extern "C" fn redox_kill_v1(process: usize, wanted: u32) -> RawResult {
    done(|| {
        let process = i32::try_from(process as isize).map_err(|_| error(EINVAL))?;
        signal::send(process, c_int::try_from(wanted).map_err(|_| error(EINVAL))?)
    })
}

/// Waits for a child that was forked.
///
/// # Safety
/// `place` is null or takes a status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_waitpid_v1(
    process: usize,
    place: *mut i32,
    options: u32,
) -> RawResult {
    raw(|| {
        let process = i32::try_from(process as isize).map_err(|_| error(EINVAL))?;
        let (child, end) = crate::process::wait::wait_for(process, options as c_int)?;
        // SAFETY: the contract.
        unsafe { crate::pointer::put_if(place, end) };
        Ok(child as usize)
    })
}

/// Sets and tells which signals the thread blocks.
///
/// # Safety
/// `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_sigprocmask_v1(
    how: u32,
    new: *const sigset_t,
    old: *mut sigset_t,
) -> RawResult {
    // SAFETY: the contract.
    done(|| unsafe { signal::mask(how as c_int, new, old) })
}

/// Sets and tells what a signal does.
///
/// # Safety
/// `new` is null or readable, `old` null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_sigaction_v1(
    wanted: u32,
    new: *const signal::Action,
    old: *mut signal::Action,
) -> RawResult {
    // SAFETY: the contract.
    done(|| unsafe { signal::act(wanted as c_int, new, old) })
}

/// The time of a clock.
///
/// # Safety
/// `place` takes a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_clock_gettime_v1(clock: usize, place: *mut timespec) -> RawResult {
    done(|| {
        let time = time::clock_gettime(clock)?;
        let time = timespec { tv_sec: time.tv_sec, tv_nsec: i64::from(time.tv_nsec) };
        // SAFETY: the contract.
        unsafe { put(place, time) }
    })
}

/// Maps an object, or anonymous memory (number `usize::MAX`, or `MAP_ANONYMOUS`).
///
/// # Safety
/// With a fixed address, nothing else relies on what lies there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_mmap_v1(
    address: *mut (),
    length: usize,
    protection: u32,
    flags: u32,
    fd: usize,
    offset: u64,
) -> RawResult {
    raw(|| {
        let anonymous = fd == usize::MAX || flags & MAP_ANON as u32 != 0;
        let object = (!anonymous).then(|| number(fd));
        let flags = crate::mman::map_flags(protection as c_int, flags as c_int);
        let flags = flags.ok_or(error(EINVAL))?;
        // SAFETY: the contract.
        unsafe { crate::mman::map(object, address as usize, length, flags, offset) }
    })
}

/// Unmaps whole pages.
///
/// # Safety
/// Nothing refers to the range any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_munmap_v1(address: *mut (), length: usize) -> RawResult {
    used(|| {
        let length = length.checked_next_multiple_of(clavis_abi::PAGE_SIZE).ok_or(error(EINVAL))?;
        // SAFETY: the contract.
        unsafe { sys::memory::funmap(address as usize, length) }.map(|()| 0)
    })
}

/// Describes an error number. Answers the bytes written; `length` is the room before, the length
/// of the whole description after.
///
/// # Safety
/// `length` is readable and writable, `buffer` writable for that many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_strerror_v1(
    buffer: *mut u8,
    length: *mut usize,
    wanted: u32,
) -> RawResult {
    raw(|| {
        // SAFETY: the contract.
        let room = unsafe { get(length.cast_const()) }?;
        // SAFETY: the contract.
        let buffer = unsafe { bytes_mut(buffer.cast(), room) };
        let mut text = Text::new();
        describe(c_int::try_from(wanted).unwrap_or(-1), &mut text);
        let text = text.text();
        let mut taken = text.len().min(buffer.len());
        while !text.is_char_boundary(taken) {
            taken -= 1;
        }
        for (to, from) in buffer.iter_mut().zip(text.as_bytes()).take(taken) {
            *to = *from;
        }
        // SAFETY: the contract.
        unsafe { put(length, text.len()) }?;
        Ok(taken)
    })
}

/// Memory has one node: policies are `EPERM`.
#[unsafe(no_mangle)]
pub extern "C" fn redox_numa_set_mem_policy_v0(_policy: *const u8, _length: usize) -> RawResult {
    raw(|| Err(error(EPERM)))
}

/// Memory has one node and no policy: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn redox_numa_get_mem_policy_v0(_policy: *mut u8, _length: usize) -> RawResult {
    raw(|| Err(error(ENOSYS)))
}
