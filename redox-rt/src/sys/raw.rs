//! The instruction itself.
//!
//! Register contract: `rax` holds the number, then the result; arguments lie in
//! `rdi rsi rdx r10 r8`; the kernel preserves every register but `rax`, `rcx` and `r11`.
#![expect(unsafe_code, reason = "the system call instruction")]

use clavis_abi::call::Call;
use clavis_abi::error::{EINTR, Result, demux};

/// What an interrupted call answers.
const INTERRUPTED: usize = (EINTR as usize).wrapping_neg();

/// Performs a system call.
///
/// A call that a signal interrupted is made again when the signal's handler asks for that.
///
/// # Errors
/// What the kernel, or the server it asked, answered with.
///
/// # Safety
/// Every argument that the call takes as an address must be valid for what the call does there,
/// and the call must not invalidate memory or state that safe code relies on.
#[inline]
pub unsafe fn syscall(call: Call, arguments: [usize; 5]) -> Result<usize> {
    loop {
        // SAFETY: the caller keeps the contract of the call.
        let result = unsafe { instruction(call as usize, arguments) };
        if result != INTERRUPTED || !restarts(call) {
            return demux(result);
        }
    }
}

/// Whether a call that a signal interrupted is made again. Those that wait for a time, or for
/// signals, never are.
#[cold]
fn restarts(call: Call) -> bool {
    let waits = matches!(call, Call::Futex | Call::Nanosleep | Call::SignalWait);
    !waits && crate::tls::current().restarts.get()
}

/// The bare instruction, with any number.
///
/// # Safety
/// As [`syscall`].
#[cfg(all(target_arch = "x86_64", any(target_os = "none", target_os = "redox")))]
#[inline]
pub unsafe fn instruction(number: usize, arguments: [usize; 5]) -> usize {
    let [a, b, c, d, e] = arguments;
    let result;
    // SAFETY: the clobbers follow the kernel's register contract; what the call does to memory is
    // the caller's promise.
    unsafe {
        core::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    result
}

/// On the host there is no such kernel: everything is `ENOSYS`.
///
/// # Safety
/// None needed; the signature is that of the real one.
#[cfg(not(all(target_arch = "x86_64", any(target_os = "none", target_os = "redox"))))]
#[inline]
pub unsafe fn instruction(_number: usize, _arguments: [usize; 5]) -> usize {
    clavis_abi::error::mux(Err(clavis_abi::error::Error::new(clavis_abi::error::ENOSYS)))
}
