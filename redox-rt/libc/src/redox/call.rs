//! Calls with server-defined meaning.
use super::{RawResult, raw, used};
use crate::errno::error;
use clavis_abi::error::Result;
use clavis_abi::limits::METADATA_WORDS;
use clavis_rt::confinement::pledge;
use clavis_rt::sys::call::raw_call;
use libc::{EINVAL, ENOSYS};
use syscall::flag::CallFlags;

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
    if pledge::promises().is_some() {
        // SAFETY: the same contract.
        return unsafe { call_as_promised(fd, payload, length, flags, metadata, metadata_length) };
    }
    // SAFETY: the same contract.
    raw(|| unsafe { call(fd, payload, length, flags, metadata, metadata_length) })
}

/// The same for who promised something. By itself: a question in the middle of a call would cost
/// everybody the registers that outlive it.
///
/// # Safety
/// As for the call.
#[cold]
#[inline(never)]
unsafe extern "C" fn call_as_promised(
    fd: usize,
    payload: *mut u8,
    length: usize,
    flags: usize,
    metadata: *const u64,
    metadata_length: usize,
) -> RawResult {
    // SAFETY: the same contract.
    used(|| unsafe { call(fd, payload, length, flags, metadata, metadata_length) })
}

/// # Safety
/// As for the call.
#[inline]
unsafe fn call(
    fd: usize,
    payload: *mut u8,
    length: usize,
    flags: usize,
    metadata: *const u64,
    metadata_length: usize,
) -> Result<usize> {
    let flags = CallFlags::from_bits_retain(flags);
    if flags.contains(CallFlags::MULTIPLE_FDS2) {
        return Err(error(EINVAL));
    }
    // SAFETY: the contract.
    let words = unsafe { words(metadata, metadata_length) }?;
    // SAFETY: the contract.
    unsafe { raw_call(fd, payload as usize, length, flags, words) }
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
    used(|| {
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
