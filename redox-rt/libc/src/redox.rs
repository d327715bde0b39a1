//! `redox_*`: what the published crate `libredox` (0.1 and 0.2) links against. Each answers a
//! value, or the negated error number in the last page of the value range; errno is not touched.
use crate::errno::{describe, error};
use crate::message::Text;
use crate::pointer::{bytes, bytes_mut, get, put, text_of};
use crate::signal;
use crate::stat::{Stat, StatVfs, from_kernel, statistics};
use clavis_abi::error::{Result, mux};
use clavis_abi::limits::METADATA_WORDS;
use clavis_rt::namespace::message;
use clavis_rt::sys::call::{Sending, raw_call};
use clavis_rt::sys::{self, file, time};
use clavis_rt::{Handle, Number, Place, fs, namespace};
use core::ffi::c_int;
use libc::{
    EINVAL, ENOSYS, EOVERFLOW, EPERM, MAP_ANON, O_CREAT, iovec, mode_t, sigset_t, timespec,
};
use syscall::flag::CallFlags;

/// The result of these functions.
type RawResult = usize;

/// Encodes a result.
pub(crate) fn raw(action: impl FnOnce() -> Result<usize>) -> RawResult {
    mux(action())
}

/// As [`raw`], for actions without a value.
fn done(action: impl FnOnce() -> Result<()>) -> RawResult {
    raw(|| action().map(|()| 0))
}

/// A handle that the caller owns from now on.
fn given(handle: Handle) -> usize {
    handle.into_number().raw()
}

fn number(fd: usize) -> Number {
    Number::from_raw(fd)
}

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
        namespace::open(path?, flags, Place::Lowest).map(given)
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
        file::openat(number(fd), path?, all as u64, Place::Lowest).map(given)
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
    raw(|| file::dup(number(fd), message, Place::Lowest).map(given))
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
    raw(|| file::dup2(number(old), number(new), message).map(given))
}

/// Duplicates a handle onto a number.
#[unsafe(no_mangle)]
pub extern "C" fn redox_dup2_v2(old: usize, new: usize) -> RawResult {
    raw(|| file::dup2(number(old), number(new), &[]).map(given))
}

/// Reads.
///
/// # Safety
/// `buffer` is writable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_read_v1(fd: usize, buffer: *mut u8, length: usize) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes_mut(buffer.cast(), length) };
    raw(|| file::read(number(fd), buffer))
}

/// Writes.
///
/// # Safety
/// `buffer` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_write_v1(fd: usize, buffer: *const u8, length: usize) -> RawResult {
    // SAFETY: the contract.
    let buffer = unsafe { bytes(buffer.cast(), length) };
    raw(|| file::write(number(fd), buffer))
}

/// Changes the mode.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fchmod_v1(fd: usize, mode: u16) -> RawResult {
    done(|| fs::fchmod(number(fd), mode))
}

/// Changes owner and group.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fchown_v1(fd: usize, owner: u32, group: u32) -> RawResult {
    done(|| file::fchown(number(fd), owner, group))
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
    raw(|| fs::getdents(number(fd), buffer, opaque))
}

/// Metadata.
///
/// # Safety
/// `place` takes a `struct stat`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_fstat_v1(fd: usize, place: *mut Stat) -> RawResult {
    let found = file::fstat(number(fd));
    // SAFETY: the contract.
    done(|| unsafe { put(place, from_kernel(&found?)) })
}

/// Statistics of the file system.
///
/// # Safety
/// `place` takes a `struct statvfs`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_fstatvfs_v1(fd: usize, place: *mut StatVfs) -> RawResult {
    let found = statistics(number(fd));
    // SAFETY: the contract.
    done(|| unsafe { put(place, found?) })
}

/// Flushes to the medium.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fsync_v1(fd: usize) -> RawResult {
    done(|| file::fsync(number(fd)))
}

/// Flushes to the medium.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fdatasync_v1(fd: usize) -> RawResult {
    done(|| file::fsync(number(fd)))
}

/// Changes the length.
#[unsafe(no_mangle)]
pub extern "C" fn redox_ftruncate_v0(fd: usize, length: usize) -> RawResult {
    done(|| fs::ftruncate(number(fd), length as u64))
}

/// Sets access and modification time.
///
/// # Safety
/// `times` are two times.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_futimens_v1(fd: usize, times: *const timespec) -> RawResult {
    // SAFETY: the contract.
    done(|| unsafe { crate::stat::set_times(number(fd), times) })
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
    done(|| file::close(number(fd)))
}

/// Controls.
#[unsafe(no_mangle)]
pub extern "C" fn redox_fcntl_v0(fd: usize, command: usize, argument: usize) -> RawResult {
    raw(|| file::fcntl(number(fd), command, argument))
}

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

/// The namespace handle; it stays the process' own.
#[unsafe(no_mangle)]
pub extern "C" fn redox_get_ns_v0() -> RawResult {
    raw(|| namespace::namespace().map(|handle| handle.number().raw()))
}

/// As [`redox_get_ns_v0`]: there is one namespace per process.
#[unsafe(no_mangle)]
pub extern "C" fn redox_get_ens_v0() -> RawResult {
    redox_get_ns_v0()
}

/// Replaces the namespace of the process by a handle, which it takes over. Answers 0.
#[unsafe(no_mangle)]
pub extern "C" fn redox_setns_v0(fd: usize) -> RawResult {
    raw(|| {
        // Whether it is a handle at all is known before the old one goes.
        sys::clavis::query(number(fd))?;
        drop(namespace::set_namespace(Some(Handle::from_number(number(fd)))));
        Ok(0)
    })
}

/// Enters the null namespace when both are 0; namespaces have no numbers, so others are `EINVAL`.
#[unsafe(no_mangle)]
pub extern "C" fn redox_setrens_v1(real: usize, effective: usize) -> RawResult {
    done(|| {
        if (real, effective) != (0, 0) {
            return Err(error(EINVAL));
        }
        drop(namespace::set_namespace(None));
        Ok(())
    })
}

/// Makes a closed namespace of the listed names of the process' own, as a handle.
///
/// # Safety
/// `names` are `amount` readable buffers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_mkns_v1(
    names: *const iovec,
    amount: usize,
    _flags: u32,
) -> RawResult {
    raw(|| {
        let mut message = alloc::vec::Vec::new();
        message.extend_from_slice(&clavis_abi::namespace::message::FORK.to_le_bytes());
        for index in 0..amount {
            // SAFETY: the contract.
            let name = unsafe { get(names.wrapping_add(index)) }?;
            // SAFETY: the contract.
            let name = unsafe { bytes(name.iov_base, name.iov_len) };
            message.extend_from_slice(&(name.len() as u64).to_le_bytes());
            message.extend_from_slice(name);
        }
        let parent = namespace::namespace()?;
        file::dup(parent.number(), &message, Place::Lowest).map(given)
    })
}

/// Registers a scheme: its root handle, which is given away, under a name of a namespace.
///
/// # Safety
/// `name` is readable for `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_register_scheme_to_ns_v0(
    namespace: usize,
    name: *const u8,
    length: usize,
    root: usize,
) -> RawResult {
    // SAFETY: the contract.
    let name = unsafe { text_of(name, length) };
    done(|| {
        let ticket = message::register(number(namespace), name?, Place::Upper)?;
        message::send_root(ticket.number(), number(root), Sending::Move)
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

/// There are no children made by `fork`: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn redox_waitpid_v1(_process: usize, _status: *mut i32, _options: u32) -> RawResult {
    raw(|| Err(error(ENOSYS)))
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
    done(|| {
        let length = length.checked_next_multiple_of(clavis_abi::PAGE_SIZE).ok_or(error(EINVAL))?;
        // SAFETY: the contract.
        unsafe { sys::memory::funmap(address as usize, length) }
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

/// The metadata of a call.
///
/// # Safety
/// `metadata` are `length` words.
unsafe fn words<'a>(metadata: *const u64, length: usize) -> Result<&'a [u64]> {
    if length == 0 {
        return Ok(&[]);
    }
    if metadata.is_null() || length > METADATA_WORDS {
        return Err(error(EINVAL));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { core::slice::from_raw_parts(metadata, length) })
}

/// A call on a handle.
///
/// # Safety
/// `payload` is readable and, with READ, writable for `length` bytes; `metadata` are
/// `metadata_length` words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_sys_call_v0(
    fd: usize,
    payload: *mut u8,
    length: usize,
    flags: usize,
    metadata: *const u64,
    metadata_length: usize,
) -> RawResult {
    raw(|| {
        let flags = CallFlags::from_bits_retain(flags);
        if flags.contains(CallFlags::MULTIPLE_FDS2) {
            return Err(error(EINVAL));
        }
        // SAFETY: the contract.
        let words = unsafe { words(metadata, metadata_length) }?;
        // SAFETY: the contract.
        unsafe { raw_call(fd, payload as usize, length, flags, words) }
    })
}

/// A call on several handles of one server.
///
/// # Safety
/// `fds` are `amount` numbers; the rest as for one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redox_sys_call_multiple_v0(
    fds: *const usize,
    amount: usize,
    payload: *mut u8,
    length: usize,
    flags: usize,
    metadata: *const u64,
    metadata_length: usize,
) -> RawResult {
    raw(|| {
        // The count travels in the low bits of the address.
        if !fds.is_aligned() || amount >= align_of::<usize>() {
            return Err(error(EINVAL));
        }
        let flags = CallFlags::from_bits_retain(flags) | CallFlags::MULTIPLE_FDS2;
        // SAFETY: the contract.
        let words = unsafe { words(metadata, metadata_length) }?;
        // SAFETY: the contract.
        unsafe { raw_call(fds as usize | amount, payload as usize, length, flags, words) }
    })
}

/// There are no sockets whose token could be told: `ENOSYS`.
#[unsafe(no_mangle)]
pub extern "C" fn redox_get_socket_token_v0(
    _fd: usize,
    _payload: *mut u8,
    _length: usize,
) -> RawResult {
    raw(|| Err(error(ENOSYS)))
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
