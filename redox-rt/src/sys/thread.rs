//! Threads, futexes and the end of the process.
#![expect(unsafe_code, reason = "threads and futex words")]

use super::raw::{instruction, syscall};
use clavis_abi::call::Call;
use clavis_abi::error::Result;
use clavis_abi::params::ThreadParams;
use core::sync::atomic::{AtomicU32, AtomicU64};
use syscall::data::TimeSpec;
use syscall::flag::{FUTEX_WAIT, FUTEX_WAIT64, FUTEX_WAKE};

/// Ends the process with an exit code.
pub fn exit(code: i32) -> ! {
    loop {
        // SAFETY: the process ends here; nothing is left to be invalidated.
        unsafe { instruction(Call::Exit as usize, [code as usize, 0, 0, 0, 0]) };
    }
}

/// Ends the thread: clears the word and wakes its waiters, and unmaps the range (the stack it runs
/// on). Zero words mean none.
///
/// # Safety
/// `word` is 0 or the address of a live futex word that outlives the call; the range is empty or
/// whole pages that nothing but this thread uses.
pub unsafe fn thread_exit(word: usize, base: usize, length: usize) -> ! {
    loop {
        // SAFETY: the caller's promise.
        unsafe { instruction(Call::ThreadExit as usize, [word, base, length, 0, 0]) };
    }
}

/// Starts a thread of this process. Answers its number.
///
/// # Errors
/// `ENOMEM`, `EAGAIN`, `EINVAL`.
///
/// # Safety
/// The entry must be code that can run with that stack, argument and local storage, all of which
/// must stay valid as long as the thread needs them.
pub unsafe fn thread_create(params: &ThreadParams) -> Result<usize> {
    let words = [&raw const *params as usize, size_of::<ThreadParams>(), 0, 0, 0];
    // SAFETY: the kernel reads one ThreadParams; the rest is the caller's promise.
    unsafe { syscall(Call::ThreadCreate, words) }
}

/// Sets the base of this thread's local storage (`fs`).
///
/// # Errors
/// `EINVAL` for an address that user memory cannot have.
///
/// # Safety
/// The address must be that of a valid thread block that stays valid.
pub unsafe fn set_tls(base: usize) -> Result<()> {
    // SAFETY: the caller's promise.
    unsafe { syscall(Call::SetTls, [base, 0, 0, 0, 0]) }.map(drop)
}

/// The number of this process.
#[must_use]
pub fn process_number() -> usize {
    // SAFETY: no memory is involved. The call cannot fail.
    unsafe { syscall(Call::Identity, [0; 5]) }.unwrap_or(0)
}

/// The number of this thread.
#[must_use]
pub fn thread_number() -> usize {
    // SAFETY: no memory is involved. The call cannot fail.
    unsafe { syscall(Call::Identity, [1, 0, 0, 0, 0]) }.unwrap_or(0)
}

/// Waits while the word holds `value`, at most for `timeout`.
///
/// # Errors
/// `EAGAIN` when it holds something else, `ETIMEDOUT`, `EINTR`.
pub fn futex_wait(word: &AtomicU32, value: u32, timeout: Option<&TimeSpec>) -> Result<()> {
    let timeout = timeout.map_or(0, |time| &raw const *time as usize);
    let address = word.as_ptr() as usize;
    // SAFETY: the kernel reads a live word and at most one TimeSpec.
    unsafe { syscall(Call::Futex, [address, FUTEX_WAIT, value as i32 as usize, timeout, 0]) }
        .map(drop)
}

/// Waits while the 64-bit word holds `value`, at most for `timeout`.
///
/// # Errors
/// As [`futex_wait`].
pub fn futex_wait64(word: &AtomicU64, value: u64, timeout: Option<&TimeSpec>) -> Result<()> {
    let timeout = timeout.map_or(0, |time| &raw const *time as usize);
    let address = word.as_ptr() as usize;
    // SAFETY: the kernel reads a live word and at most one TimeSpec.
    unsafe { syscall(Call::Futex, [address, FUTEX_WAIT64, value as usize, timeout, 0]) }.map(drop)
}

/// Wakes up to `count` waiters of the word. Answers how many there were.
pub fn futex_wake(word: &AtomicU32, count: u32) -> usize {
    // SAFETY: the kernel only names the word's address.
    unsafe { wake_address(word.as_ptr() as usize, count) }
}

/// Wakes up to `count` waiters of the word at an address that may no longer be mapped.
///
/// # Safety
/// None that memory could feel: the kernel only compares addresses. Spurious wake-ups must be
/// expected by whoever waits there.
pub unsafe fn wake_address(address: usize, count: u32) -> usize {
    // SAFETY: waking touches no memory.
    unsafe { syscall(Call::Futex, [address, FUTEX_WAKE, count as usize, 0, 0]) }.unwrap_or(0)
}
