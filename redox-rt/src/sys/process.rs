//! Copies of the process, other programs in its place, and signals.
#![expect(unsafe_code, reason = "the stub of fork, and system calls over borrowed structures")]

use super::file::owned;
use super::raw::syscall;
use crate::handle::{Handle, Number, Place};
use clavis_abi::call::Call;
use clavis_abi::error::{Error, Result, demux};
use clavis_abi::params::{SIGNAL_SELF, SignalInfo};

/// Copies this process, with the calling thread alone, into an account. `None`: this is the copy;
/// otherwise the handle to it, closed on exec.
///
/// # Errors
/// See the call table.
///
/// # Safety
/// In the copy other threads have stopped wherever they were: locks that they held stay held.
pub unsafe fn fork(account: Number) -> Result<Option<Handle>> {
    // SAFETY: the stub keeps the C contract in both processes; the rest is the caller's promise.
    let raw = demux(unsafe { fork_stub(account.raw(), Place::Upper.raw()) })?;
    // Upper numbers are never 0.
    Ok((raw != 0).then(|| owned(raw)))
}

/// FORK with a copy that returns 0 from here. What the kernel does not hand on (the registers that
/// a function preserves, and the control words of the vector units) waits on the stack, which the
/// copy has too.
#[cfg(all(target_arch = "x86_64", any(target_os = "none", target_os = "redox")))]
#[unsafe(naked)]
unsafe extern "sysv64" fn fork_stub(account: usize, place: usize) -> usize {
    core::arch::naked_asm!(
        "push rbp; push rbx; push r12; push r13; push r14; push r15; sub rsp, 8",
        "stmxcsr [rsp]; fnstcw [rsp + 4]",
        "mov r8, rsi; xor r10d, r10d",
        "lea rsi, [rip + 2f]; mov rdx, rsp",
        "mov eax, {fork}",
        "syscall",
        "3:",
        "add rsp, 8; pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp",
        "ret",
        "2:",
        "ldmxcsr [rsp]; fldcw [rsp + 4]",
        "xor eax, eax",
        "jmp 3b",
        fork = const Call::Fork as usize,
    )
}

/// On the host there is no such kernel.
///
/// # Safety
/// None needed; the signature is that of the real one.
#[cfg(not(all(target_arch = "x86_64", any(target_os = "none", target_os = "redox"))))]
unsafe fn fork_stub(_account: usize, _place: usize) -> usize {
    clavis_abi::error::mux(Err(Error::new(clavis_abi::error::ENOSYS)))
}

/// Becomes the program that was built in a process. Returns only when that failed.
#[must_use]
pub fn exec(built: Number, entry: u64, stack: u64, argument: u64) -> Error {
    let words = [built.raw(), entry as usize, stack as usize, argument as usize, 0];
    // SAFETY: when it succeeds nothing of this program is left to be invalidated.
    let answer = unsafe { syscall(Call::Exec, words) };
    answer.err().unwrap_or(Error::new(clavis_abi::error::EIO))
}

/// Says where threads go on that are told of signals, where they keep their frame (from `fs` on),
/// and which signals are caught and ignored.
///
/// # Errors
/// `EINVAL`.
///
/// # Safety
/// The entry is code that keeps to the contract of [`clavis_abi::params::SignalFrame`], and every
/// thread has room for a frame there.
pub unsafe fn signal_actions(entry: usize, offset: usize, caught: u64, ignored: u64) -> Result<()> {
    let words = [entry, offset, caught as usize, ignored as usize, 0];
    // SAFETY: the caller's promise.
    unsafe { syscall(Call::SignalActions, words) }.map(drop)
}

/// Sets the signals that this thread blocks.
pub fn signal_mask(blocked: u64) {
    // SAFETY: no memory is involved. The call cannot fail.
    let _ = unsafe { syscall(Call::SignalMask, [blocked as usize, 0, 0, 0, 0]) };
}

/// Takes a caught signal that the mask would let through; if there is none, sets the mask.
#[must_use]
pub fn signal_next(blocked: u64) -> Option<SignalInfo> {
    let mut info = SignalInfo::default();
    let words = [blocked as usize, &raw mut info as usize, 0, 0, 0];
    // SAFETY: the kernel writes one SignalInfo, plain words, into a local.
    match unsafe { syscall(Call::SignalMask, words) } {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(info),
    }
}

/// Takes one of some signals, waiting until a monotonic instant (`None`: for ever). Without any
/// signal in the set it only tells what waits.
///
/// # Errors
/// `EINTR`: another signal came.
pub fn signal_wait(set: u64, until: Option<u64>) -> Result<SignalInfo> {
    let mut info = SignalInfo::default();
    let words = [set as usize, &raw mut info as usize, until.unwrap_or(0) as usize, 0, 0];
    // SAFETY: the kernel writes one SignalInfo, plain words, into a local.
    unsafe { syscall(Call::SignalWait, words) }?;
    Ok(info)
}

/// Sends a signal to this process, or to one of its threads.
///
/// # Errors
/// `EINVAL`; `ESRCH` for a thread that is gone.
pub fn signal_self(signal: usize, thread: Option<usize>) -> Result<()> {
    let words = [SIGNAL_SELF, signal, thread.unwrap_or(0), 0, 0];
    // SAFETY: what a signal does to this process is what it has set itself.
    unsafe { syscall(Call::Signal, words) }.map(drop)
}
