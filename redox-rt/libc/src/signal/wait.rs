//! Waiting for signals.
use super::actions;
use crate::errno::{answer, fail, number, status};
use crate::pointer::{get, put, put_if};
use clavis_abi::error::Result;
use clavis_rt::sys::process::{signal_mask, signal_wait};
use core::ffi::c_int;
use libc::{EAGAIN, EINTR, siginfo_t, sigset_t, timespec};

/// Which signals wait to be let through.
///
/// # Safety
/// C contract: `set` takes a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigpending(set: *mut sigset_t) -> c_int {
    let waiting = signal_wait(0, None);
    // SAFETY: the contract.
    status(waiting.and_then(|info| unsafe { put(set, info.pending & info.blocked) }))
}

/// Takes a signal of a set that the thread blocks; waits for it. Answers the error number.
///
/// # Safety
/// C contract: `set` is a set, `signal` takes a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigwait(set: *const sigset_t, signal: *mut c_int) -> c_int {
    // SAFETY: the contract.
    let set = unsafe { get(set) };
    let taken = set.and_then(|set| {
        loop {
            match signal_wait(set, None) {
                Err(problem) if problem.errno == EINTR => {}
                taken => return taken,
            }
        }
    });
    // SAFETY: the contract.
    number(taken.and_then(|info| unsafe { put(signal, info.signal as c_int) }))
}

/// As [`sigwait`], telling more of the signal.
///
/// # Safety
/// C contract: `set` is a set, `info` is null or takes the information.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigwaitinfo(set: *const sigset_t, info: *mut siginfo_t) -> c_int {
    // SAFETY: the same contract.
    unsafe { sigtimedwait(set, info, core::ptr::null()) }
}

/// As [`sigwaitinfo`], at most for a time (`EAGAIN`).
///
/// # Safety
/// C contract: `set` is a set, `info` is null or takes the information, `timeout` is null or
/// readable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigtimedwait(
    set: *const sigset_t,
    info: *mut siginfo_t,
    timeout: *const timespec,
) -> c_int {
    let take = || -> Result<c_int> {
        // SAFETY: the contract.
        let set = unsafe { get(set) }?;
        // SAFETY: the contract.
        let until = unsafe { crate::time::until(timeout) }?;
        let taken = signal_wait(set, until)?;
        if taken.signal == 0 {
            return Err(crate::errno::error(EAGAIN));
        }
        // SAFETY: the contract.
        unsafe { put_if(info, super::info::told(&taken)) };
        Ok(taken.signal as c_int)
    };
    answer(take())
}

/// Waits until a handler has run for a signal that `mask` does not block.
fn suspend(mask: impl FnOnce(u64) -> u64) -> c_int {
    let before = match signal_wait(0, None) {
        Ok(info) => info.blocked,
        Err(problem) => return fail(problem.errno),
    };
    let mask = mask(before);
    loop {
        match signal_wait(!mask, None) {
            // One that was blocked so far. Its handler runs here, and once more only if another
            // thread had taken it away meanwhile.
            Ok(info) if actions::has_handler(info.signal) => {
                signal_mask(u64::MAX);
                actions::handle(&info, mask, None);
                signal_mask(before);
                return fail(EINTR);
            }
            Ok(info) => actions::default(info.signal),
            Err(problem) => return fail(problem.errno),
        }
    }
}

/// Waits, with another mask, until a signal's handler has run: always `EINTR`.
///
/// # Safety
/// C contract: `mask` is a set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn sigsuspend(mask: *const sigset_t) -> c_int {
    // SAFETY: the contract.
    match unsafe { get(mask) } {
        Ok(mask) => suspend(|_| mask),
        Err(problem) => fail(problem.errno),
    }
}

/// Waits until a signal's handler has run: always `EINTR`.
#[unsafe(no_mangle)]
pub extern "C" fn pause() -> c_int {
    suspend(|before| before)
}
