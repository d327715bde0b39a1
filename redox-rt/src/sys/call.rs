//! CALL in its forms: server-defined calls, standard file system calls, handles sent and received.
#![expect(unsafe_code, reason = "system calls over borrowed buffers")]

use super::raw::syscall;
use crate::handle::{Handle, Number};
use alloc::vec::Vec;
use clavis_abi::call::Call;
use clavis_abi::error::{EINVAL, Error, Result};
use clavis_abi::limits::{BATCH_MAX, METADATA_WORDS};
use syscall::StdFsCallKind;
use syscall::flag::CallFlags;

/// A server-defined call whose payload only goes in.
///
/// # Errors
/// See the call table; what the server answers.
pub fn call_in(number: Number, payload: &[u8], flags: CallFlags, words: &[u64]) -> Result<usize> {
    let flags = (flags - CallFlags::READ) | CallFlags::WRITE;
    // SAFETY: without READ the kernel only reads the payload, a live slice.
    unsafe { raw_call(number.raw(), payload.as_ptr() as usize, payload.len(), flags, words) }
}

/// A server-defined call whose payload only comes out.
///
/// # Errors
/// See the call table; what the server answers.
pub fn call_out(
    number: Number,
    payload: &mut [u8],
    flags: CallFlags,
    words: &[u64],
) -> Result<usize> {
    let address = payload.as_mut_ptr() as usize;
    // SAFETY: the kernel writes within an exclusively borrowed slice.
    unsafe { raw_call(number.raw(), address, payload.len(), flags | CallFlags::READ, words) }
}

/// A server-defined call whose payload goes in and comes out.
///
/// # Errors
/// See the call table; what the server answers.
pub fn call_both(
    number: Number,
    payload: &mut [u8],
    flags: CallFlags,
    words: &[u64],
) -> Result<usize> {
    call_out(number, payload, flags | CallFlags::WRITE, words)
}

/// A standard file system call on one object. The payload goes in and comes out.
///
/// # Errors
/// See the table of standard calls; what the server answers.
pub fn std_fs(
    number: Number,
    kind: StdFsCallKind,
    payload: &mut [u8],
    first: u64,
    second: u64,
) -> Result<usize> {
    call_both(number, payload, CallFlags::STD_FS, &[kind as u64, first, second])
}

/// A standard file system call on one object whose payload only goes in.
///
/// # Errors
/// See the table of standard calls; what the server answers.
pub fn std_fs_in(
    number: Number,
    kind: StdFsCallKind,
    payload: &[u8],
    first: u64,
    second: u64,
) -> Result<usize> {
    call_in(number, payload, CallFlags::STD_FS, &[kind as u64, first, second])
}

/// A standard file system call on two objects of one server; the payload only goes in.
///
/// # Errors
/// `EXDEV` when they are of different servers; see the table of standard calls.
pub fn std_fs_two(
    numbers: [Number; 2],
    kind: StdFsCallKind,
    payload: &[u8],
    first: u64,
    second: u64,
) -> Result<usize> {
    let pair = numbers.map(Number::raw);
    // Arrays of words are aligned to 8, so the count fits below the address.
    let target = pair.as_ptr() as usize | pair.len();
    let flags = CallFlags::STD_FS | CallFlags::MULTIPLE_FDS2 | CallFlags::WRITE;
    let words = [kind as u64, first, second];
    // SAFETY: the kernel reads the pair and the payload, both live.
    unsafe { raw_call(target, payload.as_ptr() as usize, payload.len(), flags, &words) }
}

/// A standard file system call on two objects of one server whose payload comes out.
///
/// # Errors
/// `EXDEV` when they are of different servers; see the table of standard calls.
pub fn std_fs_two_out(
    numbers: [Number; 2],
    kind: StdFsCallKind,
    payload: &mut [u8],
    first: u64,
    second: u64,
) -> Result<usize> {
    let pair = numbers.map(Number::raw);
    let target = pair.as_ptr() as usize | pair.len();
    let flags = CallFlags::STD_FS | CallFlags::MULTIPLE_FDS2 | CallFlags::READ | CallFlags::WRITE;
    let words = [kind as u64, first, second];
    // SAFETY: the kernel reads the pair and writes within an exclusively borrowed slice.
    unsafe { raw_call(target, payload.as_mut_ptr() as usize, payload.len(), flags, &words) }
}

/// Whether sent handles leave this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// They leave.
    Move,
    /// The receiver gets further handles to the same descriptions.
    Clone,
}

/// Sends handles through a channel, with up to three words of metadata.
///
/// # Errors
/// See the call table; what the server answers.
pub fn send(channel: Number, numbers: &[Number], sending: Sending, words: &[u64]) -> Result<usize> {
    let mut payload = [0usize; BATCH_MAX];
    let Some(part) = payload.get_mut(..numbers.len()) else { return Err(Error::new(EINVAL)) };
    for (word, number) in part.iter_mut().zip(numbers) {
        *word = number.raw();
    }
    let flags = CallFlags::FD
        | CallFlags::WRITE
        | match sending {
            Sending::Move => CallFlags::empty(),
            Sending::Clone => CallFlags::FD_CLONE,
        };
    let (address, length) = (part.as_ptr() as usize, size_of_val(part));
    // SAFETY: the kernel reads the numbers, a live local.
    unsafe { raw_call(channel.raw(), address, length, flags, words) }
}

/// Receives up to `count` handles through a channel, into the upper table when `upper`.
///
/// # Errors
/// See the call table; what the server answers.
pub fn receive(channel: Number, count: usize, table: Table, words: &[u64]) -> Result<Vec<Handle>> {
    let mut payload = [usize::MAX; BATCH_MAX];
    let Some(part) = payload.get_mut(..count) else { return Err(Error::new(EINVAL)) };
    let flags = CallFlags::FD
        | CallFlags::READ
        | match table {
            Table::Lower => CallFlags::empty(),
            Table::Upper => CallFlags::FD_UPPER,
        };
    let (address, length) = (part.as_mut_ptr() as usize, size_of_val(part));
    // SAFETY: the kernel writes the numbers within an exclusively borrowed local.
    unsafe { raw_call(channel.raw(), address, length, flags, words) }?;
    // A slot that stayed empty keeps the word it had.
    Ok(part.iter().filter(|&&raw| raw != usize::MAX).map(|&raw| super::file::owned(raw)).collect())
}

/// The half of the handle table that received handles go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// POSIX numbers.
    Lower,
    /// The runtime's own.
    Upper,
}

/// CALL as it is: for wrappers of C interfaces.
///
/// # Errors
/// See the call table; what the server answers.
///
/// # Safety
/// `target` with `MULTIPLE_FDS2`, `address` and `length` must be valid for what the flags say:
/// read for a payload that goes in, written with `READ`.
pub unsafe fn raw_call(
    target: usize,
    address: usize,
    length: usize,
    flags: CallFlags,
    words: &[u64],
) -> Result<usize> {
    if words.len() > METADATA_WORDS {
        return Err(Error::new(EINVAL));
    }
    let control = flags.bits() | words.len();
    // SAFETY: the metadata is a live slice; the rest is the caller's promise.
    unsafe { syscall(Call::Call, [target, address, length, control, words.as_ptr() as usize]) }
}
