//! What a benchmark needs: the time-stamp counter, the call that does nothing, and operations that
//! have no safe form.
#![expect(unsafe_code, reason = "instructions and C functions without a safe form")]

use clavis_abi::call::{CLASS_CLAVIS, Call};
use core::arch::asm;
use core::arch::x86_64::{_mm_lfence, _rdtsc};
use core::ffi::c_int;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

/// Operations of FUTEX.
const FUTEX_WAIT: usize = 0;
const FUTEX_WAKE: usize = 1;

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

/// Waits while a word holds a value; returns at any wake-up too.
pub fn futex_wait(word: &AtomicU32, value: u32) {
    // SAFETY: the kernel reads a live word.
    unsafe { futex(word, FUTEX_WAIT, value as usize) };
}

/// Wakes one thread that waits for a word.
pub fn futex_wake(word: &AtomicU32) {
    // SAFETY: the kernel only names the word's address.
    unsafe { futex(word, FUTEX_WAKE, 1) };
}

/// # Safety
/// The operation is one of the two above.
unsafe fn futex(word: &AtomicU32, operation: usize, value: usize) {
    // SAFETY: the caller's promise; the registers that a call changes are named.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") Call::Futex as usize => _,
            in("rdi") word.as_ptr(),
            in("rsi") operation,
            in("rdx") value,
            in("r10") 0,
            in("r8") 0,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
}

unsafe extern "C" {
    fn fork() -> c_int;
    fn waitpid(child: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn _exit(code: c_int) -> !;
    fn signal(number: c_int, handler: usize) -> usize;
    fn raise(number: c_int) -> c_int;
}

/// Copies the process; the copy exits at once and is waited for. False when that failed.
#[must_use]
pub fn fork_exit_wait() -> bool {
    // SAFETY: the copy does nothing but end.
    match unsafe { fork() } {
        -1 => false,
        // SAFETY: ends the copy.
        0 => unsafe { _exit(0) },
        // SAFETY: no place for a status is given.
        child => unsafe { waitpid(child, ptr::null_mut(), 0) == child },
    }
}

/// The signal that [`signal_self`] sends (SIGUSR1).
const SIGNAL: c_int = 10;
static CAME: AtomicU32 = AtomicU32::new(0);

extern "C" fn came(_: c_int) {
    CAME.fetch_add(1, Ordering::Relaxed);
}

/// Prepares for [`signal_self`].
pub fn signal_prepare() {
    // SAFETY: the handler does what may be done in one.
    unsafe { signal(SIGNAL, came as *const () as usize) };
}

/// Sends this thread a signal. False when its handler has not run once when this returns.
#[must_use]
pub fn signal_self() -> bool {
    let before = CAME.load(Ordering::Relaxed);
    // SAFETY: the signal has a handler.
    let sent = unsafe { raise(SIGNAL) };
    sent == 0 && CAME.load(Ordering::Relaxed) == before.wrapping_add(1)
}
