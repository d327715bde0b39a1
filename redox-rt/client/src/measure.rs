//! What a benchmark needs: the time-stamp counter, and the call that does nothing.
#![expect(unsafe_code, reason = "two instructions without a safe form")]

use clavis_abi::call::CLASS_CLAVIS;
use std::arch::asm;
use std::arch::x86_64::{_mm_lfence, _rdtsc};

/// A number of Clavis's own class that is in no table.
const UNKNOWN: usize = CLASS_CLAVIS | 0xFFFF;

/// The time-stamp counter, read when everything before has happened. Under QEMU's
/// `-icount shift=0` it counts instructions.
#[must_use]
pub fn timestamp() -> u64 {
    // SAFETY: the fence has no effect on memory; SSE2 belongs to the target.
    unsafe { _mm_lfence() };
    // SAFETY: reads a counter; the kernel leaves CR4.TSD clear.
    unsafe { _rdtsc() }
}

/// Enters the kernel with a number that it does not know, and gives its answer: `-ENOSYS`.
#[must_use]
pub fn null_call() -> isize {
    let answer: isize;
    // SAFETY: an unknown number has no effect; the registers that a call changes are named.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") UNKNOWN as isize => answer,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack, preserves_flags),
        );
    }
    answer
}
